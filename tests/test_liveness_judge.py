"""The judge: honest clips pass, everything else is refused for the right reason."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.camera import Scene
from local.rekognition.engine import decode
from local.rekognition.liveness import Recording, Signal, Verdict, judge, signals
from local.rekognition.liveness.challenge import LIGHT, MOVEMENT, draw
from local.rekognition.liveness.judge import MAX_JPEG, confidence
from local.rekognition.liveness.video import VideoRefused
from local.rekognition.liveness.video import decode as decode_video
from tests import clips
from tests.clips import Image, film, script


@cache
def honest(kind: str = MOVEMENT) -> Recording:
    return film(script(kind))


@cache
def judged(kind: str = MOVEMENT) -> Verdict:
    return judge(honest(kind), clips.engine())


def failed(verdict: Verdict) -> set[str]:
    return {signal.name for signal in verdict.signals if not signal.passed}


@pytest.mark.parametrize("kind", [MOVEMENT, LIGHT])
def test_an_honest_clip_is_live(kind: str) -> None:
    verdict = judged(kind)
    assert verdict.live, verdict.reason
    assert verdict.confidence is not None
    assert verdict.confidence >= 95


def test_the_reference_image_is_still_the_same_person() -> None:
    engine, reference = clips.engine(), judged().reference
    assert reference is not None
    photo, shown = decode(clips.ASTRONAUT.read_bytes()), decode(reference.jpeg)
    own, seen = (engine.embed(image, engine.faces(image)[0]).vector for image in (photo, shown))
    assert float(own @ seen) > 0.7
    left, top, width, height = reference.box
    assert 0 < left < left + width < 1
    assert 0 < top < top + height < 1


def test_reference_and_audit_images_fit_the_service_model() -> None:
    verdict = judge(film(script(size=(640, 480)), fps=8), clips.engine(), audit=3)
    pictures = [verdict.reference, *verdict.audit]
    assert len(pictures) == 4
    for picture in pictures:
        assert picture is not None
        assert len(picture.jpeg) <= MAX_JPEG
        assert decode(picture.jpeg).shape == (480, 640, 3)


def still(_: float) -> Image:
    return script().frame(0.2)


def digital_zoom(at: float) -> Image:
    oval = script().challenge.oval
    factor = 1 + 1.3 * min(max((at - 1.2) / 2.6, 0), 1)
    return clips.zoomed(still(0), factor, (oval.center_x, oval.center_y))


def jump(at: float) -> Image:
    return script().frame(0.3 + at * 0.3 if at < 2.2 else 3.9 + at * 0.01)


@cache
def neighbour() -> Image:
    own = script().scene
    oval = replace(own.oval, width=own.oval.width * 0.45, center_x=50.0)
    return replace(own, head=clips.another_head(), oval=oval, growth=1.0).frame(4.0)


def bystander(at: float) -> Image:
    image = script().frame(at)
    image[:, :100] = neighbour()[:, :100]
    return image


@cache
def other() -> Scene:
    return replace(script().scene, head=clips.another_head())


def swap(at: float) -> Image:
    return script().frame(at) if at < 2.4 else other().frame(at)


def cross_fade(at: float) -> Image:
    share = min(max(at - 2, 0), 1)
    return np.asarray(cv2.addWeighted(script().frame(at), 1 - share, other().frame(at), share, 0), np.uint8)


@pytest.mark.parametrize(
    ("frame", "signs"),
    [
        pytest.param(still, {"growth", "fills_oval", "relief"}, id="a photo that does not move"),
        pytest.param(digital_zoom, {"relief"}, id="a photo enlarged in an editor"),
        pytest.param(jump, {"steady_size", "no_cut"}, id="far, then suddenly near"),
        pytest.param(bystander, {"one_face"}, id="two faces"),
        pytest.param(swap, {"same_face", "no_cut"}, id="another person half way"),
        pytest.param(cross_fade, {"same_face"}, id="another person by and by"),
    ],
)
def test_a_doctored_clip_is_refused(frame: clips.Edit, signs: set[str]) -> None:
    verdict = judge(film(script(), frame), clips.engine())
    assert verdict.enough
    assert not verdict.live
    assert signs <= failed(verdict)
    assert verdict.confidence is not None
    assert verdict.confidence < 50


def test_a_sheet_of_paper_is_refused_for_its_flatness_alone() -> None:
    verdict = judge(film(script(flat=True)), clips.engine())
    assert failed(verdict) == {"relief"}
    assert verdict.confidence is not None
    assert verdict.confidence < 50


def test_wrong_colours_are_refused() -> None:
    played = script(LIGHT)
    verdict = judge(film(played, lambda at: played.frame(at, order=(2, 0, 1))), clips.engine())
    assert "reflection" in failed(verdict)
    assert "relief" not in failed(verdict)


def test_a_face_that_reflects_nothing_is_refused() -> None:
    dull = script(LIGHT)
    verdict = judge(film(dull, dull.scene.frame), clips.engine())
    assert {"reflection", "swing"} <= failed(verdict)


def test_an_honest_video_of_another_session_is_refused() -> None:
    """The order of the colours is drawn anew for each session."""
    old = honest(LIGHT)
    colors = draw(LIGHT, 320, 240, clips.rng(77)).colors
    shown = tuple((at, color) for (at, _), color in zip(old.shown, colors, strict=True))
    verdict = judge(replace(old, shown=shown), clips.engine())
    assert "reflection" in failed(verdict)


@pytest.mark.parametrize(
    ("change", "signal"),
    [
        pytest.param({"received": 0.2}, "real_time", id="sent faster than recorded"),
        pytest.param({"claimed": 2.0}, "video_clock", id="claims a shorter recording"),
        pytest.param({"oval": 110.0}, "fills_oval", id="the oval was elsewhere"),
    ],
)
def test_claims_that_do_not_fit_the_video_are_refused(change: dict[str, float], signal: str) -> None:
    recording = honest()
    if "oval" in change:
        oval = replace(recording.challenge.oval, center_x=change["oval"])
        recording = replace(recording, challenge=replace(recording.challenge, oval=oval))
    else:
        recording = replace(recording, **change)  # type: ignore[arg-type]
    assert failed(judge(recording, clips.engine())) == {signal}


def tail_lost(at: float) -> Image | None:
    return script().frame(at) if at < 2.2 else None


def hole(at: float) -> Image | None:
    return None if 1.5 < at < 2.5 else script().frame(at)


def nobody(_: float) -> Image:
    return np.full((240, 320, 3), 120, np.uint8)


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        pytest.param(tail_lost, "the end of the video is missing", id="tail"),
        pytest.param(hole, "frames are missing in between", id="hole"),
        pytest.param(nobody, "hardly any frame shows a face", id="nobody"),
    ],
)
def test_a_video_with_too_little_in_it_is_told_apart_from_a_spoof(frame: clips.Edit, why: str) -> None:
    verdict = judge(film(script(), frame), clips.engine())
    assert (verdict.enough, verdict.live, verdict.confidence) == (False, False, None)
    assert why in verdict.reason


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(lambda data: data[:40], id="header only"),
        pytest.param(lambda data: b"\x00" * 5000, id="zeros"),
        pytest.param(lambda data: data[:200] + b"\xff" * 3000, id="garbage after the header"),
        pytest.param(lambda data: b"\x00\x00\x00\x18ftypmp42" + data, id="says it is MP4"),
        pytest.param(lambda data: clips.ASTRONAUT.read_bytes(), id="a JPEG"),
    ],
)
def test_a_hostile_file_is_only_not_enough(spoil: Callable[[bytes], bytes]) -> None:
    verdict = judge(replace(honest(), video=spoil(honest().video)), clips.engine())
    assert not verdict.enough
    assert verdict.reason.startswith("not enough video")


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=60))
def test_a_damaged_video_never_crashes_the_decoder(where: int, junk: bytes) -> None:
    data = honest().video
    at = where * len(data) // 10_000
    try:
        clip = decode_video(data[:at] + junk + data[at + len(junk) :][: len(data) // 8])
    except VideoRefused:
        return
    assert list(clip.times) == sorted(clip.times)


def test_a_video_of_another_size_than_named_is_not_judged() -> None:
    recording = honest()
    larger = replace(recording, challenge=replace(recording.challenge, video_width=640, video_height=480))
    assert "not 640x480" in judge(larger, clips.engine()).reason


margins = st.lists(st.floats(-1, 1), min_size=1, max_size=12)


def margins_of(values: list[float]) -> list[Signal]:
    return [Signal("x", 0, 0, value >= 0, value, "") for value in values]


@given(margins, st.integers(0, 11), st.floats(0, 2))
def test_confidence_never_falls_when_a_signal_gets_better(values: list[float], which: int, by: float) -> None:
    better = list(values)
    better[which % len(values)] = min(1.0, better[which % len(values)] + by)
    assert confidence(margins_of(better)) >= confidence(margins_of(values))


@given(margins)
def test_confidence_is_above_fifty_exactly_when_all_pass(values: list[float]) -> None:
    assert 0 <= confidence(margins_of(values)) <= 100
    assert (confidence(margins_of(values)) >= 50) == all(value >= 0 for value in values)


@given(st.lists(st.floats(0.02, 0.5), min_size=3, max_size=20), st.data())
def test_the_screen_is_always_fully_shared_out(gaps: list[float], data: Any) -> None:
    starts = np.cumsum(gaps)
    times = np.array(data.draw(st.lists(st.floats(-1, 12), min_size=1, max_size=10)))
    shares = signals.on_screen(times, starts)
    assert np.allclose(shares.sum(axis=1), 1)

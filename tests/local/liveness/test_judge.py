"""The judge: honest clips pass, everything else is refused for the right reason."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.liveness import feeds, takes
from local.liveness.challenge import LIGHT, MOVEMENT
from local.liveness.judge import Recording, Signal, Verdict, judge, signals
from local.liveness.judge.judgement import MAX_JPEG, confidence
from local.liveness.judge.video import VideoRefused
from local.liveness.judge.video import decode as decode_video
from local.rekognition.engine import decode
from tests.support import clips
from tests.support import photos as faces
from tests.support.clips import Image, film, script


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


CAMERAS = takes.CAMERAS | {"quick": replace(takes.CAMERAS["good"], fps=12)}


def take(kind: str, camera: str = "quick", light: str = "even", seed: int = 4711) -> takes.Take:
    """Circumstances of the held-out person that needs no npm; the limits were set on others."""
    photo, others = decode(faces.photo_of_b()), (decode(faces.photo_of_c()),)
    return takes.Take(takes.HELD_OUT, kind, seed, photo, others, CAMERAS[camera], light)


@pytest.mark.parametrize(
    ("kind", "camera", "light"),
    [
        (MOVEMENT, "good", "side"),
        (LIGHT, "cheap", "even"),
        (MOVEMENT, "phone", "dim"),
        (LIGHT, "good", "dim"),
    ],
)
def test_an_honest_person_is_live_with_any_camera_in_any_light(kind: str, camera: str, light: str) -> None:
    verdict = judge(feeds.honest(take(kind, camera, light)), clips.engine())
    assert verdict.live, verdict.reason


@pytest.mark.parametrize(("kind", "camera", "light"), [(MOVEMENT, "cheap", "dim"), (LIGHT, "good", "even")])
def test_who_hardly_turns_the_head_is_live_as_well(kind: str, camera: str, light: str) -> None:
    verdict = judge(feeds.held_still(take(kind, camera, light)), clips.engine())
    assert verdict.live, verdict.reason


@pytest.mark.parametrize(
    ("attack", "kind", "signs"),
    [
        (feeds.still, MOVEMENT, {"growth", "relief"}),
        (feeds.by_hand, MOVEMENT, {"relief"}),
        (feeds.bent_by_hand, MOVEMENT, {"relief"}),
        (feeds.flexed_by_hand, MOVEMENT, {"relief"}),
        (feeds.on_cloth, MOVEMENT, {"relief"}),
        (feeds.on_screen, MOVEMENT, {"relief"}),
        (feeds.scaled, MOVEMENT, {"relief"}),
        (feeds.replayed, LIGHT, {"reflection", "rank"}),
        (feeds.mirrored, LIGHT, {"reflection", "rank"}),
        (feeds.wrong_colors, LIGHT, {"reflection", "rank"}),
        (feeds.no_colors, LIGHT, {"reflection", "rank"}),
        (feeds.swapped, MOVEMENT, {"same_face"}),
        (feeds.two_faces, MOVEMENT, {"one_face"}),
        (feeds.cut, MOVEMENT, {"steady_size", "no_cut"}),
    ],
)
def test_an_attack_is_refused(attack: Callable[[takes.Take], Recording], kind: str, signs: set[str]) -> None:
    verdict = judge(attack(take(kind)), clips.engine())
    assert not verdict.live
    assert signs <= failed(verdict), verdict.reason
    assert verdict.confidence is None or verdict.confidence < 50


@pytest.mark.parametrize("attack", [feeds.fast, feeds.slow])
def test_a_film_at_another_pace_is_no_session(attack: Callable[[takes.Take], Recording]) -> None:
    verdict = judge(attack(take(MOVEMENT)), clips.engine())
    assert (verdict.enough, verdict.live) == (False, False)


def test_a_sheet_of_paper_is_refused_for_its_flatness_alone() -> None:
    verdict = judge(film(script(flat=True)), clips.engine())
    assert failed(verdict) == {"relief"}
    assert verdict.confidence is not None
    assert verdict.confidence < 50


def test_a_photo_that_comes_half_way_to_the_limit_is_called_one_all_the_same() -> None:
    seen = replace(take(MOVEMENT, "cheap", "side", seed=19), photo=decode(faces.photo("obama")))
    verdict = judge(feeds.on_screen(seen), clips.engine())
    [relief] = [signal for signal in verdict.signals if signal.name == "relief"]
    assert relief.value > 0.5
    assert (verdict.enough, verdict.live) == (True, False)


@pytest.mark.parametrize("late", [0.6, 1.2])
def test_colours_that_come_too_late_are_never_live(late: float) -> None:
    """Half a second can be lost video as well, and is not called a spoof; more is."""
    played = script(LIGHT)
    verdict = judge(film(played, lambda at: played.scene.frame(at, played.light(at - late))), clips.engine())
    assert not verdict.live
    assert verdict.enough == (late > 1)
    assert ("lag" if late < 1 else "reflection") in failed(verdict)


def test_a_machine_that_is_slow_to_send_is_no_spoof() -> None:
    assert judge(replace(honest(), taken=honest().claimed + 40), clips.engine()).live


def stuttering(at: float) -> Image:
    """A starved camera: it repeats a picture for 0.6 s in the middle of the move."""
    return script().frame(1.9 if 1.9 <= at < 2.5 else at)


def skipping(at: float) -> Image:
    """The same, and what comes then is further on than the time that was lost."""
    return script().frame(1.7 if 1.7 <= at < 2.3 else at + 1.2 * (at >= 2.3))


def test_a_camera_that_repeats_a_picture_is_no_cut() -> None:
    verdict = judge(film(script(), stuttering), clips.engine())
    assert verdict.live, verdict.reason


def test_a_jump_after_lost_pictures_is_not_enough_and_no_spoof() -> None:
    verdict = judge(film(script(), skipping), clips.engine())
    assert failed(verdict), "the jump is seen"
    assert (verdict.enough, verdict.confidence) == (False, None)


def test_a_jump_that_no_lost_frame_explains_is_a_spoof() -> None:
    def jump(at: float) -> Image:
        return script().frame(at if at < 2 else at + 0.9)

    verdict = judge(film(script(), jump), clips.engine())
    assert (verdict.enough, verdict.live) == (True, False)
    assert "no_cut" in failed(verdict)


@pytest.mark.parametrize(
    ("change", "signal"),
    [
        pytest.param({"taken": 0.2}, "real_time", id="sent faster than recorded"),
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

"""The camera client: whatever photo it is given, it shows that person; its mistakes are one clear line."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from local.camera import Head, NoFaceInPhoto, Scene
from local.camera.__main__ import main
from local.camera.recorder import Recorder
from local.liveness.judge import video
from local.rekognition.engine import decode
from tests.support import clips
from tests.support.clips import Image

SESSION = "00000000-0000-4000-8000-000000000000"


def portrait(photo: Image) -> Image:
    """A head-and-shoulders picture of 92 x 112 px."""
    x, y, width, height = clips.engine().faces(photo)[0].box
    tall = 1.35 * height
    scale = 112 / tall
    left, top = x + width / 2 - 46 / scale, y + height / 2 - tall / 2
    matrix = np.array([[scale, 0, -scale * left], [0, scale, -scale * top]])
    return np.asarray(cv2.warpAffine(photo, matrix, (92, 112), flags=cv2.INTER_AREA), np.uint8)


def grey(photo: Image) -> Image:
    return np.asarray(cv2.cvtColor(cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)


def in_a_corner(photo: Image) -> Image:
    wide = np.full((900, 1400, 3), 90, np.uint8)
    wide[620:880, 1130:1390] = cv2.resize(photo, (260, 260), interpolation=cv2.INTER_AREA)
    return wide


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda photo: photo, id="as it is"),
        pytest.param(portrait, id="tiny portrait"),
        pytest.param(lambda photo: grey(portrait(photo)), id="tiny grey portrait"),
        pytest.param(lambda photo: (photo * 0.2).astype(np.uint8), id="dark"),
        pytest.param(in_a_corner, id="small and in a corner"),
        pytest.param(lambda photo: cv2.resize(photo, None, fx=6, fy=6), id="large"),
    ],
)
@pytest.mark.parametrize("at", [0.0, 4.2], ids=["far", "near"])
def test_the_played_face_is_the_photos(change: Callable[[Image], Image], at: float) -> None:
    engine = clips.engine()
    photo = decode(clips.ASTRONAUT.read_bytes())
    oval = clips.script(size=(640, 480)).challenge.oval
    shown = Scene(Head.of(change(photo), engine), oval).frame(at)
    faces = engine.faces(shown)
    assert len(faces) == 1
    own, played = engine.embed(photo, engine.faces(photo)[0]), engine.embed(shown, faces[0])
    assert float(own.vector @ played.vector) > 0.6


def test_a_photo_without_a_face_cannot_be_played() -> None:
    with pytest.raises(NoFaceInPhoto):
        Head.of(np.full((300, 300, 3), 128, np.uint8), clips.engine())


def test_a_recording_is_a_webm_without_a_duration_whose_times_are_the_cameras() -> None:
    recorder = Recorder(320, 240, 20)
    pieces = []
    for number in range(30):
        recorder.add(np.full((240, 320, 3), number * 8, np.uint8), number / 20)
        pieces.append(recorder.take())
    recorded = b"".join(pieces) + recorder.close()
    clip = video.decode(recorded)
    assert recorded[:4] == b"\x1aE\xdf\xa3"
    assert clip.times == pytest.approx([number / 20 for number in range(30)], abs=0.001)


@pytest.mark.parametrize(
    ("run", "source", "line"),
    [
        pytest.param(None, ["--photo", str(clips.ASTRONAUT)], "make run", id="nothing runs"),
        pytest.param("{", ["--photo", str(clips.ASTRONAUT)], "damaged", id="run.json damaged"),
        pytest.param("{}", ["--photo", str(clips.ASTRONAUT)], "lacks aws_url", id="run.json empty"),
        pytest.param(
            "ok", ["--photo", "nowhere.jpg"], "--photo nowhere.jpg cannot be read", id="no such photo"
        ),
        pytest.param("ok", ["--photo", str(clips.ASTRONAUT)], "Could not connect", id="server gone"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], run: str | None, source: list[str], line: str
) -> None:
    written = {
        "aws_url": "http://127.0.0.1:9",
        "stream_url": "ws://127.0.0.1:9",
        "region": "us-east-1",
        "access_key_id": "a",
        "secret_access_key": "b",
    }
    if run is not None:
        (tmp_path / "run.json").write_text(json.dumps(written) if run == "ok" else run)
    assert main(["--state", str(tmp_path), "--session", SESSION, *source]) == 2
    said = capsys.readouterr().err
    assert line in said
    assert said.count("\n") == 1

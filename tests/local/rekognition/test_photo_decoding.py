"""What becomes of bytes that anybody may send as a photo."""

import struct
import zlib
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.rekognition.engine import decode, images
from local.rekognition.exceptions import (
    ImageTooLargeException,
    InvalidImageFormatException,
    InvalidParameterException,
)
from tests.support import photos as pictures

REFUSALS = (ImageTooLargeException, InvalidImageFormatException, InvalidParameterException)


def arrow() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Draw 200 x 120 with a bright top left corner, so that turning it shows."""
    canvas = np.full((120, 200, 3), 40, np.uint8)
    canvas[:40, :60] = 230
    return canvas


def with_exif(data: bytes, orientation: int) -> bytes:
    tiff = b"II*\x00\x08\x00\x00\x00\x01\x00" + struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0) + bytes(4)
    block = b"Exif\x00\x00" + tiff
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:]


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_of(width: int, height: int, depth: int = 8, colour: int = 0, rows: bytes | None = None) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    content = zlib.compress(rows if rows is not None else bytes(200_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def encoded(extension: str, image: Any, *options: int) -> bytes:
    done, data = cv2.imencode(extension, image, list(options))
    assert done
    return data.tobytes()


def resized_header(data: bytes, width: int, height: int) -> bytes:
    """Let a JPEG's header claim another size."""
    at = data.index(b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def repeated_scans(data: bytes, times: int) -> bytes:
    """Repeat the last scan of a progressive JPEG."""
    at = data.rindex(b"\xff\xda")
    return data[:at] + data[at:-2] * times + data[-2:]


@pytest.mark.parametrize(
    ("orientation", "corner", "shape"),
    [
        (1, "top left", (120, 200)),
        (2, "top right", (120, 200)),
        (3, "bottom right", (120, 200)),
        (4, "bottom left", (120, 200)),
        (5, "top left", (200, 120)),
        (6, "top right", (200, 120)),
        (7, "bottom right", (200, 120)),
        (8, "bottom left", (200, 120)),
    ],
)
def test_a_sideways_jpeg_is_turned_upright(orientation: int, corner: str, shape: tuple[int, int]) -> None:
    image = decode(with_exif(pictures.jpeg(arrow()), orientation))
    assert image.shape == (*shape, 3)
    row, column = corner.split()
    assert image[10 if row == "top" else -10, 10 if column == "left" else -10].min() > 200


def test_a_png_is_never_turned() -> None:
    data = pictures.png(arrow())
    exif = chunk(
        b"eXIf", b"MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00" + bytes(4)
    )
    assert decode(data[:33] + exif + data[33:]).shape == (120, 200, 3)


@pytest.mark.parametrize(
    ("make", "exact"),
    [
        pytest.param(lambda: pictures.jpeg(arrow()), False, id="JPEG"),
        pytest.param(
            lambda: encoded(".jpg", arrow(), cv2.IMWRITE_JPEG_PROGRESSIVE, 1), False, id="progressive"
        ),
        pytest.param(lambda: encoded(".jpg", arrow()[:, :, 0]), False, id="grey JPEG"),
        pytest.param(lambda: pictures.jpeg(arrow()) + b"behind" * 99, False, id="something behind the JPEG"),
        pytest.param(lambda: pictures.png(arrow()), True, id="PNG"),
        pytest.param(lambda: pictures.png(arrow()[:, :, 0]), True, id="grey PNG"),
        pytest.param(lambda: pictures.png(arrow().astype(np.uint16) * 257), True, id="16-bit PNG"),
        pytest.param(lambda: pictures.png(np.dstack([arrow(), arrow()[:, :, 0]])), True, id="PNG with alpha"),
        pytest.param(lambda: png_of(200, 120, 1, 0, (b"\x00" + b"\xff" * 25) * 120), False, id="1-bit PNG"),
    ],
)
def test_every_sort_of_jpeg_and_png_is_read(make: Callable[[], bytes], exact: bool) -> None:
    image = decode(make())
    assert image.shape == (120, 200, 3)
    assert image.dtype == np.uint8
    if exact:
        assert np.abs(image.astype(int) - arrow()).max() <= 1


def test_a_jpeg_with_fewer_colours_than_it_claims_is_refused() -> None:
    data = bytearray(pictures.jpeg(arrow()))
    data[data.index(b"\xff\xc0") + 9] = 4
    with pytest.raises(InvalidImageFormatException):
        decode(bytes(data))


def test_a_very_large_jpeg_comes_at_half_its_size() -> None:
    data = pictures.jpeg(np.full((4200, 4400, 3), 90, np.uint8), 50)
    image = decode(with_exif(data, 6))
    assert image.shape == (2200, 2100, 3)


def test_a_picture_too_long_to_cut_faces_out_of_is_made_smaller() -> None:
    assert decode(pictures.png(np.zeros((100, 40_000, 3), np.uint8))).shape == (41, 16_384, 3)


@pytest.mark.parametrize("extension", [".webp", ".bmp", ".tiff", ".ppm", ".gif", ".avif", ".jp2"])
def test_formats_that_opencv_reads_but_rekognition_does_not_are_refused(extension: str) -> None:
    with pytest.raises(InvalidImageFormatException):
        decode(encoded(extension, arrow()))


GOOD_JPEG = pictures.jpeg(arrow())
GOOD_PNG = pictures.png(arrow())


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xd8\xff", id="magic number only"),
        pytest.param(b"\x89PNG\r\n\x1a\n", id="PNG signature only"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", id="SVG"),
        pytest.param(bytes(5000), id="zeros"),
        pytest.param(b"\xff" * 5000, id="fill bytes only"),
        pytest.param(b"\xff\xd8" + b"\xff" * 5000, id="fill bytes after the start"),
        pytest.param(GOOD_JPEG[:-2][: len(GOOD_JPEG) // 2], id="JPEG cut in half"),
        pytest.param(GOOD_PNG[: len(GOOD_PNG) // 2], id="PNG cut in half"),
        pytest.param(GOOD_JPEG[: GOOD_JPEG.index(b"\xff\xda")], id="JPEG without a scan"),
        pytest.param(GOOD_JPEG[:2] + GOOD_JPEG[GOOD_JPEG.index(b"\xff\xda") :], id="JPEG without a frame"),
        pytest.param(GOOD_JPEG[:2] + b"\xff\xe1\x00\x00" + GOOD_JPEG[2:], id="segment of no length"),
        pytest.param(resized_header(GOOD_JPEG, 0, 120), id="JPEG of no width"),
        pytest.param(png_of(0, 100), id="PNG of no width"),
        pytest.param(png_of(100, 100, 7), id="PNG of 7 bits"),
        pytest.param(GOOD_PNG[:12] + b"IDAT" + GOOD_PNG[16:], id="PNG without IHDR"),
    ],
)
def test_what_is_no_picture_is_refused_as_a_format(data: bytes) -> None:
    with pytest.raises(InvalidImageFormatException):
        decode(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(png_of(20_000, 20_000), id="PNG of 400 million pixels"),
        pytest.param(png_of(2**31 - 1, 2**31 - 1), id="PNG of 2^62 pixels"),
        pytest.param(png_of(60_000, 60_000, 1), id="1-bit PNG"),
        pytest.param(resized_header(GOOD_JPEG, 65_000, 65_000), id="JPEG of 4 billion pixels"),
        pytest.param(
            repeated_scans(encoded(".jpg", arrow(), cv2.IMWRITE_JPEG_PROGRESSIVE, 1), 5000), id="5000 scans"
        ),
        pytest.param(b"\xff\xd8\xff" + bytes(images.MAX_BYTES), id="more than 5 MB"),
    ],
)
def test_a_bomb_is_refused_before_it_is_decoded(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "imdecode")
    with pytest.raises(ImageTooLargeException):
        decode(data)


@pytest.mark.parametrize(("width", "height"), [(79, 200), (200, 79), (1, 1), (5000, 1)])
def test_a_picture_below_80_pixels_is_refused(width: int, height: int) -> None:
    image = np.zeros((height, width, 3), np.uint8)
    for data in (pictures.jpeg(image), pictures.png(image)):
        with pytest.raises(InvalidParameterException, match="too small"):
            decode(data)
    assert decode(pictures.png(np.zeros((80, 80, 3), np.uint8))).shape == (80, 80, 3)


def test_the_limit_of_bytes_is_the_caller_s() -> None:
    assert decode(GOOD_JPEG, limit=len(GOOD_JPEG)).shape == (120, 200, 3)
    with pytest.raises(ImageTooLargeException):
        decode(GOOD_JPEG, limit=len(GOOD_JPEG) - 1)


seeds = st.sampled_from(
    [
        GOOD_JPEG,
        GOOD_PNG,
        with_exif(GOOD_JPEG, 6),
        encoded(".jpg", arrow(), cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        png_of(200, 120, 16),
        encoded(".webp", arrow()),
        encoded(".gif", arrow()),
    ]
)


@st.composite
def hostile(draw: st.DrawFn) -> bytes:
    """Take a real picture and spoil it: bytes changed near the header or anywhere, cut, spliced, doubled."""
    data = bytearray(draw(seeds))
    for _ in range(draw(st.integers(0, 6))):
        near = draw(st.sampled_from([40, 200, 700, len(data)]))
        at = draw(st.integers(0, max(0, min(near, len(data)) - 1)))
        what = draw(st.sampled_from(["set", "insert", "delete", "cut"]))
        if what == "set":
            data[at : at + 1] = bytes(
                [draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xC0, 0xC2, 0xDA, 0xD9, 0xFF]))]
            )
        elif what == "insert":
            data[at:at] = draw(st.binary(max_size=12))
        elif what == "delete":
            del data[at : at + draw(st.integers(1, 40))]
        else:
            del data[at:]
    return bytes(data)


@settings(max_examples=400)
@given(
    st.one_of(hostile(), st.binary(max_size=300), st.binary(max_size=300).map(lambda b: b"\xff\xd8\xff" + b))
)
def test_no_bytes_at_all_give_anything_but_a_picture_or_one_of_three_refusals(data: bytes) -> None:
    try:
        image = decode(data)
    except REFUSALS:
        return
    assert image.ndim == 3
    assert image.shape[2] == 3
    thin = images.MIN_SIDE // 2  # a large JPEG is halved; a very long one becomes as thin as it must
    assert min(image.shape[:2]) >= thin or max(image.shape[:2]) == images.MAX_SIDE
    assert max(image.shape[:2]) <= images.MAX_SIDE
    assert image.shape[0] * image.shape[1] <= images.MAX_PIXELS

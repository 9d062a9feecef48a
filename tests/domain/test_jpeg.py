"""What is kept of a JPEG (its pixels and which way up they are), and what shows that a part is missing."""

import struct
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import InvalidPhoto
from chalicelib.domain.photo import photo
from tests.support import photos
from tests.support.photos import jpeg, photo_of_c, photos_of_a, pixels

PEOPLE = pixels(photo_of_c())
SECRET = b"GPS 10.7769 N 106.7009 E <script>alert(1)</script>"


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def after_start(data: bytes, *segments: bytes) -> bytes:
    return data[:2] + b"".join(segments) + data[2:]


def scan_of(data: bytes) -> int:
    """Find the first scan, which is not one of a thumbnail in the metadata."""
    at = 2
    while data[at : at + 2] != b"\xff\xda":
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return at


def before_scan(data: bytes, more: bytes) -> bytes:
    return data[: scan_of(data)] + more + data[scan_of(data) :]


def exif(orientation: int | None = None, *, order: str = ">", thumbnail: bytes = b"") -> bytes:
    """Write EXIF as a camera does: a maker, an orientation, a place, and a small picture behind them."""
    entries = [(0x010F, 2, 4, b"Cam\0")]
    if orientation is not None:
        entries.append((0x0112, 3, 1, struct.pack(f"{order}HH", orientation, 0)))
    entries.append((0x8825, 4, 1, struct.pack(f"{order}I", 90)))
    tiff = (b"MM" if order == ">" else b"II") + struct.pack(f"{order}HIH", 42, 8, len(entries))
    for tag, kind, count, value in entries:
        tiff += struct.pack(f"{order}HHI", tag, kind, count) + value
    return segment(0xE1, b"Exif\0\0" + tiff + bytes(4) + SECRET + thumbnail)


def encoded(image: Any, *options: int) -> bytes:
    done, data = cv2.imencode(".jpg", image, list(options))
    assert done
    return data.tobytes()


def sampled(factor: int, *options: int) -> bytes:
    return encoded(PEOPLE, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor, *options)


def in_scans(image: Any) -> bytes:
    """Write a JPEG that has a scan for each component: three grey ones, one behind the other."""
    planes = cv2.split(cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb))
    first, second, third = (encoded(planes[plane]) for plane in (0, 2, 1))
    frame, scan = first.index(b"\xff\xc0"), first.index(b"\xff\xda")
    parts = b"".join(bytes((name, 0x11, 0)) for name in (1, 2, 3))
    head = segment(0xC0, first[frame + 4 : frame + 9] + b"\x03" + parts)
    scans = [
        segment(0xDA, bytes((1, name, 0, 0, 63, 0))) + data[data.index(b"\xff\xda") + 10 : -2]
        for name, data in ((1, first), (2, second), (3, third))
    ]
    return first[:frame] + head + first[frame + 13 : scan] + b"".join(scans) + b"\xff\xd9"


PICTURES: dict[str, bytes] = {
    "a portrait": photo_of_c(),
    **{f"a photo of the White House, {number}": content for number, content in enumerate(photos_of_a())},
    "progressive": encoded(PEOPLE, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "optimised": encoded(PEOPLE, cv2.IMWRITE_JPEG_OPTIMIZE, 1),
    "restart markers": encoded(PEOPLE, cv2.IMWRITE_JPEG_RST_INTERVAL, 3),
    "progressive with restart markers": encoded(
        PEOPLE, cv2.IMWRITE_JPEG_RST_INTERVAL, 7, cv2.IMWRITE_JPEG_PROGRESSIVE, 1
    ),
    "4:4:4": sampled(cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
    "4:4:0": sampled(cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440),
    "4:1:1, progressive": sampled(cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "grey": encoded(PEOPLE[:, :, 0]),
    "odd sides": encoded(PEOPLE[:411, :333]),
    "one colour": encoded(np.full((400, 400, 3), 90, np.uint8), cv2.IMWRITE_JPEG_OPTIMIZE, 1),
    "worst quality": encoded(PEOPLE, cv2.IMWRITE_JPEG_QUALITY, 1),
    "CMYK by Adobe's marker": photos.photo("cmyk"),
    "RGB by Adobe's marker": photos.photo("rgb"),
    "several scans": in_scans(PEOPLE),
}
METADATA: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda data: data,
    "EXIF": lambda data: after_start(data, exif()),
    "EXIF with a thumbnail": lambda data: after_start(data, exif(1, thumbnail=jpeg(PEOPLE[::8, ::8]))),
    "XMP, profile, IPTC, comment": lambda data: after_start(
        data,
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + SECRET),
        segment(0xE2, b"ICC_PROFILE\0\x01\x01" + SECRET),
        segment(0xED, b"Photoshop 3.0\0" + SECRET),
        segment(0xFE, SECRET),
    ),
    "something in Adobe's marker": lambda data: data.replace(
        segment(0xEE, b"Adobe\0\x64\0\0\0\0\0"), segment(0xEE, b"Adobe\0\x64\0\0\0\0\0" + SECRET)
    ),
    "a thumbnail in JFIF": lambda data: data.replace(
        segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"),
        segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\x04\x04" + SECRET[:48]),
    ),
    "a comment between tables and scan": lambda data: before_scan(data, segment(0xFE, SECRET)),
    "bytes between segments": lambda data: before_scan(data, SECRET),
    "other pictures behind it (MPF)": lambda data: after_start(data, segment(0xE2, b"MPF\0" + SECRET)) + data,
    "a page behind it": lambda data: data + b"<html>" + SECRET,
}


@pytest.mark.parametrize("metadata", METADATA)
@pytest.mark.parametrize("picture", PICTURES)
def test_the_pixels_stay_and_nothing_else(picture: str, metadata: str) -> None:
    plain = PICTURES[picture]
    sent = METADATA[metadata](plain)
    taken = photo(sent)
    assert np.array_equal(pixels(taken.content), pixels(plain))
    assert SECRET[:40] not in taken.content
    assert taken.digest == photo(plain).digest
    assert photo(taken.content) == taken


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_stays(orientation: int, order: str) -> None:
    sent = after_start(photo_of_c(), exif(orientation, order=order))
    taken = photo(sent)
    assert np.array_equal(pixels(taken.content), pixels(sent))
    assert (b"Exif" in taken.content) == (orientation != 1)
    assert SECRET not in taken.content
    again = photo(after_start(photo_of_c(), exif(orientation), segment(0xFE, b"sent by another app")))
    assert again.digest == taken.digest
    assert (taken.digest == photo(photo_of_c()).digest) == (orientation == 1)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"MM\0*", id="cut off"),
        pytest.param(b"XX\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0", id="no order of bytes"),
        pytest.param(b"MM\0*\xff\xff\xff\xff\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0", id="a far directory"),
        pytest.param(b"MM\0*\0\0\0\x08\xff\xff\x01\x12\0\x03\0\0\0\x01\0\x09\0\0", id="an orientation of 9"),
    ],
)
def test_exif_that_says_nothing_sensible_turns_nothing(content: bytes) -> None:
    taken = photo(after_start(photo_of_c(), segment(0xE1, b"Exif\0\0" + content)))
    assert taken == photo(photo_of_c())


@given(st.binary(max_size=64), st.sampled_from([b"", b"MM\0*\0\0\0\x08\0\x02", b"II*\0\x08\0\0\0\x02\0"]))
def test_no_exif_breaks_anything(rest: bytes, start: bytes) -> None:
    taken = photo(after_start(photo_of_c(), segment(0xE1, b"Exif\0\0" + start + rest)))
    assert photo(taken.content) == taken


# --- pictures that lack something -----------------------------------------------------------------


def cut(data: bytes, share: float) -> bytes:
    """Cut the data of a picture off and put an end behind it."""
    start = scan_of(data)
    return data[: start + int((len(data) - start) * share)].rstrip(b"\xff") + b"\xff\xd9"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("picture", [name for name in PICTURES if "restart" in name or "White House" in name])
def test_a_picture_with_restart_markers_has_all_of_them(picture: str, share: float) -> None:
    with pytest.raises(InvalidPhoto, match="ends before"):
        photo(cut(PICTURES[picture], share))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.7])
@pytest.mark.parametrize("picture", ["progressive", "several scans"])
def test_a_picture_of_several_scans_has_all_of_them(picture: str, share: float) -> None:
    with pytest.raises(InvalidPhoto, match="ends before"):
        photo(cut(PICTURES[picture], share))


def test_a_scan_has_bits_for_every_block() -> None:
    with pytest.raises(InvalidPhoto, match="ends before"):
        photo(cut(photo_of_c(), 0.01))
    flat = PICTURES["one colour"]  # the fewest bits that there can be
    assert photo(flat)
    with pytest.raises(InvalidPhoto, match="ends before"):
        photo(cut(flat, 0.9))


@pytest.mark.parametrize("at", range(0, 17))
def test_a_frame_that_contradicts_itself_is_no_photo(at: int) -> None:
    data = bytearray(photo_of_c())
    data[data.index(b"\xff\xc0") + 2 + at] = 0
    try:
        taken = photo(bytes(data))
    except InvalidPhoto:
        return
    assert photo(taken.content) == taken

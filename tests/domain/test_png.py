"""What is kept of a PNG: its pixels, what tells their colours in numbers, which way up they are."""

import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from chalicelib.domain.errors import InvalidPhoto
from chalicelib.domain.photo import photo
from tests.support.photos import photo_of_c, pixels, png

SECRET = b"GPS 10.7769 N 106.7009 E <script>alert(1)</script>"
COLOUR = pixels(photo_of_c())[::4, ::4]
TIFF = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHHI", 0x0112, 3, 1, 6, 0, 0) + SECRET


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def after_header(data: bytes, *chunks: bytes) -> bytes:
    return data[:33] + b"".join(chunks) + data[33:]


def palette() -> bytes:
    """Write a PNG of two bits a pixel with a palette, one of whose colours is transparent."""
    rows = b"".join(b"\0" + bytes((row + column) % 256 for column in range(25)) for row in range(100))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 100, 100, 2, 3, 0, 0, 0))
    colours = chunk(b"PLTE", bytes(range(100, 112))) + chunk(b"tRNS", b"\xff\x80\0\xff")
    return b"\x89PNG\r\n\x1a\n" + head + colours + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


PICTURES = {
    "colour": png(COLOUR),
    "grey": png(COLOUR[:, :, 0]),
    "16 bits": png(COLOUR.astype(np.uint16) * 257),
    "alpha": png(np.dstack([COLOUR, COLOUR[:, :, 0]])),
    "palette": palette(),
    "gamma": after_header(png(COLOUR), chunk(b"gAMA", struct.pack(">I", 45455)), chunk(b"sRGB", b"\0")),
}
METADATA: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda data: data,
    "texts, a time, a profile": lambda data: after_header(
        data,
        chunk(b"tEXt", b"Comment\0" + SECRET),
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(SECRET)),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + SECRET),
        chunk(b"tIME", bytes(7)),
        chunk(b"iCCP", SECRET[:20] + b"\0\0" + zlib.compress(SECRET)),
    ),
    "a chunk of somebody's own": lambda data: after_header(data, chunk(b"prVt", SECRET)),
    "numbers with room for more": lambda data: after_header(data, chunk(b"cHRM", bytes(32) + SECRET)),
    "an animation": lambda data: data[:-12] + chunk(b"fdAT", SECRET) + data[-12:],
    "a page behind it": lambda data: data + SECRET,
}


def with_all(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded is not None
    return np.asarray(decoded)


@pytest.mark.parametrize("metadata", METADATA)
@pytest.mark.parametrize("picture", PICTURES)
def test_the_pixels_stay_and_nothing_else(picture: str, metadata: str) -> None:
    plain = PICTURES[picture]
    taken = photo(METADATA[metadata](plain))
    assert np.array_equal(with_all(taken.content), with_all(plain))
    assert SECRET[:20] not in taken.content
    assert taken.content == plain
    assert photo(taken.content) == taken


def test_the_orientation_stays() -> None:
    plain = PICTURES["colour"]
    taken = photo(after_header(plain, chunk(b"eXIf", TIFF)))
    assert SECRET not in taken.content
    [turned] = [taken.content[at + 4 :][:30] for at in [taken.content.index(b"eXIf")]]
    assert turned.startswith(b"MM\0*")
    assert struct.unpack_from(">HHIH", turned, 10) == (0x0112, 3, 1, 6)
    assert photo(taken.content) == taken
    assert photo(after_header(plain, chunk(b"eXIf", TIFF.replace(b"\x06", b"\x01")))).content == plain


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_picture_that_was_cut_off_has_no_end(share: float) -> None:
    plain = PICTURES["colour"]
    short = plain[: 40 + int((len(plain) - 52) * share)]
    for ending in (b"", plain[-12:]):
        with pytest.raises(InvalidPhoto):
            photo(short + ending)


def test_a_picture_has_pixels_and_not_a_million_chunks() -> None:
    plain = PICTURES["colour"]
    with pytest.raises(InvalidPhoto):
        photo(plain[:33] + plain[-12:])
    with pytest.raises(InvalidPhoto):
        photo(after_header(plain, chunk(b"tEXt", b"") * 300_000))

"""Reading the header of a JPEG or PNG without decoding it.

A file of a few bytes can declare billions of pixels and exhaust the memory of whatever decodes it, so the
declared size is checked first. Data after the end of the picture is ignored: phones append videos and
depth maps there.
"""

import struct

from msgspec import Struct

_JPEG = b"\xff\xd8\xff"


_PNG = b"\x89PNG\r\n\x1a\n"


_IEND = b"\x00\x00\x00\x00IEND\xaeB\x60\x82"


_SCAN = b"\xff\xda"


_END = b"\xff\xd9"


SEGMENTS = 2000
"""The most segments before a JPEG's frame header. Metadata of 15 MB fills 240 of them, while reading a file
made of empty ones to its end would take seconds."""


FILL = 64
"""The most fill bytes read in front of a marker; encoders write one or two."""


class Header(Struct, frozen=True):
    """A picture's media type and its size in pixels."""

    content_type: str
    width: int
    height: int


def read_header(content: bytes) -> Header | None:
    """Read the header of a JPEG or PNG; None for any other file and for a truncated one.

    The size is the declared one, before any rotation that the EXIF metadata asks for.
    """
    if content.startswith(_JPEG):
        return _jpeg(content)
    if content.startswith(_PNG):
        return _png(content)
    return None


def _png(content: bytes) -> Header | None:
    if content[8:16] != b"\x00\x00\x00\rIHDR" or content.find(_IEND, 33) == -1:
        return None
    return Header("image/png", *struct.unpack_from(">II", content, 16))


def _jpeg(content: bytes) -> Header | None:
    """Walk the segments to the frame header; thumbnails lie inside segments and are skipped with them."""
    at = 2
    for _ in range(SEGMENTS):
        at = _marker(content, at)
        if at == -1 or at + 8 > len(content):
            return None
        marker = content[at]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # a frame: SOF0 to SOF15
            height, width = struct.unpack_from(">HH", content, at + 4)
            return Header("image/jpeg", width, height) if _ends(content, at) else None
        if marker in (0xD9, 0xDA):  # an end or a scan before any frame
            return None
        if marker <= 0x01 or 0xD0 <= marker <= 0xD8:  # these have no length
            at += 1
            continue
        (length,) = struct.unpack_from(">H", content, at + 1)
        if length < 2:
            return None
        at += 1 + length
    return None


def _marker(content: bytes, at: int) -> int:
    """Return the position of the next marker's code, after its fill bytes; -1 if there is none."""
    start = content.find(b"\xff", at)
    filled = content[start : start + FILL] if start != -1 else b""
    code = filled.lstrip(b"\xff")
    return start + len(filled) - len(code) if code else -1


def _ends(content: bytes, frame: int) -> bool:
    """Say whether a scan and an end marker follow a frame header.

    In compressed data, FF is always followed by 00 or by a restart marker, so the first FF D9 is the end.
    """
    scan = content.find(_SCAN, frame)
    return scan != -1 and content.find(_END, scan) != -1

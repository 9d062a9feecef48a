"""What the header of a picture says of it, read without decoding anything. Pure.

A few bytes can claim billions of pixels, and whoever decodes them pays; so the claim is read first. What
stands behind a picture's end is nobody's business here: telephones put films and depth maps there.
"""

import struct

from msgspec import Struct

_JPEG = b"\xff\xd8\xff"


_PNG = b"\x89PNG\r\n\x1a\n"


_IEND = b"\x00\x00\x00\x00IEND\xaeB\x60\x82"


_SCAN = b"\xff\xda"


_END = b"\xff\xd9"


SEGMENTS = 2000
"""Most segments before a JPEG's frame header. Metadata of 15 MB fills 240 of them; a file made of empty
ones would keep us busy for seconds."""


FILL = 64
"""How far we look through the fill bytes in front of a marker; nobody writes more than one or two."""


class Header(Struct, frozen=True):
    """A picture's media type, and its size in pixels."""

    content_type: str
    width: int
    height: int


def header(content: bytes) -> Header | None:
    """Read the header of a JPEG or PNG; None for anything else, and for one that is cut off.

    The size is as the file says it, before its EXIF turns it.
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
    """Go from segment to segment to the frame header; thumbnails lie inside segments and do not count."""
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
        if marker <= 0x01 or 0xD0 <= marker <= 0xD8:  # these stand alone
            at += 1
            continue
        (length,) = struct.unpack_from(">H", content, at + 1)
        if length < 2:
            return None
        at += 1 + length
    return None


def _marker(content: bytes, at: int) -> int:
    """Find the next marker: where its code is, behind its fill bytes; -1 when there is none."""
    start = content.find(b"\xff", at)
    filled = content[start : start + FILL] if start != -1 else b""
    code = filled.lstrip(b"\xff")
    return start + len(filled) - len(code) if code else -1


def _ends(content: bytes, frame: int) -> bool:
    """Say whether there is a scan and an end behind a frame header.

    In what is compressed FF is followed by 00 or a restart marker, so the first FF D9 is the end.
    """
    scan = content.find(_SCAN, frame)
    return scan != -1 and content.find(_END, scan) != -1

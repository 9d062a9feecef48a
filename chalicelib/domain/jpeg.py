"""JPEG files (ITU T.81): their size, whether all of the picture is there, and the file without anything else.

Nothing is decoded. A JPEG is a row of segments; the picture's data stand behind those that begin a scan.
"""

import re
import struct
from itertools import takewhile

from chalicelib.domain.image_file import UPRIGHT, ImageFile, exif, orientation
from chalicelib.domain.jpeg_scans import FRAMES, SCAN, Segment, is_whole

MAGIC = b"\xff\xd8\xff"


SEGMENTS = 2000
"""Most segments of a file. Metadata of 15 MB fills 240 of them; a file made of empty ones would keep us
busy for seconds."""


FILL = 64
"""How far we look through the fill bytes in front of a marker; nobody writes more than one or two."""


# Codes of markers.
_SOI, _EOI, _APP0, _APP1, _APP14 = 0xD8, 0xD9, 0xE0, 0xE1, 0xEE
_ALONE = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})  # no length follows these
_NEEDED = FRAMES | {SCAN, 0xC4, 0xCC, 0xDB, 0xDD}  # and the tables: DHT, DAC, DQT, DRI


# In a scan FF is followed by 00 (it was a byte of the data), by a restart marker, or is the next marker's.
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


# All that decoders read in these: that they are there, and Adobe's last byte, the transform of the colours.
_JFIF = b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
_ADOBE = b"Adobe\0\x64\0\0\0\0"


def read(content: bytes) -> ImageFile | None:
    """Read a JPEG file; None for what is none or is cut off.

    Kept are the picture, what tells its colours (whether it is JFIF, the transform of Adobe's marker) and the
    orientation of its EXIF. Other metadata, thumbnails, comments, profiles and whatever follows the end
    (telephones put films and depth maps there) are left out.
    """
    segments = _segments(content) if content.startswith(MAGIC) else []
    frames = [segment.content for segment in segments if segment.marker in FRAMES]
    if len(frames) != 1 or len(frames[0]) < 6:
        return None
    height, width = struct.unpack_from(">HH", frames[0], 1)
    needed = [segment for segment in segments if segment.marker in _NEEDED]
    kept = [Segment(_SOI), *_colours_and_orientation(segments), *needed, Segment(_EOI)]
    return ImageFile("image/jpeg", width, height, b"".join(map(_written, kept)), is_whole(segments))


def _segments(content: bytes) -> list[Segment]:
    """Take a file apart up to its end, skipping bytes between segments; gives nothing when it is cut off."""
    found: list[Segment] = []
    at = 2
    for _ in range(SEGMENTS):
        at = _marker(content, at)
        if at == -1:
            return []
        marker = content[at]
        at += 1
        if marker == _EOI:
            return found
        if marker in _ALONE:
            continue
        length = int.from_bytes(content[at : at + 2], "big")
        if length < 2 or at + length > len(content):
            return []
        inner = content[at + 2 : at + length]
        at += length
        scan = b""
        if marker == SCAN:
            end = _END_OF_SCAN.search(content, at)
            if end is None:
                return []
            scan = content[at : end.start()].rstrip(b"\xff")
            at = end.start()
        found.append(Segment(marker, inner, scan))
    return []


def _marker(content: bytes, at: int) -> int:
    """Find the next marker: where its code is, behind its fill bytes; -1 when there is none."""
    start = content.find(b"\xff", at)
    filled = content[start : start + FILL] if start != -1 else b""
    code = filled.lstrip(b"\xff")
    return start + len(filled) - len(code) if code else -1


def _colours_and_orientation(segments: list[Segment]) -> list[Segment]:
    """Write anew what decoders read of the segments that applications put in front of the first scan."""
    head = list(takewhile(lambda segment: segment.marker != SCAN, segments))
    inner = {
        marker: [segment.content for segment in head if segment.marker == marker]
        for marker in (_APP0, _APP1, _APP14)
    }
    made: list[Segment] = []
    if any(content.startswith(b"JFIF\0") and len(content) >= 14 for content in inner[_APP0]):
        made.append(Segment(_APP0, _JFIF))
    exifs = (content[6:] for content in inner[_APP1] if content.startswith(b"Exif\0\0"))
    turned = next(filter(None, map(orientation, exifs)), UPRIGHT)
    if turned != UPRIGHT:
        made.append(Segment(_APP1, b"Exif\0\0" + exif(turned)))
    adobes = [content for content in inner[_APP14] if content.startswith(b"Adobe") and len(content) >= 12]
    if adobes:
        made.append(Segment(_APP14, _ADOBE + adobes[-1][11:12]))
    return made


def _written(segment: Segment) -> bytes:
    if segment.marker in (_SOI, _EOI):
        return bytes((0xFF, segment.marker))
    head = struct.pack(">BBH", 0xFF, segment.marker, len(segment.content) + 2)
    return head + segment.content + segment.scan

"""PNG files: their size, and the file without anything but the picture. Nothing is decoded. Pure."""

import struct
import zlib

from chalicelib.domain.image_file import UPRIGHT, ImageFile, exif, orientation

SIGNATURE = b"\x89PNG\r\n\x1a\n"


CHUNKS = 20_000
"""Most chunks of a file. Encoders write 8 kB or more at once, which makes 2,000 of 15 MB."""


# With the most bytes that each may have: a chunk of numbers has no room for anything else.
_KEPT = {b"IHDR": 13, b"PLTE": 768, b"tRNS": 256, b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"IDAT": 2**31}


def read(content: bytes) -> ImageFile | None:
    """Read a PNG file; None for what is none, is cut off, or has a hole.

    Kept are the picture, its palette and what tells its colours in numbers, and the orientation of its EXIF.
    Texts, times, profiles, other pictures of an animation and whatever follows the end are left out.
    """
    if content[:8] != SIGNATURE or content[8:16] != b"\x00\x00\x00\rIHDR" or len(content) < 33:
        return None
    width, height = struct.unpack_from(">II", content, 16)
    kept: list[bytes] = []
    turned, has_pixels, at = UPRIGHT, False, 8
    for _ in range(CHUNKS):
        if at + 12 > len(content):
            return None
        length, kind = struct.unpack_from(">I4s", content, at)
        end = at + 12 + length
        if end > len(content):
            return None
        if kind == b"IEND":
            if not has_pixels:
                return None
            turn = [] if turned == UPRIGHT else [_chunk(b"eXIf", exif(turned))]
            body = [SIGNATURE, kept[0], *turn, *kept[1:], _chunk(b"IEND", b"")]
            return ImageFile("image/png", width, height, b"".join(body))
        if length <= _KEPT.get(kind, -1):
            kept.append(content[at:end])
            has_pixels = has_pixels or kind == b"IDAT"
        elif kind == b"eXIf":
            turned = orientation(content[at + 8 : end - 4]) or UPRIGHT
        at = end
    return None


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data))

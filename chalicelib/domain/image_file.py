"""What a JPEG and a PNG file have in common here: what is read of them, and which way up they are shown."""

import struct

from msgspec import Struct


class ImageFile(Struct, frozen=True):
    """A picture's media type and size in pixels, and its file with nothing in it but the picture.

    The size is as the file says it, before its EXIF turns it. It is not `is_whole` if its data end early.
    """

    content_type: str
    width: int
    height: int
    content: bytes
    is_whole: bool = True

    def __repr__(self) -> str:
        """Keep the picture out of logs and traces."""
        return f"ImageFile({self.content_type!r}, {self.width} x {self.height}, {len(self.content)} bytes)"


UPRIGHT = 1
"""The orientation that needs no turning; EXIF knows 1 to 8."""


_ORIENTATION = 0x0112


_SHORT = 3


def orientation(tiff: bytes) -> int | None:
    """Read the orientation out of EXIF (without its `Exif` prefix); None when this is no EXIF at all."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return None
    magic, at = struct.unpack_from(f"{order}HI", tiff, 2)
    if magic != 42 or at + 2 > len(tiff):
        return None
    (count,) = struct.unpack_from(f"{order}H", tiff, at)
    for entry in range(at + 2, min(at + 2 + 12 * count, len(tiff) - 11), 12):
        tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, entry)
        if tag == _ORIENTATION and kind == _SHORT:
            return int(value) if 1 <= value <= 8 else UPRIGHT
    return UPRIGHT


def exif(orientation: int) -> bytes:
    """Write EXIF (without its `Exif` prefix) that says which way up a picture is, and nothing else."""
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, _ORIENTATION, _SHORT, 1, orientation, 0, 0)

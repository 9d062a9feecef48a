"""Photos: JPEG or PNG files without metadata, and their limits."""

import hashlib
from functools import cached_property

from msgspec import Struct

from chalicelib.config import BODY_BYTES
from chalicelib.domain import jpeg, png
from chalicelib.domain.errors import InvalidPhoto, PhotoTooLarge

LIMIT_BYTES = 5 * 1024 * 1024
"""The most bytes that Rekognition accepts in a request (ImageBlob in its service model)."""


UPLOAD_LIMIT_BYTES = 15 * 1024 * 1024
"""The most bytes that Rekognition accepts from S3."""


LEAST_SIDE = 80
"""The least width and height that Rekognition accepts, in pixels."""


MOST_PIXELS = 8192 * 8192
"""The most pixels of a photo. Cameras of 64 megapixels stay below it; more is an image bomb or a mistake."""


class Photo(Struct, frozen=True, dict=True):
    """A JPEG or PNG file without metadata, never re-encoded; `key` is its S3 key, if it is in S3."""

    content: bytes
    content_type: str
    key: str | None = None

    def __repr__(self) -> str:
        """Keep the picture out of logs and traces."""
        return f"Photo({len(self.content)} bytes, {self.content_type!r})"

    @cached_property
    def digest(self) -> str:
        """The photo's id in the table and in S3: the first 128 bits of its SHA-256, in hex.

        The same picture with other metadata is the same photo.
        """
        return hashlib.sha256(self.content).hexdigest()[:32]


def photo(content: bytes, *, key: str | None = None) -> Photo:
    """Make a photo of bytes that a caller sent; the media type is read from the bytes, never taken on trust.

    Everything that does not belong to the picture is removed: EXIF except the orientation, comments, and
    what follows the end. Raises InvalidPhoto (neither JPEG nor PNG, truncated, or under 80 pixels on a side)
    or PhotoTooLarge (over 4.5 MB, or over 15.7 MB in S3; or over 67 megapixels according to its header).
    """
    limit = UPLOAD_LIMIT_BYTES if key else BODY_BYTES
    if len(content) > limit:
        raise PhotoTooLarge(f"The photo is larger than {limit / 1e6:.1f} MB.")
    found = jpeg.read(content) or png.read(content)
    if found is None:
        raise InvalidPhoto
    if found.width * found.height > MOST_PIXELS:
        raise PhotoTooLarge(f"The photo has more than {MOST_PIXELS // 10**6} million pixels.")
    if min(found.width, found.height) < LEAST_SIDE:
        raise InvalidPhoto(f"The photo must be at least {LEAST_SIDE} pixels on each side.")
    if not found.is_whole:
        raise InvalidPhoto("The photo ends before all of its picture is there.")
    return Photo(found.content, found.content_type, key)

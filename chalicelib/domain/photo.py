"""Photos: JPEG or PNG files as they were sent, and the limits they must keep."""

import hashlib
from functools import cached_property

from msgspec import Struct

from chalicelib.config import BODY_BYTES
from chalicelib.domain.errors import InvalidPhoto, PhotoTooLarge
from chalicelib.domain.image_header import header

LIMIT_BYTES = 5 * 1024 * 1024
"""Most bytes that Rekognition takes in a request (its service model: ImageBlob)."""


UPLOAD_LIMIT_BYTES = 15 * 1024 * 1024
"""Most bytes that Rekognition takes from S3."""


LEAST_SIDE = 80
"""Least width and height that Rekognition takes, in pixels."""


MOST_PIXELS = 8192 * 8192
"""Most pixels of a photo: cameras of 64 megapixels have fewer. More is a mistake or an image bomb."""


class Photo(Struct, frozen=True, dict=True):
    """A JPEG or PNG file as it was sent, never re-encoded; `key` says where in S3 it is, if it is."""

    content: bytes
    content_type: str
    key: str | None = None

    def __repr__(self) -> str:
        """Keep the picture out of logs and traces."""
        return f"Photo({len(self.content)} bytes, {self.content_type!r})"

    @cached_property
    def digest(self) -> str:
        """What the photo is called in the table and in S3: 128 bits of its SHA-256, in hex."""
        return hashlib.sha256(self.content).hexdigest()[:32]


def photo(content: bytes, *, key: str | None = None) -> Photo:
    """Take bytes from a stranger as a photo; what the sender calls them does not count.

    Raises InvalidPhoto (neither JPEG nor PNG, cut off, under 80 pixels on a side) or PhotoTooLarge (over
    4.5 MB, in S3 over 15.7 MB; or over 67 megapixels, by what its header says).
    """
    limit = UPLOAD_LIMIT_BYTES if key else BODY_BYTES
    if len(content) > limit:
        raise PhotoTooLarge(f"The photo is larger than {limit / 1e6:.1f} MB.")
    found = header(content)
    if found is None:
        raise InvalidPhoto
    if found.width * found.height > MOST_PIXELS:
        raise PhotoTooLarge(f"The photo has more than {MOST_PIXELS // 10**6} million pixels.")
    if min(found.width, found.height) < LEAST_SIDE:
        raise InvalidPhoto(f"The photo must be at least {LEAST_SIDE} pixels on each side.")
    return Photo(content, found.content_type, key)

"""What a photo is, and where photos are kept (S3, private; keys are always made here)."""

import hashlib
from typing import TYPE_CHECKING

from msgspec import Struct

from chalicelib.errors import InvalidPhoto, PhotoTooLarge

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LIMIT_BYTES = 5 * 1024 * 1024
"""Most bytes that Rekognition takes in a request (its service model: ImageBlob)."""

_JPEG = b"\xff\xd8\xff"
_PNG = b"\x89PNG\r\n\x1a\n"


class Photo(Struct, frozen=True):
    """A JPEG or PNG file as it was sent, never re-encoded."""

    content: bytes
    content_type: str

    @property
    def digest(self) -> str:
        """What the photo is called in the table and in S3: 128 bits of its SHA-256, in hex."""
        return hashlib.sha256(self.content).hexdigest()[:32]


def photo(content: bytes) -> Photo:
    """Take bytes from a stranger as a photo; what the sender calls them does not count.

    Raises InvalidPhoto (neither JPEG nor PNG) or PhotoTooLarge (over 5 MB).
    """
    if len(content) > LIMIT_BYTES:
        raise PhotoTooLarge("The photo is larger than 5 MB.")
    if content.startswith(_JPEG):
        return Photo(content, "image/jpeg")
    if content.startswith(_PNG):
        return Photo(content, "image/png")
    raise InvalidPhoto


def key_of(person_id: str, photo: Photo) -> str:
    """Name the S3 object of a person's photo."""
    extension = "jpg" if photo.content_type == "image/jpeg" else "png"
    return f"photos/{person_id}/{photo.digest}.{extension}"


class Photos:
    """The bucket, through a boto3 S3 client."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def keep(self, key: str, photo: Photo) -> None:
        """Store a photo under a key of ours."""
        self._client.put_object(
            Bucket=self._bucket, Key=key, Body=photo.content, ContentType=photo.content_type
        )

    def find(self, key: str) -> Photo | None:
        """Fetch a photo; None when it is not there."""
        try:
            reply = self._client.get_object(Bucket=self._bucket, Key=key)
        except self._client.exceptions.NoSuchKey:
            return None
        return Photo(reply["Body"].read(), reply["ContentType"])

    def remove(self, key: str) -> None:
        """Delete a photo; one that is not there is fine."""
        self._client.delete_object(Bucket=self._bucket, Key=key)

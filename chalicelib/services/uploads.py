"""Photos too large for a request: uploaded to S3 with a form of ours, used once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from msgspec import Struct

from chalicelib.aws.bucket import UPLOAD_LIFE, Bucket, upload_key
from chalicelib.aws.directory import Directory
from chalicelib.domain.errors import UploadNotFound
from chalicelib.domain.ids import new_id
from chalicelib.domain.photo import UPLOAD_LIMIT_BYTES, Photo
from chalicelib.web.bodies import PhotoBody

LATEST = timedelta(minutes=2)
"""How long after its form ended an upload may still be under way or in use."""


class Upload(Struct, frozen=True):
    """A form for uploading a photo: send all `fields`, then `Content-Type`, then the file as `file`."""

    upload_id: str
    url: str
    fields: dict[str, str]
    limit_bytes: int
    expires_at: datetime


def begin(directory: Directory, bucket: Bucket, *, now: datetime) -> Upload:
    """Make a form for one upload."""
    upload_id, expires = new_id(), now + UPLOAD_LIFE
    directory.add_upload(upload_id, expires)
    url, fields = bucket.form(upload_id)
    return Upload(upload_id, url, fields, UPLOAD_LIMIT_BYTES, expires)


@contextmanager
def photo_of(
    directory: Directory, bucket: Bucket, body: PhotoBody, *, about: str | None = None
) -> Iterator[Photo]:
    """Give the photo that a request sent or uploaded before; an upload is used up by it and then removed.

    `about` is whom it is said to show. Raises UploadNotFound, InvalidPhoto or PhotoTooLarge.
    """
    if body.photo is not None:
        yield body.photo
        return
    if body.upload_id is None or not directory.take_upload(body.upload_id, about):
        raise UploadNotFound
    try:
        yield bucket.uploaded(body.upload_id)
    finally:
        discard(directory, bucket, body.upload_id)


def discard(directory: Directory, bucket: Bucket, upload_id: str) -> None:
    """Remove what was uploaded, then the note of it; safe to repeat from any point."""
    bucket.remove(upload_key(upload_id))
    directory.forget_upload(upload_id)


def sweep(directory: Directory, bucket: Bucket, *, now: datetime) -> int:
    """Remove the uploads whose time is over, used or not; says how many."""
    old = directory.old_uploads(now - LATEST)
    for upload_id in old:
        discard(directory, bucket, upload_id)
    return len(old)

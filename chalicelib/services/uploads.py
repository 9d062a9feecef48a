"""Uploads: photos too large for a request, posted to S3 with a presigned form and used once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from msgspec import Struct

from chalicelib.aws.bucket import UPLOAD_LIFE, UPLOADS, Bucket, upload_key
from chalicelib.aws.directory import Directory
from chalicelib.domain.errors import UploadNotFound
from chalicelib.domain.ids import new_id
from chalicelib.domain.photo import UPLOAD_LIMIT_BYTES, Photo

LATEST = timedelta(minutes=2)
"""How long after its form expired an upload may still be in progress or in use."""


class Upload(Struct, frozen=True):
    """A form for uploading a photo: send all `fields`, then `Content-Type`, then the file as `file`."""

    upload_id: str
    url: str
    fields: dict[str, str]
    limit_bytes: int
    expires_at: datetime


def create(directory: Directory, bucket: Bucket, *, now: datetime) -> Upload:
    """Create an upload and its presigned form."""
    upload_id, expires = new_id(), now + UPLOAD_LIFE
    directory.add_upload(upload_id, expires)
    url, fields = bucket.upload_form(upload_id)
    return Upload(upload_id, url, fields, UPLOAD_LIMIT_BYTES, expires)


@contextmanager
def requested_photo(
    directory: Directory,
    bucket: Bucket,
    photo: Photo | None,
    upload_id: str | None,
    *,
    person_id: str | None = None,
) -> Iterator[Photo]:
    """Provide the photo of a request: `photo` if it came with it, otherwise the upload of `upload_id`.

    An upload can be used once and is deleted afterwards. `person_id` is the person whom it should show.
    Raises UploadNotFound, InvalidPhoto or PhotoTooLarge.
    """
    if photo is not None:
        yield photo
        return
    if upload_id is None or not directory.use_upload(upload_id, person_id):
        raise UploadNotFound
    try:
        yield bucket.get_upload(upload_id)
    finally:
        discard(directory, bucket, upload_id)


def discard(directory: Directory, bucket: Bucket, upload_id: str) -> None:
    """Delete the uploaded file, then its item; safe to repeat.

    The form works until it expires, but what is sent with it after the item is gone is swept.
    """
    bucket.delete(upload_key(upload_id))
    directory.delete_upload(upload_id)


def sweep(directory: Directory, bucket: Bucket, *, now: datetime) -> int:
    """Delete uploaded files that no request may use any more, and expired uploads; returns how many.

    Such a file has no item: its form was sent again after the upload had been used. A file whose upload is
    open or in use stays until that expires.
    """
    uploaded = {key.removeprefix(UPLOADS) for key in bucket.list_keys(UPLOADS)}  # before the items are read
    stray = uploaded - directory.known_uploads(uploaded)
    gone = stray | set(directory.expired_uploads(now - LATEST))
    for upload_id in gone:
        discard(directory, bucket, upload_id)
    return len(gone)

"""Uploads: photos too large for a request, posted to S3 with a presigned form and used once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from msgspec import Struct

from chalicelib.aws.bucket import UPLOAD_LIFE, Bucket, upload_key
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
    """Delete the file of an upload that was used; safe to repeat.

    The form works until it expires; what is sent with it from now on is swept.
    """
    bucket.delete(upload_key(upload_id))
    directory.finish_upload(upload_id)


def sweep(directory: Directory, bucket: Bucket, *, now: datetime) -> int:
    """Delete the files that no request may use any more; returns how many uploads were never used.

    These are the files of expired uploads, and what used forms brought when they were sent again: nobody
    knows whether they did, and to delete what is not there costs nothing, unlike to look. A file whose upload
    is open or in use stays until that expires.
    """
    expired, used = directory.expired_uploads(now - LATEST), directory.used_uploads()
    bucket.delete_many([upload_key(upload_id) for upload_id in {*expired, *used}])
    for upload_id in expired:
        directory.delete_upload(upload_id)
    return len(set(expired) - set(used))

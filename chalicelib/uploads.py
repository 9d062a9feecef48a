"""Photos too large for a request: uploaded to S3 with a form of ours, used once."""

from datetime import datetime

from msgspec import Struct

from chalicelib.errors import UploadNotFound
from chalicelib.forms import PhotoBody
from chalicelib.photos import UPLOAD_LIFE, UPLOAD_LIMIT_BYTES, Photo, Photos
from chalicelib.store import Store, new_id


class Upload(Struct, frozen=True):
    """A form to post a photo with: all `fields`, then `Content-Type`, then the file as `file`."""

    upload_id: str
    url: str
    fields: dict[str, str]
    limit_bytes: int
    expires_at: datetime


def begin(store: Store, photos: Photos, *, now: datetime) -> Upload:
    """Make a form for one upload."""
    upload_id, expires = new_id(), now + UPLOAD_LIFE
    store.add_upload(upload_id, expires)
    url, fields = photos.form(upload_id)
    return Upload(upload_id, url, fields, UPLOAD_LIMIT_BYTES, expires)


def photo_of(store: Store, photos: Photos, body: PhotoBody) -> Photo:
    """Give the photo that a request sent or uploaded before; an upload is used up by it.

    Raises UploadNotFound, InvalidPhoto or PhotoTooLarge.
    """
    if body.photo is not None:
        return body.photo
    if body.upload_id is None or not store.take_upload(body.upload_id):
        raise UploadNotFound
    return photos.uploaded(body.upload_id)

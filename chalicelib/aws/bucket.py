"""Photos, uploads and exported files in a private S3 bucket; no caller ever chooses a key."""

import hashlib
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.domain.errors import Busy, PhotoTooLarge, UploadNotFound
from chalicelib.domain.photo import UPLOAD_LIMIT_BYTES, Photo, photo
from chalicelib.domain.types import SignedLink

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LINK_LIFE = timedelta(seconds=60)
"""How long a signed link to a photo works."""


UPLOAD_LIFE = timedelta(minutes=10)
"""How long the presigned form of an upload works."""


EXPORT_LIFE = timedelta(minutes=2)
"""How long an exported file is kept; its link works for one minute."""


UPLOADS = "uploads/"
"""The prefix of uploaded photos."""


ERASURES = "erasures/"
"""The prefix of the list of erasures. It outlives every backup of the table, and then expires."""


def erasure_key(person_id: str) -> str:
    """Return the S3 key of an erasure in the list: a digest, so that not even the random id is left."""
    return f"{ERASURES}{hashlib.sha256(person_id.encode()).hexdigest()}"


def withdrawal_key(person_id: str) -> str:
    """Return the S3 key of a person's withdrawal of consent in the same list."""
    return f"{erasure_key(person_id)}.withdrawn"


def photo_key(person_id: str, photo: Photo) -> str:
    """Return the S3 key of a person's photo."""
    extension = "jpg" if photo.content_type == "image/jpeg" else "png"
    return f"photos/{person_id}/{photo.digest}.{extension}"


class Bucket:
    """The bucket, through a boto3 S3 client."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def check(self) -> None:
        """Check that the bucket exists; raises what boto3 raises."""
        self._client.head_bucket(Bucket=self._bucket)

    def put_photo(self, key: str, photo: Photo) -> None:
        """Store a photo."""
        self._client.put_object(
            Bucket=self._bucket, Key=key, Body=photo.content, ContentType=photo.content_type
        )

    def get_photo(self, key: str) -> Photo | None:
        """Return a photo; None if there is none."""
        try:
            reply = self._client.get_object(Bucket=self._bucket, Key=key)
        except self._client.exceptions.NoSuchKey:
            return None
        return Photo(reply["Body"].read(), reply["ContentType"], key)

    def get_upload(self, upload_id: str) -> Photo:
        """Return an uploaded photo; raises UploadNotFound, InvalidPhoto or PhotoTooLarge.

        Size and type are checked here again, because the conditions of the form are only the first check.
        """
        key = upload_key(upload_id)
        try:
            reply = self._client.get_object(Bucket=self._bucket, Key=key)
        except self._client.exceptions.NoSuchKey:
            raise UploadNotFound from None
        if reply["ContentLength"] > UPLOAD_LIMIT_BYTES:
            raise PhotoTooLarge(f"The photo is larger than {UPLOAD_LIMIT_BYTES / 1e6:.1f} MB.")
        return photo(reply["Body"].read(), key=key)

    def upload_form(self, upload_id: str) -> tuple[str, dict[str, str]]:
        """Create a presigned form with which a browser may upload one photo: URL and fields."""
        post = self._client.generate_presigned_post(
            self._bucket,
            upload_key(upload_id),
            Fields={},
            Conditions=[
                ["content-length-range", 1, UPLOAD_LIMIT_BYTES],
                ["starts-with", "$Content-Type", "image/"],
            ],
            ExpiresIn=int(UPLOAD_LIFE.total_seconds()),
        )
        return post["url"], post["fields"]

    def link(self, key: str, *, now: datetime) -> SignedLink:
        """Return a signed link to an object."""
        url = self._client.generate_presigned_url(
            "get_object",
            Params={"Bucket": self._bucket, "Key": key},
            ExpiresIn=int(LINK_LIFE.total_seconds()),
        )
        return SignedLink(url, now + LINK_LIFE)

    def store_export(self, export_id: str, content: bytes, *, content_type: str, filename: str) -> None:
        """Store a file for download as `filename` (ASCII letters, digits, `-` and `.`)."""
        self._client.put_object(
            Bucket=self._bucket,
            Key=export_key(export_id),
            Body=content,
            ContentType=content_type,
            ContentDisposition=f'attachment; filename="{filename}"',
        )

    def record_erasure(self, person_id: str, attendance: str) -> None:
        """Add a person to the list of erasures, which a restored table is compared with."""
        self._client.put_object(
            Bucket=self._bucket,
            Key=erasure_key(person_id),
            Body=attendance.encode(),
            ContentType="text/plain",
        )

    def record_withdrawal(self, person_id: str, at: datetime) -> None:
        """Add a withdrawal of consent to the list, in place of an earlier one."""
        self._client.put_object(
            Bucket=self._bucket,
            Key=withdrawal_key(person_id),
            Body=at.isoformat().encode(),
            ContentType="text/plain",
        )

    def withdrawn_at(self, key: str) -> datetime:
        """Return when the consent of a withdrawal in the list was withdrawn."""
        reply = self._client.get_object(Bucket=self._bucket, Key=key)
        return datetime.fromisoformat(reply["Body"].read().decode())

    def erasures(self) -> set[str]:
        """Return the keys of the list of erasures (see `erasure_key`, `withdrawal_key`)."""
        return set(self.list_keys(ERASURES))

    def erased_attendance(self, key: str) -> str:
        """Return what an erasure in the list did with the attendance."""
        reply = self._client.get_object(Bucket=self._bucket, Key=key)
        return reply["Body"].read().decode()

    def delete(self, key: str) -> None:
        """Delete an object if it exists."""
        self._client.delete_object(Bucket=self._bucket, Key=key)

    def delete_many(self, keys: Collection[str]) -> None:
        """Delete objects, of which any may not exist, at no cost. Raises Busy."""
        self._delete([{"Key": key} for key in keys])

    def list_keys(self, prefix: str) -> list[str]:
        """List the keys that begin with a prefix, including those of old versions."""
        return sorted({entry["Key"] for entry in self._versions(prefix)})

    def delete_all(self, prefix: str, *, before: datetime | None = None, dry_run: bool = False) -> int:
        """Delete all versions of objects whose keys begin with a prefix, or only those older than `before`.

        Returns how many objects; with `dry_run` none is deleted. Raises Busy.
        """
        found = [entry for entry in self._versions(prefix) if not before or entry["LastModified"] < before]
        if not dry_run:
            self._delete([{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in found])
        return len({entry["Key"] for entry in found})

    def _delete(self, objects: list[Any]) -> None:
        for start in range(0, len(objects), 1000):
            some: Any = {"Objects": objects[start : start + 1000], "Quiet": True}
            if self._client.delete_objects(Bucket=self._bucket, Delete=some).get("Errors"):
                raise Busy

    def _versions(self, prefix: str) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("list_object_versions").paginate(
            Bucket=self._bucket, Prefix=prefix
        )
        for page in pages:
            found: Any = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            yield from found


def upload_key(upload_id: str) -> str:
    """Return the S3 key of an upload."""
    return f"{UPLOADS}{upload_id}"


def export_key(export_id: str) -> str:
    """Return the S3 key of an exported file."""
    return f"exports/{export_id}"

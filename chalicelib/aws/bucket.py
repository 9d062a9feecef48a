"""What a photo is, and where photos are kept (S3, private; keys are always made here)."""

from collections.abc import Iterator
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
"""How long a form for an upload works."""


def key_of(person_id: str, photo: Photo) -> str:
    """Name the S3 object of a person's photo."""
    extension = "jpg" if photo.content_type == "image/jpeg" else "png"
    return f"photos/{person_id}/{photo.digest}.{extension}"


class Bucket:
    """The bucket, through a boto3 S3 client."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def check(self) -> None:
        """Look whether the bucket is there; raises what boto3 raises."""
        self._client.head_bucket(Bucket=self._bucket)

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
        return Photo(reply["Body"].read(), reply["ContentType"], key)

    def uploaded(self, upload_id: str) -> Photo:
        """Fetch what somebody uploaded; raises UploadNotFound, InvalidPhoto or PhotoTooLarge.

        Size and type are checked here again: the form's conditions are the first fence, not the last.
        """
        key = upload_key(upload_id)
        try:
            reply = self._client.get_object(Bucket=self._bucket, Key=key)
        except self._client.exceptions.NoSuchKey:
            raise UploadNotFound from None
        if reply["ContentLength"] > UPLOAD_LIMIT_BYTES:
            raise PhotoTooLarge(f"The photo is larger than {UPLOAD_LIMIT_BYTES / 1e6:.1f} MB.")
        return photo(reply["Body"].read(), key=key)

    def form(self, upload_id: str) -> tuple[str, dict[str, str]]:
        """Make a form with which a browser may upload one photo: its URL and fields."""
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
        """Sign a link to an object of ours."""
        url = self._client.generate_presigned_url(
            "get_object",
            Params={"Bucket": self._bucket, "Key": key},
            ExpiresIn=int(LINK_LIFE.total_seconds()),
        )
        return SignedLink(url, now + LINK_LIFE)

    def keep_export(self, key: str, content: bytes, *, content_type: str, filename: str) -> None:
        """Store a file to be fetched by a link, under a name of ASCII letters, digits, `-` and `.`."""
        self._client.put_object(
            Bucket=self._bucket,
            Key=key,
            Body=content,
            ContentType=content_type,
            ContentDisposition=f'attachment; filename="{filename}"',
        )

    def remove(self, key: str) -> None:
        """Delete an object of ours; one that is not there is fine."""
        self._client.delete_object(Bucket=self._bucket, Key=key)

    def names(self, prefix: str) -> list[str]:
        """List the objects whose keys begin with a prefix, old versions and all."""
        return sorted({entry["Key"] for entry in self._versions(prefix)})

    def remove_all(self, prefix: str, *, before: datetime | None = None, dry_run: bool = False) -> int:
        """Delete the objects whose keys begin with a prefix (from `before` an instant), in all versions.

        Says how many there were.
        """
        found = [entry for entry in self._versions(prefix) if not before or entry["LastModified"] < before]
        for start in range(0, len(found) if not dry_run else 0, 1000):
            some: Any = [
                {"Key": entry["Key"], "VersionId": entry["VersionId"]}
                for entry in found[start : start + 1000]
            ]
            reply = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": some, "Quiet": True})
            if reply.get("Errors"):
                raise Busy
        return len({entry["Key"] for entry in found})

    def _versions(self, prefix: str) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("list_object_versions").paginate(
            Bucket=self._bucket, Prefix=prefix
        )
        for page in pages:
            found: Any = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            yield from found


def upload_key(upload_id: str) -> str:
    """Name the S3 object of an upload."""
    return f"uploads/{upload_id}"

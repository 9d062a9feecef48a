"""Request bodies that are not plain JSON: photos (raw, multipart/form-data or base64), and CSV files."""

import io
from typing import Annotated, ClassVar

from msgspec import UNSET, Meta, Struct, UnsetType
from multipart import MultipartError, MultipartParser, parse_options_header

from chalicelib.config import BODY_BYTES, TEXT_BYTES
from chalicelib.domain.errors import InvalidRequest, TooLarge
from chalicelib.domain.photo import Photo, photo
from chalicelib.domain.types import UploadId
from chalicelib.services import imports
from chalicelib.services.import_rows import Row
from chalicelib.web.request import Request, decode


class PhotoJson(Struct, forbid_unknown_fields=True):
    """A photo in base64 (padded, without `data:` prefix or spaces), or the id of an upload."""

    photo: bytes | UnsetType = UNSET
    upload_id: UploadId | UnsetType = UNSET


_ONE_OF_THEM = Meta(extra_json_schema={"oneOf": [{"required": ["photo"]}, {"required": ["upload_id"]}]})


class PhotoBody(Struct, frozen=True):
    """A photo: raw as `image/jpeg` or `image/png`, or as JSON with `photo` (base64) or `upload_id`."""

    TAKES: ClassVar = {
        "application/json": Annotated[PhotoJson, _ONE_OF_THEM],
        "image/jpeg": bytes,
        "image/png": bytes,
    }
    photo: Photo | None = None
    upload_id: str | None = None

    @classmethod
    def from_request(cls, request: Request) -> "PhotoBody":
        """Read the body in any of its formats; raises InvalidRequest, InvalidPhoto or PhotoTooLarge."""
        if request.content_type.startswith("image/"):
            return cls(photo(request.body))
        sent = decode(request.body, PhotoJson, limit=TEXT_BYTES)
        if (sent.photo is UNSET) == (sent.upload_id is UNSET):
            raise InvalidRequest("Send either `photo` (base64) or `upload_id`.")
        return cls(photo(sent.photo)) if sent.photo is not UNSET else cls(upload_id=sent.upload_id)


class Sheet(Struct, frozen=True):
    """A CSV of people, one a row under a header: UTF-8 or UTF-16, separated by comma, semicolon or tab."""

    TAKES: ClassVar = {"text/csv": str}
    rows: list[Row]

    @classmethod
    def from_request(cls, request: Request) -> "Sheet":
        """Read the body as CSV; raises InvalidImport or ImportTooLarge."""
        return cls(imports.read(request.body))


def form_fields(body: bytes, content_type: str) -> dict[str, bytes]:
    """Read multipart/form-data as bytes by field name; raises InvalidRequest or TooLarge.

    A repeated field is refused, because parsers disagree on which of the two counts.
    """
    if len(body) > BODY_BYTES:
        raise TooLarge(f"The form is larger than {BODY_BYTES / 1e6:.1f} MB.", limit_bytes=BODY_BYTES)
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    if not boundary:
        raise InvalidRequest("The multipart form has no boundary.")
    found: dict[str, bytes] = {}
    try:
        parser = MultipartParser(
            io.BytesIO(body), boundary, len(body), strict=True, part_limit=16, spool_limit=BODY_BYTES
        )
        for part in parser:
            if part.name in found:
                raise InvalidRequest("A field of the form was given more than once.")
            found[part.name] = part.raw
    except (MultipartError, ValueError):
        raise InvalidRequest("The multipart form cannot be read.") from None
    return found

"""Request bodies that are not plain JSON: photos (raw, multipart/form-data or base64), and imports."""

import io
from typing import Annotated, ClassVar

from msgspec import UNSET, Meta, Struct, UnsetType
from multipart import MultipartError, MultipartParser, parse_options_header

from chalicelib.config import BODY_BYTES, TEXT_BYTES
from chalicelib.domain.errors import ImportTooLarge, InvalidRequest, TooLarge
from chalicelib.domain.person import Code, PersonId
from chalicelib.domain.photo import Photo, photo
from chalicelib.domain.punch import Device, Reason
from chalicelib.domain.types import UploadId
from chalicelib.domain.workday import RequestedDirection
from chalicelib.services import holiday_files, imports
from chalicelib.services.import_rows import Row
from chalicelib.web.request import Request, decode


class PhotoJson(Struct, forbid_unknown_fields=True):
    """A photo in base64 (padded, without `data:` prefix or spaces), or the id of an upload."""

    photo: bytes | UnsetType = UNSET
    upload_id: UploadId | UnsetType = UNSET


_ONE_OF_THEM = Meta(extra_json_schema={"oneOf": [{"required": ["photo"]}, {"required": ["upload_id"]}]})


class ImportedPunch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A punch to import, of a person named by `code` or by `person_id`.

    `at` is a date with a time, with an offset or in the site's zone.
    """

    at: Annotated[str, Meta(examples=["2026-11-23 08:00:00"])]
    code: Code | None = None
    person_id: PersonId | None = None
    direction: RequestedDirection = "auto"
    device: Device | None = None
    reason: Reason | None = None


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


class HolidayFile(Struct, frozen=True):
    """Holidays: a CSV with the columns date, name and half, or an iCalendar file of all-day events."""

    TAKES: ClassVar = {"text/csv": str, "text/calendar": str}
    rows: list[holiday_files.HolidayRow]

    @classmethod
    def from_request(cls, request: Request) -> "HolidayFile":
        """Read the body as CSV or iCalendar; raises InvalidImport or ImportTooLarge."""
        if request.content_type == "text/calendar" or holiday_files.is_icalendar(request.body):
            return cls(holiday_files.read_icalendar(request.body))
        return cls(holiday_files.read_csv(request.body))


class PunchFile(Struct, frozen=True):
    """Punches as a file, or as JSON: a list of objects with the fields of the CSV.

    Our own CSV has the columns `code` or `person_id`, `at`, and optionally `direction`, `device`, `reason`.
    An attlog.dat of ZKTeco and the CSV export of Hikvision are read as they are.
    """

    TAKES: ClassVar = {"application/json": list[ImportedPunch], "text/csv": str}
    content: bytes

    def __repr__(self) -> str:
        """Keep what is about people out of logs and traces."""
        return f"PunchFile({len(self.content)} bytes)"

    @classmethod
    def from_request(cls, request: Request) -> "PunchFile":
        """Take the body as it is; raises ImportTooLarge."""
        if len(request.body) > BODY_BYTES:
            raise ImportTooLarge(
                f"The file is larger than {BODY_BYTES / 1e6:.1f} MB.", limit_bytes=BODY_BYTES
            )
        return cls(request.body)


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

"""Reports in the requested format: JSON, CSV or XLSX.

A CSV that fits into a response is sent inline. A larger one, and every workbook, is stored in the bucket for
two minutes, and the response redirects there.
"""

from datetime import datetime
from typing import Literal, TypeVar

import msgspec

from chalicelib.aws.bucket import EXPORT_LIFE, Bucket, export_key
from chalicelib.aws.directory import Directory
from chalicelib.domain.errors import ExportTooLarge
from chalicelib.domain.ids import new_id
from chalicelib.domain.reports import P, Report
from chalicelib.domain.spreadsheets import csv_chunks, xlsx
from chalicelib.web.request import Reply, Request, quality

T = TypeVar("T")


Format = Literal["json", "csv", "xlsx"]


CSV_TYPE = "text/csv; charset=utf-8"


XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


_FORMATS: dict[str, Format] = {
    "application/json": "json",
    "text/csv": "csv",
    XLSX_TYPE: "xlsx",
}


INLINE_BYTES = 4 * 1024 * 1024
"""The largest CSV sent inline: Lambda allows 6 MB, and text that is not ASCII grows when it is encoded."""


PERSON_DAYS = 60_000
"""The most person-days of one file: 1,900 people for a month, or 160 for a year. More might not be ready
before API Gateway gives up at 29 s."""


def requested_format(request: Request, form: Format | None) -> Format:
    """Return the format of the `format` parameter, or else the one that the Accept header prefers."""
    if form is not None:
        return form
    best: tuple[float, Format] = (0.0, "json")
    for wish in request.headers.get("accept", "").split(","):
        kind, *parameters = (part.strip().lower() for part in wish.split(";"))
        wish_weight = next((quality(text[2:]) for text in parameters if text.startswith("q=")), 1.0)
        if kind in _FORMATS and wish_weight > best[0]:
            best = wish_weight, _FORMATS[kind]
    return best[1]


def reply(
    directory: Directory, bucket: Bucket, report: Report[P], form: Format, *, bom: bool, now: datetime
) -> P | Reply:
    """Return a report in the requested format: its JSON page, a file, or a 303 to the file.

    Raises ExportTooLarge, and whatever making the report raises.
    """
    if form == "json":
        return report.page()
    if report.person_days > PERSON_DAYS:
        raise ExportTooLarge(report.person_days, PERSON_DAYS)
    filename = f"{report.name}.{form}"
    if form == "xlsx":
        content = xlsx(report.table(), title=report.name[:31])
        return reply_with_link(directory, bucket, content, XLSX_TYPE, filename, now)
    content = b"".join(csv_chunks(report.table(), bom=bom))
    if len(content) > INLINE_BYTES:
        return reply_with_link(directory, bucket, content, CSV_TYPE, filename, now)
    headers = {"Content-Type": CSV_TYPE, "Content-Disposition": f'attachment; filename="{filename}"'}
    return Reply(200, content.decode(), headers)


def reply_json(directory: Directory, bucket: Bucket, body: T, filename: str, *, now: datetime) -> T | Reply:
    """Return a body as it is if an answer has room for it; otherwise store it and answer 303 with a link."""
    content = msgspec.json.encode(body)
    if len(content) <= INLINE_BYTES:
        return body
    return reply_with_link(directory, bucket, content, "application/json", filename, now)


def reply_with_link(
    directory: Directory, bucket: Bucket, content: bytes, content_type: str, filename: str, now: datetime
) -> Reply:
    """Store a file and redirect (303) to a signed link; the sweep deletes the file later.

    Its item is written first, because the sweep finds no file without one.
    """
    export_id = new_id()
    directory.add_export(export_id, now + EXPORT_LIFE)
    bucket.store_export(export_id, content, content_type=content_type, filename=filename)
    link = bucket.link(export_key(export_id), now=now)
    return Reply(303, link, {"Location": link.url})

"""Reports as files: what a caller asked for, and the answer that carries it.

CSV goes out as it is while an answer has room for it; what is larger, and every workbook, is stored in
the bucket for a day and the answer sends the caller there.
"""

from datetime import datetime
from typing import Literal, TypeVar

import msgspec

from chalicelib.aws.bucket import Bucket
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
"""Lambda answers with at most 6 MB, and what is not ASCII takes more room on its way than in the file."""


PERSON_DAYS = 60_000
"""Most days of people that are read for one file: a site of 1,900 for a month, or of 160 for a year. More
might not be ready before API Gateway gives up at 29 s."""


def requested_format(request: Request, form: Format | None) -> Format:
    """Say in which form an answer is wanted: as `format` says, else as the Accept header prefers."""
    if form is not None:
        return form
    best: tuple[float, Format] = (0.0, "json")
    for wish in request.headers.get("accept", "").split(","):
        kind, *parameters = (part.strip().lower() for part in wish.split(";"))
        wish_weight = next((quality(text[2:]) for text in parameters if text.startswith("q=")), 1.0)
        if kind in _FORMATS and wish_weight > best[0]:
            best = wish_weight, _FORMATS[kind]
    return best[1]


def reply(bucket: Bucket, report: Report[P], form: Format, *, bom: bool, now: datetime) -> P | Reply:
    """Give a report in the form that is wanted: JSON, a file, or a 303 to where the file is.

    Raises ExportTooLarge, and what making the report raises.
    """
    if form == "json":
        return report.page()
    if report.person_days > PERSON_DAYS:
        raise ExportTooLarge(report.person_days, PERSON_DAYS)
    filename = f"{report.name}.{form}"
    if form == "xlsx":
        return reply_with_link(bucket, xlsx(report.table(), title=report.name[:31]), XLSX_TYPE, filename, now)
    content = b"".join(csv_chunks(report.table(), bom=bom))
    if len(content) > INLINE_BYTES:
        return reply_with_link(bucket, content, CSV_TYPE, filename, now)
    headers = {"Content-Type": CSV_TYPE, "Content-Disposition": f'attachment; filename="{filename}"'}
    return Reply(200, content.decode(), headers)


def reply_json(bucket: Bucket, body: T, filename: str, *, now: datetime) -> T | Reply:
    """Return a body as it is if an answer has room for it; otherwise store it and answer 303 with a link."""
    content = msgspec.json.encode(body)
    if len(content) <= INLINE_BYTES:
        return body
    return reply_with_link(bucket, content, "application/json", filename, now)


def reply_with_link(bucket: Bucket, content: bytes, content_type: str, filename: str, now: datetime) -> Reply:
    """Store a file and answer with 303 to a link to it; the sweep removes it when the link is dead."""
    key = f"exports/{new_id()}"
    bucket.store_export(key, content, content_type=content_type, filename=filename)
    link = bucket.link(key, now=now)
    return Reply(303, link, {"Location": link.url})

"""Reports in the requested format: JSON, CSV or XLSX.

A CSV that fits into a response is sent inline. A larger one, and every workbook, is stored in the bucket for
two minutes, and the response redirects there.
"""

from datetime import datetime
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct

from chalicelib.aws.bucket import EXPORT_LIFE, Bucket, export_key
from chalicelib.aws.directory import Directory
from chalicelib.domain.errors import ExportTooLarge, InvalidRequest
from chalicelib.domain.ids import new_id
from chalicelib.domain.sheet_words import Words
from chalicelib.domain.sheets import P, Report, Rows
from chalicelib.domain.spreadsheets import Hours, csv_chunks, xlsx
from chalicelib.domain.types import Language
from chalicelib.services import timesheets
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


class Wanted(Struct, frozen=True):
    """The file that a request asks for; None is for what its headers, or the format, decide.

    `hours` is how a file shows lengths of time: minutes in a CSV, h:mm in a workbook. `rows` says which of a
    report's tables a CSV has; a workbook has all. With `link`, the response is a link to the file: a page's
    `fetch` cannot follow a redirect to another origin.
    """

    form: Format | None
    lang: Language | None = None
    hours: Hours | None = None
    rows: Rows = "data"
    bom: bool = False
    link: bool = False


class File(Struct, frozen=True):
    """A file to download."""

    content: bytes
    content_type: str
    filename: str

    def __repr__(self) -> str:
        """Keep what is about people out of logs and traces."""
        return f"File({self.content_type}, {len(self.content)} bytes)"


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
    directory: Directory,
    bucket: Bucket,
    report: Report[P],
    request: Request,
    wanted: Wanted,
    *,
    now: datetime,
) -> P | Reply:
    """Return a report in the requested format: its JSON page, a file, or a 303 or link to the file.

    Raises ExportTooLarge, and whatever making the report raises.
    """
    form = requested_format(request, wanted.form)
    if form == "json":
        if wanted.link:
            raise InvalidRequest("`link` is for files: add format=csv or format=xlsx.")
        return report.page()
    if report.person_days > timesheets.PERSON_DAYS:
        raise ExportTooLarge(report.person_days, timesheets.PERSON_DAYS)
    file = _file(report, form, request, wanted)
    if form == "xlsx" or wanted.link or len(file.content) > INLINE_BYTES:
        return reply_with_link(directory, bucket, file, redirect=not wanted.link, now=now)
    headers = {
        "Content-Type": file.content_type,
        "Content-Disposition": f'attachment; filename="{file.filename}"',
        "Vary": "Accept, Accept-Language",
    }
    return Reply(200, file.content.decode(), headers)


def _file(report: Report[P], form: Format, request: Request, wanted: Wanted) -> File:
    hours = wanted.hours or ("hm" if form == "xlsx" else "minutes")
    tables = report.tables(Words("vi" if (wanted.lang or request.language) == "vi" else "en", hours))
    if form == "xlsx":
        return File(xlsx(tables.values(), hours=hours), XLSX_TYPE, f"{report.name}.xlsx")
    filename = f"{report.name}.csv" if wanted.rows == "data" else f"{report.name}-{wanted.rows}.csv"
    content = b"".join(csv_chunks(tables[wanted.rows], hours=hours, bom=wanted.bom))
    return File(content, CSV_TYPE, filename)


def reply_json(
    directory: Directory, bucket: Bucket, body: T, filename: str, *, link: bool, now: datetime
) -> T | Reply:
    """Return a body as it is if a response has room for it; otherwise store it and redirect (303) to it.

    With `link`, it is always stored, and the response is the link.
    """
    content = msgspec.json.encode(body)
    if len(content) <= INLINE_BYTES and not link:
        return body
    file = File(content, "application/json", filename)
    return reply_with_link(directory, bucket, file, redirect=not link, now=now)


def reply_with_link(
    directory: Directory, bucket: Bucket, file: File, *, redirect: bool, now: datetime
) -> Reply:
    """Store a file and redirect (303) to a signed link, or send the link; the sweep deletes the file later.

    Its item is written first, because the sweep finds no file without one.
    """
    export_id = new_id()
    directory.add_export(export_id, now + EXPORT_LIFE)
    bucket.store_export(export_id, file.content, content_type=file.content_type, filename=file.filename)
    link = bucket.link(export_key(export_id), now=now)
    return Reply(303, link, {"Location": link.url}) if redirect else Reply(200, link)

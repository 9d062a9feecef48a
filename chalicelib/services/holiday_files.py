"""Files of holidays: a CSV with date, name and half, or an iCalendar file (RFC 5545) of all-day events."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from chalicelib.domain import icalendar
from chalicelib.domain.dates import date_range
from chalicelib.domain.errors import ImportTooLarge, InvalidImport, InvalidRequest
from chalicelib.domain.schedule import Half
from chalicelib.domain.text import fold
from chalicelib.services.import_rows import CellError
from chalicelib.services.imports import read

ICALENDAR_BYTES = 1_000_000
"""Largest iCalendar file: some 4,000 events with descriptions."""


COLUMNS = {
    "date": ("date", "day", "ngay"),
    "name": ("name", "holiday", "ten", "ten ngay le", "ngay le"),
    "half": ("half", "half day", "buoi", "nua ngay"),
}
"""Accepted names of each column in English and Vietnamese; case, accents and `_` are ignored."""


_HALVES: dict[str, Half] = {
    **dict.fromkeys(("first", "morning", "am", "sang", "buoi sang"), "first"),
    **dict.fromkeys(("second", "afternoon", "pm", "chieu", "buoi chieu"), "second"),
}


_ONE_DAY = timedelta(days=1)


class HolidayRow(Struct, frozen=True, kw_only=True):
    """A row or an event: its number, counted from 1, and what it says.

    It lasts from `starts` until before `ends`, both dates, or instants for an event that has times.
    """

    row: int
    name: str
    half: Half | None = None
    starts: date | None = None
    ends: date | None = None
    problems: list[CellError] = []

    def dates(self, zone: str) -> list[date]:
        """List the dates; times in UTC are those of a zone. Raises InvalidRequest."""
        if self.starts is None or self.ends is None:
            return []
        first, end = _midnight(self.starts, zone), _midnight(self.ends, zone)
        return date_range(first, max(first, end - _ONE_DAY))


def _midnight(at: date, zone: str) -> date:
    """Return the date that begins at an instant; raises InvalidRequest if none does."""
    if not isinstance(at, datetime):
        return at
    if at.tzinfo is not None:
        at = at.astimezone(ZoneInfo(zone))
    if at.time() != time():
        raise InvalidRequest("This is not an event of whole days.")
    return at.date()


def read_csv(content: bytes) -> list[HolidayRow]:
    """Read the rows of a CSV file; raises InvalidImport or ImportTooLarge."""
    rows = []
    for row in read(content, COLUMNS, ("date", "name")):
        problems = []
        on: date | None = None
        try:
            on = date.fromisoformat(row.cells.get("date", ""))
        except ValueError:
            problems.append(CellError("date", "This is not a date; write 2026-09-02 or 02/09/2026."))
        half = _HALVES.get(fold(row.cells.get("half", "")))
        if half is None and "half" in row.cells:
            problems.append(CellError("half", "A half is `first` or `second`; a whole day has none."))
        if row.stray:
            problems.append(CellError("", f"Column {row.stray} has a value but no name."))
        name = row.cells.get("name", "")
        ends = on + _ONE_DAY if on and on < date.max else on
        rows.append(HolidayRow(row=row.row, name=name, half=half, starts=on, ends=ends, problems=problems))
    return rows


def read_icalendar(content: bytes) -> list[HolidayRow]:
    """Read the events of an iCalendar file; raises InvalidImport or ImportTooLarge."""
    if len(content) > ICALENDAR_BYTES:
        raise ImportTooLarge(
            f"The file is larger than {ICALENDAR_BYTES // 1000} kB.", limit_bytes=ICALENDAR_BYTES
        )
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidImport("The file is neither UTF-8 nor UTF-16.") from None
    try:
        found = [event for event in icalendar.events(text) if not event.is_cancelled]
    except icalendar.CalendarError as error:
        raise InvalidImport(f"The file cannot be read as iCalendar (RFC 5545). {error}") from None
    if not found:
        raise InvalidImport("The file has no events.")
    return [_row(number, event) for number, event in enumerate(found, 1)]


def _row(number: int, event: icalendar.Event) -> HolidayRow:
    problem = "A recurring event is not read; write each date as an event of its own."
    if not event.recurs:
        try:
            starts, ends = event.span()
        except (ValueError, OverflowError):
            problem = "The date of this event cannot be read."
        else:
            return HolidayRow(row=number, name=event.name, starts=starts, ends=ends)
    return HolidayRow(row=number, name=event.name, problems=[CellError("date", problem)])


def is_icalendar(content: bytes) -> bool:
    """Say whether a file is an iCalendar file, whatever media type a browser gave it."""
    start = content[:200].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \r\n").upper()
    return start.startswith(b"BEGIN:VCALENDAR")

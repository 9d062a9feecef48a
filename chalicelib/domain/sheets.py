"""The attendance reports as tables, in the reader's language: what CSV and XLSX files have in them.

A report is made once: its data, then the totals of everybody in the data, then a legend. Each is a table of
its own, because rows of totals among the data get in the way of whoever sorts, filters or adds it up.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Generic, Literal, TypeVar
from zoneinfo import ZoneInfo

from msgspec import Struct

from chalicelib.domain.reports import LegendEntry, MonthlySheetRow, Roster, Sheets, Timesheet, legend
from chalicelib.domain.schedule import Half
from chalicelib.domain.session_attendance import SessionAttendance
from chalicelib.domain.sheet_words import HEADINGS, LENGTHS, MEANINGS, OTHERS, STATES, Words
from chalicelib.domain.spreadsheets import Cell, Column, Kind, Row, Table, clock
from chalicelib.domain.totals import DayCredit, Tally, TimesheetTotals
from chalicelib.domain.workday import TimesheetPunch, WorkDay

Rows = Literal["data", "totals", "legend"]
"""The tables of a report."""


P = TypeVar("P")


class Report(Struct, Generic[P]):
    """A report that can be rendered as a page of JSON or as tables; only the requested form is computed.

    `page` returns the JSON reply, `tables` those of the whole report in the order of `Rows`. `name` is the
    file's name without its extension: ASCII letters, digits and `-`. `person_days` is the number of
    person-days (people times dates) that the tables read.
    """

    name: str
    page: Callable[[], P]
    tables: Callable[[Words], Mapping[Rows, Table]]
    person_days: int


_WIDTHS = {"name": 28, "code": 12, "group": 16, "shift": 12, "sessions": 36, "punches": 48, "meaning": 48}


_KINDS: Mapping[str, Kind] = {
    "date": "date",
    "first_in": "time",
    "last_out": "time",
    "attended": "number",
    "absent": "number",
    "on_leave": "number",
    "people": "number",
    "mark": "mark",
}


_DAYS = (
    *("due_days", "attended_days", "absent_days", "planned_days"),
    *("leave_days", "paid_leave_days", "unpaid_leave_days"),
)


_COUNTS = (
    *("holidays", "days_off", "late_days", "half_days", "extra_days", "open_days"),
    *("late_sessions", "early_sessions"),
)


def roster_tables(found: Roster, site_name: str, words: Words) -> dict[Rows, Table]:
    """Lay a roster out as a table with one row per person."""
    names = ("date", "name", "code", "group", "shift", "state", "first_in", "last_out")
    lengths = ("worked_minutes", "late_minutes", "early_minutes")
    columns = _columns(words, *names, *lengths, "at_work", "open", "leave", "holiday")

    def rows() -> Iterator[Row]:
        for row in found.items:
            yield (
                *(found.date, row.name, row.code, row.group, row.shift, words.of(STATES, row.state)),
                *(row.first_in, row.last_out, row.worked_minutes, row.late_minutes, row.early_minutes),
                *(_yes(row.at_work, words), _yes(row.open, words)),
                *(_leave(row.leave, row.leave_half, words), row.holiday),
            )

    title = f"{words.heading('roster', site_name)}, {words.day(found.date)}"
    return {"data": _table("roster", title, columns, rows(), words, frozen=2)}


def timesheet_tables(
    sheets: Sheets, kinds: Sequence[str], made: Iterable[Timesheet], tally: Tally, words: Words
) -> dict[Rows, Table]:
    """Lay timesheets out: a row per day, and totals. `made` adds each of them to the tally."""
    columns = _columns(
        words,
        *("name", "code", "group", "date", "shift", "state", "first_in", "last_out"),
        *("expected_minutes", "worked_minutes", "break_minutes", "overtime_minutes"),
        *("late_minutes", "early_minutes", "attended", "absent", "on_leave"),
        *("open", "leave", "holiday", "sessions", "punches"),
    )

    def rows() -> Iterator[Row]:
        for sheet in made:
            for day, own in zip(sheet.days, sheet.credits, strict=True):
                yield (sheet.name, sheet.code, own.group, *_day(day, own, words))

    title = _title("timesheets", sheets, words)
    data = rows()
    return {
        "data": _table("timesheets", title, columns, data, words, frozen=4),
        "totals": _totals_table(title, kinds, data, tally, words),
    }


def monthly_tables(
    sheets: Sheets, kinds: Sequence[str], made: Iterable[MonthlySheetRow], tally: Tally, words: Words
) -> dict[Rows, Table]:
    """Lay the monthly sheet out: a row per person with a column per date, totals, and a legend."""
    columns = [
        *_columns(words, "name", "code", "group"),
        *(Column(on, "mark", 5, words.weekday(on), on.weekday() >= 5) for on in sheets.dates),
        *_totals_columns(kinds, words),
    ]

    def rows() -> Iterator[Row]:
        for row in made:
            yield (row.name, row.code, row.group, *row.marks, *_totals(row.totals, kinds))

    title = _title("monthly", sheets, words)
    data = rows()
    return {
        "data": _table("monthly", title, columns, data, words, frozen=3),
        "totals": _totals_table(title, kinds, data, tally, words),
        "legend": _legend_table(title, legend(sheets.leave_kinds), words),
    }


def _totals_table(title: str, kinds: Sequence[str], data: Iterator[Row], tally: Tally, words: Words) -> Table:
    """Lay totals out: of each person, of each group and of all, once the data has been read."""
    columns = [*_columns(words, "level", "name", "code", "group", "people"), *_totals_columns(kinds, words)]

    def rows() -> Iterator[Row]:
        for _ in data:  # adds up what was not written
            pass
        of = words.of(OTHERS, "person")
        for one in tally.people:
            yield (of, one.name, one.code, one.group, 1, *_totals(one.totals, kinds))
        of = words.of(OTHERS, "of_group")
        for group in tally.groups():
            yield (of, None, None, group.group, group.people, *_totals(group.totals, kinds))
        everybody = _totals(tally.total(), kinds)
        yield (words.of(OTHERS, "all"), None, None, None, len(tally.people), *everybody)

    return _table("totals", title, columns, rows(), words, frozen=2)


def _legend_table(title: str, entries: Iterable[LegendEntry], words: Words) -> Table:
    def meaning(entry: LegendEntry) -> str:
        if entry.leave is None:
            return words.of(MEANINGS, entry.means)
        return f"{entry.leave} ({words.of(MEANINGS, 'paid_leave' if entry.paid else 'unpaid_leave')})"

    rows = ((entry.mark, meaning(entry)) for entry in entries)
    return _table("legend", title, _columns(words, "mark", "meaning"), rows, words)


def _table(
    name: str, title: str, columns: Sequence[Column], rows: Iterable[Row], words: Words, frozen: int = 0
) -> Table:
    return Table(words.of(OTHERS, name), title, columns, rows, frozen, words.date_format)


def _title(what: str, sheets: Sheets, words: Words) -> str:
    return words.period(what, sheets.site_name, sheets.since, sheets.until, sheets.closed_through)


def _columns(words: Words, *names: str) -> list[Column]:
    return [
        Column(words.length(name), "minutes")
        if name in LENGTHS
        else Column(words.of(HEADINGS, name), _KINDS.get(name, "text"), _width(name))
        for name in names
    ]


def _width(name: str) -> int:
    return _WIDTHS.get(name, 17 if _KINDS.get(name) == "time" else 12)


def _totals_columns(kinds: Sequence[str], words: Words) -> list[Column]:
    return [
        *(Column(words.of(HEADINGS, name), "number") for name in _DAYS),
        *(Column(words.leave_kind(kind), "number") for kind in kinds),
        *(Column(words.of(HEADINGS, name), "number") for name in _COUNTS),
        *_columns(words, *LENGTHS),
    ]


def _totals(sums: TimesheetTotals, kinds: Sequence[str]) -> list[Cell]:
    return [
        *(_number(getattr(sums, name)) for name in _DAYS),
        *(_number(sums.leave_by_kind.get(kind, 0)) for kind in kinds),
        *(_number(getattr(sums, name)) for name in _COUNTS),
        *(getattr(sums, name) for name in LENGTHS),
    ]


def _day(day: WorkDay, own: DayCredit, words: Words) -> Row:
    """Return the cells of a day, without whose it is."""
    return (
        *(day.date, day.shift, words.of(STATES, day.state), day.first_in, day.last_out),
        *(day.expected_minutes, day.worked_minutes, day.break_minutes, day.overtime_minutes),
        *(day.late_minutes, day.early_minutes),
        *(_share(own.attended), _share(own.absent), _share(sum(own.leave.values()))),
        *(_yes(day.open, words), _leave_of(day, own, words), day.holiday),
        "; ".join([_session(one, day.zone, words) for one in day.sessions]),
        "; ".join([_punch(one, words) for one in day.punches]),
    )


def _share(of_day: float) -> float | None:
    """Show what a date counts as; nothing is left empty, which is easier to read and faster to write."""
    return _number(of_day) if of_day else None


def _number(days: float) -> float:
    """Show a whole number of days without a decimal point."""
    return int(days) if days == int(days) else days


def _yes(flag: bool, words: Words) -> str | None:
    return words.of(OTHERS, "yes") if flag else None


def _leave(kind: str | None, half: Half | None, words: Words) -> str | None:
    return f"{kind} ({words.of(OTHERS, half)})" if half else kind


def _leave_of(day: WorkDay, own: DayCredit, words: Words) -> str | None:
    """Show the leave of a day; of two kinds on one day, both."""
    if len(own.leave) == 2:
        first, second = own.leave
        return f"{_leave(first, 'first', words)}, {_leave(second, 'second', words)}"
    return _leave(day.leave, day.leave_half, words)


def _session(one: SessionAttendance, zone: str, words: Words) -> str:
    """Show a session: 08:00-17:00 late 0:15, early 0:20."""
    shown = f"{_hours(one.starts, one.ends, zone)} {words.of(STATES, one.state)}"
    if one.late_minutes:
        shown += f" {clock(one.late_minutes)}"
    if one.early_minutes:
        shown += f", {words.of(OTHERS, 'early_by')} {clock(one.early_minutes)}"
    return shown


@lru_cache(maxsize=4096)
def _hours(starts: datetime, ends: datetime, zone: str) -> str:
    """Show the hours of a session on the clock of its zone."""
    local = ZoneInfo(zone)
    return f"{starts.astimezone(local):%H:%M}-{ends.astimezone(local):%H:%M}"


def _punch(entry: TimesheetPunch, words: Words) -> str:
    shown = f"{entry.at:%H:%M} {words.of(OTHERS, entry.direction)}"
    if entry.source == "manual":
        shown += f" {words.of(OTHERS, 'manual')}"
    if entry.void:
        return f"{shown} ({words.of(OTHERS, 'void')})"
    return shown if entry.counted else f"{shown} ({words.of(OTHERS, 'corrected')})"

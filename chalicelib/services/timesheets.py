"""Attendance as HR asks for it: the roster of a date, timesheets, the monthly sheet.

What is read from the table here is judged by `reports.py`. People come in order of name, namesakes in
that of their ids. Reports may miss what was recorded in the last second.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from functools import partial
from itertools import islice
from typing import Annotated, TypeVar

from msgspec import Meta, Struct

from chalicelib.aws.attendance_store import AttendanceStore
from chalicelib.aws.directory import Directory
from chalicelib.domain import reports
from chalicelib.domain.dates import check_date, date_range, month_dates
from chalicelib.domain.errors import InvalidCursor
from chalicelib.domain.leave import LeaveRecord
from chalicelib.domain.person import Person
from chalicelib.domain.punch import DayRecord
from chalicelib.domain.reports import Counts, Report, RosterRow, SheetRow, Timesheet
from chalicelib.domain.schedule import PATTERN_END, Schedule
from chalicelib.domain.spreadsheets import Row
from chalicelib.domain.text import fold
from chalicelib.domain.types import Page
from chalicelib.domain.workday import Leave, Member, State, TimeEvent, employed, leaves_by_person

PAGE_DAYS = 2000
"""Most days of people on a page of timesheets: some 3 MB, of the 6 that Lambda may answer with."""


FEW, SHARE = 100, 4
"""Days are read one by one for up to a hundred people, or a quarter of all if that is more; for more
people it is faster to read everybody's."""


R = TypeVar("R", Person, RosterRow, Timesheet, SheetRow)


MonthText = Annotated[
    str, Meta(pattern=f"^2[01][0-9]{{2}}-(0[1-9]|1[0-2]){PATTERN_END}", examples=["2026-11"])
]


RosterLimit = Annotated[int, Meta(ge=1, le=5000)]
"""A roster fits into one answer at any headcount that Lambda's 6 MB have room for."""


Marks = dict[str, dict[date, tuple[TimeEvent, ...]]]


class RosterPage(Struct, frozen=True):
    """Where people are on a date, and how many are in each state.

    The counts are of everybody in the group asked for, whatever `state`, `q` and the page leave out.
    """

    date: date
    counts: Counts
    items: list[RosterRow]
    next_cursor: str | None


class MonthlySheet(Struct, frozen=True):
    """A month at a glance: for each person a mark for each of `days`, and totals.

    Marks: P present, L late, H half a day, A absent, V on leave, F public holiday, O day off, nothing
    where the day is still to come or the person is not with the site; `?` after one: a punch is missing.
    """

    month: str
    days: list[date]
    items: list[SheetRow]
    next_cursor: str | None


class RosterFilter(Struct, frozen=True):
    """Whom a roster shows: a group; of them those in a state, and whose name or code `q` begins."""

    group: str | None = None
    state: State | None = None
    q: str = ""

    def rows(self, rows: Iterable[RosterRow]) -> list[RosterRow]:
        """Pick rows of a roster; accents and case do not count."""
        q = fold(self.q)
        return [row for row in rows if self.state in (None, row.state) and _begins(q, row)]


def roster(
    directory: Directory,
    attendance_store: AttendanceStore,
    on: date | None,
    chosen: RosterFilter,
    *,
    limit: int,
    after: str | None,
    now: datetime,
) -> Report[RosterPage]:
    """Say where everybody is on a date (None: today's work day); raises InvalidRequest or InvalidCursor.

    Whoever cannot be at work on it, being inactive or not with the site, is there only if they were.
    """
    rota = Schedule.of(directory.calendars())
    on = check_date(on or rota.work_day(now))
    people, days, leaves = directory.together(
        directory.everybody,
        partial(attendance_store.everybodys_days, [on]),
        partial(directory.leaves, on, on),
    )
    found = reports.roster(
        rota,
        [person.member() for person in _among(people, chosen.group)],
        on,
        {day.person_id: day.marks for day in days},
        leaves=_by_person(leaves),
        now=now,
    )
    rows = chosen.rows(found.items)

    def page() -> RosterPage:
        shown = _after(rows, after, people)
        return RosterPage(on, found.counts, shown[:limit], _next(shown, limit))

    table = partial(reports.roster_table, reports.Roster(on, found.counts, rows))
    return Report(f"attendance-{on}", page, table, len(rows))


def of_person(
    directory: Directory,
    attendance_store: AttendanceStore,
    person_id: str,
    since: date,
    until: date,
    *,
    now: datetime,
) -> Report[Timesheet]:
    """Give a person's timesheet; raises PersonNotFound or InvalidRequest."""
    days = date_range(since, until)
    person = directory.person(person_id)
    history, records, leaves = directory.together(
        directory.calendars,
        partial(attendance_store.days, person_id, days),
        partial(directory.leaves, since, until, person_id),
    )
    marks = {record.work_day: record.marks for record in records}
    own = [leave.leave() for leave in leaves]
    made = reports.timesheet(Schedule.of(history), person.member(), since, until, marks, leaves=own, now=now)
    name = f"timesheet-{person_id}-{since}-{until}"
    return Report(name, lambda: made, lambda: reports.timesheet_table([made]), len(days))


def of_group(
    directory: Directory,
    attendance_store: AttendanceStore,
    since: date,
    until: date,
    group: str | None,
    *,
    limit: int,
    after: str | None,
    now: datetime,
) -> Report[Page[Timesheet]]:
    """Give the timesheets of everybody or of a group; raises InvalidRequest or InvalidCursor.

    A page ends at `limit` people, or earlier where their days are many.
    """
    days = date_range(since, until)
    site = _Site(directory, attendance_store, group, days, now)

    def page() -> Page[Timesheet]:
        size = min(limit, max(PAGE_DAYS // len(days), 1))
        made = list(islice(site.timesheets(site.after(after), size + 1), size + 1))
        return Page(made[:size], _next(made, size))

    def table() -> Iterable[Row]:
        return reports.timesheet_table(site.timesheets(site.people, len(site.people)))

    return Report(f"timesheets-{since}-{until}", page, table, site.person_days)


def of_month(
    directory: Directory,
    attendance_store: AttendanceStore,
    text: str,
    group: str | None,
    *,
    limit: int,
    after: str | None,
    now: datetime,
) -> Report[MonthlySheet]:
    """Give the sheet of a month, YYYY-MM: people down, days across; raises InvalidRequest, InvalidCursor."""
    days = month_dates(text)
    site = _Site(directory, attendance_store, group, days, now)

    def page() -> MonthlySheet:
        rows = list(islice(site.sheet(site.after(after), limit + 1), limit + 1))
        return MonthlySheet(text, days, rows[:limit], _next(rows, limit))

    def table() -> Iterable[Row]:
        return reports.sheet_table(days[0], days[-1], site.sheet(site.people, len(site.people)))

    return Report(f"monthly-{text}", page, table, site.person_days)


class _Site:
    """What is needed of a site to judge some days of it; the days themselves are read when asked for."""

    def __init__(
        self,
        directory: Directory,
        attendance_store: AttendanceStore,
        group: str | None,
        days: list[date],
        now: datetime,
    ) -> None:
        self._ledger, self._days, self._now = attendance_store, days, now
        self._since, self._until = days[0], days[-1]
        everybody, history, leaves = directory.together(
            directory.everybody, directory.calendars, partial(directory.leaves, self._since, self._until)
        )
        self._everybody = everybody
        self.people = _among(everybody, group)
        self._few = max(FEW, len(everybody) // SHARE)
        read = self.people if len(self.people) <= self._few else everybody
        self.person_days = len(read) * len(days)
        self._rota = Schedule.of(history)
        self._leaves = _by_person(leaves)

    def after(self, after: str | None) -> list[Person]:
        """Leave out those whom earlier pages showed."""
        return _after(self.people, after, self._everybody)

    def timesheets(self, people: Sequence[Person], size: int) -> Iterator[Timesheet]:
        """Yield timesheets, reading `size` people's days at once."""
        for members, marks in self._read(people, size):
            for member in members:
                yield reports.timesheet(
                    self._rota,
                    member,
                    self._since,
                    self._until,
                    marks.get(member.person_id, {}),
                    leaves=self._leaves.get(member.person_id, ()),
                    now=self._now,
                )

    def sheet(self, people: Sequence[Person], size: int) -> Iterator[SheetRow]:
        """Yield lines of the monthly sheet, reading `size` people's days at once."""
        for members, marks in self._read(people, size):
            yield from reports.sheet(
                self._rota, members, self._since, self._until, marks, leaves=self._leaves, now=self._now
            )

    def _read(self, people: Sequence[Person], size: int) -> Iterator[tuple[list[Member], Marks]]:
        """Read days; whoever could not be at work on any of them is there only if they were."""
        for start in range(0, len(people), max(size, 1)):
            some = people[start : start + size]
            marks: Marks = {}
            for record in self._records(some):
                marks.setdefault(record.person_id, {})[record.work_day] = record.marks
            members = [person.member() for person in some]
            yield [one for one in members if one.person_id in marks or self._there(one)], marks

    def _records(self, people: Sequence[Person]) -> list[DayRecord]:
        if len(people) > self._few:
            return self._ledger.everybodys_days(self._days)
        return self._ledger.days_of((person.person_id for person in people), self._days)

    def _there(self, member: Member) -> bool:
        first = max(self._since, member.since or self._since)
        return first <= self._until and employed(member, first)


def _by_person(leaves: Iterable[LeaveRecord]) -> dict[str, list[Leave]]:
    return leaves_by_person(leave.leave() for leave in leaves)


def _among(people: Iterable[Person], group: str | None) -> list[Person]:
    """Pick the people of a group (None: everybody), in the order of reports."""
    return sorted((person for person in people if group in (None, person.group)), key=_place)


def _begins(q: str, row: RosterRow) -> bool:
    return f" {q}" in f" {fold(row.name)}" or (row.code is not None and fold(row.code).startswith(q))


def _place(one: Person | RosterRow | Timesheet | SheetRow) -> tuple[str, str]:
    return fold(one.name), one.person_id


def _after(rows: list[R], after: str | None, everybody: Iterable[Person]) -> list[R]:
    """Leave out what earlier pages showed, the last of them the person `after`; raises InvalidCursor.

    That person need not be among the rows any more, but among everybody.
    """
    if after is None:
        return rows
    last = next((person for person in everybody if person.person_id == after), None)
    if last is None:
        raise InvalidCursor
    return rows[bisect_right(rows, _place(last), key=_place) :]


def _next(rows: Sequence[R], limit: int) -> str | None:
    """Give the last person of `limit` rows, if anything follows them."""
    return rows[limit - 1].person_id if len(rows) > limit else None

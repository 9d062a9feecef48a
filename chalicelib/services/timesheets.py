"""Attendance reports: the roster of a date, timesheets, and the monthly sheet.

This module reads the data; the rules are in `domain.reports`. People are sorted by name, then by id. Reports
use eventually consistent reads and may miss what was recorded in the last second.
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
from chalicelib.domain.leave import Leave, LeaveRecord, leaves_by_person
from chalicelib.domain.person import Person
from chalicelib.domain.punch import DayRecord
from chalicelib.domain.reports import MonthlySheetRow, Report, RosterCounts, RosterRow, Timesheet
from chalicelib.domain.schedule import PATTERN_END
from chalicelib.domain.spreadsheets import Row
from chalicelib.domain.text import fold
from chalicelib.domain.timeline import employed_within, values_within
from chalicelib.domain.types import Page
from chalicelib.domain.workday import Member, State, TimeEvent

PAGE_DAYS = 2000
"""Most person-days on a page of timesheets: about 3 MB of the 6 MB that a Lambda response may have."""


FEW, SHARE = 100, 4
"""Days are read by key for up to 100 people, or a quarter of all people if that is more; beyond that it
is faster to query the days of all."""


R = TypeVar("R", Person, RosterRow, Timesheet, MonthlySheetRow)


MonthText = Annotated[
    str, Meta(pattern=f"^2[01][0-9]{{2}}-(0[1-9]|1[0-2]){PATTERN_END}", examples=["2026-11"])
]


RosterLimit = Annotated[int, Meta(ge=1, le=5000)]
"""Most rows of a page of the roster; 5,000 fit into the 6 MB of a Lambda response."""


EventsByPersonAndDate = dict[str, dict[date, tuple[TimeEvent, ...]]]


class RosterPage(Struct, frozen=True):
    """The roster of a date: the state of each person, and the number of people in each state.

    The counts cover the whole group, whatever `state`, `q` and the page select.
    """

    date: date
    counts: RosterCounts
    items: list[RosterRow]
    next_cursor: str | None


class MonthlySheet(Struct, frozen=True):
    """A month: for each person a mark for each of `days`, and totals.

    Marks: P present, L late, H half day, A absent, V leave, F public holiday, O day off, empty for a date
    in the future or outside the person's employment; `?` is added if a punch is missing.
    """

    month: str
    days: list[date]
    items: list[MonthlySheetRow]
    next_cursor: str | None


class RosterFilter(Struct, frozen=True):
    """The people whom a roster shows: of a group, in a state, with a name or code that begins with `q`."""

    group: str | None = None
    state: State | None = None
    q: str = ""

    def rows(self, rows: Iterable[RosterRow]) -> list[RosterRow]:
        """Select rows of a roster; accents and case are ignored."""
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
    """Return the roster of a date (None: today's work day); raises InvalidRequest or InvalidCursor.

    People who are inactive or not employed on that day are included only if they punched.
    """
    schedule = directory.site().schedule()
    on = check_date(on or schedule.work_day(now))
    people, days, leaves = directory.in_parallel(
        directory.all_people,
        partial(attendance_store.all_days, [on]),
        partial(directory.leaves, on, on),
    )
    found = reports.roster(
        schedule,
        [person.member() for person in _among(people, chosen.group, on, on)],
        on,
        {day.person_id: day.events for day in days},
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
    """Return the timesheet of a person; raises PersonNotFound or InvalidRequest."""
    days = date_range(since, until)
    person = directory.person(person_id)
    site, records, leaves = directory.in_parallel(
        directory.site,
        partial(attendance_store.days, person_id, days),
        partial(directory.leaves, since, until, person_id),
    )
    events = {record.work_day: record.events for record in records}
    own = [leave.leave() for leave in leaves]
    made = reports.timesheet(site.schedule(), person.member(), since, until, events, leaves=own, now=now)
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
    """Return the timesheets of all people or a group; raises InvalidRequest or InvalidCursor.

    A page ends at `limit` people, or earlier where their days are many.
    """
    days = date_range(since, until)
    data = _ReportData(directory, attendance_store, group, days, now)

    def page() -> Page[Timesheet]:
        size = min(limit, max(PAGE_DAYS // len(days), 1))
        made = list(islice(data.timesheets(data.after(after), size + 1), size + 1))
        return Page(made[:size], _next(made, size))

    def table() -> Iterable[Row]:
        return reports.timesheet_table(data.timesheets(data.people, len(data.people)))

    return Report(f"timesheets-{since}-{until}", page, table, data.person_days)


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
    """Return the sheet of a month (YYYY-MM), a row per person; raises InvalidRequest or InvalidCursor."""
    days = month_dates(text)
    data = _ReportData(directory, attendance_store, group, days, now)

    def page() -> MonthlySheet:
        rows = list(islice(data.sheet(data.after(after), limit + 1), limit + 1))
        return MonthlySheet(text, days, rows[:limit], _next(rows, limit))

    def table() -> Iterable[Row]:
        return reports.monthly_sheet_table(days[0], days[-1], data.sheet(data.people, len(data.people)))

    return Report(f"monthly-{text}", page, table, data.person_days)


class _ReportData:
    """The people, schedule and leave of some days; the work days are read when they are needed."""

    def __init__(
        self,
        directory: Directory,
        attendance_store: AttendanceStore,
        group: str | None,
        days: list[date],
        now: datetime,
    ) -> None:
        self._attendance_store, self._days, self._now = attendance_store, days, now
        self._since, self._until = days[0], days[-1]
        everybody, site, leaves = directory.in_parallel(
            directory.all_people, directory.site, partial(directory.leaves, self._since, self._until)
        )
        self._everybody = everybody
        self._group = group
        self.people = _among(everybody, group, self._since, self._until)
        self._few = max(FEW, len(everybody) // SHARE)
        read = self.people if len(self.people) <= self._few else everybody
        self.person_days = len(read) * len(days)
        self._schedule = site.schedule()
        self._leaves = _by_person(leaves)

    def after(self, after: str | None) -> list[Person]:
        """Leave out those whom earlier pages showed."""
        return _after(self.people, after, self._everybody)

    def timesheets(self, people: Sequence[Person], size: int) -> Iterator[Timesheet]:
        """Yield timesheets, reading `size` people's days at once."""
        for members, events in self._read(people, size):
            for member in members:
                yield reports.timesheet(
                    self._schedule,
                    member,
                    self._since,
                    self._until,
                    events.get(member.person_id, {}),
                    leaves=self._leaves.get(member.person_id, ()),
                    group=self._group,
                    now=self._now,
                )

    def sheet(self, people: Sequence[Person], size: int) -> Iterator[MonthlySheetRow]:
        """Yield rows of the monthly sheet, reading `size` people's days at once."""
        for members, events in self._read(people, size):
            yield from reports.monthly_sheet(
                self._schedule,
                members,
                self._since,
                self._until,
                events,
                leaves=self._leaves,
                group=self._group,
                now=self._now,
            )

    def _read(
        self, people: Sequence[Person], size: int
    ) -> Iterator[tuple[list[Member], EventsByPersonAndDate]]:
        """Read work days; people who are not employed on any of them are included only if they punched."""
        for start in range(0, len(people), max(size, 1)):
            some = people[start : start + size]
            events: EventsByPersonAndDate = {}
            for record in self._records(some):
                events.setdefault(record.person_id, {})[record.work_day] = record.events
            members = [person.member() for person in some]
            yield (
                [
                    one
                    for one in members
                    if one.person_id in events or employed_within(one.stints, self._since, self._until)
                ],
                events,
            )

    def _records(self, people: Sequence[Person]) -> list[DayRecord]:
        if len(people) > self._few:
            return self._attendance_store.all_days(self._days)
        return self._attendance_store.days_of((person.person_id for person in people), self._days)


def _by_person(leaves: Iterable[LeaveRecord]) -> dict[str, list[Leave]]:
    return leaves_by_person(leave.leave() for leave in leaves)


def _among(people: Iterable[Person], group: str | None, since: date, until: date) -> list[Person]:
    """Select who is in a group (None: all people) on any of some dates, in the order of reports."""
    return sorted(
        (one for one in people if group is None or group in values_within(one.groups, since, until)),
        key=_sort_key,
    )


def _begins(q: str, row: RosterRow) -> bool:
    return f" {q}" in f" {fold(row.name)}" or (row.code is not None and fold(row.code).startswith(q))


def _sort_key(one: Person | RosterRow | Timesheet | MonthlySheetRow) -> tuple[str, str]:
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
    return rows[bisect_right(rows, _sort_key(last), key=_sort_key) :]


def _next(rows: Sequence[R], limit: int) -> str | None:
    """Give the last person of `limit` rows, if anything follows them."""
    return rows[limit - 1].person_id if len(rows) > limit else None

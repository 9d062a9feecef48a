"""Attendance reports: the roster of a date, timesheets, and the monthly sheet.

This module reads the data; the rules are in `domain.reports`, the tables in `domain.sheets`. People are
sorted by name, then by id. Reports use eventually consistent reads and may miss what was recorded in the last
second.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from functools import partial
from itertools import chain, islice
from typing import Annotated, TypeVar

from msgspec import Meta, Struct

from chalicelib.aws.attendance_store import AttendanceStore
from chalicelib.aws.directory import Directory
from chalicelib.domain import reports, sheets
from chalicelib.domain.dates import check_date, date_range, month_dates
from chalicelib.domain.errors import InvalidCursor
from chalicelib.domain.leave import Leave, LeaveRecord, leaves_by_person
from chalicelib.domain.person import Person
from chalicelib.domain.punch import DayRecord
from chalicelib.domain.reports import (
    LegendEntry,
    MonthlySheetRow,
    RosterCounts,
    RosterRow,
    Sheets,
    Timesheet,
)
from chalicelib.domain.schedule import PATTERN_END
from chalicelib.domain.sheet_words import Words
from chalicelib.domain.sheets import Report
from chalicelib.domain.site import Site
from chalicelib.domain.spreadsheets import Table
from chalicelib.domain.text import fold
from chalicelib.domain.timeline import employed, employed_within, value_on, values_within
from chalicelib.domain.totals import GroupTotals, Tally, TimesheetTotals
from chalicelib.domain.workday import Member, State, TimeEvent

PAGE_DAYS = 2000
"""Most person-days on a page of timesheets: about 3 MB of the 6 MB that a Lambda response may have."""


PERSON_DAYS = 60_000
"""The most person-days that one request adds up: 1,900 people for a month, or 160 for a year. More might not
be ready before API Gateway gives up at 29 s."""


FEW, SHARE = 100, 4
"""Days are read by key for up to 100 people, or a quarter of all people if that is more; beyond that it
is faster to query the days of all."""


R = TypeVar("R", Person, RosterRow)


S = TypeVar("S", Timesheet, MonthlySheetRow)


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


class TimesheetPage(Struct, frozen=True):
    """Timesheets of people. The last page has the totals of all pages, by group and of all people.

    On other pages, and where there are more than 60,000 person-days, `groups` and `totals` are null.
    """

    items: list[Timesheet]
    groups: list[GroupTotals] | None
    totals: TimesheetTotals | None
    next_cursor: str | None


class MonthlySheet(Struct, frozen=True):
    """A month: for each person a mark for each of `days`, and totals.

    The `legend` explains the marks. Nothing changes any more on dates up to `closed_through`. The last page
    has the totals of all pages, as in `TimesheetPage`.
    """

    month: str
    days: list[date]
    legend: list[LegendEntry]
    closed_through: date | None
    items: list[MonthlySheetRow]
    groups: list[GroupTotals] | None
    totals: TimesheetTotals | None
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
    site = directory.site()
    schedule = site.schedule()
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

    tables = partial(sheets.roster_tables, reports.Roster(on, found.counts, rows), site.settings.site_name)
    return Report(f"attendance-{on}", page, tables, len(rows))


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
    made, tally = _sheets(site, days, None, now), Tally()
    sheet = made.timesheet(person.member(), events, leaves=own, tally=tally)
    tables = partial(sheets.timesheet_tables, made, _kinds(made, own), [sheet], tally)
    return Report(f"timesheet-{person_id}-{since}-{until}", lambda: sheet, tables, len(days))


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
) -> Report[TimesheetPage]:
    """Return the timesheets of all people or a group; raises InvalidRequest or InvalidCursor.

    A page ends at `limit` people, or earlier where their days are many.
    """
    days = date_range(since, until)
    data = _ReportData(directory, attendance_store, group, days, now)

    def page() -> TimesheetPage:
        size = min(limit, max(PAGE_DAYS // len(days), 1))
        items, tally, last = data.page(data.timesheet, after, size)
        return TimesheetPage(items, *_sums(tally), last)

    def tables(words: Words) -> dict[sheets.Rows, Table]:
        tally = Tally()
        return sheets.timesheet_tables(data.sheets, data.kinds, data.all(data.timesheet, tally), tally, words)

    return Report(f"timesheets-{since}-{until}", page, tables, data.person_days)


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
        items, tally, last = data.page(data.row, after, limit)
        legend = reports.legend(data.sheets.leave_kinds)
        closed = data.sheets.closed_through
        return MonthlySheet(text, days, legend, closed, items, *_sums(tally), last)

    def tables(words: Words) -> dict[sheets.Rows, Table]:
        tally = Tally()
        return sheets.monthly_tables(data.sheets, data.kinds, data.all(data.row, tally), tally, words)

    return Report(f"monthly-{text}", page, tables, data.person_days)


Make = Callable[[Member, reports.EventsByDate, Tally], S]
"""Makes the sheet of a person from their events, and adds it to a tally."""


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
        self._attendance_store, self._days, self._group = attendance_store, days, group
        everybody, site, leaves = directory.in_parallel(
            directory.all_people, directory.site, partial(directory.leaves, days[0], days[-1])
        )
        self._everybody = everybody
        self._people = _among(everybody, group, days[0], days[-1])
        self._few = max(FEW, len(everybody) // SHARE)
        read = self._people if len(self._people) <= self._few else everybody
        self.person_days = len(read) * len(days)
        self.sheets = _sheets(site, days, group, now)
        self._leaves = _by_person(leaves)
        own = (self._leaves.get(person.person_id, ()) for person in self._people)
        self.kinds = _kinds(self.sheets, chain.from_iterable(own))

    def timesheet(self, member: Member, events: reports.EventsByDate, tally: Tally) -> Timesheet:
        """Make the timesheet of a person."""
        leaves = self._leaves.get(member.person_id, ())
        return self.sheets.timesheet(member, events, leaves=leaves, tally=tally)

    def row(self, member: Member, events: reports.EventsByDate, tally: Tally) -> MonthlySheetRow:
        """Make the row of a person in the monthly sheet."""
        leaves = self._leaves.get(member.person_id, ())
        return self.sheets.row(member, events, leaves=leaves, tally=tally)

    def all(self, make: Make[S], tally: Tally) -> Iterator[S]:
        """Make the sheets of all people one by one."""
        return self._made(make, self._people, len(self._people), tally)

    def page(self, make: Make[S], after: str | None, size: int) -> tuple[list[S], Tally | None, str | None]:
        """Make a page of sheets; also the tally of all pages if it is the last, and the next cursor."""
        rest = _after(self._people, after, self._everybody)
        tally = Tally()
        made = list(islice(self._made(make, rest, size + 1, tally), size + 1))
        if len(made) > size:
            return made[:size], None, made[size - 1].person_id
        if self.person_days > PERSON_DAYS:
            return made, None, None
        if after is not None:
            tally = Tally()
            deque(self.all(make, tally), maxlen=0)
        return made, tally, None

    def _made(self, make: Make[S], people: Sequence[Person], size: int, tally: Tally) -> Iterator[S]:
        """Make sheets, reading `size` people's days at once.

        Who belonged to the site, or to the group, on none of the days is left out unless they punched then.
        """
        for start in range(0, len(people), max(size, 1)):
            some = people[start : start + size]
            events: EventsByPersonAndDate = {}
            for record in self._records(some):
                events.setdefault(record.person_id, {})[record.work_day] = record.events
            for person in some:
                own = events.get(person.person_id, {})
                if self._belongs(person, own):
                    yield make(person.member(), own, tally)

    def _belongs(self, person: Person, events: reports.EventsByDate) -> bool:
        if self._group is None or len(person.groups) == 1:
            return bool(events) or employed_within(person.stints, self._days[0], self._days[-1])
        return any(
            value_on(person.groups, on, None) == self._group and (on in events or employed(person.stints, on))
            for on in self._days
        )

    def _records(self, people: Sequence[Person]) -> list[DayRecord]:
        if len(people) > self._few:
            return self._attendance_store.all_days(self._days)
        return self._attendance_store.days_of((person.person_id for person in people), self._days)


def _sheets(site: Site, days: Sequence[date], group: str | None, now: datetime) -> Sheets:
    return Sheets(
        site.schedule(),
        days[0],
        days[-1],
        group=group,
        leave_kinds=site.settings.leave_kinds,
        closed_through=site.closed_through,
        site_name=site.settings.site_name,
        now=now,
    )


def _kinds(made: Sheets, leaves: Iterable[Leave]) -> list[str]:
    """Return the kinds of leave that have a column: those of the settings, and others that were taken."""
    known = [kind.kind for kind in made.leave_kinds]
    return [*known, *sorted({leave.kind for leave in leaves} - set(known))]


def _sums(tally: Tally | None) -> tuple[list[GroupTotals] | None, TimesheetTotals | None]:
    return (None, None) if tally is None else (tally.groups(), tally.total())


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


def _sort_key(one: Person | RosterRow) -> tuple[str, str]:
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


def _next(rows: Sequence[RosterRow], limit: int) -> str | None:
    """Give the last person of `limit` rows, if anything follows them."""
    return rows[limit - 1].person_id if len(rows) > limit else None

"""The attendance reports: the roster of a date, timesheets and the monthly sheet, each also as a table.

A table is a sequence of rows of cells, headed by its column names; `spreadsheets` writes it as CSV or XLSX.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.domain.dates import date_range
from chalicelib.domain.leave import Leave
from chalicelib.domain.schedule import Half, Schedule
from chalicelib.domain.spreadsheets import Row
from chalicelib.domain.timeline import value_on
from chalicelib.domain.workday import (
    STATES,
    Member,
    State,
    TimeEvent,
    TimesheetPunch,
    WorkDay,
    evaluate_person_day,
)

STATE_LETTERS: dict[State, str] = {
    "present": "P",
    "left": "P",
    "late": "L",
    "half_day": "H",
    "absent": "A",
    "leave": "V",
    "holiday": "F",
    "day_off": "O",
    "expected": "",
    "inactive": "",
}


LEGEND = (
    ("P", "present"),
    ("L", "late"),
    ("H", "half a day"),
    ("A", "absent"),
    ("V", "on leave"),
    ("F", "public holiday"),
    ("O", "day off"),
    ("?", "after a letter: a punch is missing"),
)


EventsByPerson = Mapping[str, Sequence[TimeEvent]]


EventsByDate = Mapping[date, Sequence[TimeEvent]]


LeavesByPerson = Mapping[str, Sequence[Leave]]


class RosterCounts(Struct, frozen=True):
    """The number of people in each state; the states add up to `total`. `at_work` people are in now."""

    total: int
    at_work: int
    present: int
    late: int
    left: int
    half_day: int
    absent: int
    expected: int
    leave: int
    holiday: int
    day_off: int


class RosterRow(Struct, frozen=True):
    """The state of one person on a date. Times carry the offset of the day's zone; minutes are whole."""

    person_id: str
    name: str
    code: str | None
    group: str | None
    shift: str
    state: State
    at_work: bool
    open: bool
    first_in: datetime | None
    last_out: datetime | None
    worked_minutes: int
    late_minutes: int
    early_minutes: int
    holiday: str | None
    leave: str | None
    leave_half: Half | None


class Roster(Struct, frozen=True):
    """The people who are expected or were present on a date, in the order given, and their counts."""

    date: date
    counts: RosterCounts
    items: list[RosterRow]


class TimesheetTotals(Struct, frozen=True):
    """Sums over the days of a timesheet.

    `attended_days` are the days with a counted punch, `late_days` and `half_days` included. `open_days`
    lack a punch. Half a day of leave counts as 0.5 in `leave_days`.
    """

    attended_days: int
    late_days: int
    half_days: int
    absent_days: int
    leave_days: float
    holidays: int
    days_off: int
    open_days: int
    expected_minutes: int
    worked_minutes: int
    overtime_minutes: int
    late_minutes: int
    early_minutes: int


class Timesheet(Struct, frozen=True):
    """The days of one person from `since` to `until` inclusive, oldest first, with their totals."""

    person_id: str
    name: str
    code: str | None
    group: str | None
    since: date
    until: date
    totals: TimesheetTotals
    days: list[WorkDay]


class MonthlySheetRow(Struct, frozen=True):
    """One person in the monthly sheet: a mark for each date, `?` added if a punch is missing, and totals."""

    person_id: str
    name: str
    code: str | None
    group: str | None
    marks: list[str]
    totals: TimesheetTotals


def roster(
    schedule: Schedule,
    members: Iterable[Member],
    on: date,
    events: EventsByPerson,
    *,
    leaves: LeavesByPerson,
    now: datetime,
) -> Roster:
    """Make the roster of a date; `events` and `leaves` are by person id.

    People who do not belong to the site on the date are left out, unless they punched.
    """
    found: dict[State, int] = dict.fromkeys(STATES, 0)
    at_work = 0
    items = []
    for member in members:
        own = events.get(member.person_id, ())
        day = evaluate_person_day(schedule, member, on, own, leaves=leaves.get(member.person_id, ()), now=now)
        if day.state == "inactive":
            continue
        found[day.state] += 1
        at_work += day.at_work
        items.append(
            RosterRow(
                person_id=member.person_id,
                name=member.name,
                code=member.code,
                group=value_on(member.groups, on, None),
                shift=day.shift,
                state=day.state,
                at_work=day.at_work,
                open=day.open,
                first_in=day.first_in,
                last_out=day.last_out,
                worked_minutes=day.worked_minutes,
                late_minutes=day.late_minutes,
                early_minutes=day.early_minutes,
                holiday=day.holiday,
                leave=day.leave,
                leave_half=day.leave_half,
            )
        )
    del found["inactive"]
    return Roster(on, RosterCounts(total=len(items), at_work=at_work, **found), items)


def timesheet(
    schedule: Schedule,
    member: Member,
    since: date,
    until: date,
    events: EventsByDate,
    *,
    leaves: Sequence[Leave] = (),
    group: str | None = None,
    now: datetime,
) -> Timesheet:
    """Make a person's timesheet; `events` are by work day, as `events_by_day` groups them.

    With a `group`, the dates on which the person was not in it are empty, and it stands in the sheet.
    Otherwise the group of the last date does.

    Raises InvalidRequest for a range that runs backwards or is longer than 366 days.
    """
    elsewhere = replace(member, stints=())
    days = []
    for on in date_range(since, until):
        own = group is None or value_on(member.groups, on, None) == group
        found = evaluate_person_day(
            schedule,
            member if own else elsewhere,
            on,
            events.get(on, ()) if own else (),
            leaves=leaves if own else (),
            now=now,
        )
        days.append(found)
    shown = group if group is not None else value_on(member.groups, until, None)
    return Timesheet(member.person_id, member.name, member.code, shown, since, until, totals(days), days)


def monthly_sheet(
    schedule: Schedule,
    members: Iterable[Member],
    since: date,
    until: date,
    events: Mapping[str, EventsByDate],
    *,
    leaves: LeavesByPerson,
    group: str | None = None,
    now: datetime,
) -> Iterator[MonthlySheetRow]:
    """Yield the rows of the monthly sheet, one per person; `events` are by person id, then by work day.

    `group` is as in `timesheet`.
    """
    nothing: EventsByDate = {}
    for member in members:
        own = events.get(member.person_id, nothing)
        off = leaves.get(member.person_id, ())
        made = timesheet(schedule, member, since, until, own, leaves=off, group=group, now=now)
        letters = [STATE_LETTERS[day.state] + "?" * day.open for day in made.days]
        yield MonthlySheetRow(made.person_id, made.name, made.code, made.group, letters, made.totals)


def totals(days: Sequence[WorkDay]) -> TimesheetTotals:
    """Sum the days of one person or of several."""
    states = [day.state for day in days]
    return TimesheetTotals(
        attended_days=sum(states.count(state) for state in ("present", "left", "late", "half_day")),
        late_days=states.count("late"),
        half_days=states.count("half_day"),
        absent_days=states.count("absent"),
        leave_days=states.count("leave")
        + sum(0.5 for day in days if day.leave_half and day.expected_minutes),
        holidays=states.count("holiday"),
        days_off=states.count("day_off"),
        open_days=sum(day.open for day in days),
        expected_minutes=sum(day.expected_minutes for day in days),
        worked_minutes=sum(day.worked_minutes for day in days),
        overtime_minutes=sum(day.overtime_minutes for day in days),
        late_minutes=sum(day.late_minutes for day in days),
        early_minutes=sum(day.early_minutes for day in days),
    )


def roster_table(found: Roster) -> Iterator[Row]:
    """Lay a roster out as a table with one row per person."""
    yield (
        *("Date", "Name", "Code", "Group", "Shift", "State", "First in", "Last out", "Worked minutes"),
        *("Late minutes", "Early minutes", "At work", "Punch missing", "Leave", "Holiday"),
    )
    for row in found.items:
        yield (
            *(found.date.isoformat(), row.name, row.code, row.group, row.shift, row.state),
            *(_clock(row.first_in), _clock(row.last_out), row.worked_minutes),
            *(row.late_minutes, row.early_minutes, _yes(row.at_work), _yes(row.open)),
            *(_leave(row.leave, row.leave_half), row.holiday),
        )


def timesheet_table(sheets: Iterable[Timesheet]) -> Iterator[Row]:
    """Lay timesheets out as one table: one row per day, and a row of totals after each person's days."""
    yield (
        *("Name", "Code", "Group", "Date", "Shift", "State", "First in", "Last out", "Expected minutes"),
        *("Worked minutes", "Break minutes", "Overtime minutes", "Late minutes", "Early minutes"),
        *("Punch missing", "Leave", "Holiday", "Punches"),
    )
    for made in sheets:
        who = (made.name, made.code, made.group)
        for day in made.days:
            yield (
                *who,
                *(day.date.isoformat(), day.shift, day.state, _clock(day.first_in), _clock(day.last_out)),
                *(day.expected_minutes, day.worked_minutes, day.break_minutes, day.overtime_minutes),
                *(day.late_minutes, day.early_minutes, _yes(day.open)),
                *(_leave(day.leave, day.leave_half), day.holiday),
                "; ".join(_punch(entry) for entry in day.punches),
            )
        sums = made.totals
        breaks = sum(day.break_minutes for day in made.days)
        yield (
            *who,
            *("Total", None, f"{sums.attended_days} days", None, None),
            *(sums.expected_minutes, sums.worked_minutes, breaks, sums.overtime_minutes),
            *(sums.late_minutes, sums.early_minutes, sums.open_days, sums.leave_days, sums.holidays, None),
        )


def monthly_sheet_table(since: date, until: date, rows: Iterable[MonthlySheetRow]) -> Iterator[Row]:
    """Lay the monthly sheet out as a table: a row per person, a column per date, totals and a legend."""
    days = date_range(since, until)
    one_month = (since.year, since.month) == (until.year, until.month)
    yield (
        *("Name", "Code", "Group"),
        *([day.day for day in days] if one_month else [day.isoformat() for day in days]),
        *(
            "Attended days",
            "Late days",
            "Half days",
            "Absent days",
            "Leave days",
            "Days with a punch missing",
        ),
        *("Expected minutes", "Worked minutes", "Overtime minutes", "Late minutes", "Early minutes"),
    )
    for row in rows:
        sums = row.totals
        yield (
            *(row.name, row.code, row.group, *row.marks),
            *(sums.attended_days, sums.late_days, sums.half_days, sums.absent_days, sums.leave_days),
            *(sums.open_days, sums.expected_minutes, sums.worked_minutes, sums.overtime_minutes),
            *(sums.late_minutes, sums.early_minutes),
        )
    yield ()
    yield (f"{since.isoformat()} to {until.isoformat()}",)
    yield from LEGEND


def _clock(at: datetime | None) -> str | None:
    """Format an instant on the site's clock, with its date because a night shift ends on the next day."""
    return None if at is None else f"{at:%Y-%m-%d %H:%M}"


def _yes(flag: bool) -> str | None:
    return "yes" if flag else None


def _leave(kind: str | None, half: Half | None) -> str | None:
    return f"{kind} ({half} half)" if half else kind


def _punch(entry: TimesheetPunch) -> str:
    shown = f"{entry.at:%H:%M} {entry.direction}"
    if entry.source == "manual":
        shown += " manual"
    if entry.void:
        return f"{shown} (takes one out)"
    return shown if entry.counted else f"{shown} (corrected)"


P = TypeVar("P")


class Report(Struct, Generic[P]):
    """A report that can be rendered as a page of JSON or as a table; only the requested form is computed.

    `page` returns the JSON reply, `table` the rows of the whole report. `name` is the file's name without
    its extension: ASCII letters, digits and `-`. `person_days` is the number of person-days (people times
    dates) that the table reads.
    """

    name: str
    page: Callable[[], P]
    table: Callable[[], Iterable[Row]]
    person_days: int

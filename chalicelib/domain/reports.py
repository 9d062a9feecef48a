"""The attendance reports: the roster of a date, timesheets and the monthly sheet.

`sheets` lays them out as tables, which `spreadsheets` writes as CSV or XLSX.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.domain.dates import date_range
from chalicelib.domain.leave import Leave
from chalicelib.domain.schedule import Half, Schedule
from chalicelib.domain.settings import LEAVE_KINDS, LeaveKind
from chalicelib.domain.timeline import value_on
from chalicelib.domain.totals import (
    STATE_LETTERS,
    DayCredit,
    LeaveKinds,
    Parts,
    PersonTotals,
    Tally,
    TimesheetTotals,
    credit,
    mark,
    parts_of,
    totals,
    totals_by_group,
)
from chalicelib.domain.workday import (
    STATES,
    Member,
    State,
    TimeEvent,
    WorkDay,
    evaluate_person_day,
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


class Timesheet(Struct, frozen=True):
    """The days of one person from `since` to `until` inclusive, oldest first, with their totals.

    `credits` say what each of the `days` counts as; the totals are their sums. `group` is the group whose
    sheet it is, or that of the last date. Nothing changes any more on dates up to `closed_through`.
    """

    person_id: str
    name: str
    code: str | None
    group: str | None
    since: date
    until: date
    closed_through: date | None
    totals: TimesheetTotals
    days: list[WorkDay]
    credits: list[DayCredit]


class MonthlySheetRow(Struct, frozen=True):
    """One person in the monthly sheet: a mark for each date, as the `legend` explains them, and totals."""

    person_id: str
    name: str
    code: str | None
    group: str | None
    marks: list[str]
    totals: TimesheetTotals


Meaning = Literal[
    "present",
    "late",
    "half_day",
    "absent",
    "leave",
    "holiday",
    "day_off",
    "halves",
    "extra",
    "punch_missing",
    "empty",
]


class LegendEntry(Struct, frozen=True):
    """What a mark of the monthly sheet means. `leave` is the kind that its letter stands for."""

    mark: str
    means: Meaning
    leave: str | None = None
    paid: bool | None = None


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


class Sheets:
    """Makes the sheets of people over a range of dates, with what they have in common.

    `group` leaves only the dates on which a person was in it; the others are empty. Otherwise each date
    counts for the group of that date. Nothing changes on dates up to `closed_through`.

    Raises InvalidRequest for a range that runs backwards or is longer than 366 days.
    """

    def __init__(
        self,
        schedule: Schedule,
        since: date,
        until: date,
        *,
        group: str | None = None,
        leave_kinds: Sequence[LeaveKind] = LEAVE_KINDS,
        closed_through: date | None = None,
        site_name: str = "",
        now: datetime,
    ) -> None:
        self.schedule, self.since, self.until, self.group = schedule, since, until, group
        self.leave_kinds, self.closed_through, self.now = leave_kinds, closed_through, now
        self.site_name = site_name
        self.dates = date_range(since, until)
        self._letters = letters(leave_kinds)

    def timesheet(
        self,
        member: Member,
        events: EventsByDate,
        *,
        leaves: Sequence[Leave] = (),
        tally: Tally | None = None,
    ) -> Timesheet:
        """Make a person's timesheet, and add it to a tally; `events` are by work day, as `events_by_day`."""
        days, _, credits, sums, shown = self._judge(member, events, leaves, tally)
        return Timesheet(
            person_id=member.person_id,
            name=member.name,
            code=member.code,
            group=shown,
            since=self.since,
            until=self.until,
            closed_through=self.closed_through,
            totals=sums,
            days=days,
            credits=credits,
        )

    def row(
        self,
        member: Member,
        events: EventsByDate,
        *,
        leaves: Sequence[Leave] = (),
        tally: Tally | None = None,
    ) -> MonthlySheetRow:
        """Make a person's row of the monthly sheet, and add it to a tally."""
        days, parts, _, sums, shown = self._judge(member, events, leaves, tally)
        marks = [
            mark(halves, day.state, day.open, self._letters) for day, halves in zip(days, parts, strict=True)
        ]
        return MonthlySheetRow(member.person_id, member.name, member.code, shown, marks, sums)

    def _judge(
        self, member: Member, events: EventsByDate, leaves: Sequence[Leave], tally: Tally | None
    ) -> tuple[list[WorkDay], list[Parts], list[DayCredit], TimesheetTotals, str | None]:
        elsewhere = replace(member, stints=())
        moved = len(member.groups) > 1
        group = value_on(member.groups, self.until, None)
        days, parts, credits = [], [], []
        for on in self.dates:
            of_date = value_on(member.groups, on, None) if moved else group
            if self.group in (None, of_date):
                who, own = member, events.get(on, ())
            else:
                who, own = elsewhere, ()
            day = evaluate_person_day(self.schedule, who, on, own, leaves=leaves, now=self.now)
            halves = parts_of(self.schedule, who, day, leaves)
            days.append(day)
            parts.append(halves)
            credits.append(credit(of_date, halves, day.state))
        shown = group if self.group is None else self.group
        today = self._today(member)
        sums = totals(days, credits, self._letters, today)
        if tally is not None:
            by_group: Iterable[tuple[str | None, TimesheetTotals]] = [(shown, sums)]
            if moved and self.group is None:
                by_group = totals_by_group(days, credits, self._letters, today)
            tally.add(PersonTotals(member.name, member.code, shown, sums), by_group)
        return days, parts, credits, sums, shown

    def _today(self, member: Member) -> date:
        """Return a person's work day now, or the last date if that is long past."""
        if self.until < self.now.date() - timedelta(days=2):
            return self.until
        return self.schedule.work_day(self.now, member.shifts)


def letters(leave_kinds: Iterable[LeaveKind]) -> LeaveKinds:
    """Return the letters of kinds of leave, and whether these are paid, by kind."""
    return {kind.kind: (kind.letter, kind.paid) for kind in leave_kinds}


def legend(leave_kinds: Iterable[LeaveKind]) -> list[LegendEntry]:
    """Explain the marks of the monthly sheet."""
    return [
        LegendEntry(STATE_LETTERS["present"], "present"),
        LegendEntry(STATE_LETTERS["late"], "late"),
        LegendEntry(STATE_LETTERS["half_day"], "half_day"),
        LegendEntry(STATE_LETTERS["absent"], "absent"),
        *(LegendEntry(kind.letter, "leave", kind.kind, kind.paid) for kind in leave_kinds),
        LegendEntry(STATE_LETTERS["leave"], "leave"),
        LegendEntry(STATE_LETTERS["holiday"], "holiday"),
        LegendEntry(STATE_LETTERS["day_off"], "day_off"),
        LegendEntry("/", "halves"),
        LegendEntry("*", "extra"),
        LegendEntry("?", "punch_missing"),
        LegendEntry("", "empty"),
    ]

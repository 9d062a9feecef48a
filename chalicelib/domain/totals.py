"""What a date counts as in the sheets, and the sums of dates: of a person, of each group and of all.

A date has two halves. Each is due, leave, holiday or a day off, or outside the person's employment or group;
the halves that are due count as the day's state says. So the shares of a date sum to 1, and a date counts
alike in the sums and in the marks of the monthly sheet.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from chalicelib.domain.leave import Leave
from chalicelib.domain.schedule import Half, Schedule
from chalicelib.domain.text import fold
from chalicelib.domain.timeline import employed, value_on
from chalicelib.domain.workday import Member, State, WorkDay

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


LeaveKinds = Mapping[str, tuple[str, bool]]
"""The letter of each kind of leave, and whether it is paid; other kinds have the letter V and are paid."""


class Part(Struct, frozen=True):
    """What one half of a date is; `leave` is the kind of a leave."""

    what: Literal["due", "leave", "holiday", "day_off", "outside"]
    leave: str = ""


Parts = tuple[Part, Part]


_DUE, _HOLIDAY, _DAY_OFF, _OUTSIDE = Part("due"), Part("holiday"), Part("day_off"), Part("outside")


_WHOLE: Parts = (_DUE, _DUE)


_OFF: Mapping[str, Parts] = {
    "holiday": (_HOLIDAY, _HOLIDAY),
    "day_off": (_DAY_OFF, _DAY_OFF),
    "inactive": (_OUTSIDE, _OUTSIDE),
}


_HALVES: tuple[Half, Half] = ("first", "second")


class DayCredit(Struct, frozen=True):
    """What a date counts as, in days, and the group that the person was in.

    `attended`, `absent`, `planned`, `holiday`, `day_off` and the kinds of `leave` sum to 1, or to 0 outside
    the person's employment and the sheet's group. Half a day judged `half_day` is attended, the rest absent.
    `planned` is what is still expected. `extra` says that they punched although nothing was due.
    """

    group: str | None
    attended: float
    absent: float
    planned: float
    holiday: float
    day_off: float
    leave: dict[str, float]
    extra: bool


class TimesheetTotals(Struct, frozen=True):
    """Sums over the dates of a timesheet; `..._days` in days or halves of them, as `DayCredit` shares them.

    `due_days` = `attended_days` + `absent_days`: the days due so far without leave. `planned_days` are due
    later. `leave_days` are the sum of `leave_by_kind`, and of `paid_leave_days` and `unpaid_leave_days`.
    Whole dates are counted in `late_days` and `half_days` (by their state), `extra_days` (punches although
    nothing was due) and `open_days` (a punch is missing); `late_sessions` and `early_sessions` are the times
    that somebody came late or left early. `expected_minutes` go up to today's work day, later ones are
    `planned_minutes`.
    """

    due_days: float
    attended_days: float
    absent_days: float
    planned_days: float
    leave_days: float
    paid_leave_days: float
    unpaid_leave_days: float
    leave_by_kind: dict[str, float]
    holidays: float
    days_off: float
    late_days: int
    half_days: int
    extra_days: int
    open_days: int
    late_sessions: int
    early_sessions: int
    expected_minutes: int
    planned_minutes: int
    worked_minutes: int
    break_minutes: int
    overtime_minutes: int
    late_minutes: int
    early_minutes: int


class PersonTotals(Struct, frozen=True):
    """The totals of one person."""

    name: str
    code: str | None
    group: str | None
    totals: TimesheetTotals


class GroupTotals(Struct, frozen=True):
    """The totals of the days that people were in a group (null: in none), and how many people these were."""

    group: str | None
    people: int
    totals: TimesheetTotals


class Tally:
    """The totals of the people of a report, as they are added, by person, by group and of all."""

    def __init__(self) -> None:
        self.people: list[PersonTotals] = []
        self._groups: dict[str | None, list[TimesheetTotals]] = {}

    def add(self, person: PersonTotals, by_group: Iterable[tuple[str | None, TimesheetTotals]]) -> None:
        """Add a person, with the totals of their days in each group."""
        self.people.append(person)
        for group, sums in by_group:
            self._groups.setdefault(group, []).append(sums)

    def groups(self) -> list[GroupTotals]:
        """Return the totals by group, in order of name; at last those of people in none."""
        order = sorted(self._groups, key=lambda group: (group is None, fold(group or "")))
        return [GroupTotals(one, len(self._groups[one]), added(self._groups[one])) for one in order]

    def total(self) -> TimesheetTotals:
        """Return the totals of all people."""
        return added([person.totals for person in self.people])


def parts_of(schedule: Schedule, member: Member, day: WorkDay, leaves: Sequence[Leave]) -> Parts:
    """Say what each half of a person's date is."""
    if day.sessions:
        if day.holiday_half is not None:
            return _with_half(day.holiday_half, _HOLIDAY)
        if day.leave_half is not None and day.leave is not None:
            return _with_half(day.leave_half, Part("leave", day.leave))
        return _WHOLE
    if day.state in _OFF:
        return _OFF[day.state]
    if day.state != "leave":  # somebody punched although nothing was due
        if not employed(member.stints, day.date):
            return _OFF["inactive"]
        off = schedule.shift_day(value_on(member.shifts, day.date, None), day.date, day.zone).off
        if off is not None:
            return _OFF[off]
    found = [leave for leave in leaves if leave.since <= day.date <= leave.until]
    kinds = {leave.half: leave.kind for leave in reversed(found)}
    first, second = (
        _HOLIDAY if day.holiday_half == half else Part("leave", kinds.get(None) or kinds.get(half, ""))
        for half in _HALVES
    )
    return first, second


@lru_cache(maxsize=4096)
def credit(group: str | None, parts: Parts, state: State) -> DayCredit:
    """Say what a date counts as, by its halves and its state."""
    attended = absent = planned = 0.0
    due = 0.5 * parts.count(_DUE)
    if state == "absent":
        absent = due
    elif state == "expected":
        planned = due
    elif state == "half_day":
        attended = absent = due / 2
    else:
        attended = due
    leave: dict[str, float] = {}
    for part in parts:
        if part.what == "leave":
            leave[part.leave] = leave.get(part.leave, 0.0) + 0.5
    return DayCredit(
        group=group,
        attended=attended,
        absent=absent,
        planned=planned,
        holiday=0.5 * parts.count(_HOLIDAY),
        day_off=0.5 * parts.count(_DAY_OFF),
        leave=leave,
        extra=not due and state in ("present", "left"),
    )


def mark(parts: Parts, state: State, is_open: bool, kinds: LeaveKinds) -> str:
    """Return a date's mark in the monthly sheet: a letter, or those of both halves, and signs after it."""
    if parts is _WHOLE:
        return STATE_LETTERS[state] + "?" * is_open
    letter = STATE_LETTERS[state]
    first, second = (_part_letter(part, letter, kinds) for part in parts)
    shown = first if first == second else f"{first}/{second}"
    if _DUE not in parts and state in ("present", "left"):
        shown = f"{shown or letter}*"
    return shown + "?" * is_open


def totals(
    days: Sequence[WorkDay], credits: Sequence[DayCredit], kinds: LeaveKinds, today: date
) -> TimesheetTotals:
    """Sum the dates of one person; `today` is their work day now."""
    attended = absent = planned = holidays = days_off = unpaid = 0.0
    late_days = half_days = extra = is_open = late_sessions = early_sessions = 0
    expected = ahead = worked = pause = overtime = late = early = 0
    leave: dict[str, float] = {}
    for day, own in zip(days, credits, strict=True):
        attended += own.attended
        absent += own.absent
        planned += own.planned
        holidays += own.holiday
        days_off += own.day_off
        for kind, share in own.leave.items():
            leave[kind] = leave.get(kind, 0.0) + share
            if not kinds.get(kind, _OTHER_LEAVE)[1]:
                unpaid += share
        if day.date <= today:
            expected += day.expected_minutes
        else:
            ahead += day.expected_minutes
        if day.first_in is None and day.last_out is None:
            continue
        late_days += day.state == "late"
        half_days += day.state == "half_day"
        extra += own.extra
        is_open += day.open
        worked += day.worked_minutes
        pause += day.break_minutes
        overtime += day.overtime_minutes
        if day.late_minutes or day.early_minutes:
            late += day.late_minutes
            early += day.early_minutes
            late_sessions += sum(session.late_minutes > 0 for session in day.sessions)
            early_sessions += sum(session.early_minutes > 0 for session in day.sessions)
    on_leave = sum(leave.values(), 0.0)
    return TimesheetTotals(
        due_days=attended + absent,
        attended_days=attended,
        absent_days=absent,
        planned_days=planned,
        leave_days=on_leave,
        paid_leave_days=on_leave - unpaid,
        unpaid_leave_days=unpaid,
        leave_by_kind=dict(sorted(leave.items())),
        holidays=holidays,
        days_off=days_off,
        late_days=late_days,
        half_days=half_days,
        extra_days=extra,
        open_days=is_open,
        late_sessions=late_sessions,
        early_sessions=early_sessions,
        expected_minutes=expected,
        planned_minutes=ahead,
        worked_minutes=worked,
        break_minutes=pause,
        overtime_minutes=overtime,
        late_minutes=late,
        early_minutes=early,
    )


def totals_by_group(
    days: Sequence[WorkDay],
    credits: Sequence[DayCredit],
    kinds: LeaveKinds,
    today: date,
) -> Iterator[tuple[str | None, TimesheetTotals]]:
    """Sum the dates of one person by group; a group in which they were never due and did nothing has none."""
    chosen: dict[str | None, tuple[list[WorkDay], list[DayCredit]]] = {}
    for day, own in zip(days, credits, strict=True):
        if day.state != "inactive":
            of_days, of_credits = chosen.setdefault(own.group, ([], []))
            of_days.append(day)
            of_credits.append(own)
    for group, (of_days, of_credits) in chosen.items():
        yield group, totals(of_days, of_credits, kinds, today)


def added(many: Sequence[TimesheetTotals]) -> TimesheetTotals:
    """Add totals up."""
    sums = {
        name: sum(getattr(one, name) for one in many)
        for name in TimesheetTotals.__struct_fields__
        if name != "leave_by_kind"
    }
    leave: dict[str, float] = {}
    for one in many:
        for kind, share in one.leave_by_kind.items():
            leave[kind] = leave.get(kind, 0.0) + share
    return TimesheetTotals(**sums, leave_by_kind=dict(sorted(leave.items())))


_OTHER_LEAVE = (STATE_LETTERS["leave"], True)


def _part_letter(part: Part, due: str, kinds: LeaveKinds) -> str:
    if part.what == "due":
        return due
    if part.what == "leave":
        return kinds.get(part.leave, _OTHER_LEAVE)[0]
    return "" if part.what == "outside" else STATE_LETTERS[part.what]


def _with_half(half: Half, part: Part) -> Parts:
    return (part, _DUE) if half == "first" else (_DUE, part)

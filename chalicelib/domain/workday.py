"""What a person's punches say about a work day.

Pure. Lengths are real time between UTC instants, so a night whose clocks change counts as it was
lived. A punch without a partner is reported and never guessed. The order in which punches arrive
does not matter: the same punches make the same day.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from itertools import chain, pairwise
from operator import attrgetter
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from chalicelib.domain.schedule import Half, Schedule, ShiftDay, halved

Direction = Literal["in", "out"]


Asked = Literal["auto", "in", "out"]


Source = Literal["face", "photo", "manual", "lab"]


State = Literal[
    "present",
    "late",
    "left",
    "half_day",
    "absent",
    "expected",
    "leave",
    "holiday",
    "day_off",
    "inactive",
]


STATES: tuple[State, ...] = get_args(State)


_DAY_MINUTES = 1440


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TimeEvent(Struct, frozen=True, omit_defaults=True):
    """A punch as the rules see it. Marks are never changed or taken away.

    `at` is UTC; `work_day` and `zone` are those of the moment it was made, so that a site which moves
    to another zone keeps its past days. With `supersedes` it stands in for another mark, and with
    `void` as well it only takes that one out; both stay visible. Source `photo` is a face without liveness.
    """

    id: str
    at: datetime
    work_day: date
    zone: str
    direction: Asked = "auto"
    source: Source = "face"
    supersedes: str | None = None
    void: bool = False


class Leave(Struct, frozen=True, forbid_unknown_fields=True):
    """Days a person is excused, `since` to `until` inclusive, or one `half` of each of them."""

    person_id: str
    since: date
    until: date
    kind: Annotated[str, Meta(min_length=1, max_length=40, examples=["annual", "sick"])]
    half: Half | None = None


class Member(Struct, frozen=True):
    """A person as the rules see them.

    `since` and `until` are the first and last date on which they can be absent (None: no such limit).
    Someone inactive without an `until` never is. `shift` None is the calendar's default.
    """

    person_id: str
    name: str
    code: str | None = None
    group: str | None = None
    shift: str | None = None
    active: bool = True
    since: date | None = None
    until: date | None = None


class TimesheetPunch(Struct, frozen=True):
    """A punch in a timesheet.

    `at` carries the offset of the day's zone. A punch that is not `counted` was superseded, voids another,
    or belongs to another work day; its `direction` is then the requested one.
    """

    id: str
    at: datetime
    direction: Asked
    source: Source
    counted: bool
    supersedes: str | None = None
    superseded_by: str | None = None
    void: bool = False


class WorkInterval(Struct, frozen=True):
    """The time from an in to the next out, in whole elapsed minutes; None where the punch is missing."""

    in_at: datetime | None
    out_at: datetime | None
    minutes: int


class WorkDay(Struct, frozen=True):
    """One person's work day.

    `state` without punches: `expected` until the grace period ends, then `absent`; or `leave`, `holiday`,
    `day_off`, `inactive`. With punches: `half_day` or `late` by the arrival, otherwise `left` after a last
    punch out and `present` until then. `at_work`: punched in, and the day is not over. `open`: a punch is
    missing. `late_minutes` and `early_minutes` are counted from the shift's start and end and rounded down,
    but are at least 1 if the person was late or early. `worked_minutes` is the sum of `pairs` less
    `break_minutes`; `overtime_minutes` is the part of it above `expected_minutes`. `leave` and `leave_half`
    are shown in any state.
    """

    date: date
    zone: str
    shift: str
    state: State
    expected_minutes: int
    first_in: datetime | None = None
    last_out: datetime | None = None
    worked_minutes: int = 0
    break_minutes: int = 0
    overtime_minutes: int = 0
    late_minutes: int = 0
    early_minutes: int = 0
    at_work: bool = False
    open: bool = False
    holiday: str | None = None
    leave: str | None = None
    leave_half: Half | None = None
    pairs: tuple[WorkInterval, ...] = ()
    punches: tuple[TimesheetPunch, ...] = ()


def person_day(
    schedule: Schedule,
    member: Member,
    on: date,
    marks: Sequence[TimeEvent],
    *,
    leaves: Sequence[Leave] = (),
    now: datetime,
) -> WorkDay:
    """Judge a person's date by the calendar, in the zone in which the day's first punch was made."""
    zone = marks[0].zone if marks else None
    if any(mark.zone != zone for mark in marks):
        own = [mark for mark in marks if mark.work_day == on]
        zone = min(own or marks, key=_order).zone
    plan = schedule.plan(member.shift, on, zone)
    leave = leave_on(leaves, on) if leaves else None
    return day(plan, marks, leave=leave, employed=employed(member, on), now=now)


def day(
    shift_day: ShiftDay,
    marks: Sequence[TimeEvent],
    *,
    leave: Leave | None = None,
    employed: bool = True,
    now: datetime,
) -> WorkDay:
    """Judge a date: `marks` are one person's, in any order; those of other days only correct.

    Someone who was there is judged like anybody, `employed` or not.
    """
    if leave is not None and leave.half is not None and shift_day.off is None:
        shift_day = halved(shift_day, leave.half)
    excused = shift_day.off is not None or (leave is not None and leave.half is None)
    expected = 0 if excused else shift_day.expected_minutes
    punches, counted = _entries(shift_day, marks) if marks else ((), [])
    if not counted:
        return WorkDay(
            date=shift_day.date,
            zone=shift_day.zone,
            shift=shift_day.shift,
            state=_state_without_punches(shift_day, leave, employed, now),
            expected_minutes=expected if employed else 0,
            holiday=shift_day.holiday,
            leave=leave.kind if leave else None,
            leave_half=leave.half if leave else None,
            punches=punches,
        )

    pairs, gross, away = _pairs(shift_day, counted)
    pause = 0
    if gross > shift_day.rules.break_after_minutes:
        pause = min(max(shift_day.rules.break_minutes - away, 0), gross)
    worked = gross - pause

    (first_s, first), (last_s, last) = counted[0], counted[-1]
    at_work = last.direction == "in" and now < shift_day.day_ends
    missing = [pair for pair in pairs if pair.in_at is None or pair.out_at is None]
    state: State = "left" if last.direction == "out" else "present"
    late = early = 0
    if not excused and first.direction == "in":  # of someone first seen leaving, the arrival is unknown
        delay = first_s - shift_day.starts_s
        if delay > shift_day.rules.grace_minutes * 60:
            late = max(delay // 60, 1)
            half_day_after = shift_day.rules.half_day_after_minutes
            state = "half_day" if half_day_after is not None and delay > half_day_after * 60 else "late"
    if not excused and last.direction == "out" and now >= shift_day.ends:  # until then they may come back
        short = shift_day.ends_s - last_s
        if short > shift_day.rules.early_grace_minutes * 60:
            early = max(short // 60, 1)
    return WorkDay(
        date=shift_day.date,
        zone=shift_day.zone,
        shift=shift_day.shift,
        state=state,
        expected_minutes=expected,
        first_in=next((pair.in_at for pair in pairs if pair.in_at), None),
        last_out=next((pair.out_at for pair in reversed(pairs) if pair.out_at), None),
        worked_minutes=worked,
        break_minutes=pause,
        overtime_minutes=max(worked - expected, 0),
        late_minutes=late,
        early_minutes=early,
        at_work=at_work,
        open=len(missing) > at_work,  # today's last in is not missing its out yet
        holiday=shift_day.holiday,
        leave=leave.kind if leave else None,
        leave_half=leave.half if leave else None,
        pairs=tuple(pairs),
        punches=punches,
    )


def direction(marks: Iterable[TimeEvent], new: TimeEvent) -> Direction:
    """Say whether a new mark is an in or an out beside the other marks of its work day."""
    for mark, way, _ in _with_directions([*marks, new], new.work_day):
        if mark.id == new.id and way is not None:
            return way
    raise ValueError(f"mark {new.id} is not counted, so it has no direction")


def recent(marks: Iterable[TimeEvent], at: datetime, window_s: float) -> TimeEvent | None:
    """Find the latest counted mark less than `window_s` seconds from an instant, on either side."""
    marks = list(marks)
    hidden = {mark.supersedes for mark in marks}
    near = [
        mark
        for mark in marks
        if mark.id not in hidden and not mark.void and abs((mark.at - at).total_seconds()) < window_s
    ]
    return max(near, key=_order, default=None)


def merge(marks: Iterable[TimeEvent], more: Iterable[TimeEvent]) -> tuple[TimeEvent, ...]:
    """Put marks together in order of time, each id once, however often and in whatever order they come."""
    return tuple(sorted({mark.id: mark for mark in chain(marks, more)}.values(), key=_order))


def by_day(marks: Iterable[TimeEvent]) -> dict[date, tuple[TimeEvent, ...]]:
    """Sort one person's marks into work days; a correction is also with the mark it supersedes."""
    marks = merge(marks, ())
    homes = {mark.id: mark.work_day for mark in marks}
    days: dict[date, list[TimeEvent]] = {}
    for mark in marks:
        for home in {mark.work_day, homes.get(mark.supersedes or "", mark.work_day)}:
            days.setdefault(home, []).append(mark)
    return {home: tuple(found) for home, found in sorted(days.items())}


def leave_on(leaves: Iterable[Leave], on: date) -> Leave | None:
    """Find what one person's leave says about a date; both halves, or any whole day, are a whole day."""
    found = [leave for leave in leaves if leave.since <= on <= leave.until]
    whole = next((leave for leave in found if leave.half is None), None)
    if whole is not None or not found:
        return whole
    if len({leave.half for leave in found}) == 2:
        return Leave(found[0].person_id, on, on, found[0].kind)
    return found[0]


def leaves_by_person(leaves: Iterable[Leave]) -> dict[str, list[Leave]]:
    """Sort leave by person id."""
    people: dict[str, list[Leave]] = {}
    for leave in leaves:
        people.setdefault(leave.person_id, []).append(leave)
    return people


def employed(member: Member, on: date) -> bool:
    """Say whether a person is with the site, and so can be absent, on a date."""
    if not member.active and member.until is None:
        return False
    return (member.since is None or member.since <= on) and (member.until is None or on <= member.until)


_order = attrgetter("at", "id")


def _with_directions(
    marks: Sequence[TimeEvent], on: date
) -> Iterator[tuple[TimeEvent, Direction | None, str | None]]:
    """Go through marks in order of time: each with its direction and the id that supersedes it.

    The direction is None for a mark that does not count on that date.
    """
    in_order = all(one.at < other.at for one, other in pairwise(marks))  # as they are stored
    ordered = marks if in_order else merge(marks, ())
    replaced = {mark.supersedes: mark.id for mark in ordered}
    last: Direction = "out"
    for mark in ordered:
        by = replaced.get(mark.id)
        if by is not None or mark.void or mark.work_day != on:
            yield mark, None, by
            continue
        asked = mark.direction
        last = ("out" if last == "in" else "in") if asked == "auto" else asked
        yield mark, last, None


def _entries(
    shift_day: ShiftDay, marks: Sequence[TimeEvent]
) -> tuple[tuple[TimesheetPunch, ...], list[tuple[int, TimesheetPunch]]]:
    """Give all entries in order of time, and those that count, each with its second since 1970."""
    clock = shift_day.clock
    fixed = isinstance(clock, timezone)
    entries: list[TimesheetPunch] = []
    counted: list[tuple[int, TimesheetPunch]] = []
    for mark, way, by in _with_directions(marks, shift_day.date):
        at = mark.at
        # At a fixed offset, the difference of two entries stays real time.
        local = at.astimezone(clock if fixed else _fixed(at.astimezone(clock).utcoffset()))
        if way is not None:
            entry = TimesheetPunch(mark.id, local, way, mark.source, True, mark.supersedes)
            since = at - _EPOCH
            counted.append((since.days * 86400 + since.seconds, entry))
        else:
            entry = TimesheetPunch(
                mark.id, local, mark.direction, mark.source, False, mark.supersedes, by, mark.void
            )
        entries.append(entry)
    return tuple(entries), counted


def _pairs(
    shift_day: ShiftDay, counted: list[tuple[int, TimesheetPunch]]
) -> tuple[list[WorkInterval], int, int]:
    """Pair each in with the out after it.

    Also gives the minutes in all pairs, and those between an out and the next in during the shift's
    hours. People see seconds at most, so the rules count whole ones.
    """
    pairs: list[WorkInterval] = []
    entered: TimesheetPunch | None = None
    entered_s = gone_s = total = away = 0
    for second, entry in counted:
        if entry.direction == "in":
            if entered is not None:
                pairs.append(WorkInterval(entered.at, None, 0))
            elif gone_s:
                away += max(min(second, shift_day.ends_s) - max(gone_s, shift_day.starts_s), 0) // 60
            entered, entered_s = entry, second
        elif entered is None:
            pairs.append(WorkInterval(None, entry.at, 0))
            gone_s = second
        else:
            minutes = (second - entered_s) // 60
            pairs.append(WorkInterval(entered.at, entry.at, minutes))
            total += minutes
            entered, gone_s = None, second
    if entered is not None:
        pairs.append(WorkInterval(entered.at, None, 0))
    return pairs, min(total, _DAY_MINUTES), away


def _state_without_punches(shift_day: ShiftDay, leave: Leave | None, employed: bool, now: datetime) -> State:
    if not employed:
        return "inactive"
    if shift_day.off is not None:
        return shift_day.off
    if leave is not None and leave.half is None:
        return "leave"
    return (
        "expected" if now <= shift_day.starts + timedelta(minutes=shift_day.rules.grace_minutes) else "absent"
    )


@lru_cache(maxsize=256)
def _fixed(offset: timedelta | None) -> timezone:
    return timezone(offset or timedelta(0))

"""The work-day rules: from a person's punches on a date to the hours and the state of that day.

Durations are real time between UTC instants, so a night on which the clocks change has its true length.
A missing punch is reported, never guessed. The same punches give the same day, in whatever order they
arrive.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from itertools import chain, pairwise
from operator import attrgetter
from typing import Literal, get_args

from msgspec import Struct

from chalicelib.domain.leave import Leave, leave_on
from chalicelib.domain.schedule import Half, Schedule, ShiftDay, with_half_day_leave

Direction = Literal["in", "out"]


RequestedDirection = Literal["auto", "in", "out"]


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
    """The part of a punch that the work-day rules need. Events are never changed or deleted.

    `at` is UTC. `work_day` and `zone` were fixed when the punch was made, so a site that moves to another
    zone keeps its past days. `supersedes` names the event that this one replaces; with `void`, this one
    only removes it. Both stay visible. The source `photo` is a face match without a liveness check.
    """

    id: str
    at: datetime
    work_day: date
    zone: str
    direction: RequestedDirection = "auto"
    source: Source = "face"
    supersedes: str | None = None
    void: bool = False


class Member(Struct, frozen=True):
    """The part of a person that the work-day rules need.

    `since` and `until` are the first and last date on which the person can be absent (None: no limit).
    An inactive person without `until` is never absent. `shift` None means the calendar's default shift.
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
    direction: RequestedDirection
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


def evaluate_person_day(
    schedule: Schedule,
    member: Member,
    on: date,
    events: Sequence[TimeEvent],
    *,
    leaves: Sequence[Leave] = (),
    now: datetime,
) -> WorkDay:
    """Evaluate a person's date by the schedule, in the zone in which the day's first punch was made."""
    zone = events[0].zone if events else None
    if any(event.zone != zone for event in events):
        own = [event for event in events if event.work_day == on]
        zone = min(own or events, key=_order).zone
    shift_day = schedule.shift_day(member.shift, on, zone)
    leave = leave_on(leaves, on) if leaves else None
    return evaluate_day(shift_day, events, leave=leave, employed=employed(member, on), now=now)


def evaluate_day(
    shift_day: ShiftDay,
    events: Sequence[TimeEvent],
    *,
    leave: Leave | None = None,
    employed: bool = True,
    now: datetime,
) -> WorkDay:
    """Evaluate one person's date from their events, given in any order.

    Events of other work days count only as corrections. Punches are evaluated in the same way whether
    or not the person is `employed` on the date.
    """
    if leave is not None and leave.half is not None and shift_day.off is None:
        shift_day = with_half_day_leave(shift_day, leave.half)
    excused = shift_day.off is not None or (leave is not None and leave.half is None)
    expected = 0 if excused else shift_day.expected_minutes
    punches, counted = _timesheet_entries(shift_day, events) if events else ((), [])
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


def resolve_direction(events: Iterable[TimeEvent], new: TimeEvent) -> Direction:
    """Return the direction of a new event, given the other events of its work day.

    Raises ValueError if the event does not count, because it is void or superseded.
    """
    for event, way, _ in _resolve_directions([*events, new], new.work_day):
        if event.id == new.id and way is not None:
            return way
    raise ValueError(f"event {new.id} is not counted, so it has no direction")


def recent_event(events: Iterable[TimeEvent], at: datetime, window_s: float) -> TimeEvent | None:
    """Find the latest counted event less than `window_s` seconds before or after an instant."""
    events = list(events)
    hidden = {event.supersedes for event in events}
    near = [
        event
        for event in events
        if event.id not in hidden and not event.void and abs((event.at - at).total_seconds()) < window_s
    ]
    return max(near, key=_order, default=None)


def merge_events(events: Iterable[TimeEvent], more: Iterable[TimeEvent]) -> tuple[TimeEvent, ...]:
    """Merge events into one sequence in order of time, with each id once."""
    return tuple(sorted({event.id: event for event in chain(events, more)}.values(), key=_order))


def events_by_day(events: Iterable[TimeEvent]) -> dict[date, tuple[TimeEvent, ...]]:
    """Group one person's events by work day; a correction also joins the day of the event it supersedes."""
    events = merge_events(events, ())
    homes = {event.id: event.work_day for event in events}
    days: dict[date, list[TimeEvent]] = {}
    for event in events:
        for home in {event.work_day, homes.get(event.supersedes or "", event.work_day)}:
            days.setdefault(home, []).append(event)
    return {home: tuple(found) for home, found in sorted(days.items())}


def employed(member: Member, on: date) -> bool:
    """Say whether a person belongs to the site on a date, and so can be absent."""
    if not member.active and member.until is None:
        return False
    return (member.since is None or member.since <= on) and (member.until is None or on <= member.until)


_order = attrgetter("at", "id")


def _resolve_directions(
    events: Sequence[TimeEvent], on: date
) -> Iterator[tuple[TimeEvent, Direction | None, str | None]]:
    """Yield each event in order of time with its direction and the id of the event that supersedes it.

    The direction is None for an event that does not count on the date.
    """
    in_order = all(one.at < other.at for one, other in pairwise(events))  # as they are stored
    ordered = events if in_order else merge_events(events, ())
    replaced = {event.supersedes: event.id for event in ordered}
    last: Direction = "out"
    for event in ordered:
        by = replaced.get(event.id)
        if by is not None or event.void or event.work_day != on:
            yield event, None, by
            continue
        asked = event.direction
        last = ("out" if last == "in" else "in") if asked == "auto" else asked
        yield event, last, None


def _timesheet_entries(
    shift_day: ShiftDay, events: Sequence[TimeEvent]
) -> tuple[tuple[TimesheetPunch, ...], list[tuple[int, TimesheetPunch]]]:
    """Return all entries in order of time, and the counted ones with their time in seconds since 1970."""
    clock = shift_day.clock
    fixed = isinstance(clock, timezone)
    entries: list[TimesheetPunch] = []
    counted: list[tuple[int, TimesheetPunch]] = []
    for event, way, by in _resolve_directions(events, shift_day.date):
        at = event.at
        # At a fixed offset, the difference of two entries stays real time.
        local = at.astimezone(clock if fixed else _fixed(at.astimezone(clock).utcoffset()))
        if way is not None:
            entry = TimesheetPunch(event.id, local, way, event.source, True, event.supersedes)
            since = at - _EPOCH
            counted.append((since.days * 86400 + since.seconds, entry))
        else:
            entry = TimesheetPunch(
                event.id, local, event.direction, event.source, False, event.supersedes, by, event.void
            )
        entries.append(entry)
    return tuple(entries), counted


def _pairs(
    shift_day: ShiftDay, counted: list[tuple[int, TimesheetPunch]]
) -> tuple[list[WorkInterval], int, int]:
    """Pair each in with the out that follows it.

    Also returns the minutes within pairs, and the minutes between an out and the next in during the
    shift's hours. Both are computed from whole seconds, the finest unit that people are shown.
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

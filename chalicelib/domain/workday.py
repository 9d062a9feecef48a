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
from chalicelib.domain.schedule import Half, Schedule, ScheduledSession, Shift, ShiftDay, without_half
from chalicelib.domain.session_attendance import SessionAttendance, Span, judge_session, judge_sessions
from chalicelib.domain.timeline import Stint, Timeline, employed, value_on

Direction = Literal["in", "out"]


RequestedDirection = Literal["auto", "in", "out"]


Source = Literal["face", "photo", "manual", "lab", "import"]


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


_DAY_S = 86400


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
    """The part of a person that the work-day rules need: what held on which dates.

    A shift of None means the calendar's default shift. The person can be absent within a stint only.
    """

    person_id: str
    name: str
    code: str | None = None
    groups: Timeline[str | None] = ()
    shifts: Timeline[str | None] = ()
    stints: tuple[Stint, ...] = (Stint(),)


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
    `day_off`, `inactive`. With punches: `half_day`, if a session was missed, an arrival very late, or little
    was worked; `absent`, if a session was missed and none attended, or hardly anything was worked; `late` by
    the arrival at any session; otherwise `left` after a last punch out and `present` until then. `at_work`:
    punched in, and the day is not over; who comes when all sessions are over can be `absent` and at work.
    `open`: a punch is missing. `late_minutes` and `early_minutes` are the sums of the `sessions`.
    `worked_minutes` is the time of all `pairs` less `break_minutes`; `overtime_minutes` is the part of it
    above `expected_minutes`, as far as the shift counts it. `leave`, `leave_half`, `holiday` and
    `holiday_half` are shown in any state.
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
    holiday_half: Half | None = None
    leave: str | None = None
    leave_half: Half | None = None
    sessions: tuple[SessionAttendance, ...] = ()
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
    shift_day = schedule.shift_day(value_on(member.shifts, on, None), on, zone)
    leave = leave_on(leaves, on) if leaves else None
    return evaluate_day(shift_day, events, leave=leave, is_employed=employed(member.stints, on), now=now)


def evaluate_day(
    shift_day: ShiftDay,
    events: Sequence[TimeEvent],
    *,
    leave: Leave | None = None,
    is_employed: bool = True,
    now: datetime,
) -> WorkDay:
    """Evaluate one person's date from their events, given in any order.

    Events of other work days count only as corrections. Of a date on which the person is not employed,
    punches are shown and counted, but nothing is due: it has no sessions, no lateness and no overtime.
    """
    excused = shift_day.off is not None or not is_employed
    if leave is not None and not excused:
        if leave.half is None or shift_day.holiday_half not in (None, leave.half):
            excused = True
        elif shift_day.holiday_half is None:
            shift_day = without_half(shift_day, leave.half)
    expected = 0 if excused else shift_day.expected_minutes
    due = () if excused else shift_day.sessions
    punches, counted = _timesheet_entries(shift_day, events) if events else ((), [])
    if not counted:
        without, missed = _without_punches(shift_day, due, leave, is_employed, now)
        return WorkDay(
            date=shift_day.date,
            zone=shift_day.zone,
            shift=shift_day.shift,
            state=without,
            expected_minutes=expected,
            holiday=shift_day.holiday,
            holiday_half=shift_day.holiday_half,
            leave=leave.kind if leave else None,
            leave_half=leave.half if leave else None,
            sessions=missed,
            punches=punches,
        )

    pairs, spans, gross_s = _pairs(counted)
    at_work = counted[-1][1].direction == "in" and now < shift_day.day_ends
    missing = 2 * len(pairs) - len(counted)
    is_open = missing > at_work  # today's last in is not missing its out yet
    worked_s = gross_s - shift_day.rules.pause_s(gross_s, _away_s(shift_day, spans))
    worked = worked_s // 60
    state: State = "left" if counted[-1][1].direction == "out" else "present"
    sessions: tuple[SessionAttendance, ...] = ()
    late = early = 0
    if due:
        now_s = int(now.timestamp())
        sessions, delay_s = judge_sessions(shift_day.rules, due, spans, at_work, now_s)
        finished = not at_work and not is_open and now_s >= due[-1].ends_s
        state = _judge(shift_day.rules, sessions, delay_s, worked if finished else None) or state
        for session in sessions:
            late += session.late_minutes
            early += session.early_minutes
    return WorkDay(
        date=shift_day.date,
        zone=shift_day.zone,
        shift=shift_day.shift,
        state=state,
        expected_minutes=expected,
        first_in=next((pair.in_at for pair in pairs if pair.in_at), None),
        last_out=next((pair.out_at for pair in reversed(pairs) if pair.out_at), None),
        worked_minutes=worked,
        break_minutes=gross_s // 60 - worked,
        overtime_minutes=_overtime(shift_day, due, spans, worked_s - expected * 60) if is_employed else 0,
        late_minutes=late,
        early_minutes=early,
        at_work=at_work,
        open=is_open,
        holiday=shift_day.holiday,
        holiday_half=shift_day.holiday_half,
        leave=leave.kind if leave else None,
        leave_half=leave.half if leave else None,
        sessions=sessions,
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


def _pairs(counted: list[tuple[int, TimesheetPunch]]) -> tuple[list[WorkInterval], list[Span], int]:
    """Pair each in with the out that follows it, as people are shown them and in seconds.

    Also returns the seconds within all pairs, a day at most.
    """
    pairs: list[WorkInterval] = []
    spans: list[Span] = []
    entered: TimesheetPunch | None = None
    entered_s = gross_s = 0
    for second, entry in counted:
        if entered is not None and entry.direction == "out":
            pairs.append(WorkInterval(entered.at, entry.at, (second - entered_s) // 60))
            spans.append((entered_s, second))
            gross_s += second - entered_s
            entered = None
            continue
        if entered is not None:
            pairs.append(WorkInterval(entered.at, None, 0))
            spans.append((entered_s, None))
        if entry.direction == "in":
            entered, entered_s = entry, second
        else:
            pairs.append(WorkInterval(None, entry.at, 0))
            spans.append((None, second))
    if entered is not None:
        pairs.append(WorkInterval(entered.at, None, 0))
        spans.append((entered_s, None))
    return pairs, spans, min(gross_s, _DAY_S)


def _away_s(shift_day: ShiftDay, spans: list[Span]) -> int:
    """Return the time (seconds) between an out and the next in, within the hours of the shift."""
    if len(spans) == 1:
        return 0
    from_s, to_s = shift_day.hours_s
    away_s = 0
    gone: int | None = None
    for into, out in spans:
        if gone is not None and into is not None:
            away_s += max(min(into, to_s) - max(gone, from_s), 0)
        gone = out
    return away_s


def _judge(
    rules: Shift, sessions: tuple[SessionAttendance, ...], delay_s: int, worked: int | None
) -> State | None:
    """Return what missed sessions, lateness and little work (None: the day goes on) make of a day."""
    missed = attended = late = False
    for session in sessions:
        if session.state == "absent":
            missed = True
        elif session.state != "expected":
            attended = True
            late = late or session.state == "late"
    if (missed and not attended) or (worked is not None and worked < (rules.absent_under_minutes or 0)):
        return "absent"
    half_day_after = rules.half_day_after_minutes
    if (
        missed
        or (worked is not None and worked < (rules.half_day_under_minutes or 0))
        or (half_day_after is not None and delay_s > half_day_after * 60)
    ):
        return "half_day"
    return "late" if late else None


def _overtime(shift_day: ShiftDay, due: tuple[ScheduledSession, ...], spans: list[Span], over_s: int) -> int:
    """Return the minutes of overtime when more was worked than expected by so many seconds."""
    rules = shift_day.rules.overtime
    if due and not rules.before_shift:
        first_s = due[0].starts_s
        over_s -= sum(
            min(out, first_s) - into
            for into, out in spans
            if into is not None and out is not None and into < first_s
        )
    over = max(over_s, 0) // 60
    return 0 if over < rules.minimum_minutes else over - over % rules.rounding_minutes


def _without_punches(
    shift_day: ShiftDay,
    due: tuple[ScheduledSession, ...],
    leave: Leave | None,
    is_employed: bool,
    now: datetime,
) -> tuple[State, tuple[SessionAttendance, ...]]:
    if not is_employed:
        return "inactive", ()
    if shift_day.off is not None:
        return shift_day.off, ()
    if not due:
        return ("leave" if leave else "holiday"), ()
    now_s = int(now.timestamp())
    sessions = tuple(judge_session(shift_day.rules, session, [], now_s) for session in due)
    return ("absent" if sessions[0].state == "absent" else "expected"), sessions


@lru_cache(maxsize=256)
def _fixed(offset: timedelta | None) -> timezone:
    return timezone(offset or timedelta(0))

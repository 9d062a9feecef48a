"""Schedules: the site's zone, shifts, rotations and holidays, and the hours that are due on each date.

`Calendar`, `Shift`, `Rotation` and `Holiday` are stored and sent as they stand here. Wall-clock times are
read in the site's zone. When the clocks go back, a time that occurs twice means its first occurrence. When
they go forward, a skipped time means the same time an hour later (02:30 becomes 03:30).
"""

import zoneinfo
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from chalicelib.domain.timeline import Dated, value_on

PATTERN_END = r"$(?!\n)"
"""The end of a pattern: in Python, `$` alone also matches before a final line break."""


WallClock = Annotated[
    str,
    Meta(
        pattern=f"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?{PATTERN_END}",
        description="A time of day in the site's zone, HH:MM or HH:MM:SS.",
        examples=["08:00"],
    ),
]


Minutes = Annotated[int, Meta(ge=0, le=1440, description="Whole minutes.")]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Half = Literal["first", "second"]


ShiftName = Annotated[str, Meta(min_length=1, max_length=40, pattern=rf"^[^\x00-\x1f\x7f]+{PATTERN_END}")]


WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_S = 86400
EARLY_S = 2 * 3600
"""How long before its first session a work day begins at least, so that who comes early is not a day off."""


_FOREVER_S = 1 << 40


class SessionHours(Struct, frozen=True, forbid_unknown_fields=True):
    """A session of a day. If `ends` is not after `starts`, it ends on the next day."""

    starts: WallClock
    ends: WallClock


class Break(Struct, frozen=True, forbid_unknown_fields=True):
    """An unpaid break of so many minutes, due when more than `after_minutes` were worked."""

    after_minutes: Minutes
    minutes: Minutes


class Overtime(Struct, frozen=True, forbid_unknown_fields=True):
    """What counts as overtime.

    Without `before_shift`, time before the first session does not. Less than `minimum_minutes` a day is
    none, and the rest is rounded down to a multiple of `rounding_minutes`.
    """

    before_shift: bool = True
    minimum_minutes: Minutes = 0
    rounding_minutes: Annotated[int, Meta(ge=1, le=480)] = 1


Sessions = Annotated[tuple[SessionHours, ...], Meta(max_length=4)]


class Shift(Struct, frozen=True, forbid_unknown_fields=True):
    """Working hours and how they are judged.

    `starts` and `ends` give the hours of all `weekdays`. Instead, `week` gives each weekday up to four
    sessions; a weekday that it leaves out is a day off.

    An arrival up to `grace_minutes` after the start of a session is on time, a later one is late, and one
    more than `half_day_after_minutes` after it makes half a day. Leaving up to `early_grace_minutes` before
    the end is not early. A finished day with less than `half_day_under_minutes` of work is half a day, and
    with less than `absent_under_minutes` an absence; both are for the longest day of a `week`, and on a
    shorter one in proportion to its expected minutes.

    `break_minutes` are unpaid when more than `break_after_minutes` were worked; `breaks` replaces both where
    there are several. A break never takes more than the time above its `after_minutes`, and time punched out
    during the shift counts as a break. `cutoff` is when the next work day starts. By default it is the
    site's; if the shift runs to or past midnight, or that cut-off is within its hours or less than two hours
    before them, it is half-way between the shift's end and its start.
    """

    starts: WallClock | None = None
    ends: WallClock | None = None
    weekdays: Annotated[tuple[Weekday, ...], Meta(max_length=7)] = ("mon", "tue", "wed", "thu", "fri")
    week: dict[Weekday, Sessions] | None = None
    grace_minutes: Minutes = 0
    early_grace_minutes: Minutes = 0
    half_day_after_minutes: Minutes | None = None
    half_day_under_minutes: Minutes | None = None
    absent_under_minutes: Minutes | None = None
    break_minutes: Minutes = 0
    break_after_minutes: Minutes = 360
    breaks: Annotated[tuple[Break, ...], Meta(max_length=5)] = ()
    overtime: Overtime = Overtime()
    cutoff: WallClock | None = None

    def sessions(self, weekday: int) -> tuple[SessionHours, ...]:
        """Return the sessions of a weekday (0 is Monday); none on a day off."""
        if self.week is not None:
            return self.week.get(WEEK[weekday], ())
        if self.starts is None or self.ends is None or WEEK[weekday] not in self.weekdays:
            return ()
        return (SessionHours(self.starts, self.ends),)

    def pause_s(self, worked_s: int, away_s: int) -> int:
        """Return the unpaid break (seconds) that is still due after some work, less the time taken away."""
        if not self.breaks:  # one break, which is worked out for each day of each sheet
            return max(min(self.break_minutes * 60 - away_s, worked_s - self.break_after_minutes * 60), 0)
        due = (min(tier.minutes * 60 - away_s, worked_s - tier.after_minutes * 60) for tier in self.breaks)
        return max(0, *due)

    def tiers(self) -> tuple[Break, ...]:
        """Return the breaks, whichever way they are given."""
        return self.breaks or (Break(self.break_after_minutes, self.break_minutes),)


class Rotation(Struct, frozen=True, forbid_unknown_fields=True):
    """A cycle of weeks, each with a shift. The first week is the one (Monday to Sunday) of `anchor`."""

    anchor: date
    weeks: Annotated[tuple[ShiftName, ...], Meta(min_length=1, max_length=53)]

    def shift(self, on: date) -> str:
        """Return the shift of a date's week."""
        monday = self.anchor.toordinal() - self.anchor.weekday()
        return self.weeks[(on.toordinal() - monday) // 7 % len(self.weeks)]


class Holiday(Struct, frozen=True, forbid_unknown_fields=True):
    """A date, or one `half` of it, on which nobody is expected; work then is overtime."""

    date: date
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    half: Half | None = None


class Calendar(Struct, frozen=True, forbid_unknown_fields=True):
    """A site's time zone (IANA), cut-off, and shifts and rotations by name.

    A rotation may stand wherever a shift may. `default_shift` applies to people without a shift, or with one
    that no longer exists.
    """

    zone: Annotated[str, Meta(min_length=1, max_length=64, examples=["Asia/Ho_Chi_Minh"])] = (
        "Asia/Ho_Chi_Minh"
    )
    cutoff: WallClock = "04:00"
    shifts: Annotated[dict[ShiftName, Shift], Meta(min_length=1, max_length=100)] = field(
        default_factory=lambda: {"day": Shift(starts="08:00", ends="17:00", break_minutes=60)}
    )
    rotations: Annotated[dict[ShiftName, Rotation], Meta(max_length=100)] = field(default_factory=dict)
    default_shift: ShiftName = "day"

    def names(self) -> set[str]:
        """Return the names that a person's shift may have."""
        return {*self.shifts, *self.rotations}

    def shift(self, name: str | None, on: date) -> tuple[str, Shift]:
        """Return the shift that a name means on a date (None: the default), with its own name."""
        for wanted in (name, self.default_shift):
            if wanted in self.rotations:
                wanted = self.rotations[wanted].shift(on)
            if wanted in self.shifts:
                return wanted, self.shifts[wanted]
        raise ValueError(f"there is no shift {self.default_shift!r}")


class ScheduledSession(Struct, frozen=True):
    """A session of a date: its start and end with the offset of the zone, and in seconds since 1970.

    `wall_s` has them on the wall clock, in seconds since midnight of the date, as if no clock changed.
    """

    starts: datetime
    ends: datetime
    starts_s: int
    ends_s: int
    wall_s: tuple[int, int]


class ShiftDay(Struct, frozen=True):
    """A shift on one date: its sessions, and the bounds of its work day as UTC instants.

    On a day off, `off` gives the reason and `expected_minutes` is 0. Otherwise `expected_minutes` is the
    length of the sessions on the wall clock without breaks, even when the clocks change that day. `rules`
    have the thresholds of this day. `clock` is the zone, or a fixed offset when the offset is the same all
    day, which is faster to convert to. `hours_s` are the first start and the last end of the shift in seconds
    since 1970, whether they are due or not.
    """

    date: date
    zone: str
    clock: tzinfo
    shift: str
    rules: Shift
    day_starts: datetime
    day_ends: datetime
    sessions: tuple[ScheduledSession, ...]
    hours_s: tuple[int, int]
    expected_minutes: int
    off: Literal["holiday", "day_off"] | None = None
    holiday: str | None = None
    holiday_half: Half | None = None


class Schedule:
    """The shift days of a site by its calendars, each from a date on, and its holidays; computed once."""

    def __init__(self, calendars: Sequence[Dated[Calendar]], holidays: Iterable[Holiday] = ()) -> None:
        self._calendars = tuple(calendars)
        self._holidays = {holiday.date: holiday for holiday in holidays}
        self._shift_days: dict[tuple[str | None, date, str | None], ShiftDay] = {}
        self._starts: dict[tuple[str | None, str | None, date], datetime] = {}

    def calendar(self, on: date) -> Calendar:
        """Return the calendar in force on a date."""
        return value_on(self._calendars, on, _NO_CALENDAR)

    def shift_day(self, shift: str | None, on: date, zone: str | None = None) -> ShiftDay:
        """Return the hours of a shift or rotation (None: the default shift) on a date.

        `zone` is the zone in which the day's punches were made, when it is no longer the site's.
        """
        key = (shift, on, zone)
        found = self._shift_days.get(key)
        if found is None:
            found = self._shift_days[key] = self._make_shift_day(*key)
        return found

    def work_day(self, at: datetime, shifts: Sequence[Dated[str | None]] = ()) -> date:
        """Return the date of the work day that an aware instant belongs to, for a person of some shifts.

        A work day lasts until the next one starts, by the calendar and the shift of each date. Where a
        calendar, shift or rotation replaces another, the next one starts only half-way between the last
        hours of the one and the first hours of the other, if these are near each other or overlap.
        """
        day = at.astimezone(UTC).date() + timedelta(days=2)
        while self.day_starts(shifts, day) > at:
            day -= timedelta(days=1)
        return day

    def first_day(self, now: datetime, shifts: Sequence[Dated[str | None]] = ()) -> date:
        """Return the first date on which somebody added now is due: not one whose first session has begun."""
        today = self.work_day(now, shifts)
        day = self.shift_day(value_on(shifts, today, None), today)
        if day.sessions and now > day.sessions[0].starts + timedelta(minutes=day.rules.grace_minutes):
            return today + timedelta(days=1)
        return today

    def day_starts(self, shifts: Sequence[Dated[str | None]], on: date) -> datetime:
        """Return when the work day of a date starts for a person of some shifts."""
        key = (value_on(shifts, on - timedelta(days=1), None), value_on(shifts, on, None), on)
        found = self._starts.get(key)
        if found is None:
            found = self._starts[key] = self._find_day_start(*key)
        return found

    def _find_day_start(self, shift_before: str | None, shift: str | None, on: date) -> datetime:
        eve = on - timedelta(days=1)
        before, calendar = self.calendar(eve), self.calendar(on)
        rules_before, rules = before.shift(shift_before, eve)[1], calendar.shift(shift, on)[1]
        starts = _instant(on, work_day_start_s(rules, calendar.cutoff), calendar.zone)
        hours_before = spans_s(rules_before.sessions(eve.weekday()))
        if (rules_before == rules and before.zone == calendar.zone) or not hours_before:
            return starts
        ended = _instant(eve, hours_before[-1][1], before.zone)
        if starts >= ended + timedelta(seconds=EARLY_S):
            return starts
        if hours := spans_s(rules.sessions(on.weekday())):
            return max(starts, ended + (_instant(on, hours[0][0], calendar.zone) - ended) / 2)
        return max(starts, _instant(on, work_day_start_s(rules_before, before.cutoff), before.zone))

    def _make_shift_day(self, shift: str | None, on: date, zone: str | None) -> ShiftDay:
        calendar = self.calendar(on)
        name, rules = calendar.shift(shift, on)
        zone = zone or calendar.zone
        start_s = work_day_start_s(rules, calendar.cutoff)
        holiday = self._holidays.get(on)
        spans = spans_s(rules.sessions(on.weekday()))
        off: Literal["holiday", "day_off"] | None = None
        if holiday is not None and holiday.half is None:
            off = "holiday"
        elif not spans:
            off = "day_off"
        minutes = 0 if off else expected_minutes(rules, spans)
        if rules.week and not off:
            week = [expected_minutes(rules, spans_s(sessions)) for sessions in rules.week.values()]
            rules = _in_proportion(rules, minutes, max(week))
        bounds = _instant(on, start_s, zone), _instant(on, start_s + DAY_S, zone)
        clock: tzinfo = zoneinfo.ZoneInfo(zone)
        offsets = {bound.astimezone(clock).utcoffset() or timedelta(0) for bound in bounds}
        if len(offsets) == 1:
            clock = timezone(offsets.pop())
        made = ShiftDay(
            date=on,
            zone=zone,
            clock=clock,
            shift=name,
            rules=rules,
            day_starts=bounds[0],
            day_ends=bounds[1],
            sessions=() if off else tuple(_session(on, span, zone) for span in spans),
            hours_s=_hours_s(rules, on, zone),
            expected_minutes=minutes,
            off=off,
            holiday=holiday.name if holiday else None,
            holiday_half=holiday.half if holiday else None,
        )
        return without_half(made, holiday.half) if holiday and holiday.half and not off else made


_NO_CALENDAR = Calendar()


def expected_minutes(rules: Shift, spans: Sequence[tuple[int, int]]) -> int:
    """Return the minutes of work that some sessions ask for; the time between them is break."""
    worked_s = sum(ends - starts for starts, ends in spans)
    between_s = sum(after[0] - before[1] for before, after in pairwise(spans))
    return (worked_s - rules.pause_s(worked_s, between_s)) // 60


def without_half(day: ShiftDay, half: Half) -> ShiftDay:
    """Return the hours that remain due when one half of a day is leave or holiday.

    Of several sessions, the first half are those up to the middle one. A single session is divided into
    halves of the expected minutes, between which the break lies: 08:00-17:00 with an hour's break becomes
    13:00-17:00 or 08:00-12:00. What makes half a day is not asked of what remains, and what makes an absence
    is in proportion.
    """
    sessions, rules = day.sessions, day.rules
    if len(sessions) > 1:
        middle = (len(sessions) + 1) // 2
        kept = sessions[middle:] if half == "first" else sessions[:middle]
        minutes = expected_minutes(rules, [session.wall_s for session in kept])
    else:
        minutes = day.expected_minutes // 2
        kept = tuple(_half(session, half, minutes * 60, day.zone) for session in sessions)
    rules = _in_proportion(rules, minutes, day.expected_minutes)
    rules = replace(rules, half_day_after_minutes=None, half_day_under_minutes=None)
    return replace(day, sessions=kept, expected_minutes=minutes, rules=rules)


def _in_proportion(rules: Shift, minutes: int, of_minutes: int) -> Shift:
    """Return the rules with the thresholds of little work for a part of the expected minutes."""
    unders = rules.half_day_under_minutes, rules.absent_under_minutes
    half_day, absent = (under and under * minutes // max(of_minutes, 1) for under in unders)
    return replace(rules, half_day_under_minutes=half_day, absent_under_minutes=absent)


def _half(session: ScheduledSession, half: Half, length_s: int, zone: str) -> ScheduledSession:
    """Return the last or the first part of a session, when its `half` is free, in real time."""
    wall_s = session.wall_s
    if half == "first":
        starts = _local(session.ends - timedelta(seconds=length_s), zone)
        wall_s, starts_s = (wall_s[1] - length_s, wall_s[1]), session.ends_s - length_s
        return replace(session, starts=starts, starts_s=starts_s, wall_s=wall_s)
    ends = _local(session.starts + timedelta(seconds=length_s), zone)
    wall_s, ends_s = (wall_s[0], wall_s[0] + length_s), session.starts_s + length_s
    return replace(session, ends=ends, ends_s=ends_s, wall_s=wall_s)


def work_day_start_s(shift: Shift, cutoff: WallClock) -> int:
    """Return when a shift's work days start, in wall-clock seconds since midnight of their dates.

    `cutoff` is the site's. A negative result is in the evening before: a work day starts before the first
    session of any weekday, and after the last one of any weekday before it.
    """
    starts_s, ends_s = bounds_s(shift)
    if shift.cutoff is not None:
        cutoff_s = _seconds(shift.cutoff)
        return cutoff_s if cutoff_s <= starts_s else cutoff_s - DAY_S
    if ends_s < DAY_S:
        for cutoff_s in (_seconds(cutoff), _seconds(cutoff) - DAY_S):
            if ends_s - DAY_S < cutoff_s <= starts_s - EARLY_S:
                return cutoff_s
    return (starts_s + ends_s - DAY_S) // 2


@lru_cache(maxsize=1024)
def _seconds(wall: WallClock) -> int:
    hours, minutes, seconds = (*(int(part) for part in wall.split(":")), 0)[:3]
    return hours * 3600 + minutes * 60 + seconds


@lru_cache(maxsize=1024)
def spans_s(sessions: tuple[SessionHours, ...]) -> tuple[tuple[int, int], ...]:
    """Return the start and end of each session in seconds since midnight of the date."""
    found: list[tuple[int, int]] = []
    for session in sessions:
        starts, ends = _seconds(session.starts), _seconds(session.ends)
        while found and starts < found[-1][1]:
            starts += DAY_S
        found.append((starts, starts + ((ends - starts) % DAY_S or DAY_S)))
    return tuple(found)


def hours_of(shift: Shift) -> tuple[tuple[int, int], ...]:
    """Return the hours of a shift whose weekdays all are off; none if it does not say any."""
    if shift.starts is None or shift.ends is None:
        return ()
    return spans_s((SessionHours(shift.starts, shift.ends),))


def bounds_s(shift: Shift) -> tuple[int, int]:
    """Return the earliest start and latest end of any weekday in seconds since midnight; noon if none."""
    spans = [span for day in range(7) for span in spans_s(shift.sessions(day))] or hours_of(shift)
    return min((a for a, _ in spans), default=DAY_S // 2), max((b for _, b in spans), default=DAY_S // 2)


def _hours_s(shift: Shift, on: date, zone: str) -> tuple[int, int]:
    spans = spans_s(shift.sessions(on.weekday()))
    starts_s, ends_s = (spans[0][0], spans[-1][1]) if spans else bounds_s(shift)
    if starts_s == ends_s:
        return -_FOREVER_S, _FOREVER_S
    return int(_instant(on, starts_s, zone).timestamp()), int(_instant(on, ends_s, zone).timestamp())


def _session(on: date, wall_s: tuple[int, int], zone: str) -> ScheduledSession:
    starts, ends = (_local(_instant(on, second, zone), zone) for second in wall_s)
    return ScheduledSession(starts, ends, int(starts.timestamp()), int(ends.timestamp()), wall_s)


def _local(at: datetime, zone: str) -> datetime:
    """Return an instant with the offset that a zone has at it; the difference of two stays real time."""
    return at.astimezone(timezone(at.astimezone(zoneinfo.ZoneInfo(zone)).utcoffset() or timedelta(0)))


def _instant(on: date, wall_s: int, zone: str) -> datetime:
    """Return the UTC instant of a wall-clock time, in seconds since midnight; negative is the day before."""
    wall = datetime(on.year, on.month, on.day, tzinfo=zoneinfo.ZoneInfo(zone)) + timedelta(seconds=wall_s)
    return wall.astimezone(UTC)

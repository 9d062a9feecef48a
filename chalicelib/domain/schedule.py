"""Schedules: the site's zone, shifts and holidays, and the hours that a shift asks of each date.

`Calendar`, `Shift` and `Holiday` are stored and sent as they stand here. Wall-clock times are read in
the site's zone. When the clocks go back, a time that occurs twice means its first occurrence. When they
go forward, a skipped time means the same time an hour later (02:30 becomes 03:30).
"""

import zoneinfo
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import replace

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


_DAY_S = 86400


# Entries of the zone database that do not name a place.
_NOT_PLACES = {"localtime", "posixrules", "Factory"}


class Shift(Struct, frozen=True, forbid_unknown_fields=True):
    """Working hours, on the weekdays on which the shift starts.

    If `ends` is not after `starts`, the shift ends on the next day. An arrival up to `grace_minutes` after
    the start is on time, a later one is late, and one more than `half_day_after_minutes` after it makes
    half a day. Leaving up to `early_grace_minutes` before the end is not early. `break_minutes` are unpaid:
    they are deducted once if more than `break_after_minutes` were worked, less any time punched out during
    the shift. `cutoff` is when the next work day starts. By default it is the site's; for a shift that runs
    to or past midnight, or past the site's cut-off, it is half-way between the shift's end and its start.
    """

    starts: WallClock
    ends: WallClock
    weekdays: Annotated[tuple[Weekday, ...], Meta(max_length=7)] = ("mon", "tue", "wed", "thu", "fri")
    grace_minutes: Minutes = 0
    early_grace_minutes: Minutes = 0
    half_day_after_minutes: Minutes | None = None
    break_minutes: Minutes = 0
    break_after_minutes: Minutes = 360
    cutoff: WallClock | None = None


class Holiday(Struct, frozen=True, forbid_unknown_fields=True):
    """A date on which nobody is expected; all work on it is overtime."""

    date: date
    name: Annotated[str, Meta(min_length=1, max_length=100)]


class Calendar(Struct, frozen=True, forbid_unknown_fields=True):
    """A site's time zone (IANA), cut-off, shifts by name, and holidays.

    `default_shift` applies to people without a shift, or with one that no longer exists.
    """

    zone: Annotated[str, Meta(min_length=1, max_length=64, examples=["Asia/Ho_Chi_Minh"])] = (
        "Asia/Ho_Chi_Minh"
    )
    cutoff: WallClock = "04:00"
    shifts: Annotated[dict[ShiftName, Shift], Meta(min_length=1, max_length=100)] = field(
        default_factory=lambda: {"day": Shift(starts="08:00", ends="17:00", break_minutes=60)}
    )
    default_shift: ShiftName = "day"
    holidays: Annotated[tuple[Holiday, ...], Meta(max_length=2000)] = ()


class ShiftDay(Struct, frozen=True):
    """A shift on one date: its hours and the bounds of its work day, as UTC instants.

    On a day off, `off` gives the reason and `expected_minutes` is 0. Otherwise `expected_minutes` is the
    shift's length on the wall clock without its break, even when the clocks change that day. `clock` is
    the zone, or a fixed offset when the offset is the same all day, which is faster to convert to.
    `starts_s` and `ends_s` are seconds since 1970.
    """

    date: date
    zone: str
    clock: tzinfo
    shift: str
    rules: Shift
    day_starts: datetime
    day_ends: datetime
    starts: datetime
    ends: datetime
    starts_s: int
    ends_s: int
    expected_minutes: int
    off: Literal["holiday", "day_off"] | None = None
    holiday: str | None = None


class Schedule:
    """The shift days of a calendar, or of the calendars that were in force one after another.

    Each shift day is computed once. `calendar` is the calendar in force now.
    """

    def __init__(self, calendar: Calendar, *, history: Sequence[tuple[date, Calendar]] = ()) -> None:
        history = history or [(date.min, calendar)]
        self.calendar = calendar
        self._since = [since for since, _ in history]
        self._calendars = [calendar for _, calendar in history]
        self._holidays = [{day.date: day.name for day in calendar.holidays} for _, calendar in history]
        self._shift_days: dict[tuple[str | None, date, str | None], ShiftDay] = {}

    @classmethod
    def of(cls, history: Sequence[tuple[date, Calendar]]) -> "Schedule":
        """Make a schedule that applies to each date the calendar in force on it.

        `history` pairs each calendar with the first date on which it was in force, oldest first. It must
        not be empty; its first calendar also applies to earlier dates.
        """
        return cls(history[-1][1], history=history)

    def calendar_in_force(self, on: date) -> Calendar:
        """Return the calendar in force on a date."""
        return self._calendars[self._index(on)]

    def shift_day(self, shift: str | None, on: date, zone: str | None = None) -> ShiftDay:
        """Return the hours of a shift (None: the default shift) on a date.

        `zone` is the zone in which the day's punches were made, when it is no longer the site's.
        """
        key = (shift, on, zone)
        found = self._shift_days.get(key)
        if found is None:
            found = self._shift_days[key] = self._make_shift_day(*key)
        return found

    def work_day(self, at: datetime, shift: str | None = None) -> date:
        """Return the date of the work day that an aware instant belongs to, for people on a shift.

        Where one calendar replaces another, an instant that both claim belongs to the later one, and the
        earlier calendar's last work day is extended until the later one's first work day starts.
        """
        until: date | None = None
        for since, calendar in zip(reversed(self._since), reversed(self._calendars), strict=True):
            rules = _shift(calendar, shift)[1]
            day = work_day(at, calendar.zone, work_day_start_s(rules, calendar.cutoff))
            if until is not None:
                day = min(day, until)
            if day >= since:
                return day
            until = since - timedelta(days=1) if since > date.min else None
        return day

    def _index(self, on: date) -> int:
        return max(bisect_right(self._since, on) - 1, 0)

    def _make_shift_day(self, shift: str | None, on: date, zone: str | None) -> ShiftDay:
        index = self._index(on)
        calendar = self._calendars[index]
        name, rules = _shift(calendar, shift)
        zone = zone or calendar.zone
        start_s = work_day_start_s(rules, calendar.cutoff)
        starts_s = _seconds(rules.starts)
        holiday = self._holidays[index].get(on)
        off: Literal["holiday", "day_off"] | None = None
        if holiday is not None:
            off = "holiday"
        elif WEEK[on.weekday()] not in rules.weekdays:
            off = "day_off"
        bounds = _instant(on, start_s, zone), _instant(on, start_s + _DAY_S, zone)
        clock: tzinfo = zoneinfo.ZoneInfo(zone)
        offsets = {bound.astimezone(clock).utcoffset() or timedelta(0) for bound in bounds}
        if len(offsets) == 1:
            clock = timezone(offsets.pop())
        return ShiftDay(
            date=on,
            zone=zone,
            clock=clock,
            shift=name,
            rules=rules,
            day_starts=bounds[0],
            day_ends=bounds[1],
            **_hours(_instant(on, starts_s, zone), _instant(on, starts_s + _length_s(rules), zone)),
            expected_minutes=0 if off else expected_minutes(rules),
            off=off,
            holiday=holiday,
        )


def _shift(calendar: Calendar, name: str | None) -> tuple[str, Shift]:
    known = name if name is not None and name in calendar.shifts else calendar.default_shift
    return known, calendar.shifts[known]


def expected_minutes(shift: Shift) -> int:
    """Return the minutes of work that a shift asks for: its length on the wall clock without the break."""
    length = _length_s(shift) // 60
    return max(length - shift.break_minutes, 0) if length > shift.break_after_minutes else length


def with_half_day_leave(shift_day: ShiftDay, half: Half) -> ShiftDay:
    """Return the hours that remain due when one half of the shift is leave.

    Each half has half of the expected minutes, and the break lies between them: 08:00-17:00 with an
    hour's break becomes 13:00-17:00 or 08:00-12:00. The half-day rule does not apply to what remains.
    """
    minutes = shift_day.expected_minutes // 2
    rules = replace(shift_day.rules, half_day_after_minutes=None)
    if half == "first":
        hours = _hours(shift_day.ends - timedelta(minutes=minutes), shift_day.ends)
    else:
        hours = _hours(shift_day.starts, shift_day.starts + timedelta(minutes=minutes))
    return replace(shift_day, expected_minutes=minutes, rules=rules, **hours)


def work_day_start_s(shift: Shift, cutoff: WallClock) -> int:
    """Return when a shift's work day starts, in wall-clock seconds since midnight of its date.

    `cutoff` is the site's. A negative result is in the evening before: a shift always starts within its
    own work day.
    """
    starts_s, length_s = _seconds(shift.starts), _length_s(shift)
    cutoff_s = _seconds(shift.cutoff or cutoff)
    if shift.cutoff is None and (starts_s + length_s >= _DAY_S or cutoff_s >= starts_s):
        cutoff_s = (starts_s + length_s + (_DAY_S - length_s) // 2) % _DAY_S
    return cutoff_s if cutoff_s <= starts_s else cutoff_s - _DAY_S


def work_day(at: datetime, zone: str, start_s: int) -> date:
    """Return the date of the work day that an aware instant belongs to.

    `start_s` is when work days start, as given by `work_day_start_s`.
    """
    wall = at.astimezone(zoneinfo.ZoneInfo(zone)).replace(tzinfo=None)
    day = (wall - timedelta(seconds=start_s)).date()
    # The wall clock jumps when the clocks change, but the instants at which work days start do not.
    if at < _instant(day, start_s, zone):
        return day - timedelta(days=1)
    if at >= _instant(day, start_s + _DAY_S, zone):
        return day + timedelta(days=1)
    return day


def calendar_problems(calendar: Calendar) -> list[str]:
    """List the contradictions within a calendar, each as `field: what is wrong`."""
    problems = []
    if calendar.zone not in zoneinfo.available_timezones() - _NOT_PLACES:
        problems.append(f"zone: {calendar.zone!r} is not an IANA time zone such as 'Europe/Berlin'")
    if calendar.default_shift not in calendar.shifts:
        problems.append(f"default_shift: there is no shift {calendar.default_shift!r}")
    for name, shift in calendar.shifts.items():
        problems += [f"shifts.{name}.{problem}" for problem in _shift_problems(shift)]
    dates = Counter(holiday.date for holiday in calendar.holidays)
    problems += [f"holidays: {day} is there {n} times" for day, n in sorted(dates.items()) if n > 1]
    return problems


def _shift_problems(shift: Shift) -> list[str]:
    problems = []
    length = _length_s(shift) // 60
    starts = _seconds(shift.starts)
    if len(set(shift.weekdays)) < len(shift.weekdays):
        problems.append("weekdays: a day is there twice")
    if length > shift.break_after_minutes and shift.break_minutes >= length:
        problems.append("break_minutes: the break is as long as the shift")
    if shift.grace_minutes >= length:
        problems.append("grace_minutes: the grace is as long as the shift")
    if shift.early_grace_minutes >= length:
        problems.append("early_grace_minutes: the grace is as long as the shift")
    if shift.half_day_after_minutes is not None and shift.half_day_after_minutes < shift.grace_minutes:
        problems.append("half_day_after_minutes: it is shorter than grace_minutes")
    if shift.cutoff is not None and 0 < (_seconds(shift.cutoff) - starts) % _DAY_S < _length_s(shift):
        problems.append("cutoff: the work day would end in the middle of the shift")
    return problems


@lru_cache(maxsize=1024)
def _seconds(wall: WallClock) -> int:
    hours, minutes, seconds = (*(int(part) for part in wall.split(":")), 0)[:3]
    return hours * 3600 + minutes * 60 + seconds


def _length_s(shift: Shift) -> int:
    return (_seconds(shift.ends) - _seconds(shift.starts)) % _DAY_S or _DAY_S


def _hours(starts: datetime, ends: datetime) -> dict[str, Any]:
    return {
        "starts": starts,
        "ends": ends,
        "starts_s": int(starts.timestamp()),
        "ends_s": int(ends.timestamp()),
    }


def _instant(on: date, wall_s: int, zone: str) -> datetime:
    """Return the UTC instant of a wall-clock time, in seconds since midnight; negative is the day before."""
    wall = datetime(on.year, on.month, on.day, tzinfo=zoneinfo.ZoneInfo(zone)) + timedelta(seconds=wall_s)
    return wall.astimezone(UTC)

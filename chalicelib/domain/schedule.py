"""When people are due: the site's zone, its shifts and holidays, and where one work day ends.

Pure. The Structs are the wire format of the settings as well. Wall-clock times are read in the
site's zone; one that happens twice, when the clocks go back, means the first of the two, and one that
is skipped, when they go forward, means an hour later (02:30 becomes 03:30).
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
"""How a pattern ends: `$` alone, as Python reads it, lets one line break follow."""


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


# Names that the zone files offer but that say nothing about a place.
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
    """What a shift asks of one date: the instants (UTC) of its hours and of its work day.

    `off` says why nobody is due; `expected_minutes` is then 0. Otherwise it is the shift's length on
    the wall clock without its break, also on a date whose clocks change. `clock` is the zone, or just
    its offset when that is the same all day; `starts_s` and `ends_s` are seconds since 1970.
    """

    date: date
    zone: str
    clock: tzinfo
    shift: str
    rules: Shift
    day_begins: datetime
    day_ends: datetime
    starts: datetime
    ends: datetime
    starts_s: int
    ends_s: int
    expected_minutes: int
    off: Literal["holiday", "day_off"] | None = None
    holiday: str | None = None


class Schedule:
    """The plans of a calendar, or of the calendars that were in force one after another.

    Each plan is worked out once. `calendar` is the one in force now.
    """

    def __init__(self, calendar: Calendar, *, history: Sequence[tuple[date, Calendar]] = ()) -> None:
        history = history or [(date.min, calendar)]
        self.calendar = calendar
        self._since = [since for since, _ in history]
        self._calendars = [calendar for _, calendar in history]
        self._holidays = [{day.date: day.name for day in calendar.holidays} for _, calendar in history]
        self._plans: dict[tuple[str | None, date, str | None], ShiftDay] = {}

    @classmethod
    def of(cls, history: Sequence[tuple[date, Calendar]]) -> "Schedule":
        """Make a rota that judges each date by the calendar in force on it.

        `history` says which calendar was in force from which date, oldest first; it is not empty, and
        the first holds for earlier dates too.
        """
        return cls(history[-1][1], history=history)

    def calendar_on(self, on: date) -> Calendar:
        """Give the calendar that was in force on a date."""
        return self._calendars[self._place(on)]

    def plan(self, shift: str | None, on: date, zone: str | None = None) -> ShiftDay:
        """Say what a shift (None: the default) asks of a date.

        `zone` is the one the day's punches were made in, when that is no longer the site's.
        """
        key = (shift, on, zone)
        found = self._plans.get(key)
        if found is None:
            found = self._plans[key] = self._work_out(*key)
        return found

    def work_day(self, at: datetime, shift: str | None = None) -> date:
        """Give the date on whose work day an aware instant falls, for people of a shift.

        Where two calendars meet, the later one has what both claim, and the earlier one's last work day
        runs on until the later one's first begins.
        """
        until: date | None = None
        for since, calendar in zip(reversed(self._since), reversed(self._calendars), strict=True):
            rules = _shift(calendar, shift)[1]
            day = work_day(at, calendar.zone, day_begins(rules, calendar.cutoff))
            if until is not None:
                day = min(day, until)
            if day >= since:
                return day
            until = since - timedelta(days=1) if since > date.min else None
        return day

    def _place(self, on: date) -> int:
        return max(bisect_right(self._since, on) - 1, 0)

    def _work_out(self, shift: str | None, on: date, zone: str | None) -> ShiftDay:
        place = self._place(on)
        calendar = self._calendars[place]
        name, rules = _shift(calendar, shift)
        zone = zone or calendar.zone
        begins = day_begins(rules, calendar.cutoff)
        starts = _seconds(rules.starts)
        holiday = self._holidays[place].get(on)
        off: Literal["holiday", "day_off"] | None = None
        if holiday is not None:
            off = "holiday"
        elif WEEK[on.weekday()] not in rules.weekdays:
            off = "day_off"
        turns = _instant(on, begins, zone), _instant(on, begins + _DAY_S, zone)
        clock: tzinfo = zoneinfo.ZoneInfo(zone)
        offsets = {turn.astimezone(clock).utcoffset() or timedelta(0) for turn in turns}
        if len(offsets) == 1:
            clock = timezone(offsets.pop())
        return ShiftDay(
            date=on,
            zone=zone,
            clock=clock,
            shift=name,
            rules=rules,
            day_begins=turns[0],
            day_ends=turns[1],
            **_hours(_instant(on, starts, zone), _instant(on, starts + _length_s(rules), zone)),
            expected_minutes=0 if off else expected_minutes(rules),
            off=off,
            holiday=holiday,
        )


def _shift(calendar: Calendar, name: str | None) -> tuple[str, Shift]:
    known = name if name is not None and name in calendar.shifts else calendar.default_shift
    return known, calendar.shifts[known]


def expected_minutes(shift: Shift) -> int:
    """Give the minutes of work a shift asks for: its length on the wall clock without the break."""
    length = _length_s(shift) // 60
    return max(length - shift.break_minutes, 0) if length > shift.break_after_minutes else length


def halved(shift_day: ShiftDay, half: Half) -> ShiftDay:
    """Leave of a plan what is still due when that half of the day is leave.

    Each half has half the expected minutes and the break lies between them: of 08:00-17:00 with an
    hour's break, 08:00-12:00 and 13:00-17:00 are left. The half-day rule does not apply.
    """
    minutes = shift_day.expected_minutes // 2
    rules = replace(shift_day.rules, half_day_after_minutes=None)
    if half == "first":
        hours = _hours(shift_day.ends - timedelta(minutes=minutes), shift_day.ends)
    else:
        hours = _hours(shift_day.starts, shift_day.starts + timedelta(minutes=minutes))
    return replace(shift_day, expected_minutes=minutes, rules=rules, **hours)


def day_begins(shift: Shift, cutoff: WallClock) -> int:
    """Say when a shift's work day begins: wall-clock seconds since midnight of its date.

    `cutoff` is the site's. Negative is the evening before: a shift always begins inside its own day.
    """
    starts, length = _seconds(shift.starts), _length_s(shift)
    turn = _seconds(shift.cutoff or cutoff)
    if shift.cutoff is None and (starts + length >= _DAY_S or turn >= starts):
        turn = (starts + length + (_DAY_S - length) // 2) % _DAY_S
    return turn if turn <= starts else turn - _DAY_S


def work_day(at: datetime, zone: str, begins: int) -> date:
    """Give the date on whose work day an aware instant falls; `begins` as of `day_begins`."""
    wall = at.astimezone(zoneinfo.ZoneInfo(zone)).replace(tzinfo=None)
    day = (wall - timedelta(seconds=begins)).date()
    # The wall clock jumps when the clocks change; the instants at which days turn over do not.
    if at < _instant(day, begins, zone):
        return day - timedelta(days=1)
    if at >= _instant(day, begins + _DAY_S, zone):
        return day + timedelta(days=1)
    return day


def check(calendar: Calendar) -> list[str]:
    """Name everything in a calendar that contradicts itself, as `field: what is wrong`."""
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
    """Give the UTC instant of a wall-clock time, in seconds since midnight (negative: the day before)."""
    wall = datetime(on.year, on.month, on.day, tzinfo=zoneinfo.ZoneInfo(zone)) + timedelta(seconds=wall_s)
    return wall.astimezone(UTC)

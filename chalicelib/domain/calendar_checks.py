"""Which calendars cannot work, and why: no room for a cut-off, contradictions, unknown names."""

import zoneinfo
from collections.abc import Sequence
from itertools import pairwise

from chalicelib.domain.schedule import (
    DAY_S,
    EARLY_S,
    Calendar,
    Shift,
    bounds_s,
    expected_minutes,
    hours_of,
    spans_s,
    work_day_start_s,
)

LEAST_EARLY_S = 3600
"""How long before its first session a shift's own cut-off is at least."""


NIGHT_PAUSE_S = 4 * 3600
"""Most time between two sessions of which only the later is on the next date. More means that they are not
in order: 18:00-22:00 and then 06:00-10:00 are a morning and an evening."""


# Entries of the zone database that do not name a place.
_NOT_PLACES = {"localtime", "posixrules", "Factory"}


def calendar_problems(calendar: Calendar) -> list[str]:
    """List the contradictions within a calendar, each as `field: what is wrong`."""
    problems = []
    if calendar.zone not in zoneinfo.available_timezones() - _NOT_PLACES:
        problems.append(f"zone: {calendar.zone!r} is not an IANA time zone such as 'Europe/Berlin'")
    if calendar.default_shift not in calendar.names():
        problems.append(f"default_shift: there is no shift {calendar.default_shift!r}")
    for name, shift in calendar.shifts.items():
        problems += [f"shifts.{name}.{problem}" for problem in _shift_problems(shift)]
    for name, rotation in calendar.rotations.items():
        if name in calendar.shifts:
            problems.append(f"rotations.{name}: there is a shift of this name")
        problems += [
            f"rotations.{name}.weeks: there is no shift {week!r}"
            for week in dict.fromkeys(rotation.weeks)
            if week not in calendar.shifts
        ]
    return problems


def _shift_problems(shift: Shift) -> list[str]:
    if shift.week is None and (shift.starts is None or shift.ends is None):
        return ["starts: a shift has starts and ends, or a week of sessions"]
    problems = []
    if shift.week is not None and (shift.starts is not None or shift.ends is not None):
        problems.append("week: it stands instead of starts and ends, not beside them")
    if shift.week is not None and shift.weekdays != Shift().weekdays:
        problems.append("weekdays: with a week, the days that it leaves out are off")
    if len(set(shift.weekdays)) < len(shift.weekdays):
        problems.append("weekdays: a day is there twice")
    for day, hours in (shift.week or {}).items():
        if not _in_order(spans_s(hours)):
            problems.append(f"week.{day}: the sessions overlap, are not in order, or take more than a day")
    if problems:
        return problems
    starts_s, ends_s = bounds_s(shift)
    if starts_s == ends_s:  # no weekday has a session
        return problems
    if starts_s + DAY_S - ends_s < EARLY_S:
        where = "ends: the shift" if shift.week is None else "week: the latest day"
        return [
            f"{where} ends less than two hours before the earliest start, so that no cut-off is between them"
        ]
    day_starts_s = work_day_start_s(shift, "00:00")
    if shift.cutoff is not None and day_starts_s + DAY_S <= ends_s:
        problems.append("cutoff: the work day would end before its last session is over")
    elif shift.cutoff is not None and day_starts_s > starts_s - LEAST_EARLY_S:
        problems.append(
            "cutoff: less than an hour before the start, so an early arrival would be of the day before"
        )
    return problems + _threshold_problems(shift)


def _in_order(spans: Sequence[tuple[int, int]]) -> bool:
    return all(
        after[0] // DAY_S == before[0] // DAY_S or after[0] - before[1] <= NIGHT_PAUSE_S
        for before, after in pairwise(spans)
    ) and (not spans or spans[-1][1] - spans[0][0] <= DAY_S)


def _threshold_problems(shift: Shift) -> list[str]:
    days = [spans for day in range(7) if (spans := spans_s(shift.sessions(day)))] or [hours_of(shift)]
    shortest = min((ends - starts) // 60 for spans in days for starts, ends in spans)
    longest = max(sum(ends - starts for starts, ends in spans) // 60 for spans in days)
    most = max(expected_minutes(shift, spans) for spans in days)
    problems = []
    if shift.breaks and (shift.break_minutes or shift.break_after_minutes != Shift().break_after_minutes):
        problems.append("breaks: they stand instead of break_minutes and break_after_minutes")
    afters = [tier.after_minutes for tier in shift.breaks]
    if afters != sorted(set(afters)):
        problems.append("breaks: each begins after a longer time than the one before it")
    for tier in shift.tiers():
        if tier.after_minutes < longest <= tier.minutes:
            name = "breaks" if shift.breaks else "break_minutes"
            problems.append(f"{name}: the break is as long as the shift")
    if shift.grace_minutes >= shortest:
        problems.append("grace_minutes: the grace is as long as a session")
    if shift.early_grace_minutes >= shortest:
        problems.append("early_grace_minutes: the grace is as long as a session")
    if shift.half_day_after_minutes is not None and shift.half_day_after_minutes < shift.grace_minutes:
        problems.append("half_day_after_minutes: it is shorter than grace_minutes")
    for name in ("half_day_under_minutes", "absent_under_minutes"):
        if (getattr(shift, name) or 0) > most:
            problems.append(f"{name}: no day of the shift has so many minutes of work")
    if (shift.absent_under_minutes or 0) > (shift.half_day_under_minutes or 1440):
        problems.append("absent_under_minutes: it is longer than half_day_under_minutes")
    return problems

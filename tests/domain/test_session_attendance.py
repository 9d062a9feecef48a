"""How a day of sessions is judged, and what breaks, thresholds and overtime make of its time."""

import zoneinfo
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.domain.leave import Leave
from chalicelib.domain.schedule import (
    WEEK,
    Break,
    Calendar,
    Half,
    Holiday,
    Overtime,
    Rotation,
    Schedule,
    SessionHours,
    Shift,
)
from chalicelib.domain.timeline import Dated, Stint, always
from chalicelib.domain.workday import (
    Member,
    RequestedDirection,
    TimeEvent,
    WorkDay,
    evaluate_day,
    evaluate_person_day,
)

SAIGON, BERLIN = "Asia/Ho_Chi_Minh", "Europe/Berlin"
MONDAY, SATURDAY = date(2026, 11, 23), date(2026, 11, 28)
LATER = datetime(2040, 1, 1, tzinfo=UTC)
MORNING, AFTERNOON = SessionHours("07:00", "11:15"), SessionHours("13:00", "16:30")
SCHOOL = Shift(
    week={**dict.fromkeys(WEEK[:5], (MORNING, AFTERNOON)), "sat": (MORNING,)},
    grace_minutes=5,
    early_grace_minutes=5,
)
OFFICE = Shift("08:00", "17:00", weekdays=WEEK[:5], grace_minutes=5, break_minutes=60)
GERMAN = Shift("07:00", "18:00", breaks=(Break(360, 30), Break(540, 45)))


def schedule_of(shift: Shift, zone: str = SAIGON, *holidays: Holiday) -> Schedule:
    return Schedule(always(Calendar(zone=zone, shifts={"s": shift}, default_shift="s")), holidays)


def instant(on: date, wall: str, zone: str = SAIGON) -> datetime:
    there = on + timedelta(days=wall.startswith("+"))
    return datetime.fromisoformat(f"{there} {wall.lstrip('+')}").replace(tzinfo=zoneinfo.ZoneInfo(zone))


def events_of(on: date, walls: str, zone: str = SAIGON) -> list[TimeEvent]:
    """Read punches: `08:00` is automatic, `08:00_in` is explicit, `+06:00` is on the day after."""
    found = []
    for n, one in enumerate(walls.split()):
        wall, _, asked = one.partition("_")
        direction: RequestedDirection = asked or "auto"  # type: ignore[assignment]
        found.append(TimeEvent(f"e{n}", instant(on, wall, zone).astimezone(UTC), on, zone, direction))
    return found


def judge(
    shift: Shift,
    walls: str,
    on: date = MONDAY,
    *,
    now: str | None = None,
    leave: Half | bool = False,
    **more: Any,
) -> WorkDay:
    day = schedule_of(shift, SAIGON, *more.pop("holidays", ())).shift_day(None, on)
    taken = Leave("p", on, on, "annual", leave if isinstance(leave, str) else None) if leave else None
    at = instant(on, now) if now else LATER
    return evaluate_day(day, events_of(on, walls), leave=taken, now=at, **more)


def marks(day: WorkDay) -> str:
    """Write the sessions in short: `late 45, absent`."""
    shown = []
    for one in day.sessions:
        late = f" {one.late_minutes}" if one.late_minutes else ""
        early = f" early {one.early_minutes}" if one.early_minutes else ""
        shown.append(f"{one.state}{late}{early}")
    return ", ".join(shown)


# ---- sessions


@pytest.mark.parametrize(
    ("walls", "state", "sessions", "worked"),
    [
        pytest.param("", "absent", "absent, absent", 0, id="not there at all"),
        pytest.param("06:55 11:20 12:58 16:30", "left", "present, present", 477, id="both"),
        pytest.param("06:55 16:30", "left", "present, present", 575, id="nobody punches the lunch"),
        pytest.param("06:55 11:20", "half_day", "present, absent", 265, id="only the morning"),
        pytest.param("12:58 16:30", "half_day", "absent, present", 212, id="only the afternoon"),
        pytest.param("06:55 11:20 13:45 16:30", "late", "present, late 45", 430, id="back from lunch late"),
        pytest.param("07:05 11:10 13:05 16:25", "left", "present, present", 445, id="within all graces"),
        pytest.param(
            "07:06 11:09 13:06 16:24", "late", "late 6 early 6, late 6 early 6", 441, id="past them"
        ),
        pytest.param("09:00 13:30", "late", "late 120, present early 180", 270, id="from late to early"),
        pytest.param("06:55 09:00 09:30 16:30", "left", "present, present", 545, id="a pause in the morning"),
        pytest.param("17:00 18:00", "absent", "absent, absent", 60, id="after all is over"),
        pytest.param("05:00 06:00", "absent", "absent, absent", 60, id="before it begins"),
        pytest.param("11:30 12:45", "absent", "absent, absent", 75, id="in the pause"),
        pytest.param("11:15 13:00", "absent", "absent, absent", 105, id="from the one to the other"),
        pytest.param(
            "06:55 11:15 11:40 12:30", "half_day", "present, absent", 310, id="the morning and the pause"
        ),
        pytest.param("05:00 06:00 13:00 16:30", "half_day", "absent, present", 270, id="early and later"),
        pytest.param("11:14:59 13:00:01", "late", "late 254, present early 209", 105, id="a second of both"),
        pytest.param(
            "17:00_in", "half_day", "absent, late 240", 0, id="in after all, and the out is missing"
        ),
        pytest.param(
            "05:00_in 05:30_in 06:00_out", "half_day", "present, absent", 30, id="a lone in before the start"
        ),
        pytest.param("06:55", "half_day", "present, absent", 0, id="a forgotten out in the morning"),
        pytest.param("06:55_in 12:58_in 16:30_out", "left", "present, present", 212, id="forgotten at noon"),
        pytest.param("11:30_in", "half_day", "absent, present", 0, id="in for the afternoon"),
        pytest.param("11:30_out", "half_day", "present, absent", 0, id="out of the morning"),
        pytest.param("16:30_out", "half_day", "absent, present", 0, id="out of the afternoon"),
        pytest.param("06:00_out", "half_day", "present early 315, absent", 0, id="out before all"),
    ],
)
def test_each_session_is_judged(walls: str, state: str, sessions: str, worked: int) -> None:
    day = judge(SCHOOL, walls)
    assert (day.state, marks(day), day.worked_minutes) == (state, sessions, worked)
    assert day.late_minutes == sum(one.late_minutes for one in day.sessions)
    assert day.early_minutes == sum(one.early_minutes for one in day.sessions)
    assert day.expected_minutes == 465


@pytest.mark.parametrize(
    ("now", "walls", "state", "sessions"),
    [
        pytest.param("06:00", "", "expected", "expected, expected", id="before the first"),
        pytest.param("07:05", "", "expected", "expected, expected", id="within the grace"),
        pytest.param("07:06", "", "absent", "absent, expected", id="after it"),
        pytest.param("12:00", "06:55 11:15", "left", "present, expected", id="at lunch"),
        pytest.param("13:05", "06:55 11:15", "left", "present, expected", id="not late yet"),
        pytest.param("13:06", "06:55 11:15", "half_day", "present, absent", id="absent until they come"),
        pytest.param("13:50", "06:55 11:15 13:45", "late", "present, late 45", id="late when they come"),
        pytest.param("10:00", "06:55", "present", "present, expected", id="at work in the morning"),
        pytest.param("12:30", "06:55", "present", "present, expected", id="staying for lunch"),
        pytest.param("14:00", "06:55", "present", "present, present", id="and for the afternoon"),
        pytest.param("11:30", "11:20", "half_day", "absent, present", id="early for the afternoon"),
        pytest.param("13:30", "11:20", "half_day", "absent, present", id="and still there"),
        pytest.param("06:50", "06:45", "present", "present, expected", id="early for the morning"),
        pytest.param("06:55", "06:00 06:30", "left", "expected, expected", id="gone before it begins"),
        pytest.param("07:06", "06:00 06:30", "absent", "absent, expected", id="and not back"),
        pytest.param("12:45", "06:55 11:15 11:40 12:30", "left", "present, expected", id="out at lunch"),
        pytest.param(
            "13:06", "06:55 11:15 11:40 12:30", "half_day", "present, absent", id="not back from it"
        ),
        pytest.param("12:45", "11:30 12:00", "absent", "absent, expected", id="only in the pause so far"),
        pytest.param("17:30", "17:00", "absent", "absent, absent", id="in when all is over"),
        pytest.param("17:30", "16:29", "half_day", "absent, late 209", id="in just before"),
        pytest.param(
            "17:30", "06:55 11:15 17:00", "half_day", "present, absent", id="in again in the evening"
        ),
        pytest.param(
            "17:30", "11:15_out 17:00", "half_day", "present, absent", id="an out without an in before"
        ),
        pytest.param("09:00", "06:55 08:30", "left", "present, expected", id="out for a while is not early"),
        pytest.param("11:15", "06:55 08:30", "left", "present early 165, expected", id="until the end"),
    ],
)
def test_a_running_day_of_sessions(now: str, walls: str, state: str, sessions: str) -> None:
    day = judge(SCHOOL, walls, now=now)
    assert (day.state, marks(day)) == (state, sessions)


def test_a_short_saturday_asks_for_its_own_session_only() -> None:
    assert marks(judge(SCHOOL, "07:00 11:15", SATURDAY)) == "present"
    day = judge(SCHOOL, "07:00 11:15", SATURDAY)
    assert (day.state, day.expected_minutes, day.overtime_minutes) == ("left", 255, 0)


@pytest.mark.parametrize(
    ("walls", "state", "late", "early"),
    [
        ("18:00", "late", 600, 0),
        ("18:00 19:00", "absent", 0, 0),
        ("17:00 19:00", "absent", 0, 0),
        ("16:59:59 19:00", "late", 539, 0),
        ("06:00 07:00", "absent", 0, 0),
        ("06:00 08:00", "absent", 0, 0),
        ("06:00 08:00:01", "left", 0, 539),
        ("06:00 07:00 09:00 17:00", "late", 60, 0),
        ("08:00 16:00 18:00 19:00", "left", 0, 60),
        ("06:00 07:00 18:00 19:00", "absent", 0, 0),
        ("05:00_in 06:00_in 07:00_out 17:30_out", "left", 0, 0),
        ("05:00_in 18:00_in 19:00_out", "left", 0, 0),
        ("08:05 17:00", "left", 0, 0),
        ("08:05:01 17:00", "late", 5, 0),
        ("17:00_out", "left", 0, 0),
        ("06:00_out", "left", 0, 660),
    ],
)
def test_a_single_session_is_attended_by_what_meets_it_and_by_a_lone_punch(
    walls: str, state: str, late: int, early: int
) -> None:
    day = judge(OFFICE, walls)
    assert (day.state, day.late_minutes, day.early_minutes, len(day.sessions)) == (state, late, early, 1)


def test_who_came_when_the_only_session_was_over_is_absent_with_the_time_worked() -> None:
    day = judge(OFFICE, "18:00 19:00")
    assert (day.state, day.worked_minutes, day.overtime_minutes, day.open) == ("absent", 60, 0, False)


@pytest.mark.parametrize(
    ("now", "walls", "state", "sessions"),
    [
        pytest.param("07:30", "06:00 07:00", "left", "expected", id="gone before it begins"),
        pytest.param("08:06", "06:00 07:00", "absent", "absent", id="and not back"),
        pytest.param("07:30", "07:00", "present", "present", id="early"),
        pytest.param("18:30", "16:00", "late", "late 480", id="still there"),
        pytest.param("18:30", "18:00", "absent", "absent", id="in when it is over"),
        pytest.param("18:30", "08:00 17:00 18:00", "present", "present", id="in again when it is over"),
    ],
)
def test_a_running_day_of_one_session(now: str, walls: str, state: str, sessions: str) -> None:
    day = judge(OFFICE, walls, now=now)
    assert (day.state, marks(day)) == (state, sessions)


def test_sessions_are_shown_on_the_clock_of_the_zone() -> None:
    shift = Shift("22:00", "06:00", weekdays=WEEK)
    on = date(2026, 10, 24)
    day = evaluate_day(schedule_of(shift, BERLIN).shift_day(None, on), [], now=LATER)
    assert [one.isoformat() for one in (day.sessions[0].starts, day.sessions[0].ends)] == [
        "2026-10-24T22:00:00+02:00",
        "2026-10-25T06:00:00+01:00",
    ]


@pytest.mark.parametrize(
    ("walls", "leave", "state", "sessions", "expected"),
    [
        pytest.param("", "first", "absent", "absent", 210, id="half leave and no show"),
        pytest.param("13:00 16:30", "first", "left", "present", 210, id="half leave, half worked"),
        pytest.param("13:30 16:30", "first", "late", "late 30", 210, id="late for the other half"),
        pytest.param("07:00 11:15", "second", "left", "present", 255, id="the afternoon off"),
        pytest.param("07:00 16:30", "second", "left", "present", 255, id="who stays all the same"),
        pytest.param("07:00 11:15", "first", "absent", "absent", 210, id="only in the half that is free"),
        pytest.param("13:00 16:30", "second", "absent", "absent", 255, id="and in the other"),
        pytest.param("", True, "leave", "", 0, id="a whole day"),
        pytest.param("07:00 11:15", True, "left", "", 0, id="a whole day, and there all the same"),
    ],
)
def test_leave_takes_its_sessions_out(
    walls: str, leave: Half | bool, state: str, sessions: str, expected: int
) -> None:
    day = judge(SCHOOL, walls, leave=leave)
    assert (day.state, marks(day), day.expected_minutes) == (state, sessions, expected)
    assert day.overtime_minutes == max(day.worked_minutes - expected, 0)


@pytest.mark.parametrize(
    ("walls", "free", "state"),
    [
        pytest.param("08:00 12:00", "first", "absent", id="only in the morning that is free"),
        pytest.param("13:00 17:00", "second", "absent", id="only in the afternoon that is free"),
        pytest.param("13:00 17:00", "first", "left", id="in the afternoon that is due"),
        pytest.param("08:00 12:00", "second", "left", id="in the morning that is due"),
    ],
)
def test_work_in_the_half_that_is_free_does_not_stand_for_the_other(
    walls: str, free: Half, state: str
) -> None:
    by_leave = judge(OFFICE, walls, leave=free)
    by_holiday = judge(OFFICE, walls, holidays=[Holiday(MONDAY, "Tết", free)])
    assert [by_leave.state, by_holiday.state] == [state, state]
    assert (by_leave.expected_minutes, by_leave.worked_minutes, by_leave.early_minutes) == (240, 240, 0)


@pytest.mark.parametrize(
    ("holiday", "leave", "state", "expected", "sessions"),
    [
        pytest.param("first", False, "absent", 240, 1, id="half a holiday"),
        pytest.param("first", "first", "absent", 240, 1, id="leave for the half that is free anyway"),
        pytest.param("first", "second", "leave", 0, 0, id="leave for the other half"),
        pytest.param("second", True, "leave", 0, 0, id="leave for the whole day"),
        pytest.param(None, "first", "holiday", 0, 0, id="half leave on a whole holiday"),
    ],
)
def test_half_a_holiday_and_leave(
    holiday: Half | None, leave: Half | bool, state: str, expected: int, sessions: int
) -> None:
    day = judge(OFFICE, "", leave=leave, holidays=[Holiday(MONDAY, "Tết", holiday)])
    assert (day.state, day.expected_minutes, len(day.sessions)) == (state, expected, sessions)
    assert (day.holiday, day.holiday_half) == ("Tết", holiday)
    assert day.leave == ("annual" if leave else None)


# ---- thresholds


STRICT = replace(OFFICE, half_day_after_minutes=120, half_day_under_minutes=360, absent_under_minutes=120)


@pytest.mark.parametrize(
    ("walls", "now", "leave", "state"),
    [
        pytest.param("08:00 17:00", None, False, "left", id="all of it"),
        pytest.param("08:00 14:00", None, False, "left", id="just enough"),
        pytest.param("08:00 13:59", None, False, "half_day", id="a minute less"),
        pytest.param("08:00 10:00", None, False, "half_day", id="just enough for half a day"),
        pytest.param("08:00 09:59", None, False, "absent", id="a minute less is an absence"),
        pytest.param("08:00 09:00", None, False, "absent", id="an hour of eight"),
        pytest.param("10:00 17:00", None, False, "late", id="late by just not half a day"),
        pytest.param("10:00:01 17:30", None, False, "half_day", id="a second more"),
        pytest.param("08:00 09:00", "12:00", False, "left", id="not before the shift is over"),
        pytest.param("08:00", None, False, "present", id="nor where a punch is missing"),
        pytest.param("08:00 09:00 16:00", None, False, "present", id="nor where another one is"),
        pytest.param("08:00", "18:00", False, "present", id="nor while they are at work"),
        pytest.param("13:00 14:00", None, "first", "left", id="half leave: an hour of four"),
        pytest.param("13:00 13:59", None, "first", "absent", id="half leave: less than in proportion"),
        pytest.param("16:00 17:00", None, "first", "late", id="half leave: late is not half a day"),
        pytest.param("08:00 09:00", None, True, "left", id="on leave nothing is due"),
    ],
)
def test_little_work_makes_half_a_day_or_an_absence(
    walls: str, now: str | None, leave: Half | bool, state: str
) -> None:
    assert judge(STRICT, walls, now=now, leave=leave).state == state


SHORT_SATURDAY = replace(
    STRICT,
    starts=None,
    ends=None,
    week={
        **dict.fromkeys(WEEK[:5], (SessionHours("08:00", "17:00"),)),
        "sat": (SessionHours("08:00", "12:00"),),
    },
)


@pytest.mark.parametrize(
    ("on", "walls", "leave", "state"),
    [
        pytest.param(SATURDAY, "08:00 12:00", False, "left", id="all of Saturday"),
        pytest.param(SATURDAY, "08:00 11:00", False, "left", id="just enough of it"),
        pytest.param(SATURDAY, "08:00 10:59", False, "half_day", id="a minute less"),
        pytest.param(SATURDAY, "08:00 09:00", False, "half_day", id="just enough for half of it"),
        pytest.param(SATURDAY, "08:00 08:59", False, "absent", id="a minute less is an absence"),
        pytest.param(SATURDAY, "08:00 08:30", "second", "left", id="half leave on Saturday: 30 of 120"),
        pytest.param(SATURDAY, "08:00 08:29", "second", "absent", id="half leave: less than in proportion"),
        pytest.param(MONDAY, "08:00 14:00", False, "left", id="just enough of the longest day"),
        pytest.param(MONDAY, "08:00 13:59", False, "half_day", id="a minute less of it"),
        pytest.param(MONDAY, "08:00 09:59", False, "absent", id="an absence on it"),
    ],
)
def test_on_a_short_day_the_thresholds_are_in_proportion(
    on: date, walls: str, leave: Half | bool, state: str
) -> None:
    assert judge(SHORT_SATURDAY, walls, on, leave=leave).state == state


# ---- unpaid time


@pytest.mark.parametrize(
    ("shift", "walls", "worked", "pause"),
    [
        pytest.param(OFFICE, "08:00 14:00", 360, 0, id="6 h 00"),
        pytest.param(OFFICE, "08:00 14:01", 360, 1, id="6 h 01"),
        pytest.param(OFFICE, "08:00 15:00", 360, 60, id="7 h 00"),
        pytest.param(OFFICE, "08:00 15:01", 361, 60, id="7 h 01"),
        pytest.param(OFFICE, "08:00 12:00 12:20 17:00", 480, 40, id="a short lunch punched out"),
        pytest.param(OFFICE, "08:00 12:00 13:30 17:00", 450, 0, id="a long one"),
        pytest.param(OFFICE, "08:00 17:00 18:00 20:00", 600, 60, id="a pause after the shift"),
        pytest.param(GERMAN, "07:00 13:00", 360, 0, id="Germany, 6 h 00"),
        pytest.param(GERMAN, "07:00 13:15", 360, 15, id="Germany, 6 h 15"),
        pytest.param(GERMAN, "07:00 13:30", 360, 30, id="Germany, 6 h 30"),
        pytest.param(GERMAN, "07:00 16:00", 510, 30, id="Germany, 9 h 00"),
        pytest.param(GERMAN, "07:00 16:30", 540, 30, id="Germany, 9 h 30"),
        pytest.param(GERMAN, "07:00 16:40", 540, 40, id="Germany, 9 h 40"),
        pytest.param(GERMAN, "07:00 16:45", 540, 45, id="Germany, 9 h 45"),
        pytest.param(GERMAN, "07:00 18:00", 615, 45, id="Germany, 11 h 00"),
        pytest.param(GERMAN, "07:00 12:00 12:30 18:00", 615, 15, id="Germany, half an hour punched out"),
        pytest.param(OFFICE, "08:00 08:00:40 08:01 08:01:40", 1, 0, id="seconds add up before they are cut"),
    ],
)
def test_a_break_takes_no_more_than_the_excess(shift: Shift, walls: str, worked: int, pause: int) -> None:
    day = judge(shift, walls)
    assert (day.worked_minutes, day.break_minutes) == (worked, pause)


def test_on_a_holiday_a_pause_after_the_hours_is_no_break_either() -> None:
    day = judge(OFFICE, "08:00 17:00 18:00 20:00", holidays=[Holiday(MONDAY, "Tết")])
    assert (day.worked_minutes, day.overtime_minutes) == (600, 600)


# ---- overtime


def overtime(**rules: Any) -> Shift:
    return replace(OFFICE, overtime=Overtime(**rules))


@pytest.mark.parametrize(
    ("rules", "walls", "on", "over"),
    [
        pytest.param({}, "06:55 17:00", MONDAY, 65, id="an early comer"),
        pytest.param({"before_shift": False}, "06:55 17:00", MONDAY, 0, id="who gains nothing"),
        pytest.param({"before_shift": False}, "06:55 18:00", MONDAY, 60, id="but who stays does"),
        pytest.param({"before_shift": False}, "08:30 17:30", MONDAY, 0, id="late is made up for"),
        pytest.param({"before_shift": False}, "07:00 16:30", MONDAY, 0, id="early both times"),
        pytest.param(
            {"before_shift": False}, "05:00 06:00 08:00 18:00", MONDAY, 60, id="a stretch before it"
        ),
        pytest.param({"before_shift": False}, "07:30:30 17:00:59", MONDAY, 0, id="seconds"),
        pytest.param({"before_shift": False}, "07:30:59 17:01:00", MONDAY, 1, id="a whole minute of them"),
        pytest.param({"minimum_minutes": 30}, "08:00 17:29", MONDAY, 0, id="less than the minimum"),
        pytest.param(
            {"minimum_minutes": 30}, "08:00 17:30", MONDAY, 30, id="the minimum counts from its start"
        ),
        pytest.param({"rounding_minutes": 15}, "08:00 17:44", MONDAY, 30, id="rounded down"),
        pytest.param(
            *({"minimum_minutes": 30, "rounding_minutes": 20}, "08:00 17:35", MONDAY, 20),
            id="the minimum is asked before rounding",
        ),
        pytest.param({"before_shift": False}, "06:00 09:00", SATURDAY, 180, id="a day off has no shift"),
        pytest.param({"minimum_minutes": 30}, "09:00 09:20", SATURDAY, 0, id="but the minimum"),
        pytest.param({"rounding_minutes": 15}, "09:00 09:50", SATURDAY, 45, id="and the rounding"),
    ],
)
def test_overtime_counts_as_far_as_the_shift_says(
    rules: dict[str, Any], walls: str, on: date, over: int
) -> None:
    assert judge(overtime(**rules), walls, on).overtime_minutes == over


def test_who_is_not_employed_makes_no_overtime() -> None:
    day = judge(OFFICE, "06:00 20:00", is_employed=False)
    assert (day.worked_minutes, day.overtime_minutes, day.expected_minutes, day.sessions) == (780, 0, 0, ())


# ---- histories


def test_each_date_is_judged_by_what_held_on_it() -> None:
    """Fault 1: a change of shift re-judged a person's whole past."""
    shifts = {"day": replace(OFFICE, weekdays=WEEK), "late": Shift("14:00", "22:00", weekdays=WEEK)}
    schedule = Schedule(always(Calendar(zone=SAIGON, shifts=shifts, default_shift="day")))
    on = MONDAY + timedelta(days=1)
    member = Member("p", "x", shifts=(Dated("day"), Dated("late", on)))
    before, after = (
        evaluate_person_day(schedule, member, day, events_of(day, "08:00 18:00"), now=LATER)
        for day in (MONDAY, on)
    )
    assert (before.shift, before.expected_minutes, before.overtime_minutes) == ("day", 480, 60)
    assert (after.shift, after.expected_minutes, after.early_minutes) == ("late", 480, 240)


def test_a_rotation_gives_each_week_its_shift() -> None:
    calendar = Calendar(
        zone=SAIGON,
        shifts={"a": OFFICE, "b": Shift("14:00", "22:00")},
        rotations={"r": Rotation(MONDAY, ("a", "b"))},
        default_shift="r",
    )
    schedule = Schedule(always(calendar))
    weeks = [MONDAY + timedelta(weeks=n) for n in (-1, 0, 1, 2)]
    found = [evaluate_person_day(schedule, Member("p", "x"), on, [], now=LATER) for on in weeks]
    assert [day.shift for day in found] == ["b", "a", "b", "a"]


def test_between_two_stints_nothing_is_due() -> None:
    member = Member("p", "x", stints=(Stint(until=MONDAY), Stint(since=MONDAY + timedelta(days=3))))
    found = [
        evaluate_person_day(schedule_of(OFFICE), member, MONDAY + timedelta(days=n), [], now=LATER).state
        for n in range(5)
    ]
    assert found == ["absent", "inactive", "inactive", "absent", "absent"]


# ---- properties

TIERS = st.lists(st.integers(0, 600), min_size=1, max_size=3, unique=True).flatmap(
    lambda afters: st.lists(st.integers(0, 120), min_size=len(afters), max_size=len(afters)).map(
        lambda minutes: tuple(map(Break, sorted(afters), minutes))
    )
)
SPANS = st.lists(st.integers(0, 16 * 3600), min_size=2, max_size=8, unique=True).filter(
    lambda seconds: len(seconds) % 2 == 0
)
SHIFTS = st.sampled_from([OFFICE, SCHOOL, STRICT, overtime(before_shift=False)])


def punched(seconds: list[int]) -> list[TimeEvent]:
    """Make ins and outs in turn, so many seconds after 05:00."""
    zero = instant(MONDAY, "05:00").astimezone(UTC)
    return [
        TimeEvent(f"e{n:02}", zero + timedelta(seconds=second), MONDAY, SAIGON, "out" if n % 2 else "in")
        for n, second in enumerate(sorted(seconds))
    ]


@given(SHIFTS, TIERS, SPANS, st.data())
def test_more_presence_is_never_less_work(
    shift: Shift, breaks: tuple[Break, ...], seconds: list[int], data: st.DataObject
) -> None:
    schedule = schedule_of(replace(shift, breaks=breaks, break_minutes=0))
    ordered = sorted(seconds)
    out = data.draw(st.integers(0, len(ordered) // 2 - 1)) * 2 + 1
    limit = ordered[out + 1] - 1 if out + 1 < len(ordered) else ordered[out] + 7200
    longer = [*ordered]
    longer[out] = data.draw(st.integers(ordered[out], limit))
    earlier = [*ordered]
    earlier[out - 1] = data.draw(st.integers(ordered[out - 2] + 1 if out > 1 else 0, ordered[out - 1]))
    day = schedule.shift_day(None, MONDAY)
    before = evaluate_day(day, punched(ordered), now=LATER)
    for more in (longer, earlier):
        after = evaluate_day(day, punched(more), now=LATER)
        assert after.worked_minutes >= before.worked_minutes
        assert after.worked_minutes + after.break_minutes >= before.worked_minutes + before.break_minutes


@given(SHIFTS, SPANS, st.integers(0, 24 * 60))
def test_a_day_is_the_sum_of_its_sessions(shift: Shift, seconds: list[int], now_minutes: int) -> None:
    now = instant(MONDAY, "00:00") + timedelta(minutes=now_minutes)
    here = [one for one in punched(seconds) if one.at <= now]
    day = evaluate_day(schedule_of(shift).shift_day(None, MONDAY), here, now=now)
    assert day.late_minutes == sum(one.late_minutes for one in day.sessions)
    assert day.early_minutes == sum(one.early_minutes for one in day.sessions)
    assert (day.state == "late") <= any(one.state == "late" for one in day.sessions)
    assert len(day.sessions) == len(shift.sessions(0))
    for one in day.sessions:
        met = any(
            pair.in_at and pair.out_at and pair.in_at < one.ends and pair.out_at > one.starts
            for pair in day.pairs
        )
        if met or not day.at_work:
            assert met == (one.state in ("present", "late"))
    if any(one.state == "absent" for one in day.sessions) and here:
        assert day.state in ("half_day", "absent")


@given(SPANS)
def test_without_a_threshold_sessions_in_one_piece_are_judged_as_one(seconds: list[int]) -> None:
    one = Shift("08:00", "17:00", grace_minutes=10)
    two = Shift(
        week={"mon": (SessionHours("08:00", "12:00"), SessionHours("12:00", "17:00"))}, grace_minutes=10
    )
    whole, parts = (
        evaluate_day(schedule_of(shift).shift_day(None, MONDAY), punched(seconds), now=LATER)
        for shift in (one, two)
    )
    assert (whole.worked_minutes, whole.expected_minutes) == (parts.worked_minutes, parts.expected_minutes)
    assert whole.overtime_minutes == parts.overtime_minutes

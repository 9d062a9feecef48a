"""Schedules: work days at changes of shift and calendar, rotations, half days, and what cannot work."""

import zoneinfo
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.calendar_checks import calendar_problems
from chalicelib.domain.schedule import (
    WEEK,
    Break,
    Calendar,
    Half,
    Holiday,
    Rotation,
    Schedule,
    SessionHours,
    Shift,
    ShiftDay,
    Weekday,
    without_half,
    work_day_start_s,
)
from chalicelib.domain.timeline import Dated, Timeline, always, with_value

SAIGON, BERLIN, LORD_HOWE = "Asia/Ho_Chi_Minh", "Europe/Berlin", "Australia/Lord_Howe"
DAY = timedelta(days=1)
MONDAY = date(2026, 11, 23)
SUNDAY = MONDAY - DAY


def sessions(*hours: str) -> tuple[SessionHours, ...]:
    """Read sessions from `07:00-11:15`."""
    return tuple(SessionHours(*one.split("-")) for one in hours)


def week(**days: str) -> Shift:
    """Make a shift with a week of sessions; `mon_fri` stands for five days."""
    given: dict[Weekday, tuple[SessionHours, ...]] = {}
    for name, hours in days.items():
        for day in WEEK[:5] if name == "mon_fri" else [name]:
            given[day] = sessions(*hours.split())  # type: ignore[index]
    return Shift(week=given)


OFFICE = Shift(starts="08:00", ends="17:00", weekdays=WEEK, break_minutes=60)
NIGHT = Shift(starts="22:00", ends="06:00", weekdays=WEEK)
EARLY = Shift(starts="06:00", ends="14:00", weekdays=WEEK)
LATE = Shift(starts="14:00", ends="22:00", weekdays=WEEK)
BAKER = Shift(starts="04:30", ends="12:30", weekdays=WEEK)
SCHOOL = week(mon_fri="07:00-11:15 13:00-16:30", sat="07:00-11:15")
SHIFTS = {
    "office": OFFICE,
    "night": NIGHT,
    "early": EARLY,
    "late": LATE,
    "baker": BAKER,
    "school": SCHOOL,
    "off": Shift(week={}),
}
ROTATIONS = {"three": Rotation(MONDAY, ("early", "late", "night")), "two": Rotation(SUNDAY, ("night", "off"))}


def calendar(zone: str = SAIGON, **changes: Any) -> Calendar:
    return Calendar(
        **{"zone": zone, "shifts": SHIFTS, "rotations": ROTATIONS, "default_shift": "office", **changes}
    )


def instant(wall: str, zone: str = SAIGON) -> datetime:
    local = datetime.fromisoformat(wall.rstrip("*")).replace(
        tzinfo=zoneinfo.ZoneInfo(zone), fold=int(wall.endswith("*"))
    )
    return local.astimezone(UTC)


# ---- the work day of an instant


@pytest.mark.parametrize(
    ("zone", "shift", "wall", "expected"),
    [
        pytest.param(SAIGON, "baker", "2026-11-23 03:55", "2026-11-23", id="early for 04:30, cut-off 04:00"),
        pytest.param(SAIGON, "baker", "2026-11-22 20:30", "2026-11-23", id="from half-way to 12:30 on"),
        pytest.param(SAIGON, "baker", "2026-11-22 20:29:59", "2026-11-22", id="and until then"),
        pytest.param(SAIGON, "early", "2026-11-23 04:00", "2026-11-23", id="two hours are enough"),
        pytest.param(
            SAIGON, "school", "2026-11-29 03:59", "2026-11-28", id="a day off has its work day, too"
        ),
        pytest.param(SAIGON, "off", "2026-11-23 04:00", "2026-11-23", id="so has a week without hours"),
        pytest.param("Pacific/Honolulu", "office", "2026-11-23 04:00", "2026-11-23", id="far west"),
        pytest.param(
            "Pacific/Honolulu", "office", "2026-11-23 03:59:59", "2026-11-22", id="far west, before"
        ),
        pytest.param("Pacific/Kiritimati", "office", "2026-11-23 04:00", "2026-11-23", id="far east"),
        pytest.param(
            "Pacific/Kiritimati", "office", "2026-11-23 03:59:59", "2026-11-22", id="far east, before"
        ),
        pytest.param("Pacific/Apia", "office", "2011-12-29 23:59", "2011-12-29", id="before the lost day"),
        pytest.param("Pacific/Apia", "office", "2011-12-31 03:59", "2011-12-29", id="its night goes on"),
        pytest.param(
            "Pacific/Apia", "office", "2011-12-31 04:00", "2011-12-31", id="nobody worked on the 30th"
        ),
        pytest.param(LORD_HOWE, "night", "2026-04-05 01:45*", "2026-04-04", id="half an hour twice"),
        pytest.param(
            LORD_HOWE, "office", "2026-04-05 04:00", "2026-04-05", id="cut-off after half an hour twice"
        ),
        pytest.param(LORD_HOWE, "office", "2026-10-04 03:59", "2026-10-03", id="half an hour skipped"),
    ],
)
def test_an_instant_belongs_to_the_work_day_people_expect(
    zone: str, shift: str, wall: str, expected: str
) -> None:
    schedule = Schedule(always(calendar(zone)))
    assert schedule.work_day(instant(wall, zone), always(shift)).isoformat() == expected


@pytest.mark.parametrize(
    ("shift", "cutoff", "begins_h"),
    [
        pytest.param(OFFICE, "23:00", -1, id="a site's cut-off late in the evening"),
        pytest.param(OFFICE, "16:00", 0.5, id="in the middle of the shift: half-way instead"),
        pytest.param(OFFICE, "06:00", 6, id="two hours before the start"),
        pytest.param(OFFICE, "06:01", 0.5, id="less than two hours before it"),
        pytest.param(BAKER, "04:00", -3.5, id="half an hour before it"),
        pytest.param(NIGHT, "23:00", 14, id="a night shift minds no cut-off of the site"),
        pytest.param(SCHOOL, "04:00", 4, id="the earliest and latest hours of the week count"),
        pytest.param(
            week(mon="08:00-12:00", tue="05:00-09:00"), "04:00", -3.5, id="the earliest of the week"
        ),
        pytest.param(Shift(week={}), "04:00", 4, id="without hours"),
    ],
)
def test_a_work_day_starts_away_from_its_hours(shift: Shift, cutoff: str, begins_h: float) -> None:
    assert work_day_start_s(shift, cutoff) == begins_h * 3600


def on_shifts(first: str | None, since: date, then: str | None) -> Timeline[str | None]:
    return (Dated(first), Dated(then, since))


@pytest.mark.parametrize(
    ("first", "then", "wall", "expected"),
    [
        pytest.param("night", "office", "2026-11-23 06:05", SUNDAY, id="the last night ends"),
        pytest.param("night", "office", "2026-11-23 06:59", SUNDAY, id="half-way to the first morning"),
        pytest.param("night", "office", "2026-11-23 07:00", MONDAY, id="then it is the first morning"),
        pytest.param("night", "late", "2026-11-23 09:59", SUNDAY, id="from nights to afternoons"),
        pytest.param("night", "late", "2026-11-23 13:50", MONDAY, id="and in for the afternoon"),
        pytest.param("night", "off", "2026-11-23 06:05", SUNDAY, id="from nights to a day off"),
        pytest.param("night", "off", "2026-11-23 14:00", MONDAY, id="which begins when a night would"),
        pytest.param("office", "night", "2026-11-23 05:00", SUNDAY, id="the day before goes on"),
        pytest.param("office", "night", "2026-11-23 14:00", MONDAY, id="until the night's work day starts"),
        pytest.param("early", "late", "2026-11-23 03:59", SUNDAY, id="day shifts: the site's cut-off"),
        pytest.param("early", "late", "2026-11-23 04:00", MONDAY, id="day shifts: from the cut-off on"),
        pytest.param("late", "baker", "2026-11-22 22:10", SUNDAY, id="out late before an early morning"),
        pytest.param("late", "baker", "2026-11-23 03:55", MONDAY, id="in for the early morning"),
        pytest.param("off", "baker", "2026-11-22 20:30", MONDAY, id="from days off"),
        pytest.param("school", "night", "2026-11-23 13:59", SUNDAY, id="from a Sunday off to a night"),
    ],
)
def test_where_one_shift_replaces_another_both_have_their_hours(
    first: str, then: str, wall: str, expected: date
) -> None:
    schedule = Schedule(always(calendar()))
    assert schedule.work_day(instant(wall), on_shifts(first, MONDAY, then)) == expected


def test_a_rotation_changes_shift_as_a_dated_change_does() -> None:
    schedule = Schedule(always(calendar()))
    three: Timeline[str | None] = always("three")
    for monday, first, then in ((0, "early", "late"), (7, "late", "night"), (14, "night", "early")):
        change = MONDAY + timedelta(days=monday + 7)
        for minutes in range(0, 2 * 1440, 15):
            at = instant(f"{change - DAY} 00:00") + timedelta(minutes=minutes)
            assert schedule.work_day(at, three) == schedule.work_day(at, on_shifts(first, change, then))


def test_a_changed_calendar_holds_from_its_date() -> None:
    later = calendar(shifts={**SHIFTS, "office": Shift("22:00", "06:00", weekdays=WEEK)})
    moved = calendar("America/New_York")
    calendars = with_value(always(calendar()), MONDAY, later, calendar())
    schedule = Schedule(with_value(calendars, MONDAY + 7 * DAY, moved, moved))
    assert schedule.work_day(instant("2026-11-23 03:59")) == SUNDAY
    assert schedule.work_day(instant("2026-11-23 22:00")) == MONDAY
    assert schedule.work_day(instant("2026-11-24 06:05")) == MONDAY
    assert schedule.shift_day(None, SUNDAY).expected_minutes == 480
    assert schedule.shift_day(None, MONDAY).sessions[0].starts == instant("2026-11-23 22:00")
    assert schedule.shift_day(None, MONDAY + 7 * DAY).zone == "America/New_York"
    assert schedule.work_day(instant("2026-11-30 08:00", "America/New_York")) == MONDAY + 7 * DAY


NAMES = st.sampled_from([None, *SHIFTS, *ROTATIONS, "gone"])
NEAR = st.dates(MONDAY - 10 * DAY, MONDAY + 10 * DAY)
ZONES = st.sampled_from([SAIGON, BERLIN, LORD_HOWE, "Pacific/Honolulu", "Pacific/Kiritimati", "Pacific/Apia"])


@st.composite
def histories(draw: st.DrawFn) -> tuple[Schedule, Timeline[str | None]]:
    """Draw calendars and a person's shifts, each changed on some dates."""
    calendars = always(calendar(draw(ZONES)))
    for on in draw(st.lists(NEAR, max_size=2)):
        default = draw(st.sampled_from([*SHIFTS, *ROTATIONS]))
        changed = calendar(
            draw(ZONES), default_shift=default, cutoff=draw(st.sampled_from(["04:00", "23:00"]))
        )
        calendars = with_value(calendars, on, changed, changed)
    shifts: Timeline[str | None] = ()
    for on in draw(st.lists(NEAR, max_size=3)):
        shifts = with_value(shifts, on, draw(NAMES), None)
    return Schedule(calendars), shifts


@given(histories(), st.lists(st.integers(-15 * 86400, 15 * 86400), min_size=2, max_size=10))
def test_work_days_follow_one_another_whatever_changes(
    drawn: tuple[Schedule, Timeline[str | None]], offsets: list[int]
) -> None:
    schedule, shifts = drawn
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    days = [schedule.work_day(noon + timedelta(seconds=offset), shifts) for offset in sorted(offsets)]
    assert days == sorted(days)
    for offset, day in zip(sorted(offsets), days, strict=True):
        assert (
            abs(noon + timedelta(seconds=offset) - datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
            < 4 * DAY
        )


@given(st.sampled_from([*SHIFTS, *ROTATIONS]), ZONES, NEAR, NEAR)
def test_an_entry_that_changes_nothing_moves_no_work_day(name: str, zone: str, on: date, split: date) -> None:
    schedule, again = (
        Schedule(always(calendar(zone))),
        Schedule((Dated(calendar(zone)), Dated(calendar(zone), split))),
    )
    at = datetime(on.year, on.month, on.day, tzinfo=UTC)
    for hours in range(0, 48, 3):
        one = at + timedelta(hours=hours)
        whole = schedule.work_day(one, always(name))
        assert schedule.work_day(one, on_shifts(name, split, name)) == whole
        assert again.work_day(one, always(name)) == whole


# ---- the hours of a date


def hours(day: ShiftDay) -> list[str]:
    return [f"{one.starts:%H:%M}-{one.ends:%H:%M}" for one in day.sessions]


@pytest.mark.parametrize(
    ("shift", "on", "wanted", "expected", "off"),
    [
        ("school", MONDAY, ["07:00-11:15", "13:00-16:30"], 255 + 210, None),
        ("school", MONDAY + 5 * DAY, ["07:00-11:15"], 255, None),
        ("school", SUNDAY, [], 0, "day_off"),
        ("off", MONDAY, [], 0, "day_off"),
        ("office", MONDAY, ["08:00-17:00"], 480, None),
        ("night", MONDAY, ["22:00-06:00"], 480, None),
        (None, MONDAY, ["08:00-17:00"], 480, None),
        ("gone", MONDAY, ["08:00-17:00"], 480, None),
        ("three", MONDAY, ["06:00-14:00"], 480, None),
        ("three", MONDAY + 6 * DAY, ["06:00-14:00"], 480, None),
        ("three", MONDAY + 7 * DAY, ["14:00-22:00"], 480, None),
        ("three", MONDAY + 20 * DAY, ["22:00-06:00"], 480, None),
        ("three", MONDAY + 21 * DAY, ["06:00-14:00"], 480, None),
        ("three", SUNDAY, ["22:00-06:00"], 480, None),
        ("three", MONDAY - 8 * DAY, ["14:00-22:00"], 480, None),
        ("two", SUNDAY, ["22:00-06:00"], 480, None),
        ("two", MONDAY - 7 * DAY, ["22:00-06:00"], 480, None),
        ("two", MONDAY, [], 0, "day_off"),
    ],
)
def test_the_hours_of_a_date(
    shift: str | None, on: date, wanted: list[str], expected: int, off: str | None
) -> None:
    day = Schedule(always(calendar())).shift_day(shift, on)
    assert (hours(day), day.expected_minutes, day.off) == (wanted, expected, off)


def test_a_rotation_may_be_the_default_shift() -> None:
    schedule = Schedule(always(calendar(default_shift="three")))
    assert hours(schedule.shift_day(None, MONDAY + 7 * DAY)) == ["14:00-22:00"]
    assert schedule.shift_day("gone", MONDAY).shift == "early"


@given(
    st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    st.integers(-60, 60),
    st.lists(st.sampled_from("abc"), min_size=1),
)
def test_a_rotation_repeats_before_and_after_its_anchor(anchor: date, cycles: int, weeks: list[str]) -> None:
    rotation = Rotation(anchor, tuple(weeks))
    monday = anchor - timedelta(days=anchor.weekday())
    for n in range(7 * len(weeks)):
        on = monday + timedelta(days=n)
        assert rotation.shift(on) == weeks[n // 7]
        assert rotation.shift(on + timedelta(weeks=cycles * len(weeks))) == weeks[n // 7]


@pytest.mark.parametrize(
    ("shift", "half", "wanted", "expected"),
    [
        pytest.param("office", "first", ["13:00-17:00"], 240, id="the morning is free"),
        pytest.param("office", "second", ["08:00-12:00"], 240, id="the afternoon is free"),
        pytest.param("night", "first", ["02:00-06:00"], 240, id="the first half of a night"),
        pytest.param("school", "first", ["13:00-16:30"], 210, id="the morning's session is free"),
        pytest.param("school", "second", ["07:00-11:15"], 255, id="the afternoon's session is free"),
    ],
)
def test_half_a_day_that_is_free_leaves_the_other(
    shift: str, half: Half, wanted: list[str], expected: int
) -> None:
    whole = Schedule(always(calendar())).shift_day(shift, MONDAY)
    rest = without_half(whole, half)
    by_holiday = Schedule(always(calendar()), [Holiday(MONDAY, "half", half)]).shift_day(shift, MONDAY)
    for day in (rest, by_holiday):
        assert (hours(day), day.expected_minutes) == (wanted, expected)


def test_a_half_that_is_free_keeps_the_wall_clock_on_a_night_when_clocks_change() -> None:
    schedule = Schedule(
        always(
            calendar(
                BERLIN, shifts={"n": week(sat="22:00-02:00 03:30-06:00")}, default_shift="n", rotations={}
            )
        )
    )
    day = without_half(schedule.shift_day(None, date(2026, 10, 24)), "second")
    assert (hours(day), day.expected_minutes) == (["22:00-02:00"], 240)
    assert day.sessions[0].ends_s - day.sessions[0].starts_s == 4 * 3600


def test_three_sessions_are_halved_after_the_second() -> None:
    three = calendar(
        shifts={"t": week(mon="07:00-09:00 10:00-12:00 13:00-16:00")}, default_shift="t", rotations={}
    )
    day = Schedule(always(three)).shift_day(None, MONDAY)
    assert hours(without_half(day, "first")) == ["13:00-16:00"]
    assert hours(without_half(day, "second")) == ["07:00-09:00", "10:00-12:00"]


@pytest.mark.parametrize(
    ("shift", "on", "half", "half_day_under", "absent_under"),
    [
        pytest.param("school", MONDAY, None, 360, 120, id="the longest day"),
        pytest.param("school", MONDAY + 5 * DAY, None, 197, 65, id="255 of 465 minutes, rounded down"),
        pytest.param("school", SUNDAY, None, 360, 120, id="a day off"),
        pytest.param("school", MONDAY, "second", None, 65, id="half a holiday"),
        pytest.param("office", MONDAY, None, 360, 120, id="all days are equally long"),
        pytest.param("office", MONDAY, "first", None, 60, id="half of eight hours"),
    ],
)
def test_thresholds_of_little_work_are_in_proportion_to_the_longest_day(
    shift: str, on: date, half: Half | None, half_day_under: int | None, absent_under: int
) -> None:
    thresholds = {"half_day_under_minutes": 360, "absent_under_minutes": 120}
    shifts = {"s": msgspec.structs.replace(SHIFTS[shift], **thresholds)}
    holidays = [Holiday(on, "half", half)] if half else []
    made = Schedule(always(Calendar(shifts=shifts, default_shift="s")), holidays).shift_day(None, on)
    found = made.rules.half_day_under_minutes, made.rules.absent_under_minutes
    assert found == (half_day_under, absent_under)


def test_half_a_holiday_on_a_day_off_leaves_it_off() -> None:
    day = Schedule(always(calendar()), [Holiday(SUNDAY, "half", "first")]).shift_day("school", SUNDAY)
    assert (day.off, day.holiday_half, day.expected_minutes) == ("day_off", "first", 0)


@pytest.mark.parametrize(
    ("shift", "minutes"),
    [
        (Shift("08:00", "12:00", break_minutes=30), 240),
        (Shift("08:00:30", "09:00"), 59),
        pytest.param(Shift("08:00", "14:10", break_minutes=60), 360, id="no more than the excess"),
        pytest.param(Shift("08:00", "17:15", breaks=(Break(360, 30), Break(540, 45))), 525, id="two tiers"),
        pytest.param(
            Shift("08:00", "18:00", breaks=(Break(360, 30), Break(540, 45))), 555, id="the longer one"
        ),
        pytest.param(
            replaced := msgspec.structs.replace(SCHOOL, break_minutes=60), 465, id="a pause is the break"
        ),
        pytest.param(
            msgspec.structs.replace(replaced, break_minutes=120), 450, id="the rest of the break is due"
        ),
    ],
)
def test_expected_minutes_are_the_hours_without_breaks(shift: Shift, minutes: int) -> None:
    schedule = Schedule(always(Calendar(zone=SAIGON, shifts={"s": shift}, default_shift="s")))
    assert schedule.shift_day(None, MONDAY).expected_minutes == minutes


@pytest.mark.parametrize(
    ("zone", "on", "expected"),
    [
        pytest.param(BERLIN, date(2026, 3, 28), ["22:00-06:00"], id="clocks go forward"),
        pytest.param(BERLIN, date(2026, 10, 24), ["22:00-06:00"], id="clocks go back"),
        pytest.param(LORD_HOWE, date(2026, 10, 3), ["22:00-06:00"], id="by half an hour"),
    ],
)
def test_hours_are_shown_with_the_offset_that_they_have(zone: str, on: date, expected: list[str]) -> None:
    day = Schedule(always(calendar(zone))).shift_day("night", on)
    assert hours(day) == expected
    assert day.expected_minutes == 480
    assert day.sessions[0].starts.utcoffset() != day.sessions[0].ends.utcoffset()


# ---- what cannot work


def shift_with(**fields: Any) -> dict[str, Any]:
    return {
        "shifts": {"s": Shift(**{"starts": "08:00", "ends": "17:00", **fields})},
        "default_shift": "s",
        "rotations": {},
    }


def week_of(*spans: str, **fields: Any) -> dict[str, Any]:
    return shift_with(starts=None, ends=None, week={"mon": sessions(*spans)}, **fields)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"zone": "Mars/Olympus"}, "zone: "),
        ({"zone": "Asia"}, "zone: "),
        ({"zone": "localtime"}, "zone: "),
        ({"zone": "../etc/passwd"}, "zone: "),
        ({"default_shift": "midday"}, "default_shift: "),
        (shift_with(weekdays=("mon", "mon")), "shifts.s.weekdays: "),
        (shift_with(break_minutes=540), "shifts.s.break_minutes: "),
        (shift_with(grace_minutes=540), "shifts.s.grace_minutes: "),
        (shift_with(early_grace_minutes=540), "shifts.s.early_grace_minutes: "),
        (shift_with(grace_minutes=30, half_day_after_minutes=20), "shifts.s.half_day_after_minutes: "),
        (shift_with(half_day_under_minutes=541), "shifts.s.half_day_under_minutes: "),
        (shift_with(absent_under_minutes=541), "shifts.s.absent_under_minutes: "),
        (shift_with(half_day_under_minutes=240, absent_under_minutes=300), "shifts.s.absent_under_minutes: "),
        pytest.param(shift_with(starts="07:00", ends="07:00"), "shifts.s.ends: ", id="24 hours"),
        pytest.param(shift_with(starts="07:00", ends="05:01"), "shifts.s.ends: ", id="over 22 hours"),
        pytest.param(
            shift_with(starts="22:00", ends="06:00", cutoff="02:00"), "shifts.s.cutoff: ", id="inside"
        ),
        pytest.param(
            shift_with(cutoff="17:00"), "shifts.s.cutoff: ", id="at the end: who leaves then is a day on"
        ),
        pytest.param(shift_with(cutoff="07:01"), "shifts.s.cutoff: less than an hour", id="before the start"),
        pytest.param(
            week_of("08:00-12:00", "13:00-17:00", cutoff="12:30"), "shifts.s.cutoff: ", id="in the pause"
        ),
        (shift_with(starts=None), "shifts.s.starts: "),
        (shift_with(starts=None, ends=None), "shifts.s.starts: "),
        (shift_with(week={}), "shifts.s.week: "),
        (week_of("08:00-12:00", weekdays=("mon", "tue")), "shifts.s.weekdays: "),
        pytest.param(week_of("08:00-12:00", "11:00-15:00"), "shifts.s.week.mon: ", id="overlap"),
        pytest.param(week_of("08:00-12:00", "08:00-12:00"), "shifts.s.week.mon: ", id="twice"),
        pytest.param(week_of("13:00-17:00", "08:00-12:00"), "shifts.s.week.mon: ", id="not in order"),
        pytest.param(week_of("18:00-22:00", "06:00-10:00"), "shifts.s.week.mon: ", id="evening and morning"),
        pytest.param(week_of("22:00-02:00", "01:00-06:00"), "shifts.s.week.mon: ", id="overlap at night"),
        pytest.param(week_of("22:00-06:00", "07:00-22:30"), "shifts.s.week.mon: ", id="more than a day"),
        pytest.param(week_of("08:00-08:00"), "shifts.s.week: ", id="a session of 24 hours"),
        pytest.param(week_of("00:00-02:00", "21:00-23:00"), "shifts.s.week: ", id="no room for a cut-off"),
        pytest.param(
            shift_with(
                starts=None, ends=None, week={"mon": sessions("06:00-14:00"), "tue": sessions("22:00-06:00")}
            ),
            "shifts.s.week: ",
            id="days of a week that leave no room",
        ),
        pytest.param(
            week_of("08:00-09:00", "10:00-17:00", grace_minutes=60), "shifts.s.grace_minutes: ", id="short"
        ),
        (shift_with(breaks=(Break(540, 45), Break(360, 30))), "shifts.s.breaks: "),
        (shift_with(breaks=(Break(360, 30), Break(360, 45))), "shifts.s.breaks: "),
        (shift_with(breaks=(Break(360, 30),), break_minutes=60), "shifts.s.breaks: "),
        (shift_with(breaks=(Break(60, 600),)), "shifts.s.breaks: "),
        ({"rotations": {"office": Rotation(MONDAY, ("night",))}}, "rotations.office: "),
        ({"rotations": {"r": Rotation(MONDAY, ("night", "gone", "gone"))}}, "rotations.r.weeks: "),
        ({"rotations": {**ROTATIONS, "r": Rotation(MONDAY, ("three",))}}, "rotations.r.weeks: "),
    ],
)
def test_what_cannot_work_is_refused_with_its_reason(change: dict[str, Any], problem: str) -> None:
    problems = calendar_problems(msgspec.structs.replace(calendar(), **change))
    assert len(problems) == 1, problems
    assert problems[0].startswith(problem)


@pytest.mark.parametrize(
    "change",
    [
        {},
        shift_with(weekdays=()),
        shift_with(week={}, starts=None, ends=None),
        shift_with(week={"mon": ()}, starts=None, ends=None),
        shift_with(starts="07:00", ends="05:00"),
        shift_with(starts="22:00", ends="06:00", cutoff="06:01"),
        shift_with(starts="22:00", ends="06:00", cutoff="20:00"),
        shift_with(cutoff="23:00"),
        shift_with(cutoff="07:00"),
        shift_with(break_minutes=539),
        shift_with(half_day_under_minutes=480, absent_under_minutes=480),
        shift_with(absent_under_minutes=120),
        shift_with(breaks=(Break(360, 30), Break(540, 45))),
        week_of("06:00-08:00", "20:30-22:30"),
        week_of("07:00-09:00", "09:00-11:00", "13:00-15:00", "15:00-17:00"),
        week_of("22:00-02:00", "02:30-06:00"),
        week_of("20:00-22:00", "23:00-01:00", "02:00-04:00"),
        {"cutoff": "23:59"},
        {"default_shift": "three"},
        {"zone": "Pacific/Kiritimati"},
    ],
)
def test_what_works_is_not_refused(change: dict[str, Any]) -> None:
    assert calendar_problems(msgspec.structs.replace(calendar(), **change)) == []


CLOCKS = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
DAYS = st.lists(st.builds(SessionHours, CLOCKS, CLOCKS), max_size=3).map(tuple)
ANY = st.builds(
    Shift,
    week=st.dictionaries(st.sampled_from(WEEK), DAYS, max_size=7),
    cutoff=st.none() | CLOCKS,
) | st.builds(Shift, starts=CLOCKS, ends=CLOCKS, weekdays=st.just(WEEK), cutoff=st.none() | CLOCKS)


@given(ANY, CLOCKS, NEAR)
def test_whatever_is_accepted_has_its_hours_in_order_within_its_work_day(
    shift: Shift, cutoff: str, on: date
) -> None:
    made = Calendar(zone=SAIGON, cutoff=cutoff, shifts={"s": shift}, default_shift="s")
    if calendar_problems(made):
        return
    schedule = Schedule(always(made))
    day = schedule.shift_day(None, on)
    marks = [mark for one in day.sessions for mark in (one.starts, one.ends)]
    assert marks == sorted(marks)
    if marks:
        assert day.day_starts + timedelta(hours=1) <= marks[0]
        assert marks[-1] < day.day_ends
        assert {schedule.work_day(mark) for mark in marks} == {on}

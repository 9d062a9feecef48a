"""The work-day rules: which day a punch belongs to, and what a day's punches add up to."""

import zoneinfo
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.calendar_checks import calendar_problems
from chalicelib.domain.leave import Leave, leave_on, leaves_by_person
from chalicelib.domain.schedule import (
    WEEK,
    Calendar,
    Half,
    Holiday,
    Rotation,
    Schedule,
    Shift,
    without_half,
    work_day_start_s,
)
from chalicelib.domain.timeline import Stint, always
from chalicelib.domain.workday import (
    Member,
    RequestedDirection,
    TimeEvent,
    WorkDay,
    evaluate_day,
    evaluate_person_day,
    events_by_day,
    merge_events,
    recent_event,
    resolve_direction,
)

SAIGON, BERLIN, NEW_YORK = "Asia/Ho_Chi_Minh", "Europe/Berlin", "America/New_York"
OFFICE = Shift(
    starts="08:00",
    ends="17:00",
    grace_minutes=10,
    early_grace_minutes=5,
    half_day_after_minutes=180,
    break_minutes=60,
)
NIGHT = Shift(starts="22:00", ends="06:00", weekdays=WEEK, grace_minutes=5)
PLAIN = Shift(starts="09:00", ends="17:00", weekdays=WEEK)
CHANGING = Shift(starts="09:00", ends="17:00", cutoff="02:30")  # where clocks change at night
SHIFTS = {"office": OFFICE, "night": NIGHT, "plain": PLAIN, "changing": CHANGING}
MONDAY = date(2026, 11, 23)
LATER = datetime(2040, 1, 1, tzinfo=UTC)
AN = Member("p1", "Nguyễn Văn Ánh")


def calendar(zone: str = SAIGON, **changes: Any) -> Calendar:
    return Calendar(zone=zone, shifts=SHIFTS, default_shift="office", **changes)


def site(zone: str = SAIGON, holidays: Iterable[Holiday] = ()) -> Schedule:
    return Schedule(always(calendar(zone)), holidays)


def instant(wall: str, zone: str = SAIGON) -> datetime:
    """Read `2026-11-23 08:00` on a zone's clock; an added `*` is the second time it shows that."""
    local = datetime.fromisoformat(wall.rstrip("*")).replace(
        tzinfo=zoneinfo.ZoneInfo(zone), fold=int(wall.endswith("*"))
    )
    return local.astimezone(UTC)


def event(
    wall: str,
    asked: RequestedDirection = "auto",
    *,
    zone: str = SAIGON,
    on: date | None = None,
    name: str = "",
    **rest: Any,
) -> TimeEvent:
    return TimeEvent(
        id=name or wall,
        at=instant(wall, zone),
        work_day=on or date.fromisoformat(wall[:10]),
        zone=zone,
        direction=asked,
        **rest,
    )


def judge(
    shift: str, on: date, *walls: str, zone: str = SAIGON, now: datetime = LATER, leave: Leave | None = None
) -> WorkDay:
    """Judge the punches of one date: `08:00` is automatic, `08:00 in` is explicit, `+06:00` the day after."""
    schedule = site(zone)
    events = []
    for wall in walls:
        clock, _, asked = wall.partition(" ")
        there = on + timedelta(days=clock.startswith("+"))
        found = event(f"{there} {clock.lstrip('+')}", asked or "auto", zone=zone, on=on)  # type: ignore[arg-type]
        assert schedule.work_day(found.at, always(shift)) == on, (
            "the table says something else than the cut-off"
        )
        events.append(found)
    return evaluate_day(schedule.shift_day(shift, on), events, leave=leave, now=now)


@pytest.mark.parametrize(
    ("zone", "shift", "wall", "expected"),
    [
        pytest.param(SAIGON, "office", "2026-08-11 06:55", "2026-08-11", id="UTC+7 before 07:00 (D1)"),
        pytest.param(SAIGON, "office", "2026-08-11 00:30", "2026-08-10", id="overtime past midnight"),
        pytest.param(SAIGON, "office", "2026-08-11 03:59:59", "2026-08-10", id="last second before cut-off"),
        pytest.param(SAIGON, "office", "2026-08-11 04:00", "2026-08-11", id="the cut-off itself"),
        pytest.param(SAIGON, "office", "2028-02-29 06:30", "2028-02-29", id="leap day"),
        pytest.param(SAIGON, "office", "2028-03-01 01:00", "2028-02-29", id="night after leap day"),
        pytest.param(SAIGON, "office", "2027-01-01 02:00", "2026-12-31", id="new year's night"),
        pytest.param(NEW_YORK, "office", "2026-12-31 20:00", "2026-12-31", id="already next year in UTC"),
        pytest.param(SAIGON, "night", "2026-11-23 21:40", "2026-11-23", id="night shift begins"),
        pytest.param(SAIGON, "night", "2026-11-24 06:05", "2026-11-23", id="night shift ends next morning"),
        pytest.param(SAIGON, "night", "2026-11-24 13:59", "2026-11-23", id="half-way between two nights"),
        pytest.param(SAIGON, "night", "2026-11-24 14:00", "2026-11-24", id="nearer to the next night"),
        pytest.param(BERLIN, "night", "2026-03-29 06:05", "2026-03-28", id="night the clocks go forward"),
        pytest.param(BERLIN, "changing", "2026-10-25 02:29", "2026-10-24", id="before the first 02:30"),
        pytest.param(BERLIN, "changing", "2026-10-25 02:45", "2026-10-25", id="after the first 02:30"),
        pytest.param(BERLIN, "changing", "2026-10-25 02:15*", "2026-10-25", id="the same hour again"),
        pytest.param(BERLIN, "changing", "2026-03-29 03:29", "2026-03-28", id="02:30 was skipped"),
        pytest.param(BERLIN, "changing", "2026-03-29 03:30", "2026-03-29", id="an hour later instead"),
        pytest.param(BERLIN, "night", "2026-10-25 02:30*", "2026-10-24", id="second 02:30 of the night"),
        pytest.param(
            BERLIN, "office", "2026-10-25 03:59", "2026-10-24", id="before cut-off, clocks went back"
        ),
        pytest.param(
            NEW_YORK, "office", "2026-03-08 04:00", "2026-03-08", id="at cut-off, clocks went forward"
        ),
    ],
)
def test_a_punch_belongs_to_the_day_people_expect(zone: str, shift: str, wall: str, expected: str) -> None:
    found = site(zone).work_day(instant(wall, zone), always(shift))
    assert found.isoformat() == expected


@pytest.mark.parametrize(
    ("shift", "begins"),
    [
        pytest.param(OFFICE, 4, id="the site's cut-off"),
        pytest.param(NIGHT, 14, id="night shift: half-way from 06:00 to 22:00"),
        pytest.param(Shift("18:00", "02:00"), 10, id="evening shift past midnight"),
        pytest.param(Shift("16:00", "00:00"), 8, id="till midnight"),
        pytest.param(Shift("00:00", "08:00"), 16 - 24, id="from midnight: the afternoon before"),
        pytest.param(Shift("04:00", "12:00"), 20 - 24, id="baker: the evening before"),
        pytest.param(Shift("18:00", "02:00", cutoff="06:00"), 6, id="given"),
        pytest.param(Shift("02:00", "10:00", cutoff="23:00"), 23 - 24, id="given, on the evening before"),
        pytest.param(Shift("07:00", "07:00"), 7, id="round the clock"),
    ],
)
def test_a_work_day_turns_over_away_from_its_shift(shift: Shift, begins: int) -> None:
    assert work_day_start_s(shift, "04:00") == begins * 3600


MON, FRI, SAT, SUN = MONDAY, date(2026, 11, 27), date(2026, 11, 28), date(2026, 11, 29)


@pytest.mark.parametrize(
    ("shift", "zone", "on", "walls", "state", "worked", "overtime", "late", "early", "is_open"),
    [
        pytest.param("office", SAIGON, MON, "07:55 17:00", "left", 485, 5, 0, 0, False, id="ordinary"),
        pytest.param("office", SAIGON, MON, "06:55 17:00", "left", 545, 65, 0, 0, False, id="before 07:00"),
        pytest.param("office", SAIGON, MON, "08:10 17:00", "left", 470, 0, 0, 0, False, id="end of grace"),
        pytest.param(
            "office", SAIGON, MON, "08:10:01 17:00", "late", 469, 0, 10, 0, False, id="a second past"
        ),
        pytest.param("office", SAIGON, MON, "08:25 17:00", "late", 455, 0, 25, 0, False, id="late"),
        pytest.param(
            "office", SAIGON, MON, "11:00 17:00", "late", 360, 0, 180, 0, False, id="nearly half a day"
        ),
        pytest.param(
            "office", SAIGON, MON, "11:01 17:00", "half_day", 359, 0, 181, 0, False, id="half a day"
        ),
        pytest.param(
            "office", SAIGON, MON, "08:00 16:55", "left", 475, 0, 0, 0, False, id="end of early grace"
        ),
        pytest.param("office", SAIGON, MON, "08:00 16:54", "left", 474, 0, 0, 6, False, id="early"),
        pytest.param(
            "office", SAIGON, MON, "08:30 12:00", "late", 210, 0, 30, 300, False, id="late and early"
        ),
        pytest.param(
            "office", SAIGON, MON, "08:00 14:00", "left", 360, 0, 0, 180, False, id="too short for break"
        ),
        # A break takes no more than the excess: a minute more of work is never a minute less of pay.
        pytest.param("office", SAIGON, MON, "08:00 14:01", "left", 360, 0, 0, 179, False, id="break due"),
        pytest.param("office", SAIGON, MON, "08:00 15:01", "left", 361, 0, 0, 119, False, id="all of it"),
        pytest.param(
            *("office", SAIGON, MON, "08:00 12:00 13:00 17:00", "left", 480, 0, 0, 0, False),
            id="lunch punched",
        ),
        pytest.param(
            *("office", SAIGON, MON, "08:00 12:00 12:20 17:00", "left", 480, 0, 0, 0, False), id="short lunch"
        ),
        pytest.param(
            *("office", SAIGON, MON, "08:00 17:00 18:00 20:00", "left", 600, 120, 0, 0, False),
            id="a pause after the shift is no lunch",
        ),
        pytest.param(
            *("office", SAIGON, MON, "08:00 18:00 19:00 20:00", "left", 600, 120, 0, 0, False),
            id="nor one that begins after it",
        ),
        pytest.param("office", SAIGON, MON, "08:00", "present", 0, 0, 0, 0, True, id="forgotten check-out"),
        pytest.param(
            *("office", SAIGON, MON, "08:00 12:00 13:00", "present", 240, 0, 0, 0, True),
            id="forgotten check-out after lunch",
        ),
        pytest.param(
            *("office", SAIGON, MON, "17:00_out", "left", 0, 0, 0, 0, True),
            id="forgotten check-in, explicit out",
        ),
        pytest.param(
            *("office", SAIGON, MON, "12:00_out 13:00 17:00", "left", 240, 0, 0, 0, True),
            id="arrival unknown is not late",
        ),
        pytest.param(
            *("office", SAIGON, MON, "08:00_in 08:05_in 17:00_out", "left", 475, 0, 0, 0, True), id="two ins"
        ),
        pytest.param(
            *("office", SAIGON, MON, "08:00_in 16:00_out 17:00_out", "left", 420, 0, 0, 0, True),
            id="two outs",
        ),
        pytest.param(
            *("office", SAIGON, MON, "08:00_in 12:00 13:00 17:00_out", "left", 480, 0, 0, 0, False),
            id="automatic ones alternate with explicit ones",
        ),
        pytest.param(
            "office", SAIGON, SAT, "09:00 12:00", "left", 180, 180, 0, 0, False, id="day off: overtime"
        ),
        pytest.param("office", SAIGON, MON, "08:00 +01:30", "left", 990, 510, 0, 0, False, id="till 01:30"),
        pytest.param("night", SAIGON, MON, "21:50 +06:05", "left", 495, 15, 0, 0, False, id="night"),
        pytest.param(
            "night", SAIGON, MON, "22:06 +06:00", "late", 474, 0, 6, 0, False, id="late for the night"
        ),
        pytest.param(
            "night", SAIGON, MON, "+00:15 +06:00", "late", 345, 0, 135, 0, False, id="after midnight"
        ),
        pytest.param("night", SAIGON, SUN, "22:00 +05:00", "left", 420, 0, 0, 60, False, id="leaves at 5"),
        pytest.param(
            "night", SAIGON, MON, "22:00", "present", 0, 0, 0, 0, True, id="night, forgotten check-out"
        ),
        pytest.param(
            *("night", BERLIN, date(2026, 3, 28), "22:00 +06:00", "left", 420, 0, 0, 0, False),
            id="Berlin, clocks go forward: seven hours",
        ),
        pytest.param(
            *("night", BERLIN, date(2026, 10, 24), "22:00 +06:00", "left", 540, 60, 0, 0, False),
            id="Berlin, clocks go back: nine hours",
        ),
        pytest.param(
            *(
                "night",
                BERLIN,
                date(2026, 10, 24),
                "22:00 +02:30* +02:50* +06:00",
                "left",
                520,
                40,
                0,
                0,
                False,
            ),
            id="Berlin, a pause in the second 02:30",
        ),
        pytest.param(
            *("night", NEW_YORK, date(2026, 3, 7), "22:00 +06:00", "left", 420, 0, 0, 0, False),
            id="New York, clocks go forward",
        ),
        pytest.param(
            *("night", NEW_YORK, date(2026, 10, 31), "22:00 +06:00", "left", 540, 60, 0, 0, False),
            id="New York, clocks go back",
        ),
        pytest.param(
            *("plain", BERLIN, date(2026, 10, 25), "09:00 17:00", "left", 480, 0, 0, 0, False),
            id="the day after the clocks went back is as long as ever",
        ),
        pytest.param(
            *("plain", BERLIN, date(2026, 3, 29), "09:15 16:45", "late", 450, 0, 15, 15, False),
            id="wall-clock lateness on the day the clocks went forward",
        ),
        pytest.param(
            *("night", SAIGON, date(2026, 12, 31), "22:00 +06:00", "left", 480, 0, 0, 0, False), id="year end"
        ),
        pytest.param(
            *("night", SAIGON, date(2028, 2, 28), "22:00 +06:00", "left", 480, 0, 0, 0, False),
            id="into the leap day",
        ),
        pytest.param(
            "plain", SAIGON, MON, "09:00:30 17:00", "late", 479, 0, 1, 0, False, id="late by seconds"
        ),
    ],
)
def test_a_day_adds_up(
    shift: str,
    zone: str,
    on: date,
    walls: str,
    state: str,
    worked: int,
    overtime: int,
    late: int,
    early: int,
    is_open: bool,
) -> None:
    found = judge(shift, on, *(wall.replace("_", " ") for wall in walls.split()), zone=zone)
    assert (found.state, found.worked_minutes, found.overtime_minutes) == (state, worked, overtime)
    assert (found.late_minutes, found.early_minutes, found.open) == (late, early, is_open)


def test_instants_carry_the_offset_of_the_day() -> None:
    found = judge("night", date(2026, 10, 24), "22:00", "+06:00", zone=BERLIN)
    shown = msgspec.to_builtins(found)
    assert shown["first_in"] == "2026-10-24T22:00:00+02:00"
    assert shown["last_out"] == "2026-10-25T06:00:00+01:00"
    assert shown["pairs"] == ({"in_at": shown["first_in"], "out_at": shown["last_out"], "minutes": 540},)
    assert msgspec.convert(shown, WorkDay) == found
    assert found.first_in is not None
    assert found.last_out is not None
    assert found.last_out - found.first_in == timedelta(hours=9)


@pytest.mark.parametrize(
    ("now", "walls", "expected"),
    [
        pytest.param("07:00", "", ("expected", False, False, 0), id="nobody is absent before the start"),
        pytest.param("08:10", "", ("expected", False, False, 0), id="nor within the grace"),
        pytest.param("08:11", "", ("absent", False, False, 0), id="absent until they come"),
        pytest.param(
            "09:00", "08:00", ("present", True, False, 0), id="at work is not a forgotten check-out"
        ),
        pytest.param("09:00", "08:30", ("late", True, False, 0), id="late and at work"),
        pytest.param("12:30", "08:00 12:00", ("left", False, False, 0), id="at lunch is not early leaving"),
        pytest.param(
            "17:00", "08:00 12:00", ("left", False, False, 300), id="who did not come back left early"
        ),
        pytest.param(
            "+03:59", "08:00", ("present", True, False, 0), id="until the cut-off they may be there"
        ),
        pytest.param("+04:00", "08:00", ("present", False, True, 0), id="then the check-out was forgotten"),
        pytest.param("09:00", "08:00_in 08:30_in", ("present", True, True, 0), id="one missing, one running"),
    ],
)
def test_a_running_day_is_judged_by_what_is_due(now: str, walls: str, expected: tuple[object, ...]) -> None:
    clock = instant(f"{MONDAY + timedelta(days=now.startswith('+'))} {now.lstrip('+')}")
    found = judge("office", MONDAY, *(wall.replace("_", " ") for wall in walls.split()), now=clock)
    assert (found.state, found.at_work, found.open, found.early_minutes) == expected


HOLIDAY = Holiday(date(2026, 11, 24), "Founding day")


TUESDAY = HOLIDAY.date


def stints(*given: Stint) -> Member:
    return msgspec.structs.replace(AN, stints=given)


def on_leave(since: date, until: date | None = None, half: Half | None = None) -> Leave:
    return Leave("p1", since, until or since, "annual", half)


@pytest.mark.parametrize(
    ("member", "on", "leaves", "state"),
    [
        pytest.param(AN, MONDAY, [], "absent", id="due and not there"),
        pytest.param(AN, SAT, [], "day_off", id="weekend"),
        pytest.param(AN, HOLIDAY.date, [], "holiday", id="holiday"),
        pytest.param(AN, MONDAY, [on_leave(MONDAY, SUN)], "leave", id="leave"),
        pytest.param(AN, SAT, [on_leave(MONDAY, SUN)], "day_off", id="a day off takes no leave"),
        pytest.param(AN, HOLIDAY.date, [on_leave(MONDAY, SUN)], "holiday", id="nor does a holiday"),
        pytest.param(AN, MONDAY, [on_leave(MONDAY, half="first")], "absent", id="half a day of leave"),
        pytest.param(
            *(AN, MONDAY, [on_leave(MONDAY, half="first"), on_leave(MONDAY, half="second")], "leave"),
            id="both halves",
        ),
        pytest.param(stints(), MONDAY, [], "inactive", id="never here"),
        pytest.param(stints(Stint(since=FRI)), MONDAY, [], "inactive", id="before the joining date"),
        pytest.param(stints(Stint(since=MONDAY)), MONDAY, [], "absent", id="first day"),
        pytest.param(stints(Stint(until=MONDAY)), MONDAY, [], "absent", id="last day"),
        pytest.param(stints(Stint(until=MONDAY)), FRI, [], "inactive", id="after the last"),
        pytest.param(
            stints(Stint(until=MONDAY), Stint(since=FRI)), TUESDAY, [], "inactive", id="between two stints"
        ),
        pytest.param(stints(Stint(until=MONDAY), Stint(since=FRI)), FRI, [], "absent", id="back again"),
        pytest.param(
            *(stints(Stint(until=MONDAY)), FRI, [on_leave(MONDAY, FRI)], "inactive"),
            id="leave after the last day",
        ),
    ],
)
def test_a_day_without_punches(member: Member, on: date, leaves: list[Leave], state: str) -> None:
    schedule = site(holidays=[HOLIDAY])
    found = evaluate_person_day(schedule, member, on, [], leaves=leaves, now=LATER)
    assert found.state == state
    assert found.worked_minutes == found.overtime_minutes == found.late_minutes == 0
    due = 240 if found.leave_half else 480
    assert found.expected_minutes == (due if state == "absent" else 0)


def test_work_on_a_holiday_or_on_leave_is_overtime_and_never_late() -> None:
    schedule = site(holidays=[HOLIDAY])
    for on, leaves in ((HOLIDAY.date, []), (FRI, [on_leave(FRI)])):
        punches = [event(f"{on} 10:00"), event(f"{on} 12:30")]
        found = evaluate_person_day(schedule, AN, on, punches, leaves=leaves, now=LATER)
        assert (found.state, found.worked_minutes, found.overtime_minutes) == ("left", 150, 150)
        assert (found.late_minutes, found.early_minutes, found.expected_minutes) == (0, 0, 0)
        assert (found.holiday, found.leave) == ((HOLIDAY.name, None) if not leaves else (None, "annual"))


@pytest.mark.parametrize(
    ("half", "walls", "late", "early", "overtime"),
    [
        pytest.param("first", ("13:00", "17:00"), 0, 0, 0, id="morning off"),
        pytest.param("first", ("13:20", "17:30"), 20, 0, 10, id="morning off, late for the afternoon"),
        pytest.param("second", ("08:00", "12:00"), 0, 0, 0, id="afternoon off"),
        pytest.param("second", ("08:00", "11:30"), 0, 30, 0, id="afternoon off, gone early"),
    ],
)
def test_half_a_day_of_leave_halves_what_is_due(
    half: Half, walls: tuple[str, str], late: int, early: int, overtime: int
) -> None:
    found = judge("office", MONDAY, *walls, leave=on_leave(MONDAY, half=half))
    assert (found.late_minutes, found.early_minutes, found.overtime_minutes) == (late, early, overtime)
    assert (found.expected_minutes, found.leave, found.leave_half) == (240, "annual", half)


def test_half_a_day_of_leave_is_never_late_by_half_a_day() -> None:
    found = judge("office", MONDAY, "16:30", leave=on_leave(MONDAY, half="first"))
    assert (found.state, found.late_minutes) == ("late", 210)


def test_half_a_day_of_leave_changes_nothing_on_a_day_off() -> None:
    walls = ("08:00", "12:00", "13:00", "17:00")
    found = judge("office", SAT, *walls, leave=on_leave(SAT, half="first"))
    assert (found.worked_minutes, found.break_minutes, found.expected_minutes) == (480, 0, 0)


def test_who_is_not_employed_keeps_their_punches_and_owes_nothing() -> None:
    punches = [event("2026-11-23 08:30"), event("2026-11-23 18:30")]
    found = evaluate_person_day(site(), stints(), MONDAY, punches, now=LATER)
    assert (found.state, found.worked_minutes, found.break_minutes) == ("left", 540, 60)
    assert (found.expected_minutes, found.overtime_minutes, found.sessions) == (0, 0, ())
    assert (found.late_minutes, found.early_minutes, len(found.punches)) == (0, 0, 2)


def test_a_correction_supersedes_and_both_are_shown() -> None:
    wrong = event("2026-11-23 13:00", name="wrong")
    right = event("2026-11-23 17:00", "out", name="right", source="manual", supersedes="wrong")
    found = evaluate_day(
        site().shift_day("office", MONDAY), [right, event("2026-11-23 08:00"), wrong], now=LATER
    )
    assert found.worked_minutes == 480
    shown = {entry.id: (entry.counted, entry.superseded_by, entry.supersedes) for entry in found.punches}
    assert shown["wrong"] == (False, "right", None)
    assert shown["right"] == (True, None, "wrong")


def test_a_voided_punch_is_shown_and_counts_for_nothing() -> None:
    events = [
        event("2026-11-23 08:00"),
        event("2026-11-23 12:00", name="slip"),
        event("2026-11-23 12:00", name="undo", source="manual", supersedes="slip", void=True),
        event("2026-11-23 17:00"),
    ]
    found = evaluate_day(site().shift_day("office", MONDAY), events, now=LATER)
    assert [(pair.minutes, found.open) for pair in found.pairs] == [(540, False)]
    assert [entry.counted for entry in found.punches] == [True, False, False, True]


def test_a_day_whose_only_punch_is_void_is_an_absence() -> None:
    events = [
        event("2026-11-23 08:00", name="a"),
        event("2026-11-23 08:00", name="b", supersedes="a", void=True),
    ]
    found = evaluate_day(site().shift_day("office", MONDAY), events, now=LATER)
    assert (found.state, found.first_in, len(found.punches)) == ("absent", None, 2)


def test_a_correction_of_a_correction_is_the_last_word() -> None:
    events = [
        event("2026-11-23 08:00", name="a"),
        event("2026-11-23 08:30", name="b", supersedes="a"),
        event("2026-11-23 08:05", name="c", supersedes="b"),
        event("2026-11-23 17:00", name="d"),
    ]
    found = evaluate_day(site().shift_day("office", MONDAY), events, now=LATER)
    assert (found.first_in, found.late_minutes) == (instant("2026-11-23 08:05"), 0)


def test_a_correction_may_move_a_punch_to_another_day() -> None:
    punches = [
        event("2026-11-23 08:00"),
        event("2026-11-23 17:00", name="wrong"),
        event("2026-11-24 08:00", name="right", supersedes="wrong"),
    ]
    days = events_by_day(punches)
    schedule = site()
    monday, tuesday = (
        evaluate_day(schedule.shift_day("office", on), events, now=LATER) for on, events in days.items()
    )
    assert [(entry.id, entry.counted) for entry in monday.punches][1:] == [("wrong", False), ("right", False)]
    assert (monday.open, tuesday.first_in) == (True, instant("2026-11-24 08:00"))


def test_the_same_punch_twice_is_one_punch() -> None:
    events = [event("2026-11-23 08:00"), event("2026-11-23 08:00"), event("2026-11-23 17:00")]
    assert evaluate_day(site().shift_day("office", MONDAY), events, now=LATER).worked_minutes == 480


def test_a_site_that_moves_keeps_the_days_it_had() -> None:
    """D1: a punch's work day and zone are those of the moment it was made."""
    before = [event(f"2026-11-23 {clock}", zone=SAIGON) for clock in ("08:00", "17:00")]
    for schedule in (site(SAIGON), site(BERLIN), site(NEW_YORK)):
        found = evaluate_person_day(schedule, AN, MONDAY, before, now=LATER)
        assert (found.zone, found.late_minutes, found.worked_minutes) == (SAIGON, 0, 480)
    assert evaluate_person_day(site(BERLIN), AN, MONDAY, [], now=LATER).zone == BERLIN


def test_a_day_in_two_zones_goes_by_the_first_punch() -> None:
    events = [event("2026-11-23 08:00", zone=SAIGON), event("2026-11-23 12:00", zone=BERLIN)]
    elsewhere = event("2026-11-22 08:00", zone=NEW_YORK, supersedes="gone")  # only corrects
    found = evaluate_person_day(site(BERLIN), AN, MONDAY, [*events[::-1], elsewhere], now=LATER)
    assert (found.zone, found.late_minutes, found.worked_minutes) == (SAIGON, 0, 9 * 60)


def test_a_shift_that_is_gone_falls_back_to_the_default() -> None:
    assert site().shift_day("gone", MONDAY).shift == "office"


@pytest.mark.parametrize(
    ("before", "asked", "expected"),
    [
        ("", "auto", "in"),
        ("08:00", "auto", "out"),
        ("08:00 12:00", "auto", "in"),
        ("08:00 12:00", "out", "out"),
        ("08:00_out", "auto", "in"),
        ("08:00_in 09:00_in", "auto", "out"),
    ],
)
def test_the_direction_of_a_new_punch(before: str, asked: RequestedDirection, expected: str) -> None:
    events = [event(f"2026-11-23 {one[:5]}", one[6:] or "auto") for one in before.split()]  # type: ignore[arg-type]
    assert resolve_direction(events, event("2026-11-23 13:00", asked)) == expected


def test_a_mark_that_voids_has_no_direction() -> None:
    first = event("2026-11-23 08:00", name="a")
    with pytest.raises(ValueError, match="not counted"):
        resolve_direction([first], event("2026-11-23 08:00", name="b", supersedes="a", void=True))


@pytest.mark.parametrize(
    ("after_s", "found"), [(0, True), (59, True), (60, False), (-59, True), (-60, False)]
)
def test_a_second_punch_inside_the_window_is_the_first_again(after_s: int, found: bool) -> None:
    first = event("2026-11-23 08:00")
    at = first.at + timedelta(seconds=after_s)
    assert recent_event([first], at, 60) == (first if found else None)
    voided = [first, event("2026-11-23 08:00", name="v", supersedes=first.id, void=True)]
    assert recent_event(voided, at, 60) is None


def test_leave_is_found_by_person_and_date() -> None:
    week = on_leave(MONDAY, SUN)
    people = leaves_by_person([week, Leave("p2", MONDAY, MONDAY, "sick")])
    assert leave_on(people["p1"], SUN) == week
    assert leave_on(people["p1"], SUN + timedelta(days=1)) is None
    assert [leave.kind for leave in people["p2"]] == ["sick"]


@pytest.mark.parametrize(
    "wire",
    [
        b'{"shifts": {"day": {"starts": "24:00", "ends": "17:00"}}}',
        b'{"shifts": {"day": {"starts": "8:00", "ends": "17:00"}}}',
        b'{"shifts": {"day": {"starts": "08:00", "ends": "17:00", "weekdays": ["Monday"]}}}',
        b'{"shifts": {"day": {"starts": "08:00", "ends": "17:00", "grace": 5}}}',
        b'{"shifts": {"day": {"starts": "08:00", "ends": "17:00", "grace_minutes": -1}}}',
        b'{"shifts": {}}',
        b'{"cut_off": "04:00"}',
        b'{"holidays": []}',
        b'{"shifts": {"day": {"week": {"monday": []}}}}',
        b'{"shifts": {"day": {"week": {"mon": [{"starts": "08:00"}]}}}}',
        b'{"shifts": {"day": {"starts": "08:00", "ends": "17:00", "breaks": [{"minutes": 30}]}}}',
        b'{"shifts": {"day": {"starts": "08:00", "ends": "17:00", "overtime": {"rounding_minutes": 0}}}}',
        b'{"rotations": {"r": {"anchor": "2027-02-29", "weeks": ["day"]}}}',
        b'{"rotations": {"r": {"anchor": "2027-02-28", "weeks": []}}}',
    ],
)
def test_settings_that_are_misspelt_are_refused(wire: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(wire, type=Calendar)


def test_a_calendar_survives_the_wire_and_has_sound_defaults() -> None:
    full = calendar(BERLIN, rotations={"both": Rotation(MONDAY, ("office", "night"))})
    assert msgspec.json.decode(msgspec.json.encode(full), type=Calendar) == full
    assert calendar_problems(msgspec.json.decode(b"{}", type=Calendar)) == []


# ---- properties

ZONES = st.sampled_from([SAIGON, BERLIN, NEW_YORK, "Australia/Lord_Howe", "Africa/Casablanca", "UTC"])
CLOCKS = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
MINUTES = st.integers(0, 120)
ANY_SHIFT = st.builds(
    Shift,
    starts=CLOCKS,
    ends=CLOCKS,
    weekdays=st.just(WEEK),
    grace_minutes=MINUTES,
    early_grace_minutes=MINUTES,
    half_day_after_minutes=st.none() | st.integers(120, 400),
    break_minutes=MINUTES,
    break_after_minutes=st.integers(0, 600),
    cutoff=st.none() | CLOCKS,
)
DATES = st.dates(date(2026, 1, 1), date(2028, 12, 31))
CHANGES = st.sampled_from([instant("2026-03-29 03:00", BERLIN), instant("2026-10-25 02:00*", BERLIN)])
INSTANTS = st.integers(1_767_225_600, 1_861_920_000).map(
    lambda s: datetime.fromtimestamp(s, UTC)
) | st.builds(datetime.__add__, CHANGES, st.timedeltas(timedelta(hours=-3), timedelta(hours=3)))
IDS = st.sampled_from("abcdefghijkl")


def offsets(limit_h: int) -> st.SearchStrategy[timedelta]:
    return st.timedeltas(timedelta(hours=-limit_h), timedelta(hours=limit_h))


def schedule_of(shift: Shift, zone: str) -> Schedule:
    return Schedule(always(Calendar(zone=zone, shifts={"s": shift}, default_shift="s")))


@st.composite
def days_of_marks(draw: st.DrawFn) -> tuple[Schedule, date, list[TimeEvent]]:
    """Draw a schedule, a date and any mess of events on and around it."""
    schedule = schedule_of(draw(ANY_SHIFT), draw(ZONES))
    on = draw(DATES)
    noon = datetime(on.year, on.month, on.day, 12, tzinfo=UTC)
    events = draw(
        st.lists(
            st.builds(
                TimeEvent,
                id=IDS,
                at=offsets(40).map(noon.__add__),
                work_day=st.sampled_from([on, on, on, on + timedelta(days=1)]),
                zone=ZONES,
                direction=st.sampled_from(["auto", "auto", "in", "out"]),
                supersedes=st.none() | st.none() | IDS,
                void=st.sampled_from([False, False, True]),
            ),
            max_size=10,
            unique_by=lambda event: event.id,
        )
    )
    return schedule, on, events


@given(days_of_marks(), st.randoms(use_true_random=False), offsets(48))
def test_the_order_of_arrival_does_not_matter(
    drawn: tuple[Schedule, date, list[TimeEvent]], random: Any, later: timedelta
) -> None:
    schedule, on, events = drawn
    now = schedule.shift_day(None, on).sessions[-1].ends + later
    shuffled = [*events, *events[:2]]
    random.shuffle(shuffled)
    assert evaluate_person_day(schedule, AN, on, shuffled, now=now) == evaluate_person_day(
        schedule, AN, on, events, now=now
    )


@given(days_of_marks(), offsets(48), st.sampled_from([None, "first", "second"]), st.booleans())
def test_no_punches_make_negative_or_more_than_a_day_of_work(
    drawn: tuple[Schedule, date, list[TimeEvent]], later: timedelta, half: Half | None, on_leave_too: bool
) -> None:
    schedule, on, events = drawn
    leaves = [on_leave(on, half=half)] if on_leave_too else []
    found = evaluate_person_day(
        schedule, AN, on, events, leaves=leaves, now=schedule.shift_day(None, on).sessions[-1].ends + later
    )
    assert 0 <= found.worked_minutes <= found.worked_minutes + found.break_minutes <= 1440
    assert 0 <= found.overtime_minutes <= found.worked_minutes
    assert min(found.late_minutes, found.early_minutes, found.break_minutes, found.expected_minutes) >= 0
    assert all(pair.minutes >= 0 for pair in found.pairs)
    assert {entry.id for entry in found.punches} == {event.id for event in events}


@given(ANY_SHIFT, ZONES, DATES, st.integers(-300, 600), st.integers(-300, 600))
def test_arriving_later_is_never_judged_more_kindly(
    shift: Shift, zone: str, on: date, one: int, other: int
) -> None:
    shift_day = schedule_of(shift, zone).shift_day(None, on)

    def severity(minutes: int) -> tuple[int, int]:
        at = shift_day.sessions[0].starts + timedelta(minutes=minutes)
        found = evaluate_day(shift_day, [TimeEvent("a", at, on, zone)], now=LATER)
        return ["present", "late", "half_day"].index(found.state), found.late_minutes

    earlier, later = sorted((one, other))
    assert severity(earlier) <= severity(later)


@given(days_of_marks(), st.integers(0, 300), st.integers(0, 300))
def test_another_stretch_of_work_never_makes_it_less(
    drawn: tuple[Schedule, date, list[TimeEvent]], gap: int, length: int
) -> None:
    schedule, on, events = drawn
    before = evaluate_person_day(schedule, AN, on, events, now=LATER)
    starts = max((event.at for event in events), default=schedule.shift_day(None, on).day_starts) + timedelta(
        minutes=gap
    )
    zone = events[0].zone if events else "UTC"
    more = [
        TimeEvent("y", starts, on, zone, "in"),
        TimeEvent("z", starts + timedelta(minutes=length), on, zone, "out"),
    ]
    after = evaluate_person_day(schedule, AN, on, [*events, *more], now=LATER)
    assert after.worked_minutes + after.break_minutes >= before.worked_minutes + before.break_minutes


@given(ANY_SHIFT, ZONES, INSTANTS, st.integers(0, 90_000))
def test_work_days_follow_each_other_without_gap_or_overlap(
    shift: Shift, zone: str, at: datetime, later_s: int
) -> None:
    schedule = schedule_of(shift, zone)
    on = schedule.work_day(at)
    shift_day = schedule.shift_day(None, on)
    assert shift_day.day_starts <= at < shift_day.day_ends
    assert shift_day.day_ends == schedule.shift_day(None, on + timedelta(days=1)).day_starts
    assert schedule.work_day(at + timedelta(seconds=later_s)) >= on


@given(ANY_SHIFT.filter(lambda shift: shift.cutoff is None), DATES, CLOCKS)
def test_a_shift_lies_inside_its_own_work_day(shift: Shift, on: date, cutoff: str) -> None:
    calendar = Calendar(zone=SAIGON, cutoff=cutoff, shifts={"s": shift}, default_shift="s")
    shift_day = Schedule(always(calendar)).shift_day(None, on)
    [session] = shift_day.sessions
    assert shift_day.day_starts <= session.starts < session.ends <= shift_day.day_ends


@given(ANY_SHIFT, DATES, st.sampled_from(["first", "second"]))
def test_the_halves_of_a_shift_lie_inside_it(shift: Shift, on: date, half: Half) -> None:
    shift_day = schedule_of(shift, SAIGON).shift_day(None, on)
    if shift_day.expected_minutes > 0:
        [whole], [part] = shift_day.sessions, without_half(shift_day, half).sessions
        assert whole.starts_s <= part.starts_s <= part.ends_s <= whole.ends_s
        assert part.ends_s - part.starts_s == shift_day.expected_minutes // 2 * 60
        assert (part.starts.timestamp(), part.ends.timestamp()) == (part.starts_s, part.ends_s)
        assert part.wall_s[1] - part.wall_s[0] == part.ends_s - part.starts_s


@given(days_of_marks(), st.randoms(use_true_random=False))
def test_a_rebuild_equals_what_grew_punch_by_punch(
    drawn: tuple[Schedule, date, list[TimeEvent]], random: Any
) -> None:
    events = drawn[2]
    made = {event.id: event for event in events}
    grown: dict[date, tuple[TimeEvent, ...]] = {}
    for event in events:
        homes = {event.work_day}
        if event.supersedes in made:
            homes.add(made[event.supersedes].work_day)
        for home in homes:
            grown[home] = merge_events(grown.get(home, ()), [event])
    random.shuffle(events)
    assert events_by_day(events) == grown

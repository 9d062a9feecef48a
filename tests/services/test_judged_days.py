"""What payroll reads of sessions, breaks, overtime, rotations and half days, by HTTP."""

from typing import Any

import pytest

from tests.conftest import Http
from tests.support.builders import (
    DAY,
    NIGHT,
    Json,
    add_person,
    calendar,
    change_settings,
    day_of,
    set_calendar,
    set_holiday,
    sheet_of,
    stamped,
    take_leave,
)

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri")
MONDAY, TUESDAY, SATURDAY = "2026-06-01", "2026-06-02", "2026-06-06"


def session(hours: str) -> Json:
    starts, ends = hours.split("-")
    return {"starts": starts, "ends": ends}


def week(weekday: str, saturday: str = "") -> Json:
    """Make a week: the sessions of Monday to Friday, and those of Saturday."""
    days = dict.fromkeys(WEEKDAYS, weekday) | {"sat": saturday}
    return {day: [session(one) for one in hours.split()] for day, hours in days.items()}


PLAIN = {"starts": "08:00", "ends": "17:00", "break_minutes": 60}
SHIFTS: dict[str, Json] = {
    "day": DAY,
    "night": NIGHT,
    "plain": PLAIN,
    "office": {"week": week("08:00-17:00", "08:00-12:00"), "break_minutes": 60},
    "school": {"week": week("07:00-11:15 13:00-16:30", "07:00-11:15"), "grace_minutes": 5},
    "strict": {**PLAIN, "half_day_under_minutes": 360, "absent_under_minutes": 120},
    "fair": {
        "week": week("08:00-17:00", "08:00-12:00"),
        "break_minutes": 60,
        "half_day_under_minutes": 360,
        "absent_under_minutes": 120,
    },
    "baker": {"starts": "04:30", "ends": "12:30"},
    "german": {
        "starts": "07:00",
        "ends": "18:00",
        "breaks": [{"after_minutes": 360, "minutes": 30}, {"after_minutes": 540, "minutes": 45}],
    },
    "tamed": {**PLAIN, "overtime": {"before_shift": False, "minimum_minutes": 30, "rounding_minutes": 15}},
}
ROTATIONS = {"nurses": {"anchor": MONDAY, "weeks": ["day", "night"]}}


@pytest.mark.parametrize(
    ("shift", "on", "walls", "expected"),
    [
        pytest.param(
            "office",
            SATURDAY,
            ["08:00", "12:00"],
            {"state": "left", "expected_minutes": 240, "worked_minutes": 240, "overtime_minutes": 0},
            id="fault 7: a short Saturday",
        ),
        pytest.param("office", "2026-06-07", [], {"state": "day_off"}, id="fault 7: Sunday is off"),
        pytest.param(
            "school",
            MONDAY,
            ["06:55", "11:20", "13:00", "16:30"],
            {"state": "left", "expected_minutes": 465, "late_minutes": 0},
            id="fault 7: two sessions",
        ),
        pytest.param(
            "strict",
            MONDAY,
            ["08:00", "09:00"],
            {"state": "absent", "worked_minutes": 60, "early_minutes": 480},
            id="fault 8: an hour of eight is no day",
        ),
        pytest.param("strict", MONDAY, ["08:00", "12:00"], {"state": "half_day"}, id="fault 8: half a day"),
        pytest.param(
            "school",
            MONDAY,
            ["07:00", "11:15", "13:45", "16:30"],
            {"state": "late", "late_minutes": 45},
            id="fault 8: back from lunch at 13:45",
        ),
        pytest.param(
            "school", MONDAY, ["07:00", "11:15"], {"state": "half_day"}, id="fault 8: a session missed"
        ),
        pytest.param(
            "school",
            MONDAY,
            ["06:55", "11:15", "11:40", "12:30"],
            {"state": "half_day", "early_minutes": 0},
            id="an hour in the pause is no afternoon",
        ),
        pytest.param("school", MONDAY, ["11:30", "12:45"], {"state": "absent"}, id="only in the pause"),
        pytest.param(
            "plain",
            MONDAY,
            ["18:00", "19:00"],
            {"state": "absent", "worked_minutes": 60, "late_minutes": 0, "early_minutes": 0},
            id="only after the shift",
        ),
        pytest.param("fair", SATURDAY, ["08:00", "12:00"], {"state": "left"}, id="all of a short day"),
        pytest.param("fair", SATURDAY, ["08:00", "10:59"], {"state": "half_day"}, id="too little of it"),
        pytest.param("fair", SATURDAY, ["08:00", "08:59"], {"state": "absent"}, id="hardly any of it"),
        pytest.param(
            "baker",
            TUESDAY,
            ["03:55", "12:30"],
            {"state": "left", "late_minutes": 0, "worked_minutes": 515},
            id="fault 9: in at 03:55 for 04:30",
        ),
        pytest.param("plain", MONDAY, ["08:00", "14:00"], {"worked_minutes": 360}, id="fault 14: 6 h 00"),
        pytest.param("plain", MONDAY, ["08:00", "14:01"], {"worked_minutes": 360}, id="fault 14: 6 h 01"),
        pytest.param(
            "german", MONDAY, ["07:00", "16:30"], {"worked_minutes": 540}, id="fault 14: after six hours"
        ),
        pytest.param(
            "german", MONDAY, ["07:00", "17:00"], {"worked_minutes": 555}, id="fault 14: after nine hours"
        ),
        pytest.param(
            "tamed", MONDAY, ["06:55", "17:00"], {"overtime_minutes": 0}, id="fault 15: an early comer"
        ),
        pytest.param(
            "tamed",
            MONDAY,
            ["08:00", "17:29"],
            {"overtime_minutes": 0},
            id="fault 15: less than half an hour",
        ),
        pytest.param("tamed", MONDAY, ["08:00", "17:50"], {"overtime_minutes": 45}, id="fault 15: rounded"),
        pytest.param(
            "plain",
            MONDAY,
            ["08:00:00", "08:01:30", "08:03:00", "08:04:30"],
            {"worked_minutes": 3},
            id="fault 15: pairs are not cut one by one",
        ),
        pytest.param("nurses", TUESDAY, [], {"shift": "day"}, id="a rotation's first week"),
        pytest.param("nurses", "2026-06-08", [], {"shift": "night"}, id="its second week"),
        pytest.param("nurses", "2026-05-25", [], {"shift": "night"}, id="the week before its first"),
    ],
)
def test_a_day_comes_out_as_payroll_expects(
    http: Http, shift: str, on: str, walls: list[str], expected: Json
) -> None:
    set_calendar(http, shifts=SHIFTS, rotations=ROTATIONS)
    person = add_person(http, shift=shift)
    for wall in walls:
        stamped(http, person, f"{on}T{wall}{':00' * (len(wall) == 5)}+07:00")
    found = day_of(http, person, on)
    assert {name: found[name] for name in expected} == expected


def test_the_sessions_of_a_day_are_shown_on_the_clock_of_the_site(http: Http) -> None:
    set_calendar(http, shifts=SHIFTS, default_shift="school")
    person = add_person(http)
    for wall in ("07:00", "11:15", "13:45", "16:30"):
        stamped(http, person, f"{MONDAY}T{wall}:00+07:00")
    morning, afternoon = day_of(http, person, MONDAY)["sessions"]
    assert morning == {
        "starts": f"{MONDAY}T07:00:00+07:00",
        "ends": f"{MONDAY}T11:15:00+07:00",
        "state": "present",
        "late_minutes": 0,
        "early_minutes": 0,
    }
    assert (afternoon["starts"], afternoon["state"], afternoon["late_minutes"]) == (
        f"{MONDAY}T13:00:00+07:00",
        "late",
        45,
    )


def test_the_last_night_of_a_rotation_ends_on_the_first_day_of_the_next_week(http: Http) -> None:
    set_calendar(
        http,
        shifts={"day": {**PLAIN, "weekdays": [*WEEKDAYS, "sat", "sun"]}, "night": NIGHT},
        rotations={"r": {"anchor": MONDAY, "weeks": ["night", "day"]}},
    )
    person = add_person(http, shift="r")
    for at in ("2026-06-07T21:55", "2026-06-08T06:05", "2026-06-08T07:50", "2026-06-08T17:00"):
        stamped(http, person, f"{at}:00+07:00")
    night, day = sheet_of(http, person, "2026-06-07", "2026-06-08")["days"]
    assert (night["shift"], night["open"], night["worked_minutes"]) == ("night", False, 490)
    assert (day["shift"], day["open"], day["worked_minutes"]) == ("day", False, 490)


def test_a_change_of_shift_judges_no_day_before_it(http: Http) -> None:
    """Fault 1: five days of June went from 9600 expected minutes to 9000, with 300 of overtime."""
    set_calendar(http, shifts=SHIFTS)
    person = add_person(http, shift="plain")
    days = ["2026-06-01", "2026-06-02", "2026-06-03", "2026-06-04", "2026-06-05"]
    for on in days:
        stamped(http, person, f"{on}T08:00:00+07:00")
        stamped(http, person, f"{on}T17:00:00+07:00")
    before = sheet_of(http, person, days[0], days[-1])
    change = {"shift": "night", "effective_from": "2026-06-08"}
    assert http.call("PATCH", f"/v1/people/{person}", change).status_code == 200
    assert sheet_of(http, person, days[0], days[-1]) == before
    assert before["totals"]["expected_minutes"] == 5 * 480
    assert day_of(http, person, "2026-06-08")["shift"] == "night"


def test_changes_give_the_same_sheet_in_whatever_order_they_are_made(http: Http) -> None:
    set_calendar(http, shifts=SHIFTS)
    changes = [("2026-06-08", "night"), ("2026-06-15", "plain"), ("2026-06-22", "school")]
    sheets = []
    for order in (changes, changes[::-1], [changes[1], changes[2], changes[0]]):
        person = add_person(http, shift="plain")
        for on, shift in order:
            body = {"shift": shift, "effective_from": on}
            assert http.call("PATCH", f"/v1/people/{person}", body).status_code == 200
        sheets.append([day["shift"] for day in sheet_of(http, person, "2026-06-01", "2026-06-30")["days"]])
    assert sheets[0] == sheets[1] == sheets[2]
    assert [sheets[0][n] for n in (0, 7, 14, 21)] == ["plain", "night", "plain", "school"]


@pytest.mark.parametrize(
    ("leave", "holiday", "walls", "expected"),
    [
        pytest.param("first", None, ["13:00", "16:30"], ("left", 210, 210, 0), id="half leave, half worked"),
        pytest.param("first", None, [], ("absent", 210, 0, 0), id="half leave and no show"),
        pytest.param(
            "first", None, ["07:00", "11:15"], ("absent", 210, 255, 0), id="in the half that is free"
        ),
        pytest.param(
            "second", None, ["07:30", "11:15"], ("late", 255, 225, 30), id="late for the other half"
        ),
        pytest.param(None, "second", ["07:00", "11:15"], ("left", 255, 255, 0), id="half a holiday"),
        pytest.param("first", "second", [], ("leave", 0, 0, 0), id="half leave and half a holiday"),
        pytest.param("second", "second", [], ("absent", 255, 0, 0), id="leave for a half that is free"),
    ],
)
def test_half_days(
    http: Http, leave: str | None, holiday: str | None, walls: list[str], expected: tuple[Any, ...]
) -> None:
    set_calendar(http, shifts=SHIFTS, default_shift="school")
    person = add_person(http)
    if leave:
        take_leave(http, person, MONDAY, half=leave)
    if holiday:
        set_holiday(http, MONDAY, half=holiday)
    for wall in walls:
        stamped(http, person, f"{MONDAY}T{wall}:00+07:00")
    found = day_of(http, person, MONDAY)
    shown = found["state"], found["expected_minutes"], found["worked_minutes"], found["late_minutes"]
    assert shown == expected
    assert (found["leave_half"], found["holiday_half"]) == (leave, holiday)


@pytest.mark.parametrize(
    ("shift", "half", "walls"),
    [
        pytest.param("school", "first", ["07:00", "11:15"], id="a morning of sessions"),
        pytest.param("plain", "first", ["08:00", "12:00"], id="a morning of one session"),
        pytest.param("plain", "second", ["13:00", "17:00"], id="an afternoon of one session"),
    ],
)
def test_work_in_the_half_on_leave_leaves_the_other_half_absent(
    http: Http, shift: str, half: str, walls: list[str]
) -> None:
    set_calendar(http, shifts=SHIFTS)
    person = add_person(http, shift=shift)
    take_leave(http, person, MONDAY, half=half)
    for wall in walls:
        stamped(http, person, f"{MONDAY}T{wall}:00+07:00")
    totals = sheet_of(http, person, MONDAY, MONDAY)["totals"]
    assert (totals["attended_days"], totals["absent_days"], totals["leave_days"]) == (0, 0.5, 0.5)


@pytest.mark.parametrize(
    ("shift", "reason"),
    [
        pytest.param({"starts": "07:00", "ends": "07:00"}, "shifts.x.ends: ", id="fault 6: 24 hours"),
        pytest.param(
            {"week": {"mon": [session("08:00-12:00"), session("11:00-15:00")]}},
            "shifts.x.week.mon: ",
            id="overlap",
        ),
        pytest.param(
            {"week": {"mon": [session("13:00-17:00"), session("08:00-12:00")]}},
            "shifts.x.week.mon: ",
            id="order",
        ),
        pytest.param({**NIGHT, "cutoff": "02:00"}, "shifts.x.cutoff: ", id="cut-off inside a session"),
        pytest.param({**PLAIN, "cutoff": "07:30"}, "shifts.x.cutoff: ", id="cut-off half an hour before"),
        pytest.param({}, "shifts.x.starts: ", id="no hours"),
        pytest.param({**PLAIN, "week": {}}, "shifts.x.week: ", id="hours twice"),
    ],
)
def test_a_shift_that_cannot_work_is_refused_with_the_reason(http: Http, shift: Json, reason: str) -> None:
    answer = change_settings(http, calendar=calendar(shifts={**SHIFTS, "x": shift}))
    assert (answer.status_code, answer.json_body["Code"]) == (400, "InvalidSettings")
    assert reason in str(answer.json_body)


@pytest.mark.parametrize(
    "shift",
    [
        {**PLAIN, "weekdays": []},
        {"week": {}},
        {"week": {"sun": [session("06:00-08:00"), session("20:30-22:30")]}},
    ],
)
def test_a_shift_that_works_is_accepted(http: Http, shift: Json) -> None:
    set_calendar(http, shifts={**SHIFTS, "x": shift})
    person = add_person(http, shift="x")
    assert day_of(http, person, MONDAY)["state"] == "day_off"

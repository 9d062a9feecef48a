"""The site's settings by HTTP: changed as a whole, by version, and never for past days by accident."""

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib import wiring
from chalicelib.domain.schedule import Calendar, Holiday, Schedule, Shift
from chalicelib.domain.timeline import Dated
from chalicelib.web import health
from tests.conftest import Http
from tests.support.answers import check_refused, code_of
from tests.support.builders import (
    DAY,
    NIGHT,
    Json,
    add_person,
    calendar,
    change_settings,
    day_of,
    set_calendar,
    stamped,
)

SAIGON, NEW_YORK = "Asia/Ho_Chi_Minh", "America/New_York"


def test_settings_are_those_of_the_stage_until_somebody_sets_them(http: Http) -> None:
    found = http.get("/v1/settings").json_body
    assert (found["version"], found["calendar"]["zone"], found["duplicate_window_s"]) == (0, SAIGON, 60)
    changed = change_settings(http, duplicate_window_s=30).json_body
    assert changed == {**found, "version": 1, "duplicate_window_s": 30}
    assert http.get("/v1/settings").json_body == changed


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        pytest.param({"zone": "Asia/Saigon2"}, "zone: ", id="zone"),
        pytest.param({"default_shift": "late"}, "default_shift: ", id="default shift"),
        pytest.param({"shifts": {"day": {**DAY, "grace_minutes": 600}}}, "shifts.day.grace", id="grace"),
        pytest.param(
            {"rotations": {"day": {"anchor": "2026-11-23", "weeks": ["day"]}}},
            "rotations.day: ",
            id="rotation",
        ),
    ],
)
def test_a_calendar_that_contradicts_itself_is_refused_with_all_that_is_wrong(
    http: Http, wrong: Json, problem: str
) -> None:
    answer = change_settings(http, calendar=calendar(**{"zone": SAIGON, **wrong}))
    check_refused(answer, 400, "InvalidSettings")
    assert any(found.startswith(problem) for found in answer.json_body["Details"]["problems"])
    assert http.get("/v1/settings").json_body["version"] == 0


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"similarity_threshold": 50}, id="a threshold nobody should have"),
        pytest.param({"duplicate_window_s": -1}, id="negative"),
        pytest.param({"calendar": calendar(cutoff="25:00")}, id="time of day"),
        pytest.param({"colour": "red"}, id="unknown"),
    ],
)
def test_settings_that_cannot_be_are_a_400(http: Http, changes: Json) -> None:
    answer = change_settings(http, **changes)
    check_refused(answer, 400, "InvalidRequest")


WEAK = [
    pytest.param({"liveness_threshold": 0}, id="everything is live"),
    pytest.param({"liveness_threshold": 79.9}, id="just below the floor"),
    pytest.param({"margin": 0}, id="the closest wins"),
]


@pytest.mark.parametrize("changes", WEAK)
def test_safety_is_not_switched_off_without_saying_so(http: Http, changes: Json) -> None:
    refused = change_settings(http, **changes)
    check_refused(refused, 400, "InvalidSettings")
    [problem, how] = refused.json_body["Details"]["problems"]
    assert problem.startswith(f"{next(iter(changes))}: ")
    assert how.startswith("unsafe: ")
    assert http.get("/health", deep="true").json_body["warning"].count("UNSAFE") == 0
    assert change_settings(http, unsafe=True, **changes).status_code == 200
    assert "UNSAFE" in http.get("/health", deep="true").json_body["warning"]


@pytest.mark.parametrize("changes", WEAK)
def test_a_production_stage_refuses_unsafe_settings(
    http: Http, monkeypatch: pytest.MonkeyPatch, changes: Json
) -> None:
    prod = replace(wiring.environment(), stage="prod1")
    monkeypatch.setattr(sys.modules["app"], "environment", lambda: prod)
    refused = change_settings(http, unsafe=True, **changes)
    check_refused(refused, 400, "InvalidSettings")
    answer = change_settings(http, liveness_threshold=80, margin=0.5, photo_punch=False)
    assert answer.status_code == 200


def test_punches_by_photo_alone_are_unsafe_in_the_cloud_and_refused_in_production(
    http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert change_settings(http, photo_punch=True).status_code == 200  # stage local is for trying it
    for stage, unsafe, status in (("dev", False, 400), ("dev", True, 200), ("prod", True, 400)):
        env = replace(wiring.environment(), stage=stage)
        monkeypatch.setattr(sys.modules["app"], "environment", lambda env=env: env)
        answer = change_settings(http, photo_punch=True, unsafe=unsafe)
        assert answer.status_code == status, (stage, unsafe)
        if status == 400:
            assert any(one.startswith("photo_punch: ") for one in answer.json_body["Details"]["problems"])


@pytest.mark.parametrize(("stage", "origin", "warned"), [("prod", "*", True), ("prod", "https://a.b", False)])
def test_a_production_stage_warns_of_any_origin(
    http: Http, monkeypatch: pytest.MonkeyPatch, stage: str, origin: str, warned: bool
) -> None:
    env = replace(wiring.environment(), stage=stage, origin=origin, lab="off")
    monkeypatch.setattr(sys.modules["app"], "environment", lambda: env)
    warning = http.get("/health").json_body["warning"]
    assert warning == (health.ANY_ORIGIN if warned else None)


def test_two_changes_at_once_are_one_change_and_one_refusal(http: Http) -> None:
    before = http.get("/v1/settings").json_body
    bodies = [{**before, "duplicate_window_s": n, "calendar": calendar(cutoff=f"0{n}:00")} for n in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda body: http.call("PUT", "/v1/settings", body), bodies))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert (code_of(refused), refused.json_body["Details"]) == ("SettingsChanged", {"version": 1})
    won = next(answer.json_body for answer in answers if answer.status_code == 200)
    assert http.get("/v1/settings").json_body == won


def test_a_change_today_leaves_yesterday_as_it_was_judged(http: Http) -> None:
    set_calendar(http)
    person = add_person(http)
    today = datetime.now(ZoneInfo(SAIGON)) - timedelta(hours=4)
    week = [(today - timedelta(days=n)).date() for n in range(1, 8)]
    on = next(day for day in week if day.weekday() < 5)
    stamped(http, person, f"{on}T09:00:00+07:00")
    assert day_of(http, person, f"{on}")["late_minutes"] == 60
    later = calendar(shifts={"day": {**DAY, "starts": "09:00"}, "night": NIGHT})
    assert change_settings(http, calendar=later).status_code == 200
    assert day_of(http, person, f"{on}")["late_minutes"] == 60
    again = change_settings(http, f"{on}", calendar=calendar(shifts={"day": {**DAY, "starts": "08:30"}}))
    assert again.status_code == 200
    assert day_of(http, person, f"{on}")["late_minutes"] == 30


@pytest.mark.parametrize(
    ("effective_from", "status"),
    [
        pytest.param("9999-12-31", 400, id="far ahead"),
        pytest.param("0001-01-01", 200, id="always"),
        pytest.param("soon", 400, id="not a date"),
    ],
)
def test_from_when_a_calendar_may_be_in_force(http: Http, effective_from: str, status: int) -> None:
    assert change_settings(http, "2026-03-01", calendar=calendar(cutoff="03:00")).status_code == 200
    assert change_settings(http, effective_from, calendar=calendar(cutoff="05:00")).status_code == status


def versions(http: Http) -> list[tuple[str | None, str]]:
    """List when each calendar begins, with its cut-off."""
    found = http.get("/v1/settings/versions").json_body["items"]
    return [(one["effective_from"], one["calendar"]["cutoff"]) for one in found]


def test_a_calendar_from_an_earlier_date_leaves_those_after_it(http: Http) -> None:
    for since, cutoff in (("2026-03-01", "01:00"), ("2026-05-01", "02:00"), ("2026-04-01", "03:00")):
        set_calendar(http, since, cutoff=cutoff)
    assert versions(http) == [
        (None, "04:00"),
        ("2026-03-01", "01:00"),
        ("2026-04-01", "03:00"),
        ("2026-05-01", "02:00"),
    ]


def test_settings_that_the_table_has_no_room_for_are_refused(http: Http) -> None:
    week = {day: [{"starts": "08:00:00", "ends": "17:00:00"}] for day in ("mon", "tue", "wed", "thu", "fri")}
    shifts = {f"{n:03} ca làm việc của phân xưởng số một": {"week": week} for n in range(99)}
    for n in range(9):
        answer = change_settings(
            http, f"2026-0{n + 1}-01", calendar=calendar(shifts={"day": DAY, **shifts}, cutoff=f"0{n % 5}:00")
        )
        if answer.status_code != 200:
            break
    check_refused(answer, 400, "InvalidRequest")
    assert "300000 bytes" in answer.json_body["Message"]


def test_what_is_not_the_calendar_makes_no_history(http: Http) -> None:
    change_settings(http, duplicate_window_s=5)
    change_settings(http, "2026-06-01", duplicate_window_s=6)
    change_settings(http, "2099-06-01", duplicate_window_s=7)
    assert versions(http) == [(None, "04:00")]


def test_going_back_to_the_calendar_before_takes_a_version_out(http: Http) -> None:
    set_calendar(http, "2020-01-01")
    set_calendar(http, "2026-06-15", cutoff="03:00")
    set_calendar(http, "2026-07-01", cutoff="02:00")
    set_calendar(http, "2026-06-15")
    assert [since for since, _ in versions(http)] == [None, "2020-01-01", "2026-07-01"]


def test_the_present_calendar_can_be_put_in_force_on_an_earlier_date(http: Http) -> None:
    set_calendar(http, "2020-01-01", shifts={"day": {**DAY, "starts": "09:00"}})
    person = add_person(http)
    stamped(http, person, "2026-06-03T09:05:00+07:00")
    shown = calendar()
    assert change_settings(http, calendar=shown).status_code == 200
    assert day_of(http, person, "2026-06-03")["late_minutes"] == 0
    again = change_settings(http, "2026-06-03")
    assert again.status_code == 200
    assert day_of(http, person, "2026-06-03")["late_minutes"] == 65
    assert day_of(http, person, "2026-06-02")["state"] == "absent"


def test_a_change_is_planned_ahead(http: Http) -> None:
    set_calendar(http)
    later = calendar(shifts={"day": {**DAY, "starts": "09:00"}, "night": NIGHT})
    assert change_settings(http, "2099-06-01", calendar=later).status_code == 200
    assert http.get("/v1/settings").json_body["calendar"]["shifts"]["day"]["starts"] == "08:00"
    assert (
        Schedule(wiring.directory().settings().calendars).calendar(date(2099, 6, 1)).shifts["day"].starts
        == "09:00"
    )


def test_a_forgotten_holiday_changes_its_own_day_alone(http: Http) -> None:
    set_calendar(http, "2020-01-01", shifts={"day": {**DAY, "grace_minutes": 0}})
    set_calendar(http, "2026-06-15", shifts={"day": {**DAY, "starts": "09:00", "grace_minutes": 0}})
    person = add_person(http)
    for on in ("2026-06-04", "2026-06-15"):
        stamped(http, person, f"{on}T09:05:00+07:00")
    assert day_of(http, person, "2026-06-03")["state"] == "absent"
    before = versions(http)
    assert http.call("PUT", "/v1/holidays/2026-06-03", {"name": "Lễ"}).status_code == 200
    assert day_of(http, person, "2026-06-03")["state"] == "holiday"
    assert day_of(http, person, "2026-06-04")["late_minutes"] == 65
    assert day_of(http, person, "2026-06-15")["late_minutes"] == 5
    assert versions(http) == before
    assert http.delete("/v1/holidays/2026-06-03").status_code == 204
    assert day_of(http, person, "2026-06-03")["state"] == "absent"


# --- versions, one by one -----------------------------------------------------------------------

JUNE = "/v1/settings/versions/2026-06-15"


def test_a_version_is_added_replaced_and_removed_by_its_date(http: Http) -> None:
    for cutoff in ("03:00", "02:00"):
        answer = http.call("PUT", JUNE, calendar(cutoff=cutoff))
        assert answer.status_code == 200
        assert (answer.json_body["effective_from"], answer.json_body["calendar"]["cutoff"]) == (
            "2026-06-15",
            cutoff,
        )
        assert http.get(JUNE).json_body == answer.json_body
    assert versions(http) == [(None, "04:00"), ("2026-06-15", "02:00")]
    assert http.get("/v1/settings").json_body["calendar"]["cutoff"] == "02:00"
    assert http.delete(JUNE).status_code == 204
    assert versions(http) == [(None, "04:00")]
    for answer in (http.get(JUNE), http.delete(JUNE)):
        assert (answer.status_code, answer.json_body["Code"]) == (404, "VersionNotFound")


def test_the_first_version_can_be_replaced_but_not_removed(http: Http) -> None:
    first = "/v1/settings/versions/first"
    assert http.get(first).json_body["effective_from"] is None
    assert http.call("PUT", first, calendar(cutoff="01:00")).json_body["effective_from"] is None
    assert versions(http) == [(None, "01:00")]
    refused = http.delete(first)
    assert (refused.status_code, refused.json_body["Code"]) == (409, "FirstVersion")


def test_a_version_of_settings_that_have_changed_is_refused(http: Http) -> None:
    version = http.call("PUT", JUNE, calendar(), version=0).json_body["version"]
    assert version == http.get("/v1/settings").json_body["version"] == 1
    for answer in (http.call("PUT", JUNE, calendar(), version=0), http.call("DELETE", JUNE, version=0)):
        assert (answer.status_code, answer.json_body["Code"]) == (409, "SettingsChanged")
        assert answer.json_body["Details"] == {"version": 1}
    assert http.call("DELETE", JUNE, version=version).status_code == 204


@pytest.mark.parametrize(
    ("begins", "body", "code"),
    [
        pytest.param("2026-06-15", calendar(default_shift="late"), "InvalidSettings", id="contradiction"),
        pytest.param("2026-06-15", calendar(zone="Asia/Saigon2"), "InvalidSettings", id="zone"),
        pytest.param("2026-06-15", {"holidays": []}, "InvalidRequest", id="unknown field"),
        pytest.param("last", calendar(), "InvalidRequest", id="no date"),
        pytest.param("2026-02-30", calendar(), "InvalidRequest", id="no such date"),
        pytest.param("1999-12-31", calendar(), "InvalidRequest", id="before there are work days"),
    ],
)
def test_a_version_is_checked_as_the_settings_are(http: Http, begins: str, body: Json, code: str) -> None:
    answer = http.call("PUT", f"/v1/settings/versions/{begins}", body)
    assert (answer.status_code, answer.json_body["Code"]) == (400, code)


def test_a_removed_version_leaves_its_days_to_the_one_before(http: Http) -> None:
    set_calendar(http, "2020-01-01")
    set_calendar(http, "2026-06-01", shifts={"day": {**DAY, "starts": "09:00"}})
    set_calendar(http, "2026-07-01", shifts={"day": {**DAY, "starts": "10:00"}})
    person = add_person(http)
    for on in ("2026-06-03", "2026-07-02"):
        stamped(http, person, f"{on}T10:05:00+07:00")
    assert http.delete("/v1/settings/versions/2026-06-01").status_code == 204
    assert day_of(http, person, "2026-06-03")["late_minutes"] == 125
    assert day_of(http, person, "2026-07-02")["late_minutes"] == 0


def test_a_shift_may_vanish_from_a_calendar_and_its_people_are_on_the_default(http: Http) -> None:
    set_calendar(http)
    person = add_person(http, shift="night")
    assert http.call("PUT", JUNE, calendar(shifts={"day": DAY})).status_code == 200
    assert day_of(http, person, "2026-06-12")["shift"] == "night"
    assert day_of(http, person, "2026-06-15")["shift"] == "day"


# --- kinds of leave -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kinds", "problem"),
    [
        pytest.param([("annual", "V"), ("Annual", "X")], "'Annual' is there twice", id="kind"),
        pytest.param([("annual", "V"), ("sick", "v")], "letter 'v' is there twice", id="letter"),
        *(
            pytest.param([("annual", mark)], f"letter {mark!r} means something else", id=mark)
            for mark in "PLHAFO?p"
        ),
    ],
)
def test_kinds_of_leave_that_contradict_each_other_are_refused(
    http: Http, kinds: list[tuple[str, str]], problem: str
) -> None:
    answer = change_settings(http, leave_kinds=[{"kind": kind, "letter": letter} for kind, letter in kinds])
    assert (answer.status_code, answer.json_body["Code"]) == (400, "InvalidSettings")
    [found] = answer.json_body["Details"]["problems"]
    assert problem in found


def test_there_is_at_least_one_kind_of_leave(http: Http) -> None:
    assert change_settings(http, leave_kinds=[]).status_code == 400


# --- which calendar judges a date ---------------------------------------------------------------

HOURS = {"day": Shift("08:00", "17:00")}
OLD = Calendar(zone=SAIGON, shifts=HOURS)
NEW = Calendar(zone=NEW_YORK, shifts={"late": Shift("12:00", "20:00")}, default_shift="late")
MOVED = Schedule([Dated(OLD), Dated(NEW, date(2026, 7, 1))], [Holiday(date(2026, 7, 2), "both")])


def test_each_date_has_the_plan_of_its_calendar() -> None:
    old, new = MOVED.shift_day("day", date(2026, 6, 30)), MOVED.shift_day("day", date(2026, 7, 1))
    assert (old.zone, old.shift, new.zone, new.shift) == (SAIGON, "day", NEW_YORK, "late")
    assert MOVED.shift_day(None, date(2026, 7, 2)).holiday == "both"  # holidays are of no calendar
    assert MOVED.calendar(date(2026, 7, 1)) == NEW
    assert MOVED.calendar(date(2000, 1, 1)) == OLD


@pytest.mark.parametrize(
    ("at", "on"),
    [
        pytest.param("2026-06-30T08:00+07:00", date(2026, 6, 30), id="before"),
        pytest.param("2026-07-01T03:59+07:00", date(2026, 6, 30), id="the end of the old zone's last day"),
        # In New York 1 July has not begun, in Saigon it has: the old calendar's last day goes on.
        pytest.param("2026-07-01T08:00+07:00", date(2026, 6, 30), id="between the two"),
        pytest.param("2026-07-01T03:59-04:00", date(2026, 6, 30), id="a minute before"),
        pytest.param("2026-07-01T04:00-04:00", date(2026, 7, 1), id="the new zone's first day"),
        pytest.param("2026-07-02T03:59-04:00", date(2026, 7, 1), id="and its end"),
    ],
)
def test_an_instant_falls_on_one_side_of_a_change_of_zone(at: str, on: date) -> None:
    assert MOVED.work_day(datetime.fromisoformat(at)) == on


zones = st.sampled_from([SAIGON, NEW_YORK, "Europe/Berlin", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
calendars = st.builds(
    lambda zone, cutoff: Calendar(zone=zone, cutoff=f"{cutoff:02}:00", shifts=HOURS), zones, st.integers(0, 8)
)
dates = st.dates(date(2026, 3, 1), date(2026, 3, 20))


@given(
    st.lists(st.tuples(dates, calendars), max_size=3, unique_by=lambda entry: entry[0]),
    calendars,
    st.lists(st.datetimes(datetime(2026, 2, 25), datetime(2026, 3, 25)), min_size=2, max_size=6),  # noqa: DTZ001
)
def test_later_is_never_an_earlier_work_day_whatever_was_changed(
    changes: list[tuple[date, Calendar]], first: Calendar, moments: list[datetime]
) -> None:
    history = sorted(changes, key=lambda entry: entry[0])
    schedule = Schedule([Dated(first), *(Dated(one, since) for since, one in history)])
    instants = sorted(moment.replace(tzinfo=UTC) for moment in moments)
    days = [schedule.work_day(at) for at in instants]
    assert days == sorted(days)


def test_the_settings_say_what_they_mean(http: Http) -> None:
    shown: dict[str, Any] = http.get("/v1/settings").json_body["calendar"]["shifts"]["day"]
    assert (shown["starts"], shown["break_minutes"], shown["weekdays"][0]) == ("08:00", 60, "mon")

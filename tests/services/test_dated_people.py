"""Shift, group and employment through the years, by HTTP: what changes today changes no day past."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.domain.token import Role
from chalicelib.services.tokens import NewToken, create
from tests.conftest import Clock, Http, Lab
from tests.support.builders import Json, add_person, day_of, set_calendar, sheet_of, stamp, stamped
from tests.support.lab import index
from tests.support.photos import photo_of_b

TODAY = "2026-06-15"  # a Monday
WEEK = ("2026-06-01", "2026-06-02", "2026-06-03", "2026-06-04", "2026-06-05")


@pytest.fixture
def june(http: Http, clock: Clock) -> Clock:
    """A site with the shifts `day` (08:00-17:00) and `night`, at 09:00 of 15 June 2026."""
    clock.now = datetime.fromisoformat(f"{TODAY}T09:00:00+07:00")
    set_calendar(http)
    return clock


def change(http: Http, person_id: str, **fields: Any) -> Json:
    answer = http.call("PATCH", f"/v1/people/{person_id}", fields)
    assert answer.status_code == 200, answer.json_body
    shown: Json = answer.json_body
    return shown


def refused(http: Http, person_id: str, **fields: Any) -> str:
    answer = http.call("PATCH", f"/v1/people/{person_id}", fields)
    assert (answer.status_code, answer.json_body["Code"]) == (400, "InvalidRequest"), answer.json_body
    message: str = answer.json_body["Message"]
    return message


def marks(http: Http, month: str = "2026-06", **query: Any) -> dict[str, str]:
    """Read the marks of a month by name: a letter or a dot a day."""
    rows = http.get("/v1/timesheets/monthly", month=month, **query).json_body["items"]
    return {row["name"]: "".join(mark or "." for mark in row["marks"]) for row in rows}


# --- shifts ---------------------------------------------------------------------------------------


def test_a_new_shift_judges_no_day_before_it(http: Http, june: Clock) -> None:
    person = add_person(http)
    for day in WEEK:
        stamped(http, person, f"{day}T08:00:00+07:00")
        last = stamped(http, person, f"{day}T17:00:00+07:00")
    before = sheet_of(http, person, WEEK[0], WEEK[-1])
    totals = before["totals"]
    assert [totals[name] for name in ("expected_minutes", "worked_minutes", "overtime_minutes")] == [
        2400,
        2400,
        0,
    ]
    month = sheet_of(http, person, "2026-06-01", "2026-06-14")["totals"]["expected_minutes"]

    shown = change(http, person, shift="night")
    assert shown["shift"] == "night"
    assert shown["history"]["shifts"] == [
        {"value": None, "effective_from": None},
        {"value": "night", "effective_from": TODAY},
    ]
    assert sheet_of(http, person, WEEK[0], WEEK[-1]) == before
    assert sheet_of(http, person, "2026-06-01", "2026-06-14")["totals"]["expected_minutes"] == month == 4800
    assert day_of(http, person, TODAY)["shift"] == "night"
    assert day_of(http, person, "2026-06-14")["shift"] == "day"

    stamped(http, person, "2026-06-05T16:55:00+07:00", supersedes=last)
    corrected = day_of(http, person, "2026-06-05")
    assert (corrected["worked_minutes"], corrected["state"]) == (475, "left")
    assert day_of(http, person, "2026-06-04") == before["days"][3], "no other day has it"


def test_a_correction_after_a_change_of_shift_stays_on_its_day(http: Http, june: Clock) -> None:
    person = add_person(http)
    first = stamped(http, person, "2026-06-02T08:00:00+07:00")
    stamped(http, person, "2026-06-02T17:00:00+07:00")
    change(http, person, shift="night")
    stamped(http, person, "2026-06-02T07:55:00+07:00", supersedes=first)
    assert [day_of(http, person, day)["worked_minutes"] for day in WEEK[:3]] == [0, 485, 0]


def test_a_shift_may_change_on_a_past_date(http: Http, june: Clock) -> None:
    person = add_person(http, shift="day")
    change(http, person, shift="night", effective_from="2026-06-10")
    days = sheet_of(http, person, "2026-06-08", "2026-06-12")["days"]
    assert [day["shift"] for day in days] == ["day", "day", "night", "night", "night"]


def test_a_planned_shift_takes_effect_by_itself_and_can_be_undone(http: Http, june: Clock) -> None:
    person = add_person(http, shift="day")
    shown = change(http, person, shift="night", effective_from="2026-07-01")
    assert shown["shift"] == "day"
    assert shown["history"]["shifts"][-1] == {"value": "night", "effective_from": "2026-07-01"}
    assert http.get(f"/v1/people/{person}").json_body == shown
    assert day_of(http, person, "2026-06-30")["shift"] == "day"
    assert day_of(http, person, "2026-07-01")["shift"] == "night"
    june.now = datetime.fromisoformat("2026-07-02T12:00:00+07:00")
    assert http.get(f"/v1/people/{person}").json_body["shift"] == "night"
    june.now = datetime.fromisoformat("2026-06-16T12:00:00+07:00")
    undone = change(http, person, shift="day", effective_from="2026-07-01")
    assert undone["history"]["shifts"] == [{"value": "day", "effective_from": None}]
    assert day_of(http, person, "2026-07-01")["shift"] == "day"


def test_a_change_holds_until_the_next_that_is_planned(http: Http, june: Clock) -> None:
    person = add_person(http, group="10A")
    change(http, person, group="11A", effective_from="2026-09-01")
    shown = change(http, person, group="10B")
    assert shown["history"]["groups"] == [
        {"value": "10A", "effective_from": None},
        {"value": "10B", "effective_from": TODAY},
        {"value": "11A", "effective_from": "2026-09-01"},
    ]
    june.now = datetime.fromisoformat("2026-09-01T12:00:00+07:00")
    assert http.get(f"/v1/people/{person}").json_body["group"] == "11A"


def test_dates_of_changes_are_checked(http: Http, june: Clock) -> None:
    person = add_person(http)
    for wrong in ("1999-12-31", "2200-01-01"):
        assert "2000-01-01 to 2199-12-31" in refused(http, person, shift="night", effective_from=wrong)
    assert "give one" in refused(http, person, effective_from=TODAY)
    assert "give one" in refused(http, person, name="B", effective_from=TODAY)
    assert "give one" in refused(http, person, until="2026-06-20", effective_from=TODAY)
    assert http.get(f"/v1/people/{person}").json_body["history"]["shifts"] == []
    unknown = http.call("PATCH", f"/v1/people/{person}", {"shift": "moon", "effective_from": TODAY})
    assert unknown.json_body["Code"] == "UnknownShift"


# --- groups ---------------------------------------------------------------------------------------


def test_a_pupil_who_changes_class_keeps_the_days_of_each(http: Http, june: Clock) -> None:
    pupil = add_person(http, "Ánh", group="10A")
    add_person(http, "Bình", group="10A")
    for day in ("2026-06-12", "2026-06-15"):
        stamped(http, pupil, f"{day}T08:00:00+07:00")
    stamped(http, pupil, "2026-06-12T17:00:00+07:00")
    change(http, pupil, group="11A")
    june.now = datetime.fromisoformat("2026-06-19T20:00:00+07:00")
    assert marks(http, group="10A")["Ánh"][:19] == "AAAAAOOAAAAPOO....."
    assert marks(http, group="11A") == {"Ánh": "..............P?AAAAOO.....OO.."}
    assert marks(http)["Ánh"][:20] == "AAAAAOOAAAAPOOP?AAAA"
    old, new = (
        http.get("/v1/timesheets", from_="2026-06-01", to="2026-06-19", group=group).json_body["items"]
        for group in ("10A", "11A")
    )
    assert [sheet["name"] for sheet in old] == ["Ánh", "Bình"]
    assert [sheet["totals"]["absent_days"] for sheet in (old[0], new[0])] == [9, 4]
    assert [sheet["totals"]["worked_minutes"] for sheet in (old[0], new[0])] == [480, 0]
    assert [sheet["group"] for sheet in (old[0], new[0])] == ["10A", "11A"]
    for day, group in (("2026-06-12", "10A"), (TODAY, "11A")):
        rows = http.get("/v1/attendance", date=day, group=group).json_body["items"]
        assert "Ánh" in [row["name"] for row in rows]


def limited(http: Http, *groups: str) -> Http:
    """Give the app as called with a manager's token that is limited to groups."""
    now = wiring.now()
    body = NewToken(role=Role.MANAGER, label="of a class", groups=list(groups))
    other = http.as_(None)
    other._tokens = {"manager": (create(wiring.token_store(), body, now=now).token, now)}
    other._role = "manager"
    return other


def test_a_token_of_a_class_sees_who_is_in_it_today_and_moves_nobody_out_of_it(
    http: Http, june: Clock
) -> None:
    pupil = add_person(http, "Ánh", group="10A")
    own = limited(http, "10A")
    for fields in (
        {"group": "11A"},
        {"group": "11A", "effective_from": "2026-09-01"},
        {"group": None, "effective_from": "2026-09-01"},
        {"group": "11A", "effective_from": "2025-09-01"},
    ):
        answer = own.call("PATCH", f"/v1/people/{pupil}", fields)
        assert (answer.status_code, answer.json_body["Code"]) == (403, "GroupNotAllowed"), fields
    change(http, pupil, group="11A", effective_from="2026-06-20")
    assert change(own, pupil, email="a@example.com")["group"] == "10A", "others planned that they move"
    june.now = datetime.fromisoformat("2026-06-20T09:00:00+07:00")
    assert own.get(f"/v1/people/{pupil}").status_code == 404
    assert own.get("/v1/people").json_body["items"] == []
    assert marks(own, group="10A") == {}
    new = limited(http, "11A")
    assert new.get(f"/v1/people/{pupil}").json_body["history"]["groups"][0] == {
        "value": "10A",
        "effective_from": None,
    }
    assert marks(new, group="11A")["Ánh"][18:20] == ".O"


# --- employment -----------------------------------------------------------------------------------


def test_who_leaves_keeps_their_past(http: Http, june: Clock) -> None:
    person = add_person(http, "Ánh", since="2026-06-01")
    stamped(http, person, "2026-06-02T08:00:00+07:00")
    stamped(http, person, "2026-06-02T17:00:00+07:00")
    before = sheet_of(http, person, "2026-06-01", "2026-06-14")
    shown = change(http, person, status="inactive")
    assert (shown["status"], shown["since"], shown["until"]) == ("inactive", "2026-06-01", TODAY)
    assert sheet_of(http, person, "2026-06-01", "2026-06-14") == before
    assert before["totals"]["absent_days"] == 9
    june.now = datetime.fromisoformat("2026-06-19T20:00:00+07:00")
    assert marks(http)["Ánh"] == "APAAAOOAAAAAOOA..............."


def test_a_leaver_who_comes_back_keeps_the_first_stint(http: Http, june: Clock) -> None:
    person = add_person(http, "Ánh", since="2026-06-01")
    change(http, person, status="inactive", effective_from="2026-06-05")
    june.now = datetime.fromisoformat("2026-06-24T07:00:00+07:00")
    shown = change(http, person, status="active")
    assert (shown["status"], shown["since"], shown["until"]) == ("active", "2026-06-24", None)
    assert shown["history"]["stints"] == [
        {"since": "2026-06-01", "until": "2026-06-05"},
        {"since": "2026-06-24", "until": None},
    ]
    june.now = datetime.fromisoformat("2026-06-26T20:00:00+07:00")
    assert marks(http)["Ánh"] == "AAAAA..................AAAOO.."
    again = change(http, person, status="inactive")
    assert [stint["until"] for stint in again["history"]["stints"]] == ["2026-06-05", "2026-06-26"]


def test_a_since_after_the_end_begins_another_stint(http: Http, june: Clock) -> None:
    person = add_person(http, since="2026-01-01")
    change(http, person, until="2026-03-31")
    shown = change(http, person, since="2026-06-08")
    assert shown["history"]["stints"] == [
        {"since": "2026-01-01", "until": "2026-03-31"},
        {"since": "2026-06-08", "until": None},
    ]
    states = [day["state"] for day in sheet_of(http, person, "2026-06-05", "2026-06-09")["days"]]
    assert states == ["inactive", "inactive", "inactive", "absent", "absent"]
    assert "2026-03-31" in refused(http, person, since="2026-03-01")
    assert "`until` is before `since`" in refused(http, person, until="2026-06-07")
    assert change(http, person, since="2026-06-10")["history"]["stints"][0]["since"] == "2026-01-01"


def test_an_end_can_be_planned_and_taken_back(http: Http, june: Clock) -> None:
    person = add_person(http, since="2026-01-01")
    shown = change(http, person, status="inactive", effective_from="2026-06-30")
    assert (shown["status"], shown["until"]) == ("active", "2026-06-30"), "they come until then"
    assert [day_of(http, person, day)["state"] for day in ("2026-06-30", "2026-07-01")] == [
        "expected",
        "inactive",
    ]
    assert change(http, person, until=None)["history"]["stints"] == [{"since": "2026-01-01", "until": None}]
    assert day_of(http, person, "2026-07-01")["state"] == "expected"


def test_the_audit_names_what_a_change_of_status_changed(http: Http, june: Clock) -> None:
    person = add_person(http)
    for on in ("2026-06-30", TODAY):
        change(http, person, status="inactive", effective_from=on)
    entries = http.get("/v1/audit").json_body["items"]
    fields = [{one["field"] for one in entry["changes"]} for entry in entries if "PATCH" in entry["what"]]
    assert sorted(fields, key=len) == [{"until"}, {"status", "until"}]


def test_who_is_inactive_has_an_end(http: Http, june: Clock) -> None:
    person = add_person(http)
    change(http, person, status="inactive")
    assert "has an `until`" in refused(http, person, until=None)
    assert change(http, person, status="active")["until"] is None, "a mistake, put right on the same day"


# --- the first day --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "first"),
    [
        pytest.param("07:30", "2026-06-15", id="before the shift"),
        pytest.param("08:10", "2026-06-15", id="within its grace"),
        pytest.param("10:00", "2026-06-16", id="when it has begun"),
        pytest.param("20:00", "2026-06-16", id="when it is over"),
    ],
)
def test_who_is_added_without_since_is_due_at_the_next_shift_that_begins(
    http: Http, june: Clock, at: str, first: str
) -> None:
    june.now = datetime.fromisoformat(f"{TODAY}T{at}:00+07:00")
    added = http.post("/v1/people", {"name": "Ánh"}).json_body
    imported = http.post("/v1/imports", b"name\nB\xc3\xacnh\n", {"Content-Type": "text/csv"}).json_body
    for person in (added["person_id"], imported["items"][0]["person_id"]):
        assert http.get(f"/v1/people/{person}").json_body["since"] == first
        june.now = datetime.fromisoformat(f"{TODAY}T23:00:00+07:00")
        due = date.fromisoformat(first)
        assert day_of(http, person, str(due - timedelta(days=1)))["state"] == "inactive"
        assert day_of(http, person, str(due))["state"] == ("absent" if first == TODAY else "expected")


def test_who_is_added_during_the_shift_may_come_at_once(http: Http, june: Clock) -> None:
    june.now = datetime.fromisoformat(f"{TODAY}T10:00:00+07:00")
    person = http.post("/v1/people", {"name": "Ánh"}).json_body["person_id"]
    assert day_of(http, person, TODAY)["state"] == "inactive"
    june.now = datetime.fromisoformat(f"{TODAY}T17:30:00+07:00")
    stamped(http, person, f"{TODAY}T10:05:00+07:00")
    assert day_of(http, person, TODAY)["state"] == "present"
    stamped(http, person, f"{TODAY}T17:00:00+07:00")
    day = day_of(http, person, TODAY)
    assert (day["state"], day["late_minutes"], day["overtime_minutes"]) == ("left", 0, 0)
    assert day["worked_minutes"] == 360, "415 minutes, of which the break takes those above 360"
    june.now = datetime.fromisoformat("2026-06-16T09:00:00+07:00")
    assert marks(http)["Ánh"][13:17] == ".P*A", "the first day is worked before it is due"


def test_the_labs_page_makes_nobody_absent_for_the_time_before(http: Http, june: Clock, lab: Lab) -> None:
    lab("open")
    june.now = datetime.fromisoformat(f"{TODAY}T10:00:00+07:00")
    assert index(http.as_(None), "Ánh", photo_of_b()).status_code == 200
    [person] = http.get("/v1/people").json_body["items"]
    assert person["since"] == "2026-06-16"
    states = [day["state"] for day in sheet_of(http, person["person_id"], "2026-06-08", TODAY)["days"]]
    assert set(states) == {"inactive"}
    assert stamp(http, person["person_id"], "2026-06-15T09:55:00+07:00").status_code == 201

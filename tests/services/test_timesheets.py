"""Rosters, timesheets, the monthly sheet and their exports, by HTTP: what HR reads."""

import csv
import io
import threading
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from urllib.request import urlopen

import pytest

from chalicelib import wiring
from chalicelib.aws.directory import Directory
from chalicelib.aws.dynamodb import Table
from chalicelib.services import timesheets
from chalicelib.web import exports
from tests.conftest import Http
from tests.support.answers import check_refused, code_of
from tests.support.builders import (
    NIGHT,
    Json,
    add_person,
    calendar,
    change_settings,
    day_of,
    set_calendar,
    set_holiday,
    sheet_of,
    stamp,
    stamped,
)
from tests.support.patience import PATIENCE_S

BERLIN, NEW_YORK, SAIGON = "Europe/Berlin", "America/New_York", "Asia/Ho_Chi_Minh"


class Case:
    """A day worked out by hand: who works what shift where, what was punched, what must come of it."""

    def __init__(
        self, on: str, punches: list[str], *, zone: str = SAIGON, shift: str = "day", **expected: Any
    ) -> None:
        self.on, self.punches, self.zone, self.shift = on, punches, zone, shift
        self.expected = expected


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            # 06:55 in Saigon is still the day before in UTC. 10:05 h there, an hour of it the break.
            Case(
                "2026-08-11",
                ["2026-08-11T06:55:00+07:00", "2026-08-11T17:00:00+07:00"],
                state="left",
                first_in="2026-08-11T06:55:00+07:00",
                last_out="2026-08-11T17:00:00+07:00",
                worked_minutes=545,
                break_minutes=60,
                expected_minutes=480,
                overtime_minutes=65,
                late_minutes=0,
                early_minutes=0,
                open=False,
            ),
            id="06:55 in Saigon",
        ),
        pytest.param(
            Case(
                "2026-08-11",
                [
                    "2026-08-10T23:55:00Z",
                    "2026-08-11T04:59:00Z",
                    "2026-08-11T06:01:00Z",
                    "2026-08-11T10:00:00Z",
                ],
                state="left",
                worked_minutes=304 + 239,  # 62 minutes out for lunch leave no break to take off
                break_minutes=0,
                overtime_minutes=63,
            ),
            id="lunch punched out, instants in UTC",
        ),
        pytest.param(
            Case(
                "2026-03-10",
                ["2026-03-10T21:55:00+07:00", "2026-03-11T06:03:00+07:00"],
                shift="night",
                state="left",
                worked_minutes=488,
                expected_minutes=480,
                overtime_minutes=8,
                last_out="2026-03-11T06:03:00+07:00",
            ),
            id="night shift over midnight",
        ),
        pytest.param(
            Case(
                "2025-12-31",
                ["2025-12-31T22:06:00+07:00", "2026-01-01T06:00:00+07:00"],
                shift="night",
                state="late",
                late_minutes=6,
                worked_minutes=474,
            ),
            id="night shift over the end of the year",
        ),
        pytest.param(
            Case(
                "2026-03-28",
                ["2026-03-28T22:00:00+01:00", "2026-03-29T06:00:00+02:00"],
                zone=BERLIN,
                shift="night",
                state="left",
                worked_minutes=420,
                expected_minutes=480,
                overtime_minutes=0,
                early_minutes=0,
                last_out="2026-03-29T06:00:00+02:00",
            ),
            id="Berlin loses an hour",
        ),
        pytest.param(
            Case(
                "2026-10-24",
                ["2026-10-24T22:00:00+02:00", "2026-10-25T06:00:00+01:00"],
                zone=BERLIN,
                shift="night",
                state="left",
                worked_minutes=540,
                overtime_minutes=60,
            ),
            id="Berlin gains an hour",
        ),
        pytest.param(
            Case(
                "2026-03-07",
                ["2026-03-07T22:00:00-05:00", "2026-03-08T06:00:00-04:00"],
                zone=NEW_YORK,
                shift="night",
                state="left",
                worked_minutes=420,
                early_minutes=0,
            ),
            id="New York loses an hour",
        ),
        pytest.param(
            Case(
                "2026-10-31",
                ["2026-10-31T22:00:00-04:00", "2026-11-01T06:00:00-05:00"],
                zone=NEW_YORK,
                shift="night",
                state="left",
                worked_minutes=540,
                overtime_minutes=60,
            ),
            id="New York gains an hour",
        ),
        pytest.param(
            Case(
                "2026-03-29",
                ["2026-03-29T08:00:00+02:00"],
                zone=BERLIN,
                state="present",
                holiday=None,
                expected_minutes=0,  # a Sunday
                open=True,
            ),
            id="a Sunday on which the clocks changed",
        ),
        pytest.param(
            Case(
                "2026-08-11",
                ["2026-08-11T08:10:01+07:00", "2026-08-11T16:30:00+07:00"],
                state="late",
                late_minutes=10,
                early_minutes=30,
                worked_minutes=439,  # 499 whole minutes less the break
            ),
            id="a second past the grace",
        ),
        pytest.param(
            Case(
                "2026-08-11",
                ["2026-08-11T08:10:00+07:00", "2026-08-11T16:55:00+07:00"],
                state="left",
                late_minutes=0,
                early_minutes=0,
            ),
            id="the last of both graces",
        ),
        pytest.param(
            Case(
                "2026-08-11",
                ["2026-08-11T11:00:01+07:00", "2026-08-11T17:00:00+07:00"],
                state="half_day",
                late_minutes=180,
                worked_minutes=359,
            ),
            id="half a day gone",
        ),
        pytest.param(
            Case(
                "2026-08-11",
                ["2026-08-11T07:58:00+07:00"],
                state="present",
                at_work=False,
                open=True,
                worked_minutes=0,
                last_out=None,
            ),
            id="forgotten check-out",
        ),
        pytest.param(
            Case(
                "2026-08-11",
                ["2026-08-12T03:59:59+07:00", "2026-08-11T08:00:00+07:00"],
                state="left",
                last_out="2026-08-12T03:59:59+07:00",
            ),
            id="a second before the cut-off, recorded out of order",
        ),
        pytest.param(Case("2026-08-12", [], state="absent", expected_minutes=480, open=False), id="no show"),
        pytest.param(Case("2026-08-15", [], state="day_off", expected_minutes=0), id="Saturday"),
        pytest.param(
            Case("2026-09-02", [], state="holiday", holiday="Quốc khánh", expected_minutes=0), id="holiday"
        ),
        pytest.param(
            Case(
                "2026-09-02",
                ["2026-09-02T09:00:00+07:00", "2026-09-02T12:00:00+07:00"],
                state="left",
                holiday="Quốc khánh",
                worked_minutes=180,
                overtime_minutes=180,
                late_minutes=0,
            ),
            id="work on a holiday",
        ),
        pytest.param(
            Case(
                "2024-02-29",
                ["2024-02-29T08:00:00+07:00", "2024-02-29T17:00:00+07:00"],
                state="left",
                worked_minutes=480,
            ),
            id="leap day",
        ),
    ],
)
def test_a_day_is_judged_as_worked_out_by_hand(http: Http, case: Case) -> None:
    set_calendar(http, zone=case.zone)
    set_holiday(http, "2026-09-02")
    person = add_person(http, shift=case.shift)
    for at in case.punches:
        stamped(http, person, at)
    found = day_of(http, person, case.on)
    assert {name: found[name] for name in case.expected} == case.expected
    assert [entry["counted"] for entry in found["punches"]] == [True] * len(case.punches)


def test_in_and_out_are_kept_as_said_and_what_is_missing_is_not_guessed(http: Http) -> None:
    set_calendar(http)
    person = add_person(http)
    for at, way in (("08:00", "in"), ("09:00", "in"), ("17:00", "out")):
        stamped(http, person, f"2026-08-11T{at}:00+07:00", direction=way)
    found = day_of(http, person, "2026-08-11")
    assert [pair["minutes"] for pair in found["pairs"]] == [0, 480]
    assert found["pairs"][0]["out_at"] is None
    assert (found["worked_minutes"], found["open"]) == (420, True)


def test_a_timesheet_shows_a_correction_and_what_it_corrects(http: Http) -> None:
    set_calendar(http)
    person = add_person(http)
    late = stamped(http, person, "2026-08-11T09:30:00+07:00")
    stamped(http, person, "2026-08-11T17:00:00+07:00")
    assert day_of(http, person, "2026-08-11")["late_minutes"] == 90
    right = stamped(http, person, "2026-08-11T08:00:00+07:00", supersedes=late, reason="the door was shut")
    found = day_of(http, person, "2026-08-11")
    assert (found["state"], found["late_minutes"], found["worked_minutes"]) == ("left", 0, 480)
    shown = {entry["id"]: entry for entry in found["punches"]}
    assert len(shown) == 3
    assert (shown[late]["counted"], shown[late]["superseded_by"]) == (False, right)
    assert (shown[right]["counted"], shown[right]["supersedes"]) == (True, late)


def test_a_correction_to_another_day_moves_the_punch_and_both_days_show_it(http: Http) -> None:
    set_calendar(http)
    person = add_person(http)
    wrong = stamped(http, person, "2026-08-11T08:00:00+07:00")
    right = stamped(http, person, "2026-08-12T08:00:00+07:00", supersedes=wrong)
    old, new = sheet_of(http, person, "2026-08-11", "2026-08-12")["days"]
    assert (old["state"], [entry["counted"] for entry in old["punches"]]) == ("absent", [False, False])
    assert [(entry["id"], entry["counted"]) for entry in new["punches"]] == [(right, True)]


def test_a_voided_punch_is_shown_and_not_counted(http: Http) -> None:
    set_calendar(http)
    person = add_person(http)
    wrong = stamped(http, person, "2026-08-11T08:00:00+07:00")
    stamped(http, person, supersedes=wrong, void=True)
    found = day_of(http, person, "2026-08-11")
    assert found["state"] == "absent"
    assert not any(entry["counted"] for entry in found["punches"])
    assert sorted(entry["void"] for entry in found["punches"]) == [False, True]


def test_leave_excuses_a_day_or_half_of_it(http: Http) -> None:
    set_calendar(http)
    person = add_person(http)
    for leave in (
        {"since": "2026-08-10", "until": "2026-08-11", "kind": "annual"},
        {"since": "2026-08-12", "until": "2026-08-12", "kind": "sick", "half": "first"},
    ):
        assert http.post(f"/v1/people/{person}/leaves", leave).status_code == 201
    stamped(http, person, "2026-08-12T13:05:00+07:00")
    stamped(http, person, "2026-08-12T17:00:00+07:00")
    sheet = sheet_of(http, person, "2026-08-10", "2026-08-13")
    assert [day["state"] for day in sheet["days"]] == ["leave", "leave", "left", "absent"]
    half = sheet["days"][2]
    assert (half["expected_minutes"], half["worked_minutes"], half["late_minutes"]) == (240, 235, 0)
    assert sheet["totals"]["leave_days"] == 2.5


def test_who_left_is_not_absent_afterwards_but_what_they_did_stays(http: Http) -> None:
    set_calendar(http)
    person = add_person(http)
    stamped(http, person, "2026-08-11T08:00:00+07:00")
    http.call("PATCH", f"/v1/people/{person}", {"status": "inactive", "effective_from": "2026-08-10"})
    states = [day["state"] for day in sheet_of(http, person, "2026-08-10", "2026-08-12")["days"]]
    assert states == ["absent", "present", "inactive"]  # the date on which they left is their last
    on_day, day_after = (http.get("/v1/attendance", date_=f"2026-08-{day}").json_body for day in (11, 12))
    assert [row["person_id"] for row in on_day["items"]] == [person]
    assert (day_after["items"], day_after["counts"]["total"]) == ([], 0)


def test_a_site_that_moves_to_another_zone_keeps_its_past_days(http: Http) -> None:
    set_calendar(http, "2026-01-01", zone=SAIGON)
    person = add_person(http)
    stamped(http, person, "2026-06-30T08:00:00+07:00")
    stamped(http, person, "2026-06-30T17:00:00+07:00")
    before = day_of(http, person, "2026-06-30")
    set_calendar(http, "2026-07-01", zone=NEW_YORK)
    stamped(http, person, "2026-07-01T08:30:00-04:00")
    stamped(http, person, "2026-06-30T18:30:00+07:00")  # recorded late: it is the old zone's still
    stamped(http, person, "2026-06-30T19:00:00+07:00")
    old, new = sheet_of(http, person, "2026-06-30", "2026-07-01")["days"]
    assert (before["zone"], before["state"], before["worked_minutes"]) == (SAIGON, "left", 480)
    assert (old["zone"], old["state"], old["worked_minutes"]) == (SAIGON, "left", 510)
    assert (new["zone"], new["state"], new["late_minutes"]) == (NEW_YORK, "late", 30)
    assert new["first_in"] == "2026-07-01T08:30:00-04:00"


def test_changed_hours_judge_the_dates_from_which_they_are_in_force(http: Http) -> None:
    set_calendar(http, "2026-01-01")
    person = add_person(http)
    for on in ("2026-08-10", "2026-08-11"):
        stamped(http, person, f"{on}T09:00:00+07:00")
    later = {"starts": "09:00", "ends": "18:00", "break_minutes": 60}
    set_calendar(http, "2026-08-11", shifts={"day": later, "night": NIGHT})
    late = [day["late_minutes"] for day in sheet_of(http, person, "2026-08-10", "2026-08-11")["days"]]
    assert late == [60, 0]
    roster = http.get("/v1/attendance", date_="2026-08-10").json_body
    assert roster["counts"]["late"] == 1


# --- the roster ---------------------------------------------------------------------------------


@pytest.fixture
def office(http: Http) -> dict[str, str]:
    """Six people and a Tuesday; gives the ids by name."""
    set_calendar(http)
    ids = {
        "Ánh": add_person(http, "Ánh", group="A", code="E-01"),
        "an": add_person(http, "an", group="A"),
        "Bình": add_person(http, "Bình", group="A"),
        "Đức": add_person(http, "Đức", group="B"),
        "Chi": add_person(http, "Lê Chi", group="B"),
        "Em": add_person(http, "Em", group="B", since="2026-08-12"),
    }
    for name, times in {"Ánh": ["08:00", "17:00"], "an": ["08:30"], "Chi": ["07:00"]}.items():
        for at in times:
            stamped(http, ids[name], f"2026-08-11T{at}:00+07:00")
    http.post(
        f"/v1/people/{ids['Đức']}/leaves", {"since": "2026-08-11", "until": "2026-08-11", "kind": "sick"}
    )
    return ids


def names(page: Json) -> list[str]:
    return [row["name"] for row in page["items"]]


def test_a_roster_says_where_everybody_is_and_counts_them(http: Http, office: dict[str, str]) -> None:
    found = http.get("/v1/attendance", date_="2026-08-11").json_body
    assert found["date"] == "2026-08-11"
    assert {row["name"]: row["state"] for row in found["items"]} == {
        "an": "late",
        "Ánh": "left",
        "Bình": "absent",
        "Đức": "leave",
        "Lê Chi": "present",
    }
    assert names(found) == ["an", "Ánh", "Bình", "Đức", "Lê Chi"]  # as if without accents
    counts = {name: n for name, n in found["counts"].items() if n}
    assert counts == {"total": 5, "present": 1, "late": 1, "left": 1, "absent": 1, "leave": 1}
    assert found["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "shown", "total"),
    [
        pytest.param({"group": "B"}, ["Đức", "Lê Chi"], 2, id="group"),
        pytest.param({"state": "absent"}, ["Bình"], 5, id="state does not change the counts"),
        pytest.param({"q": "anh"}, ["Ánh"], 5, id="name without accents"),
        pytest.param({"q": "chi"}, ["Lê Chi"], 5, id="a later word"),
        pytest.param({"q": "e-0"}, ["Ánh"], 5, id="code"),
        pytest.param({"group": "B", "state": "late"}, [], 2, id="nobody"),
    ],
)
def test_a_roster_is_filtered(
    http: Http, office: dict[str, str], query: dict[str, str], shown: list[str], total: int
) -> None:
    found = http.get("/v1/attendance", date_="2026-08-11", **query).json_body
    assert (names(found), found["counts"]["total"]) == (shown, total)


@pytest.mark.parametrize("path", ["/v1/attendance", "/v1/timesheets", "/v1/timesheets/monthly"])
def test_pages_together_are_the_whole(http: Http, office: dict[str, str], path: str) -> None:
    query: dict[str, Any] = {
        "/v1/attendance": {"date_": "2026-08-11"},
        "/v1/timesheets": {"from_": "2026-08-01", "to": "2026-08-31"},
        "/v1/timesheets/monthly": {"month": "2026-08"},
    }[path]
    whole = http.get(path, **query).json_body
    shown, cursor = [], None
    for _ in range(9):
        page = http.get(path, limit=2, cursor=cursor, **query).json_body
        assert 1 <= len(page["items"]) <= 2
        shown += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert shown == whole["items"]
    assert len(shown) == (5 if path == "/v1/attendance" else 6)


def test_long_timesheets_are_fewer_a_page(
    http: Http, office: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timesheets, "PAGE_DAYS", 70)
    page = http.get("/v1/timesheets", from_="2026-08-01", to="2026-08-31").json_body
    assert len(page["items"]) == 2
    assert page["next_cursor"]


def test_a_roster_that_has_not_changed_is_a_304(http: Http, office: dict[str, str]) -> None:
    path = "/v1/attendance?date=2026-08-11"
    first = http.get(path)
    again = http.call("GET", path, headers={"If-None-Match": first.headers["ETag"]})
    stamped(http, office["Bình"], "2026-08-11T10:00:00+07:00")
    later = http.call("GET", path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.body, later.status_code) == (304, b"", 200)


def test_without_a_date_it_is_today_where_the_site_is(http: Http) -> None:
    person = add_person(http)
    ahead = change_settings(http, calendar=calendar("Pacific/Kiritimati")).json_body
    stamped(http, person, datetime.now(UTC).isoformat(), direction="in")
    found = http.get("/v1/attendance").json_body
    begins = datetime.now(UTC) + timedelta(hours=14 - 4)  # UTC+14, and days that begin at 04:00
    assert ahead["calendar"]["zone"] == "Pacific/Kiritimati"
    assert found["date"] == begins.date().isoformat()
    assert found["counts"]["at_work"] == 1


@pytest.mark.parametrize(
    ("path", "code"),
    [
        pytest.param("/v1/attendance?date=2026-02-30", "InvalidRequest", id="no such date"),
        pytest.param("/v1/attendance?date=0001-01-01", "InvalidRequest", id="the first date there is"),
        pytest.param("/v1/attendance?date=9999-12-31", "InvalidRequest", id="the last date there is"),
        pytest.param("/v1/attendance?state=here", "InvalidRequest", id="no such state"),
        pytest.param("/v1/attendance?limit=5001", "InvalidRequest", id="limit"),
        pytest.param("/v1/attendance?cursor=nonsense", "InvalidCursor", id="cursor"),
        pytest.param("/v1/attendance?format=pdf", "InvalidRequest", id="no such format"),
        pytest.param("/v1/attendance?day=2026-01-01", "InvalidRequest", id="misspelt"),
        pytest.param("/v1/attendance/p1", "InvalidRequest", id="no range"),
        pytest.param("/v1/attendance/p1?from=2026-01-02&to=2026-01-01", "InvalidRequest", id="backwards"),
        pytest.param("/v1/attendance/p1?from=2025-01-01&to=2026-01-02", "InvalidRequest", id="367 days"),
        pytest.param("/v1/timesheets?from=0001-01-01&to=0001-01-02", "InvalidRequest", id="long ago"),
        pytest.param("/v1/timesheets?from=9999-12-31&to=9999-12-31", "InvalidRequest", id="far ahead"),
        pytest.param("/v1/timesheets/monthly?month=2026-13", "InvalidRequest", id="month 13"),
        pytest.param("/v1/timesheets/monthly?month=0000-01", "InvalidRequest", id="year 0"),
        pytest.param("/v1/punches?from=9999-12-31&to=9999-12-31", "InvalidRequest", id="log, far ahead"),
        pytest.param("/v1/punches?from=0001-01-01&to=0001-01-01", "InvalidRequest", id="log, long ago"),
    ],
)
def test_what_cannot_be_asked_is_a_400(http: Http, path: str, code: str) -> None:
    answer = http.get(path)
    check_refused(answer, 400, code)


def test_a_year_is_not_too_long_and_nobodys_timesheet_is_a_404(http: Http) -> None:
    person = add_person(http)
    assert len(sheet_of(http, person, "2024-01-01", "2024-12-31")["days"]) == 366
    answer = http.get("/v1/attendance/nobody", from_="2026-01-01", to="2026-01-02")
    check_refused(answer, 404, "PersonNotFound")


def test_the_monthly_sheet_has_people_down_and_days_across(http: Http, office: dict[str, str]) -> None:
    found = http.get("/v1/timesheets/monthly", month="2026-08", group="A").json_body
    assert names(found) == ["an", "Ánh", "Bình"]
    assert (found["month"], found["days"][0], found["days"][-1]) == ("2026-08", "2026-08-01", "2026-08-31")
    late, there, absent = found["items"]
    assert late["marks"][:4] == ["O", "O", "A", "A"]
    assert [row["marks"][10] for row in found["items"]] == ["L?", "P", "A"]
    assert there["totals"]["attended_days"] == 1
    assert absent["totals"]["absent_days"] == 21
    assert len(absent["marks"]) == 31


def test_who_was_not_there_all_month_is_not_on_its_sheet(http: Http, office: dict[str, str]) -> None:
    http.call("PATCH", f"/v1/people/{office['Bình']}", {"status": "inactive", "until": "2026-07-31"})
    shown = names(http.get("/v1/timesheets/monthly", month="2026-08").json_body)
    assert shown == ["an", "Ánh", "Đức", "Em", "Lê Chi"]
    assert "Em" not in names(http.get("/v1/timesheets/monthly", month="2026-07").json_body)


def test_timesheets_of_few_and_of_all_are_read_differently_and_say_the_same(
    http: Http, office: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    query = {"from_": "2026-08-01", "to": "2026-08-31", "group": "B"}
    by_key = http.get("/v1/timesheets", **query).json_body
    monkeypatch.setattr(timesheets, "FEW", 0)
    by_query = http.get("/v1/timesheets", **query).json_body
    assert by_key == by_query
    assert by_key["items"][2]["totals"]["open_days"] == 1


# --- exports ------------------------------------------------------------------------------------


def table(text: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.decode("utf-8-sig"))))


@pytest.mark.parametrize(
    ("path", "filename", "rows"),
    [
        pytest.param("/v1/attendance?date=2026-08-11&limit=1", "attendance-2026-08-11.csv", 6, id="roster"),
        pytest.param(
            "/v1/timesheets?from=2026-08-11&to=2026-08-12&group=A&limit=1",
            "timesheets-2026-08-11-2026-08-12.csv",
            1 + 3 * 2,  # two days of each
            id="timesheets",
        ),
        pytest.param("/v1/timesheets/monthly?month=2026-08&limit=1", "monthly-2026-08.csv", 7, id="month"),
    ],
)
def test_csv_has_the_whole_and_not_a_page(
    http: Http, office: dict[str, str], path: str, filename: str, rows: int
) -> None:
    by_format = http.get(f"{path}&format=csv")
    by_header = http.call(
        "GET", path, headers={"Accept": "text/html, text/csv;q=0.9, application/json;q=0.1"}
    )
    assert by_format.status_code == 200
    assert by_format.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert by_format.headers["Content-Disposition"] == f'attachment; filename="{filename}"'
    assert len(table(by_format.body)) == rows
    assert by_header.body == by_format.body
    assert "Ánh" in by_format.body.decode()
    again = http.call("GET", f"{path}&format=csv", headers={"If-None-Match": by_format.headers["ETag"]})
    assert again.status_code == 304


def test_a_persons_timesheet_as_csv(http: Http, office: dict[str, str]) -> None:
    answer = http.get(
        f"/v1/attendance/{office['an']}", from_="2026-08-11", to="2026-08-11", format_="csv", bom="true"
    )
    assert answer.body.startswith(b"\xef\xbb\xbf")
    assert answer.headers["Content-Disposition"].endswith(
        f'"timesheet-{office["an"]}-2026-08-11-2026-08-11.csv"'
    )
    _, day = table(answer.body)
    assert day[:6] == ["an", "", "A", "2026-08-11", "day", "late"]


@pytest.mark.parametrize("accept", ["*/*", "application/json, text/csv;q=0.5", "image/png", ";;q=", ""])
def test_json_is_what_who_wants_nothing_else_gets(http: Http, accept: str) -> None:
    answer = http.call("GET", "/v1/attendance?date=2026-08-11", headers={"Accept": accept})
    assert answer.headers["Content-Type"] == "application/json"


def test_a_name_that_looks_like_a_formula_stays_text(http: Http) -> None:
    add_person(http, '=HYPERLINK("http://x")', group="@SUM(A1)")
    answer = http.get("/v1/attendance", date_="2026-08-11", format_="csv")
    row = table(answer.body)[1]
    assert (row[1], row[3]) == ('\'=HYPERLINK("http://x")', "'@SUM(A1)")


def fetched(answer: Any, content_type: str, filename: str) -> bytes:
    """Follow a 303 to the file."""
    assert answer.status_code == 303
    assert answer.json_body["url"] == answer.headers["Location"]
    with urlopen(answer.headers["Location"]) as file:  # noqa: S310 - the embedded AWS's own
        assert file.headers["Content-Type"] == content_type
        assert file.headers["Content-Disposition"] == f'attachment; filename="{filename}"'
        content: bytes = file.read()
        return content


def test_a_workbook_is_fetched_by_a_signed_link(
    http: Http, office: dict[str, str], boto: Callable[[str], Any]
) -> None:
    answer = http.get("/v1/timesheets/monthly", month="2026-08", format_="xlsx")
    content = fetched(answer, exports.XLSX_TYPE, "monthly-2026-08.xlsx")
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        assert "Đức" in book.read("xl/worksheets/sheet1.xml").decode()
    [kept] = boto("s3").list_objects_v2(Bucket="rollcall-local")["Contents"]
    assert kept["Key"].startswith("exports/")


def test_csv_that_is_too_large_for_an_answer_is_fetched_by_a_signed_link(
    http: Http, office: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/v1/attendance?date=2026-08-11&format=csv&bom=true"
    inline = http.get(path).body
    monkeypatch.setattr(exports, "INLINE_BYTES", len(inline) - 1)
    assert fetched(http.get(path), exports.CSV_TYPE, "attendance-2026-08-11.csv") == inline


def test_a_file_that_could_not_be_ready_in_time_is_refused(
    http: Http, office: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timesheets, "PERSON_DAYS", 6 * 31 - 1)
    answer = http.get("/v1/timesheets/monthly", month="2026-08", format_="csv")
    check_refused(answer, 413, "ExportTooLarge")
    assert answer.json_body["Details"] == {"person_days": 186, "limit": 185}
    assert http.get("/v1/timesheets/monthly", month="2026-08", group="A", format_="csv").status_code == 200
    monkeypatch.setattr(timesheets, "FEW", 0)  # then the others' days are read too
    assert http.get("/v1/timesheets/monthly", month="2026-08", group="A", format_="csv").status_code == 413


def test_a_page_may_end_at_the_longest_name(http: Http) -> None:
    for _ in range(3):
        add_person(http, "각" * 200)  # each is three characters without its composition
    first = http.get("/v1/attendance", date_="2026-08-11", limit=2).json_body
    rest = http.get("/v1/attendance", date_="2026-08-11", limit=2, cursor=first["next_cursor"]).json_body
    assert len({row["person_id"] for row in first["items"] + rest["items"]}) == 3


# --- reading at once ----------------------------------------------------------------------------


def test_reads_that_make_reads_do_not_wait_for_one_another_for_ever(
    directory: Directory, boto: Callable[[str], Any]
) -> None:
    table = Table(boto("dynamodb"), "rollcall-local", readers=2)

    def deep(level: int) -> int:
        return sum(table.gather([partial(deep, level - 1)] * 3)) if level else 1

    done: list[int] = []
    threads = [threading.Thread(target=lambda: done.append(deep(4)), daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert done == [81] * 8


def test_what_a_read_raises_reaches_who_gathers(boto: Callable[[str], Any]) -> None:
    table = Table(boto("dynamodb"), "rollcall-local")

    def fail() -> int:
        raise KeyError("x")

    assert table.gather([]) == []
    for calls in ([fail], [lambda: 1, fail], [fail, lambda: 1, lambda: 2]):
        with pytest.raises(KeyError):
            table.gather(calls)


def test_the_ledger_reads_days_by_person_as_it_does_by_date(http: Http, office: dict[str, str]) -> None:
    attendance_store = wiring.attendance_store()
    days = [date(2026, 8, 10), date(2026, 8, 11)]
    by_person = attendance_store.days_of(office.values(), days)
    assert len(by_person) == 3
    assert sorted(by_person, key=str) == sorted(attendance_store.all_days(days), key=str)


def test_a_punch_for_nobody_is_a_404(http: Http) -> None:
    assert code_of(stamp(http, "nobody", "2026-08-11T08:00:00Z")) == "PersonNotFound"

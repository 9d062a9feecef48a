"""Leave by HTTP: of known kinds, never twice for the same half of a day, and the same again is the same."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from chalice.test import HTTPResponse

from chalicelib import wiring
from chalicelib.aws.dynamodb import put
from chalicelib.domain.ids import new_id
from chalicelib.domain.leave import LeaveRecord
from tests.conftest import Http, Scan
from tests.support.answers import check_refused
from tests.support.builders import Json, add_person, calendar, change_settings, day_of, set_calendar


@pytest.fixture
def anh(http: Http) -> str:
    set_calendar(http)
    return add_person(http)


def leave(http: Http, person: str, since: str, until: str | None = None, **fields: Any) -> HTTPResponse:
    """Ask for leave, annual if nothing else is said."""
    body = {"since": since, "until": until or since, "kind": "annual", **fields}
    return http.post(f"/v1/people/{person}/leaves", body)


def test_the_same_leave_again_is_the_one_that_is_there(http: Http, anh: str) -> None:
    first = leave(http, anh, "2026-06-01", "2026-06-03")
    again = leave(http, anh, "2026-06-01", "2026-06-03", kind="ANNUAL")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json_body == first.json_body
    listed = http.get("/v1/leaves", from_="2026-06-01", to="2026-06-30").json_body["items"]
    assert listed == [first.json_body]


@pytest.mark.parametrize(
    ("since", "until", "fields", "overlaps"),
    [
        pytest.param("2026-06-05", "2026-06-07", {}, True, id="the last day"),
        pytest.param("2026-05-01", "2026-06-30", {}, True, id="around it"),
        pytest.param("2026-06-03", "2026-06-05", {"kind": "sick"}, True, id="another kind"),
        pytest.param("2026-06-04", "2026-06-04", {"half": "first"}, True, id="half of a whole day"),
        pytest.param("2026-06-06", "2026-06-06", {}, False, id="the day after"),
        pytest.param("2026-06-02", "2026-06-02", {}, False, id="the day before"),
    ],
)
def test_leave_that_overlaps_is_refused_with_the_other_one(
    http: Http, anh: str, since: str, until: str, fields: dict[str, str], overlaps: bool
) -> None:
    there = leave(http, anh, "2026-06-03", "2026-06-05", half=None).json_body
    answer = leave(http, anh, since, until, **fields)
    if overlaps:
        assert (answer.status_code, answer.json_body["Code"]) == (409, "LeaveOverlaps")
        assert answer.json_body["Details"] == {"leave_id": there["leave_id"]}
    else:
        assert answer.status_code == 201
    assert leave(http, add_person(http, "Trần Thị Bích"), since, until, **fields).status_code == 201


def test_two_halves_of_a_day_do_not_overlap(http: Http, anh: str) -> None:
    assert leave(http, anh, "2026-06-03", half="first").status_code == 201
    assert leave(http, anh, "2026-06-03", half="first", kind="sick").status_code == 409
    assert leave(http, anh, "2026-06-03", half="second", kind="sick").status_code == 201
    assert leave(http, anh, "2026-06-03").status_code == 409


def test_two_at_once_do_not_overlap_either(http: Http, anh: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        asked = pool.map(lambda n: leave(http, anh, f"2026-06-0{n + 1}", "2026-06-08"), range(6))
        answers = sorted(answer.status_code for answer in asked)
    assert answers == [201, 409, 409, 409, 409, 409]


def test_leave_that_was_removed_makes_room(http: Http, anh: str) -> None:
    made = leave(http, anh, "2026-06-03").json_body["leave_id"]
    assert http.delete(f"/v1/people/{anh}/leaves/{made}").status_code == 204
    gone = http.delete(f"/v1/people/{anh}/leaves/{made}")
    assert (gone.status_code, gone.json_body["Code"]) == (404, "LeaveNotFound")
    assert leave(http, anh, "2026-06-02", "2026-06-04").status_code == 201


def test_a_kind_is_one_of_the_settings(http: Http, anh: str) -> None:
    answer = leave(http, anh, "2026-06-03", kind="maternity")
    assert (answer.status_code, answer.json_body["Code"]) == (400, "UnknownLeaveKind")
    assert answer.json_body["Details"] == {"kind": "maternity", "known": ["annual", "sick", "unpaid"]}
    change_settings(http, leave_kinds=[{"kind": "Nghỉ thai sản", "letter": "TS"}])
    assert leave(http, anh, "2026-06-03", kind="nghỉ  THAI sản").json_body["kind"] == "Nghỉ thai sản"


ANNUAL, SICK = {"kind": "annual", "letter": "V"}, {"kind": "sick", "letter": "S"}
UNPAID = {"kind": "unpaid", "letter": "U", "paid": False}


def june(http: Http) -> Json:
    """Read the monthly sheet of June of the only person."""
    [row] = http.get("/v1/timesheets/monthly", month="2026-06").json_body["items"]
    shown: Json = row
    return shown


@pytest.mark.parametrize(
    "kinds",
    [
        pytest.param([ANNUAL, SICK], id="gone"),
        pytest.param([ANNUAL, SICK, {**UNPAID, "kind": "Unpaid"}], id="spelled otherwise"),
    ],
)
def test_a_kind_that_leave_uses_is_kept(http: Http, anh: str, kinds: list[Json]) -> None:
    for since in ("2026-06-29", "2026-06-01"):
        leave(http, anh, since, kind="unpaid")
    before = june(http)
    answer = change_settings(http, leave_kinds=kinds)
    check_refused(answer, 400, "InvalidSettings")
    assert answer.json_body["Details"]["problems"] == [
        "leave_kinds: 'unpaid' is used by leave from 2026-06-01 on; keep it"
    ]
    assert june(http) == before
    assert change_settings(http, leave_kinds=[UNPAID, ANNUAL]).status_code == 200


def test_a_kind_that_no_leave_uses_any_more_can_go(http: Http, anh: str) -> None:
    made = leave(http, anh, "2026-06-29", kind="unpaid").json_body["leave_id"]
    assert http.delete(f"/v1/people/{anh}/leaves/{made}").status_code == 204
    assert change_settings(http, leave_kinds=[ANNUAL]).status_code == 200


@pytest.mark.parametrize("change", [{"letter": "N"}, {"paid": False}], ids=["letter", "pay"])
def test_a_kind_of_leave_on_closed_days_keeps_its_letter_and_pay(http: Http, anh: str, change: Json) -> None:
    leave(http, anh, "2026-06-29", "2026-07-02")
    leave(http, anh, "2026-07-06", kind="sick")
    assert http.post("/v1/closings", {"through": "2026-06-30"}).status_code == 201
    before = june(http)
    answer = change_settings(http, leave_kinds=[{**ANNUAL, **change}, SICK, UNPAID])
    check_refused(answer, 409, "PeriodClosed")
    assert answer.json_body["Details"] == {"closed_through": "2026-06-30"}
    later = calendar(cutoff="03:00")
    answer = change_settings(
        http, "2026-07-06", calendar=later, leave_kinds=[{**ANNUAL, **change}, SICK, UNPAID]
    )
    check_refused(answer, 409, "PeriodClosed")
    assert june(http) == before
    changed = [ANNUAL, {**SICK, **change}, {**UNPAID, "letter": "K"}]
    assert change_settings(http, "2026-07-06", calendar=later, leave_kinds=changed).status_code == 200
    assert june(http) == before
    answer = change_settings(http, "2026-06-30", calendar=later, leave_kinds=[ANNUAL, SICK, UNPAID])
    check_refused(answer, 409, "PeriodClosed")


def test_a_kind_of_leave_on_open_days_takes_another_letter(http: Http, anh: str) -> None:
    leave(http, anh, "2026-06-29", "2026-06-30")
    assert http.post("/v1/closings", {"through": "2026-06-28"}).status_code == 201
    assert change_settings(http, leave_kinds=[{**ANNUAL, "letter": "N"}, SICK]).status_code == 200
    assert june(http)["marks"][28:] == ["N", "N"]


def test_leave_of_a_kind_that_the_settings_never_had_still_counts(http: Http, anh: str) -> None:
    """As of a site that removed it while that was possible."""
    made = LeaveRecord(
        leave_id=new_id(), person_id=anh, since=date(2026, 6, 3), until=date(2026, 6, 3), kind="study"
    )
    wiring.directory().add_leave(made)
    day = day_of(http, anh, "2026-06-03")
    assert (day["state"], day["leave"]) == ("leave", "study")
    assert change_settings(http, leave_kinds=[ANNUAL]).status_code == 200
    assert june(http)["marks"][2] == "V"
    assert http.post("/v1/closings", {"through": "2026-06-30"}).status_code == 201
    study = {"kind": "study", "letter": "ST"}
    check_refused(change_settings(http, leave_kinds=[ANNUAL, study]), 409, "PeriodClosed")


def test_an_erasure_leaves_no_trace_of_leave(http: Http, anh: str, scan: Scan) -> None:
    assert leave(http, anh, "2026-06-03").status_code == 201
    assert http.get(f"/v1/people/{anh}/data").json_body["leaves"][0]["since"] == "2026-06-03"
    erased = http.delete(f"/v1/people/{anh}")
    assert erased.json_body["complete"]
    assert erased.json_body["removed"]["leaves"] == 1
    assert f"PERSON#{anh}" not in scan()


def test_the_leave_of_a_person_who_is_gone_is_refused(http: Http, anh: str) -> None:
    wiring.table().write(put({"pk": "PERSON#gone", "sk": "LEAVES", "version": 1}))
    answer = leave(http, "gone", "2026-06-03")
    assert (answer.status_code, answer.json_body["Code"]) == (404, "PersonNotFound")

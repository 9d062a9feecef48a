"""Manual punches, corrections and the log of punches, by HTTP."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest

from chalicelib.aws.attendance_store import AttendanceStore
from chalicelib.services import corrections
from tests.conftest import Http
from tests.support.answers import check_refused
from tests.support.builders import Json, add_person, set_calendar, stamp, stamped
from tests.support.punches import list_punches


def test_a_manual_punch_says_why_and_when_it_was_recorded(http: Http) -> None:
    set_calendar(http)
    person = add_person(http)
    before = datetime.now(UTC)
    body = stamp(http, person, "2026-08-11T01:00:00.250Z", direction="in", reason="camera broken").json_body
    recorded = datetime.fromisoformat(body["recorded_at"])
    assert before <= recorded <= datetime.now(UTC)
    assert body["at"] == "2026-08-11T08:00:00.250000+07:00"
    wanted = {
        "source": "manual",
        "reason": "camera broken",
        "work_day": "2026-08-11",
        "direction": "in",
        "evidence": None,
        "supersedes": None,
        "void": False,
    }
    assert {name: body[name] for name in wanted} == wanted
    assert list_punches(http, from_="2026-08-11", to="2026-08-11", person_id=person) == [body]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        pytest.param({"reason": ""}, 400, "InvalidRequest", id="no reason"),
        pytest.param({"at": "2026-08-11T08:00:00"}, 400, "InvalidRequest", id="no offset"),
        pytest.param({"at": "1999-12-31T00:00:00Z"}, 400, "InvalidRequest", id="long ago"),
        pytest.param({"at": "2199-01-01T00:00:00Z"}, 400, "InvalidRequest", id="not yet"),
        pytest.param({"at": "9999-12-31T23:59:59-12:00"}, 400, "InvalidRequest", id="past the last date"),
        pytest.param({"at": "0001-01-01T00:00:00+14:00"}, 400, "InvalidRequest", id="before the first"),
        pytest.param({"at": None}, 400, "InvalidRequest", id="no instant"),
        pytest.param({"void": True}, 400, "InvalidRequest", id="void of nothing"),
        pytest.param({"direction": "up"}, 400, "InvalidRequest", id="direction"),
        pytest.param({"person_id": "nobody"}, 404, "PersonNotFound", id="nobody"),
        pytest.param({"supersedes": "f" * 26}, 404, "PunchNotFound", id="no such punch"),
        pytest.param({"supersedes": "../x"}, 404, "PunchNotFound", id="no punch's id"),
    ],
)
def test_manual_punches_that_are_refused(http: Http, change: Json, status: int, code: str) -> None:
    person = add_person(http)
    body = {"person_id": person, "reason": "why", "at": "2026-08-11T01:00:00Z", **change}
    answer = http.post(
        "/v1/punches/manual", {name: value for name, value in body.items() if value is not None}
    )
    check_refused(answer, status, code)
    assert list_punches(http, from_="2026-08-01", to="2026-08-31") == []


def test_a_punch_is_corrected_once_and_then_its_correction(http: Http) -> None:
    set_calendar(http)
    person = add_person(http)
    first = stamped(http, person, "2026-08-11T01:00:00Z")
    second = stamped(http, person, "2026-08-11T02:00:00Z", supersedes=first)
    for fields in ({"at": "2026-08-11T03:00:00Z"}, {"void": True}):
        again = stamp(http, person, supersedes=first, **fields)
        check_refused(again, 409, "PunchSuperseded")
        assert again.json_body["Details"] == {"punch_id": first}
    stamped(http, person, supersedes=second, void=True)
    assert len(list_punches(http, from_="2026-08-11", to="2026-08-11")) == 3


def test_a_punch_of_another_person_cannot_be_corrected(http: Http) -> None:
    other = stamped(http, add_person(http, "A"), "2026-08-11T01:00:00Z")
    answer = stamp(http, add_person(http, "B"), "2026-08-11T02:00:00Z", supersedes=other)
    check_refused(answer, 404, "PunchNotFound")


def test_a_correction_is_near_what_it_corrects(http: Http) -> None:
    person = add_person(http)
    old = stamped(http, person, "2026-08-11T01:00:00Z")
    assert stamp(http, person, "2026-09-12T01:00:00Z", supersedes=old).status_code == 400
    assert stamp(http, person, "2026-09-11T01:00:00Z", supersedes=old).status_code == 201


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize("days_apart", [0, 1, 31])
def test_of_many_corrections_of_one_punch_at_once_one_counts(
    http: Http, attendance_store: AttendanceStore, days_apart: int
) -> None:
    set_calendar(http)
    person = add_person(http)
    wrong = stamped(http, person, "2026-08-11T01:00:00Z")
    days = [11 + days_apart, 11] * 4  # both to another day and within the day
    start = datetime(2026, 8, 1, 2, tzinfo=UTC)
    times = [(start + timedelta(days=day - 1, minutes=n)).isoformat() for n, day in enumerate(days)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda at: stamp(http, person, at, supersedes=wrong), times))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 7]
    records = attendance_store.days(
        person, [date(2026, 8, 11), date(2026, 8, 11) + timedelta(days=days_apart)]
    )
    counted = {mark.id for record in records for mark in record.counted()}
    assert counted == {a.json_body["punch_id"] for a in answers if a.status_code == 201}
    assert corrections.rebuild(attendance_store, person, date(2026, 8, 1), date(2026, 9, 30)) == 0


# --- the log ------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_the_log_is_in_order_of_time_over_people_and_days(http: Http, limit: int) -> None:
    set_calendar(http)
    people = [add_person(http, name) for name in "ABC"]
    dice = random.Random(7)  # noqa: S311 - the same every time
    start = datetime(2026, 8, 10, 17, tzinfo=UTC)
    made = []
    for n in dice.sample(range(60), 10):  # an hour apart, around two cut-offs
        at = start + timedelta(hours=n)
        made.append((at, stamped(http, dice.choice(people), at.isoformat())))
    wanted = [punch_id for _, punch_id in sorted(made)]
    shown = list_punches(http, from_="2026-08-09", to="2026-08-20", limit=limit)
    assert [kept["punch_id"] for kept in shown] == wanted
    own = [kept["punch_id"] for kept in shown if kept["person_id"] == people[0]]
    alone = list_punches(http, from_="2026-08-09", to="2026-08-20", limit=limit, person_id=people[0])
    assert [kept["punch_id"] for kept in alone] == own
    on = "2026-08-11"
    of_day = [kept["punch_id"] for kept in shown if kept["work_day"] == on]
    assert [kept["punch_id"] for kept in list_punches(http, from_=on, to=on, limit=limit)] == of_day


@pytest.mark.parametrize(
    ("query", "code"),
    [
        pytest.param({"from_": "2026-01-02", "to": "2026-01-01"}, "InvalidRequest", id="backwards"),
        pytest.param({"from_": "2025-01-01", "to": "2026-01-02"}, "InvalidRequest", id="over a year"),
        pytest.param({"to": "2026-01-02"}, "InvalidRequest", id="no beginning"),
        pytest.param(
            {"from_": "2026-01-01", "to": "2026-01-02", "cursor": "%%"}, "InvalidCursor", id="cursor"
        ),
    ],
)
def test_a_log_that_cannot_be_asked_for_is_a_400(http: Http, query: Json, code: str) -> None:
    answer = http.get("/v1/punches", **query)
    check_refused(answer, 400, code)

"""Retention at its edges: the first date that stays, and the first that goes."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.services.retention import apply_retention
from tests.conftest import Clock, Http
from tests.support.builders import add_person, change_settings, set_calendar, stamped
from tests.support.photos import photo_of_c

LAST_DAY = "2098-03-10"


@pytest.fixture
def leaver(http: Http, clock: Clock) -> str:
    """A person with a face whose last day is 10 March 2098; faces are kept for five days; gives the id."""
    set_calendar(http)  # Saigon: a work day begins at 04:00, which is 21:00 of the day before in UTC
    clock.now = datetime.fromisoformat("2098-03-01T03:00:00Z")
    assert change_settings(http, retention={"photos_days": 5}).status_code == 200
    person_id = add_person(http)
    answer = http.post(f"/v1/people/{person_id}/faces", photo_of_c(), {"Content-Type": "image/jpeg"})
    assert answer.status_code == 201, answer.json_body
    assert http.call("PATCH", f"/v1/people/{person_id}", {"until": LAST_DAY}).status_code == 200
    return person_id


def faces(http: Http, person_id: str) -> int:
    count: int = http.get(f"/v1/people/{person_id}").json_body["faces"]
    return count


def retain(at: str) -> Any:
    return apply_retention(
        wiring.directory(),
        wiring.audit_log(),
        wiring.personal_data(),
        wiring.collection(),
        wiring.bucket(),
        dry_run=False,
        now=datetime.fromisoformat(at),
    )


def test_a_leavers_face_is_kept_photos_days_after_their_last_day(http: Http, leaver: str) -> None:
    for at, left, said in (
        ("2098-03-10T12:00:00+07:00", 1, "on the last day itself"),
        ("2098-03-11T12:00:00+07:00", 1, "the day after"),
        ("2098-03-15T12:00:00+07:00", 1, "the fifth day after, the last on which it is kept"),
        ("2098-03-16T03:59:59+07:00", 1, "a second before the sixth begins"),
        ("2098-03-16T04:00:00+07:00", 0, "the sixth day after"),
    ):
        assert (retain(at).faces, faces(http, leaver)) == (1 - left, left), said


def test_who_stays_keeps_their_face_however_long_it_is(http: Http, leaver: str) -> None:
    assert http.call("PATCH", f"/v1/people/{leaver}", {"until": None}).status_code == 200
    retain("2108-03-16T12:00:00+07:00")
    assert faces(http, leaver) == 1


def test_who_is_inactive_is_counted_from_the_day_they_became_it(
    http: Http, clock: Clock, leaver: str
) -> None:
    clock.now = datetime.fromisoformat("2098-03-02T03:00:00Z")
    assert (
        http.call("PATCH", f"/v1/people/{leaver}", {"until": None, "status": "inactive"}).status_code == 200
    )
    assert retain("2098-03-07T12:00:00+07:00").faces == 0
    assert retain("2098-03-08T12:00:00+07:00").faces == 1


def test_who_never_came_is_counted_from_the_day_they_were_added(
    http: Http, clock: Clock, leaver: str
) -> None:
    for change in ({"until": None}, {"since": "2098-04-01"}):
        assert http.call("PATCH", f"/v1/people/{leaver}", change).status_code == 200
    clock.now = datetime.fromisoformat("2098-03-12T03:00:00Z")
    answer = http.call("PATCH", f"/v1/people/{leaver}", {"status": "inactive"})
    assert (answer.json_body["since"], answer.json_body["until"]) == (None, None)
    assert answer.json_body["history"]["stints"] == []
    assert retain("2098-03-06T12:00:00+07:00").faces == 0
    assert retain("2098-03-12T12:00:00+07:00").faces == 1


def test_a_punch_is_kept_punches_days_and_no_longer(http: Http, leaver: str) -> None:
    assert change_settings(http, retention={"punches_days": 30}).status_code == 200
    for at in ("2098-02-01T08:00:00+07:00", "2098-02-02T03:00:00+07:00", "2098-02-02T08:00:00+07:00"):
        stamped(http, leaver, at)  # the second is of the work day of the first
    plan = retain("2098-03-03T12:00:00+07:00")
    assert (plan.punches, plan.work_days) == (0, 0)
    plan = retain("2098-03-04T12:00:00+07:00")
    assert (plan.punches_before, plan.punches, plan.work_days) == (date(2098, 2, 2), 2, 1)
    [kept] = http.get("/v1/punches", from_="2098-01-01", to="2098-03-01").json_body["items"]
    assert kept["at"] == "2098-02-02T08:00:00+07:00"


def test_the_audit_is_kept_for_thirty_days_at_least(http: Http) -> None:
    for days, status in ((30, 200), (29, 400), (1, 400), (0, 400)):
        answer = change_settings(http, retention={"audit_days": days})
        assert answer.status_code == status, f"audit_days of {days} was answered {answer.status_code}"
        if status == 400:
            assert "audit_days" in answer.json_body["Message"]


def test_everything_else_is_kept_for_a_day_at_least(http: Http) -> None:
    for field in ("photos_days", "liveness_days", "punches_days"):
        for days, status in ((1, 200), (0, 400), (-1, 400), (36_501, 400)):
            answer = change_settings(http, retention={field: days})
            assert answer.status_code == status, f"{field} of {days} was answered {answer.status_code}"


def test_an_audit_entry_is_kept_audit_days_and_no_longer(http: Http, clock: Clock) -> None:
    clock.now = datetime.fromisoformat("2098-01-31T23:59:59Z")
    assert change_settings(http, retention={"audit_days": 30}).status_code == 200
    clock.forward(seconds=1)
    add_person(http)
    since = clock.now + timedelta(days=30)  # 3 March: the entry of 31 January is 31 days old by date
    assert retain(since.isoformat()).audit_entries == 1
    entries = http.get("/v1/audit", from_="2098-01-01", to="2098-03-31").json_body["items"]
    assert [entry["at"] for entry in entries] == ["2098-02-01T00:00:00Z"]

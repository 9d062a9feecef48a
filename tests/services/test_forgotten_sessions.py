"""`SessionUsed` and `SessionExpired` once Rekognition has forgotten the session: our own note decides."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chalice.test import HTTPResponse
from local.embedded import Embedded

from tests.conftest import Finish, Http, Lab
from tests.support.builders import add_person
from tests.support.photos import photo_of_b, photos_of_a


@pytest.fixture
def ann(http: Http) -> str:
    """A person with a face; gives the id."""
    person_id = add_person(http, "Ann Lee")
    answer = http.post(f"/v1/people/{person_id}/faces", photos_of_a()[0], {"Content-Type": "image/jpeg"})
    assert answer.status_code == 201, answer.json_body
    return person_id


def begin(http: Http) -> str:
    session_id: str = http.post("/v1/liveness-sessions").json_body["session_id"]
    return session_id


def punch(http: Http, session_id: str) -> HTTPResponse:
    return http.post("/v1/punches", {"liveness_session_id": session_id})


def forget(aws: Embedded) -> None:
    """Let Rekognition forget every session."""
    aws.sessions.sweep(datetime.now(UTC) + timedelta(hours=1))


def log(http: Http) -> list[dict[str, Any]]:
    today = datetime.now(UTC).date()
    days = {"from_": str(today - timedelta(days=1)), "to": str(today + timedelta(days=1))}
    found: list[dict[str, Any]] = http.get("/v1/punches", **days).json_body["items"]
    return found


@pytest.mark.parametrize("outcome", ["punched", "refused"])
def test_SessionUsed_and_not_SessionExpired_for_one_that_has_an_outcome(
    http: Http, aws: Embedded, finish: Finish, ann: str, outcome: str
) -> None:
    session_id = finish(begin(http), photos_of_a()[1] if outcome == "punched" else photo_of_b())
    assert punch(http, session_id).status_code == (201 if outcome == "punched" else 422)
    before = log(http)
    forget(aws)
    answer = punch(http, session_id)
    assert (answer.status_code, answer.json_body["Code"]) == (409, "SessionUsed")
    assert http.get(f"/v1/liveness-sessions/{session_id}").json_body["status"] == "used"
    assert log(http) == before


def test_SessionExpired_for_one_that_was_finished_and_never_used(
    http: Http, aws: Embedded, finish: Finish, ann: str
) -> None:
    session_id = finish(begin(http), photos_of_a()[1])
    forget(aws)
    answer = punch(http, session_id)
    assert (answer.status_code, answer.json_body["Code"]) == (410, "SessionExpired")
    assert log(http) == []


def test_SessionNotFound_for_another_callers_though_it_is_forgotten(
    http: Http, aws: Embedded, finish: Finish, ann: str
) -> None:
    session_id = finish(begin(http), photos_of_a()[1])
    assert punch(http, session_id).status_code == 201
    forget(aws)
    answer = punch(http.as_("kiosk"), session_id)
    assert (answer.status_code, answer.json_body["Code"]) == (404, "SessionNotFound")


def test_the_lab_is_told_the_outcome_again_after_rekognition_forgot(
    http: Http, aws: Embedded, finish: Finish, lab: Lab, ann: str
) -> None:
    lab("on")
    session_id = finish(begin(http), photos_of_a()[1])
    first = http.get(f"/liveness-result/{session_id}")
    assert (first.status_code, first.json_body["isLive"]) == (200, True)
    assert first.json_body["faceMatch"]["found"] is True
    forget(aws)
    again = http.get(f"/liveness-result/{session_id}")
    assert again.status_code == 200
    told = ("isLive", "confidence", "faceMatch", "timestamp", "sessionId")
    assert {name: again.json_body[name] for name in told} == {name: first.json_body[name] for name in told}
    assert len(log(http)) == 1

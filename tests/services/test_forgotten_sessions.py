"""`SessionUsed` and `SessionExpired` once Rekognition has forgotten the session: our own note decides."""

from datetime import UTC, datetime, timedelta

import pytest

from local.aws.embedded import Embedded
from tests.conftest import Finish, Http, Lab
from tests.support.answers import check_refused
from tests.support.builders import add_person
from tests.support.faces import enrolled
from tests.support.photos import photo_of_b, photos_of_a
from tests.support.punches import create_session, punch, todays_punches


@pytest.fixture
def ann(http: Http) -> str:
    """A person with a face; gives the id."""
    person_id = add_person(http, "Ann Lee")
    enrolled(http, person_id, photos_of_a()[0])
    return person_id


def forget(aws: Embedded) -> None:
    """Let Rekognition forget every session."""
    aws.sessions.sweep(datetime.now(UTC) + timedelta(hours=1))


@pytest.mark.parametrize("outcome", ["punched", "refused"])
def test_SessionUsed_and_not_SessionExpired_for_one_that_has_an_outcome(
    http: Http, aws: Embedded, finish: Finish, ann: str, outcome: str
) -> None:
    session_id = finish(create_session(http), photos_of_a()[1] if outcome == "punched" else photo_of_b())
    assert punch(http, session_id).status_code == (201 if outcome == "punched" else 422)
    before = todays_punches(http)
    forget(aws)
    answer = punch(http, session_id)
    check_refused(answer, 409, "SessionUsed")
    assert http.get(f"/v1/liveness-sessions/{session_id}").json_body["status"] == "used"
    assert todays_punches(http) == before


def test_SessionExpired_for_one_that_was_finished_and_never_used(
    http: Http, aws: Embedded, finish: Finish, ann: str
) -> None:
    session_id = finish(create_session(http), photos_of_a()[1])
    forget(aws)
    answer = punch(http, session_id)
    check_refused(answer, 410, "SessionExpired")
    assert todays_punches(http) == []


def test_SessionNotFound_for_another_callers_though_it_is_forgotten(
    http: Http, aws: Embedded, finish: Finish, ann: str
) -> None:
    session_id = finish(create_session(http), photos_of_a()[1])
    assert punch(http, session_id).status_code == 201
    forget(aws)
    answer = punch(http.as_("kiosk"), session_id)
    check_refused(answer, 404, "SessionNotFound")


def test_the_lab_is_told_the_outcome_again_after_rekognition_forgot(
    http: Http, aws: Embedded, finish: Finish, lab: Lab, ann: str
) -> None:
    lab("on")
    session_id = finish(create_session(http), photos_of_a()[1])
    first = http.get(f"/liveness-result/{session_id}")
    assert (first.status_code, first.json_body["isLive"]) == (200, True)
    assert first.json_body["faceMatch"]["found"] is True
    forget(aws)
    again = http.get(f"/liveness-result/{session_id}")
    assert again.status_code == 200
    told = ("isLive", "confidence", "faceMatch", "timestamp", "sessionId")
    assert {name: again.json_body[name] for name in told} == {name: first.json_body[name] for name in told}
    assert len(todays_punches(http)) == 1

"""What a kiosk sees: its own sessions, a first name and the time. Whoever steals its token sees no more."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import Finish, Http, Lab, unknown_session
from tests.support.answers import check_refused, code_of
from tests.support.builders import add_person, change_settings
from tests.support.faces import enrolled
from tests.support.kiosk import Kiosk
from tests.support.openapi import DOCUMENT
from tests.support.photos import no_face_photo, photo_of_b, photos_of_a
from tests.support.punches import punch

NAME = "Nguyễn Văn Ánh"


@pytest.fixture
def door(http: Http) -> Kiosk:
    return Kiosk(http, "door")


@pytest.fixture
def gate(http: Http) -> Kiosk:
    return Kiosk(http, "gate")


@pytest.fixture
def anh(http: Http) -> str:
    """A person with a code, an e-mail and a face; gives the id."""
    person_id = add_person(http, NAME, code="HS-0042", email="anh@example.com", group="12A1")
    enrolled(http, person_id, photos_of_a()[0])
    return person_id


def hides_all(shown: str, person_id: str, http: Http) -> None:
    """Check that a text has nothing of a person but the first name, and no score."""
    face_ids = [face["face_id"] for face in http.get(f"/v1/people/{person_id}/faces").json_body["items"]]
    for secret in (person_id, *face_ids, "Nguyễn", "Văn", "HS-0042", "anh@example.com", "12A1"):
        assert secret not in shown
    assert not re.search('similarity|liveness"|confidence|threshold|score|margin|evidence', shown)
    assert not re.search(r"\b9\d\.\d", shown)


# --- a punch --------------------------------------------------------------------------------------


def test_after_a_punch_it_shows_a_first_name_and_the_time(
    http: Http, door: Kiosk, finish: Finish, anh: str
) -> None:
    first = door.punch(finish(door.session(), photos_of_a()[1]))
    again = door.punch(finish(door.session(), photos_of_a()[2]))
    assert (first.status_code, again.status_code) == (201, 200)
    for answer in (first, again):
        receipt = answer.json_body
        assert set(receipt) == {
            "punch_id",
            "person_id",
            "name",
            "direction",
            "at",
            "work_day",
            "duplicate",
        }
        assert (receipt["name"], receipt["person_id"]) == ("Ánh", None)
        hides_all(answer.body.decode(), anh, http)


def test_whom_a_site_greets_by_the_other_word_is_told_that_one(
    http: Http, door: Kiosk, finish: Finish
) -> None:
    enrolled(http, add_person(http, "Ada Lovelace"), photos_of_a()[0])
    assert change_settings(http, name_order="given_first").status_code == 200
    assert door.punch(finish(door.session(), photos_of_a()[1])).json_body["name"] == "Ada"


@pytest.mark.parametrize(
    ("photo", "how", "code"),
    [
        pytest.param(lambda: photos_of_a()[1], {"confidence": 42.5}, "NotLive", id="not live"),
        pytest.param(photo_of_b, {}, "NotRecognised", id="a stranger"),
        pytest.param(no_face_photo, {}, "NotRecognised", id="nobody"),
    ],
)
def test_a_refusal_says_nothing_of_who_it_looked_like_and_how_much(
    http: Http,
    door: Kiosk,
    finish: Finish,
    anh: str,
    photo: Callable[[], bytes],
    how: dict[str, float],
    code: str,
) -> None:
    answer = door.punch(finish(door.session(), photo(), **how))
    check_refused(answer, 422, code)
    assert "Details" not in answer.json_body
    assert "42.5" not in answer.body.decode()
    assert "Ánh" not in answer.body.decode()
    hides_all(answer.body.decode(), anh, http)


def test_the_session_tells_where_it_stands_and_no_more(
    http: Http, door: Kiosk, finish: Finish, anh: str
) -> None:
    session_id = door.session()
    states = [door.get(f"/v1/liveness-sessions/{session_id}").json_body]
    finish(session_id, photos_of_a()[1])
    states.append(door.get(f"/v1/liveness-sessions/{session_id}").json_body)
    door.punch(session_id)
    states.append(door.get(f"/v1/liveness-sessions/{session_id}").json_body)
    assert [state["status"] for state in states] == ["waiting", "finished", "used"]
    assert {name for state in states for name in state} == {"session_id", "status", "expires_at"}


# --- another's session ----------------------------------------------------------------------------

Ending = Callable[[Finish, str], object]


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param(lambda finish, session_id: None, id="waiting"),
        pytest.param(lambda finish, session_id: finish(session_id, photos_of_a()[1]), id="finished"),
        pytest.param(lambda finish, session_id: finish(session_id, None), id="without an image"),
        pytest.param(
            lambda finish, session_id: finish(session_id, photos_of_a()[1], enough=False), id="failed"
        ),
        pytest.param(
            lambda finish, session_id: finish(session_id, photos_of_a()[1], confidence=1.0), id="not live"
        ),
    ],
)
def test_anothers_session_is_unknown_in_any_state(
    http: Http, door: Kiosk, gate: Kiosk, finish: Finish, anh: str, ending: Ending
) -> None:
    theirs = gate.session()
    ending(finish, theirs)
    nobodys = unknown_session()
    for session_id in (theirs, nobodys):
        for answer in (door.get(f"/v1/liveness-sessions/{session_id}"), door.punch(session_id)):
            check_refused(answer, 404, "SessionNotFound")
    for other in (http, http.as_("admin")):  # whatever the role
        assert punch(other, theirs).status_code == 404
    # It was not spent, nor counted against its kiosk, by those who tried.
    assert gate.get(f"/v1/liveness-sessions/{theirs}").json_body["status"] != "used"


def test_anothers_session_that_was_spent_is_unknown_too(
    door: Kiosk, gate: Kiosk, finish: Finish, anh: str
) -> None:
    theirs = finish(gate.session(), photos_of_a()[1])
    assert gate.punch(theirs).status_code == 201
    assert code_of(gate.punch(theirs)) == "SessionUsed"
    assert code_of(door.punch(theirs)) == "SessionNotFound"
    assert door.get(f"/v1/liveness-sessions/{theirs}").status_code == 404


def test_a_session_of_the_open_lab_is_no_kiosks(http: Http, door: Kiosk, finish: Finish, anh: str) -> None:
    theirs = finish(http.as_(None).get("/session").json_body["sessionId"], photos_of_a()[1])
    assert door.punch(theirs).status_code == 404
    assert door.get(f"/v1/liveness-sessions/{theirs}").status_code == 404


def test_the_answer_to_anothers_repeated_request_is_not_given_away(
    http: Http, door: Kiosk, gate: Kiosk
) -> None:
    key = {"Idempotency-Key": "the-same"}
    answers = [
        kiosk._http.post("/v1/liveness-sessions", headers=kiosk._headers | key).json_body
        for kiosk in (gate, door, gate)
    ]
    assert answers[0]["session_id"] == answers[2]["session_id"] != answers[1]["session_id"]


# --- all the rest ---------------------------------------------------------------------------------


def test_a_kiosk_reads_nothing_but_its_sessions(door: Kiosk, anh: str) -> None:
    allowed = set()
    for path, item in DOCUMENT["paths"].items():
        if path.startswith("/v1/") and "get" in item:
            answer = door.get(path.format_map(Ids(anh)))
            if answer.status_code != 403 or code_of(answer) != "RoleNotAllowed":
                allowed.add(path)
    assert allowed == {"/v1/liveness-sessions/{session_id}", "/v1/me"}


class Ids(dict[str, str]):
    """Gives any id in a path."""

    def __init__(self, person_id: str) -> None:
        super().__init__(person_id=person_id, session_id=unknown_session())

    def __missing__(self, name: str) -> str:
        return "x"


def test_in_the_lab_too_a_kiosk_sees_a_first_name_and_no_score(
    http: Http,
    door: Kiosk,
    finish: Finish,
    anh: str,
    lab: Lab,
) -> None:
    lab("on")
    started = door.get("/session").json_body["sessionId"]
    answer = door.get(f"/liveness-result/{finish(started, photos_of_a()[1])}", compareFaceId=anh)
    assert answer.json_body["faceMatch"] == {"found": True, "name": "Ánh", "faceId": None, "allMatches": []}
    assert (answer.json_body["message"], answer.json_body["confidence"]) == ("Welcome Ánh!", None)
    for secret in (anh, "Nguyễn", "HS-0042"):
        assert secret not in answer.body.decode()
    failed = door.get(f"/liveness-result/{finish(door.session(), photos_of_a()[1], confidence=42.5)}")
    assert failed.json_body["isLive"] is False
    assert "42.5" not in failed.body.decode()
    sent = door._http.post("/checkin", photos_of_a()[2], door._headers | {"Content-Type": "image/jpeg"})
    assert (sent.json_body["name"], sent.json_body["similarity"]) == ("Ánh", None)
    for path in ("/list-collections", "/attendance"):
        assert door.get(path).status_code == 403


def test_the_evidence_of_punches_is_for_managers(http: Http, door: Kiosk, finish: Finish, anh: str) -> None:
    door.punch(finish(door.session(), photos_of_a()[1]))
    today = datetime.now(UTC).date()
    days = {"from_": str(today - timedelta(days=1)), "to": str(today + timedelta(days=1))}

    def evidence(role: str, **query: str) -> Any:
        [shown] = http.as_(role).get("/v1/punches", **days, **query).json_body["items"]
        assert shown["device"] == "door"
        return shown["evidence"]

    for query in ({}, {"person_id": anh}):
        assert evidence("viewer", **query) is None
        assert evidence("manager", **query)["similarity"] > 95
        assert evidence("admin", **query)["liveness"] == 99
    sheet = http.as_("viewer").get(f"/v1/attendance/{anh}", **days)
    assert "similarity" not in sheet.body.decode()


def test_a_viewer_sees_no_people_and_no_faces(http: Http, anh: str) -> None:
    viewer = http.as_("viewer")
    for path in ("/v1/people", f"/v1/people/{anh}", f"/v1/people/{anh}/faces", f"/v1/people/{anh}/data"):
        assert viewer.get(path).status_code == 403
    roster = viewer.get("/v1/attendance").body.decode()
    assert NAME in roster
    assert "anh@example.com" not in roster

"""The right of access: everything that is stored about a person."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.conftest import Finish, Http
from tests.support.answers import code_of
from tests.support.builders import add_person, change_settings
from tests.support.faces import enrolled
from tests.support.photos import photos_of_a
from tests.support.punches import create_session, punch
from tests.support.traces import EMAIL, NAME, Someone

Boto = Callable[[str], Any]


def test_everything_that_is_held_is_shown_with_links_to_the_photos(
    http: Http, someone: Someone, boto: Boto
) -> None:
    held = http.get(f"/v1/people/{someone.id}/data").json_body
    assert (held["person"]["name"], held["person"]["email"]) == (NAME, EMAIL)
    assert [consent["text_version"] for consent in held["consents"]] == ["1"]
    assert [face["face_id"] for face in held["faces"]] == someone.face_ids
    assert all("X-Amz-Signature" in face["photo"]["url"] for face in held["faces"])
    assert [leave["kind"] for leave in held["leaves"]] == ["sick"]
    assert len(held["punches"]) == 4
    assert any(one["evidence"] and one["evidence"]["session_id"] for one in held["punches"])
    assert {one["session_id"] for one in held["sessions"]} == set(someone.session_ids)
    assert [one["upload_id"] for one in held["uploads"]] == [someone.upload_id]
    assert held["lock"] == {"failed_punches": 1, "locked_until": None}
    assert held["stored_responses"] == 2
    done = [(one["what"], one["status"]) for one in held["actions"]]
    assert ("POST /v1/people/{person_id}/faces", 201) in done
    assert ("POST /v1/people/{person_id}/verify", None) in done, "it was interrupted"
    assert done[0][0] == "POST /v1/people/{person_id}/verify", "the newest is first"
    assert {one["by"] for one in held["actions"]} == {http.token_id("admin")}
    assert http.get("/v1/audit", person_id=someone.id).json_body["items"][0]["what"].endswith("/data")
    assert http.get("/v1/people/0/data").status_code == 404


def test_actions_about_others_are_not_shown(http: Http) -> None:
    person_id, other = add_person(http, "A"), add_person(http, "B")
    http.call("PATCH", f"/v1/people/{other}", {"group": "x"})
    http.get(f"/v1/people/{person_id}/data")
    held = http.get(f"/v1/people/{person_id}/data").json_body
    assert [one["what"] for one in held["actions"]] == ["GET /v1/people/{person_id}/data", "POST /v1/people"]


def test_a_lock_out_is_shown(http: Http, finish: Finish) -> None:
    change_settings(http, limits={"person_failures": 2}, similarity_threshold=100)
    person_id = add_person(http, "A")
    enrolled(http, person_id, photos_of_a()[0])
    kiosk = http.as_("kiosk")
    for _ in range(2):
        refused = punch(kiosk, finish(create_session(kiosk), photos_of_a()[1]))
        assert code_of(refused) == "NotRecognised"
    lock = http.get(f"/v1/people/{person_id}/data").json_body["lock"]
    assert lock["failed_punches"] == 2
    assert datetime.fromisoformat(lock["locked_until"]) > datetime.now(UTC)

"""The right of access: everything that is stored about a person."""

from collections.abc import Callable
from typing import Any

from tests.conftest import Http
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
    assert http.get("/v1/audit", person_id=someone.id).json_body["items"][0]["what"].endswith("/data")
    assert http.get("/v1/people/0/data").status_code == 404

"""HEAD, which gets what GET would, without the body."""

import re
from typing import Any, Final

import pytest

import app as application
from chalicelib.web.endpoint import declared_routes
from tests.conftest import Http
from tests.support.builders import add_person
from tests.support.faces import enrol
from tests.support.photos import photo_of_c

UNSAFE: Final = {"/session", "/liveness-result", "/liveness-result/{session_id}"}
"""GETs that change something: the lab's front end starts a session and checks in with them."""

OF_ONE_REQUEST: Final = {"X-Request-Id", "Location"}
"""Headers that differ from request to request; a link is signed for a moment."""


def gets() -> list[str]:
    return [path for path, method, _ in declared_routes(application.app) if method == "GET"]


def test_every_GET_has_a_HEAD_but_those_that_change_something() -> None:
    heads = {path for path, methods in application.app.routes.items() if "HEAD" in methods}
    assert heads == set(gets()) - UNSAFE


@pytest.mark.parametrize("path", sorted(set(gets()) - UNSAFE))
@pytest.mark.parametrize("role", ["admin", None])
def test_HEAD_answers_as_GET_does_without_a_body(http: Http, path: str, role: str | None) -> None:
    ids = {"person_id": add_person(http)}
    if "{face_id}" in path:
        ids["face_id"] = enrol(http, ids["person_id"], photo_of_c()).json_body["face_id"]
    if "{session_id}" in path:
        ids["session_id"] = http.post("/v1/liveness-sessions").json_body["session_id"]
    if "{date}" in path:
        ids["date"] = "2026-09-02"
        assert http.call("PUT", f"/v1/holidays/{ids['date']}", {"name": "Quốc khánh"}).status_code == 200
    ids["begins"] = "first"
    url = re.sub(r"{(\w+)}", lambda found: ids[found[1]], path)
    query: dict[str, Any] = {"/v1/timesheets/monthly": {"month": "2026-11"}}.get(path, {})
    if path in ("/v1/timesheets", "/v1/attendance/{person_id}", "/v1/holidays"):
        query = {"from_": "2026-11-02", "to": "2026-11-08"}
    caller = http.as_(role)
    shown, head = caller.call("GET", url, **query), caller.call("HEAD", url, **query)
    assert head.status_code == shown.status_code
    assert head.body == b""
    assert shown.body or shown.status_code == 303
    assert {*head.headers} == {*shown.headers}
    changing = OF_ONE_REQUEST | ({"ETag"} if shown.status_code == 200 else set())
    for name in {*shown.headers} - changing:
        assert head.headers[name] == shown.headers[name], name


def test_HEAD_has_the_ETag_of_GET_and_a_304(http: Http) -> None:
    path = f"/v1/people/{add_person(http)}"
    etag = http.get(path).headers["ETag"]
    assert http.call("HEAD", path).headers["ETag"] == etag
    assert http.call("HEAD", path, headers={"If-None-Match": etag}).status_code == 304


def test_HEAD_is_no_method_of_what_is_no_GET(http: Http) -> None:
    for path in (*UNSAFE, "/v1/identify"):
        assert http.call("HEAD", path.replace("{session_id}", "x")).status_code == 405


def test_HEAD_is_audited_as_GET_because_it_shows_that_a_person_exists(http: Http) -> None:
    path = f"/v1/people/{add_person(http)}"
    http.as_("manager").call("HEAD", path)
    [entry] = [
        entry
        for entry in http.get("/v1/audit").json_body["items"]
        if entry["what"] == "GET /v1/people/{person_id}"
    ]
    assert (entry["by"], entry["status"]) == (http.token_id("manager"), 200)


def test_an_error_of_the_framework_has_no_body_either(http: Http) -> None:
    answer = http.call("HEAD", "/v1/people", b"x", {"Content-Type": "text/html"})
    assert (answer.status_code, answer.body) == (415, b"")

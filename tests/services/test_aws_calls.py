"""How many calls to AWS each main route makes: the price and the speed of a request."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from chalice.test import HTTPResponse
from msgspec.structs import replace

from chalicelib import wiring
from tests.conftest import CONSENT, Finish, Http
from tests.support.builders import add_person, stamped
from tests.support.faces import JPEG
from tests.support.photos import photos_of_a

DAYS = {"from_": "2026-08-10", "to": "2026-08-11"}

CALLS = {
    "GET /health": 0,
    "POST /v1/people": 5,
    "GET /v1/people": 6,
    "GET /v1/people/{person_id}": 3,
    "PATCH /v1/people/{person_id}": 6,
    "POST /v1/people/{person_id}/faces": 13,
    "GET /v1/people/{person_id}/faces": 3,
    "POST /v1/identify": 9,
    "POST /v1/people/{person_id}/verify": 8,
    "POST /v1/liveness-sessions": 5,
    "GET /v1/liveness-sessions/{session_id}": 2,
    "POST /v1/punches": 5,
    "POST /v1/punches/manual": 7,
    "GET /v1/attendance": 11,
    "GET /v1/attendance/{person_id}": 5,
    "GET /v1/timesheets": 8,
    "GET /v1/settings": 1,
}
"""Once the caller's token is in memory. Mutations by managers and admins read it again and are audited before
and after: 3 calls. Reads of people's data are audited once. People and work days are read from four
shards."""

Measure = Callable[[Callable[[], HTTPResponse]], dict[str, Any]]


@pytest.fixture
def measured(http: Http, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Measure:
    """Gives the line that the log has of a request."""
    loud = replace(wiring.environment(), log="json")
    monkeypatch.setattr(wiring, "environment", lambda: loud)

    def measured(call: Callable[[], HTTPResponse]) -> dict[str, Any]:
        capsys.readouterr()
        answer = call()
        assert answer.status_code < 300, answer.json_body
        [line] = capsys.readouterr().out.splitlines()
        found: dict[str, Any] = json.loads(line)
        return found

    return measured


def test_the_calls_of_each_main_route(http: Http, finish: Finish, measured: Measure) -> None:
    first, second, third = photos_of_a()
    kiosk = http.as_("kiosk")
    for caller in (http, kiosk):  # each token is read once and its use noted
        caller.get("/v1/settings")
    person_id, other = add_person(http), add_person(http)
    path = f"/v1/people/{person_id}"
    http.post(f"{path}/faces", first, JPEG)
    session_id = kiosk.post("/v1/liveness-sessions").json_body["session_id"]
    finished = finish(kiosk.post("/v1/liveness-sessions").json_body["session_id"], third)
    stamped(http, other, "2026-08-11T01:00:00Z")
    punch = {"person_id": other, "at": "2026-08-11T02:00:00Z", "reason": "forgot the badge"}
    requests = [
        lambda: http.get("/health"),
        lambda: http.post("/v1/people", {"name": "A", "consent": CONSENT}),
        lambda: http.get("/v1/people"),
        lambda: http.get(path),
        lambda: http.call("PATCH", path, {"group": "g"}),
        lambda: http.post(f"{path}/faces", second, JPEG),
        lambda: http.get(f"{path}/faces"),
        lambda: http.post("/v1/identify", third, JPEG),
        lambda: http.post(f"{path}/verify", third, JPEG),
        lambda: kiosk.post("/v1/liveness-sessions"),
        lambda: kiosk.get(f"/v1/liveness-sessions/{session_id}"),
        lambda: kiosk.post("/v1/punches", {"liveness_session_id": finished}),
        lambda: http.post("/v1/punches/manual", punch),
        lambda: http.get("/v1/attendance", date_="2026-08-11"),
        lambda: http.get(f"/v1/attendance/{person_id}", **DAYS),
        lambda: http.get("/v1/timesheets", **DAYS),
        lambda: http.get("/v1/settings"),
    ]
    lines = [measured(request) for request in requests]
    assert {line["route"]: line["aws_calls"] for line in lines} == CALLS

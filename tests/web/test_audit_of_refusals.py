"""Refusals by a limit in the audit: one entry a minute for the same, and each other one gets its own."""

import pytest

from tests.conftest import Clock, Finish, Http, Lab
from tests.support.answers import code_of
from tests.support.builders import Json, change_settings
from tests.support.kiosk import Kiosk
from tests.support.photos import photo_of_b


@pytest.fixture
def door(http: Http, clock: Clock) -> Kiosk:
    return Kiosk(http, "door")


def refusals(http: Http) -> list[tuple[str, str, int]]:
    """Give what limits refused, oldest first."""
    entries: list[Json] = http.get("/v1/audit", limit=100).json_body["items"]
    return [
        (entry["what"], entry["code"], entry["status"])
        for entry in reversed(entries)
        if entry["status"] == 429
    ]


SESSIONS = ("POST /v1/liveness-sessions", "TooManyRequests", 429)
LOCKED = ("POST /v1/punches", "LockedOut", 429)


def test_TooManyRequests_and_LockedOut_of_one_kiosk_in_one_minute_are_two_entries(
    http: Http, clock: Clock, door: Kiosk, finish: Finish
) -> None:
    change_settings(http, limits={"sessions_per_minute": 2, "kiosk_failures": 1})
    first, second = finish(door.session(), photo_of_b()), finish(door.session(), photo_of_b())
    assert code_of(door.punch(first)) == "NotRecognised"
    for _ in range(3):
        assert code_of(door.post("/v1/liveness-sessions")) == "TooManyRequests"
        assert code_of(door.punch(second)) == "LockedOut"
        clock.forward(seconds=1)
    assert sorted(refusals(http)) == sorted([SESSIONS, LOCKED])


def test_TooManyRequests_at_two_routes_in_one_minute_is_two_entries(
    http: Http, clock: Clock, door: Kiosk, lab: Lab
) -> None:
    lab("on")
    change_settings(http, limits={"sessions_per_minute": 1})
    door.session()
    for _ in range(3):
        assert door.post("/v1/liveness-sessions").status_code == 429
        assert door.get("/session").status_code == 429
        clock.forward(seconds=1)
    assert sorted(refusals(http)) == sorted([SESSIONS, ("GET /session", "TooManyRequests", 429)])


def test_TooManyRequests_of_two_kiosks_in_one_minute_is_two_entries(
    http: Http, clock: Clock, door: Kiosk
) -> None:
    change_settings(http, limits={"sessions_per_minute": 1})
    gate = Kiosk(http, "gate")
    for _ in range(3):
        door.post("/v1/liveness-sessions")
        gate.post("/v1/liveness-sessions")
    assert refusals(http) == [SESSIONS] * 2


def test_the_same_refusal_a_minute_later_is_another_entry(http: Http, clock: Clock, door: Kiosk) -> None:
    change_settings(http, limits={"sessions_per_minute": 1})
    for _ in range(3):
        for _ in range(3):
            door.post("/v1/liveness-sessions")
        clock.forward(minutes=1)
    assert refusals(http) == [SESSIONS] * 3

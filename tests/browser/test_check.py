"""AWS's own component, from the start to the punch and to every other end: what the visitor reads."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Route

from tests.browser.camera import Camera, Person, Reel
from tests.browser.conftest import NAME, attempts
from tests.browser.servers import Rollcall
from tests.browser.visit import CLOSER, Desk

TRIES = 4
NOT_LIVE = "We could not confirm that you are really here"
AGAIN = {NOT_LIVE, "The video was not good enough", "That took too long"}
"""After these a visitor tries again; a loaded machine can lose the frames that a check needs."""


@pytest.fixture(scope="module", autouse=True)
def forgotten(browser: Browser, page_url: str, light: Rollcall) -> Iterator[tuple[Desk, str]]:
    """A page that was opened and started before all other tests, and left; the session's id."""
    with Desk(browser, page_url, light) as desk:
        with desk.open().page.expect_response("**/v1/liveness-sessions") as answer:
            desk.press("Start")
        yield desk, answer.value.json()["session_id"]


def reach(title: str, desk: Desk, reel: Reel, scenario: str, *, start: str = "Start") -> list[str]:
    """Let somebody try, as visitors do, until the page says this; gives all that it says then."""
    said: list[str] = []
    for _ in range(TRIES):
        said = desk.check(Person(reel), start=start)
        attempts.setdefault(scenario, []).append(f"{said[0]} ({desk.reason()})")
        if said[0] == title or said[0] not in AGAIN:
            break
        start = said[-1]
    assert said[0] == title, attempts[scenario]
    return said


def punches(server: Rollcall) -> list[dict[str, Any]]:
    today = datetime.now(UTC).date()
    days = f"from={today - timedelta(days=1)}&to={today + timedelta(days=1)}"
    found: list[dict[str, Any]] = server.call("GET", f"/v1/punches?{days}", "manager")["items"]
    return found


def test_light_challenge_to_the_punch(desk: Desk, visitor: Reel) -> None:
    before = len(punches(desk.server))
    _, text, button = reach(f"Welcome, {NAME}", desk.open(), visitor, "light")
    made = punches(desk.server)
    at = datetime.fromisoformat(made[-1]["at"])
    assert button == "Next person"
    assert text == f"You checked in at {at:%H:%M}."
    assert len(made) == before + 1
    assert made[-1]["evidence"]["session_id"] == desk.sessions[-1]


def test_movement_challenge_to_the_punch(
    browser: Browser, page_url: str, movement: Rollcall, camera: Camera, visitor: Reel
) -> None:
    with Desk(browser, page_url, movement, camera) as desk:
        _, text, _ = reach(f"Welcome, {NAME}", desk.open(), visitor, "movement")
    assert text.startswith("You checked in at ")
    (made,) = punches(movement)
    assert made["evidence"]["session_id"] == desk.sessions[-1]


def test_a_photo_is_refused_and_a_new_session_lets_the_person_in(
    desk: Desk, visitor: Reel, sheet: Reel
) -> None:
    before = len(punches(desk.server))
    _, text, button = reach(NOT_LIVE, desk.open(), sheet, "photo")
    assert text.startswith("Be alone in the picture")
    assert len(punches(desk.server)) == before
    reach(f"Welcome, {NAME}", desk, visitor, "after a photo", start=button)
    assert len(punches(desk.server)) == before + 1
    assert len(set(desk.sessions)) == len(desk.sessions) >= 2


def test_a_film_that_does_not_reflect_the_screen_is_refused(desk: Desk, visitor: Reel) -> None:
    """It differs from who is let in above by the screen's light alone.

    A face that reflects nothing may be in too bright a room: it may be told to try again, but is not let in.
    """
    before = len(punches(desk.server))
    desk.open()
    start = "Start"
    for _ in range(2):
        said = desk.check(Person(Reel(visitor.dark, visitor.dark)), start=start)
        attempts.setdefault("film", []).append(f"{said[0]} ({desk.reason()})")
        assert said[0] in {NOT_LIVE, *AGAIN}
        start = said[-1]
    assert len(punches(desk.server)) == before


def test_a_stranger_is_not_recognised(
    browser: Browser, page_url: str, movement: Rollcall, camera: Camera, stranger: Reel
) -> None:
    before = len(punches(movement))
    with Desk(browser, page_url, movement, camera) as desk:
        _, text, button = reach("We do not recognise you", desk.open(), stranger, "stranger")
    assert button == "Try again"
    assert "enrolment" in text
    assert len(punches(movement)) == before


def test_two_people_are_told_to_be_alone(desk: Desk, two: Reel) -> None:
    before = len(punches(desk.server))
    _, text, _ = reach(NOT_LIVE, desk.open(), two, "two people")
    assert text.startswith("Be alone in the picture")
    assert len(punches(desk.server)) == before


def test_who_does_not_move_runs_out_of_time(desk: Desk, visitor: Reel) -> None:
    title, text, button = desk.open().check(Person(visitor, listens=False))
    assert (title, button) == ("That took too long", "Try again")
    assert "fills the oval" in text


@pytest.mark.parametrize(
    ("language", "start", "begin", "cancel", "title", "again"),
    [
        ("en", "Start", "Start video check", "Cancel Liveness check", "You stopped the check", "Try again"),
        ("vi", "Bắt đầu", "Bắt đầu quay", "Hủy", "Bạn đã dừng kiểm tra", "Thử lại"),
    ],
)
def test_a_check_can_be_stopped(
    browser: Browser,
    page_url: str,
    light: Rollcall,
    camera: Camera,
    visitor: Reel,
    language: str,
    start: str,
    begin: str,
    cancel: str,
    title: str,
    again: str,
) -> None:
    with Desk(browser, page_url, light, camera, language=language) as desk:
        desk.open().sit(Person(visitor, listens=False))
        desk.press(start)
        desk.press(begin)
        desk.page.get_by_text(CLOSER[language == "vi"]).first.wait_for(timeout=60_000)
        desk.press(cancel)
        said = desk.outcome()
        assert (said[0], said[-1]) == (title, again)
        desk.press(again)  # a new session begins
        desk.page.get_by_role("button", name=begin).wait_for(timeout=60_000)


def test_without_a_camera(blind_browser: Browser, page_url: str, light: Rollcall) -> None:
    with Desk(blind_browser, page_url, light) as desk:
        desk.open().press("Start")
        assert desk.outcome() == ["There is no camera", "Connect one, and try again.", "Try again"]


def test_a_camera_that_is_not_allowed(browser: Browser, page_url: str, light: Rollcall) -> None:
    with Desk(browser, page_url, light, permissions=()) as desk:
        desk.open().press("Start")
        title, text, _ = desk.outcome()
    assert title == "The camera is not allowed"
    assert "browser's settings" in text


def test_a_token_that_is_not_valid(desk: Desk) -> None:
    desk.open("rc_wrong").press("Start")
    title, text, button = desk.outcome()
    assert (title, button) == ("This camera may not check people in", "Try again")
    assert text == "Please tell the reception: its token is missing, wrong or revoked."


def test_a_page_for_another_region(desk: Desk) -> None:
    def elsewhere(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "region": "eu-west-1"})

    desk.page.route("**/v1/liveness-sessions", elsewhere)
    desk.open().press("Start")
    title, text, _ = desk.outcome()
    assert title == "This camera page is set up for the wrong region"
    assert "region" in text


@pytest.mark.parametrize(("minutes", "said"), [(10, "10 minutes fast"), (-10, "10 minutes slow")])
def test_a_wrong_clock_is_told_before_the_check(desk: Desk, minutes: int, said: str) -> None:
    desk.page.clock.set_system_time(datetime.now(UTC) + timedelta(minutes=minutes))
    desk.open().press("Start")
    title, text, _ = desk.outcome()
    assert title == f"This device's clock is {said}"
    assert text == "Set it right, and try again."
    assert desk.sessions == []


def test_a_visitor_who_waited_too_long_starts_again(forgotten: tuple[Desk, str]) -> None:
    """The session really is three minutes old: all tests above ran meanwhile, and the rest is waited for."""
    desk, session_id = forgotten
    while desk.server.call("GET", f"/v1/liveness-sessions/{session_id}", "kiosk")["status"] != "expired":
        desk.page.wait_for_timeout(1000)
    title, text, button = desk.outcome()
    assert title == "You waited too long"
    assert "within three minutes" in text
    desk.press(button)
    desk.page.get_by_role("button", name="Start video check").wait_for(timeout=60_000)
    assert desk.sessions[0] == session_id != desk.sessions[-1]


def test_a_server_that_dies(
    browser: Browser, page_url: str, movement: Rollcall, camera: Camera, visitor: Reel
) -> None:
    with Desk(browser, page_url, movement, camera) as desk:
        desk.open().sit(Person(visitor, listens=False))
        desk.press("Start")
        desk.press("Start video check")
        desk.page.get_by_text(CLOSER[0]).first.wait_for(timeout=60_000)
        movement.kill()
        title, text, button = desk.outcome()
        assert title == "Something went wrong on our side"
        assert "try again in a moment" in text
        desk.press(button)
        assert desk.outcome()[0] == "The server cannot be reached"

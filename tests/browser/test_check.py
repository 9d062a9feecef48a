"""AWS's own component, from the start to the punch and to every other end: what the visitor reads."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Route

from tests.browser.camera import Camera, Person, Reel
from tests.browser.conftest import NAME
from tests.browser.servers import Rollcall
from tests.browser.visit import AGAIN, CLOSER, Desk

NOT_LIVE = "We could not confirm that you are really here"


def test_light_challenge_to_the_punch(desk: Desk, visitor: Reel) -> None:
    before = len(desk.server.punches())
    _, text, button = desk.open().reach(f"Welcome, {NAME}", visitor, "light")
    made = desk.server.punches()
    at = datetime.fromisoformat(made[-1]["at"])
    assert button == "Next person"
    assert text in {f"You checked {way} at {at:%H:%M}." for way in ("in", "out")}
    assert len(made) == before + 1
    assert made[-1]["evidence"]["session_id"] == desk.sessions[-1]


def test_movement_challenge_to_the_punch(short: Desk, visitor: Reel) -> None:
    before = len(short.server.punches())
    _, text, _ = short.open().reach(f"Welcome, {NAME}", visitor, "movement")
    assert text.startswith("You checked ")
    made = short.server.punches()
    assert len(made) == before + 1
    assert made[-1]["evidence"]["session_id"] == short.sessions[-1]


def test_a_photo_is_refused_and_a_new_session_lets_the_person_in(
    desk: Desk, visitor: Reel, sheet: Reel
) -> None:
    before = len(desk.server.punches())
    _, text, button = desk.open().reach(NOT_LIVE, sheet, "photo")
    assert text.startswith("Be alone in the picture")
    assert len(desk.server.punches()) == before
    desk.reach(f"Welcome, {NAME}", visitor, "after a photo", start=button)
    assert len(desk.server.punches()) == before + 1
    assert len(set(desk.sessions)) == len(desk.sessions) >= 2


def test_a_film_that_does_not_reflect_the_screen_is_refused(desk: Desk, visitor: Reel) -> None:
    """It differs from who is let in above by the screen's light alone.

    A face that reflects nothing may be in too bright a room: it may be told to try again, but is not let in.
    """
    before = len(desk.server.punches())
    desk.open()
    start = "Start"
    for _ in range(2):
        said = desk.attempt(Reel(visitor.dark, visitor.dark), "film", start=start)
        assert said[0] in AGAIN["en"]
        start = said[-1]
    assert len(desk.server.punches()) == before


def test_a_stranger_is_not_recognised(short: Desk, stranger: Reel) -> None:
    before = len(short.server.punches())
    _, text, button = short.open().reach("We do not recognise you", stranger, "stranger")
    assert button == "Try again"
    assert "enrolment" in text
    assert len(short.server.punches()) == before


def test_two_people_are_told_to_be_alone(desk: Desk, two: Reel) -> None:
    before = len(desk.server.punches())
    _, text, _ = desk.open().reach(NOT_LIVE, two, "two people")
    assert text.startswith("Be alone in the picture")
    assert len(desk.server.punches()) == before


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
        desk.page.get_by_text(CLOSER[language]).first.wait_for(timeout=60_000)
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


def test_a_server_that_dies(short: Desk, visitor: Reel) -> None:
    short.open().sit(Person(visitor, listens=False))
    short.press("Start")
    short.press("Start video check")
    short.page.get_by_text(CLOSER["en"]).first.wait_for(timeout=60_000)
    short.server.kill()
    title, text, button = short.outcome()
    assert title == "Something went wrong on our side"
    assert "try again in a moment" in text
    short.press(button)
    assert short.outcome()[0] == "The server cannot be reached"

"""What the API answers at a camera, as the visitor reads it: what to do next, and nothing of anybody else."""

import json
import time
from datetime import datetime
from typing import Any
from urllib.error import HTTPError

import pytest
from playwright.sync_api import Route

from tests.browser.camera import Reel
from tests.browser.conftest import NAME
from tests.browser.servers import ANSWER_S, Rollcall, leave
from tests.browser.visit import Desk
from tests.browser.words import CALLS, CODES, WORDS, problems, refusal
from tests.support.photos import photo_of_c, turned

SESSIONS, PUNCHES = CALLS
GATEWAY = {429: "TooManyRequests", 503: "Busy", 504: "Busy", 403: "NoAccess", 502: "Failed"}
"""What API Gateway answers itself has no Code; its own words are not shown."""


def test_in_vietnamese_from_the_start_to_the_welcome(desk: Desk, visitor: Reel) -> None:
    """Switched by the page's own button; from then on only Vietnamese words are read."""
    words = WORDS["vi"]
    desk.open().press(words["language"])
    desk.language, desk.read = "vi", set()
    title, text, button = desk.reach(f"Xin chào, {NAME}", visitor, "in Vietnamese")
    at = datetime.fromisoformat(desk.server.punches()[-1]["at"])
    assert text in {f"Đã ghi giờ {way} lúc {at:%H:%M}." for way in ("vào", "ra")}
    assert button == "Người tiếp theo"
    flat = [value for value in words.values() if isinstance(value, str)]
    known = {*flat, *words["component"].values(), WORDS["en"]["language"], title, text}
    known |= {line for said in words["outcomes"].values() for line in said}
    assert desk.read <= known


def test_who_checks_in_twice_is_told_of_the_first_time(short: Desk, visitor: Reel) -> None:
    _, first, button = short.open().reach(f"Welcome, {NAME}", visitor, "once")
    before = short.server.punches()
    with short.server.changed(duplicate_window_s=3600):
        _, text, _ = short.reach(f"Hello again, {NAME}", visitor, "once more", start=button)
    way, at = first.removeprefix("You checked ").rstrip(".").split(" at ")
    assert text == f"You already checked {way} at {at}; nothing new was recorded."
    assert short.server.punches() == before


def test_who_looks_like_two_people_is_not_told_so(short: Desk, visitor: Reel) -> None:
    """One photo is enrolled for two people, by a site that takes only 100 % for the same."""
    server = short.server
    with server.changed(similarity_threshold=100):
        server.enrol("Twin", turned(photo_of_c(), 4))
    [twin] = server.call("GET", "/v1/people?q=Twin", "manager")["items"]
    try:
        before = server.punches()
        _, text, button = short.open().reach("We are not sure who you are", visitor, "twins")
        assert text == "Please try again in better light, or ask the reception to enter your check-in."
        assert button == "Try again"
        assert server.punches() == before
        assert not [line for line in short.read if "Twin" in line or NAME in line]
    finally:
        server.call("DELETE", f"/v1/people/{twin['person_id']}", "manager")


def test_a_camera_with_too_many_failures_is_locked_also_for_who_is_enrolled(
    short: Desk, visitor: Reel
) -> None:
    """The failures are of checks that were broken off and then sent in, by the API."""
    server = short.server
    server.new_kiosk("locked")
    with server.changed({"kiosk_failures": 3, "kiosk_window_s": 3600, "kiosk_lock_s": 300}):
        for _ in range(3):
            session = server.call("POST", SESSIONS, "locked")
            leave(server.run, session)
            body = {"liveness_session_id": session["session_id"]}
            until_refused(server, "NotLive", PUNCHES, "locked", body)
        before = server.punches()
        short.open(server.token("locked"))
        _, text, button = short.reach("Too many attempts failed", visitor, "locked out")
    assert text == "Please wait 5 minutes, or ask the reception to enter your check-in."
    assert button == "Try again"
    assert server.punches() == before


def until_refused(server: Rollcall, code: str, path: str, kiosk: str, body: Any = None) -> int:
    """Post again and again until it is refused with this code; gives how many seconds to wait (or 0)."""
    until = time.monotonic() + ANSWER_S
    while time.monotonic() < until:
        try:
            server.call("POST", path, kiosk, body)
        except HTTPError as error:
            with error:
                if json.load(error)["Code"] == code:
                    return int(error.headers.get("Retry-After", 0))
        time.sleep(0.05)
    raise AssertionError(code)


def test_a_camera_that_asks_too_often_is_told_how_long_to_wait(short: Desk) -> None:
    """Counted by the minutes of the clock, so it is asked until the rest of one is long enough to read."""
    server = short.server
    server.new_kiosk("eager")
    with server.changed({"sessions_per_minute": 2}):
        while (wait_s := until_refused(server, "TooManyRequests", SESSIONS, "eager")) < 10:
            time.sleep(wait_s)
        short.open(server.token("eager")).press("Start")
        title, text, button = short.outcome()
    assert (title, button) == ("This camera is very busy", "Try again")
    assert text in {f"Please wait {left} seconds, and try again." for left in range(2, wait_s + 1)}
    assert short.sessions == []


def test_who_was_not_answered_asks_again_and_is_checked_in_once(short: Desk, visitor: Reel) -> None:
    """The server's real answer is lost on its way; then Playwright says Busy, in the server's own shape."""
    busy = problems()["Busy"]
    troubles = ["lost", "busy"]
    keys: list[str] = []

    def answer(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        match troubles:
            case ["lost", *_]:
                real = route.fetch()
                if real.status != 201:  # a check that must be repeated, as any other
                    route.fulfill(response=real)
                    return
                route.abort("connectionreset")
            case ["busy"]:
                route.fulfill(**refusal(busy.status, busy.body, 1))
            case _:
                route.continue_()
        del troubles[:1]

    before = len(short.server.punches())
    short.page.route(f"**{PUNCHES}", answer)
    _, _, button = short.open().reach("The server cannot be reached", visitor, "not answered")
    short.press(button)
    short.page.get_by_role("heading", name="Our service is busy").wait_for()
    _, text, button = short.outcome()
    assert text == "Please wait 1 second, and try again."
    short.press(button)
    short.page.get_by_role("heading", name=f"Welcome, {NAME}").wait_for()
    assert len(short.server.punches()) == before + 1
    assert keys[-3:] == [short.sessions[-1]] * 3


def test_a_check_that_somebody_else_has_sent_in_is_used(short: Desk, visitor: Reel) -> None:
    """Whoever has the camera's token sends it in a moment before the page does."""

    def answer(route: Route) -> None:
        short.server.call("POST", PUNCHES, "kiosk", route.request.post_data_json)
        route.continue_()

    short.page.route(f"**{PUNCHES}", answer)
    _, text, button = short.open().reach("This check was used already", visitor, "used already")
    assert "Ask the reception whether your check-in was recorded" in text
    started = len(short.sessions)
    short.press(button)  # a new session begins
    short.page.get_by_role("button", name="Start video check").wait_for(timeout=60_000)
    assert len(short.sessions) == started + 1


@pytest.mark.parametrize("language", WORDS)
def test_every_refusal_is_told_in_the_pages_own_words(desk: Desk, language: str) -> None:
    """Playwright answers in the server's place, with the examples of docs/openapi.json and as API Gateway."""
    answers = [(CODES[code], refusal(said.status, said.body, 20)) for code, said in problems().items()]
    answers += [(code, refusal(status, {"message": "Gateway"})) for status, code in GATEWAY.items()]
    sent: dict[str, Any] = {}
    desk.page.route(f"**{SESSIONS}", lambda route: route.fulfill(**sent))
    desk.language = language
    desk.open()
    button = WORDS[language]["start"]
    for code, answer in answers:
        sent.update(answer)
        desk.press(button)
        wait = str(20 if "Retry-After" in answer["headers"] else 10)
        wait += {"en": " seconds", "vi": " giây"}[language]
        title, text = (line.format(wait=wait) for line in WORDS[language]["outcomes"][code])
        desk.page.get_by_role("heading", name=title, exact=True).wait_for()
        button = WORDS[language]["again"]
        assert desk.outcome() == [title, text, button]

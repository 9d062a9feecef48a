"""One visit to the camera page: what the visitor does, and what they read."""

import base64
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import cv2
import numpy as np
from playwright.sync_api import (
    Browser,
    BrowserContext,
    CDPSession,
    Page,
    Request,
    TimeoutError,
    ViewportSize,
    WebSocket,
)

from tests.browser.camera import Camera, Person, Reel
from tests.browser.servers import Rollcall
from tests.browser.words import WORDS

BEGIN = {"en": "Start video check", "vi": WORDS["vi"]["component"]["startScreenBeginCheckText"]}
CLOSER = {"en": "Move closer", "vi": WORDS["vi"]["component"]["hintTooFarText"]}
TRIES = 4
AGAIN = {
    language: {words["outcomes"][code][0] for code in ("NotLive", "PoorVideo", "TimedOut")}
    for language, words in WORDS.items()
}
"""After these a visitor tries again; a loaded machine can lose the frames that a check needs."""
PRESS_S, PATIENCE_S = 60.0, 120.0
"""Only to end a test that hangs; what the page's own limits are, the page must say."""


attempts: dict[str, list[str]] = {}
"""What came of each session of those who may try again, by scenario."""


class Desk(AbstractContextManager["Desk"]):
    """A browser's window with the camera page in it.

    Whatever happens in it, no request may leave this machine.
    """

    def __init__(
        self,
        browser: Browser,
        url: str,
        server: Rollcall,
        camera: Camera | None = None,
        *,
        permissions: Iterable[str] = ("camera",),
        language: str = "en",
    ) -> None:
        self.server = server
        self._camera = camera
        self._url = url
        self.language = language
        self.hosts: set[str | None] = set()
        self.sessions: list[str] = []
        """Those whose video was streamed, in order."""
        self.read: set[str] = set()
        """Every line that was on the page when it was looked at."""
        self.context: BrowserContext = browser.new_context(
            viewport=ViewportSize(width=640, height=760), permissions=list(permissions)
        )
        self.page: Page = self.context.new_page()
        self._devtools: CDPSession | None = None
        self.page.on("request", self._note)
        self.page.on("websocket", self._note_stream)

    def __exit__(self, *error: object) -> None:
        if self._devtools:
            self._devtools.send("Page.stopScreencast")
        self.context.close()
        assert self.hosts <= {"127.0.0.1"}

    def open(self, token: str | None = None) -> "Desk":
        """Load the page, with the kiosk's token or another."""
        token = self.server.token("kiosk") if token is None else token
        fragment = f"api={quote(self.server.url)}&token={token}&language={self.language}"
        self.page.goto(f"{self._url}#{fragment}")
        if self._camera:
            self._look()
        return self

    def press(self, label: str) -> None:
        """Press a button of the page or of AWS's component, once it is there."""
        button = self.page.get_by_role("button", name=label, exact=True)
        try:
            button.wait_for(timeout=PRESS_S * 1000)
        except TimeoutError:
            raise AssertionError(f"no button {label!r}; the page says: {self.said()}") from None
        self.said()
        button.click()

    def sit(self, person: Person) -> None:
        """Let somebody sit down before the camera."""
        assert self._camera
        person.sit_back()
        self._camera.face(person)

    def check(self, person: Person, *, start: str | None = None) -> list[str]:
        """Sit down, start, do as the page says; gives what it says in the end: title, text, button."""
        self.sit(person)
        self.press(start or WORDS[self.language]["start"])
        self.press(BEGIN[self.language])
        return self.outcome(person)

    def attempt(self, reel: Reel, scenario: str, *, start: str | None = None) -> list[str]:
        """Check as `check` does, and note what came of it for the end of the run."""
        said = self.check(Person(reel), start=start)
        attempts.setdefault(scenario, []).append(f"{said[0]} ({self.reason()})")
        return said

    def reach(self, title: str, reel: Reel, scenario: str, *, start: str | None = None) -> list[str]:
        """Let somebody try, as visitors do, until the page says this; gives all that it says then."""
        said = self.attempt(reel, scenario, start=start)
        for _ in range(TRIES - 1):
            if said[0] == title or said[0] not in AGAIN[self.language]:
                break
            said = self.attempt(reel, scenario, start=said[-1])
        assert said[0] == title, attempts[scenario]
        return said

    def outcome(self, person: Person | None = None) -> list[str]:
        """Wait for the end, doing meanwhile as the page says."""
        until = time.monotonic() + PATIENCE_S
        ended = self.page.locator("section.good, section.bad")
        while time.monotonic() < until:
            said = self.said()
            if ended.count():
                return [line for line in ended.inner_text().splitlines() if line]
            if person and CLOSER[self.language] in said:
                person.come_closer()
            self.page.wait_for_timeout(50)
        raise AssertionError(f"the page still says: {self.said()}\n{self.server.log()}")

    def reason(self) -> str:
        """What the server noted of the last session."""
        ended = [line for line in self.server.log().splitlines() if self.sessions[-1] in line]
        return ended[-1].partition(": ")[2] if ended else "no reason noted"

    def said(self) -> str:
        """All the text on the page."""
        text = str(self.page.locator("main").inner_text())
        self.read |= {line.strip() for line in text.splitlines() if line.strip()}
        return text

    def _note_stream(self, socket: WebSocket) -> None:
        url = urlsplit(socket.url)
        self.hosts.add(url.hostname)
        self.sessions += parse_qs(url.query)["session-id"]

    def _note(self, request: Request) -> None:
        if not request.url.startswith(("data:", "blob:")):
            self.hosts.add(urlsplit(request.url).hostname)

    def _look(self) -> None:
        """Let the camera see the light of the screen: its mean colour, whenever it changes."""
        devtools = self._devtools = self.context.new_cdp_session(self.page)

        def seen(frame: dict[str, Any]) -> None:
            devtools.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})
            data = np.frombuffer(base64.b64decode(frame["data"]), np.uint8)
            picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
            assert self._camera
            assert picture is not None
            blue, green, red = picture.reshape(-1, 3).mean(axis=0)
            self._camera.screen = (round(red), round(green), round(blue))

        devtools.on("Page.screencastFrame", seen)
        small = {"format": "jpeg", "quality": 60, "maxWidth": 64, "maxHeight": 76, "everyNthFrame": 2}
        devtools.send("Page.startScreencast", small)

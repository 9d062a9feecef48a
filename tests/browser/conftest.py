"""Two runs of Rollcall (one a challenge), the page, a browser with a camera, and one without."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.browser import chromium
from tests.browser.camera import Camera, Reel, person, two_people
from tests.browser.servers import PageServer, Rollcall
from tests.browser.visit import Desk, attempts
from tests.support.photos import photo_of_b, photo_of_c

NAME = "Visitor"


@pytest.fixture(scope="session")
def pages() -> Iterator[PageServer]:
    server = PageServer()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def light(pages: PageServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rollcall]:
    """Asks for the movement and light challenge, as by default."""
    yield from _served(pages, tmp_path_factory.mktemp("light"))


@pytest.fixture(scope="session")
def movement(pages: PageServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rollcall]:
    """Asks for the movement challenge. The last of all tests kills it."""
    state = tmp_path_factory.mktemp("movement")
    yield from _served(pages, state, ROLLCALL_CHALLENGE="FaceMovementChallenge")


def _served(pages: PageServer, state: Path, **environment: str) -> Iterator[Rollcall]:
    server = Rollcall(state, ROLLCALL_ORIGIN=pages.origin, **environment)
    try:
        server.enrol(NAME, photo_of_c())
        server.relax()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def page_url(pages: PageServer, light: Rollcall, movement: Rollcall) -> str:
    pages.may_reach([light.url, movement.url, *(each.run["stream_tls_url"] for each in (light, movement))])
    return pages.url


@pytest.fixture(scope="session")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Camera]:
    with Camera(tmp_path_factory.mktemp("film")) as camera:
        yield camera


@pytest.fixture(scope="session")
def visitor() -> Reel:
    return person(photo_of_c())


@pytest.fixture(scope="session")
def sheet() -> Reel:
    return person(photo_of_c(), flat=True)


@pytest.fixture(scope="session")
def stranger() -> Reel:
    return person(photo_of_b())


@pytest.fixture(scope="session")
def two() -> Reel:
    return two_people(photo_of_c(), photo_of_b())


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


def _launched(playwright: Playwright, servers: list[Rollcall], *arguments: str) -> Browser:
    program = chromium.find()
    assert program, "no browser: run make browser"
    return playwright.chromium.launch(
        executable_path=program,
        args=[
            # Nothing outside this machine can be reached, whatever the page or the browser wants.
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            "--ignore-certificate-errors-spki-list=" + ",".join(server.public_key for server in servers),
            "--disable-gpu",
            "--no-sandbox",
            *arguments,
        ],
    )


@pytest.fixture(scope="session")
def browser(playwright: Playwright, light: Rollcall, movement: Rollcall, camera: Camera) -> Iterator[Browser]:
    """A browser whose camera is ours."""
    film = f"--use-file-for-fake-video-capture={camera.path}"
    with _launched(playwright, [light, movement], "--use-fake-device-for-media-stream", film) as browser:
        yield browser


@pytest.fixture(scope="session")
def blind_browser(playwright: Playwright, light: Rollcall) -> Iterator[Browser]:
    """A browser on a machine without a camera."""
    with _launched(playwright, [light], "--use-fake-device-for-media-stream=device-count=0") as browser:
        yield browser


@pytest.fixture(scope="session", autouse=True)
def forgotten(browser: Browser, page_url: str, light: Rollcall) -> Iterator[tuple[Desk, str]]:
    """A page that was opened and started before all other tests, and left; the session's id."""
    with Desk(browser, page_url, light) as desk:
        with desk.open().page.expect_response("**/v1/liveness-sessions") as answer:
            desk.press("Start")
        yield desk, answer.value.json()["session_id"]


@pytest.fixture
def short(browser: Browser, camera: Camera, page_url: str, movement: Rollcall) -> Iterator[Desk]:
    """A camera page of the movement challenge, which takes half the time."""
    with Desk(browser, page_url, movement, camera) as desk:
        yield desk


@pytest.fixture
def desk(browser: Browser, camera: Camera, page_url: str, light: Rollcall) -> Iterator[Desk]:
    """A camera page of the light challenge, allowed to use the camera."""
    with Desk(browser, page_url, light, camera) as desk:
        yield desk


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for scenario, sessions in attempts.items():
        terminalreporter.line(f"{scenario}: {'; then '.join(sessions)}")
    if total := sum(map(len, attempts.values())):
        terminalreporter.line(f"{total - len(attempts)} of {total} sessions had to be repeated")

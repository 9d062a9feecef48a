"""A page of another site, open in the same browser: what it can do at the ports of a laptop's Rollcall."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from local.liveness import signing
from tests.browser.servers import Rollcall

ATTACKS = """async ({http, streams}) => {
    const outcomes = {};
    const attempt = async (name, act) => {
        try { outcomes[name] = await act(); } catch (error) { outcomes[name] = String(error.name || error); }
    };
    for (const [name, url] of http) {
        await attempt(`read ${name}`, async () => (await fetch(url)).status);
        await attempt(`post ${name}`, async () => (await fetch(url, {method: "POST", body: "{}"})).status);
        await attempt(`image ${name}`, () => new Promise((resolve) => {
            const image = new Image();
            image.onload = () => resolve("shown");
            image.onerror = () => resolve("refused");
            image.src = url;
        }));
    }
    for (const url of streams) {
        await attempt(`stream ${url}`, () => new Promise((resolve) => {
            const socket = new WebSocket(url);
            socket.onopen = () => resolve("open");
            socket.onerror = () => resolve("refused");
        }));
    }
    await attempt("enrol", async () => {
        const form = new FormData();
        form.append("name", "Mallory");
        const url = http[0][1].replace("/session", "/index-face");
        await fetch(url, {method: "POST", body: form, mode: "no-cors"});
        return "sent";
    });
    return outcomes;
}"""


@pytest.fixture
def foreign(browser: Browser) -> Iterator[Page]:
    """A page of another origin than any that Rollcall knows."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    Thread(target=server.serve_forever, daemon=True).start()
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{server.server_port}/")
    yield page
    context.close()
    server.shutdown()
    server.server_close()


def test_a_foreign_page_reads_nothing_and_changes_nothing(foreign: Page, light: Rollcall) -> None:
    refused: list[int] = []
    foreign.on("response", lambda response: refused.append(response.status))
    explain = f"{light.run['aws_url']}/_rollcall/liveness-sessions/any/explain"
    http = [("session", f"{light.url}/session"), ("aws", f"{light.run['aws_url']}/"), ("explain", explain)]
    streams = [f"{light.run[name]}{signing.PATH}" for name in ("stream_url", "stream_tls_url")]
    before = light.call("GET", "/v1/audit", "admin")
    outcomes = foreign.evaluate(ATTACKS, {"http": http, "streams": streams})
    assert outcomes.pop("enrol") == "sent", "a page may send what needs no preflight"
    assert set(outcomes.values()) == {"TypeError", "refused"}
    assert set(refused) == {403}
    assert light.call("GET", "/v1/audit", "admin") == before
    assert [person["name"] for person in light.call("GET", "/v1/people", "manager")["items"]] == ["Visitor"]

"""AWS's component between the lab's own routes, as on the lab's page: session, video, result."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import Route

from tests.browser.camera import Reel
from tests.browser.conftest import NAME
from tests.browser.visit import Desk
from tests.browser.words import CALLS, problems, refusal

SESSIONS, PUNCHES = CALLS
NOBODY = "nobody"
"""Has no token, as the lab's page."""


def test_the_labs_routes_carry_a_check_from_session_to_welcome(desk: Desk, visitor: Reel) -> None:
    """The page's two calls become the lab's. Its credentials were Cognito's; here they are the laptop's."""
    server = desk.server
    results: list[Any] = []

    def begin(route: Route) -> None:
        session = server.call("GET", "/session", NOBODY)
        assert session["success"] is True
        now = datetime.now(UTC)
        expires = (now + timedelta(minutes=3)).isoformat()
        credentials = {
            "access_key_id": server.run["access_key_id"],
            "secret_access_key": server.run["secret_access_key"],
            "session_token": None,
            "expires_at": expires,
        }
        route.fulfill(
            json={
                "session_id": session["sessionId"],
                "region": server.run["region"],
                "expires_at": expires,
                "server_time": now.isoformat(),
                "streaming": {"endpoint": server.run["stream_tls_url"], "credentials": credentials},
            },
            headers={"Access-Control-Allow-Origin": "*"},
        )

    def finish(route: Route) -> None:
        session_id = json.loads(route.request.post_data or "{}")["liveness_session_id"]
        results.append(server.call("GET", f"/liveness-result/{session_id}?preview=true", NOBODY))
        if results[-1]["isLive"]:
            name = results[-1]["faceMatch"]["name"].partition("_")[2]  # as the lab's page takes it apart
            receipt = {**server.punches()[-1], "name": name, "duplicate": False}
            route.fulfill(json=receipt, headers={"Access-Control-Allow-Origin": "*"})
        else:
            not_live = problems()["NotLive"]
            route.fulfill(**refusal(not_live.status, not_live.body))

    desk.page.route(f"**{SESSIONS}", begin)
    desk.page.route(f"**{PUNCHES}", finish)
    desk.open().reach(f"Welcome, {NAME}", visitor, "the lab's routes")
    result = results[-1]
    assert result["success"] is True
    assert result["confidence"] > 0.85
    assert result["faceMatch"]["found"] is True
    assert result["faceMatch"]["similarity"] > 80
    assert result["capturedImage"]["found"] is True
    assert result["message"].startswith(f"Welcome {result['faceMatch']['name']}! Face verified with ")
    repeated = server.call("GET", f"/liveness-result/{desk.sessions[-1]}?preview=true", NOBODY)
    assert repeated == result

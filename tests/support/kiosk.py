"""A kiosk in tests: a token of its own, and the calls that a kiosk makes."""

from datetime import UTC, datetime
from typing import Any

from chalice.test import HTTPResponse

from chalicelib import wiring
from chalicelib.domain.token import Role
from chalicelib.services.tokens import NewToken, create
from tests.conftest import Http


class Kiosk:
    """A kiosk's view of the API."""

    def __init__(self, http: Http, label: str) -> None:
        body = NewToken(role=Role.KIOSK, label=label)
        self._http = http.as_(None)
        token = create(wiring.token_store(), body, now=datetime.now(UTC)).token
        self._headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str, **query: Any) -> HTTPResponse:
        """Send a GET."""
        return self._http.call("GET", path, headers=self._headers, **query)

    def post(self, path: str, body: Any = None) -> HTTPResponse:
        """Send a POST."""
        return self._http.post(path, body, self._headers)

    def session(self) -> str:
        """Create a liveness session; returns its id."""
        started: str = self.post("/v1/liveness-sessions").json_body["session_id"]
        return started

    def punch(self, session_id: str) -> HTTPResponse:
        """Punch with a liveness session."""
        return self.post("/v1/punches", {"liveness_session_id": session_id})

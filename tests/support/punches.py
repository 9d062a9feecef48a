"""Liveness sessions and punches in tests, by HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

from chalice.test import HTTPResponse

from tests.conftest import Http
from tests.support.builders import Json


def create_session(http: Http) -> str:
    """Create a liveness session; returns its id."""
    answer = http.post("/v1/liveness-sessions")
    assert answer.status_code == 201, answer.json_body
    session_id: str = answer.json_body["session_id"]
    return session_id


def punch(http: Http, session_id: str, **fields: Any) -> HTTPResponse:
    """Punch with a liveness session."""
    return http.post("/v1/punches", {"liveness_session_id": session_id, **fields})


def list_punches(http: Http, **query: Any) -> list[Json]:
    """List all punches, page by page."""
    shown: list[Json] = []
    cursor = None
    while True:
        answer = http.get("/v1/punches", cursor=cursor, **query)
        assert answer.status_code == 200, answer.json_body
        shown += answer.json_body["items"]
        cursor = answer.json_body["next_cursor"]
        if cursor is None:
            return shown


def todays_punches(http: Http, **query: Any) -> list[Json]:
    """List the punches of yesterday, today and tomorrow in UTC."""
    today, day = datetime.now(UTC).date(), timedelta(days=1)
    return list_punches(http, from_=str(today - day), to=str(today + day), **query)

"""The lab's routes in tests: what its front end sends."""

import base64
from collections.abc import Callable
from typing import Any

from chalice.test import HTTPResponse

from tests.conftest import Http


def index(http: Http, name: str, content: bytes) -> HTTPResponse:
    """Enrol a photo under a name."""
    encoded = base64.b64encode(content).decode()
    body = {"name": name, "fileBase64": encoded, "fileName": "p.jpg", "fileType": "image/jpeg"}
    return http.post("/index-face", body)


def start_session(http: Http) -> str:
    """Start a liveness session; returns its id."""
    started = http.get("/session")
    assert started.status_code == 200
    assert started.json_body["success"] is True
    session_id: str = started.json_body["sessionId"]
    return session_id


def list_faces(http: Http) -> list[dict[str, str]]:
    """List the enrolled faces."""
    listed: list[dict[str, str]] = http.get("/list-collections").json_body["faces"]
    return listed


def stored_punches(boto: Callable[[str], Any]) -> list[dict[str, Any]]:
    items = boto("dynamodb").scan(TableName="rollcall-local")["Items"]
    return [item for item in items if item["sk"]["S"].startswith("PUNCH#")]

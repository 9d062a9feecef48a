"""The app's own port: what API Gateway adds to the responses of the app, and its own responses."""

import gzip
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import Any

import pytest
from chalice.app import Chalice, Response

from local.app.appserver import AppServer

TEXT = "Nguyễn Văn Ánh " * 200


@pytest.fixture(scope="module")
def server() -> Iterator[AppServer]:
    """A small app on a port of its own."""
    app = Chalice(app_name="small", configure_logs=False)
    app.route("/long")(lambda: Response(TEXT, headers={"ETag": '"1"', "Content-Type": "text/plain"}))
    app.route("/short")(lambda: {"a": 1})
    server = AppServer("127.0.0.1", 0)
    server.start(app)
    yield server
    server.stop()


def get(server: AppServer, path: str, method: str = "GET", **headers: str) -> HTTPResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(server.url + path, headers=named, method=method)  # noqa: S310
    found: HTTPResponse = urllib.request.urlopen(request)  # noqa: S310 - an own port
    return found


@pytest.mark.parametrize(
    ("path", "accepted", "coding"),
    [
        ("/long", "gzip, deflate, br", "gzip"),
        ("/long", "br;q=1, GZIP;q=0.5", "gzip"),
        ("/long", "br", None),
        ("/long", "", None),
        ("/short", "gzip", None),
    ],
)
def test_a_long_response_is_compressed_for_who_takes_it(
    server: AppServer, path: str, accepted: str, coding: str | None
) -> None:
    answer = get(server, path, Accept_Encoding=accepted)
    body = answer.read()
    assert answer.headers["Content-Encoding"] == coding
    assert int(answer.headers["Content-Length"]) == len(body)
    if path == "/long":
        assert answer.headers["ETag"] == '"1"'
        assert (gzip.decompress(body) if coding else body).decode() == TEXT


@pytest.mark.parametrize(("method", "path"), [("GET", "/nothing"), ("DELETE", "/short"), ("GET", "/short/x")])
def test_RouteNotFound_has_the_form_of_all_errors(server: AppServer, method: str, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(server, path, method, Origin=server.url)
    body: dict[str, Any] = json.loads(refused.value.read())
    assert (refused.value.code, body["Code"]) == (404, "RouteNotFound")
    assert body.keys() == {"Code", "Message", "RequestId"}
    assert refused.value.headers["Access-Control-Allow-Origin"] == server.url

"""What answers and logs must not say, and what every answer must: nothing of the inside, and its headers."""

import importlib
import json
import os
import pkgutil
import subprocess
import sys
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from msgspec import Struct

import chalicelib
from app import app
from chalicelib import wiring
from chalicelib.web.endpoint import SECURITY_HEADERS
from tests.conftest import CONSENT, Http
from tests.support.photos import another, photo_of_c

ROOT = Path(__file__).resolve().parents[2]
JPEG = {"Content-Type": "image/jpeg"}
ARN = "arn:aws:iam::123456789012:role/rollcall-inner"
SAID = f"User {ARN} may not touch rollcall-local; File /var/task/app.py"
INNER = (
    "arn:",
    "123456789012",
    "rollcall-local",
    "/var/task",
    "AccessDenied",
    "ValidationException",
    "Traceback",
)

# --- when AWS refuses -----------------------------------------------------------------------------


class _Raw:
    """The body of an answer, as botocore reads it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._content


def refuse(service: str, request: Any) -> AWSResponse:
    """Answer as AWS does when it refuses, before anything is sent."""
    error = f"<Code>AccessDeniedException</Code><Message>{SAID}</Message>"
    content = {
        "s3": f"<Error>{error}<Resource>{ARN}</Resource></Error>",
        "sts": f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error></ErrorResponse>",
    }.get(service, json.dumps({"__type": "com.amazonaws#AccessDeniedException", "message": SAID}))
    raw: Any = _Raw(content.encode())
    return AWSResponse(request.url, 400, HTTPHeaders(), raw)


GATEWAYS: dict[str, Callable[[], Any]] = {
    "dynamodb": lambda: wiring.table()._client,
    "s3": lambda: wiring.bucket()._client,
    "rekognition": lambda: wiring.collection()._client,
    "sts": lambda: wiring.streaming()._client,
}

Calls = list[tuple[str, str, Any]]


def photo(number: int) -> bytes:
    """Make a photo that was not sent before."""
    return another(photo_of_c(), number)


def calls(person: str, face: str, session: str, uploads: list[str]) -> dict[str, Calls]:
    """Say which calls of ours make which call to AWS; those that change most come last."""
    faces, own = f"/v1/people/{person}/faces", f"/v1/people/{person}"
    days = "from=2026-11-01&to=2026-11-30"
    leave = {"since": "2026-11-23", "until": "2026-11-23", "kind": "annual"}
    token = {"role": "kiosk", "label": "x"}
    start: Calls = [("POST", "/v1/liveness-sessions", None)]
    spend: Calls = [("POST", "/v1/punches", {"liveness_session_id": session})]
    identify: Calls = [("POST", "/v1/identify", photo_of_c()), ("POST", "/checkin", photo_of_c())]
    return {
        "dynamodb.GetItem": [("GET", own, None), ("GET", "/v1/settings", None)],
        "dynamodb.BatchGetItem": [
            ("GET", "/v1/people?q=a", None),
            ("GET", f"/v1/attendance/{person}?{days}", None),
        ],
        "dynamodb.Query": [
            ("GET", "/v1/attendance", None),
            ("GET", "/v1/audit", None),
            ("GET", f"{own}/data", None),
        ],
        "dynamodb.PutItem": [("POST", "/v1/uploads", None), ("POST", "/v1/tokens", token), *start],
        "dynamodb.TransactWriteItems": [
            ("POST", "/v1/people", {"name": "B"}),
            ("POST", f"{own}/leaves", leave),
        ],
        "s3.PutObject": [("POST", faces, photo(1)), ("GET", "/v1/attendance?format=xlsx", None)],
        "s3.GetObject": [("POST", "/v1/identify", {"upload_id": uploads[0]})],
        "s3.ListObjectVersions": [("GET", "/v1/retention", None)],
        "rekognition.DetectFaces": [("POST", faces, photo(2))],
        "rekognition.SearchFacesByImage": [("POST", faces, photo(3)), *identify],
        "rekognition.IndexFaces": [("POST", faces, photo(4))],
        "rekognition.SearchFaces": [("POST", faces, photo(5))],
        "rekognition.CreateFaceLivenessSession": [*start, ("GET", "/session", None)],
        "rekognition.GetFaceLivenessSessionResults": [
            ("GET", f"/v1/liveness-sessions/{session}", None),
            *spend,
        ],
        "sts.AssumeRole": start,
        "rekognition.ListFaces": [("DELETE", "/delete-face", {"faceId": face, "s3Key": "x"})],
        "s3.DeleteObject": [("POST", "/v1/identify", {"upload_id": uploads[1]})],
        "rekognition.DeleteFaces": [("DELETE", f"{faces}/{face}", None)],
        "s3.DeleteObjects": [("DELETE", own, None)],
    }


def test_details_of_aws_are_not_exposed(http: Http, caplog: pytest.LogCaptureFixture) -> None:
    person = http.post("/v1/people", {"name": "Ánh", "consent": CONSENT}).json_body["person_id"]
    face = http.post(f"/v1/people/{person}/faces", photo_of_c(), JPEG).json_body["face_id"]
    session = http.post("/v1/liveness-sessions").json_body["session_id"]
    uploads = [http.post("/v1/uploads").json_body["upload_id"] for _ in range(2)]
    assert http.get("/v1/attendance", format_="xlsx").status_code == 303  # a file that an erasure removes
    for asked, ours in calls(person, face, session, uploads).items():
        service = asked.partition(".")[0]
        events: Any = GATEWAYS[service]().meta.events
        seen: list[str] = []

        def answer(request: Any, service: str = service, seen: list[str] = seen, **_: Any) -> AWSResponse:
            seen.append(request.url)
            return refuse(service, request)

        events.register(f"before-send.{asked}", answer, "refused")
        try:
            for method, path, body in ours:
                seen.clear()
                got = http.call(method, path, body, JPEG if isinstance(body, bytes) else None)
                said = got.body.decode()
                assert seen, f"{method} {path} does not call {asked}"
                assert got.status_code == 500, (asked, path, said)
                assert not [inner for inner in INNER if inner in said], (asked, path, said)
                assert {"Code", "Message", "RequestId"} <= got.json_body.keys()
        finally:
            events.unregister(f"before-send.{asked}", unique_id="refused")
    assert "Ánh" not in caplog.text


# --- headers --------------------------------------------------------------------------------------


def answers(http: Http) -> Iterator[tuple[int, Any]]:
    """Get an answer of every status that can be had without a camera."""
    made = http.post("/v1/people", {"name": "A", "code": "1"})
    yield 201, made
    path = f"/v1/people/{made.json_body['person_id']}"
    shown = http.get(path)
    yield 200, shown
    yield 304, http.call("GET", path, headers={"If-None-Match": shown.headers["ETag"]})
    yield 303, http.get("/v1/attendance", format_="xlsx")
    yield 400, http.get("/v1/people", limit=0)
    yield 401, http.as_(None).get(path)
    yield 403, http.as_("viewer").get(path)
    yield 404, http.get("/v1/people/0")
    yield 405, http.call("PUT", "/v1/people", {})
    yield 409, http.post("/v1/people", {"name": "B", "code": "1"})
    yield 413, http.post("/v1/people", b"1" * 1_500_000, {"Content-Type": "application/json"})
    yield 415, http.post("/v1/people", b"x", {"Content-Type": "text/html"})
    yield 422, http.post("/v1/imports", b"name,code\nB,1\n", {"Content-Type": "text/csv"})
    leave = {"since": "2026-11-23", "until": "2026-11-23", "kind": "annual"}
    leave_id = http.post(f"{path}/leaves", leave).json_body["leave_id"]
    yield 204, http.delete(f"{path}/leaves/{leave_id}")
    yield 200, http.get("/docs")
    yield 200, http.get("/list-collections")
    yield 404, http.delete("/delete-face", {"faceId": "x", "s3Key": "x"})
    events: Any = wiring.table()._client.meta.events
    events.register("before-send.dynamodb", lambda request, **_: refuse("dynamodb", request), "refused")
    try:
        yield 500, http.get("/v1/settings")
    finally:
        events.unregister("before-send.dynamodb", unique_id="refused")


def test_every_response_has_the_security_headers(http: Http) -> None:
    for status, answer in answers(http):
        assert answer.status_code == status, answer.body
        for name, value in SECURITY_HEADERS.items():
            if (
                answer.headers.get("Content-Type", "").startswith("text/html")
                and name == "Content-Security-Policy"
            ):
                assert {"default-src 'none'", "frame-ancestors 'none'"} <= {*answer.headers[name].split("; ")}
            else:
                assert answer.headers[name] == value, (status, name)
        assert answer.headers["Access-Control-Allow-Origin"] == "*", status
        assert answer.headers["X-Request-Id"], status
        assert not [text for pair in answer.headers.items() for text in pair if "\n" in text or "\r" in text]


def test_nothing_about_people_may_be_stored_and_yet_it_can_be_polled(http: Http) -> None:
    path = f"/v1/people/{http.post('/v1/people', {'name': 'A'}).json_body['person_id']}"
    for answered in ("/v1/people", path, f"{path}/data", "/v1/attendance", "/v1/audit", "/v1/settings"):
        first = http.get(answered)
        assert first.headers["Cache-Control"] == "no-store"
    shown = http.get(path)
    again = http.call("GET", path, headers={"If-None-Match": shown.headers["ETag"]})
    assert (again.status_code, again.body, again.headers["Cache-Control"]) == (304, b"", "no-store")


CALLED = """
import sys
from chalice.test import Client
from app import app
print(app.api.cors.get_access_control_headers()["Access-Control-Allow-Origin"])
with Client(app, project_dir="tests") as client:
    for method, path in (("GET", "/openapi.json"), ("GET", "/v1/people"), ("PUT", "/openapi.json")):
        answer = client.http.request(method, path, headers={"Origin": sys.argv[1]})
        print(answer.status_code, answer.headers["Access-Control-Allow-Origin"], answer.headers.get("Vary"))
"""


def called_from(origin: str, allowed: str) -> subprocess.CompletedProcess[str]:
    """Start the app anew with a list of allowed origins, and call it from a page of an origin."""
    environ = {"ROLLCALL_STAGE": "local", "ROLLCALL_TABLE": "t", "ROLLCALL_BUCKET": "b"}
    environ |= {
        "ROLLCALL_COLLECTION": "c",
        "ROLLCALL_ORIGIN": allowed,
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",  # where nobody listens
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "PATH": os.environ["PATH"],
    }
    command = [sys.executable, "-c", CALLED, origin]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("allowed", "origin", "preflight", "answered"),
    [
        pytest.param("*", "https://any.example", "*", "* None", id="any"),
        pytest.param("https://a.example", "https://b.example", "https://a.example", "https://a.example None"),
        pytest.param(
            "https://a.example,https://b.example:8443",
            "https://b.example:8443",
            "*",
            "https://b.example:8443 Origin",
            id="one of several",
        ),
        pytest.param(
            "https://a.example, https://b.example",
            "https://evil.example",
            "*",
            "https://a.example Origin",
            id="none of several",
        ),
    ],
)
def test_the_allowed_origins_are_configurable(
    allowed: str, origin: str, preflight: str, answered: str
) -> None:
    done = called_from(origin, allowed)
    assert done.returncode == 0, done.stderr
    first, *shown = [line for line in done.stdout.splitlines() if not line.startswith(("{", "rollcall"))]
    assert first == preflight
    assert shown == [f"{status} {answered}" for status in (200, 401, 405)]


@pytest.mark.parametrize(
    "allowed", ["https://a.example/", "https://a.example,*", "a.example", ",", "HTTPS://A.example"]
)
def test_a_wrong_origin_stops_the_app_at_its_start(allowed: str) -> None:
    done = called_from("https://a.example", allowed)
    assert done.returncode == 1
    assert "ValueError" in done.stderr.splitlines()[-1]


def test_no_debug_page_is_shown() -> None:
    assert app.debug is False


# --- repr -----------------------------------------------------------------------------------------

SECRET = {
    "token",
    "secret",
    "secret_access_key",
    "session_token",
    "key",
    "digest",
    "headers",
    "content",
    "body",
}
NO_SECRET = {
    ("Photo", "key"),  # where a photo is in the bucket
    ("Face", "digest"),  # of a photo, and part of its place
    ("Reply", "headers"),
    ("Reply", "body"),  # what is sent is nobody's secret but that of CreatedToken, which hides itself
    ("Answer", "body"),
}


def structs() -> list[type[Struct]]:
    """Find every Struct of the service."""
    for module in pkgutil.iter_modules(chalicelib.__path__):
        importlib.import_module(f"chalicelib.{module.name}")
    found: list[type[Struct]] = []
    waiting = [Struct]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.startswith("chalicelib."):
            found.append(kind)
    return found


def secret_fields(kind: type[Struct]) -> list[str]:
    """Name the fields of a Struct that are texts, bytes or headers under the name of a secret."""
    hints = typing.get_type_hints(kind)
    return [
        name
        for name in kind.__struct_fields__
        if name in SECRET
        and (kind.__name__, name) not in NO_SECRET
        and not isinstance(hints[name], type(Struct))
    ]


def test_no_secret_shows_in_a_repr() -> None:
    checked = set()
    for kind in structs():
        for name in secret_fields(kind):
            given: dict[str, Any] = dict.fromkeys(kind.__struct_fields__, "x")
            given |= {name: "S3CR3T"}
            if "role" in given:
                given["role"] = chalicelib.domain.token.Role.KIOSK
            assert "S3CR3T" not in repr(kind(**given)), f"{kind.__name__}.{name}"
            assert "S3CR3T" not in str(kind(**given)), f"{kind.__name__}.{name}"
            checked.add(kind.__name__)
    assert {"CreatedToken", "Token", "StreamingCredentials", "Request", "Photo"} <= checked

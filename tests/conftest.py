"""One embedded AWS for the whole run, emptied before each test that uses it; the app over it by HTTP."""

import json
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from chalice.test import Client, HTTPResponse
from hypothesis import HealthCheck, settings

from chalicelib import wiring
from chalicelib.store import Store
from local.appserver import set_environment, stage_settings
from local.embedded import ACCESS_KEY, REGION, SECRET_KEY, Embedded
from local.rekognition.liveness.verdict import Picture, Verdict

# How fast a machine is must not decide whether the tests pass.
settings.register_profile("rollcall", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rollcall")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--browser", action="store_true", help="collect tests/browser, too (make browser)")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what needs a browser, node and Playwright."""
    left_out = collection_path.name == "browser" and not config.getoption("--browser", default=False)
    return True if left_out else None


@pytest.fixture(scope="session")
def embedded() -> Iterator[Embedded]:
    """The embedded AWS, with real recognition, in this process."""
    aws = Embedded()
    aws.start()
    variables = stage_settings()["environment_variables"]
    set_environment(aws.aws_url, aws.stream_url, REGION, ACCESS_KEY, SECRET_KEY, variables)
    yield aws
    aws.stop()


@pytest.fixture
def aws(embedded: Embedded) -> Embedded:
    """The embedded AWS with nothing in it but its resources."""
    embedded.reset()
    return embedded


@pytest.fixture
def store(aws: Embedded) -> Store:
    """The store on an empty table."""
    return wiring.store()


class Http:
    """Calls the app as API Gateway does."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        **query: Any,
    ) -> HTTPResponse:
        """Send a request; a body that is not bytes goes as JSON."""
        named = {name.rstrip("_"): value for name, value in query.items() if value is not None}
        if named:
            path += "?" + urlencode(named)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers = {"Content-Type": "application/json", **(headers or {})}
        return self._client.http.request(method, path, body=body or b"", headers=dict(headers or {}))

    def get(self, path: str, **query: Any) -> HTTPResponse:
        """Send a GET."""
        return self.call("GET", path, **query)

    def post(
        self, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **query: Any
    ) -> HTTPResponse:
        """Send a POST."""
        return self.call("POST", path, body, headers, **query)

    def delete(self, path: str, body: Any = None) -> HTTPResponse:
        """Send a DELETE."""
        return self.call("DELETE", path, body)


@pytest.fixture
def http(aws: Embedded) -> Iterator[Http]:
    """The app, over the embedded AWS."""
    from app import app  # only now: the environment is the embedded one's

    environ = os.environ
    with Client(app, stage_name="local") as client:
        yield Http(client)
    # Chalice's client puts a copy in its place for each call; calls in several threads can leave one there.
    os.environ = environ  # noqa: B003


Finish = Callable[..., str]


@pytest.fixture
def finish(aws: Embedded) -> Finish:
    """Finish a session as the stand-in's judge does, without playing the video in real time."""

    def finish(
        session_id: str,
        photo: bytes | None,
        *,
        confidence: float = 99.0,
        enough: bool = True,
        live: bool = True,
    ) -> str:
        picture = Picture(photo, (0.2, 0.2, 0.5, 0.5)) if photo else None
        verdict = Verdict(enough, live, confidence if enough else None, "as told", reference=picture)
        aws.sessions.finish(session_id, verdict)
        return session_id

    return finish


@pytest.fixture
def boto(aws: Embedded) -> Callable[[str], Any]:
    """Makes boto3 clients of the embedded AWS."""
    return aws.client


def unknown_session() -> str:
    """Make the id of a session that nobody asked for."""
    return str(uuid.uuid4())

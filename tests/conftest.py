"""One embedded AWS for the whole run, emptied before each test that uses it; the app over it by HTTP."""

import contextlib
import json
import os
import subprocess
import sys
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from botocore.config import Config
from chalice.app import Chalice
from chalice.test import Client, HTTPResponse
from hypothesis import HealthCheck, settings

from chalicelib import config, wiring
from chalicelib.aws.attendance_store import AttendanceStore
from chalicelib.aws.directory import Directory
from chalicelib.domain.token import Role
from chalicelib.services.tokens import NewToken, create, token_digest
from local.app.appserver import set_environment, stage_settings
from local.aws.embedded import REGION, Embedded
from local.liveness.judge.verdict import Picture, Verdict
from tests.support import leaks, policies, recorder
from tests.support.patience import PATIENCE_S


def pytest_configure(config: pytest.Config) -> None:
    """Watch what the suite logs."""
    config.pluginmanager.register(leaks)


# Neither luck nor a machine's speed must decide whether the tests pass. `--hypothesis-profile=explore`
# tries other examples each time; what it finds becomes a test.
_STEADY: Final = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.register_profile("rollcall", _STEADY)
settings.register_profile("explore", _STEADY, derandomize=False, print_blob=True)
settings.load_profile("rollcall")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that have the embedded AWS, so that the others can be run alone."""
    for item in items:
        if "embedded" in getattr(item, "fixturenames", ()):
            item.add_marker("aws")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker of xdist recorded."""
    recorder.calls.update(recorder.Call(*call) for call in getattr(node, "workeroutput", {}).get("calls", []))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if any test had the app ask AWS for something that no function may do."""
    workeroutput = getattr(session.config, "workeroutput", None)
    if workeroutput is not None:
        workeroutput["calls"] = [list(call) for call in recorder.calls]
    elif recorder.calls:
        granted = [
            grant
            for stage in ("dev", "prod")
            for function in policies.functions()
            for grant in policies.grants(stage, function, of="local")
        ]
        if missing := policies.refused(recorder.calls, granted):
            print(f"\nNo policy in .chalice allows what the app did: {missing}")
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def embedded() -> Iterator[Embedded]:
    """The embedded AWS, with real recognition, in this process; the app waits for it as long as it takes."""
    wiring._CONFIG = wiring._CONFIG.merge(Config(connect_timeout=PATIENCE_S, read_timeout=PATIENCE_S))
    aws = Embedded()
    aws.start()
    variables = stage_settings()["environment_variables"]
    set_environment(aws.aws_url, aws.stream_url, REGION, aws.key, variables)
    recorder.listen(wiring._session())
    yield aws
    aws.stop()


@pytest.fixture
def aws(embedded: Embedded) -> Embedded:
    """The embedded AWS with nothing in it but its resources."""
    embedded.reset()
    return embedded


@pytest.fixture
def directory(aws: Embedded) -> Directory:
    """The store on an empty table."""
    return wiring.directory()


@pytest.fixture
def attendance_store(aws: Embedded) -> AttendanceStore:
    """The attendance store on an empty table."""
    return wiring.attendance_store()


class Http:
    """Calls the app as API Gateway does, with an admin's token unless it is told otherwise."""

    def __init__(self, client: Client, role: str | None = "admin") -> None:
        self._client = client
        self._tokens: dict[str, tuple[str, datetime]] = {}
        self._role = role
        if role:
            self.token(role)

    def as_(self, role: str | None) -> "Http":
        """Give one that calls with a token of a role, or with none."""
        if role:
            self.token(role)
        other = Http(self._client, None)
        other._tokens, other._role = self._tokens, role
        return other

    def token(self, role: str) -> str:
        """Give the token of a role, made at its first use."""
        now = wiring.now()
        known = self._tokens.get(role)
        if known is None or now - known[1] > timedelta(days=30):  # a test may set the clock years ahead
            body = NewToken(role=Role(role), label=f"the {role} of the tests")
            known = self._tokens[role] = create(wiring.token_store(), body, now=now).token, now
        return known[0]

    def token_id(self, role: str) -> str:
        """Give the id of the token of a role."""
        found = wiring.token_store().find(token_digest(self.token(role)))
        assert found
        return found.token_id

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
        leaks.sent(body)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers = {"Content-Type": "application/json", **(headers or {})}
        if self._role and not any(name.lower() == "authorization" for name in headers or {}):
            headers = {"Authorization": f"Bearer {self.token(self._role)}", **(headers or {})}
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


def chalice_client(app: Chalice) -> Client:
    """Make Chalice's test client, from a folder without configuration.

    It would set the variables of stage local, which name the embedded AWS of `make aws`.
    """
    return Client(app, project_dir=str(Path(__file__).parent))


@pytest.fixture
def http(aws: Embedded, monkeypatch: pytest.MonkeyPatch) -> Iterator[Http]:
    """The app, over the embedded AWS."""
    from app import app  # only now: the environment is the embedded one's

    wiring.authenticator().clear_cache()
    monkeypatch.setattr("chalicelib.web.endpoint.DEADLINE_S", PATIENCE_S)  # not the speed of the machine
    environ = os.environ
    with chalice_client(app) as client:
        yield Http(client)
    # Chalice's client puts a copy in its place for each call; calls in several threads can leave one there.
    os.environ = environ  # noqa: B003


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """A moto in a process of its own: in this one it would share its memory with the embedded AWS."""
    command = [sys.executable, "-m", "tests.support.cloud"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.kill()


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


Lab = Callable[[str], None]


@pytest.fixture
def lab(http: Http, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Sets how the stage offers the lab's routes: `off`, `on` or `open`."""

    def lab(mode: str) -> None:
        before = wiring.environment()
        fields = {name: getattr(before, name) for name in before.__struct_fields__}
        after = config.Environment(**fields | {"lab": mode})
        for module in (wiring, sys.modules["app"]):
            monkeypatch.setattr(module, "environment", lambda: after)

    return lab


class Clock:
    """The service's clock, which stands until it is moved on."""

    def __init__(self) -> None:
        minute = datetime.now(UTC).replace(second=0, microsecond=0)
        self.now = minute  # limits count by the minutes of the clock

    def forward(self, **by: float) -> None:
        """Move it on."""
        self.now += timedelta(**by)


@pytest.fixture
def clock(http: Http, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stops the service's clock, at the beginning of a minute."""
    clock = Clock()
    app = sys.modules["app"]
    for owner in (wiring, app, app.endpoint):
        monkeypatch.setattr(owner, "now", lambda: clock.now)
    wiring.authenticator().clear_cache()
    return clock


Scan = Callable[[], str]


@pytest.fixture
def scan(aws: Embedded) -> Scan:
    """Gives all that the table holds as one text, with what is kept compressed unpacked."""

    def text(value: Any) -> Any:
        if isinstance(value, bytes):
            with contextlib.suppress(zlib.error):
                value = zlib.decompress(value)
            return value.decode(errors="replace")
        if isinstance(value, dict):
            return {name: text(one) for name, one in value.items()}
        return [text(one) for one in value] if isinstance(value, list) else value

    def scan() -> str:
        pages = aws.client("dynamodb").get_paginator("scan").paginate(TableName="rollcall-local")
        found = [text(item) for page in pages for item in page["Items"]]
        return json.dumps(found, ensure_ascii=False)

    return scan


SERVICE = ("AUDIT#", "IDEMPOTENCY#", "LIMIT#", "SECRET", "TOKEN#")
"""Partition keys of what is not about attendance."""

CONSENT = {"text_version": "1", "language": "vi", "method": "signed_paper"}
"""What a person agreed to, as a manager records it."""


def unknown_session() -> str:
    """Make the id of a session that nobody asked for."""
    return str(uuid.uuid4())

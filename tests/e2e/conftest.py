"""One package, one embedded AWS, and the two servers that are compared over it."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chalicelib import wiring
from chalicelib.domain.token import Role
from chalicelib.services.tokens import NewToken, create
from local.app.appserver import AppServer
from local.aws.embedded import REGION, Embedded
from local.liveness.judge.verdict import Picture, Verdict
from tests.e2e.contract import Site
from tests.e2e.emulator import Emulator
from tests.e2e.faults import Faults
from tests.e2e.package import Package, build

MakeSite = Callable[[str], Site]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--punches", type=int, default=200, help="how many punches each fault meets")


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The package of stage local: its archive is every stage's, its variables are `make run`'s."""
    return build("local", tmp_path_factory.mktemp("package-local"))


def variables(aws: Embedded, endpoint: str | None = None) -> dict[str, str]:
    """Tell the functions where the embedded AWS is and who they are there."""
    return {
        "AWS_ACCESS_KEY_ID": aws.key.id,
        "AWS_SECRET_ACCESS_KEY": aws.key.secret,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint or aws.aws_url,
        "ROLLCALL_STREAM_URL": aws.stream_url,
    }


@pytest.fixture(scope="session")
def packaged(
    package: Package, embedded: Embedded, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Emulator]:
    """The package behind the emulated API Gateway."""
    with Emulator(package.sam, tmp_path_factory.mktemp("task"), variables(embedded)) as emulator:
        yield emulator


@pytest.fixture
def faults(aws: Embedded) -> Iterator[Faults]:
    """An AWS that fails when told to, before the embedded one."""
    with Faults(aws) as failing:
        yield failing


@pytest.fixture(scope="session")
def make_run(embedded: Embedded) -> Iterator[AppServer]:
    """The server that `make run` starts."""
    assert os.environ["AWS_ENDPOINT_URL"] == embedded.aws_url
    from app import app  # only now: the environment is the embedded one's

    server = AppServer("127.0.0.1", 0)
    server.start(app)
    yield server
    server.stop()


@pytest.fixture
def site(aws: Embedded) -> MakeSite:
    """Makes a client of a server over the embedded AWS, whose sessions need no ten seconds of video."""

    def finish(session_id: str, photo: bytes, *, live: bool = True) -> None:
        confidence = 99.0 if live else 5.0
        picture = Picture(photo, (0.2, 0.2, 0.5, 0.5))
        aws.sessions.finish(session_id, Verdict(True, live, confidence, "as told", reference=picture))

    return lambda url: Site(url, tokens(), finish)


def tokens() -> dict[str, str]:
    """Make a token of each role."""
    token_store, now = wiring.token_store(), datetime.now(UTC)
    return {
        role: create(token_store, NewToken(role=role, label=f"the {role}"), now=now).token for role in Role
    }


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A folder for a package of the test's own."""
    return tmp_path / "scratch"

"""The contract's scenarios: the same of the packaged app as of `make run`, and of `make run` itself."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from local.app.appserver import AppServer
from local.aws.embedded import Embedded
from tests.e2e.conftest import MakeSite
from tests.e2e.contract import SCENARIOS, Site
from tests.e2e.contract.site import Scenario
from tests.e2e.emulator import Emulator
from tests.support.patience import PATIENCE_S

each_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)


@each_scenario
def test_the_packaged_app_answers_as_make_run_does(
    scenario: Scenario, site: MakeSite, aws: Embedded, make_run: AppServer, packaged: Emulator
) -> None:
    here = site(make_run.url)
    scenario(here)
    aws.reset()
    there = site(packaged.url)
    scenario(there)
    assert len(there.exchanges) == len(here.exchanges)
    for packaged_one, local_one in zip(there.exchanges, here.exchanges, strict=True):
        assert set(packaged_one.headers) == set(local_one.headers)
        assert packaged_one == local_one


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """`python -m local` as a process of its own, known only by the run.json that it writes."""
    state = tmp_path_factory.mktemp("state")
    ports = ["--port", "0", "--aws-port", "0", "--stream-port", "0", "--tls-port", "0"]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ROLLCALL_"))
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "local", *ports, "--state", state], env=environment, stdout=subprocess.DEVNULL
    )
    run = state / "run.json"
    while not run.exists():
        assert process.poll() is None, "the server did not start"
        time.sleep(0.1)
    written = msgspec.json.decode(run.read_bytes())

    def finish(session_id: str, photo: bytes, *, live: bool = True) -> None:
        shown = state / "shown.jpg"
        shown.write_bytes(photo)
        how = [] if live else ["--flat"]
        camera: list[str | Path] = [
            sys.executable,
            "-m",
            "local.camera",
            "--state",
            state,
            "--session",
            session_id,
        ]
        done = subprocess.run([*camera, "--photo", shown, *how], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    yield Site(written["url"], written["tokens"], finish)
    process.send_signal(signal.SIGINT)
    process.wait(PATIENCE_S)


@each_scenario
def test_the_service_that_make_run_starts_keeps_the_contract_with_a_real_camera(
    scenario: Scenario, service: Site
) -> None:
    service.forget_faces()
    scenario(service)

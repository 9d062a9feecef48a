"""Chalice's own commands, as README.md gives them, in a copy of the project."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib.metadata import distributions, packages_distributions, requires
from pathlib import Path
from typing import Any

import pytest

from tests.support.clips import ASTRONAUT
from tests.support.patience import PATIENCE_S
from tests.support.service import FREE_PORTS, ROOT, ask, form

CHALICE = str(Path(sys.executable).with_name("chalice"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
[SECTION] = re.findall(r"^## With Chalice's own commands$(.*?)^## ", README, flags=re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^\$ (?:\.venv/bin/)?(.*?)(?:\s+#.*)?$", SECTION, flags=re.MULTILINE)

SHELLS = {
    "keys": {},
    "endpoints of single services": {
        "AWS_ENDPOINT_URL_DYNAMODB": "https://dynamodb.eu-west-1.amazonaws.com",
        "AWS_ENDPOINT_URL_REKOGNITION": "https://rekognition.eu-west-1.amazonaws.com",
    },
    "one endpoint": {"AWS_ENDPOINT_URL": "https://dynamodb.eu-west-1.amazonaws.com"},
    "no configured endpoints": {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
    "a role": {
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/r",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/etc/hosts",
    },
    "another profile": {"AWS_PROFILE": "production", "AWS_CONFIG_FILE": "/etc/hosts"},
}


class Proxy:
    """Stands where a request that leaves this machine would go: boto3 heeds HTTPS_PROXY."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self.asked.append(connection.recv(65_536))

    def close(self) -> None:
        self._socket.close()


class Project:
    """A copy of the project, its state elsewhere, and a shell whose AWS variables look real."""

    def __init__(self, folder: Path, proxy: Proxy, shell: dict[str, str]) -> None:
        self.folder = folder / "clone"
        for name in ("chalicelib", "local", "infra", ".chalice"):
            shutil.copytree(ROOT / name, self.folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("app.py", "requirements.txt"):
            shutil.copy(ROOT / name, self.folder / name)
        outer = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ROLLCALL_"))
        }
        self.environment = outer | {
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "AWS_SESSION_TOKEN": "a-session",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_REGION": "eu-west-1",
            "HTTPS_PROXY": proxy.url,
            "HTTP_PROXY": proxy.url,
            "NO_PROXY": "127.0.0.1,localhost",
            "XDG_STATE_HOME": str(folder / "state"),
            "ROLLCALL_MODELS": os.environ.get("ROLLCALL_MODELS", str(ROOT / ".models")),
            "PYTHONDONTWRITEBYTECODE": "1",  # a new file would be a change of the project
            "PYTHONUNBUFFERED": "1",
            **shell,
        }

    def start(self, *words: str) -> "Process":
        return Process(self, words)

    def aws(self) -> "Process":
        process = self.start(sys.executable, "-m", "local", "--aws-only", *FREE_PORTS)
        process.wait_for("Ctrl-C stops it")
        return process

    def local(self, stage: str = "local") -> "Process":
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        process = self.start(CHALICE, "local", "--stage", stage, "--port", port)
        process.url = f"http://127.0.0.1:{port}"
        return process


class Process:
    """A process of its own group, for `chalice local` has a worker, and what it wrote."""

    url = ""

    def __init__(self, project: Project, words: tuple[str, ...]) -> None:
        self._log = project.folder.parent / f"log-{time.monotonic_ns()}"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                words,
                cwd=project.folder,
                env=project.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def wait_for(self, text: str) -> None:
        until = time.monotonic() + PATIENCE_S
        while text not in self.log:
            assert time.monotonic() < until, self.log
            time.sleep(0.05)

    def ask(self, path: str, method: str = "GET", *arguments: Any) -> tuple[int, Any]:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                status, _, body = ask(self.url + path, method, *arguments)
            except OSError:  # it starts, or starts anew
                assert time.monotonic() < until, self.log
                time.sleep(0.1)
            else:
                return status, json.loads(body)

    def end(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait(PATIENCE_S)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    proxy = Proxy()
    yield proxy
    proxy.close()


@pytest.mark.parametrize("shell", SHELLS.values(), ids=SHELLS)
def test_stage_local_never_reaches_another_machine(
    tmp_path: Path, proxy: Proxy, shell: dict[str, str]
) -> None:
    project = Project(tmp_path, proxy, shell)
    script = """
import os, sys
from chalice.cli.factory import CLIFactory
config = CLIFactory(os.getcwd()).create_config_obj("local")
os.environ.update(config.environment_variables)  # as `chalice local` does
from chalicelib import wiring
from botocore.exceptions import BotoCoreError, ClientError
from chalicelib.domain.errors import Busy
calls = {
    "dynamodb": lambda: wiring.table()._client.describe_table(TableName="t"),
    "rekognition": lambda: wiring.collection()._client.list_collections(),
    "s3": lambda: wiring.bucket()._client.list_objects_v2(Bucket="b"),
    "sts": lambda: wiring.streaming()._client.assume_role(RoleArn="a" * 20, RoleSessionName="bb"),
}
for name, call in calls.items():
    try:
        call()
        print(name, "answered")
    except (BotoCoreError, ClientError, Busy) as error:
        print(name, type(error).__name__)
"""

    def call() -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=project.folder,
            env=project.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        return done.stdout.splitlines()

    assert call() == [f"{name} ProfileNotFound" for name in ("dynamodb", "rekognition", "s3", "sts")]
    # A profile without an endpoint is the worst that may be there: its keys are those of this machine.
    written = tmp_path / "state" / "aws-config"
    written.parent.mkdir()
    (project.folder / ".local").symlink_to(written.parent)
    written.write_text("[profile rollcall-local]\nregion = us-east-1\n")
    (written.parent / "aws-credentials").write_text(
        "[rollcall-local]\naws_access_key_id = AKIA\naws_secret_access_key = x\n"
    )
    assert call() == [f"{name} Busy" for name in ("dynamodb", "rekognition", "s3", "sts")]
    assert proxy.asked == []


def test_chalice_local_serves_everything_and_says_what_is_missing(tmp_path: Path, proxy: Proxy) -> None:
    project = Project(tmp_path, proxy, {})
    app = project.local()
    status, said = app.ask("/session")
    assert (status, "`make aws`" in said["error"]) == (503, True)
    assert len(re.findall("make aws", app.log)) == 1

    aws = project.aws()
    enrolment = form({"name": "Eileen"}, ASTRONAUT.read_bytes(), "photo")
    assert app.ask("/index-face", "POST", *enrolment)[1]["success"] is True
    session = app.ask("/session")[1]["sessionId"]
    run = json.loads((project.folder / ".local" / "run.json").read_text())
    finish = f"{run['aws_url']}/_rollcall/liveness-sessions/{session}/finish"
    assert ask(finish, "POST", ASTRONAUT.read_bytes())[0] == 200
    assert app.ask(f"/liveness-result/{session}")[1]["faceMatch"]["found"] is True
    manager, kiosk = ({"Authorization": f"Bearer {run['tokens'][role]}"} for role in ("manager", "kiosk"))
    assert app.ask("/v1/people", "GET", None, manager)[1]["items"][0]["name"] == "Eileen"
    streaming = app.ask("/v1/liveness-sessions", "POST", b"", kiosk)[1]["streaming"]
    assert streaming["endpoint"].startswith("https://127.0.0.1:")
    time.sleep(3)  # the reloader looks each second; what the state folder got must not look like new code
    assert "Restarting" not in app.log

    source = project.folder / "app.py"
    source.write_text(
        source.read_text() + '\n\n@app.route("/added")\ndef added() -> str:\n    return "by autoreload"\n'
    )
    until = time.monotonic() + PATIENCE_S
    while app.ask("/health")[0] == 200:
        with_new_route = ask(app.url + "/added") if "Restarting" in app.log else (403, {}, b"")
        if with_new_route[0] == 200:
            break
        assert time.monotonic() < until, app.log
        time.sleep(0.2)
    assert with_new_route[2] == b"by autoreload"

    aws.end()
    status, said = app.ask("/session")
    assert (status, "nothing answers on 127.0.0.1" in said["error"]) == (503, True)
    app.end()
    assert "Traceback" not in app.log
    assert proxy.asked == []


@pytest.mark.parametrize("autoreload", ["--autoreload", "--no-autoreload"])
def test_an_unknown_stage_is_one_line(tmp_path: Path, proxy: Proxy, autoreload: str) -> None:
    process = Project(tmp_path, proxy, {}).start(CHALICE, "local", "--stage", "x", "--port", "0", autoreload)
    process.wait_for("has no such stage")
    process.end()
    assert len([line for line in process.log.splitlines() if "stage" in line]) == 1
    assert "Traceback" not in process.log


@pytest.fixture(scope="module")
def cloud() -> Iterator[dict[str, str]]:
    """An empty account of moto, and the variables that lead there."""
    command = [sys.executable, "-m", "tests.e2e.moto_bridge"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        yield {"AWS_ENDPOINT_URL": process.stdout.readline().strip(), "AWS_DEFAULT_REGION": "us-east-1"}
        process.stdin.close()


@pytest.mark.parametrize(
    "command", [one for one in COMMANDS if not one.startswith(("make", "chalice local"))]
)
def test_the_other_commands_run(tmp_path: Path, proxy: Proxy, cloud: dict[str, str], command: str) -> None:
    project = Project(tmp_path, proxy, cloud)
    for name in ("HTTPS_PROXY", "HTTP_PROXY"):
        del project.environment[name]  # pip may have one of its own
        if name in os.environ:
            project.environment[name] = os.environ[name]
    done = subprocess.run(
        command.replace("chalice ", f"{CHALICE} ", 1).split(),
        cwd=project.folder,
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if "generate-models" in command:
        assert "/v1/punches" in json.loads(done.stdout)["paths"]
    if "package" in command:
        made = project.folder / command.split()[-1]
        assert {path.name for path in made.iterdir()} == {"sam.json", "deployment.zip"}
    if "deploy" in command:
        assert "Rest API URL" in done.stdout


def test_readme_shows_the_commands_that_are_tried_here() -> None:
    names = [" ".join(one.split()[:2]) for one in COMMANDS]
    assert names == [
        "make aws",
        "chalice local",
        "chalice generate-models",
        "chalice package",
        "chalice deploy",
    ]


def test_the_app_needs_nothing_but_chalice_and_requirements_txt() -> None:
    allowed = {"chalice"} | set(
        re.findall(r"^([\w.-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    )
    installed = {one.metadata["Name"].lower() for one in distributions()}
    waiting = list(allowed)
    while waiting:
        distribution = waiting.pop()
        if distribution not in installed:
            continue  # it is for another system
        for text in requires(distribution) or []:
            name = re.split(r"[\s;<>=!~\[(]", text)[0]
            if "extra ==" not in text and name.lower() not in allowed:
                allowed.add(name.lower())
                waiting.append(name.lower())
    absent = [
        name for name, of in packages_distributions().items() if not {one.lower() for one in of} & allowed
    ]
    script = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {set(absent)}:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Absent())
import chalice.cli
import app, chalicelib.services.imports
print(len(app.app.routes))
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "moto" in absent
    assert done.returncode == 0, done.stderr

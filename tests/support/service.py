"""A run of `python -m local` in a process of its own, and how to call it."""

import http.client
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import boto3

from tests.support import leaks
from tests.support.patience import PATIENCE_S

ROOT: Final = Path(__file__).resolve().parents[2]
FREE_PORTS: Final = ["--port", "0", "--aws-port", "0", "--stream-port", "0", "--tls-port", "0"]


class Service:
    """A run of the service."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.process = spawn(state, *FREE_PORTS)
        self.run = self._ready(state / "run.json")

    def _ready(self, file: Path) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and self.process.poll() is None:
            if file.exists():
                run: dict[str, Any] = json.loads(file.read_text())
                if run["pid"] == self.process.pid:
                    return run
            time.sleep(0.02)
        ended = self.process.poll()
        self.process.kill()
        raise AssertionError((ended, *self.process.communicate()))

    def client(self, service: str, **settings: Any) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.run["aws_url"],
            region_name=self.run["region"],
            aws_access_key_id=self.run["access_key_id"],
            aws_secret_access_key=self.run["secret_access_key"],
            **settings,
        )

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal; gives the exit code and what was written to stderr."""
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=PATIENCE_S)
        # `make run` shows its tokens once, at the start, to who runs it.
        leaks.check(output.partition("Ctrl-C stops it.")[2] + errors)
        return self.process.returncode, errors


def spawn(state: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "local", "--state", str(state), *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ask(
    url: str, method: str = "GET", body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE_S)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body, headers or {})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def refused(state: Path, *arguments: str, **environment: str) -> str:
    """Start a service that must not start; gives its complaint."""
    process = spawn(state, *arguments, **environment)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    return errors


def form(fields: dict[str, str], file: bytes, name: str = "file") -> tuple[bytes, dict[str, str]]:
    """Make a form with one file, and its headers."""
    parts = [
        f'--XX\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--XX\r\nContent-Disposition: form-data; name="{name}"; filename="f.jpg"\r\n\r\n'
    parts.append(head.encode() + file)
    return b"".join(parts) + b"\r\n--XX--\r\n", {"Content-Type": "multipart/form-data; boundary=XX"}

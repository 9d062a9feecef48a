"""How long a cold start takes under AWS's own runtime client: `python -m benchmarks.cold_start [RUNS]`.

From the start of the process to the first answer at the Runtime API, medians in milliseconds, the CPU's
share of it, and the ratio to a bare Chalice hello with boto3 that is packaged plainly. Not measured, because
there is no Lambda here: its download and unzipping of the package, the start of its sandbox, its disks.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import functions

ROUTES = {"/health": "without AWS", "/v1/people": "with a read of DynamoDB"}
TIMEOUT_S = 60


class Start(NamedTuple):
    """What one cold start took, in milliseconds."""

    wall: float
    cpu: float


class RuntimeApi(HTTPServer):
    """Lambda's Runtime API for one invocation."""

    timeout = TIMEOUT_S

    def __init__(self, event: dict[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Invocation)
        self.event = json.dumps(event).encode()
        self.answer: dict[str, Any] | None = None
        self.answered = 0.0

    def handle_timeout(self) -> None:
        """Give up on a function that says nothing."""
        raise SystemExit("the function did not answer")


class _Invocation(BaseHTTPRequestHandler):
    server: RuntimeApi

    def do_GET(self) -> None:
        """Hand out the event."""
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 29_000))
        self.send_header(
            "Lambda-Runtime-Invoked-Function-Arn",
            "arn:aws:lambda:us-east-1:123456789012:function:rollcall-dev",
        )
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.server.event)))
        self.end_headers()
        self.wfile.write(self.server.event)

    def do_POST(self) -> None:
        """Take the answer, or what went wrong."""
        arrived = time.perf_counter()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.path.endswith("/response"):
            raise SystemExit(f"the function failed: {body.decode()}")
        self.server.answer, self.server.answered = json.loads(body), arrived
        self.send_response(202)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def start(folder: Path, handler: str, event: dict[str, Any], environment: dict[str, str]) -> Start:
    """Start a function in a new process and stop it after its first answer, which must be a 200."""
    with RuntimeApi(event) as api:
        environment = {
            **environment,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}",
            "LAMBDA_TASK_ROOT": str(folder),
        }
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-S", "-m", "awslambdaric", handler],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        try:
            while api.answer is None:
                api.handle_request()
        finally:
            process.kill()
            _, _, usage = os.wait4(process.pid, 0)
    if api.answer["statusCode"] != 200:
        raise SystemExit(f"{handler} answered {api.answer}")
    return Start((api.answered - began) * 1000, (usage.ru_utime + usage.ru_stime) * 1000)


def main(runs: int) -> None:
    """Print a line for each function and way of packaging it."""
    with tempfile.TemporaryDirectory() as text, functions.service(Path(text) / "state") as run:
        tasks: dict[tuple[str, bool], Path] = {}
        for number, name in enumerate(functions.FUNCTIONS):
            tasks[name, False] = functions.plain(name, Path(text) / f"{number}-plain")
            tasks[name, True] = functions.lean(name, Path(text) / f"{number}-lean", tasks[name, False])
        environment = functions.environment(run, functions.runtime_client(Path(text) / "runtime"))
        taken: dict[tuple[str, bool, str], list[Start]] = {}
        for number in range(runs + 1):
            for (name, lean), folder in tasks.items():
                for route in ROUTES:
                    event = functions.event(run, "GET", route)
                    one = start(folder, functions.FUNCTIONS[name].handler, event, environment)
                    if number:  # the first reads the disk
                        taken.setdefault((name, lean, route), []).append(one)
    _print(taken)


def _print(taken: dict[tuple[str, bool, str], list[Start]]) -> None:
    medians = {
        key: Start(*(statistics.median(part) for part in zip(*starts, strict=True)))
        for key, starts in taken.items()
    }
    baseline, *_ = functions.FUNCTIONS
    print(" " * 26 + "".join(f"{f'{route}, {what}':>38}" for route, what in ROUTES.items()))
    columns = f"{'ms':>12}{'CPU ms':>8}{'ratio':>9}{'of CPU':>9}"
    print(f"{'':26}" + columns * len(ROUTES))
    for name, lean in {(name, lean): None for name, lean, _ in medians}:
        line = f"{name:<20}{'lean' if lean else 'plain':<6}"
        for route in ROUTES:
            own, base = medians[name, lean, route], medians[baseline, False, route]
            line += f"{own.wall:>12.0f}{own.cpu:>8.0f}{own.wall / base.wall:>9.2f}{own.cpu / base.cpu:>9.2f}"
        print(line)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)

"""The time of a cold start under AWS's own runtime client, and the size of the packages.

A cold start lasts from the start of the process to the first reply at the Runtime API. The baseline is a
bare Chalice hello with boto3 that is packaged plainly. Without a real Lambda, the download and unzipping of
the package, the start of the sandbox and its disks are not measured.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import functions
from benchmarks.tables import Table

ROUTES = {"/health": "without AWS", "/v1/people": "with a read of DynamoDB"}
TIMEOUT_S = 60


class Start(NamedTuple):
    """The duration of one cold start, in milliseconds."""

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
        """Fail if the function does not reply in time."""
        raise SystemExit("the function did not reply")


class _Invocation(BaseHTTPRequestHandler):
    server: RuntimeApi

    def do_GET(self) -> None:
        """Send the event."""
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
        """Receive the reply or the error."""
        arrived = time.perf_counter()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.path.endswith("/response"):
            raise SystemExit(f"the function failed: {body.decode()}")
        self.server.answer, self.server.answered = json.loads(body), arrived
        self.send_response(202)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


def start(folder: Path, handler: str, event: dict[str, Any], environment: dict[str, str]) -> Start:
    """Start a function in a new process, and stop it after its first reply, which must be a 200."""
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
        raise SystemExit(f"{handler} replied {api.answer}")
    return Start((api.answered - began) * 1000, (usage.ru_utime + usage.ru_stime) * 1000)


def measure(*, short: bool = False) -> list[Table]:
    """Measure all functions in five runs (`short`: Rollcall once, with the packages installed here)."""
    names, runs = (["Rollcall"], 1) if short else (list(functions.FUNCTIONS), 5)
    with tempfile.TemporaryDirectory() as text, functions.service(Path(text) / "state") as run:
        tasks: dict[tuple[str, bool], Path] = {}
        for number, name in enumerate(names):
            folder = Path(text) / f"{number}-plain"
            if short:
                tasks[name, False] = functions.sources(folder)
            else:
                tasks[name, False] = functions.plain(name, folder)
                tasks[name, True] = functions.lean(name, Path(text) / f"{number}-lean", tasks[name, False])
        imported = [functions.runtime_client(Path(text) / "runtime"), *(functions.INSTALLED if short else [])]
        environment = functions.environment(run, *imported)
        taken: dict[tuple[str, bool, str], list[Start]] = {}
        for number in range(runs + 1):
            for (name, lean), task in tasks.items():
                for route in ROUTES:
                    event = functions.event(run, "GET", route)
                    one = start(task, functions.FUNCTIONS[name].handler, event, environment)
                    if number:  # the first run reads the files from disk
                        taken.setdefault((name, lean, route), []).append(one)
        sizes = [(name, _way(lean), *_megabytes(task)) for (name, lean), task in tasks.items()]
    zips = Table(("function", "package", "zip MB", "unzipped MB"), sizes)
    return [_table(taken, runs), zips]


def _table(taken: dict[tuple[str, bool, str], list[Start]], runs: int) -> Table:
    medians = {
        key: Start(*(statistics.median(part) for part in zip(*starts, strict=True)))
        for key, starts in taken.items()
    }
    baseline = next(name for name, _, _ in medians)
    columns = ["function", "package"]
    for what in ROUTES.values():
        columns += [f"{what}: ms", "CPU ms", "ratio", "ratio of CPU"]
    rows = []
    for name, lean in {(name, lean): None for name, lean, _ in medians}:
        row: list[str | float] = [name, _way(lean)]
        for route in ROUTES:
            own, base = medians[name, lean, route], medians[baseline, False, route]
            row += [own.wall, own.cpu, f"{own.wall / base.wall:.2f}", f"{own.cpu / base.cpu:.2f}"]
        rows.append(row)
    notes = (
        "From the start of a process to its first reply under AWS's runtime client, without and with a read"
    )
    return Table(columns, rows, f"{notes} of DynamoDB; medians of {runs} runs, ratios to {baseline}, plain.")


def _way(lean: bool) -> str:
    return "lean" if lean else "plain"


def _megabytes(task: Path) -> tuple[float, float]:
    """Return the size of a function's folder, zipped and unzipped."""
    unzipped = sum(file.stat().st_size for file in task.rglob("*") if file.is_file())
    archive = Path(shutil.make_archive(str(task.with_name(f"{task.name}-size")), "zip", task))
    return archive.stat().st_size / 1e6, unzipped / 1e6

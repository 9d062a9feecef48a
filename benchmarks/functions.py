"""Rollcall and its rivals as Lambda functions, each in a folder like /var/task.

A folder is `plain` (sources and all of boto3, as `pip install --target` and a zip make it) or `lean` (as
`make package` makes it). Functions can import nothing from outside it except the standard library.
"""

import contextlib
import json
import os
import platform
import shutil
import signal
import site
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import chalice.app

from infra.package import LOCK, ROOT, compile_all, install, package, trim
from local.app.appserver import stage_settings
from local.aws.embedded import REGION

ARCHITECTURE = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")
"""This machine's architecture by Lambda's name."""


class Function(NamedTuple):
    """A function to measure: its handler, and the file in requirements/ with its packages."""

    handler: str
    requirements: str


FUNCTIONS = {
    "Chalice hello": Function("benchmarks.rivals.hello.app", "bench-hello.txt"),
    "Rollcall": Function("app.app", "app.txt"),
    "FastAPI + Mangum": Function("benchmarks.rivals.fastapi_mangum.handler", "bench-fastapi.txt"),
    "Powertools": Function("benchmarks.rivals.powertools.handler", "bench-powertools.txt"),
}
"""The baseline comes first."""


INSTALLED = [Path(path) for path in site.getsitepackages()]
"""Where the packages of this environment are, for functions without packages of their own."""


def plain(name: str, folder: Path) -> Path:
    """Make a function's folder as pip and a zip make it."""
    _install(folder, FUNCTIONS[name].requirements)
    sources(folder)
    router = Path(chalice.app.__file__)
    (folder / "chalice").mkdir()
    for source in (router, router.with_name("__init__.py")):
        shutil.copy(source, folder / "chalice")
    return folder


def sources(folder: Path) -> Path:
    """Make a function's folder without the packages that it needs."""
    folder.mkdir(exist_ok=True)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copy(ROOT / "app.py", folder)
    shutil.copytree(ROOT / "chalicelib", folder / "chalicelib", ignore=ignore)
    shutil.copytree(ROOT / "benchmarks" / "rivals", folder / "benchmarks" / "rivals", ignore=ignore)
    return folder


def lean(name: str, folder: Path, like: Path) -> Path:
    """Make a function's folder as `make package` does: Rollcall's from the zip, the others from `like`."""
    if name == "Rollcall":
        os.environ.setdefault("AWS_DEFAULT_REGION", REGION)  # Chalice packages for a Region
        out = folder.with_name(f"{folder.name}-package")
        shutil.unpack_archive(package("dev", out, architecture=ARCHITECTURE), folder)
        return folder
    shutil.copytree(like, folder)
    trim(folder)
    compile_all(folder)
    return folder


def runtime_client(folder: Path) -> Path:
    """Install AWS's runtime client into a folder."""
    _install(folder, "lambda.txt")
    compile_all(folder)
    return folder


@contextlib.contextmanager
def service(state: Path) -> Iterator[dict[str, Any]]:
    """Run the embedded AWS in a process of its own; yields the content of its run.json."""
    ports = ["--port", "0", "--aws-port", "0", "--stream-port", "0", "--tls-port", "0"]
    command = [sys.executable, "-m", "local", "--state", str(state), *ports]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        try:
            file = state / "run.json"
            while not file.exists():
                if process.poll() is not None:
                    raise SystemExit("the embedded AWS did not start")
                time.sleep(0.05)
            yield json.loads(file.read_text())
        finally:
            process.send_signal(signal.SIGTERM)


def environment(run: dict[str, Any], *path: Path) -> dict[str, str]:
    """Return the environment of a function; `path` are folders to import from besides its own.

    No bytecode is written, because /var/task is read-only.
    """
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_LAMBDA_FUNCTION_NAME": "rollcall-dev",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_ACCESS_KEY_ID": run["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": run["secret_access_key"],
        "AWS_DEFAULT_REGION": run["region"],
        "AWS_REGION": run["region"],
        "AWS_ENDPOINT_URL": run["aws_url"],
        **stage_settings()["environment_variables"],
    }


def event(run: dict[str, Any], method: str, path: str, body: Any = None, **query: str) -> dict[str, Any]:
    """Make an event as a REST API of API Gateway sends it, with a manager's token."""
    headers = {"Accept": "*/*", "Content-Type": "application/json", "Host": "api.example.com"}
    if token := run["tokens"].get("manager"):
        headers["Authorization"] = f"Bearer {token}"
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": query or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} or None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": path,
            "httpMethod": method,
            "path": f"/api{path}",
            "stage": "api",
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "identity": {"sourceIp": "192.0.2.1", "userAgent": "benchmark"},
            "accountId": "123456789012",
            "apiId": "bench",
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def _install(folder: Path, requirements: str) -> None:
    install(folder, ARCHITECTURE, "--require-hashes", "-r", str(LOCK.with_name(requirements)))

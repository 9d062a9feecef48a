"""Lambda, without its cloud: processes with AWS's own runtime client, each fed by a Runtime API of its own.

An environment serves one request at a time, is frozen in nothing, killed at its function's time-out, and
replaced when it dies. More requests than environments wait: Lambda would make more of them.
"""

import json
import os
import queue
import subprocess
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from local.httpserver import Request, Response, Server
from tests.e2e.template import Function

PAYLOAD_BYTES: Final = 6 * 1024 * 1024
"""Most that Lambda takes in a request and gives in an answer, as JSON text."""

INIT_S: Final = 60
"""How long an environment may take to be ready. Lambda gives 10 s, of a machine that is not shared."""

TOO_LARGE: Final = "Function.ResponseSizeTooLarge"

_API = "/2018-06-01/runtime/"


class TooLarge(Exception):
    """The request is larger than Lambda takes."""


class FunctionError(Exception):
    """The function raised, timed out, died or answered too much; `report` is what Lambda says of it."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message


@dataclass
class _Invocation:
    payload: bytes
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    ended: threading.Event = field(default_factory=threading.Event)
    answer: bytes | None = None
    error: FunctionError | None = None

    def end(self, answer: bytes | None = None, error: FunctionError | None = None) -> None:
        """Settle it; the first who does so is right."""
        if not self.ended.is_set():
            self.answer, self.error = answer, error
            self.ended.set()


class Environment:
    """One execution environment: a process that holds the unpacked package and awslambdaric, no more."""

    def __init__(
        self, function: Function, task: Path, python: Path, variables: Mapping[str, str], log: Path
    ) -> None:
        self._function = function
        self._waiting: queue.Queue[_Invocation | None] = queue.Queue()
        self._ready = threading.Event()
        self._current: _Invocation | None = None
        self._server = Server("127.0.0.1", 0, self._answer, _refuse, limit=64 * 1024 * 1024)
        self._server.start()
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            [python, "-m", "awslambdaric", function.handler],
            cwd=task,
            env=self._variables(task, variables),
            stdout=self._log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        threading.Thread(target=self._watch, daemon=True).start()

    def _variables(self, task: Path, variables: Mapping[str, str]) -> dict[str, str]:
        """Give all that the process knows of the world: nothing of the developer's environment."""
        function = self._function
        return {
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_LAMBDA_FUNCTION_NAME": function.logical_id,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.logical_id}",
            "AWS_LAMBDA_LOG_STREAM_NAME": uuid.uuid4().hex,
            "AWS_LAMBDA_RUNTIME_API": self._server.url.removeprefix("http://"),
            "LAMBDA_TASK_ROOT": str(task),
            "LANG": "en_US.UTF-8",
            "PATH": os.defpath,
            # The base image has no time-zone database, and /var/task cannot be written to.
            "PYTHONTZPATH": "",
            "PYTHONDONTWRITEBYTECODE": "1",
            "TZ": ":UTC",
            "_HANDLER": function.handler,
            # Stage local names a profile of AWS, for `chalice local`. Lambda has no such files.
            **{name: value for name, value in function.variables.items() if not name.startswith("AWS_")},
            **variables,
        }

    @property
    def alive(self) -> bool:
        """Whether it can serve another request."""
        return self._process.poll() is None

    def invoke(self, payload: bytes) -> bytes:
        """Have one request served. Raises FunctionError."""
        invocation = self._current = _Invocation(payload)
        if not self._ready.wait(INIT_S) and self.alive:
            self.kill()
            raise FunctionError("Sandbox.Timedout", f"Init took longer than {INIT_S} seconds")
        self._waiting.put(invocation)
        if not self.alive:
            invocation.end(error=self._exited())
        if not invocation.ended.wait(self._function.timeout_s):
            took = f"Task timed out after {self._function.timeout_s}.00 seconds"
            invocation.end(error=FunctionError("Sandbox.Timedout", took))
            self.kill()
        self._current = None
        if invocation.answer is None:
            error = invocation.error or self._exited()
            if error.kind == TOO_LARGE:
                self.kill()  # the runtime client gives up on being told so
            raise error
        return invocation.answer

    def kill(self) -> None:
        """Stop the process as Lambda does at a time-out: at once."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Stop everything."""
        self.kill()
        self._waiting.put(None)
        self._server.stop()
        self._log.close()

    def _exited(self) -> FunctionError:
        return FunctionError("Runtime.ExitError", f"Runtime exited with {self._process.poll()}")

    def _watch(self) -> None:
        self._process.wait()
        self._ready.set()
        if self._current:
            self._current.end(error=self._exited())

    # --- the Runtime API -----------------------------------------------------------------------

    def _answer(self, request: Request) -> Response:
        match request.path.removeprefix(_API).split("/"):
            case ["invocation", "next"]:
                return self._next()
            case ["invocation", request_id, ("response" | "error") as kind]:
                return self._finish(request_id, kind, request.body)
            case ["init", "error"]:
                self._log.write(request.body + b"\n")
                return Response(202, [], b"")
        return _refuse(404, request.path)

    def _next(self) -> Response:
        self._ready.set()
        invocation = self._waiting.get()
        if invocation is None:
            return _refuse(500, "the environment is closing")
        deadline = int((time.time() + self._function.timeout_s) * 1000)
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(deadline),
            "Lambda-Runtime-Invoked-Function-Arn": self._function.arn,
            "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Sampled=0",
        }
        return Response(200, list(headers.items()), invocation.payload)

    def _finish(self, request_id: str, kind: str, body: bytes) -> Response:
        invocation = self._current
        if invocation is None or invocation.request_id != request_id:
            return _refuse(400, "no such invocation")
        if kind == "error":
            report: dict[str, Any] = json.loads(body)
            invocation.end(error=FunctionError(str(report["errorType"]), str(report["errorMessage"])))
        elif len(body) > PAYLOAD_BYTES:
            message = f"Response payload size exceeded maximum allowed payload size ({PAYLOAD_BYTES} bytes)."
            invocation.end(error=FunctionError(TOO_LARGE, message))
            return _refuse(413, message)
        else:
            invocation.end(answer=body)
        return Response(202, [], b"")


def _refuse(status: int, message: str) -> Response:
    body = json.dumps({"errorMessage": message, "errorType": "InvalidRequest"}).encode()
    return Response(status, [("Content-Type", "application/json")], body)


class Pool:
    """The environments of one function: made when needed, at most `most`, one request each at a time."""

    def __init__(self, make: Callable[[], Environment], most: int) -> None:
        self.most = most
        self._make = make
        self._free = threading.Semaphore(most)
        self._lock = threading.Lock()
        self._idle: list[Environment] = []
        self._all: list[Environment] = []

    @property
    def started(self) -> int:
        """How many environments were ever made."""
        return len(self._all)

    def invoke(self, payload: bytes) -> bytes:
        """Run the function on an event. Raises TooLarge or FunctionError."""
        if len(payload) > PAYLOAD_BYTES:
            raise TooLarge
        with self._free:
            environment = self._take()
            try:
                return environment.invoke(payload)
            finally:
                with self._lock:
                    self._idle.append(environment)

    def _take(self) -> Environment:
        with self._lock:
            while self._idle:
                environment = self._idle.pop()
                if environment.alive:
                    return environment
                environment.close()
            environment = self._make()
            self._all.append(environment)
            return environment

    def kill(self) -> None:
        """Kill every environment, whatever it is at."""
        for environment in list(self._all):
            environment.kill()

    def close(self) -> None:
        """Stop every environment."""
        for environment in self._all:
            environment.close()


def unpack(archive: Path, task: Path) -> Path:
    """Unpack a package as Lambda does under /var/task; gives the folder."""
    with zipfile.ZipFile(archive) as zipped:
        zipped.extractall(task)
    return task

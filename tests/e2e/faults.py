"""An AWS that fails: before the embedded one, as a network and a busy service are before the real one."""

import contextlib
import json
import random
import threading
from collections import Counter
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Literal, Self, get_args

from local.aws.embedded import Embedded
from local.httpserver import Request, Response

Kind = Literal["throttled", "failed", "lost", "half", "silent", "expired"]
"""Throttled, failed and expired: nothing was done. Lost (a 500), half (a cut-off answer) and silent (no
answer at all): it was done, and the caller cannot know."""

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

SILENCE_S: Final = 12
"""How long a silent answer is held: longer than any read time-out of the app."""


class Faults:
    """Serves the embedded AWS on a port of its own, and spoils answers when told to."""

    def __init__(self, aws: Embedded, seed: int = 2026) -> None:
        self._aws = aws
        self._random = random.Random(seed)  # noqa: S311 - the same faults each time
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._rate = 0.0
        self._kinds: Sequence[Kind] = ()
        self._coming: dict[str, list[Kind]] = {}
        self.injected: Counter[tuple[str, Kind]] = Counter()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"faults": self}))
        self._server.daemon_threads = True
        self._server.block_on_close = False

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The endpoint of every service."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def inject(self, kinds: Sequence[Kind], rate: float) -> None:
        """Let each call start, with the chance `rate`, one to four faults in a row of its operation.

        The app tries a call three times, so some calls survive and others fail for good. 0 ends it.
        """
        with self._lock:
            self._kinds, self._rate = kinds, rate
            if not rate:
                self._coming.clear()

    def fail(self, operation: str, times: int, kind: Kind = "failed") -> None:
        """Spoil the next `times` answers to one operation, or to all whose name begins so."""
        with self._lock:
            self._coming[operation] = [kind] * times

    def choose(self, operation: str) -> Kind | None:
        """Say what shall happen to a call."""
        with self._lock:
            for name, kinds in self._coming.items():
                if kinds and operation.startswith(name):
                    kind = kinds.pop()
                    break
            else:
                if self._random.random() >= self._rate:
                    return None
                kind = self._random.choice(self._kinds)
                self._coming.setdefault(operation, []).extend([kind] * self._random.randrange(4))
            self.injected[operation, kind] += 1
            return kind

    def handle(self, request: Request) -> Response:
        """Have the embedded AWS answer."""
        return self._aws.handle(request)

    def wait(self) -> None:
        """Say nothing for longer than anybody listens."""
        self._closing.wait(SILENCE_S)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    faults: Faults

    def do_POST(self) -> None:
        with contextlib.suppress(ConnectionError):
            self._serve()

    do_GET = do_POST  # noqa: N815 - the names are http.server's
    do_PUT = do_POST  # noqa: N815
    do_DELETE = do_POST  # noqa: N815
    do_HEAD = do_POST  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.flush()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, self.headers, body, self.client_address[0])
        operation = self.headers.get("X-Amz-Target") or f"{self.command} {request.path.split('/')[1]}"
        match self.faults.choose(operation):
            case None:
                self._send(self.faults.handle(request))
            case "throttled" | "failed" | "expired" as kind:
                self._send(_refusal(kind, operation))
            case "lost":
                self.faults.handle(request)
                self._send(_refusal("failed", operation))
            case "half":
                self._send(self.faults.handle(request), half=True)
            case "silent":
                self.faults.handle(request)
                self.faults.wait()
                self.close_connection = True

    def _send(self, answer: Response, *, half: bool = False) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers:
            if name.lower() not in {"content-length", "date", "server", "connection"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: len(answer.body) // 2] if half else answer.body)
        self.wfile.flush()
        self.close_connection = half


def _refusal(kind: Literal["throttled", "failed", "expired"], operation: str) -> Response:
    """Answer as the service does, in the error shape of its protocol."""
    if operation.startswith(("DynamoDB_", "RekognitionService.")):
        codes = {
            "throttled": "ProvisionedThroughputExceededException",
            "failed": "InternalServerError",
            "expired": "ExpiredTokenException",
        }
        body = json.dumps({"__type": codes[kind], "message": kind}).encode()
        return Response(
            500 if kind == "failed" else 400, [("Content-Type", "application/x-amz-json-1.1")], body
        )
    codes = {"throttled": "SlowDown", "failed": "InternalError", "expired": "ExpiredToken"}
    text = f"<Error><Code>{codes[kind]}</Code><Message>{kind}</Message></Error>"
    if operation == "POST ":  # STS, by its query protocol
        text = f"<ErrorResponse>{text}<RequestId>0</RequestId></ErrorResponse>"
    status = {"throttled": 503, "failed": 500, "expired": 400}[kind]
    return Response(status, [("Content-Type", "text/xml")], text.encode())

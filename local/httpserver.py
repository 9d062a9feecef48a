"""A small HTTP/1.1 server for loopback: keep-alive, whole requests in, whole answers out.

Python's own and Werkzeug's development servers send headers and body in two packets, which costs 44 ms a
request when the client delays its acknowledgements, or close the connection after each answer.
"""

import contextlib
import re
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

IDLE_S = 65
"""How long a silent connection is kept."""

_DIGITS = re.compile(r"[0-9]+")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(;[^\r\n]*)?\r?\n")


class Request(NamedTuple):
    """One request, its body read to the end. `target` is path and query as they were sent."""

    method: str
    target: str
    headers: Message
    body: bytes
    client: str

    @property
    def path(self) -> str:
        """The path, still percent-encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The query string without its question mark; empty when there is none."""
        return self.target.partition("?")[2]


class Answer(NamedTuple):
    """What is sent back; Content-Length and Date are added."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes = b""


class _Refused(Exception):
    """The request cannot be read; the connection cannot be used again."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Server(ThreadingHTTPServer):
    """Serves `answer` on one port, bound at once (port 0: a free one) and served between start and stop.

    `refuse(status, message)` makes the answer to what never reaches `answer`: a body over `limit` bytes
    (413), a damaged request (400) or an unexpected error (500). Raises OSError if the port is taken.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    allow_reuse_address = True

    def __init__(
        self,
        host: str,
        port: int,
        answer: Callable[[Request], Answer],
        refuse: Callable[[int, str], Answer],
        *,
        limit: int,
        verbose: bool = False,
    ) -> None:
        self.answer = answer
        self.refuse = refuse
        self.limit = limit
        self.verbose = verbose
        self._open: set[socket.socket] = set()
        self._thread: threading.Thread | None = None
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise OSError(error.errno, f"{host}:{port}: {error.strerror}") from error

    @property
    def url(self) -> str:
        """Where it serves."""
        host = str(self.server_address[0])
        return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{self.server_address[1]}"  # noqa: S104

    def server_bind(self) -> None:
        """Bind without http.server's reverse look-up of the host's name, which may take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def start(self) -> None:
        """Serve from a thread of its own."""
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True, name=f"http-{self.url}"
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop serving, close the port and every open connection."""
        if self._thread:
            self.shutdown()
            self._thread.join(2)
        self.server_close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Note the connection, so that stop can close it."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that ended."""
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say in one line what broke a connection; a client that went away is no error."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            print(f"error: a connection broke: {type(error).__name__}: {error}", file=sys.stderr, flush=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "rollcall"
    sys_version = ""
    timeout = IDLE_S
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    server: Server

    def handle_one_request(self) -> None:
        """Read one request, answer it, and be ready for the next on the same connection."""
        try:
            self.raw_requestline = self.rfile.readline(65_537)
            if len(self.raw_requestline) > 65_536:
                self.requestline, self.request_version, self.command = "", "HTTP/1.1", ""
                self.send_error(HTTPStatus.REQUEST_URI_TOO_LONG)
                return
            if not self.raw_requestline:
                self.close_connection = True
                return
            if self.parse_request():
                self._send(self._answer())
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _answer(self) -> Answer:
        try:
            body = self._body()
        except _Refused as refused:
            self.close_connection = True
            return self.server.refuse(refused.status, refused.message)
        request = Request(self.command, self.path, self.headers, body, self.client_address[0])
        try:
            return self.server.answer(request)
        except Exception as error:
            where = f"{request.method} {request.path}"
            print(f"error: {where}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            return self.server.refuse(500, "An internal error occurred.")

    def _send(self, answer: Answer) -> None:
        bodiless = self.command == "HEAD" or answer.status in {204, 304}
        named = {name.lower() for name, _ in answer.headers}
        dropped = {"transfer-encoding", "connection", "server", "date"}
        if not (self.command == "HEAD" and "content-length" in named):
            dropped.add("content-length")  # a HEAD says how long the body would be; else it is what it is
        self.send_response(answer.status)
        for name, value in answer.headers:
            if name.lower() not in dropped:
                self.send_header(name, value)
        if "content-length" in dropped and answer.status not in {204, 304}:
            self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if not bodiless:
            self.wfile.write(answer.body)
        self.wfile.flush()

    def _body(self) -> bytes:
        coding = self.headers.get("Transfer-Encoding", "").strip().lower()
        length = self.headers.get("Content-Length")
        if coding:
            if coding != "chunked" or length is not None:
                raise _Refused(400, "The request's length is not clear.")
            return self._chunked()
        if length is None:
            return b""
        if not _DIGITS.fullmatch(length.strip()) or len(length) > 18:
            raise _Refused(400, "Content-Length is not a number.")
        if int(length) > self.server.limit:
            self._drain(int(length))
            raise _Refused(413, "Request Too Long")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionResetError
        return body

    def _drain(self, length: int) -> None:
        # Closing at once would reset the connection before the client reads why.
        left = min(length, 64 * 1024 * 1024)
        self.connection.settimeout(2)
        while left > 0:
            part = self.rfile.read(min(left, 1 << 20))
            if not part:
                return
            left -= len(part)

    def _chunked(self) -> bytes:
        parts: list[bytes] = []
        total = 0
        while True:
            head = _CHUNK_SIZE.fullmatch(self.rfile.readline(1024))
            if not head:
                raise _Refused(400, "A chunk of the request is damaged.")
            size = int(head[1], 16)
            total += size
            if total > self.server.limit:
                raise _Refused(413, "Request Too Long")
            if not size:
                while self.rfile.readline(65_537) not in {b"\r\n", b"\n", b""}:
                    pass  # trailers
                return b"".join(parts)
            parts.append(self.rfile.read(size))
            if self.rfile.readline(3) not in {b"\r\n", b"\n"}:
                raise _Refused(400, "A chunk of the request is damaged.")

    def handle_expect_100(self) -> bool:
        """Let a client that asked go on with its body; the buffered writer needs a push."""
        self.send_response_only(HTTPStatus.CONTINUE)
        self.end_headers()
        self.wfile.flush()
        return True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a request that could not even be parsed."""
        self.close_connection = True
        self.request_version = "HTTP/1.1"  # what is no HTTP passes for 0.9, whose answers have no headers
        self._send(self.server.refuse(int(code), message or HTTPStatus(code).phrase))

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write one short line per request when asked to."""
        if self.server.verbose:
            status = code.value if isinstance(code, HTTPStatus) else code
            print(f"{self.command} {getattr(self, 'path', '?')} {status}", flush=True)

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing else."""

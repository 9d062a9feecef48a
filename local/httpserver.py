"""The HTTP server of both ports: waitress, which parses and keeps connections, around one function.

Requests for other hosts or from pages of other origins are refused before that function (`admission.py`).

Waitress is used below its WSGI layer, because WSGI loses what API Gateway and S3 pass on: the target as it
was sent, and the names of headers. `docs/decisions.md` says why it is waitress.
"""

import contextlib
import logging
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from email.message import Message
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError, get_header_lines
from waitress.server import TcpWSGIServer
from waitress.task import Task, ThreadedTaskDispatcher
from waitress.utilities import BadRequest

from local.admission import Admission

IDLE_S: Final = 65
"""Seconds after which an idle connection is closed."""

THREADS: Final = 32
"""Requests that one port serves at once; more wait for their turn."""

HEADER_BYTES: Final = 64 * 1024
"""The largest request line with its headers, and the largest trailer of a chunked body."""

_DISCARDED: Final = 64 * 1024 * 1024  # read and thrown away of a body that is refused
_REPLACED: Final = {"connection", "content-length", "date", "server", "transfer-encoding"}
_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}

logging.getLogger("waitress").setLevel(logging.ERROR)  # not of requests that wait, nor of threads at the end


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


class Response(NamedTuple):
    """One response. Content-Length and Date are added when it is sent."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes = b""


class Server:
    """Serves `handle` on one port, bound at once (port 0: a free one) and served between start and stop.

    `error_response(status, message)` responds where `handle` cannot: to a body over `limit` bytes (413), a
    damaged request (400, 431, 501), one that `admission` refuses (403) or an unexpected error (500). Left
    out, `admission` is that of this host and port alone. Raises OSError for a taken port.
    """

    def __init__(
        self,
        host: str,
        port: int,
        handle: Callable[[Request], Response],
        error_response: Callable[[int, str], Response],
        *,
        limit: int,
        admission: Admission | None = None,
        verbose: bool = False,
    ) -> None:
        self._handle = handle
        self._admission = admission or Admission(host)
        self.error_response = error_response
        self._verbose = verbose
        self._thread: threading.Thread | None = None
        self._sockets: dict[int, Any] = {}
        self._threads = ThreadedTaskDispatcher()
        settings = Adjustments(
            asyncore_use_poll=True,
            channel_timeout=IDLE_S,
            clear_untrusted_proxy_headers=False,  # nor wrap the application to do it
            connection_limit=1000,
            ident="rollcall",
            inbuf_overflow=limit + 1,  # bodies stay in memory
            max_request_body_size=limit + 1,  # waitress refuses from this size on
            max_request_header_size=HEADER_BYTES,
            recv_bytes=64 * 1024,
        )
        where = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, (host, port))
        try:
            self._port = _Port(self, self._sockets, dispatcher=self._threads, adj=settings, sockinfo=where)
        except OSError as error:
            wasyncore.close_all(self._sockets)
            raise OSError(error.errno, f"{host}:{port}: {error.strerror}") from error
        host, number = self._port.socket.getsockname()
        self._admission.add_address(host, number)
        self.url: Final = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{number}"  # noqa: S104

    def start(self) -> None:
        """Serve from threads of its own."""
        self._threads.set_thread_count(THREADS)
        self._thread = threading.Thread(target=self._port.run, daemon=True, name=f"http-{self.url}")
        self._thread.start()

    def stop(self) -> None:
        """Close the port and every connection; a request that is being served loses its response."""
        if self._thread is None:
            wasyncore.close_all(self._sockets)
            return
        # The sockets belong to the serving thread, which ends when it has none left.
        with contextlib.suppress(OSError):  # it has ended already
            self._port.trigger.pull_trigger(lambda: wasyncore.close_all(self._sockets))
        self._thread.join(2)
        self._threads.shutdown(timeout=1)

    def respond(self, request: Request) -> Response:
        """Serve one request. An unexpected error is one line of the log, and a 500."""
        try:
            if refusal := self._admission.refusal(request.headers):
                response = self.error_response(403, refusal)
            else:
                response = _checked(self._handle(request))
        except Exception as error:
            where = f"{request.method} {request.path}"
            print(f"error: {where}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            response = self.error_response(500, "An internal error occurred.")
        if self._verbose:
            print(f"{request.method} {request.target} {response.status}", flush=True)
        return self._shared(request.headers, response)

    def refuse(self, status: int, message: str, headers: Message) -> Response:
        """Respond to a request that cannot be read beyond these headers."""
        return self._shared(headers, self.error_response(status, message))

    def _shared(self, headers: Message, response: Response) -> Response:
        return response._replace(headers=self._admission.narrow(headers, response.headers))


def _checked(response: Response) -> Response:
    if any("\n" in name + value or "\r" in name + value for name, value in response.headers):
        raise ValueError("a header of the response has a line break")
    return response


class _Parser(HTTPRequestParser):  # type: ignore[misc] # waitress has no types
    """Waitress's parser, which also keeps the headers as they were sent and closes three gaps."""

    command = ""
    fields = Message()

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the request line and headers. Raises ParsingError if the body's length is ambiguous."""
        self.fields = Message()  # first of all, so that a refusal can say who may read it
        for line in get_header_lines(header_plus.partition(b"\r\n")[2]):
            name, _, value = line.decode("latin-1").partition(":")
            self.fields[name] = value.strip(" \t")
        super().parse_header(header_plus)
        # RFC 9112, 6.1 and 6.3: both lengths in one request, or chunks in HTTP/1.0, are a smuggler's tools.
        if "TRANSFER_ENCODING" in self.headers or (self.chunked and "CONTENT_LENGTH" in self.headers):
            raise ParsingError("The length of the request is ambiguous.")
        if self.content_length >= self.adj.max_request_body_size:
            self.expect_continue = False  # the 413 comes first, and spares the client its upload

    def received(self, data: bytes) -> int:
        """Take bytes from the client; gives how many of them were part of this request."""
        consumed: int = super().received(data)
        if len(getattr(self.body_rcv, "trailer", b"")) > HEADER_BYTES:
            self.error = BadRequest("The trailer of the request is too large.")
            self.completed = True
        return consumed


class _Task(Task):  # type: ignore[misc]
    """Has the server respond to one request, or refuse what cannot be read and end the connection."""

    def execute(self) -> None:
        """Respond."""
        server: Server = self.channel.server.application
        asked, error = self.request, self.request.error
        if error:
            message = "Request Too Long" if error.code == 413 else error.body
            response = server.refuse(error.code, message, asked.fields)
        else:
            body = asked.get_body_stream().read()
            client = self.channel.addr[0]
            response = server.respond(Request(asked.command, asked.request_uri, asked.fields, body, client))
        self._send(response, head=asked.command == "HEAD", last=bool(error))

    def _send(self, response: Response, *, head: bool, last: bool) -> None:
        self.complete = True
        self.status = f"{response.status} {_PHRASES.get(response.status, '')}"
        self.response_headers = [pair for pair in response.headers if pair[0].lower() not in _REPLACED]
        length = [pair for pair in response.headers if pair[0].lower() == "content-length"]
        if head and length:  # which says how long the body of a GET would be
            self.response_headers += length
        else:
            self.content_length = len(response.body)
        if last:
            self.set_close_on_finish()
            self.channel.refused = True
        self._names = {name for name, _ in response.headers}
        self.write(b"" if head else response.body)

    def build_response_header(self) -> bytes:
        """Restore the case of header names, which waitress capitalises: names of S3's metadata have one."""
        head: bytes = super().build_response_header()
        for name in self._names:
            capitalised = "-".join(part.capitalize() for part in name.split("-"))
            head = head.replace(f"\r\n{capitalised}: ".encode(), f"\r\n{name}: ".encode())
        return head


class _Channel(HTTPChannel):  # type: ignore[misc]
    """A connection. After a refusal it reads on until the client is done.

    To close it at once would reset it, and a client in the middle of its upload would never read why.
    """

    task_class = _Task
    error_task_class = _Task
    parser_class = _Parser
    refused = False
    _lingering = False
    _discarded = 0

    def readable(self) -> bool:
        """Return whether to read from the client."""
        return self._lingering or bool(super().readable())

    def received(self, data: bytes) -> bool:
        """Take what a client sent."""
        if not self._lingering:
            return bool(super().received(data))
        self._discarded += len(data)
        if self._discarded > _DISCARDED:
            super().handle_close()
        return False

    def handle_close(self) -> None:
        """Close the connection, or after a refusal first its sending half."""
        if self.refused and self.connected and not self._lingering:
            self._lingering, self.will_close = True, False
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
                return
        super().handle_close()


class _Port(TcpWSGIServer):  # type: ignore[misc]
    channel_class = _Channel

    def pull_trigger(self) -> None:
        """Wake the serving thread; after `stop` there is none, and a late response has nowhere to go."""
        with contextlib.suppress(OSError):
            super().pull_trigger()

"""The HTTP port of `make run`: what it reads, what it refuses, and how it is stopped."""

import contextlib
import http.client
import socket
import threading
from collections.abc import Iterator

import pytest

from local.httpserver import Request, Response, Server
from tests.support.patience import PATIENCE_S

LIMIT = 100_000
CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"


def echo(request: Request) -> Response:
    """Answer with what was asked: method, target, the header X-A_b and the body's length."""
    if request.path == "/broken":
        raise RuntimeError("a fault of the application")
    if request.path == "/split":
        return Response(200, [("X-A", "a\r\nX-B: b")])
    words = (request.method, request.target, request.headers.get("X-A_b", "-"), str(len(request.body)))
    return Response(
        200, [("Content-Type", "text/plain"), ("x-amz-meta-a_b-c", "-")], " ".join(words).encode()
    )


def error(status: int, message: str) -> Response:
    return Response(status, [("X-Error", "yes")], message.encode())


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server("127.0.0.1", 0, echo, error, limit=LIMIT)
    running.start()
    yield running
    running.stop()


def connect(server: Server) -> socket.socket:
    host, _, port = server.url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE_S)


def client(server: Server) -> "contextlib.closing[http.client.HTTPConnection]":
    return contextlib.closing(
        http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=PATIENCE_S)
    )


def send(server: Server, *parts: bytes) -> list[tuple[int, bytes]]:
    """Send bytes on one connection and read every response until the server closes it or is idle."""
    with connect(server) as connection:
        try:
            for part in parts:
                connection.sendall(part)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused before all was sent; the response is there to be read
        received = b""
        while part := connection.recv(65_536):
            received += part
    found = []
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        found.append((int(head.split(b" ")[1]), received[:length]))
        received = received[length:]
    return found


def test_many_requests_of_one_connection_do_not_stall(server: Server) -> None:
    with client(server) as connection:
        connection.connect()
        own = connection.sock.getsockname()
        for number in range(30):
            connection.request("GET", f"/{number}")
            assert connection.getresponse().read().split()[1] == f"/{number}".encode()
            assert connection.sock.getsockname() == own
        [accepted] = [
            channel.socket
            for channel in list(server._sockets.values())
            if getattr(channel, "addr", None) == own
        ]
        # With Nagle's algorithm each response would wait for a delayed acknowledgement, 40 ms long.
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 30\r\n\r\nabc",
            id="two Content-Lengths",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
            id="one Content-Length twice",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
            id="space before the colon",
        ),
        pytest.param(CHUNKED + b"Content-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n", id="length and chunks"),
        pytest.param(
            b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            id="chunks in HTTP/1.0",
        ),
        pytest.param(CHUNKED + b"\r\n-3\r\nabc\r\n0\r\n\r\n", id="negative chunk"),
        pytest.param(CHUNKED + b"\r\n0x3\r\nabc\r\n0\r\n\r\n", id="prefixed chunk size"),
        pytest.param(CHUNKED + b"\r\n3\r\nabcd\r\n0\r\n\r\n", id="chunk longer than its size"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: a\nX-B: b\r\n\r\n", id="bare newline"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n", id="header without a colon"),
        pytest.param(CHUNKED + b"\r\n0\r\n" + b"X-T: 1\r\n" * 20_000 + b"\r\n", id="endless trailers"),
    ],
)
def test_a_request_whose_length_is_in_doubt_is_refused_and_its_connection_closed(
    server: Server, data: bytes
) -> None:
    # What follows on the connection must not be taken for a second request.
    responses = send(server, data, b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert [status for status, _ in responses] == [400]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(CHUNKED.replace(b"chunked", b"gzip") + b"\r\n", 501, id="coding"),
        pytest.param(b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 431, id="endless target"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"X-A: a\r\n" * 20_000 + b"\r\n", 431, id="endless headers"),
        pytest.param(b"NONSENSE\r\n\r\n", 400, id="no HTTP"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, id="TLS"),
        pytest.param(b"GET /broken HTTP/1.1\r\nHost: localhost\r\n\r\n", 500, id="fault of the application"),
        pytest.param(b"GET /split HTTP/1.1\r\nHost: localhost\r\n\r\n", 500, id="line break in a header"),
    ],
)
def test_every_error_has_the_form_of_its_port(
    server: Server, data: bytes, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    with connect(server) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert (response.status, response.headers["X-Error"]) == (status, "yes")
        assert b"RuntimeError" not in response.read()
    assert "Traceback" not in capfd.readouterr().err


def test_a_body_over_the_limit_is_refused_and_its_sender_can_read_why(server: Server) -> None:
    with client(server) as connection:
        connection.request("POST", "/", bytes(40 * LIMIT))
        response = connection.getresponse()
        assert (response.status, response.read()) == (413, b"Request Too Long")
        assert response.headers["Connection"] == "close"


def test_chunks_over_the_limit_are_refused(server: Server) -> None:
    data = b"%x\r\n%b\r\n" % (LIMIT + 1, bytes(LIMIT + 1))
    assert send(server, CHUNKED + b"\r\n" + data + b"0\r\n\r\n") == [(413, b"Request Too Long")]


def test_a_body_of_exactly_the_limit_is_taken(server: Server) -> None:
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % LIMIT
    assert send(server, head, bytes(LIMIT)) == [(200, b"POST / - 100000")]


def test_a_body_in_chunks_arrives_whole(server: Server) -> None:
    chunks = b"3;name=value\r\nabc\r\n" + b"9\r\n" + b"d" * 9 + b"\r\n"
    assert send(server, CHUNKED + b"\r\n", chunks, b"0\r\n", b"X-T: 1\r\n\r\n") == [(200, b"POST / - 12")]


def test_a_connection_serves_one_request_after_another(server: Server) -> None:
    ports = set()
    with client(server) as connection:
        for number in range(20):
            connection.request("PUT", f"/a%2Fb;c?x={number}", b"body", {"X-A_b": "kept"})
            assert connection.getresponse().read() == b"PUT /a%%2Fb;c?x=%d kept 4" % number
            ports.add(connection.sock.getsockname())
    assert len(ports) == 1


def test_the_names_of_headers_are_sent_as_they_are_given(server: Server) -> None:
    with client(server) as connection:
        connection.request("GET", "/")
        assert "x-amz-meta-a_b-c" in dict(connection.getresponse().getheaders())


def test_requests_sent_ahead_are_answered_in_their_order(server: Server) -> None:
    data = b"".join(b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % number for number in range(5))
    assert [body for _, body in send(server, data)] == [b"GET /%d - 0" % number for number in range(5)]


def test_a_client_that_waits_for_100_continue_is_told_to_go_on(server: Server) -> None:
    with connect(server) as connection:
        head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
        connection.sendall(head)
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"body")
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert (response.status, response.read()) == (200, b"POST / - 4")


def test_a_client_that_waits_for_100_continue_is_told_first_that_its_body_is_too_large(
    server: Server,
) -> None:
    with connect(server) as connection:
        connection.sendall(
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_head_has_the_length_of_the_body_and_no_body(server: Server) -> None:
    with client(server) as connection:
        connection.request("HEAD", "/")
        response = connection.getresponse()
        assert (response.headers["Content-Length"], response.read()) == ("10", b"")
        connection.request("GET", "/next")
        assert connection.getresponse().read() == b"GET /next - 0"


def test_slow_requests_do_not_hold_up_others() -> None:
    together = threading.Barrier(12)

    def wait(request: Request) -> Response:
        together.wait(PATIENCE_S)
        return Response(200, [], b"met")

    server = Server("127.0.0.1", 0, wait, error, limit=LIMIT)
    server.start()
    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        connections = [stack.enter_context(client(server)) for _ in range(together.parties)]
        for connection in connections:
            connection.request("GET", "/")
        assert {connection.getresponse().read() for connection in connections} == {b"met"}


def test_a_stopped_server_has_closed_its_port_and_its_connections() -> None:
    server = Server("127.0.0.1", 0, echo, error, limit=LIMIT)
    server.start()
    with client(server) as connection:
        connection.request("GET", "/")
        connection.getresponse().read()
        server.stop()
        assert connection.sock.recv(100) == b""
    with pytest.raises(ConnectionRefusedError):
        connect(server)


def test_a_server_that_never_started_can_be_stopped() -> None:
    server = Server("127.0.0.1", 0, echo, error, limit=LIMIT)
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        connect(server)


def test_a_taken_port_is_named() -> None:
    server = Server("127.0.0.1", 0, echo, error, limit=LIMIT)
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(OSError, match=f"127.0.0.1:{port}"):
        Server("127.0.0.1", port, echo, error, limit=LIMIT)
    server.stop()

"""What a page in a browser of this machine can do at the ports of `make run`: nothing, unless it is ours."""

import contextlib
import socket
import ssl
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from local.admission import Admission
from local.liveness import certificate, signing
from tests.support.patience import PATIENCE_S
from tests.support.service import Service

PORTS = ["url", "aws_url", "stream_url", "stream_tls_url"]
PAGE = "Origin: http://localhost:5173"

Header = tuple[str, str]


def refused(admission: Admission, *headers: Header) -> bool:
    message = Message()
    for name, value in headers:
        message[name] = value
    return admission.refusal(message) is not None


# --- the rule -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "named", "admitted"),
    [
        pytest.param("127.0.0.1", "127.0.0.1:8000", True, id="loopback"),
        pytest.param("127.0.0.1", "127.0.0.1", True, id="no port"),
        pytest.param("127.0.0.1", "127.8.8.8:1", True, id="another loopback address, mapped port"),
        pytest.param("127.0.0.1", "LocalHost:8000", True, id="localhost"),
        pytest.param("127.0.0.1", "app.localhost:8000", True, id="a name below localhost"),
        pytest.param("127.0.0.1", "[::1]:8000", True, id="loopback of IPv6"),
        pytest.param("127.0.0.1", "evil.example:8000", False, id="rebound name"),
        pytest.param("127.0.0.1", "localhost.evil.example", False, id="name that begins with ours"),
        pytest.param("127.0.0.1", "evillocalhost", False, id="name that ends with ours"),
        pytest.param("127.0.0.1", "localhost@evil.example", False, id="user before the name"),
        pytest.param("127.0.0.1", "192.168.1.5:8000", False, id="an address not served on"),
        pytest.param("127.0.0.1", "0.0.0.0:8000", False, id="every address"),
        pytest.param("127.0.0.1", "", False, id="empty"),
        pytest.param("192.168.1.5", "192.168.1.5:8000", True, id="address served on"),
        pytest.param("Laptop.lan", "laptop.lan:8000", True, id="name served on"),
        pytest.param("laptop.lan", "evil.example:8000", False, id="rebound name on a network"),
        pytest.param("0.0.0.0", "192.168.1.5:8000", True, id="any address, when served on all"),
        pytest.param("0.0.0.0", socket.gethostname(), True, id="the machine's name, when served on all"),
        pytest.param("0.0.0.0", "evil.example", False, id="rebound name, when served on all"),
    ],
)
def test_a_request_must_be_for_a_host_that_is_served(host: str, named: str, admitted: bool) -> None:
    assert refused(Admission(host), ("Host", named)) is not admitted


@pytest.mark.parametrize("hosts", [[], ["localhost", "localhost"], ["localhost", "evil.example"]])
def test_a_request_names_one_host(hosts: list[str]) -> None:
    assert refused(Admission(), *[("Host", host) for host in hosts])


@pytest.mark.parametrize(
    ("origin", "admitted"),
    [
        pytest.param("http://localhost:5173", True, id="Vite"),
        pytest.param("http://127.0.0.1:3000", True, id="another server of pages"),
        pytest.param("http://localhost:8000", True, id="the app's own pages"),
        pytest.param("http://127.0.0.1:4566", True, id="another port of the run"),
        pytest.param("http://laptop.lan:8080", True, id="named in ROLLCALL_ORIGIN"),
        pytest.param("http://localhost:9000", False, id="another port of the machine"),
        pytest.param("https://localhost:8000", False, id="another scheme"),
        pytest.param("http://evil.example", False, id="another site"),
        pytest.param("http://evil.example:8000", False, id="another site on the app's port"),
        pytest.param("http://localhost:5173.evil.example", False, id="an origin that begins with ours"),
        pytest.param("null", False, id="a sandbox or a file"),
        pytest.param("*", False, id="no origin"),
        pytest.param("", False, id="empty"),
    ],
)
def test_a_page_must_be_of_a_known_origin(origin: str, admitted: bool) -> None:
    admission = Admission(
        origins=["http://localhost:5173", "http://127.0.0.1:3000", "http://laptop.lan:8080/"]
    )
    for port in (8000, 4566):
        admission.add_address("127.0.0.1", port)
    assert refused(admission, ("Host", "127.0.0.1:4566"), ("Origin", origin)) is not admitted


def test_behind_a_mapped_port_the_apps_own_pages_are_known_by_the_host_they_ask() -> None:
    admission = Admission()
    admission.add_address("127.0.0.1", 8000)
    assert not refused(admission, ("Host", "localhost:9000"), ("Origin", "http://localhost:9000"))
    assert refused(admission, ("Host", "localhost:9000"), ("Origin", "http://localhost:9001"))


@pytest.mark.parametrize(
    ("headers", "admitted"),
    [
        pytest.param([], True, id="no browser"),
        pytest.param([("Sec-Fetch-Site", "none")], True, id="typed by the user"),
        pytest.param([("Sec-Fetch-Site", "same-origin")], True, id="own page"),
        pytest.param([("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")], True, id="link"),
        pytest.param([("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")], False, id="image"),
        pytest.param([("Sec-Fetch-Site", "same-site"), ("Sec-Fetch-Mode", "no-cors")], False, id="neighbour"),
        pytest.param(
            [("Sec-Fetch-Site", "cross-site"), ("Referer", "http://localhost:5173/people?q=a")],
            True,
            id="image on a developer's page",
        ),
        pytest.param(
            [("Sec-Fetch-Site", "cross-site"), ("Referer", "http://evil.example/http://localhost:5173/")],
            False,
            id="image on another page",
        ),
        pytest.param(
            [("Sec-Fetch-Site", "cross-site"), ("Referer", "http://[")], False, id="nonsense for a page"
        ),
    ],
)
def test_a_request_without_an_origin_is_judged_by_the_page_it_comes_from(
    headers: list[Header], admitted: bool
) -> None:
    assert refused(Admission(), ("Host", "localhost:8000"), *headers) is not admitted


# --- the ports ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def service(state: Path) -> Iterator[Service]:
    running = Service(state)
    yield running
    running.process.terminate()
    running.process.communicate(timeout=PATIENCE_S)


def ask(service: Service, state: Path, port: str, *headers: str, method: str = "GET") -> str:
    """Send a request with these headers and no others to a port; gives the head of the answer."""
    parts = urlsplit(str(service.run[port]))
    path = {"url": "/session", "aws_url": "/"}.get(port, signing.PATH)
    lines = [f"{method} {path} HTTP/1.1", *headers]
    if parts.scheme in {"ws", "wss"}:
        lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
        lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    else:
        lines += ["Connection: close"]
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(
            socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE_S)
        )
        if parts.scheme == "wss":
            trusted = ssl.create_default_context(cafile=state / certificate.NAME)
            connection = stack.enter_context(trusted.wrap_socket(connection, server_hostname=parts.hostname))
        connection.sendall("".join(f"{line}\r\n" for line in [*lines, ""]).encode())
        received = b""
        while b"\r\n\r\n" not in received and (part := connection.recv(65_536)):
            received += part
    return received.partition(b"\r\n\r\n")[0].decode().lower()


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(["Host: evil.example"], id="rebound name"),
        pytest.param(["Host: localhost", "Host: evil.example"], id="two hosts"),
        pytest.param(["Host: localhost", "Origin: https://evil.example"], id="another site"),
        pytest.param(["Host: localhost", "Origin: null"], id="a sandbox or a file"),
        pytest.param(
            ["Host: localhost", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"], id="image"
        ),
    ],
)
def test_other_hosts_and_pages_are_refused_on_every_port(
    service: Service, state: Path, port: str, headers: list[str]
) -> None:
    head = ask(service, state, port, *headers)
    assert head.startswith("http/1.1 403 ")
    assert "access-control-allow-origin" not in head


@pytest.mark.parametrize(("port", "status"), list(zip(PORTS, (200, 403, 101, 101), strict=True)))
def test_a_developers_page_is_admitted_on_every_port(
    service: Service, state: Path, port: str, status: int
) -> None:
    head = ask(service, state, port, "Host: localhost", PAGE)
    assert head.startswith(f"http/1.1 {status} ")
    if port == "aws_url":  # it is S3 that refuses, for the want of a signature
        assert "content-type: application/xml" in head


@pytest.mark.parametrize("port", ["url", "aws_url"])
def test_the_preflight_of_another_page_is_refused(service: Service, state: Path, port: str) -> None:
    asked = ["Host: localhost", "Access-Control-Request-Method: POST"]
    head = ask(service, state, port, *asked, "Origin: https://evil.example", method="OPTIONS")
    assert (head[:13], "access-control-allow-origin" in head) == ("http/1.1 403 ", False)


def test_the_preflight_of_a_developers_page_names_its_origin(service: Service, state: Path) -> None:
    asked = ["Host: localhost", "Access-Control-Request-Method: POST", PAGE]
    head = ask(service, state, "url", *asked, method="OPTIONS")
    assert "\r\naccess-control-allow-origin: http://localhost:5173\r\n" in head
    assert "\r\nvary: origin\r\n" in f"{head}\r\n"
    assert "*" not in head

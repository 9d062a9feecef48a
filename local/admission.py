"""Which requests the ports of this machine take, by the host they name and the web origin they come from.

Any page in a browser may send requests to a port of the browser's machine, but it cannot choose their headers
`Host` and `Origin`. A page whose name was made to resolve to this machine (DNS rebinding) is known by the
first, a page of another site by the second. Programs that are no browsers send no `Origin` and are admitted.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

DEVELOPMENT_ORIGINS: Final = tuple(
    f"http://{host}:{port}" for host in ("localhost", "127.0.0.1") for port in (5173, 3000)
)
"""Where the servers of front-end developers serve their pages: Vite, and most others."""

_AUTHORITY: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_PAGE: Final = re.compile("https?://[^/?#]+")
_SHARED: Final = "access-control-allow-origin"


class Headers(Protocol):
    """The headers of a request; names in any case, and a name may be there several times."""

    def get_all(self, name: str, /) -> Sequence[Any] | None:
        """Return all values of a header."""


class Admission:
    """Decides for all ports of one run.

    `host` is the address or name to serve on, `origins` are those of other servers' pages. Pages that one of
    the ports itself serves are admitted at each of them.
    """

    def __init__(self, host: str = "127.0.0.1", origins: Iterable[str] = DEVELOPMENT_ORIGINS) -> None:
        self._hosts = {"localhost", host.lower().strip("[]")}
        # Served on every address, this machine has others than those of its loopback interface, and a name.
        self._everywhere = _address(host) in (ipaddress.IPv4Address(0), ipaddress.IPv6Address(0))
        if self._everywhere:
            self._hosts.add(socket.gethostname().lower())
        self._origins = {origin.rstrip("/").lower() for origin in origins}
        self._ports: set[int] = set()

    def add_address(self, host: str, port: int) -> None:
        """Admit requests to an address of this run, and from the pages that it serves."""
        self._hosts.add(host.lower())
        self._ports.add(port)

    def refusal(self, headers: Headers) -> str | None:
        """Say why a request is refused; None if it is admitted."""
        hosts = headers.get_all("Host") or []
        if len(hosts) != 1 or not self._is_own_host(str(hosts[0])):
            return "The Host header does not name this machine."
        origin = _origin(headers)
        if origin is not None and not self._is_own_origin(origin, str(hosts[0])):
            return "Pages of this origin may not call here."
        return None

    def narrow(self, headers: Headers, shared: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return the headers of a response, readable by the origin that asked instead of by every origin.

        Where the response allows no origin at all, none is added.
        """
        kept = [pair for pair in shared if pair[0].lower() != _SHARED]
        if len(kept) == len(shared):
            return kept
        origin = headers.get_all("Origin") or []
        if origin and self.refusal(headers) is None:
            kept.append(("Access-Control-Allow-Origin", str(origin[0])))
        return [*kept, ("Vary", "Origin")]

    def _is_own_host(self, authority: str) -> bool:
        match = _AUTHORITY.fullmatch(authority)
        if match is None:
            return False
        host = match["host"].strip("[]").lower()
        address = _address(host)
        if address is None:
            return host in self._hosts or host.endswith(".localhost")  # RFC 6761: always this machine
        # An address is nobody's name, so it cannot be made to resolve to another.
        return address.is_loopback or self._everywhere or host in self._hosts

    def _is_own_origin(self, origin: str, asked: str) -> bool:
        origin = origin.lower()
        if origin in self._origins or origin == f"http://{asked.lower()}":
            return True
        scheme, _, authority = origin.partition("://")
        match = _AUTHORITY.fullmatch(authority)
        return (
            match is not None
            and scheme == "http"
            and int(match["port"] or 80) in self._ports
            and self._is_own_host(authority)
        )


def _origin(headers: Headers) -> str | None:
    """Return the origin of the page that sent a request; None where no page of another origin did.

    Browsers send no `Origin` with images, scripts and the like; for these, what they say of the page decides.
    """
    if origins := headers.get_all("Origin"):
        return str(origins[0]) if len(origins) == 1 else "null"
    site = headers.get_all("Sec-Fetch-Site") or ["none"]
    mode = headers.get_all("Sec-Fetch-Mode") or [""]
    if site[0] in {"none", "same-origin"} or mode[0] == "navigate":
        return None
    referer = _PAGE.match(str((headers.get_all("Referer") or [""])[0]))
    return referer[0] if referer else "null"


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None

"""AWS Signature Version 4, once: for calls of all services, S3's signed URLs and forms, liveness streams."""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, unquote, unquote_to_bytes

ALGORITHM: Final = "AWS4-HMAC-SHA256"
UNSIGNED: Final = "UNSIGNED-PAYLOAD"
EMPTY_SHA256: Final = hashlib.sha256(b"").hexdigest()

_TIME: Final = "%Y%m%dT%H%M%SZ"


def _everything(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Credentials:
    """The secret of an access key; `token` is the session token that comes with temporary keys.

    `allows` says whether the key may carry out an action, such as `dynamodb:Scan`; the account's own may all.
    """

    secret: str
    token: str | None = None
    allows: Callable[[str], bool] = field(default=_everything, compare=False, repr=False)

    def accepts_token(self, given: str | None) -> bool:
        """Return whether `given` is the session token that this key needs."""
        return self.token is None or hmac.compare_digest(self.token.encode(), (given or "").encode())


Lookup = Callable[[str], Credentials | None]
"""Gives the credentials of an access key; None if the key is unknown or has expired."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The day (yyyymmdd), region and service that a signature is valid for."""

    day: str
    region: str
    service: str

    def __str__(self) -> str:
        return f"{self.day}/{self.region}/{self.service}/aws4_request"

    def key(self, secret: str) -> bytes:
        """Derive the signing key."""
        key = f"AWS4{secret}".encode()
        for part in (self.day, self.region, self.service, "aws4_request"):
            key = sign(key, part)
        return key


def parse_credential(text: str) -> tuple[str, Scope]:
    """Split `X-Amz-Credential` into access key and scope. Raises ValueError."""
    access_key, *scope = text.split("/")
    if len(scope) != 4 or scope[3] != "aws4_request":
        raise ValueError("X-Amz-Credential is malformed")
    return access_key, Scope(*scope[:3])


def parse_time(text: str) -> datetime:
    """Read `X-Amz-Date`. Raises ValueError."""
    if not re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", text):
        raise ValueError("X-Amz-Date is not yyyymmddThhmmssZ")
    return datetime.strptime(text, _TIME).replace(tzinfo=UTC)


def format_time(at: datetime) -> str:
    """Write an aware time as `X-Amz-Date` has it."""
    return at.astimezone(UTC).strftime(_TIME)


def parse_query(query: str) -> list[tuple[str, str]]:
    """Split a query string. A `+` is a plus sign here, not a space as in forms."""
    split = (part.partition("=") for part in query.split("&") if part)
    return [(unquote(name), unquote(value)) for name, _, value in split]


def canonical_query(pairs: Iterable[tuple[str, str]]) -> str:
    """Write a query as it is signed: percent-encoded and sorted."""
    encoded = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def sign(key: bytes, text: str) -> bytes:
    """HMAC-SHA256."""
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def request_signature(
    key: bytes,
    scope: Scope,
    date: str,
    method: str,
    path: str,
    query: Iterable[tuple[str, str]],
    headers: Iterable[tuple[str, str]],
    payload: str = EMPTY_SHA256,
) -> str:
    """Compute the signature of a request, in hex.

    `path` may be percent-encoded. `query` leaves X-Amz-Signature out; `headers` are those that are signed,
    in order; `payload` is the body's SHA-256 in hex, or UNSIGNED.
    """
    named = [(name, " ".join(value.split())) for name, value in headers]
    canonical = "\n".join(
        (
            method,
            quote(unquote_to_bytes(path), safe="/~"),
            canonical_query(query),
            *(f"{name}:{value}" for name, value in named),
            "",
            ";".join(name for name, _ in named),
            payload,
        )
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return sign(key, "\n".join((ALGORITHM, date, str(scope), digest))).hex()

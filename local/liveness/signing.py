"""Signature Version 4 as the liveness stream uses it: a presigned URL, then a chain of chunks.

Both sides live here, so that the camera client and the server cannot drift apart
unnoticed: AWS's own browser component is the third party both were measured against.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote, urlsplit

from local.liveness.framing import FramingError, Message, decode, encode, encode_headers

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE = "rekognition"
PATH = "/start-face-liveness-session-websocket"
CLIENT_EXPIRES_S = 299  # what AWS's browser client asks for
MAX_EXPIRES_S = 300  # AWS's limit for presigned WebSocket URLs
MAX_SKEW = timedelta(minutes=5)  # AWS's usual allowance for a client's clock

_EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
_DATE = "%Y%m%dT%H%M%SZ"
_REQUIRED = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key's secret; `token` is the session token that temporary keys must show."""

    secret: str
    token: str | None = None


class SignatureRefused(Exception):
    """The request is not proven to come from the key it names; `code` is AWS's error name."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Scope:
    """Day, region and service that a signature is good for."""

    day: str
    region: str

    def __str__(self) -> str:
        return f"{self.day}/{self.region}/{SERVICE}/aws4_request"

    def key(self, secret: str) -> bytes:
        """Derive the signing key."""
        key = f"AWS4{secret}".encode()
        for part in (self.day, self.region, SERVICE, "aws4_request"):
            key = _hmac(key, part)
        return key


class ChunkChain:
    """The chain of chunk signatures: each covers the one before, the first the URL's.

    One side calls `seal`, the other `open`; the order of the messages is part of
    what is signed.
    """

    def __init__(self, key: bytes, scope: Scope, seed: str) -> None:
        self._key = key
        self._scope = scope
        self._prior = seed

    def seal(self, inner: bytes, at: datetime) -> bytes:
        """Wrap an encoded inner message in a signed outer one; `at` is aware."""
        signature = self._sign(inner, at)
        self._prior = signature.hex()
        return encode(Message({":date": at, ":chunk-signature": signature}, inner))

    def open(self, data: bytes) -> Message:
        """Check an outer message and return the inner one.

        Raises FramingError for damage, SignatureRefused for a wrong signature.
        """
        outer = decode(data)
        date, signature = outer.headers.get(":date"), outer.headers.get(":chunk-signature")
        if not isinstance(date, datetime) or not isinstance(signature, bytes):
            raise FramingError("a chunk needs :date and :chunk-signature")
        if not hmac.compare_digest(self._sign(outer.payload, date), signature):
            raise SignatureRefused("InvalidSignatureException", "A chunk's signature does not match.")
        self._prior = signature.hex()
        return decode(outer.payload)

    def _sign(self, inner: bytes, at: datetime) -> bytes:
        text = "\n".join(
            (
                f"{ALGORITHM}-PAYLOAD",
                at.astimezone(UTC).strftime(_DATE),
                str(self._scope),
                self._prior,
                hashlib.sha256(encode_headers({":date": at})).hexdigest(),
                hashlib.sha256(inner).hexdigest(),
            )
        )
        return _hmac(self._key, text)


def presign(
    host: str,
    region: str,
    access_key: str,
    credentials: Credentials,
    query: dict[str, str],
    now: datetime,
) -> tuple[str, ChunkChain]:
    """Sign a stream request; return path with query, and the chain for its chunks.

    `host` carries no port: AWS's browser client signs it so.
    """
    scope = Scope(now.strftime("%Y%m%d"), region)
    full = query | {
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{access_key}/{scope}",
        "X-Amz-Date": now.strftime(_DATE),
        "X-Amz-Expires": str(CLIENT_EXPIRES_S),
        "X-Amz-SignedHeaders": "host",
    }
    if credentials.token is not None:
        full["X-Amz-Security-Token"] = credentials.token
    key = scope.key(credentials.secret)
    signature = _sign_url(key, scope, PATH, full.items(), host, full["X-Amz-Date"])
    return f"{PATH}?{_canonical(full.items())}&X-Amz-Signature={signature}", ChunkChain(key, scope, signature)


def access_key_of(target: str) -> str | None:
    """The access key that a request's path and query name, if they name one."""
    pairs = dict(_pairs(urlsplit(target).query))
    return pairs.get("X-Amz-Credential", "").partition("/")[0] or None


def verify(
    target: str, host: str, region: str, credentials: Credentials | None, now: datetime
) -> tuple[dict[str, str], ChunkChain]:
    """Check a presigned stream request; return its query, and the chain its chunks continue.

    `target` is path and query as received, `host` the Host header. A signature
    made over the host with or without its port is accepted: AWS's browser client
    leaves the port out. Raises SignatureRefused.
    """
    parts = urlsplit(target)
    pairs = _pairs(parts.query)
    query = dict(pairs)
    if len(query) != len(pairs) or any(name not in query for name in _REQUIRED):
        raise SignatureRefused("IncompleteSignatureException", "The request is not fully signed.")
    if query["X-Amz-Algorithm"] != ALGORITHM or query["X-Amz-SignedHeaders"] != "host":
        raise SignatureRefused(
            "IncompleteSignatureException", f"Sign with {ALGORITHM} over the header host alone."
        )
    signed_at = _signed_at(query["X-Amz-Date"])
    scope = Scope(signed_at.strftime("%Y%m%d"), region)
    claimed = query["X-Amz-Credential"].partition("/")[2]
    if claimed != str(scope):
        raise SignatureRefused("InvalidSignatureException", _scope_problem(claimed, scope))
    if credentials is None:
        raise SignatureRefused(
            "UnrecognizedClientException", "The security token included in the request is invalid."
        )
    _check_time(signed_at, query["X-Amz-Expires"], now)
    shown = query.get("X-Amz-Security-Token")
    if credentials.token is not None and not hmac.compare_digest(
        credentials.token.encode(), (shown or "").encode()
    ):
        raise SignatureRefused(
            "UnrecognizedClientException", "The security token included in the request is invalid."
        )
    key = scope.key(credentials.secret)
    signed = [pair for pair in pairs if pair[0] != "X-Amz-Signature"]
    for name in {host, _without_port(host)}:
        expected = _sign_url(key, scope, parts.path, signed, name, query["X-Amz-Date"])
        if hmac.compare_digest(expected.encode(), query["X-Amz-Signature"].encode()):
            return query, ChunkChain(key, scope, expected)
    raise SignatureRefused(
        "InvalidSignatureException",
        "The request signature we calculated does not match the signature you provided.",
    )


def _scope_problem(claimed: str, scope: Scope) -> str:
    """AWS's words for a wrong region: by them its browser component knows that mistake."""
    region = [*claimed.split("/"), ""][1]
    if region != scope.region:
        return f"Credential should be scoped to a valid region, not '{region}'. "
    return f"Credential should be scoped to {scope}."


def _signed_at(text: str) -> datetime:
    if not re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", text):
        raise SignatureRefused("IncompleteSignatureException", "X-Amz-Date is not yyyymmddThhmmssZ.")
    try:
        return datetime.strptime(text, _DATE).replace(tzinfo=UTC)
    except ValueError:
        raise SignatureRefused("IncompleteSignatureException", "X-Amz-Date is no date.") from None


def _check_time(signed_at: datetime, expires: str, now: datetime) -> None:
    if not re.fullmatch(r"[0-9]{1,4}", expires) or not 1 <= int(expires) <= MAX_EXPIRES_S:
        raise SignatureRefused(
            "IncompleteSignatureException", f"X-Amz-Expires must be 1 to {MAX_EXPIRES_S} seconds."
        )
    if signed_at > now + MAX_SKEW:
        raise SignatureRefused("InvalidSignatureException", "Signature not yet current: check the clock.")
    if now >= signed_at + timedelta(seconds=int(expires)):
        raise SignatureRefused("InvalidSignatureException", "Signature expired: check the clock.")


def _sign_url(
    key: bytes, scope: Scope, path: str, query: Iterable[tuple[str, str]], host: str, date: str
) -> str:
    request = "\n".join(("GET", path, _canonical(query), f"host:{host}", "", "host", _EMPTY_SHA256))
    digest = hashlib.sha256(request.encode()).hexdigest()
    return _hmac(key, "\n".join((ALGORITHM, date, str(scope), digest))).hex()


def _canonical(query: Iterable[tuple[str, str]]) -> str:
    encoded = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in query)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _pairs(query: str) -> list[tuple[str, str]]:
    """Split a query by hand: `+` is a plus sign here, not a space as in forms."""
    split = (part.partition("=") for part in query.split("&") if part)
    return [(unquote(name), unquote(value)) for name, _, value in split]


def _without_port(host: str) -> str:
    return re.sub(r":[0-9]+$", "", host)


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()

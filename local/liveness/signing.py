"""Signature Version 4 as the liveness stream uses it: a presigned URL, then a chain of chunks.

Both sides live here, so that the camera client and the server cannot drift apart
unnoticed: AWS's own browser component is the third party both were measured against.
"""

import hashlib
import hmac
import re
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from local.aws import sigv4
from local.aws.sigv4 import Credentials, Scope
from local.liveness.framing import FramingError, Message, decode, encode, encode_headers

SERVICE = "rekognition"
ACTION = "rekognition:StartFaceLivenessSession"
PATH = "/start-face-liveness-session-websocket"
CLIENT_EXPIRES_S = 299  # what AWS's browser client asks for
MAX_EXPIRES_S = 300  # AWS's limit for presigned WebSocket URLs
MAX_SKEW = timedelta(minutes=5)  # AWS's usual allowance for a client's clock

_REQUIRED = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
)


class SignatureRefused(Exception):
    """The signature is not that of the access key which the request names; `code` is AWS's error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class ChunkChain:
    """The chain of chunk signatures: each covers the one before, the first the URL's.

    One side calls `sign`, the other `verify`; the order of the messages is part of
    what is signed.
    """

    def __init__(self, key: bytes, scope: Scope, first: str) -> None:
        self._key = key
        self._scope = scope
        self._prior = first

    def sign(self, inner: bytes, at: datetime) -> bytes:
        """Sign an encoded message: wrap it in an outer message with its signature. `at` is an aware time."""
        signature = self._sign(inner, at)
        self._prior = signature.hex()
        return encode(Message({":date": at, ":chunk-signature": signature}, inner))

    def verify(self, data: bytes) -> Message:
        """Verify an outer message and return the inner one.

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
                f"{sigv4.ALGORITHM}-PAYLOAD",
                sigv4.format_time(at),
                str(self._scope),
                self._prior,
                hashlib.sha256(encode_headers({":date": at})).hexdigest(),
                hashlib.sha256(inner).hexdigest(),
            )
        )
        return sigv4.sign(self._key, text)


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
    scope = Scope(now.strftime("%Y%m%d"), region, SERVICE)
    full = query | {
        "X-Amz-Algorithm": sigv4.ALGORITHM,
        "X-Amz-Credential": f"{access_key}/{scope}",
        "X-Amz-Date": sigv4.format_time(now),
        "X-Amz-Expires": str(CLIENT_EXPIRES_S),
        "X-Amz-SignedHeaders": "host",
    }
    if credentials.token is not None:
        full["X-Amz-Security-Token"] = credentials.token
    key = scope.key(credentials.secret)
    signature = sigv4.request_signature(
        key, scope, full["X-Amz-Date"], "GET", PATH, full.items(), [("host", host)]
    )
    target = f"{PATH}?{sigv4.canonical_query(full.items())}&X-Amz-Signature={signature}"
    return target, ChunkChain(key, scope, signature)


def access_key_of(target: str) -> str | None:
    """The access key that a request's path and query name, if they name one."""
    pairs = dict(sigv4.parse_query(urlsplit(target).query))
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
    pairs = sigv4.parse_query(parts.query)
    query = dict(pairs)
    if len(query) != len(pairs) or any(name not in query for name in _REQUIRED):
        raise SignatureRefused("IncompleteSignatureException", "The request is not fully signed.")
    if query["X-Amz-Algorithm"] != sigv4.ALGORITHM or query["X-Amz-SignedHeaders"] != "host":
        raise SignatureRefused(
            "IncompleteSignatureException", f"Sign with {sigv4.ALGORITHM} over the header host alone."
        )
    signed_at = _signed_at(query["X-Amz-Date"])
    scope = Scope(signed_at.strftime("%Y%m%d"), region, SERVICE)
    claimed = query["X-Amz-Credential"].partition("/")[2]
    if claimed != str(scope):
        raise SignatureRefused("InvalidSignatureException", _scope_problem(claimed, scope))
    if credentials is None:
        raise SignatureRefused(
            "UnrecognizedClientException", "The security token included in the request is invalid."
        )
    _check_time(signed_at, query["X-Amz-Expires"], now)
    if not credentials.accepts_token(query.get("X-Amz-Security-Token")):
        raise SignatureRefused(
            "UnrecognizedClientException", "The security token included in the request is invalid."
        )
    key = scope.key(credentials.secret)
    signed = [pair for pair in pairs if pair[0] != "X-Amz-Signature"]
    for name in {host, _without_port(host)}:
        expected = sigv4.request_signature(
            key, scope, query["X-Amz-Date"], "GET", parts.path, signed, [("host", name)]
        )
        if hmac.compare_digest(expected.encode(), query["X-Amz-Signature"].encode()):
            return query, ChunkChain(key, scope, expected)
    raise SignatureRefused(
        "InvalidSignatureException",
        "The request signature we calculated does not match the signature you provided.",
    )


def _scope_problem(claimed: str, scope: Scope) -> str:
    """Return AWS's message for a wrong scope, by which its browser component recognises a wrong region."""
    region = [*claimed.split("/"), ""][1]
    if region != scope.region:
        return f"Credential should be scoped to a valid region, not '{region}'. "
    return f"Credential should be scoped to {scope}."


def _signed_at(text: str) -> datetime:
    try:
        return sigv4.parse_time(text)
    except ValueError as error:
        raise SignatureRefused("IncompleteSignatureException", f"{error}.") from None


def _check_time(signed_at: datetime, expires: str, now: datetime) -> None:
    if not re.fullmatch(r"[0-9]{1,4}", expires) or not 1 <= int(expires) <= MAX_EXPIRES_S:
        raise SignatureRefused(
            "IncompleteSignatureException", f"X-Amz-Expires must be 1 to {MAX_EXPIRES_S} seconds."
        )
    if signed_at > now + MAX_SKEW:
        raise SignatureRefused("InvalidSignatureException", "Signature not yet current: check the clock.")
    if now >= signed_at + timedelta(seconds=int(expires)):
        raise SignatureRefused("InvalidSignatureException", "Signature expired: check the clock.")


def _without_port(host: str) -> str:
    return re.sub(r":[0-9]+$", "", host)

"""Cursors of lists: the place where a page ended, signed so that callers cannot make up their own.

Whoever sees a cursor can read the place, and URLs are logged: it is an id, never a name.
"""

import hmac
from base64 import b64decode, urlsafe_b64encode

from chalicelib.aws.signing_key import SigningKey
from chalicelib.domain.errors import InvalidCursor
from chalicelib.web.request import Request

_SIGNATURE = 16


def sign(signing_key: SigningKey, request: Request, place: str) -> str:
    """Make the cursor of the last place on a page of this list."""
    return _text(_signature(signing_key, request, place) + place.encode())


def verify(signing_key: SigningKey, request: Request, cursor: str) -> str:
    """Return the place that a cursor of this list stands for; raises InvalidCursor."""
    try:
        signed = b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = signed[_SIGNATURE:].decode()
    except ValueError:
        raise InvalidCursor from None
    # Base64 can write the same bytes in several ways; only ours is accepted.
    if _text(signed) != cursor or not hmac.compare_digest(
        signed[:_SIGNATURE], _signature(signing_key, request, place)
    ):
        raise InvalidCursor
    return place


def _text(signed: bytes) -> str:
    return urlsafe_b64encode(signed).decode().rstrip("=")


def _signature(signing_key: SigningKey, request: Request, place: str) -> bytes:
    return signing_key.sign(f"cursor {request.path} {place}")

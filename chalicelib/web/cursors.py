"""Cursors of lists: where a page ended, signed, so that only what we gave out is taken back.

The place can be read by whoever sees the cursor, and URLs are logged: it is an id, never a name.
"""

import hmac
from base64 import b64decode, urlsafe_b64encode

from chalicelib.aws.signing_key import SigningKey
from chalicelib.domain.errors import InvalidCursor
from chalicelib.web.request import Request

_SIGNATURE = 16


def sign(signing_key: SigningKey, request: Request, place: str) -> str:
    """Make a cursor of the last place that a page of this list shows."""
    return _text(_signature(signing_key, request, place) + place.encode())


def verify(signing_key: SigningKey, request: Request, cursor: str) -> str:
    """Read a cursor of this list; raises InvalidCursor."""
    try:
        sealed = b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = sealed[_SIGNATURE:].decode()
    except ValueError:
        raise InvalidCursor from None
    # Base64 has several ways to write the same bytes; only ours counts.
    if _text(sealed) != cursor or not hmac.compare_digest(
        sealed[:_SIGNATURE], _signature(signing_key, request, place)
    ):
        raise InvalidCursor
    return place


def _text(sealed: bytes) -> str:
    return urlsafe_b64encode(sealed).decode().rstrip("=")


def _signature(signing_key: SigningKey, request: Request, place: str) -> bytes:
    return signing_key.sign(f"cursor {request.path} {place}")

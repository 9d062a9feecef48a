"""Ids that we make: those that say nothing, and a punch's, which begins with its instant."""

import re
import secrets
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id() -> str:
    """Make an id that says nothing: 96 random bits in hex, which Rekognition and S3 take too."""
    return secrets.token_hex(12)


def new_punch_id(at: datetime, idempotent_id: str | None = None) -> str:
    """Make the id of a punch: its instant in microseconds, which tells the key, and 48 bits of chance."""
    rest = idempotent_id[:12] if idempotent_id else secrets.token_hex(6)
    return f"{(at - _EPOCH) // timedelta(microseconds=1):014x}{rest}"


def punch_instant(punch_id: str) -> datetime | None:
    """Give the instant that a punch's id begins with; None for what cannot be a punch's id."""
    if not re.fullmatch("[0-9a-f]{26}", punch_id):
        return None
    try:
        return _EPOCH + timedelta(microseconds=int(punch_id[:14], 16))
    except OverflowError:
        return None

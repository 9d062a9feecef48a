"""The ids that Rollcall creates: random ones, and those of punches, which start with the punch's instant."""

import re
import secrets
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id() -> str:
    """Make a random id: 96 bits in hex, valid also as an external image id and as an S3 key."""
    return secrets.token_hex(12)


def new_punch_id(at: datetime, idempotent_id: str | None = None) -> str:
    """Make the id of a punch: its instant in microseconds, from which its key follows, and 48 random bits.

    With an `idempotent_id`, the last 48 bits are taken from it, so that a retry makes the same punch id.
    """
    rest = idempotent_id[:12] if idempotent_id else secrets.token_hex(6)
    return f"{(at - _EPOCH) // timedelta(microseconds=1):014x}{rest}"


def punch_instant(punch_id: str) -> datetime | None:
    """Return the instant that a punch's id starts with; None for a text that cannot be a punch's id."""
    if not re.fullmatch("[0-9a-f]{26}", punch_id):
        return None
    try:
        return _EPOCH + timedelta(microseconds=int(punch_id[:14], 16))
    except OverflowError:
        return None

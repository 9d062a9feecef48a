"""A request with an Idempotency-Key, and the reply stored for it."""

from datetime import datetime

from msgspec import Struct


class StoredReply(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request under way (no status yet), or what it was answered; `about` is the person it concerns."""

    fingerprint: str
    started_at: datetime
    about: str | None = None
    status: int | None = None
    body: bytes = b""

"""The stored reply to a request with an Idempotency-Key."""

from datetime import datetime

from msgspec import Struct


class StoredReply(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request in progress (without a status) or its reply; `about` is the id of the person it concerns."""

    fingerprint: str
    started_at: datetime
    about: str | None = None
    status: int | None = None
    body: bytes = b""

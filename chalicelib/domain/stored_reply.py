"""The stored reply to a request with an Idempotency-Key."""

from datetime import datetime

from msgspec import Struct


class StoredReply(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request in progress (without a status), or its reply with a compressed body.

    `about` is the id of the person whom the request concerns.
    """

    fingerprint: str
    started_at: datetime
    about: str | None = None
    status: int | None = None
    body: bytes = b""

    def __repr__(self) -> str:
        """Keep the reply, which may name people, out of logs and traces."""
        return f"StoredReply(started_at={self.started_at}, status={self.status})"

"""A request with an Idempotency-Key, and the reply stored for it."""

from datetime import datetime

from msgspec import Struct


class StoredReply(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request under way (no status yet), or its reply.

    `body` is compressed; `about` are the people whom the reply is about, by id.
    """

    fingerprint: str
    started_at: datetime
    about: tuple[str, ...] = ()
    status: int | None = None
    body: bytes = b""

    def __repr__(self) -> str:
        """Keep the reply, which may name people, out of logs and traces."""
        return f"StoredReply(started_at={self.started_at}, status={self.status})"

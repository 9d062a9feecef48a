"""The stored reply to a request with an Idempotency-Key."""

from datetime import datetime

from msgspec import Struct


class StoredReply(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request in progress (without a status), or its reply with a compressed body.

    `about` are the ids of the people whom the reply is about.
    """

    fingerprint: str
    started_at: datetime
    about: tuple[str, ...] = ()
    status: int | None = None
    body: bytes = b""

    def __repr__(self) -> str:
        """Keep the reply, which may name people, out of logs and traces."""
        return f"StoredReply(started_at={self.started_at}, status={self.status})"

"""Tokens, their roles and scopes, and the caller that a token stands for."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class Role(StrEnum):
    """The role of a token, which decides its scopes."""

    KIOSK = "kiosk"
    VIEWER = "viewer"
    MANAGER = "manager"
    ADMIN = "admin"


SCOPES: dict[Role, frozenset[str]] = {
    Role.KIOSK: frozenset({"kiosk"}),
    Role.VIEWER: frozenset({"viewer"}),
    Role.MANAGER: frozenset({"viewer", "manager"}),
    Role.ADMIN: frozenset({"kiosk", "viewer", "manager", "admin"}),
}
"""Which scopes a role has."""


class Token(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A token as stored: the SHA-256 of what its holder shows, never that itself."""

    token_id: str
    digest: str
    role: Role
    label: str
    created_at: datetime
    site: str | None = None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None

    def __repr__(self) -> str:
        """Keep what the token is looked up by out of logs and traces."""
        return f"Token(token_id={self.token_id!r}, role={self.role.value!r})"

    def holds(self, now: datetime) -> bool:
        """Say whether it has not expired."""
        return self.expires_at is None or now < self.expires_at


class Caller(Struct, frozen=True):
    """Who is asking: what a good token says of its holder."""

    token_id: str
    role: Role
    label: str
    site: str | None = None

    def may(self, scope: str) -> bool:
        """Say whether the role has a scope."""
        return scope in SCOPES[self.role]

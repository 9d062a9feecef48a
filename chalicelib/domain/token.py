"""Tokens with their roles and scopes, and the caller that a token identifies."""

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
"""The scopes of each role."""


class Token(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A token as stored: only its SHA-256, never the secret that its holder sends.

    With `groups` it is limited to the people of these groups.
    """

    token_id: str
    digest: str
    role: Role
    label: str
    created_at: datetime
    site: str | None = None
    groups: tuple[str, ...] | None = None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None

    def __repr__(self) -> str:
        """Keep the digest out of logs and traces."""
        return f"Token(token_id={self.token_id!r}, role={self.role.value!r})"

    def is_active(self, now: datetime) -> bool:
        """Say whether the token has not expired."""
        return self.expires_at is None or now < self.expires_at


class Caller(Struct, frozen=True):
    """The caller of a request, as their token identifies them; `groups` is None if they may see everybody."""

    token_id: str
    role: Role
    label: str
    site: str | None = None
    groups: frozenset[str] | None = None

    def may(self, scope: str) -> bool:
        """Say whether the caller's role has a scope."""
        return scope in SCOPES[self.role]

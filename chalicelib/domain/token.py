"""Tokens, their roles and scopes, and the caller that a token stands for."""

from datetime import datetime, timedelta
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


EXPIRING = frozenset({Role.MANAGER, Role.ADMIN})
"""The roles whose tokens always expire. Kiosks stand where nobody could renew theirs, and see little."""


DEFAULT_LIFE = timedelta(days=90)
"""How long a token of an expiring role is valid unless its maker says otherwise."""


LONGEST_LIFE = timedelta(days=366)
"""How long a token of an expiring role may be valid."""


class Token(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A token as stored: the SHA-256 of what its holder shows, never that itself.

    `made_by` are the ids of the token that made it, of the one that made that, and so on; empty if it was
    made with AWS credentials.
    """

    token_id: str
    digest: str
    role: Role
    label: str
    created_at: datetime
    site: str | None = None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    made_by: tuple[str, ...] = ()

    @property
    def created_by(self) -> str | None:
        """The id of the token that made it."""
        return self.made_by[0] if self.made_by else None

    def __repr__(self) -> str:
        """Keep what the token is looked up by out of logs and traces."""
        return f"Token(token_id={self.token_id!r}, role={self.role.value!r})"

    def holds(self, now: datetime) -> bool:
        """Say whether it has not expired."""
        return self.expires_at is None or now < self.expires_at


class Caller(Struct, frozen=True):
    """Who is asking: what a good token says of its holder. `digest` is that of the token."""

    token_id: str
    role: Role
    label: str
    site: str | None = None
    digest: str = ""

    def __repr__(self) -> str:
        """Keep what the token is looked up by out of logs and traces."""
        return f"Caller(token_id={self.token_id!r}, role={self.role.value!r})"

    def may(self, scope: str) -> bool:
        """Say whether the role has a scope."""
        return scope in SCOPES[self.role]

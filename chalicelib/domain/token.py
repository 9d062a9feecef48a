"""Tokens with their roles and scopes, and the caller that a token identifies."""

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
    Role.KIOSK: frozenset({"any", "kiosk"}),
    Role.VIEWER: frozenset({"any", "viewer"}),
    Role.MANAGER: frozenset({"any", "viewer", "manager"}),
    Role.ADMIN: frozenset({"any", "kiosk", "viewer", "manager", "admin"}),
}
"""The scopes of each role. `any` needs a token of whatever role."""


EXPIRING = frozenset({Role.MANAGER, Role.ADMIN})
"""The roles whose tokens always expire. Kiosks stand where nobody could renew theirs, and see little."""


DEFAULT_LIFE = timedelta(days=90)
"""How long a token of an expiring role is valid unless its maker says otherwise."""


LONGEST_LIFE = timedelta(days=366)
"""How long a token of an expiring role may be valid."""


class Token(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A token as stored: only its SHA-256, never the secret that its holder sends.

    With `groups` it is limited to the people of these groups. `made_by` are the ids of the token that created
    it, of the one that created that, and so on; it is empty for tokens created with AWS credentials.
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
    made_by: tuple[str, ...] = ()

    @property
    def created_by(self) -> str | None:
        """The id of the token that made it."""
        return self.made_by[0] if self.made_by else None

    def __repr__(self) -> str:
        """Keep the digest out of logs and traces."""
        return f"Token(token_id={self.token_id!r}, role={self.role.value!r})"

    def is_active(self, now: datetime) -> bool:
        """Say whether the token has not expired."""
        return self.expires_at is None or now < self.expires_at


class Caller(Struct, frozen=True):
    """The caller of a request, as their token identifies them.

    `digest` is that of the token; `groups` is None if they may see everybody.
    """

    token_id: str
    role: Role
    label: str
    site: str | None = None
    digest: str = ""
    groups: frozenset[str] | None = None

    def __repr__(self) -> str:
        """Keep the digest out of logs and traces."""
        return f"Caller(token_id={self.token_id!r}, role={self.role.value!r})"

    def may(self, scope: str) -> bool:
        """Say whether the caller's role has a scope."""
        return scope in SCOPES[self.role]

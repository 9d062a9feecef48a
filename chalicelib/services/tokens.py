"""Tokens: admins create, list and revoke them; every route that is not public checks one."""

import hashlib
import re
import secrets
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct, convert
from msgspec.structs import asdict

from chalicelib.aws.rate_limits import RateLimits
from chalicelib.aws.tokens import TokenStore
from chalicelib.domain.errors import (
    InvalidRequest,
    InvalidToken,
    LastAdminToken,
    RoleNotAllowed,
    TokenMissing,
    TokenNotFound,
    TooManyRequests,
)
from chalicelib.domain.ids import new_id
from chalicelib.domain.person import Group
from chalicelib.domain.settings import Limits
from chalicelib.domain.text import clean
from chalicelib.domain.token import Caller, Role, Token
from chalicelib.domain.types import Instant, Page

PREFIX = "rc_"


CACHED = timedelta(seconds=30)
"""How long a process caches a token; a revocation takes effect everywhere after that."""


LAST_USED_PRECISION = timedelta(hours=1)
"""How often `last_used_at` is updated at most."""


CACHE_SIZE = 1000
"""Most tokens that a process caches."""


_FORMAT = re.compile("rc_[A-Za-z0-9_-]{43}")  # 256 bits


_SCHEME = re.compile("bearer +", re.IGNORECASE)


Groups = Annotated[list[Group], Meta(min_length=1, max_length=100, examples=[["12A1"]])]


class NewToken(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token to create. `label` names its holder, usually a device; punches made with it carry the label.

    With `groups` it sees and changes only people who are in one of these groups; an admin's cannot have them.
    """

    role: Role
    label: Annotated[str, Meta(min_length=1, max_length=100, examples=["front door"])]
    site: Annotated[str, Meta(min_length=1, max_length=100, examples=["main building"])] | None = None
    groups: Groups | None = None
    expires_at: Instant | None = None


class TokenView(Struct, frozen=True, kw_only=True):
    """A token, without its secret. `last_used_at` is accurate to the hour."""

    token_id: str
    role: Role
    label: str
    site: str | None
    groups: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, token: Token) -> "TokenView":
        """Show a stored token."""
        return convert(token, cls, from_attributes=True)


class CreatedToken(TokenView, frozen=True, kw_only=True):
    """A new token. `token` is its secret: it is shown once and not stored."""

    token: str

    def __repr__(self) -> str:
        """Keep the secret out of logs and traces."""
        return f"CreatedToken(token_id={self.token_id!r}, token=...)"


def token_digest(token: str) -> str:
    """Return the digest by which a token is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


def create(token_store: TokenStore, body: NewToken, *, now: datetime) -> CreatedToken:
    """Create a token; raises InvalidRequest."""
    if body.expires_at and body.expires_at <= now:
        raise InvalidRequest("`expires_at` is in the past.")
    if body.groups is not None and body.role is Role.ADMIN:
        raise InvalidRequest("A token of an admin cannot be limited to groups.")
    secret = PREFIX + secrets.token_urlsafe(32)
    token = Token(
        token_id=new_id(),
        digest=token_digest(secret),
        role=body.role,
        label=clean(body.label, what="label", limit=100),
        site=clean(body.site, what="site", limit=100) if body.site else None,
        groups=_groups(body.groups) if body.groups is not None else None,
        created_at=now,
        expires_at=body.expires_at,
    )
    token_store.add(token)
    return CreatedToken(**asdict(TokenView.of(token)), token=secret)


def _groups(given: list[str]) -> tuple[str, ...]:
    """Clean the names as those of people's groups are, since they are compared letter by letter."""
    return tuple(sorted({clean(group, what="group", limit=100) for group in given}))


def list_active(token_store: TokenStore, *, now: datetime) -> Page[TokenView]:
    """List active tokens, oldest first."""
    return Page([TokenView.of(token) for token in token_store.all() if token.is_active(now)], None)


def revoke(token_store: TokenStore, token_id: str, *, now: datetime) -> None:
    """Revoke a token. It stops working everywhere within a minute. Raises TokenNotFound or LastAdminToken."""
    tokens = {token.token_id: token for token in token_store.all() if token.is_active(now)}
    token = tokens.pop(token_id, None)
    if token is None:
        raise TokenNotFound(token_id)
    if token.role is not Role.ADMIN:
        if not token_store.remove(token):
            raise TokenNotFound(token_id)
        return
    admins = [other for other in tokens.values() if other.role is Role.ADMIN]
    # Prefer the token that expires last, so that the site keeps an admin for as long as possible.
    admins.sort(key=lambda other: (other.expires_at is None, other.expires_at or now), reverse=True)
    if not any(token_store.remove(token, staying=other) for other in admins):
        raise LastAdminToken


class _Known(Struct, frozen=True):
    token: Token
    read_at: datetime


class Authenticator:
    """Authenticates callers. Known tokens are cached for a moment; unknown ones are looked up each time."""

    def __init__(
        self,
        token_store: Callable[[], TokenStore],
        rate_limits: Callable[[], RateLimits],
        limits: Callable[[], Limits],
    ) -> None:
        self._token_store = token_store
        self._rate_limits = rate_limits
        self._limits = limits
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def authenticate(self, authorization: str | None, scope: str, address: str, *, now: datetime) -> Caller:
        """Return the caller of the token in an Authorization header.

        Raises TokenMissing, InvalidToken, RoleNotAllowed, and TooManyRequests after many unknown tokens from
        one address; valid tokens from that address still work.
        """
        if not authorization:
            raise TokenMissing
        scheme = _SCHEME.match(authorization)
        given = authorization[scheme.end() :].strip() if scheme else ""
        if not _FORMAT.fullmatch(given):
            raise InvalidToken
        token = self._find(given, now)
        if token is None:
            self._count_guess(address, now)
        if token is None or not token.is_active(now):
            raise InvalidToken
        groups = frozenset(token.groups) if token.groups is not None else None
        caller = Caller(token.token_id, token.role, token.label, token.site, groups)
        if not caller.may(scope):
            raise RoleNotAllowed(token.role.value)
        return caller

    def _find(self, given: str, now: datetime) -> Token | None:
        # The table looks up a digest, so the response time does not tell how much of a guess was right.
        digest = token_digest(given)
        known = self._known.get(digest)
        if known and timedelta(0) <= now - known.read_at < CACHED:
            return known.token
        token = self._token_store().find(digest)
        with self._lock:
            self._known.pop(digest, None)
            if token:
                if len(self._known) >= CACHE_SIZE:
                    self._known.pop(next(iter(self._known)))
                self._known[digest] = _Known(token, now)
        if token and (token.last_used_at is None or now - token.last_used_at >= LAST_USED_PRECISION):
            self._token_store().set_last_used(token, now)
        return token

    def clear_cache(self) -> None:
        """Forget all cached tokens."""
        with self._lock:
            self._known.clear()

    def _count_guess(self, address: str, now: datetime) -> None:
        count, left = self._rate_limits().count("unknown-token", address, 60, now)
        if count > self._limits().unknown_tokens_per_minute:
            raise TooManyRequests(left)

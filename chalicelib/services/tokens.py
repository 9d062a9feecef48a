"""Tokens: made, listed and revoked by admins, and checked at the gate of every route that is not public."""

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
from chalicelib.domain.settings import Limits
from chalicelib.domain.text import clean
from chalicelib.domain.token import Caller, Role, Token
from chalicelib.domain.types import Instant, Page

PREFIX = "rc_"


REMEMBERED = timedelta(seconds=30)
"""How long a process trusts what it read of a token; revocation holds everywhere after that."""


USED = timedelta(hours=1)
"""How coarse `last_used_at` is."""


LARGEST = 1000
"""Most tokens that a process remembers."""


_FORM = re.compile("rc_[A-Za-z0-9_-]{43}")  # 256 bits


_SCHEME = re.compile("bearer +", re.IGNORECASE)


class NewToken(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token to create. `label` names its holder, usually a device; punches made with it carry the label."""

    role: Role
    label: Annotated[str, Meta(min_length=1, max_length=100, examples=["front door"])]
    site: Annotated[str, Meta(min_length=1, max_length=100, examples=["main building"])] | None = None
    expires_at: Instant | None = None


class TokenView(Struct, frozen=True, kw_only=True):
    """A token, without its secret. `last_used_at` is accurate to the hour."""

    token_id: str
    role: Role
    label: str
    site: str | None
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
    """Give what a token is stored by."""
    return hashlib.sha256(token.encode()).hexdigest()


def create(token_store: TokenStore, body: NewToken, *, now: datetime) -> CreatedToken:
    """Make a token; raises InvalidRequest."""
    if body.expires_at and body.expires_at <= now:
        raise InvalidRequest("`expires_at` is in the past.")
    secret = PREFIX + secrets.token_urlsafe(32)
    token = Token(
        token_id=new_id(),
        digest=token_digest(secret),
        role=body.role,
        label=clean(body.label, what="label", limit=100),
        site=clean(body.site, what="site", limit=100) if body.site else None,
        created_at=now,
        expires_at=body.expires_at,
    )
    token_store.add(token)
    return CreatedToken(**asdict(TokenView.of(token)), token=secret)


def listed(token_store: TokenStore, *, now: datetime) -> Page[TokenView]:
    """List the tokens that hold, oldest first."""
    return Page([TokenView.of(token) for token in token_store.all() if token.holds(now)], None)


def revoke(token_store: TokenStore, token_id: str, *, now: datetime) -> None:
    """Make a token worthless, everywhere within a minute; raises TokenNotFound or LastAdminToken."""
    tokens = {token.token_id: token for token in token_store.all() if token.holds(now)}
    token = tokens.pop(token_id, None)
    if token is None:
        raise TokenNotFound(token_id)
    if token.role is not Role.ADMIN:
        if not token_store.remove(token):
            raise TokenNotFound(token_id)
        return
    admins = [other for other in tokens.values() if other.role is Role.ADMIN]
    # The one that lasts longest, so that somebody is left for as long as can be.
    admins.sort(key=lambda other: (other.expires_at is None, other.expires_at or now), reverse=True)
    if not any(token_store.remove(token, staying=other) for other in admins):
        raise LastAdminToken


class _Known(Struct, frozen=True):
    token: Token
    read_at: datetime


class Authenticator:
    """Lets callers in. Keeps what it read of good tokens for a moment; wrong ones are always looked up."""

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
        """Say who is calling from the Authorization header.

        Raises TokenMissing, InvalidToken, RoleNotAllowed; TooManyRequests after many unknown tokens from an
        address, which keeps no good token of that address out.
        """
        if not authorization:
            raise TokenMissing
        scheme = _SCHEME.match(authorization)
        given = authorization[scheme.end() :].strip() if scheme else ""
        if not _FORM.fullmatch(given):
            raise InvalidToken
        token = self._find(given, now)
        if token is None:
            self._count_guess(address, now)
        if token is None or not token.holds(now):
            raise InvalidToken
        caller = Caller(token.token_id, token.role, token.label, token.site)
        if not caller.may(scope):
            raise RoleNotAllowed(token.role.value)
        return caller

    def _find(self, given: str, now: datetime) -> Token | None:
        # What is compared is a digest, by the table's own look-up: no time tells how much of it was right.
        digest = token_digest(given)
        known = self._known.get(digest)
        if known and timedelta(0) <= now - known.read_at < REMEMBERED:
            return known.token
        token = self._token_store().find(digest)
        with self._lock:
            self._known.pop(digest, None)
            if token:
                if len(self._known) >= LARGEST:
                    self._known.pop(next(iter(self._known)))
                self._known[digest] = _Known(token, now)
        if token and (token.last_used_at is None or now - token.last_used_at >= USED):
            self._token_store().touch(token, now)
        return token

    def forget(self) -> None:
        """Trust nothing that was read before."""
        with self._lock:
            self._known.clear()

    def _count_guess(self, address: str, now: datetime) -> None:
        count, left = self._rate_limits().count("unknown-token", address, 60, now)
        if count > self._limits().unknown_tokens_per_minute:
            raise TooManyRequests(left)

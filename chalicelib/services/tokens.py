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

from chalicelib.aws.metrics import record_metric, record_token
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
from chalicelib.domain.token import DEFAULT_LIFE, EXPIRING, LONGEST_LIFE, Caller, Role, Token
from chalicelib.domain.types import Instant, Page

PREFIX = "rc_"


CACHED = timedelta(seconds=30)
"""How long a process caches a token for reads; a revocation takes effect everywhere after that."""


LAST_USED_PRECISION = timedelta(hours=1)
"""How often `last_used_at` is updated at most."""


ANCESTORS = 100
"""How many of the tokens that led to a token are remembered."""


CACHE_SIZE = 1000
"""Most tokens that a process caches."""


_FORMAT = re.compile("rc_[A-Za-z0-9_-]{43}")  # 256 bits


_SCHEME = re.compile("bearer +", re.IGNORECASE)


Groups = Annotated[list[Group], Meta(min_length=1, max_length=100, examples=[["12A1"]])]


class NewToken(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token to create. `label` names its holder, usually a device; punches made with it carry the label.

    Tokens of managers and admins expire after 90 days unless `expires_at` says otherwise, after 366 days at
    the latest. Others are valid until they are revoked, unless `expires_at` is given. With `groups` a token
    sees and changes only people who are in one of these groups; an admin's cannot have them.
    """

    role: Role
    label: Annotated[str, Meta(min_length=1, max_length=100, examples=["front door"])]
    site: Annotated[str, Meta(min_length=1, max_length=100, examples=["main building"])] | None = None
    groups: Groups | None = None
    expires_at: Instant | None = None


class TokenView(Struct, frozen=True, kw_only=True):
    """A token, without its secret. `last_used_at` is accurate to the hour.

    `created_by` is the id of the token that created it; null if it was created with AWS credentials.
    """

    token_id: str
    role: Role
    label: str
    site: str | None
    groups: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    created_by: str | None

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


class Revocation(Struct, frozen=True, kw_only=True):
    """The ids of the tokens that were revoked, and the active tokens that these had created.

    `children` were created by a revoked token, or by one that it created: revoke them too if it was stolen.
    """

    revoked: list[str]
    children: list[TokenView]


def create(
    token_store: TokenStore, body: NewToken, *, maker: Caller | None = None, now: datetime
) -> CreatedToken:
    """Create a token; raises InvalidRequest, or InvalidToken if the `maker` was revoked meanwhile.

    `maker` is the caller whose token creates it; None for an administrator with AWS credentials.
    """
    if body.groups is not None and body.role is Role.ADMIN:
        raise InvalidRequest("A token of an admin cannot be limited to groups.")
    own = token_store.find(maker.digest) if maker else None
    if maker and own is None:
        raise InvalidToken
    secret = PREFIX + secrets.token_urlsafe(32)
    token = Token(
        token_id=new_id(),
        digest=token_digest(secret),
        role=body.role,
        label=clean(body.label, what="label", limit=100),
        site=clean(body.site, what="site", limit=100) if body.site else None,
        groups=_groups(body.groups) if body.groups is not None else None,
        created_at=now,
        expires_at=_expiry(body, now),
        made_by=(own.token_id, *own.made_by)[:ANCESTORS] if own else (),
    )
    # In the transaction that checks the maker, so that none appears after its maker was revoked.
    if not token_store.add(token, maker=own):
        raise InvalidToken
    if token.role is Role.ADMIN:
        record_metric("AdminTokenCreated")
    return CreatedToken(**asdict(TokenView.of(token)), token=secret)


def _groups(given: list[str]) -> tuple[str, ...]:
    """Clean the names as those of people's groups are, since they are compared letter by letter."""
    return tuple(sorted({clean(group, what="group", limit=100) for group in given}))


def _expiry(body: NewToken, now: datetime) -> datetime | None:
    if body.expires_at and body.expires_at <= now:
        raise InvalidRequest("`expires_at` is in the past.")
    if body.role not in EXPIRING:
        return body.expires_at
    if body.expires_at and body.expires_at > now + LONGEST_LIFE:
        raise InvalidRequest(f"A token of this role expires within {LONGEST_LIFE.days} days.")
    return body.expires_at or now + DEFAULT_LIFE


def list_active(token_store: TokenStore, *, now: datetime) -> Page[TokenView]:
    """List active tokens, oldest first."""
    return Page([TokenView.of(token) for token in token_store.all() if token.is_active(now)], None)


def revoke(
    token_store: TokenStore, token_id: str, *, children: bool = False, by: str | None = None, now: datetime
) -> Revocation:
    """Revoke a token, with `children` also all that it created and these created, except that of the caller.

    It changes and creates nothing from that moment, and reads nothing after a minute. `by` is the id of the
    caller's token. Raises TokenNotFound, or LastAdminToken if no other admin token would stay.
    """
    active = {token.token_id: token for token in token_store.all() if token.is_active(now)}
    token = active.pop(token_id, None)
    if token is None:
        raise TokenNotFound(token_id)
    admins = [other for other in active.values() if other.role is Role.ADMIN]
    if children:
        admins = [other for other in admins if token_id not in other.made_by or other.token_id == by]
    # Prefer the token that expires last, so that the site keeps an admin for as long as possible.
    admins.sort(key=lambda other: (other.expires_at is None, other.expires_at or now), reverse=True)
    if not _remove(token_store, token, admins):
        raise LastAdminToken if token.role is Role.ADMIN else TokenNotFound(token_id)
    # Listed again: the token may have created one until now.
    descendants = [other for other in token_store.all() if token_id in other.made_by and other.is_active(now)]
    revoked = [token_id]
    if children:
        doomed = [other for other in descendants if other.token_id != by]
        revoked += [other.token_id for other in doomed if _remove(token_store, other, admins)]
    left = [TokenView.of(other) for other in descendants if other.token_id not in revoked]
    return Revocation(revoked=revoked, children=left)


def _remove(token_store: TokenStore, token: Token, admins: list[Token]) -> bool:
    """Remove a token; one of an admin only while one of some other `admins` exists."""
    if token.role is not Role.ADMIN:
        return token_store.remove(token)
    return any(token_store.remove(token, staying=other) for other in admins)


class _Known(Struct, frozen=True):
    token: Token
    read_at: datetime


class Authenticator:
    """Authenticates callers. Known tokens are cached for a moment; unknown ones are looked up each time.

    Nothing is changed on the word of the cache: see `fresh`.
    """

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

    def authenticate(
        self, authorization: str | None, scope: str, address: str, *, fresh: bool = False, now: datetime
    ) -> Caller:
        """Return the caller of the token in an Authorization header; `fresh` reads the token from the table.

        Raises TokenMissing, InvalidToken, RoleNotAllowed, and TooManyRequests after many unknown tokens from
        one address; valid tokens from that address still work.
        """
        if not authorization:
            raise TokenMissing
        scheme = _SCHEME.match(authorization)
        given = authorization[scheme.end() :].strip() if scheme else ""
        if not _FORMAT.fullmatch(given):
            raise InvalidToken
        token = self._find(given, fresh, now)
        if token is None:
            self._count_guess(address, now)
            raise InvalidToken
        record_token(token.token_id)  # of an expired one too: somebody still has it
        if not token.is_active(now):
            raise InvalidToken
        groups = frozenset(token.groups) if token.groups is not None else None
        caller = Caller(token.token_id, token.role, token.label, token.site, token.digest, groups)
        if not caller.may(scope):
            raise RoleNotAllowed(caller)
        return caller

    def _find(self, given: str, fresh: bool, now: datetime) -> Token | None:
        # The table looks up a digest, so the response time does not tell how much of a guess was right.
        digest = token_digest(given)
        known = self._known.get(digest)
        if not fresh and known and timedelta(0) <= now - known.read_at < CACHED:
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

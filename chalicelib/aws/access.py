"""Who may call: tokens, how often they called, who did what, and what they were answered.

A gateway to the table, beside `Store` and `Ledger`. How each thing is laid out:

    token    TOKEN#<sha256>           -          listed under TOKENS by id; expires, if it does
    count    LIMIT#<what>#<who>       <window>   expires
    lock     LOCK#<what>#<who>        -          expires
    audit    AUDIT#<month>            <instant>#<id>
    secret   SECRET                   -

The answers to requests that may be repeated are laid out in `items.py`, for erasures look for people in them.
"""

import hashlib
import hmac
import math
import secrets
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cached_property

from msgspec import Struct

from chalicelib.aws import items
from chalicelib.aws.items import LISTING, instant, lock_key, struct
from chalicelib.aws.table import Item, Table, delete, insert, key, put, replace_if, require
from chalicelib.domain.errors import WriteConflict
from chalicelib.domain.models import Answer, to_builtins

TOKENS = "TOKENS"

FIRST = date(2026, 1, 1)
"""No audit is older: Rollcall itself is not."""


class Role(StrEnum):
    """What a token is for."""

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


class AuditEntry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that somebody did, or was refused by a limit.

    `what` is a route, or a command of `python -m infra`. `about` are the ids in it; those that lead to people
    are `Access.masked`. `status` is null when the process ended before it was known whether it was done.
    """

    entry_id: str
    at: datetime
    what: str
    request_id: str
    address: str
    by: str | None = None
    role: str | None = None
    about: dict[str, str] = {}
    status: int | None = None
    code: str | None = None


class Access:
    """The part of the table that says who may call."""

    def __init__(self, table: Table) -> None:
        self._table = table

    # --- tokens -----------------------------------------------------------------------------------

    def add_token(self, token: Token) -> None:
        """Store a token."""
        self._table.write(insert(_token(token)))

    def token(self, digest: str) -> Token | None:
        """Find a token by the SHA-256 of what was shown."""
        item = self._table.get(f"TOKEN#{digest}", "-")
        return struct(item, Token) if item else None

    def tokens(self) -> list[Token]:
        """Read all tokens, oldest first."""
        found = [struct(item, Token) for item in self._table.walk(TOKENS, index=LISTING)]
        return sorted(found, key=lambda token: (token.created_at, token.token_id))

    def remove_token(self, token: Token, *, staying: Token | None = None) -> bool:
        """Remove a token if `staying` is there to stay; says whether both were there.

        Two that are removed at once, each counting on the other, cannot both go: one transaction fails.
        """
        kept = [require(f"TOKEN#{staying.digest}", "-")] if staying else []
        try:
            self._table.write(delete(f"TOKEN#{token.digest}", "-", must_exist=True), *kept)
        except WriteConflict:
            return False
        return True

    def touch(self, token: Token, now: datetime) -> None:
        """Note that a token was used, unless it is gone."""
        self._table.set(f"TOKEN#{token.digest}", "-", {"last_used_at": now.isoformat()})

    # --- how often --------------------------------------------------------------------------------

    def count(self, what: str, who: str, window_s: int, now: datetime) -> tuple[int, int]:
        """Count one more; gives how many this window of the clock has, and the seconds that it has left."""
        number, spent = divmod(int(now.timestamp()), window_s)
        left = window_s - spent
        expires = int(now.timestamp()) + left + 3600
        return self._table.count(f"LIMIT#{what}#{who}", str(number), expires), left

    def lock(self, what: str, who: str, lock_s: int, now: datetime) -> None:
        """Lock somebody out for some seconds."""
        until = math.ceil(now.timestamp()) + lock_s
        self._table.write(put(key(*lock_key(what, who)) | {"until": until, "expires": until}))

    # --- who did what -----------------------------------------------------------------------------

    def note(self, entry: AuditEntry) -> None:
        """Add to the audit."""
        self._table.write(insert(_audit(entry)))

    def conclude(self, entry: AuditEntry, *, status: int, code: str | None, about: dict[str, str]) -> None:
        """Say what came of what was noted before it was done."""
        said: Item = {"status": status, "about": {**entry.about, **about}}
        item = _audit(entry)
        self._table.set(item["pk"], item["sk"], said | ({"code": code} if code else {}))

    def entries(self, since: date, until: date, after: str | None = None) -> Iterator[tuple[str, AuditEntry]]:
        """Yield the audit of some days in UTC, newest first, each with its place; `after` is such a place."""
        low = since.isoformat()
        high = after or (until + timedelta(days=1)).isoformat()
        for month in _months(since, until):
            if month > high[:7]:
                continue
            found = self._table.walk(f"AUDIT#{month}", between=(low, high), descending=True)
            for item in found:
                if item["sk"] != after:
                    yield item["sk"], struct(item, AuditEntry)

    def forget_entries(self, before: date, *, dry_run: bool) -> int:
        """Remove the audit of the days before a date; says how many entries."""
        removed = 0
        for month in _months(FIRST, before):
            for item in self._table.walk(f"AUDIT#{month}", between=("0", before.isoformat())):
                removed += 1
                if not dry_run:
                    self._table.write(delete(item["pk"], item["sk"]))
        return removed

    # --- what they were answered ------------------------------------------------------------------

    def claim_answer(
        self, place: str, running: Answer, *, now: datetime, kept: timedelta, abandoned: timedelta
    ) -> Answer | None:
        """Note that a request is under way; gives what is there when it came before."""
        item = items.answer(place, running, now + kept)
        try:
            self._table.write(insert(item))
        except WriteConflict:
            there = self._table.get(*items.answer_key(place))
            before = struct(there, Answer) if there and there["expires"] > now.timestamp() else None
            if before and (before.status is not None or now - before.started_at < abandoned):
                return before
            if there:
                try:
                    self._table.write(replace_if(item, attribute="started_at", value=there["started_at"]))
                except WriteConflict:
                    return running  # another took it over at this moment
        return None

    def keep_answer(self, place: str, answer: Answer, *, now: datetime, kept: timedelta) -> None:
        """Keep what a request was answered."""
        self._table.write(put(items.answer(place, answer, now + kept)))

    def drop_answer(self, place: str) -> None:
        """Forget a request that changed nothing."""
        self._table.write(delete(*items.answer_key(place)))

    # --- what is secret ---------------------------------------------------------------------------

    @cached_property
    def secret(self) -> bytes:
        """The site's own key; made when it is first needed."""
        fresh = {"key": secrets.token_bytes(32)}
        try:
            self._table.write(insert(key("SECRET", "-") | fresh))
        except WriteConflict:
            item = self._table.get("SECRET", "-")
            assert item  # noqa: S101 - it is there, and nothing removes it
            return bytes(item["key"])
        return fresh["key"]

    def sign(self, text: str) -> bytes:
        """Sign a text with the site's key: 128 bits."""
        return hmac.digest(self.secret, text.encode(), hashlib.sha256)[:16]

    def masked(self, identifier: str) -> str:
        """Give a name that stands for an id and does not lead back to it; the same each time."""
        return self.sign(f"mask {identifier}").hex()


def _token(token: Token) -> Item:
    item = key(f"TOKEN#{token.digest}", "-") | to_builtins(token)
    item |= {"listing_pk": TOKENS, "listing_sk": token.token_id}
    return item | ({"expires": int(token.expires_at.timestamp())} if token.expires_at else {})


def _audit(entry: AuditEntry) -> Item:
    at = entry.at.astimezone(UTC)
    return key(f"AUDIT#{at:%Y-%m}", f"{instant(at)}#{entry.entry_id}") | to_builtins(entry)


def _months(since: date, until: date) -> list[str]:
    """Name the months from one date to another, newest first."""
    first, last = since.year * 12 + since.month - 1, until.year * 12 + until.month - 1
    return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(last, first - 1, -1)]

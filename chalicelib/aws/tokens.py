"""Tokens, in the table."""

from datetime import datetime

from chalicelib.aws import items
from chalicelib.aws.dynamodb import Table, delete, insert, require
from chalicelib.aws.items import LISTING, struct
from chalicelib.domain.errors import WriteConflict
from chalicelib.domain.token import Token


class TokenStore:
    """The tokens that were issued."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, token: Token, *, maker: Token | None = None) -> bool:
        """Store a token, provided that its `maker` still exists; returns whether it was stored."""
        conditions = [require(*items.token_key(maker.digest))] if maker else []
        try:
            self._table.write(insert(items.token(token)), *conditions)
        except WriteConflict:
            return False
        return True

    def find(self, digest: str) -> Token | None:
        """Return a token by the SHA-256 digest of its secret; None if there is none."""
        item = self._table.get(f"TOKEN#{digest}", "-")
        return struct(item, Token) if item else None

    def all(self) -> list[Token]:
        """Return all tokens, oldest first."""
        found = [struct(item, Token) for item in self._table.query_all(items.TOKENS, index=LISTING)]
        return sorted(found, key=lambda token: (token.created_at, token.token_id))

    def remove(self, token: Token, *, staying: Token | None = None) -> bool:
        """Remove a token, provided that `staying` exists; returns whether it was removed.

        Of two removals at once that each rely on the other token, one transaction fails.
        """
        conditions = [require(f"TOKEN#{staying.digest}", "-")] if staying else []
        try:
            self._table.write(delete(f"TOKEN#{token.digest}", "-", must_exist=True), *conditions)
        except WriteConflict:
            return False
        return True

    def set_last_used(self, token: Token, now: datetime) -> None:
        """Record when a token was last used, if it still exists."""
        self._table.set(f"TOKEN#{token.digest}", "-", {"last_used_at": now.isoformat()})

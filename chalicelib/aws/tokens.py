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

    def add(self, token: Token) -> None:
        """Store a token."""
        self._table.write(insert(items.token(token)))

    def find(self, digest: str) -> Token | None:
        """Find a token by the SHA-256 of what was shown."""
        item = self._table.get(f"TOKEN#{digest}", "-")
        return struct(item, Token) if item else None

    def all(self) -> list[Token]:
        """Read all tokens, oldest first."""
        found = [struct(item, Token) for item in self._table.walk(items.TOKENS, index=LISTING)]
        return sorted(found, key=lambda token: (token.created_at, token.token_id))

    def remove(self, token: Token, *, staying: Token | None = None) -> bool:
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

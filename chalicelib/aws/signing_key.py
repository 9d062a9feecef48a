"""The site's own signing key, in the table."""

import hashlib
import hmac
import secrets
from functools import cached_property

from chalicelib.aws.dynamodb import Table, insert, key
from chalicelib.aws.items import SECRET
from chalicelib.domain.errors import WriteConflict


class SigningKey:
    """The key that signs cursors and masks ids; created at its first use."""

    def __init__(self, table: Table) -> None:
        self._table = table

    @cached_property
    def secret(self) -> bytes:
        """The secret of the site; created at its first use."""
        fresh = {"key": secrets.token_bytes(32)}
        try:
            self._table.write(insert(key(*SECRET) | fresh))
        except WriteConflict:
            item = self._table.get(*SECRET)
            assert item  # noqa: S101 - it is there, and nothing removes it
            return bytes(item["key"])
        return fresh["key"]

    def sign(self, text: str) -> bytes:
        """Sign a text with the site's key: 128 bits."""
        return hmac.digest(self.secret, text.encode(), hashlib.sha256)[:16]

    def mask(self, identifier: str) -> str:
        """Return a pseudonym of an id that does not reveal it; the same each time."""
        return self.sign(f"mask {identifier}").hex()

"""The site's own signing key, in the table."""

import hashlib
import hmac
import secrets
from functools import cached_property

from chalicelib.aws.dynamodb import Table, insert, key
from chalicelib.aws.items import SECRET
from chalicelib.domain.errors import WriteConflict


class SigningKey:
    """The key with which cursors are signed and ids are masked; made when it is first needed."""

    def __init__(self, table: Table) -> None:
        self._table = table

    @cached_property
    def secret(self) -> bytes:
        """The site's own key; made when it is first needed."""
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

    def masked(self, identifier: str) -> str:
        """Give a name that stands for an id and does not lead back to it; the same each time."""
        return self.sign(f"mask {identifier}").hex()

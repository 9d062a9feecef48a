"""Replies stored under Idempotency-Keys, in the table."""

from datetime import datetime, timedelta

from chalicelib.aws import items
from chalicelib.aws.dynamodb import Table, delete, insert, put, replace_if
from chalicelib.aws.items import struct
from chalicelib.domain.errors import WriteConflict
from chalicelib.domain.stored_reply import StoredReply


class StoredReplies:
    """The replies that a repeated request gets again."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def claim(
        self, place: str, running: StoredReply, *, now: datetime, kept: timedelta, abandoned: timedelta
    ) -> StoredReply | None:
        """Note that a request is under way; gives what is there when it came before."""
        item = items.stored_reply(place, running, now + kept)
        try:
            self._table.write(insert(item))
        except WriteConflict:
            there = self._table.get(*items.stored_reply_key(place))
            before = struct(there, StoredReply) if there and there["expires"] > now.timestamp() else None
            if before and (before.status is not None or now - before.started_at < abandoned):
                return before
            if there:
                try:
                    self._table.write(replace_if(item, attribute="started_at", value=there["started_at"]))
                except WriteConflict:
                    return running  # another took it over at this moment
        return None

    def keep(self, place: str, reply: StoredReply, *, now: datetime, kept: timedelta) -> None:
        """Keep what a request was answered."""
        self._table.write(put(items.stored_reply(place, reply, now + kept)))

    def drop(self, place: str) -> None:
        """Forget a request that changed nothing."""
        self._table.write(delete(*items.stored_reply_key(place)))

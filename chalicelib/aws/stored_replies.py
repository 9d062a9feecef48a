"""Replies stored under Idempotency-Keys, in the table."""

from datetime import datetime, timedelta

from chalicelib.aws import items
from chalicelib.aws.dynamodb import Table, delete, insert, put, replace_if
from chalicelib.aws.items import struct
from chalicelib.domain.errors import WriteConflict
from chalicelib.domain.stored_reply import StoredReply


class StoredReplies:
    """The replies that are returned again for repeated requests."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def claim(
        self, place: str, running: StoredReply, *, now: datetime, kept: timedelta, abandoned: timedelta
    ) -> StoredReply | None:
        """Record that a request is running; returns the stored reply if it was made before."""
        item = items.stored_reply(place, running, now + kept)
        try:
            self._table.write(insert(item))
        except WriteConflict:
            stored = self._table.get(*items.stored_reply_key(place))
            before = struct(stored, StoredReply) if stored and stored["expires"] > now.timestamp() else None
            if before and (before.status is not None or now - before.started_at < abandoned):
                return before
            if stored:
                try:
                    self._table.write(replace_if(item, attribute="started_at", value=stored["started_at"]))
                except WriteConflict:
                    return running  # another took it over at this moment
        return None

    def save(self, place: str, reply: StoredReply, *, now: datetime, kept: timedelta) -> None:
        """Store the reply of a request, unless a person whom it is about was erased meanwhile.

        A repeated request then runs again, and finds out that they are gone.
        """
        standing = [items.require_person(person_id) for person_id in reply.about if reply.body]
        try:
            self._table.write(put(items.stored_reply(place, reply, now + kept)), *standing)
        except WriteConflict:
            self.delete(place)

    def delete(self, place: str) -> None:
        """Delete the record of a request that changed nothing."""
        self._table.write(delete(*items.stored_reply_key(place)))

"""Counters and lock-outs, in the table."""

import math
from datetime import datetime

from chalicelib.aws.dynamodb import Table, delete, key, put
from chalicelib.aws.items import lock_key


class RateLimits:
    """Counts requests in fixed windows of time, and locks out callers and people."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def count(self, what: str, who: str, window_s: int, now: datetime) -> tuple[int, int]:
        """Count a request; returns the count of the current window and the seconds until it ends."""
        number, elapsed = divmod(int(now.timestamp()), window_s)
        left = window_s - elapsed
        expires = int(now.timestamp()) + left + 3600
        return self._table.count(f"LIMIT#{what}#{who}", str(number), expires), left

    def forget(self, what: str, who: str, window_s: int, now: datetime) -> None:
        """Delete the count of the current window."""
        self._table.write(delete(f"LIMIT#{what}#{who}", str(int(now.timestamp()) // window_s)))

    def unlock(self, what: str, who: str) -> None:
        """Delete a lock-out."""
        self._table.write(delete(*lock_key(what, who)))

    def lock(self, what: str, who: str, lock_s: int, now: datetime) -> None:
        """Lock a kiosk or a person out for some seconds."""
        until = math.ceil(now.timestamp()) + lock_s
        self._table.write(put(key(*lock_key(what, who)) | {"until": until, "expires": until}))

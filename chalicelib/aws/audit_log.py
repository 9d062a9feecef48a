"""The audit log, in the table."""

from collections.abc import Iterator
from datetime import date, timedelta

from chalicelib.aws import items
from chalicelib.aws.dynamodb import Item, Table, delete, insert
from chalicelib.aws.items import struct
from chalicelib.domain.audit_entry import AuditEntry
from chalicelib.domain.dates import ROLLCALL_BEGAN


class AuditLog:
    """What managers and admins did, what tokens showed of people, and who was refused."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, entry: AuditEntry) -> None:
        """Add an entry."""
        self._table.write(insert(items.audit_entry(entry)))

    def set_outcome(self, entry: AuditEntry) -> None:
        """Add the outcome to an entry that was written before the action."""
        item = items.audit_entry(entry)
        outcome: Item = {name: item[name] for name in ("status", "about", "code", "changes") if name in item}
        self._table.set(item["pk"], item["sk"], outcome)

    def entries(self, since: date, until: date, after: str | None = None) -> Iterator[tuple[str, AuditEntry]]:
        """Yield the entries of some days in UTC, newest first, with their positions; `after` is one."""
        low = since.isoformat()
        high = after or (until + timedelta(days=1)).isoformat()
        for month in _months(since, until):
            if month > high[:7]:
                continue
            found = self._table.query_all(f"AUDIT#{month}", between=(low, high), descending=True)
            for item in found:
                if item["sk"] != after:
                    yield item["sk"], struct(item, AuditEntry)

    def delete_entries(self, before: date, *, dry_run: bool) -> int:
        """Delete the entries of the days before a date, unless `dry_run`; returns how many."""
        removed = 0
        for month in _months(ROLLCALL_BEGAN.date(), before):
            for item in self._table.query_all(f"AUDIT#{month}", between=("0", before.isoformat())):
                removed += 1
                if not dry_run:
                    self._table.write(delete(item["pk"], item["sk"]))
        return removed


def _months(since: date, until: date) -> list[str]:
    """List the months from one date to another, newest first."""
    first, last = since.year * 12 + since.month - 1, until.year * 12 + until.month - 1
    return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(last, first - 1, -1)]

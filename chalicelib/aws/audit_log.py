"""The audit log, in the table."""

from collections.abc import Iterator
from datetime import date, timedelta

from chalicelib.aws import items
from chalicelib.aws.dynamodb import Item, Table, delete, insert
from chalicelib.aws.items import struct
from chalicelib.domain.audit_entry import AuditEntry

FIRST = date(2026, 1, 1)
"""No audit is older: Rollcall itself is not."""


class AuditLog:
    """What managers and admins did, and what limits refused."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def note(self, entry: AuditEntry) -> None:
        """Add to the audit."""
        self._table.write(insert(items.audit_entry(entry)))

    def conclude(self, entry: AuditEntry, *, status: int, code: str | None, about: dict[str, str]) -> None:
        """Say what came of what was noted before it was done."""
        said: Item = {"status": status, "about": {**entry.about, **about}}
        item = items.audit_entry(entry)
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


def _months(since: date, until: date) -> list[str]:
    """Name the months from one date to another, newest first."""
    first, last = since.year * 12 + since.month - 1, until.year * 12 + until.month - 1
    return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(last, first - 1, -1)]

"""The last closed date in the table, and writes that must not change a closed day.

A write for an earlier day than today checks in its own transaction that the day is open. A closing replaces
the same item, so either the write comes first and the closing follows it, or the write is refused. Writes for
today do without, because a closing never reaches today: a rush at the cameras must not meet on one item.
"""

from datetime import date

from chalicelib.aws import items
from chalicelib.aws.dynamodb import Table, Write, require_less
from chalicelib.domain.errors import PeriodClosed, WriteConflict


def closed_through(table: Table) -> date | None:
    """Return the last closed date; None if there is none."""
    item = table.get(*items.CLOSED)
    return date.fromisoformat(item["through"]) if item else None


def write_open(table: Table, since: date | None, *writes: Write) -> None:
    """Make all writes or none, which change days from `since` on (None: none before today).

    Raises PeriodClosed if `since` is closed, and WriteConflict as `Table.write` does.
    """
    if since is None:
        return table.write(*writes)
    try:
        table.write(*writes, require_less(*items.CLOSED, "through", since.isoformat()))
    except WriteConflict as conflict:
        if len(writes) in conflict.failed and (closed := closed_through(table)):
            raise PeriodClosed(closed) from None
        raise

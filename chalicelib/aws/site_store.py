"""What holds for the whole site: changes of its settings, its holidays, and the closing of its books.

The Directory reads settings and site, because most decisions about people need them.
"""

from collections.abc import Iterable
from datetime import date
from itertools import islice

from chalicelib.aws import items, upgrades
from chalicelib.aws.closed_days import closed_through, write_open
from chalicelib.aws.dynamodb import (
    TRANSACTION,
    Table,
    delete,
    insert,
    put,
    replace,
    replace_if,
    require_less,
)
from chalicelib.aws.items import SETTINGS, struct
from chalicelib.domain.closing import Closing, RunningImport, RunningImports
from chalicelib.domain.errors import Busy, PeriodClosed
from chalicelib.domain.schedule import Holiday
from chalicelib.domain.settings import Settings


class SiteStore:
    """The items of the site. Each change names the first date `since` which it changes, None for today."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def change_settings(self, before: Settings, after: Settings, since: date | None) -> None:
        """Replace the settings; raises PeriodClosed, or WriteConflict if they changed since then, or Busy."""
        self._require_upgraded()
        write_open(self._table, since, replace(items.settings(after), version=before.version))

    def _require_upgraded(self) -> None:
        """Raise Busy while settings and holidays are of an earlier schema; changing them would lose some."""
        item = self._table.get(*SETTINGS)
        if item and upgrades.is_outdated(item):
            raise Busy("The settings can be changed once `python -m infra migrate` has upgraded the table.")

    # --- holidays -------------------------------------------------------------------------------

    def holidays(self, since: date, until: date) -> list[Holiday]:
        """Return the holidays of some dates, both ends included, in order."""
        (pk, low), (_, high) = items.holiday_key(since), items.holiday_key(until)
        return [items.read_holiday(item) for item in self._table.query_all(pk, between=(low, high))]

    def put_holidays(self, holidays: Iterable[Holiday], since: date | None) -> None:
        """Add or replace holidays, oldest first and as many at once as fit; raises PeriodClosed or Busy."""
        self._require_upgraded()
        waiting = iter(sorted(holidays, key=lambda holiday: holiday.date))
        while some := list(islice(waiting, TRANSACTION - 1)):
            write_open(self._table, since, *(put(items.holiday(holiday)) for holiday in some))

    def remove_holiday(self, on: date, since: date | None) -> None:
        """Remove a holiday; raises PeriodClosed, or WriteConflict if there is none, or Busy."""
        self._require_upgraded()
        write_open(self._table, since, delete(*items.holiday_key(on), must_exist=True))

    # --- closing --------------------------------------------------------------------------------

    def closed_through(self) -> date | None:
        """Return the last closed date; None if there is none."""
        return closed_through(self._table)

    def require_open(self, since: date | None) -> None:
        """Raise PeriodClosed if a date is closed; for who would write, but does not."""
        closed = self.closed_through() if since else None
        if since and closed and since <= closed:
            raise PeriodClosed(closed)

    def closings(self) -> list[Closing]:
        """Return all closings and reopenings, newest first."""
        return [struct(item, Closing) for item in self._table.query_all("CLOSINGS", descending=True)]

    def running_imports(self) -> RunningImports:
        """Return the imports that have begun and not ended."""
        item = self._table.get(*items.IMPORTS)
        return struct(item, RunningImports) if item else RunningImports()

    def save_running_imports(
        self, before: RunningImports, imports: Iterable[RunningImport], since: date | None = None
    ) -> None:
        """Replace the running imports, to which one of days from `since` on may be added.

        Raises PeriodClosed, or WriteConflict if they changed since they were read.
        """
        after = RunningImports(imports=tuple(imports), version=before.version + 1)
        write_open(self._table, since, replace(items.running_imports(after), version=before.version))

    def close(
        self, before: date | None, closing: Closing, closing_id: str, *, during: RunningImports
    ) -> None:
        """Replace the last closed date `before`, and record who did.

        Raises WriteConflict if it changed, or an import has begun or ended since they were read.
        """
        item = items.closed(closing.closed_through)
        changed = (
            insert(item)
            if before is None
            else replace_if(item, attribute="through", value=before.isoformat())
        )
        unchanged = require_less(*items.IMPORTS, "version", during.version + 1)
        self._table.write(changed, insert(items.closing(closing, closing_id)), unchanged)

"""The items of the table that an earlier version of Rollcall wrote, and their upgrade in place."""

from functools import partial

from chalicelib.aws import items, upgrades
from chalicelib.aws.dynamodb import Item, Table, delete, put, replace
from chalicelib.aws.items import LISTING, SETTINGS
from chalicelib.domain.settings import Settings


class OutdatedItems:
    """Profiles and settings of earlier schemas; `shards` and `defaults` are those of the directory."""

    def __init__(self, table: Table, *, shards: int, defaults: Settings) -> None:
        self._table = table
        self._shards = shards
        self._defaults = defaults

    def count_settings(self) -> int:
        """Count the items of settings and calendars of an earlier schema."""
        calendars = list(self._table.query_all("SETTINGS", prefix=upgrades.CALENDAR))
        item = self._table.get(*SETTINGS)
        return len(calendars) + bool(item and upgrades.is_outdated(item))

    def upgrade_settings(self) -> None:
        """Write settings and holidays anew in the current schema; raises WriteConflict if they changed.

        The settings are replaced when all holidays are there, and calendars deleted when the settings are
        replaced, so that it can be repeated from any point.
        """
        found = list(self._table.query_all("SETTINGS"))
        if any(item["sk"] == SETTINGS[1] and upgrades.is_outdated(item) for item in found):
            site = items.read_site(found, self._defaults)
            for holiday in site.holidays:
                self._table.write(put(items.holiday(holiday)))
            self._table.write(replace(items.settings(site.settings), version=site.settings.version))
        for item in found:
            if item["sk"].startswith(upgrades.CALENDAR):
                self._table.write(delete(item["pk"], item["sk"]))

    def people(self) -> list[str]:
        """Return the ids of people whose profile is of an earlier schema."""
        shards = self._table.gather([partial(self._listed, shard) for shard in range(self._shards)])
        return [item["person_id"] for shard in shards for item in shard if upgrades.is_outdated(item)]

    def _listed(self, shard: int) -> list[Item]:
        return list(self._table.query_all(f"PEOPLE#{shard}", index=LISTING))

    def upgrade_person(self, person_id: str) -> bool:
        """Write a profile anew in the current schema; returns whether it was of an earlier one.

        The version stays, so that whoever read the person before can still save. Raises WriteConflict if the
        person changed meanwhile.
        """
        item = self._table.get(f"PERSON#{person_id}", "PROFILE")
        person = items.read_person(item)
        if item is None or person is None or not upgrades.is_outdated(item):
            return False
        self._table.write(replace(items.person(person, self._shards), version=person.version))
        return True

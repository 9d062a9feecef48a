"""Upgrade of a table that an earlier version of Rollcall wrote.

Items of an earlier schema are also upgraded whenever they are read, so the service works before and during
it; only the settings and holidays cannot be changed until then. It may be interrupted and repeated.
"""

from msgspec import Struct

from chalicelib.aws.outdated_items import OutdatedItems
from chalicelib.services.retries import retry


class Outdated(Struct, frozen=True):
    """What is of an earlier schema: how many items of the settings, and the ids of people."""

    settings: int
    people: list[str]


def find_outdated(items: OutdatedItems) -> Outdated:
    """Find what is of an earlier schema."""
    return Outdated(items.count_settings(), sorted(items.people()))


def upgrade_settings(items: OutdatedItems) -> None:
    """Upgrade settings, calendars and holidays. Raises Busy."""
    retry(items.upgrade_settings)


def upgrade_person(items: OutdatedItems, person_id: str) -> bool:
    """Upgrade a person's profile; returns whether it was of an earlier schema. Raises Busy."""
    return retry(lambda: items.upgrade_person(person_id))

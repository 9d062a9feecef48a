"""Upgrade of a table that an earlier version of Rollcall wrote.

Items of an earlier schema are also upgraded whenever they are read, so the service works before and during
it; only the settings and holidays cannot be changed until then. It may be interrupted and repeated.
"""

from msgspec import Struct

from chalicelib.aws.directory import Directory
from chalicelib.services.retries import retry


class Outdated(Struct, frozen=True):
    """What is of an earlier schema: how many items of the settings, and the ids of people."""

    settings: int
    people: list[str]


def outdated(directory: Directory) -> Outdated:
    """Find what is of an earlier schema."""
    return Outdated(directory.outdated_settings(), sorted(directory.outdated_people()))


def upgrade_settings(directory: Directory) -> None:
    """Upgrade settings, calendars and holidays. Raises Busy."""
    retry(directory.upgrade_settings)


def upgrade_person(directory: Directory, person_id: str) -> bool:
    """Upgrade a person's profile; returns whether it was of an earlier schema. Raises Busy."""
    return retry(lambda: directory.upgrade_person(person_id))

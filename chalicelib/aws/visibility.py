"""What a token that is limited to groups may see and change: one rule, at the only way to the table.

While a request of such a token runs, the table hands out no item about a person of another group (or of
none), as if it did not exist, and refuses to write one. Gateways, use cases and routes need no rule of their
own, and a new one cannot forget it.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from typing import Any

from chalicelib.aws.dynamodb import Item, Page, Table, Write, from_attributes
from chalicelib.aws.items import read_groups
from chalicelib.domain.errors import GroupNotAllowed, PersonNotFound
from chalicelib.domain.timeline import Timeline, value_on

_OWNER = "PERSON#"

_PROFILE = "PROFILE"


class _Limit:
    """The groups of a token, the date, and what was found during the request: who is in them, and when."""

    def __init__(self, groups: frozenset[str], today: date) -> None:
        self.groups = groups
        self.today = today
        self.visible: dict[str, bool] = {}
        self._known: dict[str, Timeline[str | None]] = {}

    def allows(self, groups: Timeline[str | None]) -> bool:
        """Say whether somebody is in one of the groups today."""
        return value_on(groups, self.today, None) in self.groups

    def judge(self, person_id: str, profile: Item | None) -> None:
        """Note whether a person may be seen, by their profile; None if they do not exist."""
        if profile and "erasing" in profile:
            # It no longer says of which group it was: what was found before holds until the request ends.
            self.visible.setdefault(person_id, False)
        else:
            groups = self._known[person_id] = read_groups(profile) if profile else ()
            self.visible[person_id] = self.allows(groups)

    def admits(self, profile: Item) -> bool:
        """Say whether a profile may be saved: in a group today, and moved to no other one on any date.

        Moves to other groups that were recorded before, by others, may stay.
        """
        groups = read_groups(profile)
        known = self._known.get(profile["person_id"], ())
        return self.allows(groups) and all(one.value in self.groups for one in groups if one not in known)


_limit: ContextVar[_Limit | None] = ContextVar("limit", default=None)


@contextmanager
def limited_to(groups: frozenset[str] | None, today: date) -> Iterator[None]:
    """Run a block with the people who are in some groups today; None for all people."""
    token = _limit.set(None if groups is None else _Limit(groups, today))
    try:
        yield
    finally:
        _limit.reset(token)


@contextmanager
def all_people_visible() -> Iterator[None]:
    """Run a block with all people: for checks across the site, whose result does not say who was found."""
    with limited_to(None, date.min):
        yield


def is_visible(groups: Timeline[str | None]) -> bool:
    """Return whether the caller may see and have a person of these groups."""
    limit = _limit.get()
    return limit is None or limit.allows(groups)


class PeopleTable(Table):
    """The table, as the caller of the running request may see it."""

    def get(self, pk: str, sk: str) -> Item | None:
        """Return one item, read consistently; None if it does not exist for the caller."""
        item = super().get(pk, sk)
        return next(iter(self._seen([item])), None) if item else None

    def get_many(
        self, keys: Iterable[tuple[str, str]], *, consistent: bool = True
    ) -> dict[tuple[str, str], Item]:
        """Return the items that exist for the caller, by key."""
        found = super().get_many(keys, consistent=consistent)
        return {(item["pk"], item["sk"]): item for item in self._seen(list(found.values()))}

    def query(self, pk: str, **narrowing: Any) -> Page:
        """Return one page of a partition without what the caller may not see."""
        page = super().query(pk, **narrowing)
        return Page(self._seen(page.items), page.last)

    def write(self, *writes: Write) -> None:
        """Make all writes or none.

        Raises GroupNotAllowed if a person would be in a group that is not the caller's, and PersonNotFound if
        anything else is about somebody whom the caller may not see.
        """
        if limit := _limit.get():
            self._check(limit, [_item(write) for write in writes])
        super().write(*writes)

    def set(self, pk: str, sk: str, attributes: Item) -> bool:
        """Set attributes of an item if it exists; raises PersonNotFound like `write`."""
        if limit := _limit.get():
            self._check(limit, [{"pk": pk, "sk": sk}])
        return super().set(pk, sk, attributes)

    def _seen(self, items: list[Item]) -> list[Item]:
        limit = _limit.get()
        if limit is None:
            return items
        self._judge(limit, items)
        return [item for item in items if (person_id := _subject(item)) is None or limit.visible[person_id]]

    def _check(self, limit: _Limit, items: Sequence[Item]) -> None:
        saved = [item for item in items if item["sk"] == _PROFILE and "person_id" in item]
        profiles = {item["person_id"]: item for item in saved if "erasing" not in item}
        if not all(map(limit.admits, profiles.values())):
            raise GroupNotAllowed
        others = [item for item in items if _subject(item) not in (None, *profiles)]
        self._judge(limit, others, stored=False)
        for item in others:
            person_id = _subject(item)
            if person_id and not limit.visible[person_id]:
                raise PersonNotFound(person_id)

    def _judge(self, limit: _Limit, items: Iterable[Item], *, stored: bool = True) -> None:
        """Find out who of those whom items are about may be seen; `stored` profiles say so themselves."""
        unknown = set()
        for item in items:
            person_id = _subject(item)
            if person_id is not None and stored and item["sk"] == _PROFILE:
                limit.judge(person_id, item)
            elif person_id is not None:
                unknown.add(person_id)
        keys = {person_id: (f"{_OWNER}{person_id}", _PROFILE) for person_id in unknown - limit.visible.keys()}
        profiles = super().get_many(keys.values()) if keys else {}
        for person_id, place in keys.items():
            limit.judge(person_id, profiles.get(place))


def _subject(item: Item) -> str | None:
    """Return the person whom an item (or its key) is about; None if it is about nobody."""
    for place in (item["pk"], item["sk"]):
        if place.startswith(_OWNER):
            return str(place.removeprefix(_OWNER))
    return item.get("person_id")


def _item(write: Write) -> Item:
    """Return the item, or only the key, of a write."""
    return from_attributes(write.arguments.get("Item") or write.arguments["Key"])

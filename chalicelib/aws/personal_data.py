"""Everything that the table stores about a person, for access and erasure."""

import zlib
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from itertools import islice

from msgspec.structs import replace as changed

from chalicelib.aws import items
from chalicelib.aws.dynamodb import Item, Table, Write, delete, key, put, replace
from chalicelib.aws.items import LISTING, instant, struct
from chalicelib.domain.erasure import Erasure
from chalicelib.domain.person import Person
from chalicelib.domain.punch import FARTHEST, Punch
from chalicelib.domain.types import to_builtins

ERASURES = "ERASURES"


PSEUDONYMS = "PSEUDONYMS"


class PersonalData:
    """The places of the table where data about a person can be."""

    def __init__(self, table: Table, *, shards: int) -> None:
        self._table = table
        self._shards = shards

    # --- erasures -------------------------------------------------------------------------------

    def start(self, person: Person, erasure: Erasure) -> None:
        """Replace the profile of a person by an erasure, without code and name; raises WriteConflict.

        Afterwards no more data of the person can be added, because each such write requires the profile.
        """
        codes = [delete(*items.code(person.code))] if person.code else []
        words = [delete(*place) for place in items.search_keys(person)]
        self._table.write(replace(_erasure(erasure), version=person.version), *codes, *words)

    def erasure(self, person_id: str) -> Erasure | None:
        """Return the unfinished erasure of a person; None if there is none."""
        item = self._table.get(f"PERSON#{person_id}", "PROFILE")
        return struct(item, Erasure) if item and "erasing" in item else None

    def erasures(self, before: datetime) -> list[Erasure]:
        """List the unfinished erasures that started before an instant."""
        found = self._table.query_all(ERASURES, index=LISTING, between=("0", instant(before)))
        return [struct(item, Erasure) for item in found]

    def save(self, erasure: Erasure) -> None:
        """Store what an erasure counted."""
        item = to_builtins(erasure)
        kept = {name: item[name] for name in ("found", "face_ids")}
        self._table.set(f"PERSON#{erasure.person_id}", "PROFILE", kept)

    def finish(self, erasure: Erasure) -> None:
        """Delete a complete erasure; a pseudonym with punches is listed for the retention."""
        writes = [delete(f"PERSON#{erasure.person_id}", "PROFILE")]
        if erasure.attendance == "pseudonymise" and erasure.found and erasure.found.punches:
            place = key(f"PERSON#{erasure.pseudonym}", "PSEUDONYM")
            listing = {"listing_pk": PSEUDONYMS, "listing_sk": erasure.pseudonym}
            writes.append(put(place | listing | {"person_id": erasure.pseudonym}))
        self._table.write(*writes)

    def pseudonyms(self) -> list[str]:
        """List the pseudonyms under which the attendance of erased people is kept."""
        return [item["person_id"] for item in self._table.query_all(PSEUDONYMS, index=LISTING)]

    # --- data about a person ----------------------------------------------------------------------

    def keys(self, person_id: str, prefix: str) -> list[tuple[str, str]]:
        """List the keys of a person's own items of a kind (`LEAVE#`, `CONSENT#`, ...)."""
        return _places(self._table.query_all(f"PERSON#{person_id}", prefix=prefix))

    def remaining(self, person_id: str) -> list[tuple[str, str]]:
        """List the keys of a person's own items except the erasure."""
        own = _places(self._table.query_all(f"PERSON#{person_id}"))
        return [place for place in own if place[1] != "PROFILE"]

    def temporary_items(self, person_id: str) -> list[Item]:
        """List the temporary items about a person: sessions and stored replies."""
        return list(self._table.query_all(f"ABOUT#{person_id}", index=LISTING))

    def shared_replies(self, person_id: str) -> list[Item]:
        """List the stored replies about several people that have a person's id in them."""
        word = person_id.encode()
        found = self._table.query_all("ABOUT#-", index=LISTING)
        return [item for item in found if word in zlib.decompress(item["body"])]

    def failures(self, person_id: str) -> list[Item]:
        """List the counters of a person's failed punches and their lock-out."""
        counts = self._table.query_all(f"LIMIT#failed-person#{person_id}")
        lock = self._table.get(*items.lock_key("person", person_id))
        return [*counts, *([lock] if lock else [])]

    def uploads(self, person_id: str) -> list[Item]:
        """List the uploads that were used for a person and are not deleted yet."""
        found = self._table.query_all(items.UPLOADS, index=LISTING)
        return [item for item in found if item.get("about") == person_id]

    def punches(self, person_id: str, before: date | None = None) -> Iterator[Punch]:
        """Yield a person's punches, or only those of work days before a date."""
        for item in self._table.query_all(f"PERSON#{person_id}", prefix="PUNCH#"):
            punch = struct(item, Punch)
            if before and punch.at.date() > before + FARTHEST:
                return
            if before is None or punch.work_day < before:
                yield punch

    def delete(self, places: Iterable[tuple[str, str]]) -> None:
        """Delete items by key if they exist."""
        self._in_transactions([delete(*place)] for place in places)

    def delete_items(self, found: Iterable[Item]) -> None:
        """Delete items."""
        self.delete(_places(found))

    def remove_attendance(self, person_id: str, punches: Iterable[Punch]) -> tuple[int, int]:
        """Delete punches and their work days; returns how many of each."""
        found = list(punches)
        days = {punch.work_day for punch in found}
        # Work days first: after a crash they can only be found by the punches.
        self._in_transactions([delete(*self._day(person_id, day))] for day in days)
        self._in_transactions([delete(*_place(punch))] for punch in found)
        return len(found), len(days)

    def move_attendance(self, person_id: str, pseudonym: str, punches: Iterable[Punch]) -> None:
        """Move punches and their work days to a pseudonym, without anything that identifies the person."""
        found = list(punches)
        # Work days first: after a crash they can only be found by the punches.
        days = sorted({punch.work_day for punch in found})
        there = self._table.get_many(self._day(person_id, day) for day in days)
        records = map(items.read_day, there.values())
        self._in_transactions(
            [
                put(items.day(changed(record, person_id=pseudonym), self._shards)),
                delete(*self._day(person_id, record.work_day)),
            ]
            for record in records
        )
        self._in_transactions(
            [put(items.punch(_pseudonymous(punch, pseudonym))), delete(*_place(punch))] for punch in found
        )

    def _day(self, person_id: str, work_day: date) -> tuple[str, str]:
        return items.day_key(person_id, work_day, self._shards)

    def _in_transactions(self, groups: Iterable[list[Write]]) -> None:
        """Write groups, each of them atomic, as many per transaction as fit."""
        waiting = iter(groups)
        while some := list(islice(waiting, 50)):  # of at most two writes each
            self._table.write(*(write for group in some for write in group))


def _pseudonymous(punch: Punch, pseudonym: str) -> Punch:
    return changed(punch, person_id=pseudonym, evidence=None, reason=None, by=None, device=None, site=None)


def _place(punch: Punch) -> tuple[str, str]:
    place = items.punch_key(punch.person_id, punch.punch_id)
    assert place  # noqa: S101 - the id is one of ours
    return place


def _places(found: Iterable[Item]) -> list[tuple[str, str]]:
    return [(item["pk"], item["sk"]) for item in found]


def _erasure(erasure: Erasure) -> Item:
    listing = {"listing_pk": ERASURES, "listing_sk": f"{instant(erasure.erasing)}#{erasure.person_id}"}
    return key(f"PERSON#{erasure.person_id}", "PROFILE") | to_builtins(erasure) | listing

"""Everything that the table holds on one person, wherever it is: to show it, and to make it go.

A gateway to the table, beside `Store`, `Ledger` and `Access`.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from itertools import islice

from msgspec.structs import replace as changed

from chalicelib.aws import items
from chalicelib.aws.dynamodb import Item, Table, Write, delete, key, put, replace
from chalicelib.aws.items import LISTING, instant, struct
from chalicelib.domain.erasure import Erasure
from chalicelib.domain.person import Person
from chalicelib.domain.punch import Punch
from chalicelib.domain.types import to_builtins

ERASURES = "ERASURES"


PSEUDONYMS = "PSEUDONYMS"


class PersonalData:
    """The table, as the places where something about a person can be."""

    def __init__(self, table: Table, *, shards: int) -> None:
        self._table = table
        self._shards = shards

    # --- erasures -------------------------------------------------------------------------------

    def begin(self, person: Person, erasure: Erasure) -> None:
        """Put an erasure in the person's place, with their code and name gone; raises WriteConflict.

        From then on nothing more can be recorded of the person: each such write needs the profile.
        """
        codes = [delete(*items.code(person.code))] if person.code else []
        words = [delete(*place) for place in items.search_keys(person)]
        self._table.write(replace(_erasure(erasure), version=person.version), *codes, *words)

    def erasure(self, person_id: str) -> Erasure | None:
        """Read the erasure of a person that is under way."""
        item = self._table.get(f"PERSON#{person_id}", "PROFILE")
        return struct(item, Erasure) if item and "erasing" in item else None

    def erasures(self, before: datetime) -> list[Erasure]:
        """Find the erasures that began before an instant and never ended."""
        found = self._table.walk(ERASURES, index=LISTING, between=("0", instant(before)))
        return [struct(item, Erasure) for item in found]

    def note(self, erasure: Erasure) -> None:
        """Keep what an erasure found."""
        item = to_builtins(erasure)
        kept = {name: item[name] for name in ("found", "face_ids")}
        self._table.set(f"PERSON#{erasure.person_id}", "PROFILE", kept)

    def end(self, erasure: Erasure) -> None:
        """Drop an erasure that is complete; a pseudonym that has punches is noted for the retention."""
        writes = [delete(f"PERSON#{erasure.person_id}", "PROFILE")]
        if erasure.attendance == "anonymise" and erasure.found and erasure.found.punches:
            place = key(f"PERSON#{erasure.pseudonym}", "PSEUDONYM")
            listing = {"listing_pk": PSEUDONYMS, "listing_sk": erasure.pseudonym}
            writes.append(put(place | listing | {"person_id": erasure.pseudonym}))
        self._table.write(*writes)

    def pseudonyms(self) -> list[str]:
        """List the made-up ids under which attendance of erased people is kept."""
        return [item["person_id"] for item in self._table.walk(PSEUDONYMS, index=LISTING)]

    # --- what is about a person -------------------------------------------------------------------

    def own(self, person_id: str, prefix: str) -> list[tuple[str, str]]:
        """List the keys of a person's own items of a kind (`LEAVE#`, `CONSENT#`, ...)."""
        return _places(self._table.walk(f"PERSON#{person_id}", prefix=prefix))

    def left(self, person_id: str) -> list[tuple[str, str]]:
        """List the keys of what is left of a person, besides the erasure itself."""
        own = _places(self._table.walk(f"PERSON#{person_id}"))
        return [place for place in own if place[1] != "PROFILE"]

    def kept(self, person_id: str) -> list[Item]:
        """Read what is kept about a person for a while: sessions, and answers to repeated requests."""
        return list(self._table.walk(f"ABOUT#{person_id}", index=LISTING))

    def answers(self) -> Iterator[Item]:
        """Yield the kept answers that may name anybody."""
        return self._table.walk("ABOUT#-", index=LISTING)

    def failures(self, person_id: str) -> list[tuple[str, str]]:
        """List the counts of failed punches and the lock of a person."""
        counts = _places(self._table.walk(f"LIMIT#failed-person#{person_id}"))
        return [*counts, items.lock_key("person", person_id)]

    def uploads(self, person_id: str) -> list[str]:
        """List the uploads that were used for a person and are not removed yet."""
        found = self._table.walk(items.UPLOADS, index=LISTING)
        return [item["pk"].removeprefix("UPLOAD#") for item in found if item.get("about") == person_id]

    def punches(self, person_id: str, before: date | None = None) -> Iterator[Punch]:
        """Yield a person's punches, those of work days before a date if one is given."""
        for item in self._table.walk(f"PERSON#{person_id}", prefix="PUNCH#"):
            punch = struct(item, Punch)
            if before and punch.at.date().toordinal() > before.toordinal() + 2:
                return  # a work day lies within two days of the date of its punches
            if before is None or punch.work_day < before:
                yield punch

    def remove(self, places: Iterable[tuple[str, str]]) -> None:
        """Remove items; those that are not there are fine."""
        self._in_transactions([delete(*place)] for place in places)

    def remove_attendance(self, person_id: str, punches: Iterable[Punch]) -> tuple[int, int]:
        """Remove punches and the work days they are of; gives how many of each."""
        found = list(punches)
        days = {punch.work_day for punch in found}
        # The days first: they are found by the punches.
        self._in_transactions([delete(*self._day(person_id, day))] for day in days)
        self._in_transactions([delete(*_place(punch))] for punch in found)
        return len(found), len(days)

    def move_attendance(self, person_id: str, pseudonym: str, punches: Iterable[Punch]) -> None:
        """Put punches and their work days under a made-up id, without whatever leads to the person."""
        found = list(punches)
        # The days first: they are found by the punches.
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
            [put(items.punch(_anonymous(punch, pseudonym))), delete(*_place(punch))] for punch in found
        )

    def _day(self, person_id: str, work_day: date) -> tuple[str, str]:
        return items.day_key(person_id, work_day, self._shards)

    def _in_transactions(self, groups: Iterable[list[Write]]) -> None:
        """Write groups, each whole or not at all, as many to a transaction as there is room for."""
        waiting = iter(groups)
        while some := list(islice(waiting, 50)):  # of at most two writes each
            self._table.write(*(write for group in some for write in group))


def _anonymous(punch: Punch, pseudonym: str) -> Punch:
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

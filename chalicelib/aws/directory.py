"""Settings, people with their faces and consents, and leave in the table.

Sessions, punches and work days are in `attendance_store`. Keys and items are defined in `items`.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from functools import partial
from itertools import islice
from operator import itemgetter
from typing import Any, TypeVar

from msgspec.structs import replace as changed

from chalicelib.aws import items, person_writes, upgrades
from chalicelib.aws.batch import write_groups
from chalicelib.aws.closed_days import write_open
from chalicelib.aws.deadline import without_deadline
from chalicelib.aws.dynamodb import (
    Item,
    Table,
    Write,
    delete,
    insert,
    key,
    put,
    replace,
    replace_if,
)
from chalicelib.aws.items import LISTING, SETTINGS, UNFINISHED, instant, struct
from chalicelib.aws.temporary_files import TemporaryFiles
from chalicelib.domain.errors import (
    InvalidCursor,
    PersonExists,
    PersonNotFound,
    WriteConflict,
)
from chalicelib.domain.face import Face, FaceState
from chalicelib.domain.leave import LeaveRecord
from chalicelib.domain.person import Consent, Person
from chalicelib.domain.settings import Settings
from chalicelib.domain.site import Site
from chalicelib.domain.types import Page

A = TypeVar("A")


B = TypeVar("B")


C = TypeVar("C")


SavedPerson = tuple[Person | None, Person]
"""A person before and after a change; None before they are inserted."""


_LAST = "\U0010ffff"  # sorts after every text


def _first(person: Person, pk: str, prefix: str) -> str:
    """Give the first place at which a search finds a person; raises InvalidCursor when it does not."""
    places = [sk for own, sk in items.search_keys(person) if own == pk and sk.startswith(prefix)]
    if not places:
        raise InvalidCursor
    return min(places)


def batched(found: Iterator[Item], size: int) -> Iterator[list[Item]]:
    """Split items into lists of at most `size`."""
    while batch := list(islice(found, size)):
        yield batch


class Directory(TemporaryFiles):
    """The items that managers and admins maintain, uploads among them.

    `shards` is fixed when the table is created; `defaults` apply until an admin changes the settings.
    """

    def __init__(self, table: Table, *, shards: int, defaults: Settings) -> None:
        super().__init__(table)
        self._shards = shards
        self._defaults = defaults

    def in_parallel(
        self, one: Callable[[], A], two: Callable[[], B], three: Callable[[], C]
    ) -> tuple[A, B, C]:
        """Make three reads in parallel."""
        calls: list[Callable[[], Any]] = [one, two, three]
        first, second, third = self._table.gather(calls)
        return first, second, third

    # --- settings -------------------------------------------------------------------------------

    def settings(self) -> Settings:
        """Return the settings."""
        item = self._table.get(*SETTINGS)
        if item and upgrades.is_outdated(item):
            return self.site().settings
        return items.read_settings(item, self._defaults)

    def site(self) -> Site:
        """Return the settings with the holidays and the last closed date, in one read."""
        found = self._table.query_all("SETTINGS", between=(SETTINGS[1], f"HOLIDAY#{_LAST}"))
        return items.read_site(found, self._defaults)

    # --- people ---------------------------------------------------------------------------------

    def _save(self, person: Person) -> Write:
        return person_writes.save(person, self._shards)

    def add_person(self, person: Person, *, since: date | None = None) -> None:
        """Insert a person with their code and search words.

        `since` is their first day if it is before today. Raises PeriodClosed if that is closed, PersonExists
        for a taken code, WriteConflict for an id that is there already.
        """
        try:
            write_open(self._table, since, *person_writes.insertion(person, self._shards))
        except WriteConflict as conflict:
            if 0 in conflict.failed or not person.code:
                raise
            raise PersonExists(person.code) from None

    def owners(self, codes: Iterable[str]) -> dict[str, str]:
        """Return the person ids of codes, by folded code; codes that nobody has are omitted."""
        found = self._table.get_many(items.code(code) for code in codes)
        return {pk.removeprefix("CODE#"): item["person_id"] for (pk, _), item in found.items()}

    def lookalike(self, person: Person) -> str | None:
        """Find somebody else whose code looks like a person's: their id, if there is one."""
        found = self._table.query_all(items.looks(person.code), index=LISTING) if person.code else iter(())
        return next((item["person_id"] for item in found if item["person_id"] != person.person_id), None)

    def add_people(self, people: Sequence[Person]) -> list[Person]:
        """Insert many people with different codes; returns those whose code was taken, who are not inserted.

        If a transaction fails, all are undone and its exception is raised.
        """
        return [person for _, person in self.save_people([(None, person) for person in people])]

    def save_people(self, changes: Sequence[SavedPerson]) -> list[SavedPerson]:
        """Insert or replace many people; returns those who lost against another write and are not saved.

        Many transactions run in parallel, each with many people. If one fails, all are undone and its
        exception is raised.
        """
        writes = ((change, person_writes.change(*change, self._shards)) for change in changes)
        outcomes = write_groups(self._table, writes)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                self.undo_save(changes)
                raise outcome
        return [change for outcome in outcomes if not isinstance(outcome, Exception) for change in outcome]

    def undo_save(self, changes: Sequence[SavedPerson]) -> None:
        """Remove people who were just inserted, and give those who were replaced their earlier state.

        A person who was changed since stays, because somebody already works with them.
        """
        with without_deadline():
            found = self.people(after.person_id for _, after in changes)
            undone = []
            for before, after in changes:
                stored = found.get(after.person_id)
                if before is None and stored and stored.version == 1:
                    undone.append((after, person_writes.removal(stored)))
                elif before and stored == changed(after, version=before.version + 1):
                    earlier = changed(before, version=stored.version)
                    undone.append((after, person_writes.change(stored, earlier, self._shards)))
            outcomes = write_groups(self._table, undone)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    def person(self, person_id: str) -> Person:
        """Return a person; raises PersonNotFound."""
        found = items.read_person(self._table.get(f"PERSON#{person_id}", "PROFILE"))
        if found is None:
            raise PersonNotFound(person_id)
        return found

    def people(self, person_ids: Iterable[str]) -> dict[str, Person]:
        """Return the people who exist, by id."""
        found = self._table.get_many([(f"PERSON#{person_id}", "PROFILE") for person_id in person_ids])
        people = filter(None, map(items.read_person, found.values()))
        return {person.person_id: person for person in people}

    def change_person(self, before: Person, after: Person, *, since: date | None = None) -> None:
        """Replace a person with their code and search items.

        `since` is the first day that this changes if it is before today. Raises PeriodClosed if that is
        closed, WriteConflict if the person changed since they were read, PersonExists for a taken code.
        """
        try:
            write_open(self._table, since, *person_writes.change(before, after, self._shards))
        except WriteConflict as conflict:
            if 0 in conflict.failed or not after.code:
                raise
            raise PersonExists(after.code) from None

    def search_people(
        self, q: str, wanted: Callable[[Person], bool], *, limit: int, after: str | None
    ) -> Page[Person]:
        """List people by name; `q` (folded) is the beginning of a word of the name, or of the code.

        `after` is the id of the last person of the page before; raises InvalidCursor when they are gone, or
        `q` does not find them any more.
        """
        try:
            last = self.person(after) if after else None
        except PersonNotFound:
            raise InvalidCursor from None
        found: list[Person] = []
        for person in self._found(q, last) if q else self._in_order(last):
            if wanted(person):
                if len(found) == limit:
                    return Page(found, found[-1].person_id)
                found.append(person)
        return Page(found, None)

    def _found(self, q: str, last: Person | None) -> Iterator[Person]:
        pk, prefix = items.search_key(q)
        low = f"{_first(last, pk, prefix)}\x00" if last else prefix
        for places in batched(self._table.query_all(pk, between=(low, prefix + _LAST), limit=250), 100):
            people = self.people(item["person_id"] for item in places)
            for item in places:
                person = people.get(item["person_id"])
                # A name with two such words is found twice; only its first position counts.
                if person and item["sk"] == _first(person, pk, prefix):
                    yield person

    def _in_order(self, last: Person | None) -> Iterator[Person]:
        low = f"{items.name_sort_key(last)}\x00" if last else "\x00"
        shards = [
            self._table.query_all(f"PEOPLE#{shard}", index=LISTING, between=(low, _LAST), limit=250)
            for shard in range(self._shards)
        ]
        for item in heapq.merge(*shards, key=itemgetter("listing_sk")):
            if person := items.read_person(item):
                yield person

    def all_people(self) -> list[Person]:
        """Return all people, unordered; one query per shard, in parallel."""
        shards = self._table.gather(
            [partial(self._listed, f"PEOPLE#{shard}") for shard in range(self._shards)]
        )
        return [person for shard in shards for item in shard if (person := items.read_person(item))]

    def _listed(self, listing_pk: str) -> list[Item]:
        return list(self._table.query_all(listing_pk, index=LISTING))

    # --- faces ----------------------------------------------------------------------------------

    def face(self, person_id: str, digest: str) -> Face | None:
        """Return one face by the digest of its photo; None if there is none."""
        item = self._table.get(f"PERSON#{person_id}", f"FACE#{digest}")
        return struct(item, Face) if item else None

    def enrolment_state(self, person_id: str, digest: str) -> tuple[Settings, Person, Face | None]:
        """Return what an enrolment depends on, read in one call: settings, person, and the face of the photo.

        Raises PersonNotFound.
        """
        profile, place = (f"PERSON#{person_id}", "PROFILE"), (f"PERSON#{person_id}", f"FACE#{digest}")
        found = self._table.get_many([SETTINGS, profile, place])
        person = items.read_person(found.get(profile))
        if person is None:
            raise PersonNotFound(person_id)
        settings = items.read_settings(found.get(SETTINGS), self._defaults)
        return settings, person, struct(found[place], Face) if place in found else None

    def stored_faces(self, places: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return which faces exist in any state, of places (person id, digest of the photo)."""
        found = self._table.get_many(
            (f"PERSON#{person_id}", f"FACE#{digest}") for person_id, digest in places
        )
        return {(pk.removeprefix("PERSON#"), sk.removeprefix("FACE#")) for pk, sk in found}

    def faces(self, person_id: str) -> list[Face]:
        """Return all faces of a person in any state."""
        return [struct(item, Face) for item in self._table.query_all(f"PERSON#{person_id}", prefix="FACE#")]

    def unfinished_faces(self, before: datetime) -> list[Face]:
        """List the unfinished enrolments and removals that started before an instant."""
        found = self._table.query_all(UNFINISHED, index=LISTING, between=("0", instant(before)))
        return [struct(item, Face) for item in found]

    def add_pending_face(self, face: Face, person: Person) -> None:
        """Add a pending face, of a person who will be added with it if their `version` is 0.

        Raises WriteConflict if the photo has a face already or the person was erased.
        """
        conditions = [items.require_person(person.person_id)] if person.version else []
        self._table.write(insert(items.face(face)), *conditions)

    def activate_face(self, face: Face, person: Person) -> None:
        """Activate a pending face of a person, who is added with it if their `version` is 0.

        Raises WriteConflict if the person changed since they were read or the face is no longer pending.
        """
        assert face.face_id is not None  # noqa: S101 - indexed before it is activated
        active = items.face(changed(face, state=FaceState.ACTIVE))
        owner = changed(person, face_ids=(*person.face_ids, face.face_id))
        owners = person_writes.change(person if person.version else None, owner, self._shards)
        self._table.write(*owners, replace_if(active, attribute="state", value=FaceState.PENDING))

    def move_face(self, face: Face, face_id: str, model: str) -> None:
        """Change the id of an active face to the one that the collection assigned when it was restored.

        Raises PersonNotFound, or WriteConflict if the person changed or the face is no longer active.
        """
        assert face.face_id is not None  # noqa: S101 - it is active
        person = self.person(face.person_id)
        if face.face_id not in person.face_ids:
            raise WriteConflict(frozenset())
        owned = tuple(face_id if known == face.face_id else known for known in person.face_ids)
        moved = items.face(changed(face, face_id=face_id, model=model))
        self._table.write(
            self._save(changed(person, face_ids=owned)),
            replace_if(moved, attribute="face_id", value=face.face_id),
        )

    def start_removal(self, face: Face, person: Person, now: datetime) -> Face:
        """Deactivate a face, whose photo and vector are then to be deleted.

        Raises WriteConflict if the person changed since they were read or the face is not active.
        """
        removing = changed(face, state=FaceState.REMOVING, since=now)
        others = tuple(face_id for face_id in person.face_ids if face_id != face.face_id)
        owner = changed(person, face_ids=others, updated_at=now)
        active = replace_if(items.face(removing), attribute="state", value=FaceState.ACTIVE)
        self._table.write(self._save(owner), active)
        return removing

    def delete_face(self, face: Face) -> None:
        """Delete the item of a face whose photo and vector are deleted."""
        self._table.write(delete(f"PERSON#{face.person_id}", f"FACE#{face.digest}"))

    # --- consent --------------------------------------------------------------------------------

    def give_consent(self, person: Person, consent: Consent) -> None:
        """Record a consent; raises WriteConflict if the person changed since they were read."""
        after = changed(person, consent=consent, updated_at=consent.recorded_at)
        self._table.write(self._save(after), put(items.consent(person.person_id, consent)))

    def withdraw_consent(
        self, person: Person, consent: Consent, faces: Iterable[Face], now: datetime
    ) -> None:
        """Record that a consent was withdrawn, and deactivate the faces, which are then to be deleted.

        Raises WriteConflict if the person or a face changed since they were read.
        """
        removing = [changed(face, state=FaceState.REMOVING, since=now) for face in faces]
        self._table.write(
            self._save(changed(person, consent=None, face_ids=(), updated_at=now)),
            put(items.consent(person.person_id, consent)),
            *(replace_if(items.face(face), attribute="state", value=FaceState.ACTIVE) for face in removing),
        )

    def forget_consent(self, person: Person) -> None:
        """Remove the consent from a profile without faces; raises WriteConflict if the person changed."""
        self._table.write(self._save(changed(person, consent=None)))

    def consents(self, person_id: str) -> list[Consent]:
        """Return all consents of a person, oldest first."""
        found = self._table.query_all(f"PERSON#{person_id}", prefix="CONSENT#")
        return [struct(item, Consent) for item in found]

    # --- leave ----------------------------------------------------------------------------------

    def leave_count(self, person_id: str) -> int:
        """Return how often leave was added to a person."""
        item = self._table.get(*items.leaves_key(person_id))
        return int(item["version"]) if item else 0

    def add_leave(self, leave: LeaveRecord, count: int = 0, *, since: date | None = None) -> None:
        """Add leave, if none was added since the `count` was read; `since` is its first day before today.

        Raises PeriodClosed if that is closed, WriteConflict also if the person was erased.
        """
        counted = key(*items.leaves_key(leave.person_id)) | {"version": count + 1}
        owner = items.require_person(leave.person_id)
        write_open(self._table, since, insert(items.leave(leave)), replace(counted, version=count), owner)

    def leaves(self, since: date, until: date, person_id: str | None = None) -> list[LeaveRecord]:
        """Return the leave that overlaps some days, both ends included, of one person or of all."""
        if person_id:
            found = self._table.query_all(f"PERSON#{person_id}", prefix="LEAVE#")
        else:
            found = self._table.query_all("LEAVES", index=LISTING, between=(since.isoformat(), _LAST))
        every = (struct(item, LeaveRecord) for item in found)
        return [leave for leave in every if leave.since <= until and leave.until >= since]

    def leave(self, person_id: str, leave_id: str) -> LeaveRecord | None:
        """Return one leave of a person; None if there is none."""
        item = self._table.get(f"PERSON#{person_id}", f"LEAVE#{leave_id}")
        return struct(item, LeaveRecord) if item else None

    def remove_leave(self, person_id: str, leave_id: str, *, since: date | None = None) -> bool:
        """Remove leave that begins on `since` if that is before today; returns whether this call removed it.

        Raises PeriodClosed if `since` is closed.
        """
        try:
            place = f"PERSON#{person_id}", f"LEAVE#{leave_id}"
            write_open(self._table, since, delete(*place, must_exist=True))
        except WriteConflict:
            return False
        return True

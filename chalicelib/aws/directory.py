"""What a site is, in the table: its settings, its people with their faces and consents, leave and uploads.

What happens at its door is `ledger.py`'s. How each thing is laid out is `items.py`'s; conditions and
transactions are `table.py`'s.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from functools import partial
from itertools import islice
from operator import itemgetter
from typing import Any, TypeVar

from msgspec.structs import replace as changed

from chalicelib.aws import items
from chalicelib.aws.batch import write_groups
from chalicelib.aws.deadline import without_deadline
from chalicelib.aws.dynamodb import (
    TRANSACTION,
    Item,
    Table,
    Write,
    delete,
    delete_version,
    insert,
    put,
    replace,
    replace_if,
)
from chalicelib.aws.items import LISTING, SETTINGS, UNFINISHED, instant, struct
from chalicelib.domain.errors import (
    InvalidCursor,
    InvalidRequest,
    PersonExists,
    PersonNotFound,
    WriteConflict,
)
from chalicelib.domain.face import Face, FaceState
from chalicelib.domain.leave import LeaveRecord
from chalicelib.domain.person import Consent, Person
from chalicelib.domain.schedule import Calendar
from chalicelib.domain.settings import Settings
from chalicelib.domain.types import Page

A = TypeVar("A")


B = TypeVar("B")


C = TypeVar("C")


_LAST = "\U0010ffff"  # sorts after every text


def _first(person: Person, pk: str, prefix: str) -> str:
    """Give the first place at which a search finds a person; raises InvalidCursor when it does not."""
    places = [sk for own, sk in items.search_keys(person) if own == pk and sk.startswith(prefix)]
    if not places:
        raise InvalidCursor
    return min(places)


def batched(found: Iterator[Item], size: int) -> Iterator[list[Item]]:
    """Cut a stream of items into lists of at most `size`."""
    while batch := list(islice(found, size)):
        yield batch


class Directory:
    """The part of the table that managers keep.

    `shards` is fixed when the table is made, `defaults` hold until somebody sets something.
    """

    def __init__(self, table: Table, *, shards: int, defaults: Settings) -> None:
        self._table = table
        self._shards = shards
        self._defaults = defaults

    def together(self, one: Callable[[], A], two: Callable[[], B], three: Callable[[], C]) -> tuple[A, B, C]:
        """Make three reads at the same time."""
        calls: list[Callable[[], Any]] = [one, two, three]
        first, second, third = self._table.gather(calls)
        return first, second, third

    # --- settings -------------------------------------------------------------------------------

    def settings(self) -> Settings:
        """Read the site's settings."""
        return items.read_settings(self._table.get(*SETTINGS), self._defaults)

    def calendars(self) -> list[tuple[date, Calendar]]:
        """Read which calendar has been in force from which date, oldest first; never empty."""
        found = self._table.walk("SETTINGS", prefix="CALENDAR#")
        history = [items.read_calendar(item) for item in found]
        return history or [(date.min, self.settings().calendar)]

    def change_settings(self, before: Settings, after: Settings, since: date) -> None:
        """Replace the settings; their calendar is in force from a date on, and the one before until then.

        Raises WriteConflict when they changed meanwhile, or InvalidRequest.
        """
        writes = [replace(items.settings(after), version=before.version)]
        if after.calendar != before.calendar:
            history = self.calendars()
            if history[0][0] < since:  # the first change finds the default there
                writes += [put(items.calendar(*history[0]))]
            writes += [put(items.calendar(since, after.calendar))]
            writes += [delete(*items.calendar_key(day)) for day, _ in history if day > since]
        if len(writes) > TRANSACTION:
            raise InvalidRequest("Too many changes of the calendar came after this date.")
        self._table.write(*writes)

    # --- people ---------------------------------------------------------------------------------

    def _save(self, person: Person) -> Write:
        """The write that moves a person on by one version."""
        after = changed(person, version=person.version + 1)
        return replace(items.person(after, self._shards), version=person.version)

    def add_person(self, person: Person) -> None:
        """Insert a person with their code and search words.

        Raises PersonExists for a taken code, WriteConflict for an id that is there already.
        """
        try:
            self._table.write(*self.new_person(person))
        except WriteConflict as conflict:
            if 0 in conflict.failed or not person.code:
                raise
            raise PersonExists(person.code) from None

    def new_person(self, person: Person) -> list[Write]:
        """The writes that make a person; the code's comes second."""
        claims = []
        if person.code:
            claims.append(insert(items.code_owner(person.code, person.person_id)))
        words = map(put, items.search_keys(person).values())  # nobody else's: the id is in the key
        agreed = [put(items.consent(person.person_id, person.consent))] if person.consent else []
        return [self._save(person), *claims, *words, *agreed]

    def owners(self, codes: Iterable[str]) -> dict[str, str]:
        """Find whose codes are: person ids by folded code, without those that nobody has."""
        found = self._table.get_many(items.code(code) for code in codes)
        return {pk.removeprefix("CODE#"): item["person_id"] for (pk, _), item in found.items()}

    def lookalike(self, person: Person) -> str | None:
        """Find somebody else whose code looks like a person's: their id, if there is one."""
        found = self._table.walk(items.looks(person.code), index=LISTING) if person.code else iter(())
        return next((item["person_id"] for item in found if item["person_id"] != person.person_id), None)

    def add_people(self, people: Sequence[Person]) -> list[Person]:
        """Insert many people whose codes differ; gives those who are not, for their code was taken.

        Many transactions at once, each of many people. When one fails all are taken back, and the
        error is raised.
        """
        outcomes = write_groups(self._table, ((person, self.new_person(person)) for person in people))
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                self.take_back(people)
                raise outcome
        return [person for outcome in outcomes if not isinstance(outcome, Exception) for person in outcome]

    def take_back(self, people: Sequence[Person]) -> None:
        """Remove those of the people just added who are there, with code and words.

        One who was changed since stays: somebody has begun to work with them.
        """
        with without_deadline():
            there = self.people(person.person_id for person in people).values()
            new = [person for person in there if person.version == 1]
            outcomes = write_groups(self._table, ((person, self._unmake(person)) for person in new))
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    def _unmake(self, person: Person) -> list[Write]:
        codes = [delete(*items.code(person.code))] if person.code else []
        words = [delete(*place) for place in items.search_keys(person)]
        return [delete_version(f"PERSON#{person.person_id}", "PROFILE", person.version), *codes, *words]

    def person(self, person_id: str) -> Person:
        """Read a person; raises PersonNotFound."""
        found = items.read_person(self._table.get(f"PERSON#{person_id}", "PROFILE"))
        if found is None:
            raise PersonNotFound(person_id)
        return found

    def people(self, person_ids: Iterable[str]) -> dict[str, Person]:
        """Read people by id; those that are not there are left out."""
        found = self._table.get_many([(f"PERSON#{person_id}", "PROFILE") for person_id in person_ids])
        there = filter(None, map(items.read_person, found.values()))
        return {person.person_id: person for person in there}

    def change_person(self, before: Person, after: Person) -> None:
        """Replace a person, moving code and search words along.

        Raises WriteConflict when the person changed meanwhile, PersonExists for a taken code.
        """
        old, new = items.search_keys(before), items.search_keys(after)
        old_code = items.code(before.code) if before.code else None
        new_code = items.code(after.code) if after.code else None
        writes = [self._save(after)]
        if after.code and new_code != old_code:
            writes.append(insert(items.code_owner(after.code, after.person_id)))
        if old_code and new_code != old_code:
            writes.append(delete(*old_code))
        writes += [put(new[place]) for place in new.keys() - old.keys()]
        writes += [delete(*place) for place in old.keys() - new.keys()]
        try:
            self._table.write(*writes)
        except WriteConflict as conflict:
            if 0 in conflict.failed or not after.code:
                raise
            raise PersonExists(after.code) from None

    def search_people(
        self, q: str, wanted: Callable[[Person], bool], *, limit: int, after: str | None
    ) -> Page[Person]:
        """Find people in order of name; `q` (folded) begins a word of theirs, or their code.

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
        for places in batched(self._table.walk(pk, between=(low, prefix + _LAST), limit=250), 100):
            people = self.people(item["person_id"] for item in places)
            for item in places:
                person = people.get(item["person_id"])
                # A name with two such words is found twice; only its first place counts.
                if person and item["sk"] == _first(person, pk, prefix):
                    yield person

    def _in_order(self, last: Person | None) -> Iterator[Person]:
        low = f"{items.listed_name(last)}\x00" if last else "\x00"
        shards = [
            self._table.walk(f"PEOPLE#{shard}", index=LISTING, between=(low, _LAST), limit=250)
            for shard in range(self._shards)
        ]
        for item in heapq.merge(*shards, key=itemgetter("listing_sk")):
            yield struct(item, Person)

    def everybody(self) -> list[Person]:
        """Read all people, in no order; one query a shard, in parallel."""
        shards = self._table.gather(
            [partial(self._listed, f"PEOPLE#{shard}") for shard in range(self._shards)]
        )
        return [struct(item, Person) for shard in shards for item in shard]

    def _listed(self, listing_pk: str) -> list[Item]:
        return list(self._table.walk(listing_pk, index=LISTING))

    # --- faces ----------------------------------------------------------------------------------

    def face(self, person_id: str, digest: str) -> Face | None:
        """Read one face by the digest of its photo."""
        item = self._table.get(f"PERSON#{person_id}", f"FACE#{digest}")
        return struct(item, Face) if item else None

    def faces(self, person_id: str) -> list[Face]:
        """Read all faces of a person, finished or not."""
        return [struct(item, Face) for item in self._table.walk(f"PERSON#{person_id}", prefix="FACE#")]

    def unfinished_faces(self, before: datetime) -> list[Face]:
        """Find enrolments and removals that began before an instant and never ended."""
        found = self._table.walk(UNFINISHED, index=LISTING, between=("0", instant(before)))
        return [struct(item, Face) for item in found]

    def begin_face(self, face: Face, person: Person) -> None:
        """Note that a face is being enrolled (of a person who is made with it if `version` is 0).

        Raises WriteConflict when the photo is there already or the person is gone.
        """
        there = [items.still_there(person.person_id)] if person.version else []
        self._table.write(insert(items.face(face)), *there)

    def activate_face(self, face: Face, person: Person) -> None:
        """Make a pending face count for the person (made with it if `version` is 0).

        Raises WriteConflict when the person changed meanwhile or the pending face is gone.
        """
        assert face.face_id is not None  # noqa: S101 - indexed before it is activated
        active = items.face(changed(face, state=FaceState.ACTIVE))
        owner = changed(person, face_ids=(*person.face_ids, face.face_id))
        owners = [self._save(owner)] if person.version else self.new_person(owner)
        self._table.write(*owners, replace_if(active, attribute="state", value=FaceState.PENDING))

    def move_face(self, face: Face, face_id: str, model: str) -> None:
        """Make an active face count under the new id that the collection gave it.

        Raises PersonNotFound, or WriteConflict when the person changed meanwhile or the face is going.
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

    def begin_removal(self, face: Face, person: Person, now: datetime) -> Face:
        """Make a face count no longer, and note that its photo and vector must go.

        Raises WriteConflict when the person changed meanwhile or the face is not active.
        """
        removing = changed(face, state=FaceState.REMOVING, since=now)
        kept = tuple(face_id for face_id in person.face_ids if face_id != face.face_id)
        owner = changed(person, face_ids=kept, updated_at=now)
        active = replace_if(items.face(removing), attribute="state", value=FaceState.ACTIVE)
        self._table.write(self._save(owner), active)
        return removing

    def forget_face(self, face: Face) -> None:
        """Drop the note of a face whose photo and vector are gone."""
        self._table.write(delete(f"PERSON#{face.person_id}", f"FACE#{face.digest}"))

    # --- consent --------------------------------------------------------------------------------

    def give_consent(self, person: Person, consent: Consent) -> None:
        """Record a consent; raises WriteConflict when the person changed meanwhile."""
        after = changed(person, consent=consent, updated_at=consent.recorded_at)
        self._table.write(self._save(after), put(items.consent(person.person_id, consent)))

    def withdraw_consent(
        self, person: Person, consent: Consent, faces: Iterable[Face], now: datetime
    ) -> None:
        """Record that a consent holds no more; from then on none of the faces counts, and all must go.

        Raises WriteConflict when the person or a face changed meanwhile.
        """
        gone = [changed(face, state=FaceState.REMOVING, since=now) for face in faces]
        self._table.write(
            self._save(changed(person, consent=None, face_ids=(), updated_at=now)),
            put(items.consent(person.person_id, consent)),
            *(replace_if(items.face(face), attribute="state", value=FaceState.ACTIVE) for face in gone),
        )

    def consents(self, person_id: str) -> list[Consent]:
        """Read all that a person ever consented to, oldest first."""
        found = self._table.walk(f"PERSON#{person_id}", prefix="CONSENT#")
        return [struct(item, Consent) for item in found]

    # --- uploads --------------------------------------------------------------------------------

    def add_upload(self, upload_id: str, expires: datetime) -> None:
        """Note that something may be uploaded under an id until an instant."""
        self._table.write(insert(items.upload(upload_id, expires)))

    def take_upload(self, upload_id: str, about: str | None) -> bool:
        """Use an upload up (for a person, if it is `about` one); says whether it was there to be used.

        A note of it stays until `forget_upload`: what was uploaded still has to go.
        """
        item = self._table.get(*items.upload_key(upload_id))
        if item is None or item["state"] != "open":
            return False
        try:
            used = {**item, "state": "used", "about": about}
            self._table.write(replace_if(used, attribute="state", value="open"))
        except WriteConflict:
            return False
        return True

    def old_uploads(self, before: datetime) -> list[str]:
        """Find the uploads whose time was over before an instant."""
        found = self._table.walk(items.UPLOADS, index=LISTING, between=("0", instant(before)))
        return [item["pk"].removeprefix("UPLOAD#") for item in found]

    def forget_upload(self, upload_id: str) -> None:
        """Drop the note of an upload of which nothing is left."""
        self._table.write(delete(*items.upload_key(upload_id)))

    # --- leave ----------------------------------------------------------------------------------

    def add_leave(self, leave: LeaveRecord) -> None:
        """Note that a person is on leave; raises WriteConflict when the person is gone."""
        self._table.write(insert(items.leave(leave)), items.still_there(leave.person_id))

    def leaves(self, since: date, until: date, person_id: str | None = None) -> list[LeaveRecord]:
        """Read the leave that touches some days, both ends included: of a person or of everybody."""
        if person_id:
            found = self._table.walk(f"PERSON#{person_id}", prefix="LEAVE#")
        else:
            found = self._table.walk("LEAVES", index=LISTING, between=(since.isoformat(), _LAST))
        every = (struct(item, LeaveRecord) for item in found)
        return [leave for leave in every if leave.since <= until and leave.until >= since]

    def remove_leave(self, person_id: str, leave_id: str) -> bool:
        """Take a leave away; says whether it was there, to one of many at once only."""
        try:
            self._table.write(delete(f"PERSON#{person_id}", f"LEAVE#{leave_id}", must_exist=True))
        except WriteConflict:
            return False
        return True

"""What is kept in the table: the keys of each item, and the writes that must agree.

    person      PERSON#<id>           PROFILE             listed under PEOPLE#<shard> by folded name
    face        PERSON#<id>           FACE#<digest>       listed under UNFINISHED while not active
    punch       PERSON#<id>           PUNCH#<instant>#<punch id>
    work day    DAY#<date>#<shard>    PERSON#<id>
    session     SESSION#<id>          -                   expires
    settings    SETTINGS              -

A shard is a partition's share of the people, so that a morning rush does not meet one partition's
1,000 writes a second.
"""

import secrets
import unicodedata
import zlib
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TypeVar

import msgspec
from msgspec import Struct

from chalicelib.errors import PersonNotFound, WriteConflict
from chalicelib.models import DayRecord, Face, FaceState, Person, Punch, Session, to_builtins
from chalicelib.settings import Settings
from chalicelib.table import Item, Table, Write, delete, insert, key, replace, replace_if, require
from chalicelib.workdays import Mark, merge

LISTING = "listing"
"""The index on `listing_pk` and `listing_sk`."""

UNFINISHED = "UNFINISHED"

SESSION_KEPT = timedelta(days=1)
"""How long a spent session still gives its answer to a retry."""

S = TypeVar("S", bound=Struct)


def new_id() -> str:
    """Make an id that says nothing: 96 random bits in hex, which Rekognition and S3 take too."""
    return secrets.token_hex(12)


def fold(text: str) -> str:
    """Make text comparable: no case, no accents ("Ánh" and "anh" are one; "Đ" counts as "d")."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("đ", "d"))
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())


def instant(at: datetime) -> str:
    """Write an instant so that text order is time order."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Snapshot(Struct, frozen=True):
    """What a decision about one person at one moment rests on, read in one call."""

    settings: Settings
    session: Session | None
    person: Person | None
    days: dict[date, DayRecord]

    def day(self, work_day: date) -> DayRecord:
        """The record of a work day; an empty one (version 0) when there is none yet."""
        if work_day in self.days or self.person is None:
            return self.days[work_day]
        return DayRecord(person_id=self.person.person_id, work_day=work_day)


class Store:
    """The table, in the language of attendance."""

    def __init__(self, table: Table, *, shards: int, defaults: Settings) -> None:
        self._table = table
        self._shards = shards
        self._defaults = defaults

    # --- settings -------------------------------------------------------------------------------

    def settings(self) -> Settings:
        """Read the site's settings; the stage's defaults until somebody sets them."""
        return self._settings(self._table.get("SETTINGS", "-"))

    def _settings(self, item: Item | None) -> Settings:
        if item is None:
            return self._defaults
        return msgspec.json.decode(item["document"], type=Settings)

    # --- people ---------------------------------------------------------------------------------

    def _shard(self, person_id: str) -> int:
        return zlib.crc32(person_id.encode()) % self._shards

    def _person_item(self, person: Person) -> Item:
        return (
            key(f"PERSON#{person.person_id}", "PROFILE")
            | to_builtins(person)
            | {
                "listing_pk": f"PEOPLE#{self._shard(person.person_id)}",
                "listing_sk": f"{fold(person.name)}#{person.person_id}",
            }
        )

    def _save(self, person: Person) -> Write:
        """The write that moves a person on by one version."""
        after = msgspec.structs.replace(person, version=person.version + 1)
        return replace(self._person_item(after), version=person.version)

    def person(self, person_id: str) -> Person:
        """Read a person; raises PersonNotFound."""
        item = self._table.get(f"PERSON#{person_id}", "PROFILE")
        if item is None:
            raise PersonNotFound(person_id)
        return _struct(item, Person)

    def everybody(self) -> list[Person]:
        """Read all people, in no order; one query a shard, in parallel."""
        shards = self._table.gather(
            [partial(self._listed, f"PEOPLE#{shard}") for shard in range(self._shards)]
        )
        return [_struct(item, Person) for shard in shards for item in shard]

    def _listed(self, listing_pk: str) -> list[Item]:
        return list(self._table.walk(listing_pk, index=LISTING))

    # --- faces ----------------------------------------------------------------------------------

    @staticmethod
    def _face_item(face: Face) -> Item:
        item = key(f"PERSON#{face.person_id}", f"FACE#{face.digest}") | to_builtins(face)
        if face.state is not FaceState.ACTIVE:
            item |= {"listing_pk": UNFINISHED, "listing_sk": f"{instant(face.since)}#{face.digest}"}
        return item

    def face(self, person_id: str, digest: str) -> Face | None:
        """Read one face by the digest of its photo."""
        item = self._table.get(f"PERSON#{person_id}", f"FACE#{digest}")
        return _struct(item, Face) if item else None

    def faces(self, person_id: str) -> list[Face]:
        """Read all faces of a person, finished or not."""
        return [_struct(item, Face) for item in self._table.walk(f"PERSON#{person_id}", prefix="FACE#")]

    def unfinished_faces(self, before: datetime) -> list[Face]:
        """Find enrolments and removals that began before an instant and never ended."""
        items = self._table.walk(UNFINISHED, index=LISTING, between=("0", instant(before)))
        return [_struct(item, Face) for item in items]

    def begin_face(self, face: Face) -> None:
        """Note that a face is being enrolled; raises WriteConflict when the photo is there already."""
        self._table.write(insert(self._face_item(face)))

    def activate_face(self, face: Face, person: Person) -> None:
        """Make a pending face count for the person (a new one if `version` is 0).

        Raises WriteConflict when the person changed meanwhile or the pending face is gone.
        """
        assert face.face_id is not None  # noqa: S101 - indexed before it is activated
        active = msgspec.structs.replace(face, state=FaceState.ACTIVE)
        owner = msgspec.structs.replace(person, face_ids=(*person.face_ids, face.face_id))
        pending = replace_if(self._face_item(active), attribute="state", value=FaceState.PENDING)
        self._table.write(self._save(owner), pending)

    def begin_removal(self, face: Face, person: Person, now: datetime) -> Face:
        """Make a face count no longer, and note that its photo and vector must go.

        Raises WriteConflict when the person changed meanwhile or the face is not active.
        """
        removing = msgspec.structs.replace(face, state=FaceState.REMOVING, since=now)
        kept = tuple(face_id for face_id in person.face_ids if face_id != face.face_id)
        owner = msgspec.structs.replace(person, face_ids=kept, updated_at=now)
        active = replace_if(self._face_item(removing), attribute="state", value=FaceState.ACTIVE)
        self._table.write(self._save(owner), active)
        return removing

    def forget_face(self, face: Face) -> None:
        """Drop the note of a face whose photo and vector are gone."""
        self._table.write(delete(f"PERSON#{face.person_id}", f"FACE#{face.digest}"))

    # --- liveness sessions ----------------------------------------------------------------------

    @staticmethod
    def _session_item(session: Session) -> Item:
        expires = int((session.created_at + SESSION_KEPT).timestamp())
        return key(f"SESSION#{session.session_id}", "-") | to_builtins(session) | {"expires": expires}

    def add_session(self, session: Session) -> None:
        """Note a session that we asked for."""
        self._table.write(insert(self._session_item(session)))

    def session(self, session_id: str) -> Session | None:
        """Read a session of ours."""
        item = self._table.get(f"SESSION#{session_id}", "-")
        return _struct(item, Session) if item else None

    def _spend(self, session: Session) -> Write:
        return replace_if(self._session_item(session), attribute="state", value="issued")

    def spend_session(self, session: Session) -> None:
        """Store what came of a session; raises SessionAlreadySpent."""
        try:
            self._table.write(self._spend(session))
        except WriteConflict:
            raise SessionAlreadySpent from None

    # --- punches and work days ------------------------------------------------------------------

    def snapshot(
        self, now: datetime, *, person_id: str | None = None, session_id: str | None = None
    ) -> Snapshot:
        """Read the settings, a session, a person and their work days around `now`: one call.

        The zone and cut-off that say which work day it is are among the things read, so
        every day that it can be anywhere on earth is asked for.
        """
        keys = [("SETTINGS", "-")]
        if session_id:
            keys.append((f"SESSION#{session_id}", "-"))
        if person_id:
            today = now.astimezone(UTC).date()
            keys.append((f"PERSON#{person_id}", "PROFILE"))
            keys += [self._day_key(person_id, today + timedelta(days=n)) for n in (-2, -1, 0, 1)]
        found = self._table.get_many(keys)
        session = found.get((f"SESSION#{session_id}", "-"))
        person = found.get((f"PERSON#{person_id}", "PROFILE"))
        days = [_day(item) for (pk, _), item in found.items() if pk.startswith("DAY#")]
        return Snapshot(
            settings=self._settings(found.get(("SETTINGS", "-"))),
            session=_struct(session, Session) if session else None,
            person=_struct(person, Person) if person else None,
            days={day.work_day: day for day in days},
        )

    def _day_key(self, person_id: str, work_day: date) -> tuple[str, str]:
        return f"DAY#{work_day.isoformat()}#{self._shard(person_id)}", f"PERSON#{person_id}"

    def _day_item(self, day: DayRecord) -> Item:
        marks = msgspec.json.encode(day.marks).decode()  # one attribute: a month of these is read at once
        return key(*self._day_key(day.person_id, day.work_day)) | {"version": day.version, "marks": marks}

    def add_punch(self, punch: Punch, day: DayRecord, spent: Session | None) -> None:
        """Record a punch: append it, move its work day on, spend its session; all or nothing.

        Raises SessionAlreadySpent or DayMoved when another got there first.
        """
        mark = Mark(punch.punch_id, punch.at, punch.work_day, punch.zone, punch.direction, punch.source)
        after = msgspec.structs.replace(day, marks=merge(day.marks, [mark]), version=day.version + 1)
        sort_key = f"PUNCH#{instant(punch.at)}#{punch.punch_id}"
        writes = [
            replace(self._day_item(after), version=day.version),
            insert(key(f"PERSON#{punch.person_id}", sort_key) | to_builtins(punch)),
            require(f"PERSON#{punch.person_id}", "PROFILE"),
        ]
        if spent:
            writes.append(self._spend(spent))
        try:
            self._table.write(*writes)
        except WriteConflict as conflict:
            raise (SessionAlreadySpent if 3 in conflict.failed else DayMoved) from None

    def punches(self, person_id: str) -> list[Punch]:
        """Read a person's punches, oldest first."""
        return [_struct(item, Punch) for item in self._table.walk(f"PERSON#{person_id}", prefix="PUNCH#")]


class SessionAlreadySpent(Exception):
    """Another call spent the session; read what came of it."""


class DayMoved(Exception):
    """Another punch was recorded for the day, or the person changed; read again."""


def _struct(item: Item, kind: type[S]) -> S:
    return msgspec.convert(item, kind)


def _day(item: Item) -> DayRecord:
    return DayRecord(
        person_id=item["sk"].removeprefix("PERSON#"),
        work_day=date.fromisoformat(item["pk"].split("#")[1]),
        marks=msgspec.json.decode(item["marks"], type=tuple[Mark, ...]),
        version=item["version"],
    )

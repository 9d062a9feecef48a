"""What happens at the door, in the table: liveness sessions, punches and the work days made of them.

Punches are only added to; a session is spent and a work day moved on in the transaction of the punch.
"""

import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial

from msgspec import Struct
from msgspec.structs import replace as changed

from chalicelib.aws import items
from chalicelib.aws.dynamodb import Item, Table, Write, insert, replace, replace_if
from chalicelib.aws.items import SETTINGS, struct
from chalicelib.domain.errors import WriteConflict
from chalicelib.domain.person import Person
from chalicelib.domain.punch import DayRecord, Punch
from chalicelib.domain.session import Session
from chalicelib.domain.settings import Settings
from chalicelib.domain.workday import merge_events


class SessionAlreadyUsed(Exception):
    """Another call spent the session; read what came of it."""


class WorkDayChanged(Exception):
    """Another punch was recorded for the day, or the person changed; read again."""


class Snapshot(Struct, frozen=True):
    """What a decision about one person at one moment rests on, read in one call.

    `locked_until` (seconds of 1970) is for the kiosk or the person, whoever is locked out for longer.
    """

    settings: Settings
    session: Session | None
    person: Person | None
    days: dict[date, DayRecord]
    locked_until: int = 0

    def day(self, person: Person, work_day: date) -> DayRecord:
        """Give the person's record of a work day; an empty one (version 0) when there is none yet."""
        return self.days.get(work_day) or DayRecord(person_id=person.person_id, work_day=work_day)


class AttendanceStore:
    """The part of the table that grows with each punch; `shards` and `defaults` are the store's."""

    def __init__(self, table: Table, *, shards: int, defaults: Settings) -> None:
        self._table = table
        self._shards = shards
        self._defaults = defaults
        self._turns = [threading.Lock() for _ in range(64)]

    def turn(self, person_id: str | None) -> threading.Lock:
        """Give a lock to read a person's days and write them by; what is written is right without it.

        Versions alone decide, in all processes. But of many threads of one, each would read in vain while
        another writes: without it 200 punches of one person at once took 45 s, with it 4 s.
        """
        return self._turns[items.shard(person_id or "", len(self._turns))]

    # --- liveness sessions ----------------------------------------------------------------------

    def add_session(self, session: Session) -> None:
        """Note a session that we asked for."""
        self._table.write(insert(items.session(session)))

    def session(self, session_id: str) -> Session | None:
        """Read a session of ours."""
        item = self._table.get(f"SESSION#{session_id}", "-")
        return struct(item, Session) if item else None

    def _use(self, session: Session) -> Write:
        return replace_if(items.session(session), attribute="state", value="issued")

    def use_session(self, session: Session) -> None:
        """Store what came of a session; raises SessionAlreadySpent, or when the person is gone."""
        person_id = session.outcome.person_id if session.outcome else None
        there = [items.still_there(person_id)] if person_id else []
        try:
            self._table.write(self._use(session), *there)
        except WriteConflict:
            raise SessionAlreadyUsed from None

    # --- punches and work days ------------------------------------------------------------------

    def snapshot(
        self,
        now: datetime,
        *,
        person_id: str | None = None,
        session_id: str | None = None,
        kiosk: str | None = None,
    ) -> Snapshot:
        """Read the settings, a session, a person and their work days around `now`, and locks: one call.

        The zone and cut-off that say which work day it is are among the things read, so
        every day that it can be anywhere on earth is asked for.
        """
        keys = [SETTINGS]
        if session_id:
            keys.append((f"SESSION#{session_id}", "-"))
        if kiosk:
            keys.append(items.lock_key("kiosk", kiosk))
        if person_id:
            keys.append(items.lock_key("person", person_id))
            today = now.astimezone(UTC).date()
            keys.append((f"PERSON#{person_id}", "PROFILE"))
            near = [today + timedelta(days=n) for n in (-2, -1, 0, 1)]
            keys += [items.day_key(person_id, day, self._shards) for day in near]
        found = self._table.get_many(keys)
        session = found.get((f"SESSION#{session_id}", "-"))
        person = found.get((f"PERSON#{person_id}", "PROFILE"))
        days = [items.read_day(item) for (pk, _), item in found.items() if pk.startswith("DAY#")]
        locks = [item["until"] for (pk, _), item in found.items() if pk.startswith("LOCK#")]
        return Snapshot(
            settings=items.read_settings(found.get(SETTINGS), self._defaults),
            session=struct(session, Session) if session else None,
            person=items.read_person(person),
            days={day.work_day: day for day in days},
            locked_until=max(locks, default=0),
        )

    def add_punch(self, punch: Punch, days: list[DayRecord], spent: Session | None = None) -> None:
        """Record a punch: append it, move its work days on, spend its session; all or nothing.

        `days` are the punch's own and, for a correction, that of the punch it corrects.
        Raises SessionAlreadySpent or DayMoved when another got there first.
        """
        writes = [
            insert(items.punch(punch)),
            items.still_there(punch.person_id),
            *(self._move(day, punch) for day in days),
        ]
        if spent:
            writes.append(self._use(spent))
        try:
            self._table.write(*writes)
        except WriteConflict as conflict:
            session_failed = spent is not None and len(writes) - 1 in conflict.failed
            raise (SessionAlreadyUsed if session_failed else WorkDayChanged) from None

    def _move(self, day: DayRecord, punch: Punch) -> Write:
        after = changed(day, events=merge_events(day.events, [punch.event()]), version=day.version + 1)
        return replace(items.day(after, self._shards), version=day.version)

    def punch(self, person_id: str, punch_id: str) -> Punch | None:
        """Read one punch of a person."""
        place = items.punch_key(person_id, punch_id)
        item = self._table.get(*place) if place else None
        return struct(item, Punch) if item else None

    def punches(self, person_id: str, since: date, until: date) -> Iterator[Punch]:
        """Yield a person's punches of the work days from one to another, both included, by instant."""
        # A work day lies within two days of the UTC date on which its punches were made.
        low, high = since - timedelta(days=2), until + timedelta(days=3)
        found = self._table.walk(
            f"PERSON#{person_id}", between=(f"PUNCH#{low.isoformat()}", f"PUNCH#{high.isoformat()}")
        )
        for item in found:
            punch = struct(item, Punch)
            if since <= punch.work_day <= until:
                yield punch

    def punches_by_id(self, found: Iterable[tuple[str, str]]) -> dict[str, Punch]:
        """Read punches by (person id, punch id)."""
        places = [items.punch_key(*pair) for pair in found]
        there = self._table.get_many(place for place in places if place)
        return {item["punch_id"]: struct(item, Punch) for item in there.values()}

    def days(self, person_id: str, work_days: Iterable[date]) -> list[DayRecord]:
        """Read a person's record of each work day; an empty one (version 0) where there is none yet."""
        wanted = sorted(set(work_days))
        found = self._table.get_many(items.day_key(person_id, day, self._shards) for day in wanted)
        records = {day.work_day: day for day in map(items.read_day, found.values())}
        return [records.get(day) or DayRecord(person_id=person_id, work_day=day) for day in wanted]

    def days_of(self, person_ids: Iterable[str], work_days: Iterable[date]) -> list[DayRecord]:
        """Read what was recorded of some people on some work days, in no order."""
        wanted = list(work_days)
        keys = [items.day_key(person, day, self._shards) for person in person_ids for day in wanted]
        return [items.read_day(item) for item in self._table.get_many(keys, consistent=False).values()]

    def everybodys_days(self, work_days: Iterable[date]) -> list[DayRecord]:
        """Read all that was recorded on some work days, in no order; one query a day and shard at once."""
        places = [f"DAY#{day.isoformat()}#{shard}" for day in work_days for shard in range(self._shards)]
        found = self._table.gather([partial(self._partition, place) for place in places])
        return [items.read_day(item) for partition in found for item in partition]

    def _partition(self, pk: str) -> list[Item]:
        return list(self._table.walk(pk, consistent=False))

    def write_day(self, day: DayRecord) -> None:
        """Write a rebuilt work day over the one of its version; raises DayMoved."""
        after = changed(day, version=day.version + 1)
        try:
            self._table.write(
                replace(items.day(after, self._shards), version=day.version),
                items.still_there(day.person_id),
            )
        except WriteConflict:
            raise WorkDayChanged from None

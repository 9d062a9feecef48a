"""Liveness sessions, punches and work days in the table.

Punches are append-only. One transaction adds a punch, updates its work day and marks its session as used.
"""

import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial

from msgspec import Struct
from msgspec.structs import replace as changed

from chalicelib.aws import items
from chalicelib.aws.batch import write_groups
from chalicelib.aws.closed_days import write_open
from chalicelib.aws.dynamodb import Item, Table, Write, insert, replace, replace_if
from chalicelib.aws.items import SETTINGS, struct
from chalicelib.domain.errors import WriteConflict
from chalicelib.domain.person import Person
from chalicelib.domain.punch import FARTHEST, DayRecord, Punch
from chalicelib.domain.session import Session
from chalicelib.domain.settings import Settings
from chalicelib.domain.workday import merge_events


class SessionAlreadyUsed(WriteConflict):
    """Another call used the session first; its result is stored with the session."""


class WorkDayChanged(WriteConflict):
    """Another punch was recorded for the work day, or the person is being erased."""


class Snapshot(Struct, frozen=True):
    """Everything that the decision about a punch depends on, read in one call.

    `people` are the person and the others who were asked for, if they exist, by id. `locked_until` (Unix
    time in seconds, 0 for no lock-out) is the later of the kiosk's and the person's.
    """

    settings: Settings
    session: Session | None
    people: dict[str, Person]
    person: Person | None
    days: dict[date, DayRecord]
    locked_until: int = 0

    def day(self, person: Person, work_day: date) -> DayRecord:
        """Return the person's record of a work day; an empty one (version 0) if there is none yet."""
        return self.days.get(work_day) or DayRecord(person_id=person.person_id, work_day=work_day)


class AttendanceStore:
    """The items that grow with each punch; `shards` and `defaults` are those of the Directory."""

    def __init__(self, table: Table, *, shards: int, defaults: Settings) -> None:
        self._table = table
        self._shards = shards
        self._defaults = defaults
        self._locks = [threading.Lock() for _ in range(64)]

    def person_lock(self, person_id: str | None) -> threading.Lock:
        """Return the lock under which a thread reads and writes the work days of a person.

        It is only an optimisation: conditions on versions keep writes correct across all processes. Without
        it, threads of one process waste reads while another one writes: 200 punches of one person at once
        took 45 s, with it 4 s.
        """
        return self._locks[items.shard(person_id or "", len(self._locks))]

    # --- liveness sessions ----------------------------------------------------------------------

    def add_session(self, session: Session) -> None:
        """Add a session."""
        self._table.write(insert(items.session(session)))

    def session(self, session_id: str) -> Session | None:
        """Return a session that the service created; None if there is none."""
        item = self._table.get(f"SESSION#{session_id}", "-")
        return struct(item, Session) if item else None

    def _use(self, session: Session) -> Write:
        return replace_if(items.session(session), attribute="state", value="issued")

    def use_session(self, session: Session) -> None:
        """Store the outcome of a session; raises SessionAlreadyUsed, also if its person was erased."""
        person_id = session.outcome.person_id if session.outcome else None
        conditions = [items.require_person(person_id)] if person_id else []
        try:
            self._table.write(self._use(session), *conditions)
        except WriteConflict:
            raise SessionAlreadyUsed from None

    # --- punches and work days ------------------------------------------------------------------

    def snapshot(
        self,
        now: datetime,
        *,
        person_id: str | None = None,
        others: Iterable[str] = (),
        session_id: str | None = None,
        kiosk: str | None = None,
    ) -> Snapshot:
        """Read the settings, a session, a person and their work days around `now`, and locks: one call.

        `others` are people of whom only the profile is read.

        The work day depends on the zone and cut-off, which are read in the same call, so all work days that
        are possible anywhere on earth are read.
        """
        keys = [SETTINGS]
        if session_id:
            keys.append((f"SESSION#{session_id}", "-"))
        if kiosk:
            keys += [items.lock_key("kiosk", kiosk), items.lock_key("idle-kiosk", kiosk)]
        keys += [(f"PERSON#{other}", "PROFILE") for other in others]
        if person_id:
            keys.append(items.lock_key("person", person_id))
            today = now.astimezone(UTC).date()
            keys.append((f"PERSON#{person_id}", "PROFILE"))
            near = [today + timedelta(days=n) for n in (-2, -1, 0, 1, 2)]
            keys += [items.day_key(person_id, day, self._shards) for day in near]
        found = self._table.get_many(keys)
        session = found.get((f"SESSION#{session_id}", "-"))
        profiles = [items.read_person(item) for (_, sk), item in found.items() if sk == "PROFILE"]
        people = {person.person_id: person for person in profiles if person}
        days = [items.read_day(item) for (pk, _), item in found.items() if pk.startswith("DAY#")]
        locks = [item["until"] for (pk, _), item in found.items() if pk.startswith("LOCK#")]
        return Snapshot(
            settings=items.read_settings(found.get(SETTINGS), self._defaults),
            session=struct(session, Session) if session else None,
            people=people,
            person=people.get(person_id) if person_id else None,
            days={day.work_day: day for day in days},
            locked_until=max(locks, default=0),
        )

    def add_punch(
        self,
        punch: Punch,
        days: list[DayRecord],
        used: Session | None = None,
        *,
        since: date | None = None,
    ) -> None:
        """Add a punch, update its work days and mark its session as used: all or nothing.

        `days` are the work day of the punch and, for a correction, that of the corrected punch. `since` is
        the first of them if it is before today. Raises PeriodClosed if that is closed, SessionAlreadyUsed or
        WorkDayChanged when another write came first.
        """
        writes = [
            insert(items.punch(punch)),
            items.require_person(punch.person_id),
            *(self._add_event(day, punch) for day in days),
        ]
        if used:
            writes.append(self._use(used))
        try:
            write_open(self._table, since, *writes)
        except WriteConflict as conflict:
            session_failed = used is not None and len(writes) - 1 in conflict.failed
            raise (SessionAlreadyUsed if session_failed else WorkDayChanged)(conflict.failed) from None

    def add_punches(self, groups: Iterable[tuple[int, list[Punch], list[DayRecord]]]) -> set[int]:
        """Add punches in numbered groups, each of one person, with their work days among those given.

        All of a group is written or nothing. Returns the numbers of the groups in whose way another write
        got, or whose person is being erased. When all have ended, raises what a transaction failed with.
        """
        outcomes = write_groups(
            self._table, ((number, self._group(punches, days)) for number, punches, days in groups)
        )
        lost: set[int] = set()
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome
            lost.update(outcome)
        return lost

    def _group(self, punches: list[Punch], days: list[DayRecord]) -> list[Write]:
        added: dict[date, list[Punch]] = {}
        for punch in punches:
            added.setdefault(punch.work_day, []).append(punch)
        return [
            items.require_person(punches[0].person_id),
            *(insert(items.punch(punch)) for punch in punches),
            *(self._add_event(day, *added[day.work_day]) for day in days if day.work_day in added),
        ]

    def _add_event(self, day: DayRecord, *punches: Punch) -> Write:
        events = merge_events(day.events, (punch.event() for punch in punches))
        after = changed(day, events=events, version=day.version + 1)
        return replace(items.day(after, self._shards), version=day.version)

    def punch(self, person_id: str, punch_id: str) -> Punch | None:
        """Return one punch of a person; None if there is none."""
        place = items.punch_key(person_id, punch_id)
        item = self._table.get(*place) if place else None
        return struct(item, Punch) if item else None

    def punches(self, person_id: str, since: date, until: date) -> Iterator[Punch]:
        """Yield a person's punches of some work days, both ends included, by time."""
        low, high = since - FARTHEST, until + FARTHEST + timedelta(days=1)
        found = self._table.query_all(
            f"PERSON#{person_id}", between=(f"PUNCH#{low.isoformat()}", f"PUNCH#{high.isoformat()}")
        )
        for item in found:
            punch = struct(item, Punch)
            if since <= punch.work_day <= until:
                yield punch

    def punches_by_id(self, found: Iterable[tuple[str, str]]) -> dict[str, Punch]:
        """Read punches by (person id, punch id)."""
        places = [items.punch_key(*pair) for pair in found]
        stored = self._table.get_many(place for place in places if place)
        return {item["punch_id"]: struct(item, Punch) for item in stored.values()}

    def days(self, person_id: str, work_days: Iterable[date]) -> list[DayRecord]:
        """Return a person's record of each work day; an empty one (version 0) where there is none yet."""
        wanted = sorted(set(work_days))
        found = self._table.get_many(items.day_key(person_id, day, self._shards) for day in wanted)
        records = {day.work_day: day for day in map(items.read_day, found.values())}
        return [records.get(day) or DayRecord(person_id=person_id, work_day=day) for day in wanted]

    def days_at(self, places: Iterable[tuple[str, date]]) -> dict[str, dict[date, DayRecord]]:
        """Return the records of (person id, work day), by person and day; empty ones where there are none."""
        wanted = dict.fromkeys(places)
        found = self._table.get_many(items.day_key(*place, self._shards) for place in wanted)
        records = {(day.person_id, day.work_day): day for day in map(items.read_day, found.values())}
        days: dict[str, dict[date, DayRecord]] = {}
        for person_id, day in wanted:
            record = records.get((person_id, day)) or DayRecord(person_id=person_id, work_day=day)
            days.setdefault(person_id, {})[day] = record
        return days

    def days_of(self, person_ids: Iterable[str], work_days: Iterable[date]) -> list[DayRecord]:
        """Return the records of some people on some work days, unordered."""
        wanted = list(work_days)
        keys = [items.day_key(person, day, self._shards) for person in person_ids for day in wanted]
        return [items.read_day(item) for item in self._table.get_many(keys, consistent=False).values()]

    def all_days(self, work_days: Iterable[date]) -> list[DayRecord]:
        """Return all records of some work days, unordered; one query per day and shard, in parallel."""
        places = [f"DAY#{day.isoformat()}#{shard}" for day in work_days for shard in range(self._shards)]
        found = self._table.gather([partial(self._partition, place) for place in places])
        return [items.read_day(item) for partition in found for item in partition]

    def _partition(self, pk: str) -> list[Item]:
        return list(self._table.query_all(pk, consistent=False))

    def write_day(self, day: DayRecord) -> None:
        """Replace a work day if its version is still the same; raises WorkDayChanged."""
        after = changed(day, version=day.version + 1)
        try:
            self._table.write(
                replace(items.day(after, self._shards), version=day.version),
                items.require_person(day.person_id),
            )
        except WriteConflict:
            raise WorkDayChanged from None

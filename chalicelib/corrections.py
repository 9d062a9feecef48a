"""Punches that people write: what a camera missed or got wrong, and the log of all of them.

A correction never deletes. It is a punch of its own that stands in for another, or takes it out;
both stay in the log and in the timesheet.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.calendars import Rota
from chalicelib.errors import Busy, InvalidRequest, PunchNotFound, PunchSuperseded
from chalicelib.models import Evidence, Instant, Page, PersonId, Punch, Reason
from chalicelib.store import DayMoved, Store, cursor, new_punch_id, read_cursor
from chalicelib.workdays import Asked, Source, by_day

TRIES = 10

MAX_DAYS = 366

NEAR = timedelta(days=31)
"""How far from the punch that it corrects a correction may be."""

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)

FUTURE = timedelta(minutes=5)
"""How far ahead of our clock a manual punch may be: somebody's clock may be fast."""


class ManualPunch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A punch without a camera, or a correction.

    `supersedes` names the punch that it stands in for; with `void` that one is only taken out, and
    `at` may be left out.
    """

    person_id: PersonId
    reason: Reason
    at: Instant | None = None
    direction: Asked = "auto"
    supersedes: str | None = None
    void: bool = False


class PunchView(Struct, frozen=True, kw_only=True):
    """A punch in the log; `at` is in the zone in which it was made."""

    punch_id: str
    person_id: str
    at: datetime
    recorded_at: datetime
    work_day: date
    direction: Asked
    source: Source
    device: str | None
    supersedes: str | None
    void: bool
    reason: str | None
    by: str | None
    evidence: Evidence | None

    @classmethod
    def of(cls, punch: Punch) -> "PunchView":
        """Show a stored punch."""
        shown = {name: getattr(punch, name) for name in cls.__struct_fields__}
        return cls(**shown | {"at": punch.local_at()})


def record(store: Store, body: ManualPunch, *, by: str | None, now: datetime) -> PunchView:
    """Record a manual punch or a correction.

    Raises PersonNotFound, PunchNotFound, PunchSuperseded, InvalidRequest.
    """
    _check(body, now)
    for _ in range(TRIES):
        person, settings = store.person(body.person_id), store.settings()
        old = store.punch(person.person_id, body.supersedes) if body.supersedes else None
        if body.supersedes and old is None:
            raise PunchNotFound(body.supersedes)
        at = body.at or (old.at if old else now)
        if body.void and old:
            work_day, zone = old.work_day, old.zone
        else:
            work_day = Rota(settings.calendar).work_day(at, person.shift)
            zone = settings.calendar.zone
        if old and abs(work_day - old.work_day) > NEAR:
            raise InvalidRequest("A correction is within 31 days of the punch that it corrects.")
        days = store.days(person.person_id, {work_day, old.work_day if old else work_day})
        if old and any(mark.supersedes == old.punch_id for day in days for mark in day.marks):
            raise PunchSuperseded(old.punch_id)
        punch = Punch(
            punch_id=new_punch_id(at),
            person_id=person.person_id,
            at=at,
            recorded_at=now,
            work_day=work_day,
            zone=zone,
            direction=body.direction,
            source="manual",
            supersedes=body.supersedes,
            void=body.void,
            reason=body.reason,
            by=by,
        )
        try:
            store.add_punch(punch, days)
        except DayMoved:
            continue
        return PunchView.of(punch)
    raise Busy


def _check(body: ManualPunch, now: datetime) -> None:
    if body.void and not body.supersedes:
        raise InvalidRequest("`void` needs `supersedes`: the punch that it takes out.")
    if body.at is None and not body.void:
        raise InvalidRequest("`at` is missing.")
    if body.at and body.at > now + FUTURE:
        raise InvalidRequest("`at` is in the future.")
    if body.at and body.at < EARLIEST:
        raise InvalidRequest("`at` is before 2000.")


def log(
    store: Store, *, person_id: str | None, since: date, until: date, limit: int, after: str | None
) -> Page[PunchView]:
    """List the punches of some work days (at most 366, both ends included), oldest first.

    Raises InvalidRequest or InvalidCursor.
    """
    if not since <= until < since + timedelta(days=MAX_DAYS):
        raise InvalidRequest(f"`to` is from 0 to {MAX_DAYS - 1} days after `from`.")
    start = read_cursor(after, "") if after else ""
    found = store.punches(person_id, since, until) if person_id else _everybodys(store, since, until, start)
    shown: list[Punch] = []
    for punch in found:
        if punch.punch_id > start:  # ids begin with their instant
            if len(shown) == limit:
                return Page([PunchView.of(punch) for punch in shown], cursor(shown[-1].punch_id))
            shown.append(punch)
    return Page([PunchView.of(punch) for punch in shown], None)


def _everybodys(store: Store, since: date, until: date, start: str) -> Iterator[Punch]:
    """Yield everybody's punches of some work days in order, reading two days ahead of what is shown."""
    waiting: dict[str, str] = {}
    for n in range((until - since).days + 1):
        day = since + timedelta(days=n)
        for record in store.everybodys_days([day]):
            own = (mark for mark in record.marks if mark.work_day == day and mark.id > start)
            waiting |= {mark.id: record.person_id for mark in own}
        # Work days overlap by less than two days of instants, whatever the cut-offs and zones.
        horizon = new_punch_id(datetime.combine(day - timedelta(days=2), time(), UTC))
        yield from _read(store, waiting, [punch_id for punch_id in waiting if punch_id < horizon])
    yield from _read(store, waiting, list(waiting))


def _read(store: Store, waiting: dict[str, str], punch_ids: list[str]) -> Iterator[Punch]:
    ordered = sorted(punch_ids)
    for start in range(0, len(ordered), 500):
        pairs = [(waiting.pop(punch_id), punch_id) for punch_id in ordered[start : start + 500]]
        found = store.punches_by_id(pairs)
        yield from (found[punch_id] for _, punch_id in pairs if punch_id in found)


def rebuild(store: Store, person_id: str, since: date, until: date) -> int:
    """Write a person's work days anew from the punches where they differ; says how many did.

    What counts are the punches; a work day is only their projection.
    """
    wanted = [since + timedelta(days=n) for n in range((until - since).days + 1)]
    changed = 0
    for start in range(0, len(wanted), 31):
        changed += _rebuild(store, person_id, wanted[start : start + 31])
    return changed


def _rebuild(store: Store, person_id: str, work_days: list[date]) -> int:
    for _ in range(TRIES):
        # The days first: a punch that comes after them moves its day on, and that is noticed below.
        records = store.days(person_id, work_days)
        punches = store.punches(person_id, work_days[0] - NEAR, work_days[-1] + NEAR)
        marks = by_day(punch.mark() for punch in punches)
        differing = [
            replace(record, marks=marks.get(record.work_day, ()))
            for record in records
            if record.marks != marks.get(record.work_day, ())
        ]
        try:
            for record in differing:
                store.write_day(record)
        except DayMoved:
            continue
        return len(differing)
    raise Busy

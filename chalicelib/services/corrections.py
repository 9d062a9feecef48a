"""Manual punches and corrections, the log of all punches, and the rebuild of work days from them.

A correction deletes nothing. It is a punch of its own that supersedes or voids another one; both stay in
the log and in the timesheet.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta

from msgspec import UNSET, Struct, UnsetType, convert
from msgspec.structs import replace

from chalicelib.aws.attendance_store import AttendanceStore, WorkDayChanged
from chalicelib.aws.directory import Directory
from chalicelib.domain.dates import EARLIEST_INSTANT, MAX_CLOCK_SKEW, check_date, date_range
from chalicelib.domain.errors import (
    InvalidCursor,
    InvalidRequest,
    PersonNotFound,
    PunchExists,
    PunchIsVoid,
    PunchNotFound,
    PunchSuperseded,
)
from chalicelib.domain.ids import new_punch_id, punch_instant
from chalicelib.domain.person import Code, Person, PersonId
from chalicelib.domain.punch import FARTHEST, DayRecord, Device, Evidence, Punch, PunchId, Reason
from chalicelib.domain.schedule import Schedule
from chalicelib.domain.text import clean, fold
from chalicelib.domain.types import Instant, Page
from chalicelib.domain.workday import (
    RequestedDirection,
    Source,
    TimeEvent,
    events_by_day,
    recent_event,
)
from chalicelib.services.closings import past
from chalicelib.services.retries import retry

DAY = timedelta(days=1)


NEAR = timedelta(days=31)
"""Most days between the work days of a correction and of the punch that it corrects."""


class ManualPunch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A punch entered by hand, or a correction, of a person who is named by `person_id` or by `code`.

    `supersedes` is the id of the punch to replace. With `void` that punch is only removed from the count,
    and `at` may be left out. `direction` and `device` default to those of the punch that is replaced, and to
    `auto` and none without one. `work_day` is at most one day from the one that `at` has by the rules;
    without it, a correction on the same date stays on the work day of the punch that it replaces.
    """

    reason: Reason
    person_id: PersonId | None = None
    code: Code | None = None
    at: Instant | None = None
    work_day: date | None = None
    direction: RequestedDirection | UnsetType = UNSET
    device: Device | None = None
    supersedes: PunchId | None = None
    void: bool = False


class PunchView(Struct, frozen=True, kw_only=True):
    """A punch. `at` carries the offset of the zone in which it was made; `by` is the id of a token.

    `evidence` is shown to managers only. `duplicate` is true in the response to a request that recorded
    nothing, because this punch was there.
    """

    punch_id: str
    person_id: str
    at: datetime
    recorded_at: datetime
    work_day: date
    direction: RequestedDirection
    source: Source
    device: str | None
    site: str | None
    supersedes: str | None
    void: bool
    reason: str | None
    by: str | None
    evidence: Evidence | None
    duplicate: bool = False

    @classmethod
    def of(cls, punch: Punch, *, evidence: bool = True, duplicate: bool = False) -> "PunchView":
        """Show a stored punch, with or without its evidence."""
        shown = convert(punch, cls, from_attributes=True)
        return replace(
            shown,
            at=punch.local_at(),
            evidence=shown.evidence if evidence else None,
            duplicate=duplicate,
        )


def record(
    directory: Directory,
    attendance_store: AttendanceStore,
    body: ManualPunch,
    *,
    by: str,
    idempotent_id: str | None = None,
    now: datetime,
) -> PunchView:
    """Record a manual punch or a correction; the same `idempotent_id` records it once.

    A punch that repeats one that is there is not recorded: of the same instant, or with direction `auto`
    within the duplicate window of the settings. Raises PersonNotFound, PunchNotFound, PunchIsVoid,
    PunchExists, PunchSuperseded, PeriodClosed, InvalidRequest.
    """
    _check(body, now)
    person, site = directory.person(_person_id(directory, body)), directory.site()
    old = attendance_store.punch(person.person_id, body.supersedes) if body.supersedes else None
    if body.supersedes and old is None:
        raise PunchNotFound(body.supersedes)
    if old and old.void:
        raise PunchIsVoid(old.punch_id)
    at = body.at or (old.at if old else now)
    work_day, zone = _work_day(site.schedule(), person, body, at, old)
    if old and abs(work_day - old.work_day) > NEAR:
        raise InvalidRequest("A correction must be within 31 days of the punch that it corrects.")
    direction: RequestedDirection = old.direction if old else "auto"
    if body.direction is not UNSET:
        direction = body.direction
    touched = {work_day, old.work_day if old else work_day}
    around = {work_day - DAY, work_day + DAY}
    punch = Punch(
        punch_id=new_punch_id(at, idempotent_id),
        person_id=person.person_id,
        at=at,
        recorded_at=now,
        work_day=work_day,
        zone=zone,
        direction=direction,
        source="manual",
        device=clean(body.device, what="device", limit=100) if body.device else old.device if old else None,
        supersedes=body.supersedes,
        void=body.void,
        reason=clean(body.reason, what="reason", limit=500),
        by=by,
    )

    def attempt() -> PunchView:
        try:
            with attendance_store.person_lock(person.person_id):
                days = attendance_store.days(person.person_id, touched | around)
                others = [event for day in days for event in day.events if event.id != punch.punch_id]
                if old and any(event.supersedes == old.punch_id for event in others):
                    raise PunchSuperseded(old.punch_id)
                there = None if body.void else _repeated(days, punch, site.settings.duplicate_window_s)
                if old and there:
                    raise PunchExists(there.id)
                if there:
                    existing = attendance_store.punch(person.person_id, there.id)
                    if existing:
                        return PunchView.of(existing, duplicate=True)
                attendance_store.add_punch(
                    punch,
                    [day for day in days if day.work_day in touched],
                    since=past(min(touched), site.settings.today(now)),
                )
        except WorkDayChanged:
            if recorded := attendance_store.punch(person.person_id, punch.punch_id):
                return PunchView.of(recorded)  # by the same request before, whose response was lost
            directory.person(person.person_id)  # raises PersonNotFound while the person is being erased
            raise
        return PunchView.of(punch)

    return retry(attempt)


def _check(body: ManualPunch, now: datetime) -> None:
    if (body.person_id is None) == (body.code is None):
        raise InvalidRequest("Name the person either by `person_id` or by `code`.")
    if body.void and not body.supersedes:
        raise InvalidRequest("`void` needs `supersedes`, the id of the punch to remove.")
    if body.void and body.work_day:
        raise InvalidRequest("`work_day` is not for a `void`, which is of the work day of what it removes.")
    if body.at is None and not body.void:
        raise InvalidRequest("`at` is missing.")
    if body.at and body.at > now + MAX_CLOCK_SKEW:
        raise InvalidRequest("`at` is in the future.")
    if body.at and body.at < EARLIEST_INSTANT:
        raise InvalidRequest("`at` is before 2000.")


def _person_id(directory: Directory, body: ManualPunch) -> str:
    if body.person_id is not None:
        return body.person_id
    code = body.code or ""
    owner = directory.owners([code]).get(fold(code))
    if owner is None:
        raise PersonNotFound(code=code)
    return owner


def _work_day(
    schedule: Schedule, person: Person, body: ManualPunch, at: datetime, old: Punch | None
) -> tuple[date, str]:
    """Return the work day of a punch and its zone: as chosen, that of the corrected punch, or by rule."""
    if old and (body.void or (body.work_day is None and old.is_on_date_of(at))):
        return old.work_day, old.zone
    by_rule = schedule.work_day(at, person.shifts)
    chosen = check_date(body.work_day) if body.work_day else by_rule
    if abs(chosen - by_rule) > DAY:
        raise InvalidRequest(f"`work_day` is at most one day from {by_rule}, to which `at` belongs.")
    return chosen, schedule.calendar(chosen).zone


def _repeated(days: Iterable[DayRecord], punch: Punch, window_s: float) -> TimeEvent | None:
    """Find the counted punch that a new one would only repeat."""
    for day in days:
        counted = [event for event in day.counted() if event.id not in (punch.punch_id, punch.supersedes)]
        same = next((event for event in counted if event.at == punch.at), None)
        if same is None and day.work_day == punch.work_day and punch.direction == "auto":
            same = recent_event(counted, punch.at, window_s)
        if same:
            return same
    return None


def list_punches(
    attendance_store: AttendanceStore,
    *,
    person_id: str | None,
    since: date,
    until: date,
    limit: int,
    after: str | None,
    evidence: bool,
) -> Page[PunchView]:
    """List the punches of some work days (at most 366, both ends included), oldest first.

    Raises InvalidRequest or InvalidCursor.
    """
    days = date_range(since, until)
    start = after or ""
    if start:
        days = [day for day in days if day >= _first_day_after(start)]
    if not days:
        return Page([], None)
    punches = (
        attendance_store.punches(person_id, days[0], until)
        if person_id
        else _punches_of_everybody(attendance_store, days, start)
    )
    shown: list[Punch] = []
    for punch in punches:
        if punch.punch_id > start:  # ids sort by time
            if len(shown) == limit:
                return Page([PunchView.of(punch, evidence=evidence) for punch in shown], shown[-1].punch_id)
            shown.append(punch)
    return Page([PunchView.of(punch, evidence=evidence) for punch in shown], None)


def _first_day_after(punch_id: str) -> date:
    """Return the first work day that can have a punch after this one; raises InvalidCursor."""
    at = punch_instant(punch_id)
    if at is None:
        raise InvalidCursor
    return at.date() - FARTHEST


def _punches_of_everybody(attendance_store: AttendanceStore, days: list[date], start: str) -> Iterator[Punch]:
    """Yield the punches of all people on some work days by time.

    A punch of a work day may be earlier than one of the day before, so some days more are read than yielded.
    """
    waiting: dict[str, str] = {}
    start_at, size = 0, 3
    while start_at < len(days):
        some = days[start_at : start_at + size]
        start_at, size = start_at + size, min(size * 2, 32)  # read more days at once while they are quiet
        for record in attendance_store.all_days(some):
            own = (event for event in record.events if event.work_day == record.work_day and event.id > start)
            waiting |= {event.id: record.person_id for event in own}
        horizon = new_punch_id(datetime.combine(some[-1] - FARTHEST, time(), UTC))
        yield from _read(attendance_store, waiting, [punch_id for punch_id in waiting if punch_id < horizon])
    yield from _read(attendance_store, waiting, list(waiting))


def _read(
    attendance_store: AttendanceStore, waiting: dict[str, str], punch_ids: list[str]
) -> Iterator[Punch]:
    ordered = sorted(punch_ids)
    for start in range(0, len(ordered), 500):
        pairs = [(waiting.pop(punch_id), punch_id) for punch_id in ordered[start : start + 500]]
        found = attendance_store.punches_by_id(pairs)
        yield from (found[punch_id] for _, punch_id in pairs if punch_id in found)


def rebuild(attendance_store: AttendanceStore, person_id: str, since: date, until: date) -> int:
    """Rebuild the work days of a person from the punches, and return how many differed.

    A work day is only a projection of the punches. Raises InvalidRequest.
    """
    wanted = date_range(since, until)
    changed = 0
    for start in range(0, len(wanted), 31):
        changed += _rebuild(attendance_store, person_id, wanted[start : start + 31])
    return changed


def _rebuild(attendance_store: AttendanceStore, person_id: str, work_days: list[date]) -> int:
    def attempt() -> int:
        # The days first: a punch recorded after they were read changes their version, and the write fails.
        records = attendance_store.days(person_id, work_days)
        punches = attendance_store.punches(person_id, work_days[0] - NEAR, work_days[-1] + NEAR)
        events = events_by_day(punch.event() for punch in punches)
        differing = [
            replace(record, events=events.get(record.work_day, ()))
            for record in records
            if record.events != events.get(record.work_day, ())
        ]
        for record in differing:
            attendance_store.write_day(record)
        return len(differing)

    return retry(attempt)

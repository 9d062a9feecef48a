"""Manual punches and corrections, the log of all punches, and the rebuild of work days from them.

A correction deletes nothing. It is a punch of its own that supersedes or voids another one; both stay in
the log and in the timesheet.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from msgspec import Struct, convert
from msgspec.structs import replace

from chalicelib.aws.attendance_store import AttendanceStore, WorkDayChanged
from chalicelib.aws.directory import Directory
from chalicelib.domain.dates import EARLIEST_INSTANT, MAX_CLOCK_SKEW, date_range
from chalicelib.domain.errors import InvalidCursor, InvalidRequest, PunchNotFound, PunchSuperseded
from chalicelib.domain.ids import new_punch_id, punch_instant
from chalicelib.domain.person import PersonId
from chalicelib.domain.punch import Evidence, Punch, PunchId, Reason
from chalicelib.domain.text import clean
from chalicelib.domain.types import Instant, Page
from chalicelib.domain.workday import RequestedDirection, Source, events_by_day
from chalicelib.services.closings import past
from chalicelib.services.retries import retry

OVERLAP = timedelta(days=2)
"""The UTC date of a punch and its work day are less than this apart, whatever the zone and the cut-off."""


NEAR = timedelta(days=31)
"""Most days between the work days of a correction and of the punch that it corrects."""


class ManualPunch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A punch entered by hand, or a correction.

    `supersedes` is the id of the punch to replace. With `void` that punch is only removed from the count,
    and `at` may be left out.
    """

    person_id: PersonId
    reason: Reason
    at: Instant | None = None
    direction: RequestedDirection = "auto"
    supersedes: PunchId | None = None
    void: bool = False


class PunchView(Struct, frozen=True, kw_only=True):
    """A punch. `at` carries the offset of the zone in which it was made; `by` is the id of a token.

    `evidence` is shown to managers only.
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

    @classmethod
    def of(cls, punch: Punch, *, evidence: bool = True) -> "PunchView":
        """Show a stored punch, with or without its evidence."""
        shown = convert(punch, cls, from_attributes=True)
        return replace(shown, at=punch.local_at(), evidence=shown.evidence if evidence else None)


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

    Raises PersonNotFound, PunchNotFound, PunchSuperseded, PeriodClosed, InvalidRequest.
    """
    _check(body, now)
    person, schedule = directory.person(body.person_id), directory.site().schedule()
    old = attendance_store.punch(person.person_id, body.supersedes) if body.supersedes else None
    if body.supersedes and old is None:
        raise PunchNotFound(body.supersedes)
    at = body.at or (old.at if old else now)
    if body.void and old:
        work_day, zone = old.work_day, old.zone
    else:
        work_day = schedule.work_day(at, person.shifts)
        zone = schedule.calendar(work_day).zone
    if old and abs(work_day - old.work_day) > NEAR:
        raise InvalidRequest("A correction must be within 31 days of the punch that it corrects.")
    punch = Punch(
        punch_id=new_punch_id(at, idempotent_id),
        person_id=person.person_id,
        at=at,
        recorded_at=now,
        work_day=work_day,
        zone=zone,
        direction=body.direction,
        source="manual",
        supersedes=body.supersedes,
        void=body.void,
        reason=clean(body.reason, what="reason", limit=500),
        by=by,
    )

    def attempt() -> PunchView:
        try:
            with attendance_store.person_lock(person.person_id):
                days = attendance_store.days(person.person_id, {work_day, old.work_day if old else work_day})
                others = [event for day in days for event in day.events if event.id != punch.punch_id]
                if old and any(event.supersedes == old.punch_id for event in others):
                    raise PunchSuperseded(old.punch_id)
                attendance_store.add_punch(punch, days, since=past(days[0].work_day, schedule.work_day(now)))
        except WorkDayChanged:
            if recorded := attendance_store.punch(person.person_id, punch.punch_id):
                return PunchView.of(recorded)  # by the same request before, whose response was lost
            directory.person(person.person_id)  # raises PersonNotFound while the person is being erased
            raise
        return PunchView.of(punch)

    return retry(attempt)


def _check(body: ManualPunch, now: datetime) -> None:
    if body.void and not body.supersedes:
        raise InvalidRequest("`void` needs `supersedes`, the id of the punch to remove.")
    if body.at is None and not body.void:
        raise InvalidRequest("`at` is missing.")
    if body.at and body.at > now + MAX_CLOCK_SKEW:
        raise InvalidRequest("`at` is in the future.")
    if body.at and body.at < EARLIEST_INSTANT:
        raise InvalidRequest("`at` is before 2000.")


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
    return at.date() - OVERLAP


def _punches_of_everybody(attendance_store: AttendanceStore, days: list[date], start: str) -> Iterator[Punch]:
    """Yield the punches of all people on some work days by time.

    A punch of a work day may be earlier than one of the day before, so two days more are read than yielded.
    """
    waiting: dict[str, str] = {}
    start_at, size = 0, 3
    while start_at < len(days):
        some = days[start_at : start_at + size]
        start_at, size = start_at + size, min(size * 2, 32)  # read more days at once while they are quiet
        for record in attendance_store.all_days(some):
            own = (event for event in record.events if event.work_day == record.work_day and event.id > start)
            waiting |= {event.id: record.person_id for event in own}
        horizon = new_punch_id(datetime.combine(some[-1] - OVERLAP, time(), UTC))
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

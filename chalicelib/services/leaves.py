"""Leave: managers add, list and remove it."""

from datetime import date, datetime, timedelta

from chalicelib.aws.directory import Directory
from chalicelib.domain.dates import check_date
from chalicelib.domain.errors import InvalidRequest, LeaveNotFound, LeaveOverlaps, UnknownLeaveKind
from chalicelib.domain.ids import new_id
from chalicelib.domain.leave import LeaveRecord, NewLeave
from chalicelib.domain.text import clean
from chalicelib.services.closings import past
from chalicelib.services.retries import retry

LONGEST_LEAVE = timedelta(days=366)


def list_leaves(directory: Directory, since: date, until: date, person_id: str | None) -> list[LeaveRecord]:
    """List the leave that overlaps some days, both ends included; raises InvalidRequest."""
    if check_date(until) < check_date(since):
        raise InvalidRequest("`to` is before `from`.")
    return directory.leaves(since, until, person_id)


def add_leave(
    directory: Directory, person_id: str, body: NewLeave, *, idempotent_id: str | None = None, now: datetime
) -> tuple[LeaveRecord, bool]:
    """Add leave; returns it, and whether it is new: the same leave again is the one that is there.

    Raises PersonNotFound, UnknownLeaveKind, LeaveOverlaps, PeriodClosed or InvalidRequest.
    """
    if not timedelta(0) <= check_date(body.until) - check_date(body.since) <= LONGEST_LEAVE:
        raise InvalidRequest("`until` is from 0 to 366 days after `since`.")
    settings = directory.settings()
    kind = settings.leave_kind(clean(body.kind, what="kind", limit=40))
    if kind is None:
        raise UnknownLeaveKind(body.kind, [known.kind for known in settings.leave_kinds])
    leave = LeaveRecord(
        leave_id=idempotent_id or new_id(),
        person_id=person_id,
        since=body.since,
        until=body.until,
        kind=kind,
        half=body.half,
    )

    def attempt() -> tuple[LeaveRecord, bool]:
        directory.person(person_id)
        count = directory.leave_count(person_id)
        others = directory.leaves(leave.since, leave.until, person_id)
        if same := next((other for other in others if leave.equals(other)), None):
            return same, same.leave_id == leave.leave_id  # of this request, whose response was lost
        if overlapping := next((other for other in others if leave.overlaps(other)), None):
            raise LeaveOverlaps(overlapping.leave_id)
        directory.add_leave(leave, count, since=past(leave.since, settings.today(now)))
        return leave, True

    return retry(attempt)


def remove_leave(directory: Directory, person_id: str, leave_id: str, *, now: datetime) -> None:
    """Remove leave; raises PersonNotFound, LeaveNotFound or PeriodClosed."""
    leave = directory.leave(person_id, leave_id)
    if leave is None:
        directory.person(person_id)
        raise LeaveNotFound(leave_id)
    since = past(leave.since, directory.settings().today(now))
    if not directory.remove_leave(person_id, leave_id, since=since):
        raise LeaveNotFound(leave_id)

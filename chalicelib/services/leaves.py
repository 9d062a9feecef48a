"""Leave: managers add, list and remove it."""

from datetime import date, timedelta

from chalicelib.aws.directory import Directory
from chalicelib.domain.dates import check_date
from chalicelib.domain.errors import InvalidRequest, LeaveNotFound, WriteConflict
from chalicelib.domain.ids import new_id
from chalicelib.domain.leave import LeaveRecord, NewLeave
from chalicelib.domain.text import clean

LONGEST_LEAVE = timedelta(days=366)


def list_leaves(directory: Directory, since: date, until: date, person_id: str | None) -> list[LeaveRecord]:
    """List the leave that overlaps some days, both ends included; raises InvalidRequest."""
    if check_date(until) < check_date(since):
        raise InvalidRequest("`to` is before `from`.")
    return directory.leaves(since, until, person_id)


def add_leave(
    directory: Directory, person_id: str, body: NewLeave, *, idempotent_id: str | None = None
) -> LeaveRecord:
    """Add leave; the same `idempotent_id` adds it once. Raises PersonNotFound or InvalidRequest."""
    if not timedelta(0) <= check_date(body.until) - check_date(body.since) <= LONGEST_LEAVE:
        raise InvalidRequest("`until` is from 0 to 366 days after `since`.")
    directory.person(person_id)
    leave = LeaveRecord(
        leave_id=idempotent_id or new_id(),
        person_id=person_id,
        since=body.since,
        until=body.until,
        kind=clean(body.kind, what="kind", limit=40),
        half=body.half,
    )
    try:
        directory.add_leave(leave)
    except WriteConflict:
        directory.person(person_id)  # raises PersonNotFound during an erasure; otherwise it was added before
    return leave


def remove_leave(directory: Directory, person_id: str, leave_id: str) -> None:
    """Remove leave; raises LeaveNotFound."""
    if not directory.remove_leave(person_id, leave_id):
        raise LeaveNotFound(leave_id)

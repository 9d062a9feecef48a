"""Open days: work days that lack a punch, which HR has to complete before they are paid.

They are found when they are asked for. A stored list would be wrong after the next correction.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import partial

from msgspec import Struct

from chalicelib.aws.attendance_store import AttendanceStore
from chalicelib.aws.directory import Directory
from chalicelib.domain.dates import check_date, date_range
from chalicelib.domain.errors import InvalidCursor
from chalicelib.domain.person import Person
from chalicelib.domain.punch import DayRecord
from chalicelib.domain.schedule import Schedule
from chalicelib.domain.text import fold
from chalicelib.domain.timeline import values_within
from chalicelib.domain.types import Page
from chalicelib.domain.workday import Direction, TimesheetPunch, evaluate_person_day

SHOWN = timedelta(days=31)
"""The default range, up to yesterday."""


FEW = 100
"""Work days are read by key for up to so many people; beyond that it is faster to query those of all."""


AT_ONCE = 31
"""The most dates that are read before it is known whether the page is full."""


class OpenDay(Struct, frozen=True, kw_only=True):
    """A work day that lacks a punch. `missing` is the direction of the first one that it lacks."""

    date: date
    person_id: str
    name: str
    code: str | None
    group: str | None
    shift: str
    missing: Direction
    punches: tuple[TimesheetPunch, ...]


def list_open_days(
    directory: Directory,
    attendance_store: AttendanceStore,
    since: date | None,
    until: date | None,
    group: str | None,
    *,
    limit: int,
    after: str | None,
    now: datetime,
) -> Page[OpenDay]:
    """List the open days of a range, at the latest of yesterday, by date and then by name.

    The group is that of the date. Raises InvalidRequest or InvalidCursor.
    """
    schedule = directory.site().schedule()
    yesterday = schedule.work_day(now) - timedelta(days=1)
    until = check_date(until or yesterday)
    dates = date_range(since or until - SHOWN + timedelta(days=1), until)
    people = {person.person_id: person for person in directory.all_people()}
    start = _place(after, people) if after else None
    dates = [day for day in dates if day <= yesterday and (start is None or day >= start[0])]
    read = _reader(attendance_store, people.values(), group, dates)
    found: list[OpenDay] = []
    while dates and len(found) <= limit:
        some, dates = dates[:AT_ONCE], dates[AT_ONCE:]
        open_days = [
            one
            for record in read(some)
            if (person := people.get(record.person_id)) and (one := _open_day(schedule, person, record, now))
        ]
        wanted = (one for one in open_days if group is None or one.group == group)
        found += (one for one in sorted(wanted, key=_order) if start is None or _order(one) > start)
    return Page(found[:limit], _cursor(found[limit - 1]) if len(found) > limit else None)


def _reader(
    attendance_store: AttendanceStore, people: Iterable[Person], group: str | None, dates: list[date]
) -> Callable[[list[date]], list[DayRecord]]:
    """Give the cheaper way to read the work days of a group (None: of all people)."""
    if group is None or not dates:
        return attendance_store.all_days
    members = [one.person_id for one in people if group in values_within(one.groups, dates[0], dates[-1])]
    return partial(attendance_store.days_of, members) if len(members) <= FEW else attendance_store.all_days


def _open_day(schedule: Schedule, person: Person, record: DayRecord, now: datetime) -> OpenDay | None:
    day = evaluate_person_day(schedule, person.member(), record.work_day, record.events, now=now)
    if not day.open:
        return None
    lacking = next(pair for pair in day.pairs if pair.in_at is None or pair.out_at is None)
    return OpenDay(
        date=record.work_day,
        person_id=person.person_id,
        name=person.name,
        code=person.code,
        group=person.group(record.work_day),
        shift=day.shift,
        missing="in" if lacking.in_at is None else "out",
        punches=day.punches,
    )


Place = tuple[date, str, str]


def _order(one: OpenDay) -> Place:
    return one.date, fold(one.name), one.person_id


def _cursor(one: OpenDay) -> str:
    return f"{one.date} {one.person_id}"


def _place(after: str, people: Mapping[str, Person]) -> Place:
    """Return the place that a cursor stands for; raises InvalidCursor when its person is gone."""
    on, _, person_id = after.partition(" ")
    if person_id not in people:
        raise InvalidCursor
    return date.fromisoformat(on), fold(people[person_id].name), person_id

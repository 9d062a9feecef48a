"""A site's settings and its people's leave, as managers change them."""

from datetime import date, datetime, timedelta

import msgspec
from msgspec.structs import replace

from chalicelib.aws.store import Store
from chalicelib.domain import calendars
from chalicelib.domain.errors import (
    InvalidRequest,
    InvalidSettings,
    LeaveNotFound,
    SettingsChanged,
    WriteConflict,
)
from chalicelib.domain.ids import new_id
from chalicelib.domain.models import LeaveRecord, NewLeave
from chalicelib.domain.periods import one_day
from chalicelib.domain.settings import Settings
from chalicelib.services.people import clean

LONGEST_LEAVE = timedelta(days=366)

LARGEST = 300_000
"""Most bytes of settings; an item has room for 400 KB."""


def change(store: Store, body: Settings, *, effective_from: date | None, now: datetime) -> Settings:
    """Replace the settings as a whole; `version` is that of the ones that were read.

    The calendar is in force from today's work day on, so that days past stay as they were judged;
    an earlier `effective_from` judges them anew. Raises InvalidSettings, SettingsChanged, InvalidRequest.
    """
    if problems := _texts(body.calendar) + calendars.check(body.calendar):
        raise InvalidSettings(problems)
    if len(msgspec.json.encode(body)) > LARGEST:
        raise InvalidRequest(f"The settings are larger than {LARGEST} bytes.")
    before = store.settings()
    if body.version != before.version:
        raise SettingsChanged(before.version)
    today = body.today(now)
    if effective_from and effective_from > today:
        raise InvalidRequest("`effective_from` is in the future.")
    after = replace(body, version=before.version + 1)
    try:
        store.change_settings(before, after, effective_from or today)
    except WriteConflict:
        raise SettingsChanged(store.settings().version) from None
    return after


def _texts(calendar: calendars.Calendar) -> list[str]:
    """Name the texts of a calendar that show other than they are; people are given shifts by their names."""
    named = [(f"shifts.{name}", name) for name in calendar.shifts]
    named += [(f"holidays.{holiday.date}", holiday.name) for holiday in calendar.holidays]
    problems = []
    for place, text in named:
        try:
            if clean(text) != text:
                problems.append(f"{place}: the name has spaces around it, or twice, or letters in two parts")
        except InvalidRequest:
            problems.append(f"{place}: the name has control or invisible characters, or none that shows")
    return problems


def leaves(store: Store, since: date, until: date, person_id: str | None) -> list[LeaveRecord]:
    """Read the leave that touches some days, both ends included; raises InvalidRequest."""
    if one_day(until) < one_day(since):
        raise InvalidRequest("`to` is before `from`.")
    return store.leaves(since, until, person_id)


def add_leave(store: Store, person_id: str, body: NewLeave, *, seed: str | None = None) -> LeaveRecord:
    """Excuse a person for some days, once for each `seed`; raises PersonNotFound or InvalidRequest."""
    if not timedelta(0) <= one_day(body.until) - one_day(body.since) <= LONGEST_LEAVE:
        raise InvalidRequest("`until` is from 0 to 366 days after `since`.")
    store.person(person_id)
    leave = LeaveRecord(
        leave_id=seed or new_id(),
        person_id=person_id,
        since=body.since,
        until=body.until,
        kind=clean(body.kind, what="kind", limit=40),
        half=body.half,
    )
    try:
        store.add_leave(leave)
    except WriteConflict:
        store.person(person_id)  # raises PersonNotFound for who is being erased; else it was made before
    return leave


def remove_leave(store: Store, person_id: str, leave_id: str) -> None:
    """Take a leave away; raises LeaveNotFound."""
    if not store.remove_leave(person_id, leave_id):
        raise LeaveNotFound(leave_id)

"""Closing the books: up to which date nothing changes any more, as requested, stored and shown."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Annotated

from msgspec import Meta, Struct

from chalicelib.domain.schedule import Schedule
from chalicelib.domain.timeline import Dated, Timeline


class NewClosing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Closes all work days up to `through`, which is over."""

    through: date


class Reopening(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """Opens the closed work days again that begin with `from`; those before stay closed."""

    from_: date
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class Closing(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A closing or reopening as stored; `reopened_from` and `reason` are those of a reopening."""

    closed_through: date
    at: datetime
    by: str
    reopened_from: date | None = None
    reason: str | None = None


class RunningImport(Struct, frozen=True):
    """An import that changes earlier days in many transactions; it has ended at `until`, if it crashed."""

    import_id: str
    until: datetime


class RunningImports(Struct, frozen=True, kw_only=True):
    """The imports during which no day is closed; `version` increases with each beginning and end."""

    imports: tuple[RunningImport, ...] = ()
    version: int = 0

    def at(self, now: datetime) -> tuple[RunningImport, ...]:
        """Return those that may be running at an instant."""
        return tuple(one for one in self.imports if one.until > now)


class ClosingView(Struct, frozen=True, kw_only=True):
    """A closing or a reopening: what was `closed_through` after it, and who did it when.

    `by` is the id of a token. `reopened_from` and `reason` are null unless days were reopened.
    """

    closed_through: date
    at: datetime
    by: str
    reopened_from: date | None
    reason: str | None


class Closings(Struct, frozen=True, kw_only=True):
    """The last closed date (null: none ever was), and all closings and reopenings, newest first."""

    closed_through: date | None
    history: list[ClosingView]


def last_day_over(schedule: Schedule, at: datetime) -> date:
    """Return the last date whose work day is over at an aware instant for people of every shift.

    Who comes from one shift to another, by a rotation or otherwise, may have a work day of another length, so
    each shift of a date counts together with each one of the date before it.
    """
    following = at.astimezone(UTC).date() + timedelta(days=2)
    while any(starts > at for starts in _starts(schedule, following)):
        following -= timedelta(days=1)
    return following - timedelta(days=1)


def _starts(schedule: Schedule, on: date) -> Iterator[datetime]:
    """Yield when a date starts for people of each shift, after each one of the date before it."""
    before, shifts = schedule.calendar(on - timedelta(days=1)).shifts, schedule.calendar(on).shifts
    for earlier, shift in product(before, shifts):
        timeline: Timeline[str | None] = (Dated(earlier), Dated(shift, on))
        yield schedule.day_starts(timeline, on)

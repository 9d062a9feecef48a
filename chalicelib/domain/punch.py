"""Punches, their evidence, and the stored record of a person's work day."""

from datetime import date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from chalicelib.domain.workday import RequestedDirection, Source, TimeEvent, resolve_direction

FARTHEST = timedelta(days=3)
"""The most days between the work day of a punch and its date in UTC: two by the rules, whatever the zone and
the cut-off, and one that whoever enters it may choose."""


LONGEST_OPEN = timedelta(hours=16)
"""An out this long after the last in of the day before is no longer the one that was missing."""


PunchId = Annotated[str, Meta(max_length=64)]


Reason = Annotated[str, Meta(min_length=1, max_length=500)]


Device = Annotated[str, Meta(min_length=1, max_length=100, examples=["front door"])]


class Evidence(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a punch was accepted: the scores, and the thresholds in force at that moment, in percent."""

    similarity: float
    similarity_threshold: float
    runner_up: float | None = None
    margin: float
    liveness: float | None = None
    liveness_threshold: float | None = None
    session_id: str | None = None
    face_id: str
    model: str | None = None


class Punch(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The record that a person was present at an instant. Punches are never changed or overwritten.

    A correction is a punch of its own: `supersedes` names the punch that it replaces; with `void` it only
    removes that punch. `reason` says why and `by` is the token of the person who corrected.
    """

    punch_id: str
    person_id: str
    at: datetime
    recorded_at: datetime
    work_day: date
    zone: str
    direction: RequestedDirection
    source: Source
    device: str | None = None
    site: str | None = None
    evidence: Evidence | None = None
    supersedes: str | None = None
    void: bool = False
    reason: str | None = None
    by: str | None = None

    def local_at(self) -> datetime:
        """Return the instant in the zone in which the punch was made."""
        return self.at.astimezone(ZoneInfo(self.zone))

    def is_on_date_of(self, at: datetime) -> bool:
        """Say whether another instant is on the same date, in the zone in which the punch was made."""
        return at.astimezone(ZoneInfo(self.zone)).date() == self.local_at().date()

    def event(self) -> TimeEvent:
        """Return the punch in the form that the work-day rules use."""
        return TimeEvent(
            id=self.punch_id,
            at=self.at,
            work_day=self.work_day,
            zone=self.zone,
            direction=self.direction,
            source=self.source,
            supersedes=self.supersedes,
            void=self.void,
        )


class DayRecord(Struct, frozen=True, kw_only=True):
    """One person's work day: its events in order of time. It can be rebuilt from the punches."""

    person_id: str
    work_day: date
    events: tuple[TimeEvent, ...] = ()
    version: int = 0

    def counted(self) -> tuple[TimeEvent, ...]:
        """Return the events of this day that no correction superseded or voided, in order of time."""
        hidden = {event.supersedes for event in self.events}
        return tuple(
            event
            for event in self.events
            if event.id not in hidden and not event.void and event.work_day == self.work_day
        )

    def is_closed_by(self, out: datetime, following: "DayRecord") -> bool:
        """Say whether an explicit out belongs to this day, although the rules give it to the following one.

        So it is of somebody who is still in here, since less than 16 hours, and not in there.
        """
        counted = self.counted()
        if not counted or any(event.direction != "out" for event in following.counted()):
            return False
        last = counted[-1]
        is_in = resolve_direction(self.events, last) == "in"
        return is_in and timedelta(0) <= out - last.at < LONGEST_OPEN

"""Punches, the evidence for them, and the record of a person's work day."""

from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from chalicelib.domain.workday import Asked, Source, TimeEvent

PunchId = Annotated[str, Meta(max_length=64)]


Reason = Annotated[str, Meta(min_length=1, max_length=500)]


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
    """A person was there at an instant. Never changed, never overwritten.

    A correction is a punch of its own: `supersedes` names the one it stands in for, and with
    `void` it only takes that one out. `reason` and `by` say why and who.
    """

    punch_id: str
    person_id: str
    at: datetime
    recorded_at: datetime
    work_day: date
    zone: str
    direction: Asked
    source: Source
    device: str | None = None
    site: str | None = None
    evidence: Evidence | None = None
    supersedes: str | None = None
    void: bool = False
    reason: str | None = None
    by: str | None = None

    def local_at(self) -> datetime:
        """The instant in the zone in which the punch was made."""
        return self.at.astimezone(ZoneInfo(self.zone))

    def mark(self) -> TimeEvent:
        """The punch as the work-day rules see it."""
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
    """The punches of one person on one work day, in order; can be rebuilt from the punches."""

    person_id: str
    work_day: date
    marks: tuple[TimeEvent, ...] = ()
    version: int = 0

    def counted(self) -> tuple[TimeEvent, ...]:
        """The marks of this day that were not taken out by a correction, in order."""
        hidden = {mark.supersedes for mark in self.marks}
        return tuple(
            mark
            for mark in self.marks
            if mark.id not in hidden and not mark.void and mark.work_day == self.work_day
        )

"""What is stored and what goes over the wire.

Instants are aware and in UTC; a work day is a date in the site's zone. Similarity and liveness are
percent (0..100), as Rekognition gives them.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from chalicelib.workdays import Asked, Mark, Source

Percent = Annotated[float, Meta(ge=0, le=100)]
Instant = Annotated[datetime, Meta(tz=True)]
PersonId = Annotated[str, Meta(pattern="^[0-9a-z]{1,40}$")]
SessionId = Annotated[str, Meta(pattern="^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
PersonName = Annotated[str, Meta(min_length=1, max_length=200)]

MAX_FACES = 10
"""Most faces of one person; Amazon advises five or more photos, from several sides."""


class Status(StrEnum):
    """Whether a person is expected to come."""

    ACTIVE = "active"
    INACTIVE = "inactive"


class Person(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person. Names live here and nowhere else; Rekognition and S3 know only the id."""

    person_id: str
    name: str
    created_at: datetime
    updated_at: datetime
    status: Status = Status.ACTIVE
    face_ids: tuple[str, ...] = ()
    version: int = 0


class FaceState(StrEnum):
    """How far an enrolment or a removal has got; the sweep finishes what is not active."""

    PENDING = "pending"
    ACTIVE = "active"
    REMOVING = "removing"


class Face(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One enrolled photo of a person.

    `digest` (of the photo) is its place in the table, so the same photo twice is one face;
    `face_id` is Rekognition's, known once the photo is indexed.
    """

    person_id: str
    digest: str
    photo_key: str
    state: FaceState
    since: datetime
    face_id: str | None = None
    confidence: float | None = None
    brightness: float | None = None
    sharpness: float | None = None
    model: str | None = None


class Match(Struct, frozen=True):
    """An enrolled face that resembles the one looked for."""

    person_id: str
    face_id: str
    similarity: float


class Evidence(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a punch was believed: the scores and the limits that held at that moment."""

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
    """A person was there at an instant. Never changed, never overwritten."""

    punch_id: str
    person_id: str
    at: datetime
    work_day: date
    zone: str
    direction: Asked
    source: Source
    device: str | None = None
    evidence: Evidence | None = None


class DayRecord(Struct, frozen=True, kw_only=True):
    """The punches of one person on one work day, in order; can be rebuilt from the punches."""

    person_id: str
    work_day: date
    marks: tuple[Mark, ...] = ()
    version: int = 0


class SessionState(StrEnum):
    """A liveness session is spent once."""

    ISSUED = "issued"
    USED = "used"


class Outcome(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of a liveness session or a photo: the answer that every retry gets again."""

    code: str
    at: datetime
    person_id: str | None = None
    punch_id: str | None = None
    face_id: str | None = None
    similarity: float | None = None
    liveness: float | None = None
    duplicate: bool = False
    image_bytes: int | None = None


class Session(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A liveness session that we asked Rekognition for."""

    session_id: str
    created_at: datetime
    state: SessionState = SessionState.ISSUED
    outcome: Outcome | None = None


def to_builtins(value: Struct) -> dict[str, Any]:
    """Turn a Struct into JSON-like values (instants and dates as RFC 3339 text)."""
    plain: dict[str, Any] = msgspec.to_builtins(value)
    return plain

"""What is stored, and what goes over the wire.

Instants are aware and in UTC; a work day is a date in the site's zone. Similarity and liveness are
percent (0..100), as Rekognition gives them.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Generic, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from chalicelib.domain.calendars import END, Half, ShiftName
from chalicelib.domain.workdays import Asked, Leave, Mark, Member, Source

Percent = Annotated[float, Meta(ge=0, le=100)]
Instant = Annotated[datetime, Meta(tz=True)]
PersonId = Annotated[str, Meta(pattern=f"^[0-9a-z]{{1,40}}{END}", examples=["3f9d0c5be7a1426c98b0d2f4"])]
FaceId = Annotated[str, Meta(min_length=1, max_length=64)]
PunchId = Annotated[str, Meta(max_length=64)]
UploadId = Annotated[str, Meta(max_length=64)]
SessionId = Annotated[str, Meta(pattern=f"^[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}{END}")]
Name = Annotated[str, Meta(min_length=1, max_length=200, examples=["Nguyễn Văn Ánh"])]
Code = Annotated[str, Meta(min_length=1, max_length=64, examples=["HS-0042"])]
Email = Annotated[str, Meta(max_length=254, pattern=r"^[^@\s]{1,64}@[^@\s]{1,189}$")]
Group = Annotated[str, Meta(min_length=1, max_length=100, examples=["12A1"])]
Reason = Annotated[str, Meta(min_length=1, max_length=500)]
Limit = Annotated[int, Meta(ge=1, le=1000)]
Query = Annotated[str, Meta(max_length=100)]
Cursor = Annotated[str, Meta(max_length=2000)]

MAX_FACES = 10
"""Most faces of one person; Amazon advises five or more photos, from several sides."""

T = TypeVar("T")


class Page(Struct, Generic[T], frozen=True):
    """A part of a list; `next_cursor` asks for the next part and is null at the end."""

    items: list[T]
    next_cursor: str | None


# --- people and their faces ---------------------------------------------------------------------


class Status(StrEnum):
    """Whether a person is expected to come."""

    ACTIVE = "active"
    INACTIVE = "inactive"


class NewConsent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """That a person agreed to be recognised by their face: to which text, in which language, when and how."""

    text_version: Annotated[str, Meta(min_length=1, max_length=40, examples=["2026-11"])]
    language: Annotated[str, Meta(pattern=f"^[a-z]{{2,3}}(-[A-Za-z0-9]{{2,8}})?{END}", examples=["vi"])]
    method: Annotated[str, Meta(pattern=f"^[a-z][a-z_]{{0,39}}{END}", examples=["signed_paper"])]
    given_at: Instant | None = None


class Consent(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A consent as stored; `recorded_by` is the token, and `withdrawn_at` says that it holds no more."""

    text_version: str
    language: str
    method: str
    given_at: datetime
    recorded_at: datetime
    recorded_by: str | None = None
    withdrawn_at: datetime | None = None


class NewPerson(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person to be made. `code` is unique without regard to case; `since` is the first day due."""

    name: Name
    code: Code | None = None
    email: Email | None = None
    group: Group | None = None
    shift: ShiftName | None = None
    since: date | None = None
    consent: NewConsent | None = None


class PersonChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a person; what is left out stays, null takes away."""

    name: Name | UnsetType = UNSET
    code: Code | UnsetType | None = UNSET
    email: Email | UnsetType | None = UNSET
    group: Group | UnsetType | None = UNSET
    shift: ShiftName | UnsetType | None = UNSET
    status: Status | UnsetType = UNSET
    since: date | UnsetType | None = UNSET
    until: date | UnsetType | None = UNSET


class Person(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person as stored. Names live here and nowhere else; Rekognition and S3 know only the id."""

    person_id: str
    name: str
    created_at: datetime
    updated_at: datetime
    code: str | None = None
    email: str | None = None
    group: str | None = None
    shift: str | None = None
    status: Status = Status.ACTIVE
    since: date | None = None
    until: date | None = None
    face_ids: tuple[str, ...] = ()
    consent: Consent | None = None
    version: int = 0

    @property
    def faces(self) -> int:
        """How many photos they can be recognised by."""
        return len(self.face_ids)

    def member(self) -> Member:
        """The person as the work-day rules see them."""
        return Member(
            person_id=self.person_id,
            name=self.name,
            code=self.code,
            group=self.group,
            shift=self.shift,
            active=self.status is Status.ACTIVE,
            since=self.since,
            until=self.until,
        )


class PersonView(Struct, frozen=True, kw_only=True):
    """A person as callers see them; `faces` is how many photos they can be recognised by."""

    person_id: str
    name: str
    code: str | None
    email: str | None
    group: str | None
    shift: str | None
    status: Status
    since: date | None
    until: date | None
    faces: int
    consent: Consent | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, person: Person) -> "PersonView":
        """Show a stored person."""
        return msgspec.convert(person, cls, from_attributes=True)


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


class FaceView(Struct, frozen=True, kw_only=True):
    """An enrolled face as callers see it; the figures are Rekognition's, in percent."""

    face_id: str
    person_id: str
    enrolled_at: datetime
    confidence: float | None
    brightness: float | None
    sharpness: float | None
    model: str | None

    @classmethod
    def of(cls, face: Face) -> "FaceView":
        """Show an active face."""
        assert face.face_id is not None  # noqa: S101 - active
        return cls(
            face_id=face.face_id,
            person_id=face.person_id,
            enrolled_at=face.since,
            confidence=face.confidence,
            brightness=face.brightness,
            sharpness=face.sharpness,
            model=face.model,
        )


class Link(Struct, frozen=True):
    """A signed URL that works until `expires_at`."""

    url: str
    expires_at: datetime


class Match(Struct, frozen=True):
    """An enrolled face that resembles the one looked for."""

    person_id: str
    face_id: str
    similarity: float


# --- punches and work days ----------------------------------------------------------------------


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

    def mark(self) -> Mark:
        """The punch as the work-day rules see it."""
        return Mark(
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
    marks: tuple[Mark, ...] = ()
    version: int = 0

    def counted(self) -> tuple[Mark, ...]:
        """The marks of this day that were not taken out by a correction, in order."""
        hidden = {mark.supersedes for mark in self.marks}
        return tuple(
            mark
            for mark in self.marks
            if mark.id not in hidden and not mark.void and mark.work_day == self.work_day
        )


class NewLeave(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days on which a person is excused, both ends included, or one `half` of each of them."""

    since: date
    until: date
    kind: Annotated[str, Meta(min_length=1, max_length=40, examples=["annual", "sick"])]
    half: Half | None = None


class LeaveRecord(Struct, frozen=True, kw_only=True):
    """A leave as stored and shown."""

    leave_id: str
    person_id: str
    since: date
    until: date
    kind: str
    half: Half | None = None

    def leave(self) -> Leave:
        """The leave as the work-day rules see it."""
        return Leave(self.person_id, self.since, self.until, self.kind, self.half)


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
    """A liveness session that we asked Rekognition for, `by` the token that may use it."""

    session_id: str
    created_at: datetime
    by: str | None = None
    state: SessionState  # no default: what is a default is not written, and this is written on
    outcome: Outcome | None = None


class Answer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request under way (no status yet), or what it was answered; `about` is the person it concerns."""

    fingerprint: str
    started_at: datetime
    about: str | None = None
    status: int | None = None
    body: bytes = b""


def to_builtins(value: Struct) -> dict[str, Any]:
    """Turn a Struct into JSON-like values (instants and dates as RFC 3339 text)."""
    plain: dict[str, Any] = msgspec.to_builtins(value)
    return plain

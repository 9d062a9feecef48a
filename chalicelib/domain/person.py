"""People and their consent, as requested, as stored and as shown."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from chalicelib.domain.schedule import PATTERN_END, ShiftName
from chalicelib.domain.types import Instant
from chalicelib.domain.workday import Member

PersonId = Annotated[
    str, Meta(pattern=f"^[0-9a-z]{{1,40}}{PATTERN_END}", examples=["3f9d0c5be7a1426c98b0d2f4"])
]


Name = Annotated[str, Meta(min_length=1, max_length=200, examples=["Nguyễn Văn Ánh"])]


Code = Annotated[str, Meta(min_length=1, max_length=64, examples=["HS-0042"])]


Email = Annotated[str, Meta(max_length=254, pattern=r"^[^@\s]{1,64}@[^@\s]{1,189}$")]


Terms = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...],
    Meta(max_length=20, examples=[["attendance"]]),
]


Group = Annotated[str, Meta(min_length=1, max_length=100, examples=["12A1"])]


class Status(StrEnum):
    """Whether a person is expected to come."""

    ACTIVE = "active"
    INACTIVE = "inactive"


class NewConsent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person's consent to face recognition: to which text, in which language, how and when.

    `purposes` and `recipients` are those that the text names. `given_at` defaults to now, and is not before
    2026, because Rollcall is not older.
    """

    text_version: Annotated[str, Meta(min_length=1, max_length=40, examples=["2026-11"])]
    language: Annotated[
        str, Meta(pattern=f"^[a-z]{{2,3}}(-[A-Za-z0-9]{{2,8}})?{PATTERN_END}", examples=["vi"])
    ]
    method: Annotated[str, Meta(pattern=f"^[a-z][a-z_]{{0,39}}{PATTERN_END}", examples=["signed_paper"])]
    purposes: Terms = ()
    recipients: Terms = ()
    given_at: Instant | None = None


class Consent(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A recorded consent. `recorded_by` is the id of a token; `withdrawn_at` is set once it was withdrawn."""

    text_version: str
    language: str
    method: str
    purposes: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    given_at: datetime
    recorded_at: datetime
    recorded_by: str | None = None
    withdrawn_at: datetime | None = None


class NewPerson(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person to create. `code` must be unique, ignoring case; `since` is the first date expected."""

    name: Name
    code: Code | None = None
    email: Email | None = None
    group: Group | None = None
    shift: ShiftName | None = None
    since: date | None = None
    consent: NewConsent | None = None


class PersonChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields to update. Fields left out are kept; null clears a field."""

    name: Name | UnsetType = UNSET
    code: Code | UnsetType | None = UNSET
    email: Email | UnsetType | None = UNSET
    group: Group | UnsetType | None = UNSET
    shift: ShiftName | UnsetType | None = UNSET
    status: Status | UnsetType = UNSET
    since: date | UnsetType | None = UNSET
    until: date | UnsetType | None = UNSET


class Person(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person as stored. The name is stored nowhere else: Rekognition and S3 receive only the id."""

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
    inactive_since: date | None = None
    face_ids: tuple[str, ...] = ()
    consent: Consent | None = None
    version: int = 0

    @property
    def faces(self) -> int:
        """The number of active faces."""
        return len(self.face_ids)

    @property
    def last_day(self) -> date | None:
        """The day they left: the last date expected, or the date they became inactive. None if neither."""
        return min((day for day in (self.until, self.inactive_since) if day), default=None)

    def member(self) -> Member:
        """Return the person in the form that the work-day rules use."""
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


class FieldWarning(Struct, frozen=True):
    """Something to check, although the request was accepted; `person_id` is the other person concerned."""

    field: str
    message: str
    person_id: str | None = None


LOOKALIKE = "This code looks like the code of somebody else."
"""Said of two codes that differ only in characters such as O and 0, or Latin and Cyrillic A."""


class PersonView(Struct, frozen=True, kw_only=True):
    """A person. `faces` is the number of enrolled faces; `since` and `until` are dates, both inclusive.

    `inactive_since` is the date on which an inactive person became so. Retention counts from it or from
    `until`, whichever is earlier. `warnings` is present when the person was just added or changed and
    something should be checked.
    """

    person_id: str
    name: str
    code: str | None
    email: str | None
    group: str | None
    shift: str | None
    status: Status
    since: date | None
    until: date | None
    inactive_since: date | None
    faces: int
    consent: Consent | None
    created_at: datetime
    updated_at: datetime
    warnings: list[FieldWarning] | UnsetType = UNSET

    @classmethod
    def of(cls, person: Person) -> "PersonView":
        """Make the view of a stored person."""
        return msgspec.convert(person, cls, from_attributes=True)

"""People and their consent, as requested, as stored and as shown."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from chalicelib.domain.schedule import PATTERN_END, ShiftName
from chalicelib.domain.timeline import (
    Stint,
    Timeline,
    first_difference,
    first_difference_in_employment,
    value_on,
)
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
    """The fields to update. Fields left out are kept; null clears a field.

    `group` and `shift` hold from `effective_from` on (default: today's work day), which may be past or to
    come, until the next change that is planned; the value that stood before it undoes a change of the same
    date. `status: inactive` ends the stint on that date unless `until` says otherwise, and `status: active`
    begins another one, as a `since` after the last `until` does. With a later `effective_from`, `inactive`
    plans the end of the stint, and the status stays active because the person comes until then.
    """

    name: Name | UnsetType = UNSET
    code: Code | UnsetType | None = UNSET
    email: Email | UnsetType | None = UNSET
    group: Group | UnsetType | None = UNSET
    shift: ShiftName | UnsetType | None = UNSET
    status: Status | UnsetType = UNSET
    since: date | UnsetType | None = UNSET
    until: date | UnsetType | None = UNSET
    effective_from: date | None = None


class Person(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person as stored. The name is stored nowhere else: Rekognition and S3 receive only the id.

    `groups` and `shifts` say which held from which date on, and `stints` when the person belonged to the
    site, oldest first. Nobody is recognised while `status` is inactive.
    """

    person_id: str
    name: str
    created_at: datetime
    updated_at: datetime
    code: str | None = None
    email: str | None = None
    groups: Timeline[str | None] = ()
    shifts: Timeline[str | None] = ()
    stints: tuple[Stint, ...] = ()
    status: Status = Status.ACTIVE
    face_ids: tuple[str, ...] = ()
    consent: Consent | None = None
    version: int = 0

    @property
    def faces(self) -> int:
        """The number of active faces."""
        return len(self.face_ids)

    @property
    def last_day(self) -> date | None:
        """The last date on which they belong to the site; None if it has no end.

        Of somebody who never did, it is the day on which they were added.
        """
        return self.stints[-1].until if self.stints else self.created_at.date()

    def group(self, on: date) -> str | None:
        """Return the group on a date."""
        return value_on(self.groups, on, None)

    def shift(self, on: date) -> str | None:
        """Return the shift on a date."""
        return value_on(self.shifts, on, None)

    def first_difference(self, before: "Person | None") -> date | None:
        """Return the first date on which group, shift or employment is not what it was before.

        None means that no date differs; `date.min` means since ever. `before` is None for a new person.
        """
        if before is None:
            return first_difference_in_employment((), self.stints)
        found = (
            first_difference(before.groups, self.groups, None),
            first_difference(before.shifts, self.shifts, None),
            first_difference_in_employment(before.stints, self.stints),
        )
        return min((on for on in found if on), default=None)

    def member(self) -> Member:
        """Return the person in the form that the work-day rules use."""
        return Member(self.person_id, self.name, self.code, self.groups, self.shifts, self.stints)


class FieldWarning(Struct, frozen=True):
    """Something to check, although the request was accepted; `person_id` is the other person concerned."""

    field: str
    message: str
    person_id: str | None = None


LOOKALIKE = "This code looks like the code of somebody else."
"""Said of two codes that differ only in characters such as O and 0, or Latin and Cyrillic A."""


class HistoryEntry(Struct, frozen=True):
    """A group or shift, null for none, and the first date on which it held; null means since ever."""

    value: str | None
    effective_from: date | None


class StintView(Struct, frozen=True):
    """The first and last date of a stint, null for no limit."""

    since: date | None
    until: date | None


class History(Struct, frozen=True, kw_only=True):
    """The groups, shifts and stints of a person, past and planned, oldest first."""

    groups: list[HistoryEntry]
    shifts: list[HistoryEntry]
    stints: list[StintView]

    @classmethod
    def of(cls, member: Member) -> "History":
        """Make the history of a person."""
        return cls(
            groups=[HistoryEntry(one.value, one.effective_from) for one in member.groups],
            shifts=[HistoryEntry(one.value, one.effective_from) for one in member.shifts],
            stints=[StintView(one.since, one.until) for one in member.stints],
        )


class PersonView(Struct, frozen=True, kw_only=True):
    """A person. `faces` is the number of enrolled faces.

    `group` and `shift` are those of today; `since` and `until` are the first and last date of the last
    stint, both inclusive. `history` has earlier and planned ones. `warnings` is present when the person was
    just added or changed and something should be checked.
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
    history: History
    faces: int
    consent: Consent | None
    created_at: datetime
    updated_at: datetime
    warnings: list[FieldWarning] | UnsetType = UNSET

    @classmethod
    def of(cls, person: Person, today: date) -> "PersonView":
        """Make the view of a stored person, as of a date."""
        last = person.stints[-1] if person.stints else Stint()
        return cls(
            person_id=person.person_id,
            name=person.name,
            code=person.code,
            email=person.email,
            group=person.group(today),
            shift=person.shift(today),
            status=person.status,
            since=last.since,
            until=last.until,
            history=History.of(person.member()),
            faces=person.faces,
            consent=person.consent,
            created_at=person.created_at,
            updated_at=person.updated_at,
        )

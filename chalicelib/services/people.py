"""People: create, change, list and search them. Faces are in `enrolment`."""

from datetime import UTC, datetime

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from chalicelib.aws.directory import Directory
from chalicelib.aws.metrics import record_changes
from chalicelib.domain.audit_entry import FieldChange
from chalicelib.domain.dates import MAX_CLOCK_SKEW, ROLLCALL_BEGAN
from chalicelib.domain.errors import InvalidRequest, UnknownShift, WriteConflict
from chalicelib.domain.ids import new_id
from chalicelib.domain.person import (
    LOOKALIKE,
    Consent,
    FieldWarning,
    NewConsent,
    NewPerson,
    Person,
    PersonChange,
    PersonView,
    Status,
)
from chalicelib.domain.settings import Settings
from chalicelib.domain.text import CLEANED_FIELDS, clean, compose, fold
from chalicelib.domain.types import Page
from chalicelib.services.retries import retry


def new_consent(body: NewConsent, *, by: str | None, now: datetime) -> Consent:
    """Build a consent from a request, recorded `by` a token; raises InvalidRequest."""
    given_at = body.given_at or now
    if not ROLLCALL_BEGAN <= given_at <= now + MAX_CLOCK_SKEW:
        raise InvalidRequest(f"`given_at` is in the future or before {ROLLCALL_BEGAN:%Y}.")
    return Consent(
        text_version=clean(body.text_version, what="text version", limit=40),
        language=body.language,
        method=body.method,
        purposes=tuple(clean(text, what="purpose", limit=200) for text in body.purposes),
        recipients=tuple(clean(text, what="recipient", limit=200) for text in body.recipients),
        given_at=given_at.astimezone(UTC),
        recorded_at=now,
        recorded_by=by,
    )


def new_person(
    body: NewPerson,
    settings: Settings,
    *,
    by: str | None = None,
    idempotent_id: str | None = None,
    now: datetime,
) -> Person:
    """Build a person from a request, without storing it; raises InvalidRequest or UnknownShift."""
    if body.shift is not None and body.shift not in settings.calendar.shifts:
        raise UnknownShift(body.shift)
    return Person(
        person_id=idempotent_id or new_id(),
        name=clean(body.name),
        code=_cleaned("code", body.code),
        email=_cleaned("email", body.email),
        group=_cleaned("group", body.group),
        shift=body.shift,
        since=body.since or settings.today(now),
        consent=new_consent(body.consent, by=by, now=now) if body.consent else None,
        created_at=now,
        updated_at=now,
    )


def _cleaned(field: str, text: str | None) -> str | None:
    what, limit = CLEANED_FIELDS[field]
    return clean(text, what=what, limit=limit) if text is not None else None


def create(
    directory: Directory, body: NewPerson, *, by: str | None, idempotent_id: str | None = None, now: datetime
) -> PersonView:
    """Add a person; the same `idempotent_id` adds one. Raises PersonExists, UnknownShift, InvalidRequest."""
    person = new_person(body, directory.settings(), by=by, idempotent_id=idempotent_id, now=now)
    try:
        directory.add_person(person)
    except WriteConflict:
        person = directory.person(person.person_id)  # added before, by the same request
    return _with_warnings(directory, person)


def _with_warnings(directory: Directory, person: Person) -> PersonView:
    other = directory.lookalike(person)
    shown = PersonView.of(person)
    return replace(shown, warnings=[FieldWarning("code", LOOKALIKE, other)]) if other else shown


def change(directory: Directory, person_id: str, body: PersonChange, *, now: datetime) -> PersonView:
    """Change the fields of a person that `body` has; raises PersonNotFound, PersonExists, UnknownShift."""
    fields = {name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET}
    settings = directory.settings() if body.shift or body.status is Status.INACTIVE else None
    if settings and body.shift and body.shift not in settings.calendar.shifts:
        raise UnknownShift(body.shift)
    fields |= {field: _cleaned(field, fields[field]) for field in CLEANED_FIELDS if field in fields}

    def attempt() -> PersonView:
        person = directory.person(person_id)
        after = replace(person, **fields, updated_at=now)
        if after.status is Status.ACTIVE:
            after = replace(after, inactive_since=None)
        elif person.status is Status.ACTIVE and settings:
            after = replace(after, inactive_since=settings.today(now))
        if after.since and after.until and after.until < after.since:
            raise InvalidRequest("`until` is before `since`.")
        directory.change_person(person, after)
        # Only the names: their values would stay in the audit log after the person was erased.
        changed = [name for name in fields if getattr(person, name) != getattr(after, name)]
        record_changes(map(FieldChange, changed))
        return _with_warnings(directory, after) if "code" in fields else PersonView.of(after)

    return retry(attempt)


def give_consent(
    directory: Directory, person_id: str, body: NewConsent, *, by: str | None, now: datetime
) -> PersonView:
    """Record a person's consent, replacing the current one; raises PersonNotFound, InvalidRequest."""
    consent = new_consent(body, by=by, now=now)
    retry(lambda: directory.give_consent(directory.person(person_id), consent))
    return PersonView.of(directory.person(person_id))


def show(directory: Directory, person_id: str) -> PersonView:
    """Return a person; raises PersonNotFound."""
    return PersonView.of(directory.person(person_id))


def search(
    directory: Directory,
    *,
    q: str,
    group: str | None,
    status: Status | None,
    limit: int,
    cursor: str | None,
) -> Page[PersonView]:
    """List people by name; `q` is the beginning of a word of the name, or of the code.

    Accents and case are ignored. People of the same name are sorted by id, so pages never overlap.
    """
    same = compose(group) if group is not None else None

    def wanted(person: Person) -> bool:
        return (same is None or person.group == same) and (status is None or person.status is status)

    found = directory.search_people(fold(q), wanted, limit=limit, after=cursor)
    return Page([PersonView.of(person) for person in found.items], found.next_cursor)

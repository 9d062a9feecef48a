"""People: create, change, list and search them. Faces are in `enrolment`."""

from datetime import UTC, date, datetime

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from chalicelib.aws.directory import Directory
from chalicelib.aws.metrics import record_changes
from chalicelib.domain.audit_entry import FieldChange
from chalicelib.domain.dates import MAX_CLOCK_SKEW, ROLLCALL_BEGAN, check_date
from chalicelib.domain.employment import EmploymentChange, changed_employment
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
from chalicelib.domain.schedule import Schedule
from chalicelib.domain.settings import Settings
from chalicelib.domain.text import CLEANED_FIELDS, clean, compose, fold
from chalicelib.domain.timeline import Stint, Timeline, always, with_value
from chalicelib.domain.types import Page
from chalicelib.services.closings import past
from chalicelib.services.retries import retry

DATED = {"group", "shift", "status"}
"""The fields of a change that take effect on a date."""


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
    _check_shift(body.shift, settings)
    shifts: Timeline[str | None] = always(body.shift) if body.shift else ()
    group = _cleaned("group", body.group)
    return Person(
        person_id=idempotent_id or new_id(),
        name=clean(body.name),
        code=_cleaned("code", body.code),
        email=_cleaned("email", body.email),
        groups=always(group) if group else (),
        shifts=shifts,
        stints=(Stint(body.since or Schedule(settings.calendars).first_day(now, shifts)),),
        consent=new_consent(body.consent, by=by, now=now) if body.consent else None,
        created_at=now,
        updated_at=now,
    )


def _check_shift(shift: str | UnsetType | None, settings: Settings) -> None:
    if shift and shift not in settings.shift_names():
        raise UnknownShift(shift)


def _cleaned(field: str, text: str | None) -> str | None:
    what, limit = CLEANED_FIELDS[field]
    return clean(text, what=what, limit=limit) if text is not None else None


def create(
    directory: Directory, body: NewPerson, *, by: str | None, idempotent_id: str | None = None, now: datetime
) -> PersonView:
    """Add a person; the same `idempotent_id` adds one.

    Raises PersonExists, UnknownShift, PeriodClosed, InvalidRequest.
    """
    settings = directory.settings()
    person = new_person(body, settings, by=by, idempotent_id=idempotent_id, now=now)
    try:
        directory.add_person(person, since=past(person.first_difference(None), settings.today(now)))
    except WriteConflict:
        person = directory.person(person.person_id)  # added before, by the same request
    return _with_warnings(directory, person, settings.today(now))


def _with_warnings(directory: Directory, person: Person, today: date) -> PersonView:
    other = directory.lookalike(person)
    shown = PersonView.of(person, today)
    return replace(shown, warnings=[FieldWarning("code", LOOKALIKE, other)]) if other else shown


def change(directory: Directory, person_id: str, body: PersonChange, *, now: datetime) -> PersonView:
    """Change the fields of a person that `body` has.

    Raises PersonNotFound, PersonExists, UnknownShift, PeriodClosed, InvalidRequest.
    """
    settings = directory.settings()
    today = settings.today(now)
    _check_shift(body.shift, settings)
    given = {name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET}
    given |= {field: _cleaned(field, given[field]) for field in CLEANED_FIELDS if field in given}
    if body.effective_from and not given.keys() & DATED:
        raise InvalidRequest("`effective_from` is the date of a new `group`, `shift` or `status`; give one.")
    since = check_date(body.effective_from or today)
    employment = EmploymentChange(on=since, status=body.status, since=body.since, until=body.until)
    plain = {name: given[name] for name in ("name", "code", "email") if name in given}

    def attempt() -> PersonView:
        person = directory.person(person_id)
        found = changed_employment(person.stints, person.status, employment, today=today)
        after = replace(person, **plain, stints=found.stints, status=found.status, updated_at=now)
        # Said of a date, what holds anyway is a change: it ends what is entered later for an earlier date.
        dated = body.effective_from is not None
        if "group" in given and (dated or person.group(since) != given["group"]):
            after = replace(after, groups=with_value(person.groups, since, given["group"], None))
        if "shift" in given and (dated or person.shift(since) != given["shift"]):
            after = replace(after, shifts=with_value(person.shifts, since, given["shift"], None))
        directory.change_person(person, after, since=past(after.first_difference(person), today))
        before, shown = PersonView.of(person, since), PersonView.of(after, since)
        named = dict.fromkeys((*given, "until")) if "status" in given else given  # it may end a stint
        changed = [name for name in named if getattr(before, name, None) != getattr(shown, name, None)]
        # Only the names: their values would stay in the audit log after the person was erased.
        record_changes(map(FieldChange, changed))
        return _with_warnings(directory, after, today) if "code" in given else PersonView.of(after, today)

    return retry(attempt)


def give_consent(
    directory: Directory, person_id: str, body: NewConsent, *, by: str | None, now: datetime
) -> PersonView:
    """Record a person's consent, replacing the current one; raises PersonNotFound, InvalidRequest."""
    consent = new_consent(body, by=by, now=now)
    retry(lambda: directory.give_consent(directory.person(person_id), consent))
    return show(directory, person_id, now=now)


def show(directory: Directory, person_id: str, *, now: datetime) -> PersonView:
    """Return a person as of today; raises PersonNotFound."""
    return PersonView.of(directory.person(person_id), directory.settings().today(now))


def search(
    directory: Directory,
    *,
    q: str,
    group: str | None,
    status: Status | None,
    limit: int,
    cursor: str | None,
    now: datetime,
) -> Page[PersonView]:
    """List people by name; `q` is the beginning of a word of the name, or of the code.

    Accents and case are ignored. People of the same name are sorted by id, so pages never overlap.
    """
    same = compose(group) if group is not None else None
    today = directory.settings().today(now)

    def wanted(person: Person) -> bool:
        return (same is None or person.group(today) == same) and (status is None or person.status is status)

    found = directory.search_people(fold(q), wanted, limit=limit, after=cursor)
    return Page([PersonView.of(person, today) for person in found.items], found.next_cursor)

"""People: who they are. Their faces are `enrolment.py`'s."""

import unicodedata
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from chalicelib.aws.items import fold
from chalicelib.aws.store import Store
from chalicelib.domain.errors import Busy, InvalidRequest, UnknownShift, WriteConflict
from chalicelib.domain.ids import new_id
from chalicelib.domain.models import (
    Consent,
    NewConsent,
    NewPerson,
    Page,
    Person,
    PersonChange,
    PersonView,
    Status,
)
from chalicelib.domain.settings import Settings

NAME_LIMIT = 200

KEY_BYTES = 2000
"""Most bytes that a text may have without accents and ligatures ("ﷺ" becomes 18 letters): codes are keys."""

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)

FUTURE = timedelta(minutes=5)
"""How far ahead of our clock what somebody writes down may be: theirs may be fast."""

TRIES = 5
"""How often a change that lost against another of the same person is made again."""

_BIDI = "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
# Soft hyphen, zero-width space, word joiner, invisible operators and Hangul's fillers (letters, by category).
_EMPTY = "\u00ad\u180e\u200b\u2060\u2061\u2062\u2063\u2064\u115f\u1160\u3164\uffa0"
_INVISIBLE = frozenset(_BIDI + _EMPTY)

TEXTS = {
    "name": ("name", NAME_LIMIT),
    "code": ("code", 64),
    "group": ("group", 100),
    "email": ("mail address", 254),
}
"""The fields that are cleaned: what messages call them, and their most characters."""


def clean(text: str, *, what: str = "name", limit: int = NAME_LIMIT) -> str:
    """Make a name (or code, or group) of what somebody typed: NFC, single spaces, 1..`limit` characters.

    Any script is fine; control characters and those that show nothing are refused, for they let one name
    look like another. Raises InvalidRequest.
    """
    name = _composed(text)
    if not 1 <= len(name) <= limit or not 1 <= len(fold(name).encode()) <= KEY_BYTES or not _shows(name):
        raise InvalidRequest(f"A {what} has 1 to {limit} visible characters.")
    # Not all of Cf: the joiners that Persian and Indic names need are in it too.
    if any(
        unicodedata.category(c) in ("Cc", "Cs", "Co") or c in _INVISIBLE or _is_noncharacter(c) for c in name
    ):
        raise InvalidRequest(f"A {what} must not contain control or invisible characters.")
    return name


def _composed(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _shows(text: str) -> bool:
    # Unassigned ones ("Cn") are letters and emoji younger than this Python's tables.
    return any(unicodedata.category(c)[0] in "LNPS" or unicodedata.category(c) == "Cn" for c in text)


def _is_noncharacter(c: str) -> bool:
    return ord(c) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(c) <= 0xFDEF


def first_name(name: str, order: str) -> str:
    """Give the word of a name by which somebody is greeted, in the site's order of names."""
    words = name.split()
    return words[-1 if order == "family_first" else 0]


def consented(body: NewConsent, *, by: str | None, now: datetime) -> Consent:
    """Make a consent of what was sent, recorded `by` a token; raises InvalidRequest."""
    given_at = body.given_at or now
    if not EARLIEST <= given_at <= now + FUTURE:
        raise InvalidRequest("`given_at` is in the future or before 2000.")
    return Consent(
        text_version=clean(body.text_version, what="text version", limit=40),
        language=body.language,
        method=body.method,
        given_at=given_at.astimezone(UTC),
        recorded_at=now,
        recorded_by=by,
    )


def make(
    body: NewPerson, settings: Settings, *, by: str | None = None, seed: str | None = None, now: datetime
) -> Person:
    """Make a person of what was sent; raises InvalidRequest or UnknownShift. Nothing is stored."""
    if body.shift is not None and body.shift not in settings.calendar.shifts:
        raise UnknownShift(body.shift)
    return Person(
        person_id=seed or new_id(),
        name=clean(body.name),
        code=_cleaned("code", body.code),
        email=_cleaned("email", body.email),
        group=_cleaned("group", body.group),
        shift=body.shift,
        since=body.since or settings.today(now),
        consent=consented(body.consent, by=by, now=now) if body.consent else None,
        created_at=now,
        updated_at=now,
    )


def _cleaned(field: str, text: str | None) -> str | None:
    what, limit = TEXTS[field]
    return clean(text, what=what, limit=limit) if text is not None else None


def create(
    store: Store, body: NewPerson, *, by: str | None, seed: str | None = None, now: datetime
) -> PersonView:
    """Add a person, once for each `seed`; raises PersonExists, UnknownShift, InvalidRequest."""
    person = make(body, store.settings(), by=by, seed=seed, now=now)
    try:
        store.add_person(person)
    except WriteConflict:
        return PersonView.of(store.person(person.person_id))  # made before, and nobody heard of it
    return PersonView.of(person)


def change(store: Store, person_id: str, body: PersonChange, *, now: datetime) -> PersonView:
    """Change what `body` names of a person; raises PersonNotFound, PersonExists, UnknownShift."""
    fields = {name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET}
    if body.shift and body.shift not in store.settings().calendar.shifts:
        raise UnknownShift(body.shift)
    fields |= {field: _cleaned(field, fields[field]) for field in TEXTS if field in fields}
    for _ in range(TRIES):
        person = store.person(person_id)
        after = replace(person, **fields, updated_at=now)
        if after.since and after.until and after.until < after.since:
            raise InvalidRequest("`until` is before `since`.")
        try:
            store.change_person(person, after)
        except WriteConflict:
            continue
        return PersonView.of(after)
    raise Busy


def give_consent(
    store: Store, person_id: str, body: NewConsent, *, by: str | None, now: datetime
) -> PersonView:
    """Record a person's consent, in place of the one that holds; raises PersonNotFound, InvalidRequest."""
    consent = consented(body, by=by, now=now)
    for _ in range(TRIES):
        try:
            store.give_consent(store.person(person_id), consent)
        except WriteConflict:
            continue
        return PersonView.of(store.person(person_id))
    raise Busy


def show(store: Store, person_id: str) -> PersonView:
    """Read a person; raises PersonNotFound."""
    return PersonView.of(store.person(person_id))


def search(
    store: Store,
    *,
    q: str,
    group: str | None,
    status: Status | None,
    limit: int,
    cursor: str | None,
) -> Page[PersonView]:
    """List people by name; `q` is the beginning of a word of the name, or of the code.

    Accents and case do not count. Namesakes are in the order of their ids, so pages never overlap.
    """
    same = _composed(group) if group is not None else None

    def wanted(person: Person) -> bool:
        return (same is None or person.group == same) and (status is None or person.status is status)

    found = store.search_people(fold(q), wanted, limit=limit, after=cursor)
    return Page([PersonView.of(person) for person in found.items], found.next_cursor)

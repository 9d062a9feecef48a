"""Punches at a camera: who was there, when, and why we believe it.

A check-in makes three AWS calls and one read: the session's result, the search, the snapshot, and
one transaction that records everything or nothing.
"""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.calendars import Rota
from chalicelib.errors import (
    AmbiguousMatch,
    Busy,
    NoFaceFound,
    NoReferenceImage,
    NotLive,
    NotRecognised,
    PhotoPunchOff,
    SessionExpired,
    SessionNotFound,
    SessionPending,
    SessionUsed,
)
from chalicelib.faces import Faces, LivenessResult
from chalicelib.models import (
    Evidence,
    Match,
    Outcome,
    Person,
    Punch,
    Session,
    SessionId,
    SessionState,
)
from chalicelib.photos import Photo
from chalicelib.recognition import recognise
from chalicelib.settings import Settings
from chalicelib.store import DayMoved, SessionAlreadySpent, Snapshot, Store, new_punch_id
from chalicelib.table import pause
from chalicelib.workdays import Asked, Direction, Mark, Source, direction, recent

TRIES = 30
"""How often a punch that met another of the same person is decided again."""

PUNCHED = "Punched"


class NewPunch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A finished liveness session to be spent; `auto`: the day's first punch is an in, then in turn."""

    liveness_session_id: SessionId
    direction: Asked = "auto"


class PunchReceipt(Struct, frozen=True, kw_only=True):
    """What a kiosk shows. `at` is in the site's zone; a `duplicate` is the punch made moments before."""

    punch_id: str
    person_id: str
    name: str
    direction: Direction
    at: datetime
    work_day: date
    duplicate: bool


class Settled(Struct, frozen=True):
    """What came of a session or photo. A retry (`first` is False) changed nothing.

    `mark` is the punch with its settled `direction`, for who punched just now.
    """

    outcome: Outcome
    first: bool
    person: Person | None = None
    mark: Mark | None = None
    direction: Direction | None = None


class _Check(Struct, frozen=True):
    """One try to check in: what was asked for, and what the camera saw."""

    source: Source
    asked: Asked
    now: datetime
    image_bytes: int | None
    liveness: LivenessResult | None = None


def punch(store: Store, faces: Faces, body: NewPunch, *, now: datetime) -> PunchReceipt:
    """Record a punch for a finished liveness session.

    Raises SessionNotFound, SessionPending, SessionExpired, SessionUsed, NoReferenceImage, NotLive,
    NotRecognised or AmbiguousMatch; the last three spend the session.
    """
    settled = settle(store, faces, body.liveness_session_id, asked=body.direction, now=now)
    if not settled.first:
        raise SessionUsed
    if settled.mark is None or settled.person is None or settled.direction is None:
        raise _REFUSALS[settled.outcome.code]
    return PunchReceipt(
        punch_id=settled.mark.id,
        person_id=settled.person.person_id,
        name=settled.person.name,
        direction=settled.direction,
        at=settled.mark.at.astimezone(ZoneInfo(settled.mark.zone)),
        work_day=settled.mark.work_day,
        duplicate=settled.outcome.duplicate,
    )


_REFUSALS = {kind.__name__: kind() for kind in (NotLive, NotRecognised, AmbiguousMatch)}


def settle(store: Store, faces: Faces, session_id: str, *, asked: Asked = "auto", now: datetime) -> Settled:
    """Spend a finished liveness session: record a punch, or the reason why not.

    However often and however concurrently it is called, one session gives one outcome.
    Raises SessionNotFound, SessionPending, SessionExpired or NoReferenceImage; none of
    these spends the session.
    """
    try:
        result = faces.session(session_id)
    except SessionNotFound:
        return _settled_before(store, session_id)
    if result.status in ("CREATED", "IN_PROGRESS"):
        raise SessionPending
    if result.status == "EXPIRED":
        return _settled_before(store, session_id)
    matches = _candidates(faces, result.image) if result.status == "SUCCEEDED" else []
    size = len(result.image.content) if result.image else None
    check = _Check("face", asked, now, size, result)
    for attempt in range(TRIES):
        try:
            with store.turn(_first(matches)):
                snapshot = store.snapshot(now, session_id=session_id, person_id=_first(matches))
                if snapshot.session is None:
                    raise SessionNotFound
                if snapshot.session.outcome:
                    return _stored(store, snapshot.session.outcome)
                return _decide(store, check, matches, snapshot, snapshot.session)
        except (DayMoved, SessionAlreadySpent):
            pause(attempt)  # read again: the answer of whoever was first, or the day as it is now
    raise Busy


def check_in_photo(store: Store, faces: Faces, photo: Photo, *, now: datetime) -> Settled:
    """Record a punch for a mere photo, where the site allows it.

    Raises PhotoPunchOff, NoFaceFound, NotRecognised or AmbiguousMatch.
    """
    if not store.settings().photo_punch:
        raise PhotoPunchOff
    matches = faces.search(photo)
    check = _Check("photo", "auto", now, len(photo.content))
    for attempt in range(TRIES):
        try:
            with store.turn(_first(matches)):
                snapshot = store.snapshot(now, person_id=_first(matches))
                person, evidence = recognise(matches, snapshot.person, snapshot.settings)
                return _record(store, check, snapshot, person, evidence, None)
        except DayMoved:
            pause(attempt)
    raise Busy


def first_today(store: Store, person_id: str, *, now: datetime) -> Mark | None:
    """Find the first punch of a person's current work day; None before it."""
    snapshot = store.snapshot(now, person_id=person_id)
    if snapshot.person is None:
        return None
    today = Rota(snapshot.settings.calendar).work_day(now, snapshot.person.shift)
    return next(iter(snapshot.day(snapshot.person, today).counted()), None)


def _first(matches: list[Match]) -> str | None:
    return matches[0].person_id if matches else None


def _candidates(faces: Faces, image: Photo | None) -> list[Match]:
    if image is None:
        raise NoReferenceImage
    try:
        return faces.search(image)
    except NoFaceFound:
        return []


def _settled_before(store: Store, session_id: str) -> Settled:
    """Answer for a session that Rekognition no longer knows."""
    session = store.session(session_id)
    if session is None:
        raise SessionNotFound
    if session.outcome is None:
        raise SessionExpired
    return _stored(store, session.outcome)


def _stored(store: Store, outcome: Outcome) -> Settled:
    people = store.people([outcome.person_id]) if outcome.person_id else {}
    return Settled(outcome, first=False, person=people.get(outcome.person_id or ""))


def _decide(
    store: Store, check: _Check, matches: list[Match], snapshot: Snapshot, session: Session
) -> Settled:
    try:
        _require_live(check, snapshot.settings)
        person, evidence = recognise(matches, snapshot.person, snapshot.settings)
    except (NotLive, NotRecognised, AmbiguousMatch) as refusal:
        outcome = replace(_outcome(check), code=type(refusal).__name__)
        store.spend_session(_spent(session, outcome))
        return Settled(outcome, first=True)
    return _record(store, check, snapshot, person, evidence, session)


def _require_live(check: _Check, settings: Settings) -> None:
    result = check.liveness
    if result is None or result.status != "SUCCEEDED":
        raise NotLive
    if result.confidence is None or result.confidence < settings.liveness_threshold:
        raise NotLive


def _record(
    store: Store,
    check: _Check,
    snapshot: Snapshot,
    person: Person,
    evidence: Evidence,
    session: Session | None,
) -> Settled:
    """Write the punch, or find the one that it would repeat."""
    calendar = snapshot.settings.calendar
    day = snapshot.day(person, Rota(calendar).work_day(check.now, person.shift))
    outcome = replace(
        _outcome(check),
        person_id=person.person_id,
        face_id=evidence.face_id,
        similarity=evidence.similarity,
    )
    if repeated := recent(day.marks, check.now, snapshot.settings.duplicate_window_s):
        outcome = replace(outcome, punch_id=repeated.id, duplicate=True)
        if session:
            store.spend_session(_spent(session, outcome))
        return Settled(outcome, True, person, repeated, direction(day.marks, repeated))
    if check.liveness and session:
        evidence = replace(
            evidence,
            liveness=check.liveness.confidence,
            liveness_threshold=snapshot.settings.liveness_threshold,
            session_id=session.session_id,
        )
    made = Punch(
        punch_id=new_punch_id(check.now),
        person_id=person.person_id,
        at=check.now,
        recorded_at=check.now,
        work_day=day.work_day,
        zone=calendar.zone,
        direction=check.asked,
        source=check.source,
        evidence=evidence,
    )
    outcome = replace(outcome, punch_id=made.punch_id)
    store.add_punch(made, [day], _spent(session, outcome) if session else None)
    return Settled(outcome, True, person, made.mark(), direction(day.marks, made.mark()))


def _outcome(check: _Check) -> Outcome:
    liveness = check.liveness.confidence if check.liveness else None
    return Outcome(code=PUNCHED, at=check.now, liveness=liveness, image_bytes=check.image_bytes)


def _spent(session: Session, outcome: Outcome) -> Session:
    return replace(session, state=SessionState.USED, outcome=outcome)

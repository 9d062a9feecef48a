"""Punches: who was there, when, and why we believe it.

A check-in makes three AWS calls and one read: the session's result, the search, the snapshot, and
one transaction that records everything or nothing.
"""

from datetime import date, datetime

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
)
from chalicelib.faces import Faces, LivenessResult
from chalicelib.models import (
    Evidence,
    Match,
    Outcome,
    Person,
    Punch,
    Session,
    SessionState,
    Status,
)
from chalicelib.photos import Photo
from chalicelib.settings import Settings
from chalicelib.store import DayMoved, SessionAlreadySpent, Snapshot, Store, new_id
from chalicelib.workdays import Asked, Mark, Source, recent

TRIES = 10
"""How often a punch that met another of the same person is decided again."""

PUNCHED = "Punched"


class Settled(Struct, frozen=True):
    """What came of a session; `first` is False for a retry, which changes nothing."""

    outcome: Outcome
    first: bool
    person: Person | None


def start_session(store: Store, faces: Faces, *, now: datetime) -> Session:
    """Begin a liveness session: one attempt, three minutes."""
    session = Session(session_id=faces.start_session(), created_at=now)
    store.add_session(session)
    return session


def settle(store: Store, faces: Faces, session_id: str, *, asked: Asked = "auto", now: datetime) -> Settled:
    """Spend a finished liveness session: record a punch, or the reason why not.

    However often and however concurrently it is called, one session gives one outcome.
    Raises SessionNotFound, SessionPending, SessionExpired or NoReferenceImage; none of
    these spends the session.
    """
    try:
        result = faces.session(session_id)
    except SessionNotFound:
        return _settled_before(store, session_id, now)
    if result.status in ("CREATED", "IN_PROGRESS"):
        raise SessionPending
    if result.status == "EXPIRED":
        raise SessionExpired
    matches = _candidates(faces, result.image) if result.status == "SUCCEEDED" else []
    for _ in range(TRIES):
        snapshot = store.snapshot(
            now, session_id=session_id, person_id=matches[0].person_id if matches else None
        )
        session = snapshot.session
        if session is None:
            raise SessionNotFound
        if session.outcome:
            return _stored(store, session.outcome)
        try:
            return _spend(store, session, snapshot, result, matches, asked, now)
        except (DayMoved, SessionAlreadySpent):
            continue  # read again: the answer of whoever was first, or the day as it is now
    raise Busy


def check_in_photo(store: Store, faces: Faces, photo: Photo, *, now: datetime) -> tuple[Outcome, Person]:
    """Record a punch for a mere photo, where the site allows it.

    Raises PhotoPunchOff, NoFaceFound, NotRecognised or AmbiguousMatch.
    """
    if not store.settings().photo_punch:
        raise PhotoPunchOff
    matches = faces.search(photo.content)
    for _ in range(TRIES):
        snapshot = store.snapshot(now, person_id=matches[0].person_id if matches else None)
        person, evidence = recognise(matches, snapshot)
        try:
            outcome = _record(store, snapshot, person, evidence, "photo", "auto", now, None)
        except DayMoved:
            continue
        return replace(outcome, image_bytes=len(photo.content)), person
    raise Busy


def recognise(matches: list[Match], snapshot: Snapshot) -> tuple[Person, Evidence]:
    """Decide who a face is: over the threshold, and clear of the second-best person.

    `matches` are best first; the snapshot is that of the first one's person. Raises
    NotRecognised or AmbiguousMatch: never "the closest wins".
    """
    settings, person = snapshot.settings, snapshot.person
    if not matches or person is None or person.status is not Status.ACTIVE:
        raise NotRecognised
    # Only an enrolled face counts: not one that is just being enrolled or removed.
    best = next((m for m in matches if m.face_id in person.face_ids), None)
    if best is None or best.similarity < settings.similarity_threshold:
        raise NotRecognised
    runner_up = max((m.similarity for m in matches if m.person_id != person.person_id), default=None)
    if runner_up is not None and best.similarity - runner_up < settings.margin:
        raise AmbiguousMatch
    return person, Evidence(
        similarity=best.similarity,
        similarity_threshold=settings.similarity_threshold,
        runner_up=runner_up,
        margin=settings.margin,
        face_id=best.face_id,
    )


def present_today(store: Store, person_id: str, *, now: datetime) -> tuple[date, Mark] | None:
    """The first punch of a person's current work day, with the day; None before it."""
    snapshot = store.snapshot(now, person_id=person_id)
    today = Rota(snapshot.settings.calendar).work_day(now)
    day = snapshot.days.get(today)
    return (today, day.marks[0]) if day and day.marks else None


def _candidates(faces: Faces, image: bytes | None) -> list[Match]:
    if image is None:
        raise NoReferenceImage
    try:
        return faces.search(image)
    except NoFaceFound:
        return []


def _require_live(result: LivenessResult, settings: Settings) -> None:
    if result.status != "SUCCEEDED" or (result.confidence or 0) < settings.liveness_threshold:
        raise NotLive


def _settled_before(store: Store, session_id: str, now: datetime) -> Settled:
    """Answer for a session that Rekognition no longer knows."""
    session = store.session(session_id)
    if session is None:
        raise SessionNotFound
    if session.outcome is None:
        raise SessionExpired
    return _stored(store, session.outcome)


def _stored(store: Store, outcome: Outcome) -> Settled:
    person = store.snapshot(outcome.at, person_id=outcome.person_id).person if outcome.person_id else None
    return Settled(outcome, first=False, person=person)


def _spend(
    store: Store,
    session: Session,
    snapshot: Snapshot,
    result: LivenessResult,
    matches: list[Match],
    asked: Asked,
    now: datetime,
) -> Settled:
    settings = snapshot.settings
    spent = replace(session, state=SessionState.USED)
    seen = Outcome(
        code=PUNCHED,
        at=now,
        liveness=result.confidence,
        image_bytes=len(result.image) if result.image else None,
    )
    try:
        _require_live(result, settings)
        person, evidence = recognise(matches, snapshot)
    except (NotLive, NotRecognised, AmbiguousMatch) as refusal:
        outcome = replace(seen, code=type(refusal).__name__)
        store.spend_session(replace(spent, outcome=outcome))
        return Settled(outcome, first=True, person=None)
    evidence = replace(
        evidence,
        liveness=result.confidence,
        liveness_threshold=settings.liveness_threshold,
        session_id=session.session_id,
    )
    outcome = _record(store, snapshot, person, evidence, "face", asked, now, replace(spent, outcome=seen))
    return Settled(outcome, first=True, person=person)


def _record(
    store: Store,
    snapshot: Snapshot,
    person: Person,
    evidence: Evidence,
    source: Source,
    asked: Asked,
    now: datetime,
    spent: Session | None,
) -> Outcome:
    """Write the punch, or find the one that it would repeat."""
    settings = snapshot.settings
    today = Rota(settings.calendar).work_day(now)
    day = snapshot.day(today)
    base = spent.outcome if spent and spent.outcome else Outcome(code=PUNCHED, at=now)
    outcome = replace(
        base, person_id=person.person_id, face_id=evidence.face_id, similarity=evidence.similarity
    )
    if repeated := recent(day.marks, now, settings.duplicate_window_s):
        outcome = replace(outcome, punch_id=repeated.id, duplicate=True)
        if spent:
            store.spend_session(replace(spent, outcome=outcome))
        return outcome
    punch = Punch(
        punch_id=new_id(),
        person_id=person.person_id,
        at=now,
        work_day=today,
        zone=settings.calendar.zone,
        direction=asked,
        source=source,
        evidence=evidence,
    )
    outcome = replace(outcome, punch_id=punch.punch_id)
    store.add_punch(punch, day, replace(spent, outcome=outcome) if spent else None)
    return outcome

"""Punches at a camera: who was there, when, and why we believe it.

A check-in makes three AWS calls and one read: the session's result, the search, the snapshot, and
one transaction that records everything or nothing.
"""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.aws.attendance_store import AttendanceStore, SessionAlreadyUsed, Snapshot, WorkDayChanged
from chalicelib.aws.collection import SEARCH_FLOOR, FaceCollection, LivenessResult
from chalicelib.aws.metrics import record_metric, record_subject
from chalicelib.aws.rate_limits import RateLimits
from chalicelib.domain.errors import (
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
from chalicelib.domain.face import Match
from chalicelib.domain.ids import new_punch_id
from chalicelib.domain.matching import recognise
from chalicelib.domain.person import Person
from chalicelib.domain.photo import Photo
from chalicelib.domain.punch import Evidence, Punch
from chalicelib.domain.schedule import Schedule
from chalicelib.domain.session import Outcome, Session, SessionId, SessionState
from chalicelib.domain.settings import Settings
from chalicelib.domain.text import first_name
from chalicelib.domain.token import Caller
from chalicelib.domain.workday import Asked, Direction, Source, TimeEvent, direction, recent
from chalicelib.services.limits import note_failure, require_unlocked
from chalicelib.services.retries import pause

TRIES = 30
"""How often a punch that met another of the same person is decided again."""


PUNCHED = "Punched"


LOOKED_LIKE = 80.0
"""From which similarity on a failed punch counts against whom it looked like."""


class NewPunch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A finished liveness session to punch with. `auto` alternates, starting each day with an in."""

    liveness_session_id: SessionId
    direction: Asked = "auto"


class PunchReceipt(Struct, frozen=True, kw_only=True):
    """The punch, as shown at a kiosk. `at` is in the site's zone; a `duplicate` repeats the previous punch.

    Kiosks receive the given name and no person id; callers who may see people receive the full name.
    """

    punch_id: str
    person_id: str | None
    name: str
    direction: Direction
    at: datetime
    work_day: date
    duplicate: bool


class SessionResult(Struct, frozen=True):
    """What came of a session or photo. A retry (`first` is False) changed nothing.

    `mark` is the punch with its settled `direction`, for who punched just now; `greeting` their first name.
    """

    outcome: Outcome
    first: bool
    greeting: str = ""
    person: Person | None = None
    event: TimeEvent | None = None
    direction: Direction | None = None


class _Attempt(Struct, frozen=True):
    """One try to check in: what was asked for, and what the camera saw."""

    source: Source
    asked: Asked
    now: datetime
    image_bytes: int | None
    caller: Caller | None
    liveness: LivenessResult | None = None

    @property
    def who(self) -> str | None:
        """The token that asks."""
        return self.caller.token_id if self.caller else None


def punch(
    attendance_store: AttendanceStore,
    rate_limits: RateLimits,
    collection: FaceCollection,
    body: NewPunch,
    *,
    caller: Caller,
    now: datetime,
) -> PunchReceipt:
    """Record a punch for a finished liveness session.

    Raises SessionNotFound, SessionPending, SessionExpired, SessionUsed, NoReferenceImage, LockedOut,
    NotLive, NotRecognised or AmbiguousMatch; the last three spend the session.
    """
    settled = use_session(
        attendance_store,
        rate_limits,
        collection,
        body.liveness_session_id,
        asked=body.direction,
        caller=caller,
        now=now,
    )
    if not settled.first:
        raise SessionUsed
    if settled.event is None or settled.person is None or settled.direction is None:
        raise _REFUSALS[settled.outcome.code]
    return PunchReceipt(
        punch_id=settled.event.id,
        person_id=settled.person.person_id if caller.may("manager") else None,
        name=settled.person.name if caller.may("manager") else settled.greeting,
        direction=settled.direction,
        at=settled.event.at.astimezone(ZoneInfo(settled.event.zone)),
        work_day=settled.event.work_day,
        duplicate=settled.outcome.duplicate,
    )


_REFUSALS = {kind.__name__: kind() for kind in (NotLive, NotRecognised, AmbiguousMatch)}


def use_session(
    attendance_store: AttendanceStore,
    rate_limits: RateLimits,
    collection: FaceCollection,
    session_id: str,
    *,
    asked: Asked = "auto",
    caller: Caller | None,
    now: datetime,
) -> SessionResult:
    """Spend a finished liveness session of the caller's: record a punch, or the reason why not.

    However often and however concurrently it is called, one session gives one outcome.
    Raises SessionNotFound, SessionPending, SessionExpired, NoReferenceImage or LockedOut; none of
    these spends the session.
    """
    record_subject(session=session_id)
    try:
        result = collection.session(session_id)
    except SessionNotFound:
        return _earlier_result(attendance_store, session_id, caller, now)
    if result.status == "EXPIRED":
        return _earlier_result(attendance_store, session_id, caller, now)
    if result.status in ("CREATED", "IN_PROGRESS"):
        _own(attendance_store, session_id, caller)
        raise SessionPending
    if result.status == "SUCCEEDED" and result.image is None:
        _own(attendance_store, session_id, caller)
        raise NoReferenceImage
    matches = _candidates(collection, result.image) if result.status == "SUCCEEDED" and result.image else []
    size = len(result.image.content) if result.image else None
    check = _Attempt("face", asked, now, size, caller, result)
    for attempt in range(TRIES):
        try:
            with attendance_store.turn(_first(matches)):
                snapshot = attendance_store.snapshot(
                    now, session_id=session_id, person_id=_first(matches), kiosk=check.who
                )
                if snapshot.session is None or snapshot.session.by != check.who:
                    raise SessionNotFound
                if snapshot.session.outcome:
                    return _stored(attendance_store, snapshot.session.outcome, now)
                return _decide(attendance_store, rate_limits, check, matches, snapshot, snapshot.session)
        except (WorkDayChanged, SessionAlreadyUsed):
            pause(attempt)  # read again: the answer of whoever was first, or the day as it is now
    raise Busy


def check_in_photo(
    attendance_store: AttendanceStore,
    rate_limits: RateLimits,
    collection: FaceCollection,
    photo: Photo,
    *,
    caller: Caller | None,
    now: datetime,
) -> SessionResult:
    """Record a punch for a mere photo, where the site allows it.

    Raises PhotoPunchOff, NoFaceFound, LockedOut, NotRecognised or AmbiguousMatch.
    """
    if not attendance_store.snapshot(now).settings.photo_punch:
        raise PhotoPunchOff
    matches = collection.search(photo)
    check = _Attempt("photo", "auto", now, len(photo.content), caller)
    for attempt in range(TRIES):
        try:
            with attendance_store.turn(_first(matches)):
                snapshot = attendance_store.snapshot(now, person_id=_first(matches), kiosk=check.who)
                require_unlocked(snapshot.locked_until, now=now)
                try:
                    person, evidence = recognise(matches, snapshot.person, snapshot.settings)
                except (NotRecognised, AmbiguousMatch):
                    _note_failure(rate_limits, check, matches, snapshot.settings)
                    raise
                return _record(attendance_store, check, snapshot, person, evidence, None)
        except WorkDayChanged:
            pause(attempt)
    raise Busy


def first_today(attendance_store: AttendanceStore, person_id: str, *, now: datetime) -> TimeEvent | None:
    """Find the first punch of a person's current work day; None before it."""
    snapshot = attendance_store.snapshot(now, person_id=person_id)
    if snapshot.person is None:
        return None
    today = Schedule(snapshot.settings.calendar).work_day(now, snapshot.person.shift)
    return next(iter(snapshot.day(snapshot.person, today).counted()), None)


def _first(matches: list[Match]) -> str | None:
    return matches[0].person_id if matches else None


def _candidates(collection: FaceCollection, image: Photo) -> list[Match]:
    try:
        return collection.search(image)
    except NoFaceFound:
        return []


def _earlier_result(
    attendance_store: AttendanceStore, session_id: str, caller: Caller | None, now: datetime
) -> SessionResult:
    """Answer for a session that Rekognition no longer knows."""
    session = _own(attendance_store, session_id, caller)
    if session.outcome is None:
        raise SessionExpired
    return _stored(attendance_store, session.outcome, now)


def _own(attendance_store: AttendanceStore, session_id: str, caller: Caller | None) -> Session:
    """Read a session of the caller's; of one that is another's not even its state is told."""
    session = attendance_store.session(session_id)
    if session is None or session.by != (caller.token_id if caller else None):
        raise SessionNotFound
    return session


def _stored(attendance_store: AttendanceStore, outcome: Outcome, now: datetime) -> SessionResult:
    if outcome.person_id is None:
        return SessionResult(outcome, first=False)
    snapshot = attendance_store.snapshot(now, person_id=outcome.person_id)
    person = snapshot.person
    greeting = first_name(person.name, snapshot.settings.name_order) if person else ""
    return SessionResult(outcome, first=False, greeting=greeting, person=person)


def _decide(
    attendance_store: AttendanceStore,
    rate_limits: RateLimits,
    check: _Attempt,
    matches: list[Match],
    snapshot: Snapshot,
    session: Session,
) -> SessionResult:
    require_unlocked(snapshot.locked_until, now=check.now)
    try:
        _require_live(check, snapshot.settings)
        person, evidence = recognise(matches, snapshot.person, snapshot.settings)
    except (NotLive, NotRecognised, AmbiguousMatch) as refusal:
        outcome = replace(_outcome(check), code=type(refusal).__name__)
        attendance_store.use_session(_used(session, outcome))
        # Only by the call that spent it: however often it is asked for, one failure counts once.
        _note_failure(rate_limits, check, matches, snapshot.settings)
        return SessionResult(outcome, first=True)
    return _record(attendance_store, check, snapshot, person, evidence, session)


def _note_failure(rate_limits: RateLimits, check: _Attempt, matches: list[Match], settings: Settings) -> None:
    looked_like = next((match.person_id for match in matches if match.similarity >= LOOKED_LIKE), None)
    note_failure(rate_limits, settings.limits, check.caller, looked_like, now=check.now)


def _require_live(check: _Attempt, settings: Settings) -> None:
    """Raise NotLive unless the camera check says that it was a live person."""
    result = check.liveness
    if result is None or result.status != "SUCCEEDED":
        raise NotLive
    if result.confidence is None or result.confidence < settings.liveness_threshold:
        raise NotLive


def _record(
    attendance_store: AttendanceStore,
    check: _Attempt,
    snapshot: Snapshot,
    person: Person,
    evidence: Evidence,
    session: Session | None,
) -> SessionResult:
    """Write the punch, or find the one that it would repeat."""
    calendar = snapshot.settings.calendar
    greeting = first_name(person.name, snapshot.settings.name_order)
    day = snapshot.day(person, Schedule(calendar).work_day(check.now, person.shift))
    outcome = replace(
        _outcome(check),
        person_id=person.person_id,
        face_id=evidence.face_id,
        similarity=evidence.similarity,
    )
    if repeated := recent(day.marks, check.now, snapshot.settings.duplicate_window_s):
        outcome = replace(outcome, punch_id=repeated.id, duplicate=True)
        if session:
            attendance_store.use_session(_used(session, outcome))
        record_metric("Duplicate")
        return SessionResult(outcome, True, greeting, person, repeated, direction(day.marks, repeated))
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
        device=check.caller.label if check.caller else None,
        site=check.caller.site if check.caller else None,
        evidence=evidence,
    )
    outcome = replace(outcome, punch_id=made.punch_id)
    attendance_store.add_punch(made, [day], _used(session, outcome) if session else None)
    record_subject(person=person.person_id)
    record_metric("Punched")
    record_metric("MatchMargin", evidence.similarity - (evidence.runner_up or SEARCH_FLOOR))
    return SessionResult(outcome, True, greeting, person, made.mark(), direction(day.marks, made.mark()))


def _outcome(check: _Attempt) -> Outcome:
    liveness = check.liveness.confidence if check.liveness else None
    return Outcome(code=PUNCHED, at=check.now, liveness=liveness, image_bytes=check.image_bytes)


def _used(session: Session, outcome: Outcome) -> Session:
    return replace(session, state=SessionState.USED, outcome=outcome)

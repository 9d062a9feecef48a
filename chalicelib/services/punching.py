"""Punches at a camera: recognise the person of a liveness session or photo, and record the punch.

A punch makes five AWS calls: whether the session is the caller's and unused, its result, the search, the
snapshot that the decision depends on, and one transaction that records everything or nothing. What fails at
the first costs nothing at Rekognition.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.aws.attendance_store import AttendanceStore, Snapshot
from chalicelib.aws.collection import SEARCH_FLOOR, FaceCollection, LivenessResult
from chalicelib.aws.metrics import record_metric, record_subject
from chalicelib.aws.rate_limits import RateLimits
from chalicelib.aws.visibility import all_people_visible
from chalicelib.domain.errors import (
    AmbiguousMatch,
    LockedOut,
    NoFaceFound,
    NoReferenceImage,
    NotLive,
    NotRecognised,
    PeriodClosed,
    PhotoPunchOff,
    SessionExpired,
    SessionNotFound,
    SessionPending,
    SessionUsed,
)
from chalicelib.domain.face import Match
from chalicelib.domain.ids import new_punch_id
from chalicelib.domain.matching import owned
from chalicelib.domain.person import Person
from chalicelib.domain.photo import Photo
from chalicelib.domain.punch import DayRecord, Evidence, Punch
from chalicelib.domain.schedule import Schedule
from chalicelib.domain.session import Outcome, Session, SessionId, SessionState
from chalicelib.domain.settings import Settings
from chalicelib.domain.text import first_name
from chalicelib.domain.token import Caller
from chalicelib.domain.workday import (
    Direction,
    RequestedDirection,
    Source,
    TimeEvent,
    recent_event,
    resolve_direction,
)
from chalicelib.services.closings import past
from chalicelib.services.limits import (
    count_failure,
    count_idle_punch,
    count_within,
    forget_failures,
    require_unlocked,
)
from chalicelib.services.recognition import recognise_visible
from chalicelib.services.retries import retry

PUNCHED = "Punched"


LOOKED_LIKE = 80.0
"""Least similarity (percent) at which a failed punch counts against the person it resembled."""


class NewPunch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A finished liveness session to punch with. `auto` alternates, starting each day with an in."""

    liveness_session_id: SessionId
    direction: RequestedDirection = "auto"


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
    """The result of a session or photo; `first` is False if an earlier request already used the session.

    `event` is the punch with its resolved `direction`; `greeting` is the first name of the person.
    """

    outcome: Outcome
    first: bool
    greeting: str = ""
    person: Person | None = None
    event: TimeEvent | None = None
    direction: Direction | None = None


class _PunchRequest(Struct, frozen=True):
    """A request to punch: the source, the requested direction, the caller, and what the camera saw."""

    source: Source
    requested_direction: RequestedDirection
    now: datetime
    image_bytes: int | None
    caller: Caller | None
    liveness: LivenessResult | None = None

    @property
    def who(self) -> str | None:
        """The id of the caller's token."""
        return self.caller.token_id if self.caller else None


def punch(
    attendance_store: AttendanceStore,
    rate_limits: RateLimits,
    collection: FaceCollection,
    body: NewPunch,
    *,
    caller: Caller,
    now: datetime,
) -> tuple[PunchReceipt, str]:
    """Record a punch for a finished liveness session; returns the receipt and the id of its person.

    Raises SessionNotFound, SessionPending, SessionExpired, SessionUsed, NoReferenceImage, LockedOut,
    PeriodClosed, NotLive, NotRecognised or AmbiguousMatch; the last three use up the session.
    """
    result = use_session(
        attendance_store,
        rate_limits,
        collection,
        body.liveness_session_id,
        requested_direction=body.direction,
        caller=caller,
        now=now,
    )
    if not result.first:
        raise SessionUsed
    if result.event is None or result.person is None or result.direction is None:
        raise _REFUSALS[result.outcome.code]()
    receipt = PunchReceipt(
        punch_id=result.event.id,
        person_id=result.person.person_id if caller.may("manager") else None,
        name=result.person.name if caller.may("manager") else result.greeting,
        direction=result.direction,
        at=result.event.at.astimezone(ZoneInfo(result.event.zone)),
        work_day=result.event.work_day,
        duplicate=result.outcome.duplicate,
    )
    return receipt, result.person.person_id


_REFUSALS = {kind.__name__: kind for kind in (NotLive, NotRecognised, AmbiguousMatch)}


def use_session(
    attendance_store: AttendanceStore,
    rate_limits: RateLimits,
    collection: FaceCollection,
    session_id: str,
    *,
    requested_direction: RequestedDirection = "auto",
    caller: Caller | None,
    now: datetime,
) -> SessionResult:
    """Use a finished liveness session of the caller: record a punch, or the reason for refusing it.

    A session has one outcome, however often and concurrently this is called. Raises SessionNotFound,
    SessionPending, SessionExpired, NoReferenceImage, LockedOut or PeriodClosed; none of these uses up the
    session.
    """
    record_subject(session=session_id)
    who = caller.token_id if caller else None
    before = attendance_store.snapshot(now, session_id=session_id, kiosk=who)
    try:
        if outcome := _own(before.session, who).outcome:
            return _stored_result(attendance_store, outcome, now)
        require_unlocked(before.locked_until, now=now)
        liveness = _finished(collection, session_id)
        passed = liveness.image if liveness.status == "SUCCEEDED" else None
        matches = _candidates(collection, passed) if passed else []
        size = len(liveness.image.content) if liveness.image else None
        request = _PunchRequest("face", requested_direction, now, size, caller, liveness)

        def decide(snapshot: Snapshot) -> SessionResult:
            session = _own(snapshot.session, who)
            if session.outcome:
                return _stored_result(attendance_store, session.outcome, now)
            return _decide(attendance_store, rate_limits, request, matches, snapshot, session)

        return retry(lambda: _with_snapshot(attendance_store, request, matches, session_id, decide))
    except (SessionNotFound, SessionPending, SessionExpired, NoReferenceImage, LockedOut, PeriodClosed):
        count_idle_punch(rate_limits, before.settings.limits, caller, now=now)
        raise


def punch_by_photo(
    attendance_store: AttendanceStore,
    rate_limits: RateLimits,
    collection: FaceCollection,
    photo: Photo,
    *,
    caller: Caller | None,
    now: datetime,
) -> SessionResult:
    """Record a punch with a photo and no liveness check, if the settings allow it.

    Raises PhotoPunchOff, TooManyRequests, NoFaceFound, LockedOut, PeriodClosed, NotRecognised or
    AmbiguousMatch.
    """
    before = attendance_store.snapshot(now, kiosk=caller.token_id if caller else None)
    if not before.settings.photo_punch:
        raise PhotoPunchOff
    require_unlocked(before.locked_until, now=now)
    count_within(before.settings.limits, rate_limits, "punch", caller, now=now)
    matches = collection.search(photo)
    request = _PunchRequest("photo", "auto", now, len(photo.content), caller)

    def decide(snapshot: Snapshot) -> SessionResult:
        require_unlocked(snapshot.locked_until, now=now)
        try:
            person, evidence = recognise_visible(matches, snapshot.people, snapshot.settings)
        except (NotRecognised, AmbiguousMatch):
            _count_failure(attendance_store, rate_limits, request, matches, snapshot)
            raise
        return _record(attendance_store, request, snapshot, person, evidence, None)

    return retry(lambda: _with_snapshot(attendance_store, request, matches, None, decide))


def first_event_today(
    attendance_store: AttendanceStore, person_id: str, *, now: datetime
) -> TimeEvent | None:
    """Return the first punch of a person's current work day; None if there is none yet."""
    snapshot = attendance_store.snapshot(now, person_id=person_id)
    if snapshot.person is None:
        return None
    today = Schedule(snapshot.settings.calendars).work_day(now, snapshot.person.shifts)
    return next(iter(snapshot.day(snapshot.person, today).counted()), None)


def _with_snapshot(
    attendance_store: AttendanceStore,
    request: _PunchRequest,
    matches: list[Match],
    session_id: str | None,
    decide: Callable[[Snapshot], SessionResult],
) -> SessionResult:
    """Read what a decision depends on, and decide.

    The owner of the best match is known only afterwards, but nearly always it is the person of the first. If
    that face is nobody's, the work days and locks of the owner are read in a second call.
    """
    person_ids = list(dict.fromkeys(match.person_id for match in matches))
    person_id = next(iter(person_ids), None)
    while True:
        with attendance_store.person_lock(person_id):
            with all_people_visible():  # other groups count as runners-up
                snapshot = attendance_store.snapshot(
                    request.now,
                    session_id=session_id,
                    person_id=person_id,
                    others=person_ids,
                    kiosk=request.who,
                )
            best = next(iter(owned(matches, snapshot.people)), None)
            if best is None or best.person_id == person_id:
                return decide(snapshot)
        person_id = best.person_id


def _candidates(collection: FaceCollection, image: Photo) -> list[Match]:
    try:
        return collection.search(image)
    except NoFaceFound:
        return []


def _own(session: Session | None, who: str | None) -> Session:
    """Return a session of the caller. Raises SessionNotFound, also for a session of another caller."""
    if session is None or session.by != who:
        raise SessionNotFound
    return session


def _finished(collection: FaceCollection, session_id: str) -> LivenessResult:
    """Return the result of a finished session; raises SessionPending, SessionExpired or NoReferenceImage."""
    try:
        liveness = collection.session(session_id)
    except SessionNotFound:
        raise SessionExpired from None  # it is ours, and Rekognition no longer has it
    if liveness.status == "EXPIRED":
        raise SessionExpired
    if liveness.status in ("CREATED", "IN_PROGRESS"):
        raise SessionPending
    if liveness.status == "SUCCEEDED" and liveness.image is None:
        raise NoReferenceImage
    return liveness


def _stored_result(attendance_store: AttendanceStore, outcome: Outcome, now: datetime) -> SessionResult:
    if outcome.person_id is None:
        return SessionResult(outcome, first=False)
    snapshot = attendance_store.snapshot(now, person_id=outcome.person_id)
    person = snapshot.person
    greeting = first_name(person.name, snapshot.settings.name_order) if person else ""
    return SessionResult(outcome, first=False, greeting=greeting, person=person)


def _decide(
    attendance_store: AttendanceStore,
    rate_limits: RateLimits,
    request: _PunchRequest,
    matches: list[Match],
    snapshot: Snapshot,
    session: Session,
) -> SessionResult:
    require_unlocked(snapshot.locked_until, now=request.now)
    try:
        _require_live(request, snapshot.settings)
        person, evidence = recognise_visible(matches, snapshot.people, snapshot.settings)
    except (NotLive, NotRecognised, AmbiguousMatch) as refusal:
        outcome = replace(_outcome(request), code=type(refusal).__name__)
        attendance_store.use_session(_used(session, outcome))
        # After the write: only the request that used the session counts the failure.
        _count_failure(attendance_store, rate_limits, request, matches, snapshot)
        return SessionResult(outcome, first=True)
    return _record(attendance_store, request, snapshot, person, evidence, session)


def _count_failure(
    attendance_store: AttendanceStore,
    rate_limits: RateLimits,
    request: _PunchRequest,
    matches: list[Match],
    snapshot: Snapshot,
) -> None:
    similar = (match for match in owned(matches, snapshot.people) if match.similarity >= LOOKED_LIKE)
    looked_like = next((match.person_id for match in similar), None)
    limits = snapshot.settings.limits
    count_failure(rate_limits, limits, request.caller, looked_like, now=request.now)
    if looked_like:
        with all_people_visible():
            after = attendance_store.snapshot(request.now, person_id=looked_like)
        if after.person is None:  # erased meanwhile, maybe before this counter was there to be erased
            forget_failures(rate_limits, limits, looked_like, now=request.now)


def _require_live(request: _PunchRequest, settings: Settings) -> None:
    """Raise NotLive unless the liveness check passed."""
    result = request.liveness
    if result is None or result.status != "SUCCEEDED":
        raise NotLive
    if result.confidence is None or result.confidence < settings.liveness_threshold:
        raise NotLive


def _record(
    attendance_store: AttendanceStore,
    request: _PunchRequest,
    snapshot: Snapshot,
    person: Person,
    evidence: Evidence,
    session: Session | None,
) -> SessionResult:
    """Record the punch, or return the recent one that it would duplicate.

    An explicit out of somebody who is still in since the day before is of that day, unless that is closed.
    """
    schedule = Schedule(snapshot.settings.calendars)
    greeting = first_name(person.name, snapshot.settings.name_order)
    day = snapshot.day(person, schedule.work_day(request.now, person.shifts))
    before = snapshot.day(person, day.work_day - timedelta(days=1))
    outcome = replace(
        _outcome(request),
        person_id=person.person_id,
        face_id=evidence.face_id,
        similarity=evidence.similarity,
    )
    for record in (day, before):
        repeated = recent_event(record.counted(), request.now, snapshot.settings.duplicate_window_s)
        if repeated is None:
            continue
        outcome = replace(outcome, punch_id=repeated.id, duplicate=True)
        if session:
            attendance_store.use_session(_used(session, outcome))
        record_metric("Duplicate")
        direction = resolve_direction(record.events, repeated)
        return SessionResult(outcome, True, greeting, person, repeated, direction)
    if request.liveness and session:
        evidence = replace(
            evidence,
            liveness=request.liveness.confidence,
            liveness_threshold=snapshot.settings.liveness_threshold,
            session_id=session.session_id,
        )
    punch_id = new_punch_id(request.now)
    outcome = replace(outcome, punch_id=punch_id)
    used = _used(session, outcome) if session else None
    today = schedule.work_day(request.now)

    def add(record: DayRecord) -> TimeEvent:
        made = Punch(
            punch_id=punch_id,
            person_id=person.person_id,
            at=request.now,
            recorded_at=request.now,
            work_day=record.work_day,
            zone=schedule.calendar(record.work_day).zone,
            direction=request.requested_direction,
            source=request.source,
            device=request.caller.label if request.caller else None,
            site=request.caller.site if request.caller else None,
            evidence=evidence,
        )
        attendance_store.add_punch(made, [record], used, since=past(record.work_day, today))
        return made.event()

    if request.requested_direction == "out" and before.is_closed_by(request.now, day):
        try:
            event, day = add(before), before
        except PeriodClosed:  # nothing was written, and a punch that was made must not be lost
            event = add(day)
    else:
        event = add(day)
    record_subject(person=person.person_id)
    record_metric("Punched")
    record_metric("MatchMargin", evidence.similarity - (evidence.runner_up or SEARCH_FLOOR))
    direction = resolve_direction(day.events, event)
    return SessionResult(outcome, True, greeting, person, event, direction)


def _outcome(request: _PunchRequest) -> Outcome:
    liveness = request.liveness.confidence if request.liveness else None
    return Outcome(code=PUNCHED, at=request.now, liveness=liveness, image_bytes=request.image_bytes)


def _used(session: Session, outcome: Outcome) -> Session:
    return replace(session, state=SessionState.USED, outcome=outcome)

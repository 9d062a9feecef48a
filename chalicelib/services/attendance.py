"""Punches at a camera: who was there, when, and why we believe it.

A check-in makes three AWS calls and one read: the session's result, the search, the snapshot, and
one transaction that records everything or nothing.
"""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.aws.access import Access, Caller
from chalicelib.aws.faces import SEARCH_FLOOR, Faces, LivenessResult
from chalicelib.aws.ledger import DayMoved, Ledger, SessionAlreadySpent, Snapshot
from chalicelib.aws.photos import Photo
from chalicelib.aws.table import pause
from chalicelib.aws.telemetry import mark, observe
from chalicelib.domain.calendars import Rota
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
from chalicelib.domain.ids import new_punch_id
from chalicelib.domain.models import (
    Evidence,
    Match,
    Outcome,
    Person,
    Punch,
    Session,
    SessionId,
    SessionState,
)
from chalicelib.domain.settings import Settings
from chalicelib.domain.workdays import Asked, Direction, Mark, Source, direction, recent
from chalicelib.services.limits import note_failure, require_unlocked
from chalicelib.services.people import first_name
from chalicelib.services.recognition import recognise

TRIES = 30
"""How often a punch that met another of the same person is decided again."""

PUNCHED = "Punched"

LOOKED_LIKE = 80.0
"""From which similarity on a failed punch counts against whom it looked like."""


class NewPunch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A finished liveness session to be spent; `auto`: the day's first punch is an in, then in turn."""

    liveness_session_id: SessionId
    direction: Asked = "auto"


class PunchReceipt(Struct, frozen=True, kw_only=True):
    """What a kiosk shows. `at` is in the site's zone; a `duplicate` is the punch made moments before.

    A kiosk is told a first name and no id; who may see people is told the whole name.
    """

    punch_id: str
    person_id: str | None
    name: str
    direction: Direction
    at: datetime
    work_day: date
    duplicate: bool


class Settled(Struct, frozen=True):
    """What came of a session or photo. A retry (`first` is False) changed nothing.

    `mark` is the punch with its settled `direction`, for who punched just now; `greeting` their first name.
    """

    outcome: Outcome
    first: bool
    greeting: str = ""
    person: Person | None = None
    mark: Mark | None = None
    direction: Direction | None = None


class _Check(Struct, frozen=True):
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
    ledger: Ledger, access: Access, faces: Faces, body: NewPunch, *, caller: Caller, now: datetime
) -> PunchReceipt:
    """Record a punch for a finished liveness session.

    Raises SessionNotFound, SessionPending, SessionExpired, SessionUsed, NoReferenceImage, LockedOut,
    NotLive, NotRecognised or AmbiguousMatch; the last three spend the session.
    """
    settled = settle(
        ledger, access, faces, body.liveness_session_id, asked=body.direction, caller=caller, now=now
    )
    if not settled.first:
        raise SessionUsed
    if settled.mark is None or settled.person is None or settled.direction is None:
        raise _REFUSALS[settled.outcome.code]
    return PunchReceipt(
        punch_id=settled.mark.id,
        person_id=settled.person.person_id if caller.may("manager") else None,
        name=settled.person.name if caller.may("manager") else settled.greeting,
        direction=settled.direction,
        at=settled.mark.at.astimezone(ZoneInfo(settled.mark.zone)),
        work_day=settled.mark.work_day,
        duplicate=settled.outcome.duplicate,
    )


_REFUSALS = {kind.__name__: kind() for kind in (NotLive, NotRecognised, AmbiguousMatch)}


def settle(
    ledger: Ledger,
    access: Access,
    faces: Faces,
    session_id: str,
    *,
    asked: Asked = "auto",
    caller: Caller | None,
    now: datetime,
) -> Settled:
    """Spend a finished liveness session of the caller's: record a punch, or the reason why not.

    However often and however concurrently it is called, one session gives one outcome.
    Raises SessionNotFound, SessionPending, SessionExpired, NoReferenceImage or LockedOut; none of
    these spends the session.
    """
    mark(session=session_id)
    try:
        result = faces.session(session_id)
    except SessionNotFound:
        return _settled_before(ledger, session_id, caller, now)
    if result.status == "EXPIRED":
        return _settled_before(ledger, session_id, caller, now)
    if result.status in ("CREATED", "IN_PROGRESS"):
        _own(ledger, session_id, caller)
        raise SessionPending
    if result.status == "SUCCEEDED" and result.image is None:
        _own(ledger, session_id, caller)
        raise NoReferenceImage
    matches = _candidates(faces, result.image) if result.status == "SUCCEEDED" and result.image else []
    size = len(result.image.content) if result.image else None
    check = _Check("face", asked, now, size, caller, result)
    for attempt in range(TRIES):
        try:
            with ledger.turn(_first(matches)):
                snapshot = ledger.snapshot(
                    now, session_id=session_id, person_id=_first(matches), kiosk=check.who
                )
                if snapshot.session is None or snapshot.session.by != check.who:
                    raise SessionNotFound
                if snapshot.session.outcome:
                    return _stored(ledger, snapshot.session.outcome, now)
                return _decide(ledger, access, check, matches, snapshot, snapshot.session)
        except (DayMoved, SessionAlreadySpent):
            pause(attempt)  # read again: the answer of whoever was first, or the day as it is now
    raise Busy


def check_in_photo(
    ledger: Ledger, access: Access, faces: Faces, photo: Photo, *, caller: Caller | None, now: datetime
) -> Settled:
    """Record a punch for a mere photo, where the site allows it.

    Raises PhotoPunchOff, NoFaceFound, LockedOut, NotRecognised or AmbiguousMatch.
    """
    if not ledger.snapshot(now).settings.photo_punch:
        raise PhotoPunchOff
    matches = faces.search(photo)
    check = _Check("photo", "auto", now, len(photo.content), caller)
    for attempt in range(TRIES):
        try:
            with ledger.turn(_first(matches)):
                snapshot = ledger.snapshot(now, person_id=_first(matches), kiosk=check.who)
                require_unlocked(snapshot.locked_until, now=now)
                try:
                    person, evidence = recognise(matches, snapshot.person, snapshot.settings)
                except (NotRecognised, AmbiguousMatch):
                    _note_failure(access, check, matches, snapshot.settings)
                    raise
                return _record(ledger, check, snapshot, person, evidence, None)
        except DayMoved:
            pause(attempt)
    raise Busy


def first_today(ledger: Ledger, person_id: str, *, now: datetime) -> Mark | None:
    """Find the first punch of a person's current work day; None before it."""
    snapshot = ledger.snapshot(now, person_id=person_id)
    if snapshot.person is None:
        return None
    today = Rota(snapshot.settings.calendar).work_day(now, snapshot.person.shift)
    return next(iter(snapshot.day(snapshot.person, today).counted()), None)


def _first(matches: list[Match]) -> str | None:
    return matches[0].person_id if matches else None


def _candidates(faces: Faces, image: Photo) -> list[Match]:
    try:
        return faces.search(image)
    except NoFaceFound:
        return []


def _settled_before(ledger: Ledger, session_id: str, caller: Caller | None, now: datetime) -> Settled:
    """Answer for a session that Rekognition no longer knows."""
    session = _own(ledger, session_id, caller)
    if session.outcome is None:
        raise SessionExpired
    return _stored(ledger, session.outcome, now)


def _own(ledger: Ledger, session_id: str, caller: Caller | None) -> Session:
    """Read a session of the caller's; of one that is another's not even its state is told."""
    session = ledger.session(session_id)
    if session is None or session.by != (caller.token_id if caller else None):
        raise SessionNotFound
    return session


def _stored(ledger: Ledger, outcome: Outcome, now: datetime) -> Settled:
    if outcome.person_id is None:
        return Settled(outcome, first=False)
    snapshot = ledger.snapshot(now, person_id=outcome.person_id)
    person = snapshot.person
    greeting = first_name(person.name, snapshot.settings.name_order) if person else ""
    return Settled(outcome, first=False, greeting=greeting, person=person)


def _decide(
    ledger: Ledger,
    access: Access,
    check: _Check,
    matches: list[Match],
    snapshot: Snapshot,
    session: Session,
) -> Settled:
    require_unlocked(snapshot.locked_until, now=check.now)
    try:
        _require_live(check, snapshot.settings)
        person, evidence = recognise(matches, snapshot.person, snapshot.settings)
    except (NotLive, NotRecognised, AmbiguousMatch) as refusal:
        outcome = replace(_outcome(check), code=type(refusal).__name__)
        ledger.spend_session(_spent(session, outcome))
        # Only by the call that spent it: however often it is asked for, one failure counts once.
        _note_failure(access, check, matches, snapshot.settings)
        return Settled(outcome, first=True)
    return _record(ledger, check, snapshot, person, evidence, session)


def _note_failure(access: Access, check: _Check, matches: list[Match], settings: Settings) -> None:
    looked_like = next((match.person_id for match in matches if match.similarity >= LOOKED_LIKE), None)
    note_failure(access, settings.limits, check.caller, looked_like, now=check.now)


def _require_live(check: _Check, settings: Settings) -> None:
    """Raise NotLive unless the camera check says that it was a live person."""
    result = check.liveness
    if result is None or result.status != "SUCCEEDED":
        raise NotLive
    if result.confidence is None or result.confidence < settings.liveness_threshold:
        raise NotLive


def _record(
    ledger: Ledger,
    check: _Check,
    snapshot: Snapshot,
    person: Person,
    evidence: Evidence,
    session: Session | None,
) -> Settled:
    """Write the punch, or find the one that it would repeat."""
    calendar = snapshot.settings.calendar
    greeting = first_name(person.name, snapshot.settings.name_order)
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
            ledger.spend_session(_spent(session, outcome))
        observe("Duplicate")
        return Settled(outcome, True, greeting, person, repeated, direction(day.marks, repeated))
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
    ledger.add_punch(made, [day], _spent(session, outcome) if session else None)
    mark(person=person.person_id)
    observe("Punched")
    observe("MatchMargin", evidence.similarity - (evidence.runner_up or SEARCH_FLOOR))
    return Settled(outcome, True, greeting, person, made.mark(), direction(day.marks, made.mark()))


def _outcome(check: _Check) -> Outcome:
    liveness = check.liveness.confidence if check.liveness else None
    return Outcome(code=PUNCHED, at=check.now, liveness=liveness, image_bytes=check.image_bytes)


def _spent(session: Session, outcome: Outcome) -> Session:
    return replace(session, state=SessionState.USED, outcome=outcome)

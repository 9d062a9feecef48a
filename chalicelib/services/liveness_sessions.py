"""Liveness sessions: one attempt at the camera, valid for three minutes and for one punch."""

from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from chalicelib.aws.attendance_store import AttendanceStore
from chalicelib.aws.collection import FaceCollection
from chalicelib.aws.directory import Directory
from chalicelib.aws.metrics import record_subject
from chalicelib.aws.rate_limits import RateLimits
from chalicelib.aws.streaming import Streaming, StreamingAccess
from chalicelib.domain.errors import SessionNotFound, WriteConflict
from chalicelib.domain.session import Session, SessionState
from chalicelib.domain.token import Caller
from chalicelib.services.limits import count_request

LIFE = timedelta(minutes=3)
"""How long a session is valid (Rekognition's rule)."""


class CreatedLivenessSession(Struct, frozen=True):
    """A liveness session: all that a camera page needs for one attempt.

    `server_time` lets the page correct for its device's clock.
    """

    session_id: str
    region: str
    expires_at: datetime
    server_time: datetime
    streaming: StreamingAccess | None


class LivenessSessionView(Struct, frozen=True):
    """The status of a liveness session. Scores are never shown here."""

    session_id: str
    status: Literal["waiting", "running", "finished", "used", "expired"]
    expires_at: datetime


def start(
    directory: Directory,
    attendance_store: AttendanceStore,
    rate_limits: RateLimits,
    collection: FaceCollection,
    *,
    caller: Caller | None,
    idempotent_id: str | None = None,
    now: datetime,
) -> Session:
    """Create a session of the caller; the same `idempotent_id` gives the same one. Raises TooManyRequests."""
    count_request(directory, rate_limits, "session", caller, now=now)
    by, session_id = caller.token_id if caller else None, collection.start_session(idempotent_id)
    session = Session(session_id=session_id, created_at=now, by=by, state=SessionState.ISSUED)
    record_subject(session=session_id)
    try:
        attendance_store.add_session(session)
    except WriteConflict:
        return attendance_store.session(session_id) or session  # created before, by the same request
    return session


def create(
    directory: Directory,
    attendance_store: AttendanceStore,
    rate_limits: RateLimits,
    collection: FaceCollection,
    streaming: Streaming,
    *,
    caller: Caller,
    idempotent_id: str | None = None,
    now: datetime,
) -> CreatedLivenessSession:
    """Create a session (see `start`) with everything that the camera page needs; raises TooManyRequests."""
    session = start(
        directory,
        attendance_store,
        rate_limits,
        collection,
        caller=caller,
        idempotent_id=idempotent_id,
        now=now,
    )
    expires = session.created_at + LIFE
    return CreatedLivenessSession(
        session.session_id, streaming.region, expires, now, streaming.issue(caller.token_id)
    )


_STATUS: dict[str, Literal["waiting", "running", "finished", "expired"]] = {
    "CREATED": "waiting",
    "IN_PROGRESS": "running",
    "SUCCEEDED": "finished",
    "FAILED": "finished",
    "EXPIRED": "expired",
}


def show(
    attendance_store: AttendanceStore, collection: FaceCollection, session_id: str, *, caller: Caller
) -> LivenessSessionView:
    """Return the status of a session of the caller, without side effects; raises SessionNotFound."""
    session = attendance_store.session(session_id)
    if session is None or session.by != caller.token_id:
        raise SessionNotFound
    expires = session.created_at + LIFE
    if session.outcome:
        return LivenessSessionView(session_id, "used", expires)
    try:
        return LivenessSessionView(session_id, _STATUS[collection.session(session_id).status], expires)
    except SessionNotFound:
        return LivenessSessionView(session_id, "expired", expires)

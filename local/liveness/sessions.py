"""Face Liveness sessions: CreateFaceLivenessSession, GetFaceLivenessSessionResults and their states.

CREATED -> IN_PROGRESS (a stream is open) -> SUCCEEDED (the video was judged, whatever
the confidence) or FAILED (it could not be judged). Three minutes after its creation a
session's data are gone, as AWS documents. A session that never got a result then
answers with status EXPIRED for another three minutes; one that had a result is
SessionNotFoundException at once, because "all Liveness data associated with the
session" become unavailable.
"""

import json
import logging
import threading
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from local.liveness.challenge import LIGHT, MOVEMENT, VERSIONS
from local.liveness.judge.verdict import Picture, Verdict
from local.rekognition.exceptions import (
    IdempotentParameterMismatchException,
    InvalidParameterException,
    SessionNotFoundException,
    ValidationException,
)

LIFETIME = timedelta(minutes=3)
MAX_SESSIONS = 10_000  # live at once; the oldest go first, so that memory stays bounded

PutObject = Callable[[str, str, bytes], None]

_log = logging.getLogger(__name__)


class SessionTaken(Exception):
    """The session has been used already. Each check needs a new session."""


@dataclass(slots=True)
class Session:
    """One session; guarded by the lock of the Sessions that holds it."""

    session_id: str
    created: datetime
    kind: str
    settings: dict[str, Any]
    status: str = "CREATED"
    verdict: Verdict | None = None
    reason: str = ""
    output: dict[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """The version of the challenge, as AWS reports it."""
        return VERSIONS[self.kind]


class Sessions:
    """All sessions of this process; safe to use from several threads."""

    def __init__(
        self,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        put_object: PutObject | None = None,
    ) -> None:
        """`put_object(bucket, key, bytes)` stores images when a session has an OutputConfig."""
        self._now = now
        self._put_object = put_object
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}  # in order of creation
        self._tokens: dict[str, tuple[str, str]] = {}  # client token -> session, fingerprint

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateFaceLivenessSession; the request has passed the service model's own checks.

        Raises InvalidParameterException for challenges or versions that are not
        offered, IdempotentParameterMismatchException for a reused token.
        """
        settings = request.get("Settings") or {}
        kind = choose_challenge(settings.get("ChallengePreferences") or [])
        if settings.get("OutputConfig") and self._put_object is None:
            raise InvalidParameterException("OutputConfig needs an S3 bucket, and there is no S3 here.")
        token = request.get("ClientRequestToken")
        fingerprint = json.dumps({**request, "ClientRequestToken": None}, sort_keys=True)
        with self._lock:
            self._drop_old(self._now())
            if token in self._tokens:
                session_id, before = self._tokens[token]
                if before != fingerprint:
                    raise IdempotentParameterMismatchException(
                        "The ClientRequestToken was used before with different parameters."
                    )
                return {"SessionId": session_id}
            session = Session(str(uuid.uuid4()), self._now(), kind, settings)
            self._sessions[session.session_id] = session
            if token is not None:
                self._tokens[token] = (session.session_id, fingerprint)
            return {"SessionId": session.session_id}

    def results(self, request: dict[str, Any]) -> dict[str, Any]:
        """GetFaceLivenessSessionResults: the status and, after a verdict, confidence and images.

        Raises SessionNotFoundException for an unknown session and for one whose
        results have expired.
        """
        session_id = str(request["SessionId"])
        with self._lock:
            self._drop_old(self._now())
            session = self._sessions.get(session_id)
            if session is None or (session.verdict is not None and self._expired(session)):
                raise SessionNotFoundException(f"Session {session_id} is not found.")
            status = "EXPIRED" if self._expired(session) else session.status
            challenge = {"Type": session.kind, "Version": session.version}
            return {
                "SessionId": session_id,
                "Status": status,
                "Challenge": challenge,
                **session.output,
            }

    def start(self, session_id: str, offered: Collection[str] = (LIGHT, MOVEMENT)) -> Session:
        """Begin the session's one stream with a client that offers these challenges.

        Raises SessionNotFoundException if it is unknown or expired, SessionTaken if
        it has had its stream, ValidationException (and the session stays unused) if
        the client does not offer the session's challenge.
        """
        with self._lock:
            self._drop_old(self._now())
            session = self._sessions.get(session_id)
            if session is None or self._expired(session):
                raise SessionNotFoundException(
                    f"Session {session_id} is not found: it does not exist, or it has expired."
                )
            if session.status != "CREATED":
                raise SessionTaken(f"Session {session_id} has already been used.")
            if session.kind not in offered:
                raise ValidationException(
                    f"The session asks for {session.kind}, which the client does not offer."
                )
            session.status = "IN_PROGRESS"
            return session

    def finish(self, session_id: str, verdict: Verdict) -> None:
        """Record a verdict: SUCCEEDED if the video could be judged, else FAILED.

        The first verdict stands. Images go to S3 first when the session asks for
        it. Raises SessionNotFoundException.
        """
        with self._lock:
            session = self._sessions.get(session_id)
            if session is None or self._expired(session):
                raise SessionNotFoundException(f"Session {session_id} is not found.")
            if session.verdict is not None or session.status == "FAILED":
                return
        output = self._output(session, verdict) if verdict.enough else {}
        with self._lock:
            if session.verdict is None and session.status != "FAILED":
                session.output = output
                session.verdict = replace(verdict, reference=None, audit=())  # `output` has them
                session.reason = verdict.reason
                session.status = "SUCCEEDED" if verdict.enough else "FAILED"
        _log.info("liveness session %s: %s (%s)", session_id, session.status, session.reason)

    def fail(self, session_id: str, reason: str) -> None:
        """Record that the stream ended without a video that can be judged. An earlier result is kept."""
        with self._lock:
            session = self._sessions.get(session_id)
            if session is None or session.status != "IN_PROGRESS":
                return
            session.status = "FAILED"
            session.reason = reason
        _log.info("liveness session %s: FAILED (%s)", session_id, reason)

    def explain(self, session_id: str) -> dict[str, Any]:
        """Explain a session's result, for developers (`GET /_rollcall/...`). No call of AWS returns this.

        Raises SessionNotFoundException.
        """
        with self._lock:
            session = self._sessions.get(session_id)
            if session is None:
                raise SessionNotFoundException(f"Session {session_id} is not found.")
            signals = session.verdict.signals if session.verdict else ()
            return {
                "status": session.status,
                "reason": session.reason,
                "confidence": session.verdict.confidence if session.verdict else None,
                "signals": {
                    signal.name: {
                        "value": signal.value,
                        "threshold": signal.threshold,
                        "margin": signal.margin,
                        "passed": signal.passed,
                        "why": signal.why,
                    }
                    for signal in signals
                },
            }

    def sweep(self, now: datetime) -> None:
        """Delete sessions and images that have expired by `now`."""
        with self._lock:
            self._drop_old(now)

    def expires(self, session: Session) -> datetime:
        """Return the time at which a session expires, three minutes after its creation."""
        return session.created + LIFETIME

    def _expired(self, session: Session) -> bool:
        return self._now() >= self.expires(session)

    def _drop_old(self, now: datetime) -> None:
        """Delete sessions older than twice their lifetime, and results older than one."""
        oldest = now - 2 * LIFETIME
        gone = [s.session_id for s in self._sessions.values() if s.created <= oldest]
        extra = len(self._sessions) - len(gone) - MAX_SESSIONS + 1
        if extra > 0:
            gone = list(self._sessions)[: len(gone) + extra]
        for session_id in gone:
            del self._sessions[session_id]
        for session in self._sessions.values():
            if session.output and now >= self.expires(session):
                session.output = {}
        if gone:
            self._tokens = {k: v for k, v in self._tokens.items() if v[0] in self._sessions}

    def _output(self, session: Session, verdict: Verdict) -> dict[str, Any]:
        limit = int(session.settings.get("AuditImagesLimit", 0))
        output: dict[str, Any] = {"Confidence": verdict.confidence, "Feedback": _feedback(verdict)}
        if verdict.reference is not None:
            output["ReferenceImage"] = self._image(session, "reference", verdict.reference)
        output["AuditImages"] = [
            self._image(session, f"audit-image-{number}", picture)
            for number, picture in enumerate(verdict.audit[:limit])
        ]
        return output

    def _image(self, session: Session, name: str, picture: Picture) -> dict[str, Any]:
        left, top, width, height = picture.box
        box = {"BoundingBox": {"Left": left, "Top": top, "Width": width, "Height": height}}
        where = session.settings.get("OutputConfig")
        if not where or self._put_object is None:
            return {"Bytes": picture.jpeg} | box
        key = f"{where.get('S3KeyPrefix', '')}{session.session_id}/{name}.jpg"
        self._put_object(where["S3Bucket"], key, picture.jpeg)
        return {"S3Object": {"Bucket": where["S3Bucket"], "Name": key}} | box


def choose_challenge(preferences: list[dict[str, Any]]) -> str:
    """The first preferred challenge whose version is offered; the light challenge without preferences.

    Raises InvalidParameterException if none can be had.
    """
    if not preferences:
        return LIGHT
    for preference in preferences:
        kind = preference["Type"]
        versions = preference.get("Versions") or {}
        low = _version(versions.get("Minimum", "0.0.0"))
        high = _version(versions.get("Maximum", "999.999.999"))
        if low > high:
            raise InvalidParameterException("The minimum challenge version is above the maximum.")
        if kind in (LIGHT, MOVEMENT) and low <= _version(VERSIONS[kind]) <= high:
            return str(kind)
    raise InvalidParameterException("None of the preferred challenge versions is offered.")


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _feedback(verdict: Verdict) -> list[dict[str, str]]:
    feedback = []
    if verdict.dark:
        feedback.append({"Code": "LOW_LIGHTING_DETECTED", "Message": "The face is too dark."})
    if verdict.bright:
        feedback.append({"Code": "HIGH_LIGHTING_DETECTED", "Message": "The face is too bright."})
    return feedback

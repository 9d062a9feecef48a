"""Liveness sessions: one attempt at the camera, for three minutes, spent by one punch."""

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from chalicelib.aws.access import Access, Caller
from chalicelib.aws.faces import Faces
from chalicelib.aws.ledger import Ledger
from chalicelib.aws.store import Store
from chalicelib.aws.telemetry import mark
from chalicelib.domain.errors import SessionNotFound, WriteConflict
from chalicelib.domain.models import Session, SessionState
from chalicelib.services.limits import spend

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient

LIFE = timedelta(minutes=3)
"""How long a session lives (Rekognition's rule)."""

_ONLY_STREAMING = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "rekognition:StartFaceLivenessSession", "Resource": "*"}],
    }
)


class StreamingCredentials(Struct, frozen=True):
    """Temporary AWS credentials that may do nothing but stream a video to Rekognition."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    expiration: datetime

    def __repr__(self) -> str:
        """Keep the secrets out of logs and traces."""
        return f"StreamingCredentials(access_key_id={self.access_key_id!r}, ...)"


class Stream(Struct, frozen=True):
    """Where and how the camera component streams; `endpoint` is null for AWS's own."""

    endpoint: str | None
    credentials: StreamingCredentials


class SessionStarted(Struct, frozen=True):
    """All that a camera page needs for one attempt; compare `server_time` with the device's clock."""

    session_id: str
    region: str
    expires_at: datetime
    server_time: datetime
    streaming: Stream | None


class SessionView(Struct, frozen=True):
    """Where a session stands. No score: those are nobody's business at a camera."""

    session_id: str
    status: Literal["waiting", "running", "finished", "used", "expired"]
    expires_at: datetime


class Streaming:
    """Who lends the streaming credentials: a role, through a boto3 STS client."""

    def __init__(self, client: "STSClient", role: str, region: str, endpoint: str | None) -> None:
        self._client = client
        self._role = role
        self._endpoint = endpoint
        self.region = region

    def lend(self) -> Stream | None:
        """Give credentials for 15 minutes (AWS's least); None where the stage has no role for it."""
        if not self._role:
            return None
        reply = self._client.assume_role(
            RoleArn=self._role,
            RoleSessionName="rollcall-camera",
            DurationSeconds=900,
            Policy=_ONLY_STREAMING,
        )
        lent = reply["Credentials"]
        credentials = StreamingCredentials(
            lent["AccessKeyId"], lent["SecretAccessKey"], lent["SessionToken"], lent["Expiration"]
        )
        return Stream(self._endpoint, credentials)


def start(
    store: Store,
    ledger: Ledger,
    access: Access,
    faces: Faces,
    *,
    caller: Caller | None,
    seed: str | None = None,
    now: datetime,
) -> Session:
    """Ask Rekognition for a session, once for each `seed`, and note whose it is; raises TooManyRequests."""
    spend(store, access, "session", caller, now=now)
    by, session_id = caller.token_id if caller else None, faces.start_session(seed)
    session = Session(session_id=session_id, created_at=now, by=by, state=SessionState.ISSUED)
    mark(session=session_id)
    try:
        ledger.add_session(session)
    except WriteConflict:
        return ledger.session(session_id) or session  # begun before
    return session


def begin(
    store: Store,
    ledger: Ledger,
    access: Access,
    faces: Faces,
    streaming: Streaming,
    *,
    caller: Caller,
    seed: str | None = None,
    now: datetime,
) -> SessionStarted:
    """Start a session, once for each `seed`, with all that the camera page needs; raises TooManyRequests."""
    session = start(store, ledger, access, faces, caller=caller, seed=seed, now=now)
    expires = session.created_at + LIFE
    return SessionStarted(session.session_id, streaming.region, expires, now, streaming.lend())


_STATUS: dict[str, Literal["waiting", "running", "finished", "expired"]] = {
    "CREATED": "waiting",
    "IN_PROGRESS": "running",
    "SUCCEEDED": "finished",
    "FAILED": "finished",
    "EXPIRED": "expired",
}


def show(ledger: Ledger, faces: Faces, session_id: str, *, caller: Caller) -> SessionView:
    """Say where a session of the caller's stands, without any effect; raises SessionNotFound."""
    session = ledger.session(session_id)
    if session is None or session.by != caller.token_id:
        raise SessionNotFound
    expires = session.created_at + LIFE
    if session.outcome:
        return SessionView(session_id, "used", expires)
    try:
        return SessionView(session_id, _STATUS[faces.session(session_id).status], expires)
    except SessionNotFound:
        return SessionView(session_id, "expired", expires)

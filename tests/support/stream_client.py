"""A hand-driven client of the liveness stream: it sends what it is told to, signed as it should be."""

import base64
import json
import ssl
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any, Final, Self

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from local.aws.sigv4 import Credentials
from local.liveness import framing, signing
from local.liveness.challenge import MOVEMENT, VERSIONS
from local.liveness.sessions import Sessions
from tests.support.patience import PATIENCE_S

REGION: Final = "us-east-1"
KEY: Final = "ASIAEXAMPLE"
CREDENTIALS: Final = Credentials("secret", "session token")


def new(sessions: Sessions, kind: str = MOVEMENT, **settings: Any) -> str:
    settings |= {"ChallengePreferences": [{"Type": kind}]}
    return str(sessions.create({"Settings": settings})["SessionId"])


class Client:
    """A hand-driven client: says what it is told to, signed as it should be."""

    def __init__(
        self,
        url: str,
        session_id: str,
        *,
        region: str = REGION,
        credentials: Credentials = CREDENTIALS,
        at: datetime | None = None,
        tls: ssl.SSLContext | None = None,
        **query: str,
    ) -> None:
        offered = ",".join(f"{kind}_{version}" for kind, version in VERSIONS.items())
        fields = {"session-id": session_id, "video-width": "320", "video-height": "240"}
        fields |= {"challenge-versions": offered} | {
            name.replace("_", "-"): value for name, value in query.items()
        }
        target, self.chain = signing.presign(
            "127.0.0.1", region, KEY, credentials, fields, at or datetime.now(UTC)
        )
        self._stack = ExitStack()
        self.socket: ClientConnection = self._stack.enter_context(
            connect(url + target, ssl=tls, compression=None)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def hear(self) -> tuple[str, dict[str, Any]]:
        """The next event's or exception's name, and its body."""
        data = self.socket.recv(PATIENCE_S)
        assert isinstance(data, bytes)
        message = framing.decode(data)
        name = message.headers.get(":event-type") or message.headers[":exception-type"]
        return str(name), json.loads(message.payload)

    def say(self, event: str, body: dict[str, Any] | bytes) -> None:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers: dict[str, framing.HeaderValue] = {":event-type": event, ":message-type": "event"}
        inner = framing.encode(framing.Message(headers, payload))
        self.socket.send(self.chain.sign(inner, datetime.now(UTC)))

    def video(self, piece: bytes) -> None:
        self.say("VideoEvent", {"VideoChunk": base64.b64encode(piece).decode(), "TimestampMillis": 1})

    def tell(self, **said: Any) -> None:
        self.say("ClientSessionInformationEvent", {"Challenge": {MOVEMENT: {"ChallengeId": "c"} | said}})

    def start(self) -> None:
        face = {"BoundingBox": dict.fromkeys(("Width", "Height", "Left", "Top"), 0.3)}
        self.tell(VideoStartTimestamp=1000, InitialFace=face | {"InitialFaceDetectedTimestamp": 990})

    def end(self, at: float = 5200) -> None:
        self.tell(VideoEndTimestamp=at, TargetFace={"BoundingBox": {}})
        self.video(b"")

    def closed(self) -> int | None:
        """The code that the server closes with."""
        with pytest.raises(ConnectionClosed) as closed:
            self.drain()
        return closed.value.rcvd.code if closed.value.rcvd else None

    def drain(self) -> None:
        for _ in range(20):
            self.socket.recv(5)

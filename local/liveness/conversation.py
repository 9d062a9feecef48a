"""The messages of one stream, and the order in which a client must send them.

Measured with AWS's browser component: video pieces about every second, the first of
them before the start event; for the light challenge one event per colour; the end
event; then a video piece of no bytes.
"""

import base64
import binascii
import json
from typing import Any

from local.liveness.challenge import LIGHT, Challenge, Color
from local.liveness.framing import Message
from local.liveness.judge import Recording

MAX_VIDEO = 8 * 1024 * 1024  # bytes; the client records 1 Mbit/s, for 10 s or so
MAX_CHUNKS = 600
MAX_SPAN_S = 60.0


class ProtocolError(Exception):
    """The protocol does not allow this message, or not at this point. The text may be shown to the client."""


class Conversation:
    """Collects one stream's messages into a Recording."""

    def __init__(self, challenge: Challenge, began: float) -> None:
        """`began` is when the challenge was sent, in seconds of the clock that `take` is given."""
        self._challenge = challenge
        self._began = began
        self._video = bytearray()
        self._chunks = 0
        self._challenge_id: str | None = None
        self._start: float | None = None
        self._end: float | None = None
        self._shown: list[tuple[float, int]] = []  # start time in s, number in the challenge's colours

    def take(self, message: Message, at: float) -> Recording | None:
        """Take the next message, received `at` seconds by our clock; a Recording when it was the last.

        Raises ProtocolError.
        """
        if message.headers.get(":message-type") != "event":
            raise ProtocolError("Only events are expected here.")
        body = _json(message.payload)
        match message.headers.get(":event-type"):
            case "VideoEvent":
                return self._video_event(body, at)
            case "ClientSessionInformationEvent":
                self._information(body)
                return None
            case other:
                raise ProtocolError(f"There is no event {other!r}.")

    def _video_event(self, body: dict[str, Any], at: float) -> Recording | None:
        text = body.get("VideoChunk")
        _number(body, "TimestampMillis")
        if not isinstance(text, str):
            raise ProtocolError("VideoChunk must be base64 text.")
        try:
            piece = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise ProtocolError("VideoChunk is not base64.") from None
        if not piece:
            return self._finished(at)
        if self._end is not None:
            raise ProtocolError("Video after the end of the session.")
        self._video += piece
        self._chunks += 1
        if len(self._video) > MAX_VIDEO or self._chunks > MAX_CHUNKS:
            raise ProtocolError("The video is too large.")
        return None

    def _information(self, body: dict[str, Any]) -> None:
        said = _part(_part(body, "Challenge"), self._challenge.kind)
        challenge_id = said.get("ChallengeId")
        if not isinstance(challenge_id, str) or not 0 < len(challenge_id) <= 128:
            raise ProtocolError("ChallengeId is missing.")
        if self._challenge_id not in (None, challenge_id):
            raise ProtocolError("ChallengeId changes.")
        self._challenge_id = challenge_id
        if self._end is not None:
            raise ProtocolError("The session has ended.")
        if "VideoEndTimestamp" in said:
            self._ended(said)
        elif "ColorDisplayed" in said:
            self._color(_part(said, "ColorDisplayed"))
        elif "VideoStartTimestamp" in said:
            self._started(said)
        else:
            raise ProtocolError("The event says nothing.")

    def _started(self, said: dict[str, Any]) -> None:
        if self._start is not None:
            raise ProtocolError("The session starts twice.")
        face = _part(said, "InitialFace")
        box = _part(face, "BoundingBox")
        for side in ("Width", "Height", "Left", "Top"):
            _number(box, side)
        _number(face, "InitialFaceDetectedTimestamp")
        self._start = _number(said, "VideoStartTimestamp") / 1000

    def _color(self, said: dict[str, Any]) -> None:
        if self._challenge.kind != LIGHT:
            raise ProtocolError("This challenge shows no colours.")
        if self._start is None:
            raise ProtocolError("A colour before the start.")
        number, started = said.get("SequenceNumber"), _number(said, "CurrentColorStartTimestamp") / 1000
        expected = {self._shown[-1][1], self._shown[-1][1] + 1} if self._shown else {0}
        colors = self._challenge.colors
        if not isinstance(number, int) or number not in expected or number >= len(colors):
            raise ProtocolError("The colours come out of order.")
        if len(self._shown) > 2 * len(colors) or (self._shown and started < self._shown[-1][0]):
            raise ProtocolError("The colours' times do not fit.")
        if _part(said, "CurrentColor").get("RGB") != list(colors[number]):
            raise ProtocolError("This colour was not asked for.")
        self._shown.append((started, number))

    def _ended(self, said: dict[str, Any]) -> None:
        if self._start is None:
            raise ProtocolError("The session ends before it starts.")
        _part(_part(said, "TargetFace"), "BoundingBox")
        self._end = _number(said, "VideoEndTimestamp") / 1000
        if not 0 < self._end - self._start <= MAX_SPAN_S:
            raise ProtocolError("The video's claimed times do not fit.")
        if self._challenge.kind == LIGHT and (
            not self._shown or self._shown[-1][1] != len(self._challenge.colors) - 1
        ):
            raise ProtocolError("Not all colours were shown.")

    def _finished(self, at: float) -> Recording:
        if self._start is None or self._end is None:
            raise ProtocolError("The video ends before the session does.")
        first: dict[int, float] = {}
        for started, number in self._shown:
            first.setdefault(number, started - self._start)
        shown: tuple[tuple[float, Color], ...] = tuple(
            (started, self._challenge.colors[number]) for number, started in first.items()
        )
        return Recording(
            bytes(self._video), self._challenge, self._end - self._start, at - self._began, shown
        )


def _json(payload: bytes) -> dict[str, Any]:
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        raise ProtocolError("The event is not JSON.") from None
    if not isinstance(body, dict):
        raise ProtocolError("The event is not a JSON object.")
    return body


def _part(body: dict[str, Any], name: str) -> dict[str, Any]:
    part = body.get(name)
    if not isinstance(part, dict):
        raise ProtocolError(f"{name} is missing.")
    return part


def _number(body: dict[str, Any], name: str) -> float:
    """A finite number of a size that times and boxes can have."""
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e15 < value < 1e15:
        raise ProtocolError(f"{name} must be a number.")
    return float(value)

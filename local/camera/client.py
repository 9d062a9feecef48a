"""Playing a scene to the liveness stream as AWS's browser component would, in real time."""

import base64
import json
import ssl
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect

from local.aws.sigv4 import Credentials
from local.camera.recorder import Recorder
from local.camera.relief import Head
from local.camera.scene import SETTLE_S, Image, Scene
from local.liveness import framing, signing
from local.liveness.challenge import LIGHT, MOVEMENT, VERSIONS, Color, Oval
from local.liveness.judge import video
from local.rekognition.engine import Engine
from local.rekognition.engine import decode as decode_photo

FPS = 20
PIECE_S = 1.0  # MediaRecorder's time slice in the AWS client
HOLD_S = 1.0  # between the match and the first colour
ANSWER_S = 30.0  # to wait for the verdict


class ServerRefused(Exception):
    """The server ended the session with an exception; `code` is its name."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Played:
    """Counts of what was sent in a complete session."""

    challenge: str
    frames: int
    video_bytes: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.challenge}: {self.frames} frames, {self.video_bytes / 1000:.0f} kB of video "
            f"in {self.seconds:.1f} s; the server says complete"
        )


@dataclass(frozen=True, slots=True)
class _Task:
    """The challenge that the server sent."""

    kind: str
    oval: Oval
    colors: tuple[Color, ...]
    step_s: float
    flat_s: float


def play(
    stream_url: str,
    session_id: str,
    region: str,
    access_key: str,
    credentials: Credentials,
    photo: bytes | None = None,
    *,
    recorded: bytes | None = None,
    flat: bool = False,
    engine: Engine,
    challenge: str | None = None,
    wrong_colors: bool = False,
    width: int = 640,
    height: int = 480,
    tls: ssl.SSLContext | None = None,
) -> Played:
    """Play one liveness session from a photo (JPEG or PNG) or a recorded video.

    `flat` moves the photo as a sheet of paper; `wrong_colors` reflects other
    colours than those asked for; both are for tests and should be refused.
    `challenge` offers only that one. Raises ServerRefused, NoFaceInPhoto,
    RekognitionError for a bad photo, and OSError if there is no server.
    """
    head = Head.of(decode_photo(photo), engine, flat=flat) if photo is not None else None
    clip = video.decode(recorded) if recorded is not None else None
    if (head is None) == (clip is None):
        raise ValueError("give either a photo or a recorded video")
    if clip is not None:
        width, height = clip.width, clip.height
    query = {
        "session-id": session_id,
        "video-width": str(width),
        "video-height": str(height),
        "challenge-versions": ",".join(
            f"{kind}_{version}" for kind, version in VERSIONS.items() if challenge in (None, kind)
        ),
        "attempt-count": "1",
        "precheck-view-enabled": "0",
        "x-amz-user-agent": "rollcall-camera",
    }
    host = urlsplit(stream_url).hostname or ""
    target, chain = signing.presign(host, region, access_key, credentials, query, datetime.now(UTC))
    try:
        with connect(
            stream_url + target, ssl=tls, compression=None, max_size=framing.MAX_MESSAGE, close_timeout=2
        ) as socket:
            talk = _Talk(socket, chain)
            task = _task(talk.receive(ANSWER_S))
            source = _Replay(clip) if clip is not None else _Live(head, task, width, height, session_id)
            return talk.perform(task, source, wrong_colors=wrong_colors)
    except InvalidHandshake as error:
        raise ServerRefused("Handshake", str(error)) from None


class _Live:
    """Frames of an animated photo."""

    def __init__(self, head: Head | None, task: _Task, width: int, height: int, session_id: str) -> None:
        assert head is not None  # noqa: S101 - play() has either a head or a clip
        seed = int.from_bytes(session_id.encode()[-4:], "big")
        self.scene = Scene(head, task.oval, width, height, seed)
        self.size = (width, height)
        self.match_s = self.scene.match_s
        self.box = self.scene.face_box(0.0)

    def frame(self, at: float, color: Color | None) -> Image:
        return self.scene.frame(at, color)


class _Replay:
    """Frames of a recorded video; its last frame stands still when it ends early."""

    def __init__(self, clip: video.Clip) -> None:
        self._clip = clip
        self._images = dict(clip.full(range(len(clip.times))))
        self.size = (clip.width, clip.height)
        self.match_s = max(clip.duration - SETTLE_S, 0.5)
        self.box = (0.4, 0.4, 0.2, 0.2)

    def frame(self, at: float, color: Color | None) -> Image:
        index = int(np.searchsorted(self._clip.times, at, side="right")) - 1
        return self._images[min(max(index, 0), len(self._images) - 1)]


class _Talk:
    """One open stream, which sends signed messages and receives events."""

    def __init__(self, socket: ClientConnection, chain: signing.ChunkChain) -> None:
        self._socket = socket
        self._chain = chain
        self._id = str(uuid.uuid4())
        self._bytes = 0

    def receive(self, timeout: float) -> dict[str, Any] | None:
        """The next event's body; None for DisconnectionEvent. Raises ServerRefused, TimeoutError."""
        try:
            data = self._socket.recv(timeout)
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else 1006
            raise ServerRefused("Closed", f"the server closed the stream with {code}") from None
        message = framing.decode(data if isinstance(data, bytes) else data.encode())
        body = json.loads(message.payload)
        if message.headers.get(":message-type") == "exception":
            raise ServerRefused(str(message.headers[":exception-type"]), str(body.get("Message")))
        if message.headers.get(":event-type") == "DisconnectionEvent":
            return None
        return dict(body)

    def perform(self, task: _Task, source: "_Live | _Replay", *, wrong_colors: bool) -> Played:
        """Play the scene through and wait for the server's end."""
        flashes = _flashes(task, source.match_s)
        ends = flashes[-1][0] + task.step_s + task.flat_s if flashes else source.match_s + SETTLE_S
        recorder = Recorder(*source.size, FPS)
        began, wall = monotonic(), datetime.now(UTC).timestamp()
        face = {"InitialFace": _initial_face(source.box, wall)}
        # What is said when; of the AWS client, too, the first piece of video comes before the start event.
        said = [(PIECE_S, face | {"VideoStartTimestamp": _millis(wall)}), *self._colors(task, flashes, wall)]
        frames = int(ends * FPS) + 1
        pieces = 0
        for number in range(frames):  # a machine that is too slow sends later, but all of it
            at = number / FPS
            color = _screen(at, flashes, task, wrong=wrong_colors) if flashes else None
            recorder.add(source.frame(at, color), at)
            if at >= (pieces + 1) * PIECE_S:
                pieces += 1
                self._sleep_until(began + pieces * PIECE_S)
                self._video(recorder.take())
            while said and at >= said[0][0]:
                self._sleep_until(began + said[0][0])
                self._tell(task, said.pop(0)[1])
        self._sleep_until(began + ends)
        self._video(recorder.close())
        reached = _millis(wall + source.match_s)
        target = {
            "BoundingBox": _shares(task.oval.box, source.size),
            "FaceDetectedInTargetPositionStartTimestamp": reached,
            "FaceDetectedInTargetPositionEndTimestamp": reached,
        }
        ended = face | {"VideoEndTimestamp": _millis(wall + ends), "TargetFace": target}
        for body in [*(body for _, body in said), ended]:
            self._tell(task, body)
        self._video(b"", last=True)
        if self.receive(ANSWER_S) is not None:
            raise ServerRefused("Protocol", "an event came where the end was expected")
        return Played(task.kind, frames, self._bytes, monotonic() - began)

    def _colors(
        self, task: _Task, flashes: list[tuple[float, Color]], wall: float
    ) -> Iterator[tuple[float, dict[str, Any]]]:
        """The colour events: entries 0 and 1 at the same time, the last entry's flat phase again."""
        if not flashes:
            return
        entries = [
            (max(at, flashes[min(1, len(flashes) - 1)][0]), number) for number, (at, _) in enumerate(flashes)
        ]
        if task.flat_s and len(flashes) > 1:
            entries.append((flashes[-1][0] + task.step_s, len(flashes) - 1))
        for at, number in entries:
            shown = {
                "CurrentColor": {"RGB": list(task.colors[number])},
                "PreviousColor": {"RGB": list(task.colors[max(number - 1, 0)])},
                "SequenceNumber": number,
                "CurrentColorStartTimestamp": _millis(wall + at),
            }
            yield at, {"ColorDisplayed": shown}

    def _tell(self, task: _Task, body: dict[str, Any]) -> None:
        self._send(
            "ClientSessionInformationEvent",
            {"Challenge": {task.kind: {"ChallengeId": self._id} | body}},
        )

    def _video(self, piece: bytes, *, last: bool = False) -> None:
        if piece or last:
            self._bytes += len(piece)
            now = _millis(datetime.now(UTC).timestamp())
            self._send(
                "VideoEvent",
                {"VideoChunk": base64.b64encode(piece).decode(), "TimestampMillis": now},
            )

    def _send(self, event: str, body: dict[str, Any]) -> None:
        headers: dict[str, framing.HeaderValue] = {
            ":event-type": event,
            ":message-type": "event",
            ":content-type": "application/json",
        }
        inner = framing.encode(framing.Message(headers, json.dumps(body).encode()))
        try:
            self._socket.send(self._chain.sign(inner, datetime.now(UTC)))
        except ConnectionClosed:
            self.receive(1.0)  # the reason came before the close
            raise

    def _sleep_until(self, when: float) -> None:
        """Wait, and raise if the server ends the session meanwhile."""
        left = when - monotonic()
        if left <= 0:
            return
        try:
            self.receive(left)
        except TimeoutError:
            return
        # Whatever it is, it is not an exception event, and nothing else may come now.
        raise ServerRefused("Protocol", "an event came in the middle of the recording")


def _task(event: dict[str, Any] | None) -> _Task:
    if event is None:
        raise ServerRefused("Protocol", "the server ended the session at once")
    ((kind, asked),) = event["SessionInformation"]["Challenge"].items()
    place = asked["OvalParameters"]
    oval = Oval(place["Width"], place["Height"], place["CenterX"], place["CenterY"])
    entries = asked.get("ColorSequences", []) if kind == LIGHT else []
    red_green_blue = (entry["FreshnessColor"]["RGB"] for entry in entries)
    colors = tuple((int(red), int(green), int(blue)) for red, green, blue in red_green_blue)
    step = entries[0]["DownscrollDuration"] / 1000 if entries else 0.0
    flat = entries[-1]["FlatDisplayDuration"] / 1000 if entries else 0.0
    return _Task(kind if kind == LIGHT else MOVEMENT, oval, colors, step, flat)


def _flashes(task: _Task, match_s: float) -> list[tuple[float, Color]]:
    """Return the time at which each colour begins to scroll in; entry 0 shows from the start of the flash."""
    first = match_s + HOLD_S
    return [(first + max(number - 1, 0) * task.step_s, color) for number, color in enumerate(task.colors)]


def _screen(at: float, flashes: list[tuple[float, Color]], task: _Task, *, wrong: bool) -> Color:
    """The colour that the screen shows at that time, mixed while it scrolls in."""
    shown = np.zeros(3)
    if at >= flashes[0][0]:
        shown = np.array(flashes[0][1], float)
        for (_, before), (start, color) in pairwise(flashes):
            done = min(max((at - start) / task.step_s, 0.0), 1.0)
            shown = shown + done * (np.array(color, float) - before)
    red, green, blue = (round(float(value)) for value in shown)
    return (blue, red, green) if wrong else (red, green, blue)


def _initial_face(box: tuple[float, float, float, float], at: float) -> dict[str, Any]:
    left, top, width, height = box
    shares = {"Width": width, "Height": height, "Left": left, "Top": top}
    return {"BoundingBox": shares, "InitialFaceDetectedTimestamp": _millis(at)}


def _shares(box: tuple[float, float, float, float], size: tuple[int, int]) -> dict[str, float]:
    left, top, width, height = box
    return {
        "Left": left / size[0],
        "Top": top / size[1],
        "Width": width / size[0],
        "Height": height / size[1],
    }


def _millis(seconds: float) -> int:
    return round(seconds * 1000)

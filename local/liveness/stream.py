"""StartFaceLivenessSession: the WebSocket side of Rekognition, plain and over TLS.

Everything about the wire was measured with AWS's own browser component: its close
codes 4000 to 4007 are answered with 1000 (echoed, the component reports a second
error); 1000 follows only a DisconnectionEvent; any failure is an exception event and
then 1011. A refused signature is an exception event, too: a browser cannot read the
answer to a failed handshake, and the component would wait 10 s and say "timeout".
"""

import asyncio
import json
import logging
import random
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from time import monotonic
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from local.admission import Admission
from local.aws.sigv4 import Lookup
from local.liveness import certificate, challenge, framing, signing
from local.liveness.conversation import Conversation, ProtocolError
from local.liveness.judge import Recording, judge
from local.liveness.judge.verdict import Verdict
from local.liveness.sessions import Session, Sessions, SessionTaken
from local.rekognition.engine import Engine
from local.rekognition.exceptions import RekognitionError, SessionNotFoundException

MAX_STREAMS = 64
JUDGES = 2  # videos judged at once; each takes one core for about a second
GRACE_S = 1.0  # for the client to close first after an exception
STOP_S = 0.7
SIZES = range(100, 1921)  # px that a video's side may have


_log = logging.getLogger(__name__)
_quiet = logging.getLogger(f"{__name__}.websockets")
_quiet.setLevel(logging.CRITICAL)  # failed handshakes are not worth a line
_dice = random.SystemRandom()


class _Refused(Exception):
    """Ends a stream with an exception event."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class StreamServer:
    """Serves liveness streams on a port, and over TLS on another, from a thread of its own."""

    def __init__(
        self,
        sessions: Sessions,
        engine: Engine,
        credentials_for: Lookup,
        region: str,
        host: str,
        port: int,
        tls_port: int,
        state: Path,
        admission: Admission | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Ports may be 0. `credentials_for` looks an access key up; `state` keeps the certificate.

        Left out, `admission` is that of this host alone.
        """
        self._sessions = sessions
        self._engine = engine
        self._credentials_for = credentials_for
        self._region = region
        self._host = host
        self._ports = (port, tls_port)
        self._state = state
        self._admission = admission or Admission(host)
        self._now = now
        self._streams = 0
        self._pool = ThreadPoolExecutor(JUDGES, thread_name_prefix="liveness-judge")
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    @property
    def url(self) -> str:
        """`ws://host:port`, once started."""
        return f"ws://{self._authority(self._ports[0])}"

    @property
    def tls_url(self) -> str:
        """`wss://host:port`, once started."""
        return f"wss://{self._authority(self._ports[1])}"

    def start(self) -> None:
        """Listen; returns when both ports are open. Raises OSError if one is taken."""
        ready: Future[tuple[int, int]] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._main(ready)), name="liveness-stream", daemon=True
        )
        self._thread.start()
        try:
            self._ports = ready.result()
        except BaseException:
            self._thread.join()
            self._thread = None
            raise

    def stop(self) -> None:
        """Close all streams and both ports, within a second. Does nothing if not started."""
        if self._thread is None or self._loop is None or self._stopping is None:
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._thread = None
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _authority(self, port: int) -> str:
        return f"[{self._host}]:{port}" if ":" in self._host else f"{self._host}:{port}"

    async def _main(self, ready: "Future[tuple[int, int]]") -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        servers: list[Server] = []
        try:
            tls = certificate.context(self._state, self._host)
            for port, context in zip(self._ports, (None, tls), strict=True):
                servers.append(await self._serve(port, context))
        except BaseException as error:  # whatever it is, start() raises it
            for server in servers:
                server.close()
            ready.set_exception(error)
            return
        ports = [next(iter(server.sockets)).getsockname()[1] for server in servers]
        ready.set_result((ports[0], ports[1]))
        await self._stopping.wait()
        for server in servers:
            server.close(code=1001, reason="stopping")
        done = asyncio.gather(*(server.wait_closed() for server in servers))
        try:
            await asyncio.wait_for(done, STOP_S)
        except TimeoutError:
            _log.info("liveness streams were cut off")

    def _serve(self, port: int, context: Any) -> Any:
        return serve(
            self._handle,
            self._host,
            port,
            ssl=context,
            create_connection=_Connection,
            process_request=self._admit,
            compression=None,
            max_size=framing.MAX_MESSAGE,
            close_timeout=1,
            logger=_quiet,
        )

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        if refusal := self._admission.refusal(request.headers):
            return connection.respond(HTTPStatus.FORBIDDEN, f"{refusal}\n")
        if request.path.partition("?")[0] != signing.PATH:
            return connection.respond(HTTPStatus.NOT_FOUND, f"The liveness stream is at {signing.PATH}.\n")
        return None

    async def _handle(self, socket: ServerConnection) -> None:
        session: Session | None = None
        self._streams += 1
        try:
            query, chain = self._verify(socket)
            session, task = self._begin(query)
            await _send(socket, "ServerSessionInformationEvent", task.event())
            recording = await self._listen(socket, chain, session, task)
            await self._conclude(session, recording)
            await _send(socket, "DisconnectionEvent", {"TimestampMillis": self._millis()})
            await socket.close(1000)
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else 1006
            if session:
                self._sessions.fail(session.session_id, f"the client closed the stream ({code})")
        except _Refused as refused:
            if session:
                self._sessions.fail(session.session_id, refused.message)
            await self._refuse(socket, refused.code, refused.message)
        except Exception:
            _log.exception("a liveness stream failed")
            if session:
                self._sessions.fail(session.session_id, "internal error")
            await self._refuse(socket, "InternalServerException", "The stream failed on our side.")
        finally:
            self._streams -= 1

    def _verify(self, socket: ServerConnection) -> tuple[dict[str, str], signing.ChunkChain]:
        if self._streams > MAX_STREAMS:
            raise _Refused("ServiceQuotaExceededException", "Too many streams at once.")
        assert socket.request is not None  # noqa: S101 - the handshake is over
        target, host = socket.request.path, socket.request.headers.get("Host", "")
        key = signing.access_key_of(target)
        credentials = self._credentials_for(key) if key else None
        try:
            verified = signing.verify(target, host, self._region, credentials, self._now())
        except signing.SignatureRefused as refused:
            raise _Refused(refused.code, refused.message) from None
        if credentials is None or not credentials.allows(signing.ACTION):
            message = f"The caller is not authorized to perform: {signing.ACTION}"
            raise _Refused("AccessDeniedException", message)
        return verified

    def _begin(self, query: dict[str, str]) -> tuple[Session, challenge.Challenge]:
        try:
            width, height = int(query["video-width"]), int(query["video-height"])
        except (KeyError, ValueError):
            raise _Refused("ValidationException", "video-width and video-height must be numbers.") from None
        if width not in SIZES or height not in SIZES:
            raise _Refused("ValidationException", "video-width and video-height must be 100 to 1920.")
        offered = {entry.rpartition("_")[0] for entry in query.get("challenge-versions", "").split(",")}
        try:
            session = self._sessions.start(query.get("session-id", ""), offered)
        except RekognitionError as error:
            raise _Refused(error.code, error.message) from None
        except SessionTaken as taken:
            raise _Refused("ValidationException", str(taken)) from None
        return session, challenge.draw(session.kind, width, height, _dice)

    async def _listen(
        self,
        socket: ServerConnection,
        chain: signing.ChunkChain,
        session: Session,
        task: challenge.Challenge,
    ) -> Recording:
        talk = Conversation(task, monotonic())
        left = (self._sessions.expires(session) - self._now()).total_seconds()
        try:
            async with asyncio.timeout(left):
                while True:
                    data = await socket.recv()
                    if isinstance(data, str):
                        raise _Refused("ValidationException", "Messages must be binary.")
                    recording = talk.take(chain.verify(data), monotonic())
                    if recording is not None:
                        return recording
        except TimeoutError:
            raise _Refused("ValidationException", "The session has expired.") from None
        except framing.FramingError as error:
            raise _Refused("ValidationException", f"A message is damaged: {error}.") from None
        except signing.SignatureRefused as refused:
            raise _Refused(refused.code, refused.message) from None
        except ProtocolError as error:
            raise _Refused("ValidationException", str(error)) from None

    async def _conclude(self, session: Session, recording: Recording) -> None:
        audit = int(session.settings.get("AuditImagesLimit", 0))
        loop = asyncio.get_running_loop()
        verdict = await loop.run_in_executor(self._pool, self._judge, session, recording, audit)
        if not verdict.enough:
            raise _Refused("ValidationException", "The video could not be judged. Please try again.")

    def _judge(self, session: Session, recording: Recording, audit: int) -> Verdict:
        """Judge a recording. Runs in the pool, because it computes for long and may store images in S3."""
        verdict = judge(recording, self._engine, audit)
        try:
            self._sessions.finish(session.session_id, verdict)
        except SessionNotFoundException:
            raise _Refused("ValidationException", "The session has expired.") from None
        return verdict

    async def _refuse(self, socket: ServerConnection, code: str, message: str) -> None:
        """Send an exception event, let the client close first, else close with 1011."""
        headers: dict[str, framing.HeaderValue] = {
            ":message-type": "exception",
            ":exception-type": code,
            ":content-type": "application/json",
        }
        payload = json.dumps({"Message": message, "Code": code}).encode()
        try:
            await socket.send(framing.encode(framing.Message(headers, payload)))
            async with asyncio.timeout(GRACE_S):
                while True:
                    await socket.recv()
        except TimeoutError:
            await socket.close(1011)
        except ConnectionClosed:
            return

    def _millis(self) -> int:
        return int(self._now().timestamp() * 1000)


class _Connection(ServerConnection):
    """A connection that responds to the client's close codes with 1000 instead of echoing them."""

    def __init__(self, protocol: ServerProtocol, *args: Any, **kwargs: Any) -> None:
        protocol.__class__ = _PlainlyClosed  # `serve` makes the protocol itself and takes no factory
        super().__init__(protocol, *args, **kwargs)


class _PlainlyClosed(ServerProtocol):
    def send_frame(self, frame: Frame) -> None:
        echoed = frame.opcode is Opcode.CLOSE and self.state is OPEN and self.close_rcvd is not None
        super().send_frame(Frame(Opcode.CLOSE, Close(1000, "").serialize()) if echoed else frame)


async def _send(socket: ServerConnection, event: str, body: dict[str, Any]) -> None:
    headers: dict[str, framing.HeaderValue] = {
        ":message-type": "event",
        ":event-type": event,
        ":content-type": "application/json",
    }
    await socket.send(framing.encode(framing.Message(headers, json.dumps(body).encode())))

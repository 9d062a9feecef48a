"""The stream as a client meets it: whole sessions in real time, and everything that is refused."""

import ssl
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from local.aws.sigv4 import Credentials
from local.camera import ServerRefused, play
from local.liveness import certificate, framing
from local.liveness.challenge import LIGHT, MOVEMENT
from local.liveness.sessions import Sessions
from local.liveness.stream import StreamServer
from tests.support import clips
from tests.support.clips import film, script
from tests.support.patience import PATIENCE_S
from tests.support.stream_client import CREDENTIALS, KEY, REGION, Client, new


@pytest.fixture(scope="module")
def sessions() -> Sessions:
    return Sessions()


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def server(sessions: Sessions, state: Path) -> Iterator[StreamServer]:
    server = StreamServer(
        sessions, clips.engine(), {KEY: CREDENTIALS}.get, REGION, "127.0.0.1", port=0, tls_port=0, state=state
    )
    server.start()
    yield server
    server.stop()


Opener = Callable[..., Client]


@pytest.fixture
def opened() -> Iterator[Opener]:
    """Open clients that are closed when the test is over."""
    with ExitStack() as stack:
        yield lambda *where, **how: stack.enter_context(Client(*where, **how))


@pytest.mark.parametrize("kind", [MOVEMENT, LIGHT])
def test_an_honest_session_succeeds_end_to_end(server: StreamServer, sessions: Sessions, kind: str) -> None:
    session_id = new(sessions, kind, AuditImagesLimit=2)
    played = play(
        server.url,
        session_id,
        REGION,
        KEY,
        CREDENTIALS,
        clips.ASTRONAUT.read_bytes(),
        engine=clips.engine(),
        width=320,
        height=240,
    )
    results = sessions.results({"SessionId": session_id})
    assert played.challenge == kind
    assert results["Status"] == "SUCCEEDED"
    assert results["Confidence"] >= 95, sessions.explain(session_id)
    assert len(results["AuditImages"]) == 2
    assert results["ReferenceImage"]["Bytes"][:3] == b"\xff\xd8\xff"


def test_a_video_sent_faster_than_recorded_completes_and_is_not_live(
    opened: Opener, server: StreamServer, sessions: Sessions
) -> None:
    """Over TLS; the client is told only that the session is complete, as AWS does."""
    session_id, recorded = new(sessions), film(script()).video
    tls = ssl.create_default_context(cafile=str(server._state / certificate.NAME))
    client = opened(server.tls_url, session_id, tls=tls)
    assert client.hear()[0] == "ServerSessionInformationEvent"
    client.video(recorded)
    client.start()
    client.end()
    name, body = client.hear()
    assert name == "DisconnectionEvent"
    assert abs(body["TimestampMillis"] / 1000 - time.time()) < 60
    assert client.closed() == 1000
    assert sessions.results({"SessionId": session_id})["Confidence"] < 50


def test_too_few_frames_are_an_exception_and_a_failed_session(
    opened: Opener, server: StreamServer, sessions: Sessions
) -> None:
    session_id = new(sessions)
    client = opened(server.url, session_id)
    client.hear()
    client.video(film(script(), lambda at: script().frame(at) if at < 1 else None).video)
    client.start()
    client.end()
    name, body = client.hear()
    assert (name, body["Code"]) == ("ValidationException", "ValidationException")
    assert "try again" in body["Message"]
    assert client.closed() == 1011
    assert sessions.results({"SessionId": session_id})["Status"] == "FAILED"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param(
            {"at": datetime.now(UTC) - timedelta(minutes=6)}, "InvalidSignatureException", id="expired"
        ),
        pytest.param({"region": "eu-west-1"}, "InvalidSignatureException", id="another region"),
        pytest.param(
            {"credentials": Credentials("no", "session token")}, "InvalidSignatureException", id="secret"
        ),
        pytest.param({"credentials": Credentials("secret")}, "UnrecognizedClientException", id="no token"),
        pytest.param({"video_width": "99999"}, "ValidationException", id="size"),
        pytest.param(
            {"challenge_versions": f"{LIGHT}_2.0.0"}, "ValidationException", id="challenge not offered"
        ),
    ],
)
def test_an_opening_is_refused(
    opened: Opener, server: StreamServer, sessions: Sessions, change: dict[str, Any], code: str
) -> None:
    client = opened(server.url, new(sessions), **change)
    assert client.hear()[0] == code
    assert client.closed() == 1011


def test_an_unknown_session_is_refused(opened: Opener, server: StreamServer) -> None:
    client = opened(server.url, "00000000-0000-4000-8000-000000000000")
    assert client.hear()[0] == "SessionNotFoundException"


def test_a_session_is_streamed_only_once(opened: Opener, server: StreamServer, sessions: Sessions) -> None:
    session_id = new(sessions)
    first, second = opened(server.url, session_id), opened(server.url, session_id)
    assert first.hear()[0] == "ServerSessionInformationEvent"
    name, body = second.hear()
    assert name == "ValidationException"
    assert "already been used" in body["Message"]
    assert sessions.results({"SessionId": session_id})["Status"] == "IN_PROGRESS"


@pytest.mark.parametrize("code", [4001, 4003, 4007, 1000])
def test_the_clients_own_close_codes_are_answered_with_1000(
    opened: Opener, server: StreamServer, sessions: Sessions, code: int
) -> None:
    """Echoed, AWS's browser component would report its own code as a second error."""
    session_id = new(sessions)
    client = opened(server.url, session_id)
    client.hear()
    client.socket.close(code)
    assert client.closed() == 1000
    until = time.monotonic() + PATIENCE_S
    while sessions.results({"SessionId": session_id})["Status"] != "FAILED" and time.monotonic() < until:
        time.sleep(0.01)
    assert str(code) in sessions.explain(session_id)["reason"]


def junk(client: Client) -> None:
    client.socket.send(b"\x00" * 64)


def text(client: Client) -> None:
    client.socket.send("hello")


def unsigned(client: Client) -> None:
    client.socket.send(framing.encode(framing.Message({}, b"{}")))


def replayed(client: Client) -> None:
    signed = client.chain.sign(
        framing.encode(framing.Message({":message-type": "event"}, b"{}")), datetime.now(UTC)
    )
    client.socket.send(signed.replace(b"{}", b"[]"))


def endless(client: Client) -> None:
    for _ in range(14):
        client.video(b"\x00" * 700_000)


def twice(client: Client) -> None:
    client.start()
    client.start()


def other_id(client: Client) -> None:
    client.start()
    client.tell(ChallengeId="another", VideoEndTimestamp=2000)


def on_after_the_end(client: Client) -> None:
    client.start()
    client.tell(VideoEndTimestamp=5000, TargetFace={"BoundingBox": {}})
    client.video(b"more")


@pytest.mark.parametrize(
    "misbehave",
    [
        junk,
        text,
        unsigned,
        replayed,
        endless,
        twice,
        other_id,
        on_after_the_end,
        pytest.param(lambda client: client.end(), id="ends without a start"),
        pytest.param(lambda client: client.video(b""), id="no video at all"),
        pytest.param(lambda client: client.say("VideoEvent", b"not json"), id="no JSON"),
        pytest.param(lambda client: client.say("VideoEvent", b"[" * 50_000), id="deep JSON"),
        pytest.param(
            lambda client: client.say("VideoEvent", {"VideoChunk": "%%%", "TimestampMillis": 1}),
            id="no base64",
        ),
        pytest.param(lambda client: client.say("AudioEvent", {}), id="unknown event"),
        pytest.param(lambda client: client.tell(ColorDisplayed={}), id="colours in a movement challenge"),
        pytest.param(lambda client: client.tell(VideoStartTimestamp=float("nan")), id="no number"),
    ],
)
def test_misbehaviour_is_an_exception_and_a_failed_session(
    opened: Opener, server: StreamServer, sessions: Sessions, misbehave: Any
) -> None:
    session_id = new(sessions)
    client = opened(server.url, session_id)
    client.hear()
    misbehave(client)
    assert client.hear()[0] in {"ValidationException", "InvalidSignatureException"}
    client.socket.close(4000)
    assert sessions.results({"SessionId": session_id})["Status"] == "FAILED"


def test_a_message_over_a_mebibyte_closes_the_stream(
    opened: Opener, server: StreamServer, sessions: Sessions
) -> None:
    client = opened(server.url, new(sessions))
    client.hear()
    client.socket.send(b"\x00" * (framing.MAX_MESSAGE + 1))
    assert client.closed() == 1009


def test_a_session_that_runs_out_of_time_ends_its_stream(opened: Opener, state: Path) -> None:
    offset = timedelta(0)
    made = Sessions(now=lambda: datetime.now(UTC) + offset)
    server = StreamServer(
        made, clips.engine(), {KEY: CREDENTIALS}.get, REGION, "127.0.0.1", port=0, tls_port=0, state=state,
        now=lambda: datetime.now(UTC) + offset,
    )  # fmt: skip
    server.start()
    session_id = new(made)
    offset = timedelta(minutes=2, seconds=57)  # time to open the stream, also on a slow machine
    client = opened(server.url, session_id, at=datetime.now(UTC) + offset)
    assert client.hear()[0] == "ServerSessionInformationEvent"
    name, body = client.hear()
    server.stop()
    assert (name, body["Message"]) == ("ValidationException", "The session has expired.")


def test_another_path_is_not_found(server: StreamServer) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"{server.url}/elsewhere")
    assert refused.value.response.status_code == 404


def test_stopping_does_not_wait_for_open_streams(opened: Opener, state: Path) -> None:
    made = Sessions()
    server = StreamServer(
        made, clips.engine(), {KEY: CREDENTIALS}.get, REGION, "127.0.0.1", port=0, tls_port=0, state=state
    )
    server.start()
    clients = [opened(server.url, new(made)) for _ in range(5)]
    for client in clients:
        client.hear()
    server.stop()
    assert {client.closed() for client in clients} == {1001}  # not by a time-out


def test_a_taken_port_is_an_error_at_start(server: StreamServer, sessions: Sessions, state: Path) -> None:
    taken = int(server.url.rpartition(":")[2])
    second = StreamServer(
        sessions,
        clips.engine(),
        {KEY: CREDENTIALS}.get,
        REGION,
        "127.0.0.1",
        port=taken,
        tls_port=0,
        state=state,
    )
    with pytest.raises(OSError, match="address already in use"):
        second.start()


def test_the_key_of_the_certificate_is_private_and_kept(tmp_path: Path) -> None:
    certificate.context(tmp_path, "127.0.0.1")
    path = tmp_path / certificate.NAME
    first = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    certificate.context(tmp_path, "127.0.0.1")
    assert path.read_bytes() == first


@pytest.mark.parametrize("found", [b"", b"garbage", None], ids=["empty", "garbage", "about to expire"])
def test_a_certificate_that_will_not_do_is_made_anew(tmp_path: Path, found: bytes | None) -> None:
    path = tmp_path / certificate.NAME
    if found is None:
        certificate.context(tmp_path, "127.0.0.1", now=datetime.now(UTC) - certificate.LIFETIME)
        found = path.read_bytes()
    else:
        path.write_bytes(found)
    certificate.context(tmp_path, "127.0.0.1")
    assert path.read_bytes() != found


def test_the_camera_says_why_a_session_was_refused(server: StreamServer) -> None:
    with pytest.raises(ServerRefused) as refused:
        play(
            server.url,
            "00000000-0000-4000-8000-000000000000",
            REGION,
            KEY,
            CREDENTIALS,
            clips.ASTRONAUT.read_bytes(),
            engine=clips.engine(),
        )
    assert refused.value.code == "SessionNotFoundException"

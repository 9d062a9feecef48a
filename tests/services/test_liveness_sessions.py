"""The routes of liveness sessions: what a camera page is given, and what a session says of itself."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import msgspec
import pytest
from botocore.exceptions import ClientError

from chalicelib import wiring
from chalicelib.aws.attendance_store import AttendanceStore
from chalicelib.aws.collection import FaceCollection
from chalicelib.config import Challenge
from chalicelib.domain.session import Session, SessionState
from local.aws.embedded import REGION, Embedded
from local.camera.__main__ import main
from local.liveness.judge import Signal, Verdict
from tests.conftest import CONSENT, Finish, Http, Scan, unknown_session
from tests.support.answers import check_refused
from tests.support.clips import ASTRONAUT
from tests.support.faces import JPEG
from tests.support.photos import photo_of_c


def begin(http: Http) -> dict[str, Any]:
    answer = http.post("/v1/liveness-sessions")
    assert answer.status_code == 201, answer.body
    session: dict[str, Any] = answer.json_body
    return session


def status(http: Http, session_id: str) -> str:
    answer = http.get(f"/v1/liveness-sessions/{session_id}")
    assert answer.status_code == 200, answer.body
    assert set(answer.json_body) == {"session_id", "status", "expires_at"}, "no score, no image"
    shown: str = answer.json_body["status"]
    return shown


@pytest.fixture
def assumed(http: Http) -> Iterator[list[dict[str, Any]]]:
    """Collect what is asked of STS."""
    seen: list[dict[str, Any]] = []
    events = wiring.streaming()._client.meta.events

    def note(params: dict[str, Any], **_: Any) -> None:
        seen.append(dict(params))

    events.register("provide-client-params.sts.AssumeRole", note, "assumed")
    yield seen
    events.unregister("provide-client-params.sts.AssumeRole", unique_id="assumed")


def test_a_session_comes_with_all_that_a_camera_page_needs(http: Http, aws: Embedded) -> None:
    before = datetime.now(UTC)
    session = begin(http)
    assert set(session) == {"session_id", "region", "expires_at", "server_time", "streaming"}
    assert session["region"] == REGION
    server_time = datetime.fromisoformat(session["server_time"])
    assert before <= server_time <= datetime.now(UTC)
    assert datetime.fromisoformat(session["expires_at"]) == server_time + timedelta(minutes=3)
    streaming = session["streaming"]
    assert streaming["endpoint"] == wiring.environment().stream_url == aws.stream_url
    assert set(streaming["credentials"]) == {
        "access_key_id",
        "secret_access_key",
        "session_token",
        "expiration",
    }
    assert begin(http)["session_id"] != session["session_id"]


def test_the_credentials_are_temporary_and_those_of_the_stream(http: Http, aws: Embedded) -> None:
    lent = begin(http)["streaming"]["credentials"]
    known = aws.credentials_for(lent["access_key_id"])
    assert known is not None
    assert (known.secret, known.token) == (lent["secret_access_key"], lent["session_token"])
    left = datetime.fromisoformat(lent["expiration"]) - datetime.now(UTC)
    assert timedelta(minutes=14) < left <= timedelta(minutes=15, seconds=1)


def test_the_credentials_can_do_nothing_but_stream(http: Http, assumed: list[dict[str, Any]]) -> None:
    begin(http)
    [asked] = assumed
    assert asked["RoleArn"] == "arn:aws:iam::123456789012:role/rollcall-local-streaming"
    assert asked["RoleSessionName"] == http.token_id("admin"), "as CloudTrail shows it"
    assert asked["DurationSeconds"] == 900, "the least that STS gives"
    assert json.loads(asked["Policy"])["Statement"] == [
        {"Effect": "Allow", "Action": "rekognition:StartFaceLivenessSession", "Resource": "*"}
    ]


def test_a_repeated_request_is_the_same_session_with_other_credentials_and_none_are_kept(
    http: Http, scan: Scan
) -> None:
    key = {"Idempotency-Key": "the-front-door-1"}
    answers = [http.post("/v1/liveness-sessions", headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    first, again = (answer.json_body for answer in answers)
    same = ("session_id", "expires_at", "region")
    assert [again[name] for name in same] == [first[name] for name in same]
    lent, fresh = (answer["streaming"]["credentials"] for answer in (first, again))
    kept = scan()
    for name in ("access_key_id", "secret_access_key", "session_token"):
        assert lent[name] != fresh[name]
        assert lent[name] not in kept
        assert fresh[name] not in kept
    assert status(http, first["session_id"]) == "waiting"
    other = http.as_("kiosk").post("/v1/liveness-sessions", headers=key)
    assert other.json_body["session_id"] != first["session_id"], "keys are each caller's own"


def test_the_role_itself_can_do_nothing_more(boto: Callable[[str], Any]) -> None:
    iam, role = boto("iam"), "rollcall-local-streaming"
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    documents = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
    actions = [statement["Action"] for document in documents for statement in document["Statement"]]
    assert actions == ["rekognition:StartFaceLivenessSession"] or actions == [
        ["rekognition:StartFaceLivenessSession"]
    ]


def test_a_stage_without_a_role_lends_nothing(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring.streaming(), "_role", "")
    assert begin(http)["streaming"] is None


def test_a_session_says_where_it_stands(http: Http, aws: Embedded, finish: Finish) -> None:
    person = http.post("/v1/people", {"name": "A", "consent": CONSENT}).json_body["person_id"]
    http.post(f"/v1/people/{person}/faces", photo_of_c(), JPEG)
    session_id = begin(http)["session_id"]
    assert status(http, session_id) == "waiting"
    aws.sessions.start(session_id)
    assert status(http, session_id) == "running"
    finish(session_id, photo_of_c())
    assert status(http, session_id) == "finished"
    assert status(http, session_id) == "finished", "asking has no effect"
    assert http.post("/v1/punches", {"liveness_session_id": session_id}).status_code == 201
    assert status(http, session_id) == "used"


def test_a_failed_session_is_finished_too(http: Http, finish: Finish) -> None:
    session_id = begin(http)["session_id"]
    finish(session_id, None, enough=False)
    assert status(http, session_id) == "finished"


def test_a_session_that_rekognition_has_forgotten_is_expired(
    http: Http, attendance_store: AttendanceStore
) -> None:
    session_id = unknown_session()
    long_ago = datetime.now(UTC) - timedelta(minutes=10)
    by = http.token_id("admin")
    attendance_store.add_session(
        Session(session_id=session_id, created_at=long_ago, by=by, state=SessionState.ISSUED)
    )
    assert status(http, session_id) == "expired"
    answer = http.post("/v1/punches", {"liveness_session_id": session_id})
    check_refused(answer, 410, "SessionExpired")


def test_a_session_that_nobody_streamed_to_expires_after_three_minutes(
    http: Http, aws: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = begin(http)["session_id"]
    monkeypatch.setattr(aws.sessions, "_now", lambda: datetime.now(UTC) + timedelta(minutes=3, seconds=1))
    assert status(http, session_id) == "expired"


def test_a_session_that_is_not_ours_is_a_404(http: Http, boto: Callable[[str], Any]) -> None:
    foreign = boto("rekognition").create_face_liveness_session()["SessionId"]
    for session_id in (foreign, unknown_session()):
        answer = http.get(f"/v1/liveness-sessions/{session_id}")
        check_refused(answer, 404, "SessionNotFound")
    assert http.get("/v1/liveness-sessions/x").status_code == 400


def test_rekognition_being_busy_is_a_503_that_says_when_to_come_back(
    http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = ClientError(
        {"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "CreateFaceLivenessSession"
    )

    def throttled(seed: str | None) -> str:
        raise error

    monkeypatch.setattr(wiring.collection(), "start_session", throttled)
    answer = http.post("/v1/liveness-sessions")
    check_refused(answer, 503, "Busy")
    assert int(answer.headers["Retry-After"]) >= 1
    assert b"slow down" not in msgspec.json.encode(answer.json_body)


@pytest.mark.parametrize("kind", ["FaceMovementAndLightChallenge", "FaceMovementChallenge"])
def test_a_session_asks_for_the_challenge_of_the_stage(
    aws: Embedded, boto: Callable[[str], Any], kind: Challenge
) -> None:
    env = wiring.environment()
    session = FaceCollection(boto("rekognition"), env.collection, env.bucket, kind).start_session()
    results = boto("rekognition").get_face_liveness_session_results(SessionId=session)
    assert results["Challenge"]["Type"] == kind


def test_a_seed_asks_for_one_session_of_each_challenge(boto: Callable[[str], Any]) -> None:
    """A deployment may change the challenge between a request and its repetition."""
    env = wiring.environment()
    light, movement = (
        FaceCollection(boto("rekognition"), env.collection, env.bucket, kind)
        for kind in ("FaceMovementAndLightChallenge", "FaceMovementChallenge")
    )
    first = light.start_session("0" * 24)
    assert light.start_session("0" * 24) == first
    assert movement.start_session("0" * 24) != first


def explanation(aws: Embedded, session_id: str, method: str = "GET") -> tuple[int, dict[str, Any]]:
    """What the embedded AWS says of its verdict, as anybody on this machine may ask; nothing is signed."""
    request = Request(  # noqa: S310 - our own server
        f"{aws.aws_url}/_rollcall/liveness-sessions/{session_id}/explain", method=method
    )
    try:
        with urlopen(request) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_a_verdict_explains_itself_on_the_aws_port(http: Http, aws: Embedded) -> None:
    session_id = begin(http)["session_id"]
    signals = (
        Signal("growth", 2.1, 1.5, True, 1.0, ""),
        Signal("relief", 0.01, 0.035, False, -0.7, "the face moves like a flat picture"),
    )
    flat = Verdict(enough=True, live=False, confidence=14.4, reason=signals[1].why, signals=signals)
    aws.sessions.finish(session_id, flat)
    code, said = explanation(aws, session_id)
    assert code == 200
    assert (said["status"], said["confidence"], said["reason"]) == ("SUCCEEDED", 14.4, signals[1].why)
    assert said["signals"]["relief"] == {
        "value": 0.01,
        "threshold": 0.035,
        "passed": False,
        "margin": -0.7,
        "why": "the face moves like a flat picture",
    }
    assert said["signals"]["growth"]["passed"] is True
    assert not {"image", "Bytes"} & set(said), "no picture of anybody"


def test_before_a_verdict_there_is_nothing_to_explain(http: Http, aws: Embedded) -> None:
    code, said = explanation(aws, begin(http)["session_id"])
    assert (code, said["status"], said["signals"]) == (200, "CREATED", {})


@pytest.mark.parametrize(
    ("session_id", "method", "code"), [("nobody-asked", "GET", 404), ("nobody-asked", "DELETE", 405)]
)
def test_an_explanation_of_nothing(aws: Embedded, session_id: str, method: str, code: int) -> None:
    assert explanation(aws, session_id, method)[0] == code


def test_the_camera_prints_the_explanation(
    http: Http, aws: Embedded, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    session_id = begin(http)["session_id"]
    aws.sessions.finish(session_id, Verdict(False, False, None, "not enough video: as told"))
    run = {
        "aws_url": aws.aws_url,
        "stream_url": aws.stream_url,
        "region": REGION,
        "access_key_id": aws.key.id,
        "secret_access_key": aws.key.secret,
    }
    (tmp_path / "run.json").write_text(json.dumps(run))  # as `make run` leaves it
    assert (
        main(["--state", str(tmp_path), "--session", session_id, "--photo", str(ASTRONAUT), "--explain"]) == 1
    )
    said = capsys.readouterr()
    assert json.loads(said.out)["reason"] == "not enough video: as told"
    assert "already been used" in said.err

"""Sessions: states, expiry, idempotency, choices, and where the images go."""

import threading
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.session import get_session
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from local.liveness import sessions
from local.liveness.challenge import LIGHT, MOVEMENT, draw
from local.liveness.judge import Picture, Signal, Verdict
from local.liveness.sessions import Sessions, SessionTaken
from local.rekognition.exceptions import (
    IdempotentParameterMismatchException,
    InvalidParameterException,
    SessionNotFoundException,
    ValidationException,
)
from tests.support.clips import rng

LIVE = Verdict(
    enough=True,
    live=True,
    confidence=98.5,
    reason="live",
    signals=(Signal("growth", 2.0, 1.5, passed=True, margin=1.0, why=""),),
    reference=Picture(b"best", (0.1, 0.2, 0.3, 0.4)),
    audit=(Picture(b"one", (0, 0, 1, 1)), Picture(b"two", (0, 0, 1, 1))),
)
SPOOF = Verdict(enough=True, live=False, confidence=3.0, reason="flat", reference=LIVE.reference)
LACKING = Verdict(
    enough=False, live=False, confidence=None, reason="not enough video: too few frames arrived"
)


class Clock:
    """A time that moves when told to."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def made(clock: Clock) -> Sessions:
    return Sessions(now=clock)


def create(made: Sessions, **request: Any) -> str:
    return str(made.create(request)["SessionId"])


def status(made: Sessions, session_id: str) -> str:
    return str(made.results({"SessionId": session_id})["Status"])


def test_a_new_session_is_created_with_the_light_challenge(made: Sessions) -> None:
    session_id = create(made)
    assert str(uuid.UUID(session_id)) == session_id
    assert made.results({"SessionId": session_id}) == {
        "SessionId": session_id,
        "Status": "CREATED",
        "Challenge": {"Type": LIGHT, "Version": "2.0.0"},
    }


def test_a_session_goes_from_created_over_in_progress_to_succeeded(made: Sessions) -> None:
    session_id = create(made, Settings={"AuditImagesLimit": 1})
    made.start(session_id)
    assert status(made, session_id) == "IN_PROGRESS"
    made.finish(session_id, LIVE)
    results = made.results({"SessionId": session_id})
    assert results["Status"] == "SUCCEEDED"
    assert results["Confidence"] == 98.5
    assert results["Feedback"] == []
    assert results["ReferenceImage"] == {
        "Bytes": b"best",
        "BoundingBox": {"Left": 0.1, "Top": 0.2, "Width": 0.3, "Height": 0.4},
    }
    assert [image["Bytes"] for image in results["AuditImages"]] == [b"one"]


def test_results_fit_the_service_model(made: Sessions) -> None:
    session_id = create(made)
    made.finish(session_id, LIVE)
    client = get_session().create_client("rekognition", region_name="us-east-1")
    Stubber(client).add_response("get_face_liveness_session_results", made.results({"SessionId": session_id}))


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        pytest.param(LIVE, "SUCCEEDED", id="live"),
        pytest.param(SPOOF, "SUCCEEDED", id="a spoof was judged all right: its confidence says it"),
        pytest.param(LACKING, "FAILED", id="not enough to judge"),
    ],
)
def test_status_tells_a_spoof_from_a_video_that_could_not_be_judged(
    made: Sessions, verdict: Verdict, expected: str
) -> None:
    session_id = create(made)
    made.start(session_id)
    made.finish(session_id, verdict)
    assert status(made, session_id) == expected
    assert ("Confidence" in made.results({"SessionId": session_id})) == verdict.enough
    assert made.explain(session_id)["reason"] == verdict.reason


@pytest.mark.parametrize(
    ("seconds", "started", "expected"),
    [
        pytest.param(179, False, "CREATED", id="a second before three minutes"),
        pytest.param(180, False, "EXPIRED", id="three minutes, never used"),
        pytest.param(180, True, "EXPIRED", id="three minutes, stream still open"),
        pytest.param(359, False, "EXPIRED", id="remembered for another three minutes"),
        pytest.param(360, False, None, id="then forgotten"),
    ],
)
def test_expiry(made: Sessions, clock: Clock, seconds: int, started: bool, expected: str | None) -> None:
    session_id = create(made)
    if started:
        made.start(session_id)
    clock.forward(seconds)
    if expected is None:
        with pytest.raises(SessionNotFoundException):
            status(made, session_id)
    else:
        assert status(made, session_id) == expected


def test_a_result_is_gone_after_three_minutes(made: Sessions, clock: Clock) -> None:
    session_id = create(made)
    clock.forward(100)
    made.finish(session_id, LIVE)
    clock.forward(79)
    assert status(made, session_id) == "SUCCEEDED"
    clock.forward(1)
    with pytest.raises(SessionNotFoundException):
        made.results({"SessionId": session_id})


def test_an_expired_session_takes_neither_stream_nor_verdict(made: Sessions, clock: Clock) -> None:
    session_id = create(made)
    clock.forward(180)
    with pytest.raises(SessionNotFoundException):
        made.start(session_id)
    with pytest.raises(SessionNotFoundException):
        made.finish(session_id, LIVE)


def test_a_session_has_one_stream(made: Sessions) -> None:
    session_id = create(made)
    made.start(session_id)
    with pytest.raises(SessionTaken):
        made.start(session_id)


def test_a_client_that_does_not_offer_the_challenge_leaves_the_session_unused(made: Sessions) -> None:
    session_id = create(made)
    with pytest.raises(ValidationException):
        made.start(session_id, offered={MOVEMENT})
    assert status(made, session_id) == "CREATED"


def test_a_stream_that_breaks_off_fails_its_session_for_good(made: Sessions) -> None:
    session_id = create(made)
    made.start(session_id)
    made.fail(session_id, "the client closed the stream (4003)")
    made.finish(session_id, LIVE)
    assert status(made, session_id) == "FAILED"
    assert "4003" in made.explain(session_id)["reason"]


def test_the_first_verdict_stands(made: Sessions) -> None:
    session_id = create(made)
    made.finish(session_id, SPOOF)
    made.finish(session_id, LIVE)
    made.fail(session_id, "too late")
    assert made.results({"SessionId": session_id})["Confidence"] == 3.0


def test_the_same_token_gives_the_same_session(made: Sessions) -> None:
    settings = {"AuditImagesLimit": 2}
    first = create(made, ClientRequestToken="t", Settings=settings)
    assert create(made, Settings=settings, ClientRequestToken="t") == first
    assert create(made, Settings=settings) != first
    assert create(made, Settings=settings, ClientRequestToken="u") != first


def test_the_same_token_with_other_settings_is_refused(made: Sessions) -> None:
    create(made, ClientRequestToken="t")
    with pytest.raises(IdempotentParameterMismatchException):
        create(made, ClientRequestToken="t", Settings={"AuditImagesLimit": 2})


def test_a_token_is_forgotten_with_its_session(made: Sessions, clock: Clock) -> None:
    first = create(made, ClientRequestToken="t")
    clock.forward(360)
    assert create(made, ClientRequestToken="t", Settings={"AuditImagesLimit": 2}) != first


@pytest.mark.parametrize(
    ("preferences", "expected"),
    [
        pytest.param([], LIGHT, id="none"),
        pytest.param([{"Type": MOVEMENT}], MOVEMENT, id="movement"),
        pytest.param([{"Type": MOVEMENT}, {"Type": LIGHT}], MOVEMENT, id="the first wins"),
        pytest.param(
            [{"Type": LIGHT, "Versions": {"Minimum": "3.0.0"}}, {"Type": MOVEMENT}],
            MOVEMENT,
            id="a version that is not offered is passed over",
        ),
        pytest.param(
            [{"Type": LIGHT, "Versions": {"Minimum": "1.0.0", "Maximum": "2.0.0"}}], LIGHT, id="range"
        ),
        pytest.param([{"Type": MOVEMENT, "Versions": {"Minimum": "2.0.0"}}], None, id="too new"),
        pytest.param(
            [{"Type": LIGHT, "Versions": {"Minimum": "2.0.0", "Maximum": "1.0.0"}}], None, id="upside down"
        ),
    ],
)
def test_challenge_preferences(
    made: Sessions, preferences: list[dict[str, Any]], expected: str | None
) -> None:
    request = {"Settings": {"ChallengePreferences": preferences}}
    if expected is None:
        with pytest.raises(InvalidParameterException):
            made.create(request)
    else:
        results = made.results(made.create(request))
        assert results["Challenge"]["Type"] == expected


def test_images_go_to_the_bucket_when_there_is_an_output_config(clock: Clock) -> None:
    stored: dict[tuple[str, str], bytes] = {}

    def put_object(bucket: str, key: str, body: bytes) -> None:
        stored[bucket, key] = body

    made = Sessions(now=clock, put_object=put_object)
    output = {"S3Bucket": "evidence", "S3KeyPrefix": "liveness/"}
    session_id = create(made, Settings={"OutputConfig": output, "AuditImagesLimit": 4})
    made.finish(session_id, LIVE)
    results = made.results({"SessionId": session_id})
    images = [results["ReferenceImage"], *results["AuditImages"]]
    assert all("Bytes" not in image for image in images)
    keys = [(image["S3Object"]["Bucket"], image["S3Object"]["Name"]) for image in images]
    assert [stored[key] for key in keys] == [b"best", b"one", b"two"]
    assert all(name.startswith(f"liveness/{session_id}/") for _, name in keys)


def test_memory_stays_bounded(made: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 5)
    ids = [create(made) for _ in range(20)]
    known = [session_id for session_id in ids if session_id in made._sessions]
    assert known == ids[-5:]


def test_many_threads_start_a_session_only_once(made: Sessions) -> None:
    session_id = create(made)
    outcomes: list[bool] = []

    def start() -> None:
        try:
            made.start(session_id)
            outcomes.append(True)
        except SessionTaken:
            outcomes.append(False)

    threads = [threading.Thread(target=start) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 15 + [True]


@given(st.integers(100, 1920), st.integers(100, 1920), st.sampled_from([LIGHT, MOVEMENT]), st.integers())
def test_the_oval_lies_inside_the_frame_whatever_its_size(
    width: int, height: int, kind: str, seed: int
) -> None:
    drawn = draw(kind, width, height, rng(seed))
    left, top, wide, tall = drawn.oval.box
    assert -1 <= top <= top + tall <= height + 1
    if width >= height:
        assert 0 <= left <= left + wide <= width
    assert all(
        value > 0
        for value in drawn.event()["SessionInformation"]["Challenge"][kind]["OvalParameters"].values()
    )


def test_the_order_of_colours_changes_from_session_to_session() -> None:
    orders = {draw(LIGHT, 640, 480, rng(seed)).colors for seed in range(50)}
    assert len(orders) > 40
    assert {frozenset(order) for order in orders} == {frozenset(draw(LIGHT, 640, 480, rng(0)).colors)}

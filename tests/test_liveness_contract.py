"""The rules of a check-in hold whatever Rekognition answers: on replies shaped like AWS's own.

botocore's Stubber checks each reply against the service model; the table is the embedded one.
"""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from chalicelib import wiring
from chalicelib.access import Caller, Role
from chalicelib.attendance import NewPunch, PunchReceipt, punch, settle
from chalicelib.errors import (
    AmbiguousMatch,
    NoReferenceImage,
    NotLive,
    NotRecognised,
    SessionExpired,
    SessionNotFound,
    SessionPending,
    SessionUsed,
)
from chalicelib.faces import Faces
from chalicelib.ledger import Ledger
from chalicelib.models import Person, Session, SessionState
from chalicelib.store import Store

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
IMAGE = b"\xff\xd8\xff\xe0 the reference image"
FACE, OTHER_FACE = (str(uuid.UUID(int=number)) for number in (1, 2))

CALLER = Caller("front-door", Role.ADMIN, "front door")  # who may see whose punch it is

Reply = dict[str, Any]


class Rekognition:
    """A stubbed client; each reply is used once, in the order given, and none may be left."""

    def __init__(self) -> None:
        client = boto3.client(
            "rekognition",
            region_name="us-east-1",
            aws_access_key_id="stub",
            aws_secret_access_key="stub",
            config=Config(retries={"total_max_attempts": 1}),
        )
        self.stubber = Stubber(client)
        self.faces = Faces(client, "people", "bucket", "FaceMovementAndLightChallenge")

    def session(self, session_id: str, status: str, **fields: Any) -> None:
        reply = {"SessionId": session_id, "Status": status, **fields}
        self.stubber.add_response("get_face_liveness_session_results", reply, {"SessionId": session_id})

    def live(self, session_id: str, confidence: float = 99.0) -> None:
        self.session(session_id, "SUCCEEDED", Confidence=confidence, ReferenceImage={"Bytes": IMAGE})

    def error(self, code: str, status: int = 400, method: str = "get_face_liveness_session_results") -> None:
        self.stubber.add_client_error(method, code, "as AWS says it", status)

    def found(self, *matches: tuple[str, str, float]) -> None:
        """The search must be for the reference image, and for nothing that a caller sent."""
        reply = [
            {"Similarity": similarity, "Face": {"FaceId": face_id, "ExternalImageId": person_id}}
            for person_id, face_id, similarity in matches
        ]
        asked: Reply = {"CollectionId": "people", "Image": {"Bytes": IMAGE}}
        asked |= {"FaceMatchThreshold": ANY, "MaxFaces": ANY, "QualityFilter": ANY}
        self.stubber.add_response("search_faces_by_image", {"FaceMatches": reply}, asked)


@pytest.fixture
def rekognition() -> Iterator[Rekognition]:
    stubbed = Rekognition()
    with stubbed.stubber:
        yield stubbed
        stubbed.stubber.assert_no_pending_responses()


@pytest.fixture
def ann(store: Store) -> str:
    person = Person(person_id="ann", name="Ann", created_at=NOW, updated_at=NOW, face_ids=(FACE,))
    store.add_person(person)
    return person.person_id


@pytest.fixture
def session(ledger: Ledger) -> str:
    session_id = str(uuid.uuid4())
    ledger.add_session(
        Session(session_id=session_id, created_at=NOW, by=CALLER.token_id, state=SessionState.ISSUED)
    )
    return session_id


def check_in(ledger: Ledger, rekognition: Rekognition, session: str, at: datetime = NOW) -> PunchReceipt:
    body = NewPunch(liveness_session_id=session)
    return punch(ledger, wiring.access(), rekognition.faces, body, caller=CALLER, now=at)


def punches(ledger: Ledger, person_id: str = "ann") -> int:
    day = NOW.date()
    return len(list(ledger.punches(person_id, day - timedelta(days=2), day + timedelta(days=2))))


def is_spent(ledger: Ledger, session: str) -> bool:
    found = ledger.session(session)
    assert found is not None
    return found.state is SessionState.USED


def test_a_live_match_is_a_punch_with_its_evidence(
    ledger: Ledger, rekognition: Rekognition, ann: str, session: str
) -> None:
    rekognition.live(session, 98.7)
    rekognition.found((ann, FACE, 99.1))
    receipt = check_in(ledger, rekognition, session)
    assert (receipt.person_id, receipt.duplicate) == (ann, False)
    kept = ledger.punch(ann, receipt.punch_id)
    assert kept is not None
    assert kept.evidence is not None
    assert (kept.evidence.liveness, kept.evidence.similarity) == (98.7, 99.1)
    assert kept.evidence.session_id == session


@pytest.mark.parametrize("status", ["CREATED", "IN_PROGRESS"])
def test_an_unfinished_session_is_pending_and_stays_good(
    ledger: Ledger, rekognition: Rekognition, ann: str, session: str, status: str
) -> None:
    rekognition.session(session, status)
    with pytest.raises(SessionPending):
        check_in(ledger, rekognition, session)
    assert not is_spent(ledger, session)
    rekognition.live(session)
    rekognition.found((ann, FACE, 99.0))
    assert check_in(ledger, rekognition, session).person_id == ann


def test_a_session_that_aws_calls_expired_is_expired(
    ledger: Ledger, rekognition: Rekognition, ann: str, session: str
) -> None:
    rekognition.session(session, "EXPIRED")
    with pytest.raises(SessionExpired):
        check_in(ledger, rekognition, session)
    assert punches(ledger) == 0


def test_a_session_that_aws_has_forgotten_is_expired_if_it_was_ours(
    ledger: Ledger, rekognition: Rekognition, ann: str, session: str
) -> None:
    rekognition.error("SessionNotFoundException")
    with pytest.raises(SessionExpired):
        check_in(ledger, rekognition, session)


def test_a_session_that_nobody_here_asked_for_is_unknown_even_if_aws_says_live(
    ledger: Ledger, rekognition: Rekognition, ann: str
) -> None:
    foreign = str(uuid.uuid4())
    rekognition.live(foreign)
    rekognition.found((ann, FACE, 99.9))
    with pytest.raises(SessionNotFound):
        check_in(ledger, rekognition, foreign)
    assert punches(ledger) == 0


def failed(rekognition: Rekognition, session: str) -> None:
    rekognition.session(session, "FAILED")


def doubtful(rekognition: Rekognition, session: str) -> None:
    rekognition.live(session, 89.99)
    rekognition.found(("ann", FACE, 99.9))


def without_confidence(rekognition: Rekognition, session: str) -> None:
    rekognition.session(session, "SUCCEEDED", ReferenceImage={"Bytes": IMAGE})
    rekognition.found(("ann", FACE, 99.9))


@pytest.mark.parametrize("answer", [failed, doubtful, without_confidence])
def test_what_is_not_surely_live_is_refused_and_spends_the_session(
    ledger: Ledger, rekognition: Rekognition, ann: str, session: str, answer: Any
) -> None:
    answer(rekognition, session)
    with pytest.raises(NotLive):
        check_in(ledger, rekognition, session)
    assert is_spent(ledger, session)
    # AWS now says otherwise: a session has one outcome.
    rekognition.live(session)
    rekognition.found((ann, FACE, 99.9))
    with pytest.raises(SessionUsed):
        check_in(ledger, rekognition, session)
    assert punches(ledger) == 0


def test_the_threshold_itself_is_enough(
    ledger: Ledger, rekognition: Rekognition, ann: str, session: str
) -> None:
    rekognition.live(session, 90.0)
    rekognition.found((ann, FACE, 99.0))
    assert check_in(ledger, rekognition, session).person_id == ann


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="none"),
        pytest.param({"ReferenceImage": {}}, id="empty"),
        pytest.param({"ReferenceImage": {"Bytes": b""}}, id="no bytes"),
        pytest.param(
            {"ReferenceImage": {"S3Object": {"Bucket": "photos", "Name": "n"}}}, id="in a bucket instead"
        ),
        pytest.param({"AuditImages": [{"Bytes": IMAGE}]}, id="only audit images"),
    ],
)
def test_without_a_reference_image_nobody_is_matched(
    ledger: Ledger, rekognition: Rekognition, ann: str, session: str, fields: Reply
) -> None:
    rekognition.session(session, "SUCCEEDED", Confidence=99.0, **fields)
    with pytest.raises(NoReferenceImage):
        check_in(ledger, rekognition, session)
    assert punches(ledger) == 0


@pytest.mark.parametrize(
    ("matches", "refusal"),
    [
        pytest.param([], NotRecognised, id="nobody"),
        pytest.param([("ann", FACE, 94.99)], NotRecognised, id="under the threshold"),
        pytest.param(
            [("ann", FACE, 99.0), ("bob", OTHER_FACE, 98.5)], AmbiguousMatch, id="too close a second"
        ),
        pytest.param([("ann", OTHER_FACE, 99.9)], NotRecognised, id="a face that is not enrolled"),
        pytest.param([("eve", OTHER_FACE, 99.9)], NotRecognised, id="a person who is not here"),
    ],
)
def test_a_match_needs_threshold_and_margin(
    ledger: Ledger,
    rekognition: Rekognition,
    ann: str,
    session: str,
    matches: list[tuple[str, str, float]],
    refusal: type[Exception],
) -> None:
    rekognition.live(session)
    rekognition.found(*matches)
    with pytest.raises(refusal):
        check_in(ledger, rekognition, session)
    assert (punches(ledger), is_spent(ledger, session)) == (0, True)


def test_a_reference_image_in_which_the_search_sees_no_face_is_nobody(
    ledger: Ledger, rekognition: Rekognition, ann: str, session: str
) -> None:
    rekognition.live(session)
    rekognition.error("InvalidParameterException", method="search_faces_by_image")
    with pytest.raises(NotRecognised):
        check_in(ledger, rekognition, session)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        pytest.param("ThrottlingException", 400, id="throttled"),
        pytest.param("ProvisionedThroughputExceededException", 400, id="over the quota"),
        pytest.param("InternalServerError", 500, id="failed"),
    ],
)
@pytest.mark.parametrize("method", ["get_face_liveness_session_results", "search_faces_by_image"])
def test_trouble_at_aws_spends_nothing_and_is_known_as_trouble(
    ledger: Ledger, rekognition: Rekognition, ann: str, session: str, code: str, status: int, method: str
) -> None:
    if method == "search_faces_by_image":
        rekognition.live(session)
    rekognition.error(code, status, method)
    with pytest.raises(ClientError) as trouble:
        check_in(ledger, rekognition, session)
    assert wiring.is_busy(trouble.value), "the caller is told 503 and may try again"
    assert not is_spent(ledger, session)
    rekognition.live(session)
    rekognition.found((ann, FACE, 99.0))
    assert check_in(ledger, rekognition, session).person_id == ann


def test_denied_access_is_no_trouble_to_wait_for(
    ledger: Ledger, rekognition: Rekognition, ann: str, session: str
) -> None:
    rekognition.error("AccessDeniedException")
    with pytest.raises(ClientError) as denied:
        check_in(ledger, rekognition, session)
    assert not wiring.is_busy(denied.value)


def test_a_spent_session_is_used_though_aws_would_still_say_live(
    ledger: Ledger, rekognition: Rekognition, ann: str, session: str
) -> None:
    for _ in range(2):
        rekognition.live(session)
        rekognition.found((ann, FACE, 99.0))
    check_in(ledger, rekognition, session)
    with pytest.raises(SessionUsed):
        check_in(ledger, rekognition, session)
    assert punches(ledger) == 1


def test_a_spent_session_keeps_its_outcome_after_aws_has_forgotten_it(
    ledger: Ledger, rekognition: Rekognition, ann: str, session: str
) -> None:
    rekognition.live(session)
    rekognition.found((ann, FACE, 99.0))
    made = check_in(ledger, rekognition, session)
    rekognition.error("SessionNotFoundException")
    again = settle(
        ledger, wiring.access(), rekognition.faces, session, caller=CALLER, now=NOW + timedelta(minutes=4)
    )
    assert (again.first, again.outcome.punch_id) == (False, made.punch_id)

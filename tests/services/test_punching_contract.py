"""The rules of a check-in hold whatever Rekognition answers: on replies shaped like AWS's own.

botocore's Stubber checks each reply against the service model; the table is the embedded one.
"""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from chalicelib import wiring
from chalicelib.aws import client_events
from chalicelib.aws.attendance_store import AttendanceStore
from chalicelib.aws.collection import FaceCollection
from chalicelib.aws.directory import Directory
from chalicelib.domain.errors import (
    AmbiguousMatch,
    NoReferenceImage,
    NotLive,
    NotRecognised,
    SessionExpired,
    SessionNotFound,
    SessionPending,
    SessionUsed,
)
from chalicelib.domain.person import Person
from chalicelib.domain.session import Session, SessionState
from chalicelib.domain.token import Caller, Role
from chalicelib.services.punching import NewPunch, PunchReceipt, punch, use_session

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
IMAGE = b"\xff\xd8\xff\xe0 the reference image"
FACE, OTHER_FACE, BOBS_FACE = (str(uuid.UUID(int=number)) for number in (1, 2, 3))

CALLER = Caller("front-door", Role.ADMIN, "front door")  # who may see whose punch it is

Reply = dict[str, Any]


ANN, BOB = "ann", "bob"
A_MATCH = (ANN, FACE, 99.9)


class Door:
    """A kiosk with a session before a Rekognition that answers as it is told; Ann and Bob are enrolled.

    Each answer is used once, in the order given, and none may be left.
    """

    def __init__(self, directory: Directory, attendance_store: AttendanceStore) -> None:
        client = boto3.client(
            "rekognition",
            region_name="us-east-1",
            aws_access_key_id="stub",
            aws_secret_access_key="stub",
            config=Config(retries={"total_max_attempts": 1}),
        )
        self.stubber = Stubber(client)
        self.faces = FaceCollection(client, "people", "bucket", "FaceMovementAndLightChallenge")
        self.attendance_store = attendance_store
        self.session = str(uuid.uuid4())
        for person_id, face_id in ((ANN, FACE), (BOB, BOBS_FACE)):
            directory.add_person(
                Person(
                    person_id=person_id, name=person_id, created_at=NOW, updated_at=NOW, face_ids=(face_id,)
                )
            )
        issued = SessionState.ISSUED
        attendance_store.add_session(
            Session(session_id=self.session, created_at=NOW, by=CALLER.token_id, state=issued)
        )

    # --- what AWS answers ---

    def says(self, status: str, **fields: Any) -> None:
        """The session has a status."""
        reply = {"SessionId": self.session, "Status": status, **fields}
        self.stubber.add_response("get_face_liveness_session_results", reply, {"SessionId": self.session})

    def live(self, confidence: float = 99.0) -> None:
        """The session shows somebody live."""
        self.says("SUCCEEDED", Confidence=confidence, ReferenceImage={"Bytes": IMAGE})

    def found(self, *matches: tuple[str, str, float]) -> None:
        """The search finds these; it must be for the reference image, and for nothing that a caller sent."""
        reply = [
            {"Similarity": similarity, "Face": {"FaceId": face_id, "ExternalImageId": person_id}}
            for person_id, face_id, similarity in matches
        ]
        asked: Reply = {"CollectionId": "people", "Image": {"Bytes": IMAGE}}
        asked |= {"FaceMatchThreshold": ANY, "MaxFaces": ANY, "QualityFilter": ANY}
        self.stubber.add_response("search_faces_by_image", {"FaceMatches": reply}, asked)

    def live_ann(self) -> None:
        """The session shows Ann, live."""
        self.live()
        self.found(A_MATCH)

    def error(self, code: str, status: int = 400, method: str = "get_face_liveness_session_results") -> None:
        """A call fails."""
        self.stubber.add_client_error(method, code, "as AWS says it", status)

    # --- what comes of it ---

    def check_in(self) -> PunchReceipt:
        """Spend the session."""
        body = NewPunch(liveness_session_id=self.session)
        gateways = self.attendance_store, wiring.rate_limits(), self.faces
        receipt, _ = punch(*gateways, body, caller=CALLER, now=NOW)
        return receipt

    @property
    def punches(self) -> int:
        """How many Ann has."""
        day = NOW.date()
        return len(list(self.attendance_store.punches(ANN, day - timedelta(days=2), day + timedelta(days=2))))

    @property
    def spent(self) -> bool:
        """Whether the session is."""
        found = self.attendance_store.session(self.session)
        assert found is not None
        return found.state is SessionState.USED


@pytest.fixture
def door(directory: Directory, attendance_store: AttendanceStore) -> Iterator[Door]:
    made = Door(directory, attendance_store)
    with made.stubber:
        yield made
        made.stubber.assert_no_pending_responses()


def test_a_live_match_is_a_punch_with_its_evidence(door: Door) -> None:
    door.live(98.7)
    door.found((ANN, FACE, 99.1))
    receipt = door.check_in()
    assert (receipt.person_id, receipt.duplicate) == (ANN, False)
    kept = door.attendance_store.punch(ANN, receipt.punch_id)
    assert kept is not None
    assert kept.evidence is not None
    assert (kept.evidence.liveness, kept.evidence.similarity) == (98.7, 99.1)
    assert kept.evidence.session_id == door.session


@pytest.mark.parametrize("status", ["CREATED", "IN_PROGRESS"])
def test_an_unfinished_session_is_pending_and_stays_good(door: Door, status: str) -> None:
    door.says(status)
    with pytest.raises(SessionPending):
        door.check_in()
    assert not door.spent
    door.live_ann()
    assert door.check_in().person_id == ANN


def test_a_session_that_aws_calls_expired_is_expired(door: Door) -> None:
    door.says("EXPIRED")
    with pytest.raises(SessionExpired):
        door.check_in()
    assert door.punches == 0


def test_a_session_that_aws_has_forgotten_is_expired_if_it_was_ours(door: Door) -> None:
    door.error("SessionNotFoundException")
    with pytest.raises(SessionExpired):
        door.check_in()


def test_a_session_that_nobody_here_asked_for_is_unknown_even_if_aws_says_live(door: Door) -> None:
    door.session = str(uuid.uuid4())  # the stub answers no call, so none may be made
    with pytest.raises(SessionNotFound):
        door.check_in()
    assert door.punches == 0


def failed(door: Door) -> None:
    door.says("FAILED")


def doubtful(door: Door) -> None:
    door.live(89.99)
    door.found(A_MATCH)


def without_confidence(door: Door) -> None:
    door.says("SUCCEEDED", ReferenceImage={"Bytes": IMAGE})
    door.found(A_MATCH)


@pytest.mark.parametrize("answer", [failed, doubtful, without_confidence])
def test_what_is_not_surely_live_is_refused_and_spends_the_session(
    door: Door, answer: Callable[[Door], None]
) -> None:
    answer(door)
    with pytest.raises(NotLive):
        door.check_in()
    assert door.spent
    with pytest.raises(SessionUsed):  # whatever AWS would say now, it is not asked
        door.check_in()
    assert door.punches == 0


def test_the_threshold_itself_is_enough(door: Door) -> None:
    door.live(90.0)
    door.found(A_MATCH)
    assert door.check_in().person_id == ANN


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
def test_without_a_reference_image_nobody_is_matched(door: Door, fields: Reply) -> None:
    door.says("SUCCEEDED", Confidence=99.0, **fields)
    with pytest.raises(NoReferenceImage):
        door.check_in()
    assert door.punches == 0


@pytest.mark.parametrize(
    ("matches", "refusal"),
    [
        pytest.param([], NotRecognised, id="nobody"),
        pytest.param([(ANN, FACE, 94.99)], NotRecognised, id="under the threshold"),
        pytest.param([(ANN, FACE, 99.0), (BOB, BOBS_FACE, 98.5)], AmbiguousMatch, id="too close a second"),
        pytest.param([(ANN, OTHER_FACE, 99.9)], NotRecognised, id="a face that is not enrolled"),
        pytest.param([("eve", OTHER_FACE, 99.9)], NotRecognised, id="a person who is not here"),
    ],
)
def test_a_match_needs_threshold_and_margin(
    door: Door, matches: list[tuple[str, str, float]], refusal: type[Exception]
) -> None:
    door.live()
    door.found(*matches)
    with pytest.raises(refusal):
        door.check_in()
    assert (door.punches, door.spent) == (0, True)


def test_a_reference_image_in_which_the_search_sees_no_face_is_nobody(door: Door) -> None:
    door.live()
    door.error("InvalidParameterException", method="search_faces_by_image")
    with pytest.raises(NotRecognised):
        door.check_in()


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
    door: Door, code: str, status: int, method: str
) -> None:
    if method == "search_faces_by_image":
        door.live()
    door.error(code, status, method)
    with pytest.raises(ClientError) as trouble:
        door.check_in()
    assert client_events.is_busy(trouble.value), "the caller is told 503 and may try again"
    assert not door.spent
    door.live_ann()
    assert door.check_in().person_id == ANN


def test_denied_access_is_no_trouble_to_wait_for(door: Door) -> None:
    door.error("AccessDeniedException")
    with pytest.raises(ClientError) as denied:
        door.check_in()
    assert not client_events.is_busy(denied.value)


def test_a_spent_session_is_used_though_aws_would_still_say_live(door: Door) -> None:
    door.live_ann()
    door.check_in()
    with pytest.raises(SessionUsed):
        door.check_in()
    assert door.punches == 1


def test_a_spent_session_keeps_its_outcome_after_aws_has_forgotten_it(door: Door) -> None:
    door.live_ann()
    made = door.check_in()
    later = NOW + timedelta(minutes=4)
    again = use_session(
        door.attendance_store, wiring.rate_limits(), door.faces, door.session, caller=CALLER, now=later
    )
    assert (again.first, again.outcome.punch_id) == (False, made.punch_id)

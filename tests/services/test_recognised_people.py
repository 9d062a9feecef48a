"""`NotRecognised` and `AmbiguousMatch` at a camera, where people have several faces."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from chalice.test import HTTPResponse

from chalicelib import wiring
from chalicelib.domain.face import Face, FaceState
from chalicelib.domain.photo import Photo
from tests.conftest import Finish, Http
from tests.support.answers import check_refused, code_of
from tests.support.builders import add_person, change_settings
from tests.support.faces import enrolled, lookalike
from tests.support.photos import jpeg, photo_of_b, photos_of_a, pixels
from tests.support.punches import create_session, punch, todays_punches

COLLECTION = "rollcall-local"


def punch_with(http: Http, finish: Finish, photo: bytes, **how: Any) -> HTTPResponse:
    return punch(http, finish(create_session(http), photo, **how))


def nearly(photo: bytes, quality: int) -> bytes:
    """Make another photo that is almost the same."""
    return jpeg(pixels(photo), quality)


@pytest.fixture
def ann(http: Http) -> str:
    """A person with two faces that resemble one another most; gives the id."""
    person_id = add_person(http, "Ann")
    for quality in (95, 90):
        enrolled(http, person_id, nearly(photos_of_a()[0], quality))
    return person_id


def test_AmbiguousMatch_though_the_second_best_face_is_the_persons_own(
    http: Http, finish: Finish, ann: str, boto: Callable[[str], Any]
) -> None:
    twin = lookalike(http, boto("rekognition"), nearly(photos_of_a()[0], 40))
    found = wiring.collection().search(Photo(photos_of_a()[0], "image/jpeg"))
    assert [one.person_id for one in found] == [ann, ann, twin], "the twin must hide behind Ann's own face"
    answer = punch_with(http, finish, photos_of_a()[0])
    check_refused(answer, 422, "AmbiguousMatch")
    assert todays_punches(http) == []


def test_several_faces_of_one_person_are_no_AmbiguousMatch(http: Http, finish: Finish, ann: str) -> None:
    enrolled(http, add_person(http, "Bob"), photo_of_b())
    answer = punch_with(http, finish, photos_of_a()[0])
    assert (answer.status_code, answer.json_body["person_id"]) == (201, ann)
    bob = punch_with(http, finish, photo_of_b())
    assert (bob.status_code, bob.json_body["name"]) == (201, "Bob")


def test_NotRecognised_by_a_face_that_is_pending(
    http: Http, finish: Finish, boto: Callable[[str], Any]
) -> None:
    person_id = add_person(http)
    reply = boto("rekognition").index_faces(
        CollectionId=COLLECTION, Image={"Bytes": photos_of_a()[0]}, ExternalImageId=person_id
    )
    face = Face(
        person_id=person_id,
        digest="d" * 64,
        photo_key=f"photos/{person_id}/x.jpg",
        state=FaceState.PENDING,
        since=datetime.now(UTC),
        face_id=reply["FaceRecords"][0]["Face"]["FaceId"],
    )
    wiring.directory().add_pending_face(face, wiring.directory().person(person_id))
    answer = punch_with(http, finish, photos_of_a()[0])
    check_refused(answer, 422, "NotRecognised")
    assert todays_punches(http) == []


def test_NotRecognised_once_the_person_is_inactive_though_another_resembles_them(
    http: Http, finish: Finish, ann: str
) -> None:
    enrolled(http, add_person(http, "Bob"), photo_of_b())
    assert http.call("PATCH", f"/v1/people/{ann}", {"status": "inactive"}).status_code == 200
    assert code_of(punch_with(http, finish, photos_of_a()[0])) == "NotRecognised"
    assert http.call("PATCH", f"/v1/people/{ann}", {"status": "active"}).status_code == 200
    assert punch_with(http, finish, photos_of_a()[0]).status_code == 201


@pytest.mark.parametrize(
    ("confidence", "status"),
    [
        pytest.param(90.0, 201, id="exactly the liveness_threshold"),
        pytest.param(89.99, 422, id="under it by a hundredth"),
    ],
)
def test_NotLive_under_the_liveness_threshold_only(
    http: Http, finish: Finish, ann: str, confidence: float, status: int
) -> None:
    answer = punch_with(http, finish, photos_of_a()[0], confidence=confidence)
    assert answer.status_code == status, answer.json_body
    if status == 422:
        assert code_of(answer) == "NotLive"


def test_NotLive_by_a_threshold_that_was_just_raised(http: Http, finish: Finish, ann: str) -> None:
    assert change_settings(http, liveness_threshold=99.5).status_code == 200
    assert code_of(punch_with(http, finish, photos_of_a()[0], confidence=99.4)) == "NotLive"
    assert punch_with(http, finish, photos_of_a()[0], confidence=99.5).status_code == 201

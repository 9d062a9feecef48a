"""`FaceBelongsToAnother`: an enrolled face of somebody else hinders an enrolment, a stray vector does not."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from chalicelib import wiring
from chalicelib.domain.face import Face, FaceState
from tests.conftest import Http
from tests.support.answers import check_refused
from tests.support.builders import add_person
from tests.support.faces import enrol, enrolled, list_faces
from tests.support.photos import photos_of_a

COLLECTION = "rollcall-local"


def index(boto: Callable[[str], Any], person_id: str) -> str:
    """Put a vector into the collection for a person, as an enrolment that crashed does; gives the face id."""
    reply = boto("rekognition").index_faces(
        CollectionId=COLLECTION, Image={"Bytes": photos_of_a()[0]}, ExternalImageId=person_id
    )
    face_id: str = reply["FaceRecords"][0]["Face"]["FaceId"]
    return face_id


def test_FaceBelongsToAnother_for_an_enrolled_face_of_somebody_else(http: Http) -> None:
    ann, bob = add_person(http, "Ann"), add_person(http, "Bob")
    enrolled(http, ann, photos_of_a()[0])
    answer = enrol(http, bob, photos_of_a()[1])
    check_refused(answer, 409, "FaceBelongsToAnother")
    assert answer.json_body["Details"] == {"person_id": ann}
    assert list_faces(http, bob) == []


def test_a_vector_without_a_face_of_its_person_hinders_nobody(http: Http, boto: Callable[[str], Any]) -> None:
    ann, bob = add_person(http, "Ann"), add_person(http, "Bob")
    index(boto, ann)
    enrolled(http, bob, photos_of_a()[1])
    assert len(list_faces(http, bob)) == 1


def test_a_vector_of_nobody_hinders_nobody(http: Http, boto: Callable[[str], Any]) -> None:
    index(boto, "0a1b2c3d")
    enrolled(http, add_person(http, "Bob"), photos_of_a()[1])


def test_EnrolmentInProgress_while_somebody_else_enrols_the_same_face(
    http: Http, boto: Callable[[str], Any]
) -> None:
    ann, bob = add_person(http, "Ann"), add_person(http, "Bob")
    face = Face(
        person_id=ann,
        digest="d" * 32,
        photo_key=f"photos/{ann}/x.jpg",
        state=FaceState.PENDING,
        since=datetime.now(UTC),
        face_id=index(boto, ann),
    )
    wiring.directory().add_pending_face(face, wiring.directory().person(ann))
    check_refused(enrol(http, bob, photos_of_a()[1]), 409, "EnrolmentInProgress")
    assert list_faces(http, bob) == []

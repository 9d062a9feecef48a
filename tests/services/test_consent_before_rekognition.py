"""`ConsentMissing` before a photo goes anywhere: neither Rekognition nor S3 is asked for anything."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib import wiring
from tests.conftest import CONSENT, Http, Lab
from tests.support.answers import check_refused
from tests.support.builders import add_person
from tests.support.photos import photo_of_c, photos_of_a

JPEG = {"Content-Type": "image/jpeg"}


@pytest.fixture
def asked(http: Http) -> Iterator[list[str]]:
    """Collects what the app asks Rekognition and S3 for."""
    made: list[str] = []
    gateways = (wiring.collection(), wiring.bucket())
    for gateway in gateways:
        gateway._client.meta.events.register(
            "before-call", lambda model, **_: made.append(model.name), unique_id="asked"
        )
    yield made
    for gateway in gateways:
        gateway._client.meta.events.unregister("before-call", unique_id="asked")


def test_ConsentMissing_before_a_photo_is_shown_to_Rekognition(http: Http, asked: list[str]) -> None:
    person_id = http.post("/v1/people", {"name": "Ann"}).json_body["person_id"]
    answer = http.post(f"/v1/people/{person_id}/faces", photo_of_c(), JPEG)
    check_refused(answer, 403, "ConsentMissing")
    assert asked == []


def test_ConsentMissing_after_it_was_withdrawn_before_a_photo_is_shown_to_Rekognition(
    http: Http, asked: list[str]
) -> None:
    person_id = add_person(http, "Ann")
    assert http.delete(f"/v1/people/{person_id}/consent").status_code == 200
    asked.clear()
    answer = http.post(f"/v1/people/{person_id}/faces", photo_of_c(), JPEG)
    check_refused(answer, 403, "ConsentMissing")
    assert asked == []
    assert http.call("PUT", f"/v1/people/{person_id}/consent", CONSENT).status_code == 200
    assert http.post(f"/v1/people/{person_id}/faces", photo_of_c(), JPEG).status_code == 201
    assert "IndexFaces" in asked


def test_PersonNotFound_before_a_photo_is_shown_to_Rekognition(http: Http, asked: list[str]) -> None:
    answer = http.post("/v1/people/0a1b/faces", photo_of_c(), JPEG)
    check_refused(answer, 404, "PersonNotFound")
    assert asked == []


def test_ConsentMissing_in_the_lab_leaves_no_face_and_no_photo(
    http: Http, lab: Lab, boto: Callable[[str], Any]
) -> None:
    lab("on")  # where it is not open, a name alone is no consent
    person_id = http.post("/v1/people", {"name": "Ann"}).json_body["person_id"]
    http.post(f"/v1/people/{person_id}/faces", photos_of_a()[0], JPEG)
    boundary = b"b"
    body = b"".join(
        b'--%s\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (boundary, name, more, content)
        for name, more, content in (
            (b"name", b"", b"Ann"),
            (b"photo", b'; filename="a.jpg"\r\nContent-Type: image/jpeg', photos_of_a()[0]),
        )
    )
    sent = http.post("/index-face", body + b"--b--\r\n", {"Content-Type": "multipart/form-data; boundary=b"})
    assert sent.json_body["success"] is False
    assert boto("rekognition").list_faces(CollectionId="rollcall-local")["Faces"] == []
    assert boto("s3").list_objects_v2(Bucket="rollcall-local")["KeyCount"] == 0

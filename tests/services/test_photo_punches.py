"""Punches by a mere photo: `PhotoPunchOff` unless the site allows them, and the rules of every punch else."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from chalice.test import HTTPResponse

from chalicelib import wiring
from tests.conftest import Http, Lab
from tests.support.builders import add_person, change_settings
from tests.support.faces import enrolled, lookalike
from tests.support.photos import no_face_photo, photo_of_b, photos_of_a
from tests.support.punches import todays_punches

JPEG = {"Content-Type": "image/jpeg"}


@pytest.fixture
def ann(http: Http, lab: Lab) -> str:
    """A person with a face; gives the id."""
    lab("on")
    person_id = add_person(http, "Ann Lee")
    enrolled(http, person_id, photos_of_a()[0])
    return person_id


@pytest.fixture
def asked(ann: str) -> Iterator[list[str]]:
    """Collects what the app asks Rekognition for."""
    made: list[str] = []
    events = wiring.collection()._client.meta.events
    events.register("before-call", lambda model, **_: made.append(model.name), unique_id="asked")
    yield made
    events.unregister("before-call", unique_id="asked")


def check_in(http: Http, photo: bytes) -> HTTPResponse:
    return http.post("/checkin", photo, JPEG)


def test_PhotoPunchOff_where_the_site_does_not_allow_it(http: Http, ann: str, asked: list[str]) -> None:
    assert change_settings(http, photo_punch=False).status_code == 200
    answer = check_in(http, photos_of_a()[1])
    assert (answer.status_code, answer.json_body["success"]) == (403, False)
    assert todays_punches(http) == []
    assert asked == [], "a photo that may not count is not looked at"


def test_a_photo_is_a_punch_without_liveness_where_the_site_allows_it(http: Http, ann: str) -> None:
    assert change_settings(http, photo_punch=True).status_code == 200
    assert check_in(http, photos_of_a()[1]).status_code == 200
    [kept] = todays_punches(http)
    assert (kept["person_id"], kept["source"], kept["direction"]) == (ann, "photo", "auto")
    assert not {"liveness", "session_id"} & set(kept["evidence"]), "nobody has seen whether it was alive"
    assert kept["evidence"]["similarity"] >= kept["evidence"]["similarity_threshold"] == 95


@pytest.mark.parametrize(
    "photo",
    [pytest.param(photo_of_b, id="a stranger"), pytest.param(no_face_photo, id="nobody")],
)
def test_a_photo_of_who_is_not_known_is_no_punch(http: Http, ann: str, photo: Callable[[], bytes]) -> None:
    answer = check_in(http, photo())
    assert answer.json_body["success"] is False
    assert todays_punches(http) == []


def test_AmbiguousMatch_for_a_photo_that_fits_two_people(
    http: Http, ann: str, boto: Callable[[str], Any]
) -> None:
    lookalike(http, boto("rekognition"), photos_of_a()[0])
    assert check_in(http, photos_of_a()[1]).json_body["success"] is False
    assert todays_punches(http) == []


def test_a_second_photo_at_once_is_a_duplicate(http: Http, ann: str) -> None:
    assert change_settings(http, duplicate_window_s=3600).status_code == 200
    for photo in photos_of_a()[1:]:
        assert check_in(http, photo).json_body["success"] is True
    assert len(todays_punches(http)) == 1

"""`LockedOut`: the longest lock holds, and one that is over is none though it is still stored."""

from collections.abc import Callable
from typing import Any

import cv2
import pytest
from chalice.test import HTTPResponse

from chalicelib import wiring
from chalicelib.domain.photo import Photo
from tests.conftest import Clock, Finish, Http
from tests.support.answers import check_refused, code_of
from tests.support.builders import add_person, change_settings
from tests.support.faces import enrolled
from tests.support.photos import jpeg, photos_of_a, pixels
from tests.support.punches import create_session, punch

Punch = Callable[[], HTTPResponse]


@pytest.fixture
def ann(http: Http, clock: Clock) -> str:
    """A person with a face; gives the id."""
    person_id = add_person(http)
    enrolled(http, person_id, photos_of_a()[0])
    return person_id


@pytest.fixture
def by_session(http: Http, finish: Finish) -> Punch:
    def by_session() -> HTTPResponse:
        return punch(http, finish(create_session(http), photos_of_a()[1]))

    return by_session


def check_locked(answer: HTTPResponse, retry_after_s: int) -> None:
    check_refused(answer, 429, "LockedOut")
    assert answer.headers["Retry-After"] == str(retry_after_s)


@pytest.mark.parametrize(
    ("kiosk_s", "person_s", "left_s"),
    [
        pytest.param(60, 1800, 1739, id="the person's lock outlasts the kiosk's"),
        pytest.param(1800, 60, 1739, id="the kiosk's lock outlasts the person's"),
        pytest.param(600, 1800, 539, id="both are live: the kiosk's is read first"),
        pytest.param(1800, 600, 1739, id="both are live, the kiosk's longer"),
    ],
)
def test_LockedOut_by_the_live_lock_beside_another(
    http: Http, clock: Clock, ann: str, by_session: Punch, kiosk_s: int, person_s: int, left_s: int
) -> None:
    locks, kiosk = wiring.rate_limits(), http.token_id("admin")
    locks.lock("kiosk", kiosk, kiosk_s, clock.now)
    locks.lock("person", ann, person_s, clock.now)
    clock.forward(seconds=61)  # one of 60 s is over, and nothing has removed it
    check_locked(by_session(), left_s)
    clock.forward(seconds=max(kiosk_s, person_s) - 61)
    assert by_session().status_code == 201


def test_LockedOut_is_over_with_its_last_second(
    http: Http, clock: Clock, ann: str, by_session: Punch
) -> None:
    wiring.rate_limits().lock("person", ann, 300, clock.now)
    clock.forward(seconds=299)
    check_locked(by_session(), 1)
    clock.forward(seconds=1)
    assert by_session().status_code == 201


def test_nobody_is_LockedOut_by_the_lock_of_another(
    http: Http, clock: Clock, ann: str, by_session: Punch
) -> None:
    wiring.rate_limits().lock("person", add_person(http, "Bob"), 300, clock.now)
    wiring.rate_limits().lock("kiosk", http.token_id("kiosk"), 300, clock.now)
    assert by_session().status_code == 201


def test_LockedOut_at_a_kiosk_for_a_photo_as_for_a_session(
    http: Http, clock: Clock, ann: str, lab: Any
) -> None:
    lab("on")
    wiring.rate_limits().lock("person", ann, 300, clock.now)
    answer = http.post("/checkin", photos_of_a()[1], {"Content-Type": "image/jpeg"})
    assert answer.status_code == 429
    assert http.get("/v1/punches", from_="2026-01-01", to="2026-12-31").json_body["items"] == []


@pytest.mark.parametrize(
    ("blur", "low", "high", "status"),
    [
        pytest.param(14, 80, 95, 429, id="from 80 % on it counts against whom it looked like"),
        pytest.param(15, 70, 80, 201, id="under 80 % it looked like nobody"),
    ],
)
def test_LockedOut_only_for_whom_a_NotRecognised_face_looked_like(
    http: Http, finish: Finish, ann: str, by_session: Punch, blur: int, low: int, high: int, status: int
) -> None:
    image = pixels(photos_of_a()[1])
    blurred = jpeg(cv2.GaussianBlur(image, (0, 0), blur * image.shape[1] / 500))
    [match] = wiring.collection().search(Photo(blurred, "image/jpeg"))
    assert low <= match.similarity < high, "the photo must resemble the person so much, and no more"
    assert change_settings(http, limits={"person_failures": 1}).status_code == 200
    refused = punch(http, finish(create_session(http), blurred))
    assert code_of(refused) == "NotRecognised"
    assert by_session().status_code == status

"""`duplicate`: a punch inside `duplicate_window_s` of another is that one again."""

from datetime import datetime
from typing import Any

import pytest
from chalice.test import HTTPResponse

from tests.conftest import Clock, Finish, Http
from tests.support.builders import add_person, change_settings, set_calendar, stamped
from tests.support.faces import enrolled
from tests.support.photos import photos_of_a
from tests.support.punches import create_session, list_punches, punch

START = "2098-03-10T01:00:00Z"


@pytest.fixture
def ann(http: Http, clock: Clock) -> str:
    """A person with a face, at 08:00 in Saigon; gives the id."""
    set_calendar(http)
    clock.now = datetime.fromisoformat(START)
    person_id = add_person(http)
    enrolled(http, person_id, photos_of_a()[0])
    return person_id


def punch_now(http: Http, finish: Finish, **fields: Any) -> HTTPResponse:
    return punch(http, finish(create_session(http), photos_of_a()[1]), **fields)


def ids(http: Http) -> list[str]:
    return [one["punch_id"] for one in list_punches(http, from_="2098-03-09", to="2098-03-12")]


@pytest.mark.parametrize(
    ("window_s", "after_s", "duplicate"),
    [
        pytest.param(60, 0.001, True, id="at once"),
        pytest.param(60, 59.999, True, id="a thousandth before the window ends"),
        pytest.param(60, 60, False, id="when the window ends"),
        pytest.param(60, 60.001, False, id="a thousandth after it"),
        pytest.param(0, 0.001, False, id="no window"),
        pytest.param(3600, 3599.999, True, id="just inside the longest window"),
        pytest.param(3600, 3600, False, id="when the longest window ends"),
    ],
)
def test_a_punch_inside_the_window_is_a_duplicate(
    http: Http,
    finish: Finish,
    clock: Clock,
    ann: str,
    window_s: int,
    after_s: float,
    duplicate: bool,
) -> None:
    change_settings(http, duplicate_window_s=window_s)
    first = punch_now(http, finish)
    clock.forward(seconds=after_s)
    second = punch_now(http, finish)
    assert (first.status_code, first.json_body["duplicate"]) == (201, False)
    assert second.json_body["duplicate"] is duplicate
    assert second.status_code == (200 if duplicate else 201)
    if duplicate:
        assert second.json_body == {**first.json_body, "duplicate": True}
        assert ids(http) == [first.json_body["punch_id"]]
    else:
        assert second.json_body["direction"] == "out"
        assert ids(http) == [first.json_body["punch_id"], second.json_body["punch_id"]]


def test_the_window_does_not_grow_with_each_duplicate(
    http: Http, finish: Finish, clock: Clock, ann: str
) -> None:
    first = punch_now(http, finish)
    clock.forward(seconds=40)
    assert punch_now(http, finish).json_body["duplicate"] is True
    clock.forward(seconds=40)
    third = punch_now(http, finish)
    assert (third.status_code, third.json_body["duplicate"]) == (201, False)
    assert ids(http) == [first.json_body["punch_id"], third.json_body["punch_id"]]


def test_a_duplicate_of_a_manual_punch_just_ahead_of_the_camera(http: Http, finish: Finish, ann: str) -> None:
    by_hand = stamped(http, ann, "2098-03-10T01:00:59.999Z", direction="in")
    receipt = punch_now(http, finish).json_body
    assert (receipt["duplicate"], receipt["punch_id"]) == (True, by_hand)


def test_no_duplicate_of_a_punch_that_a_correction_took_out(http: Http, finish: Finish, ann: str) -> None:
    first = punch_now(http, finish).json_body["punch_id"]
    stamped(http, ann, supersedes=first, void=True)
    again = punch_now(http, finish)
    assert (again.status_code, again.json_body["duplicate"]) == (201, False)
    assert again.json_body["direction"] == "in"


def test_a_duplicate_tells_the_direction_and_time_of_the_first(
    http: Http, finish: Finish, clock: Clock, ann: str
) -> None:
    first = punch_now(http, finish, direction="out").json_body
    clock.forward(seconds=30)
    again = punch_now(http, finish, direction="in").json_body
    assert (again["direction"], again["at"]) == ("out", first["at"]) == ("out", "2098-03-10T08:00:00+07:00")


def test_two_people_in_one_moment_are_no_duplicate(http: Http, finish: Finish, ann: str) -> None:
    other = add_person(http, "Bob")
    stamped(http, other, START)
    receipt = punch_now(http, finish)
    assert (receipt.status_code, receipt.json_body["duplicate"]) == (201, False)

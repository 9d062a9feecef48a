"""An explicit out at a camera, after the cut-off, of somebody who is still in since the day before."""

from datetime import datetime
from typing import Any

import pytest
from chalice.test import HTTPResponse

from tests.conftest import Clock, Finish, Http
from tests.support.builders import DAY, NIGHT, add_person, day_of, set_calendar
from tests.support.faces import enrolled
from tests.support.photos import photos_of_a
from tests.support.punches import create_session, list_punches, punch

LATE = {"starts": "14:00", "ends": "22:00"}
ON, NEXT = "2098-03-11", "2098-03-12"  # a Tuesday and a Wednesday


@pytest.fixture
def ann(http: Http) -> str:
    """A person with a face on the late shift, whose work days begin at 04:00; gives the id."""
    set_calendar(http, shifts={"day": DAY, "night": NIGHT, "late": LATE})
    person_id = add_person(http, shift="late")
    enrolled(http, person_id, photos_of_a()[0])
    return person_id


def punch_at(http: Http, finish: Finish, clock: Clock, at: str, **fields: Any) -> HTTPResponse:
    """Punch at a camera at an instant."""
    clock.now = datetime.fromisoformat(f"{at}+07:00")
    return punch(http, finish(create_session(http), photos_of_a()[1]), **fields)


@pytest.mark.parametrize(
    ("came", "went", "work_day"),
    [
        pytest.param("14:00:00", "05:59:59", ON, id="a second under 16 hours"),
        pytest.param("14:00:00", "06:00:00", NEXT, id="16 hours"),
    ],
)
def test_an_out_closes_the_day_before(
    http: Http, finish: Finish, clock: Clock, ann: str, came: str, went: str, work_day: str
) -> None:
    punch_at(http, finish, clock, f"{ON}T{came}")
    answer = punch_at(http, finish, clock, f"{NEXT}T{went}", direction="out")
    assert (answer.status_code, answer.json_body["work_day"], answer.json_body["direction"]) == (
        201,
        work_day,
        "out",
    )
    assert day_of(http, ann, ON)["open"] == (work_day == NEXT)
    [shown] = list_punches(http, from_=work_day, to=work_day)[-1:]
    assert shown["punch_id"] == answer.json_body["punch_id"]


def test_the_same_out_twice_is_a_duplicate_of_the_day_that_it_closed(
    http: Http, finish: Finish, clock: Clock, ann: str
) -> None:
    punch_at(http, finish, clock, f"{ON}T14:00:00")
    first = punch_at(http, finish, clock, f"{NEXT}T05:00:00", direction="out").json_body
    second = punch_at(http, finish, clock, f"{NEXT}T05:00:30", direction="out")
    assert (second.status_code, second.json_body["punch_id"]) == (200, first["punch_id"])
    assert (second.json_body["work_day"], second.json_body["direction"]) == (ON, "out")
    assert day_of(http, ann, NEXT)["punches"] == []
    third = punch_at(http, finish, clock, f"{NEXT}T05:02:00", direction="out").json_body
    assert third["work_day"] == NEXT, "nobody is in any more"


def test_an_auto_punch_after_the_cut_off_begins_a_day(
    http: Http, finish: Finish, clock: Clock, ann: str
) -> None:
    punch_at(http, finish, clock, f"{ON}T14:00:00")
    answer = punch_at(http, finish, clock, f"{NEXT}T05:00:00").json_body
    assert (answer["work_day"], answer["direction"]) == (NEXT, "in")


def test_an_out_of_somebody_who_came_today_is_of_today(
    http: Http, finish: Finish, clock: Clock, ann: str
) -> None:
    punch_at(http, finish, clock, f"{ON}T20:00:00")
    punch_at(http, finish, clock, f"{NEXT}T05:00:00", direction="in")
    answer = punch_at(http, finish, clock, f"{NEXT}T06:00:00", direction="out").json_body
    assert answer["work_day"] == NEXT
    assert day_of(http, ann, ON)["open"]

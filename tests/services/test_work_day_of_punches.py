"""The `work_day` and `direction` of punches at a camera: far zones, night shifts, late cut-offs.

The instants, dates and wall-clock times are worked out by hand. They lie in a far year so that what is
kept for a time, like a session, is never past its time.
"""

from datetime import datetime
from typing import Any

import pytest
from chalice.test import HTTPResponse

from tests.conftest import Clock, Finish, Http
from tests.support.builders import DAY, NIGHT, Json, add_person, change_settings, set_calendar
from tests.support.faces import enrolled
from tests.support.photos import photos_of_a
from tests.support.punches import create_session, list_punches, punch


@pytest.fixture
def ann(http: Http) -> str:
    """A person with a face; gives the id."""
    person_id = add_person(http)
    enrolled(http, person_id, photos_of_a()[0])
    return person_id


def punch_at(http: Http, finish: Finish, clock: Clock, at: str) -> HTTPResponse:
    """Punch at a camera at an instant."""
    clock.now = datetime.fromisoformat(at)
    return punch(http, finish(create_session(http), photos_of_a()[1]))


def log(http: Http, since: str, until: str, **query: Any) -> list[Json]:
    """Read the log of some work days, two to a page."""
    return list_punches(http, from_=since, to=until, limit=2, **query)


LATE = {**DAY, "cutoff": "22:00"}  # a work day begins on the evening before
LATER = {**NIGHT, "cutoff": "20:00"}  # and one that ends two hours before the next night
EARLY = {**DAY, "starts": "06:00", "ends": "12:00", "cutoff": "13:00"}


@pytest.mark.parametrize(
    ("zone", "shift", "at", "work_day", "wall"),
    [
        # Honolulu is UTC-10 all year: its evening is the next day in UTC.
        ("Pacific/Honolulu", DAY, "2098-03-12T09:30:00Z", "2098-03-11", "2098-03-11T23:30:00-10:00"),
        ("Pacific/Honolulu", DAY, "2098-03-12T13:59:59Z", "2098-03-11", "2098-03-12T03:59:59-10:00"),
        ("Pacific/Honolulu", DAY, "2098-03-12T14:00:00Z", "2098-03-12", "2098-03-12T04:00:00-10:00"),
        # The night that began on the 10th; in UTC it is the 12th.
        ("Pacific/Honolulu", LATER, "2098-03-12T05:59:59Z", "2098-03-10", "2098-03-11T19:59:59-10:00"),
        ("Pacific/Honolulu", LATER, "2098-03-12T06:00:00Z", "2098-03-11", "2098-03-11T20:00:00-10:00"),
        # Kiritimati is UTC+14 all year: its morning is the day before in UTC.
        ("Pacific/Kiritimati", DAY, "2098-03-10T13:59:59Z", "2098-03-10", "2098-03-11T03:59:59+14:00"),
        ("Pacific/Kiritimati", DAY, "2098-03-10T14:00:00Z", "2098-03-11", "2098-03-11T04:00:00+14:00"),
        ("Pacific/Kiritimati", DAY, "2098-03-10T18:05:00Z", "2098-03-11", "2098-03-11T08:05:00+14:00"),
        ("Pacific/Kiritimati", LATE, "2098-03-11T07:59:59Z", "2098-03-11", "2098-03-11T21:59:59+14:00"),
        ("Pacific/Kiritimati", LATE, "2098-03-11T08:00:00Z", "2098-03-12", "2098-03-11T22:00:00+14:00"),
        # The work day of the 12th has begun at 13:00 of the 11th; in UTC it is the 10th.
        ("Pacific/Kiritimati", EARLY, "2098-03-10T23:30:00Z", "2098-03-12", "2098-03-11T13:30:00+14:00"),
        # A cut-off late in the evening.
        ("Asia/Ho_Chi_Minh", LATE, "2098-03-10T14:59:59Z", "2098-03-10", "2098-03-10T21:59:59+07:00"),
        ("Asia/Ho_Chi_Minh", LATE, "2098-03-10T15:00:00Z", "2098-03-11", "2098-03-10T22:00:00+07:00"),
    ],
)
def test_the_work_day_of_a_punch_is_the_sites(
    http: Http,
    finish: Finish,
    clock: Clock,
    ann: str,
    zone: str,
    shift: Json,
    at: str,
    work_day: str,
    wall: str,
) -> None:
    set_calendar(http, zone=zone, shifts={"day": shift})
    change_settings(http, duplicate_window_s=0)
    first = punch_at(http, finish, clock, at)
    assert first.status_code == 201, first.json_body
    assert (first.json_body["work_day"], first.json_body["at"]) == (work_day, wall)
    assert first.json_body["direction"] == "in"
    clock.forward(microseconds=1)
    second = punch_at(http, finish, clock, clock.now.isoformat())
    assert second.status_code == 201, second.json_body
    assert second.json_body["work_day"] == work_day
    assert second.json_body["direction"] == "out", "the first punch of the work day was not found"
    shown = log(http, work_day, work_day)
    assert [one["punch_id"] for one in shown] == [first.json_body["punch_id"], second.json_body["punch_id"]]
    assert shown[0]["at"] == wall
    assert log(http, work_day, work_day, person_id=ann) == shown
    [day] = http.get(f"/v1/attendance/{ann}", from_=work_day, to=work_day).json_body["days"]
    assert len(day["pairs"]) == 1


def test_a_night_at_a_camera_is_one_work_day(http: Http, finish: Finish, clock: Clock, ann: str) -> None:
    set_calendar(http)
    assert http.call("PATCH", f"/v1/people/{ann}", {"shift": "night"}).status_code == 200
    # In Saigon (UTC+7): 21:55, 02:00 and 02:30 for the break, 06:05; then the next evening at 21:50.
    times = ["10T14:55:00Z", "10T19:00:00Z", "10T19:30:00Z", "10T23:05:00Z", "11T14:50:00Z"]
    found = [punch_at(http, finish, clock, f"2098-03-{at}").json_body for at in times]
    assert [(one["work_day"], one["direction"]) for one in found] == [
        ("2098-03-10", "in"),
        ("2098-03-10", "out"),
        ("2098-03-10", "in"),
        ("2098-03-10", "out"),
        ("2098-03-11", "in"),
    ]
    [day] = http.get(f"/v1/attendance/{ann}", from_="2098-03-10", to="2098-03-10").json_body["days"]
    assert day["first_in"] == "2098-03-10T21:55:00+07:00"
    assert day["last_out"] == "2098-03-11T06:05:00+07:00"
    assert day["worked_minutes"] == (4 * 60 + 5) + (3 * 60 + 35)
    assert (day["state"], day["open"]) == ("left", False)


def test_a_night_ends_half_way_to_the_next(http: Http, finish: Finish, clock: Clock, ann: str) -> None:
    set_calendar(http)
    change_settings(http, duplicate_window_s=0)
    assert http.call("PATCH", f"/v1/people/{ann}", {"shift": "night"}).status_code == 200
    # From 06:00, when the night ends, to 22:00, when the next begins: half-way is 14:00, 07:00 in UTC.
    before = punch_at(http, finish, clock, "2098-03-11T06:59:59Z").json_body
    after = punch_at(http, finish, clock, "2098-03-11T07:00:00Z").json_body
    assert (before["work_day"], before["direction"]) == ("2098-03-10", "in")
    assert (after["work_day"], after["direction"]) == ("2098-03-11", "in")


def test_the_log_of_a_far_zone_has_each_punch_once_and_in_order(
    http: Http, finish: Finish, clock: Clock, ann: str
) -> None:
    change_settings(http, duplicate_window_s=0)
    made = []
    for day in range(9, 14):
        for zone in (
            "Pacific/Kiritimati",
            "Pacific/Honolulu",
        ):  # the site moves to the other end of the world
            set_calendar(http, zone=zone)
            hour = 6 if zone == "Pacific/Kiritimati" else 13
            answer = punch_at(http, finish, clock, f"2098-03-{day:02}T{hour:02}:30:00Z")
            assert answer.status_code == 201, answer.json_body
            made.append(answer.json_body["punch_id"])
    assert [one["punch_id"] for one in log(http, "2098-03-01", "2098-03-31")] == made
    assert [one["punch_id"] for one in log(http, "2098-03-01", "2098-03-31", person_id=ann)] == made
    by_day = [
        one["punch_id"] for day in range(7, 16) for one in log(http, f"2098-03-{day:02}", f"2098-03-{day:02}")
    ]
    assert sorted(by_day) == sorted(made), "each punch is on one work day"

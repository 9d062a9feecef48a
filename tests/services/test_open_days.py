"""The list of work days that lack a punch, by HTTP."""

from datetime import datetime

import pytest

from tests.conftest import Clock, Http
from tests.support.answers import check_refused
from tests.support.builders import NIGHT, Json, add_person, set_calendar, stamped

NOON = "2026-06-10T12:00:00+07:00"
"""A Wednesday."""


@pytest.fixture
def site(http: Http, clock: Clock) -> Http:
    """A site on the 10 June 2026 at noon."""
    clock.now = datetime.fromisoformat(NOON)
    set_calendar(http)
    return http


def open_days(http: Http, **query: object) -> list[Json]:
    """List open days, page by page."""
    found: list[Json] = []
    cursor = None
    while True:
        answer = http.get("/v1/attendance/open-days", cursor=cursor, **query)
        assert answer.status_code == 200, answer.json_body
        found += answer.json_body["items"]
        cursor = answer.json_body["next_cursor"]
        if cursor is None:
            return found


def at(day: int, wall: str) -> str:
    return f"2026-06-{day:02}T{wall}:00+07:00"


def test_an_open_day_says_who_when_and_what_is_missing(site: Http) -> None:
    ann = add_person(site, "Ánh", code="1", group="A")
    punch_id = stamped(site, ann, at(8, "08:00"))
    for wall in ("08:00", "17:00"):
        stamped(site, ann, at(9, wall))
    stamped(site, ann, at(10, "08:00"))  # today, still in
    [found] = open_days(site)
    [punch] = found.pop("punches")
    assert found == {
        "date": "2026-06-08",
        "person_id": ann,
        "name": "Ánh",
        "code": "1",
        "group": "A",
        "shift": "day",
        "missing": "out",
    }
    assert (punch["id"], punch["at"]) == (punch_id, at(8, "08:00"))
    stamped(site, ann, at(8, "17:00"))
    assert open_days(site) == []


def test_the_first_punch_that_is_missing_is_named(site: Http) -> None:
    ann, binh = add_person(site, "Ánh"), add_person(site, "Bình")
    stamped(site, ann, at(8, "17:00"), direction="out")
    stamped(site, binh, at(8, "08:00"), direction="in")
    stamped(site, binh, at(8, "13:00"), direction="in")
    stamped(site, binh, at(8, "17:00"), direction="out")
    assert [(one["name"], one["missing"]) for one in open_days(site)] == [("Ánh", "in"), ("Bình", "out")]


@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_open_days_are_in_order_of_date_and_name(site: Http, limit: int) -> None:
    people = {name: add_person(site, name) for name in ("Đức", "Ánh", "Bình")}
    for day in (8, 1, 5):
        for person in people.values():
            stamped(site, person, at(day, "08:00"))
    wanted = [(f"2026-06-{day:02}", name) for day in (1, 5, 8) for name in ("Ánh", "Bình", "Đức")]
    assert [(one["date"], one["name"]) for one in open_days(site, limit=limit)] == wanted
    shown = open_days(site, from_="2026-06-05", to="2026-06-05", limit=limit)
    assert [one["date"] for one in shown] == ["2026-06-05"] * 3


def test_31_days_up_to_yesterday_are_shown_unless_others_are_asked_for(site: Http) -> None:
    ann = add_person(site)
    for stamp in (at(9, "08:00"), "2026-05-10T08:00:00+07:00", "2026-05-09T08:00:00+07:00"):
        stamped(site, ann, stamp)
    assert [one["date"] for one in open_days(site)] == ["2026-05-10", "2026-06-09"]
    assert [one["date"] for one in open_days(site, to="2026-06-08")] == ["2026-05-09", "2026-05-10"]
    assert len(open_days(site, from_="2026-01-01", to="2026-12-31")) == 3
    assert open_days(site, from_="2026-06-10", to="2026-06-30") == []


def test_a_night_that_goes_on_is_not_open(site: Http, clock: Clock) -> None:
    set_calendar(site, shifts={"night": NIGHT}, default_shift="night")
    ann = add_person(site)
    clock.now = datetime.fromisoformat(at(10, "02:00"))
    stamped(site, ann, at(9, "22:00"))
    assert open_days(site) == []
    clock.now = datetime.fromisoformat(at(10, "14:00"))
    assert [one["date"] for one in open_days(site)] == ["2026-06-09"]


def test_an_old_class_keeps_its_open_days(site: Http) -> None:
    ann = add_person(site, "Ánh", group="A")
    stamped(site, ann, at(2, "08:00"))
    stamped(site, ann, at(5, "08:00"))
    change = {"group": "B", "effective_from": "2026-06-04"}
    assert site.call("PATCH", f"/v1/people/{ann}", change).status_code == 200
    assert [(one["date"], one["group"]) for one in open_days(site, group="A")] == [("2026-06-02", "A")]
    assert [one["date"] for one in open_days(site, group="B")] == ["2026-06-05"]
    assert open_days(site, group="C") == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        pytest.param({"from_": "2026-06-02", "to": "2026-06-01"}, "InvalidRequest", id="backwards"),
        pytest.param({"from_": "2025-01-01", "to": "2026-06-01"}, "InvalidRequest", id="over a year"),
        pytest.param({"from_": "1999-01-01", "to": "1999-01-02"}, "InvalidRequest", id="before 2000"),
        pytest.param({"cursor": "%%"}, "InvalidCursor", id="cursor"),
    ],
)
def test_open_days_that_cannot_be_asked_for_are_a_400(site: Http, query: Json, code: str) -> None:
    check_refused(site.get("/v1/attendance/open-days", **query), 400, code)


def test_InvalidCursor_when_the_last_person_of_a_page_is_gone(site: Http) -> None:
    for name in ("Ánh", "Bình"):
        stamped(site, add_person(site, name), at(8, "08:00"))
    page = site.get("/v1/attendance/open-days", limit=1).json_body
    site.delete(f"/v1/people/{page['items'][0]['person_id']}?attendance=remove")
    check_refused(
        site.get("/v1/attendance/open-days", limit=1, cursor=page["next_cursor"]), 400, "InvalidCursor"
    )

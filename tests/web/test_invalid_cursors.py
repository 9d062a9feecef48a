"""`InvalidCursor` for whatever we did not give out ourselves, for this very list."""

import string

import pytest

from tests.conftest import Http
from tests.support.answers import check_refused
from tests.support.builders import add_person, set_calendar, stamped

SIGNS = string.ascii_letters + string.digits + "-_"


@pytest.fixture
def people(http: Http) -> str:
    """Three people, and the cursor behind the first; gives the cursor."""
    for name in ("Ann", "Bob", "Cid"):
        add_person(http, name)
    cursor: str = http.get("/v1/people", limit=1).json_body["next_cursor"]
    return cursor


def test_a_cursor_that_was_given_out_goes_on_where_the_page_ended(http: Http, people: str) -> None:
    shown = http.get("/v1/people", limit=1, cursor=people).json_body["items"]
    assert [person["name"] for person in shown] == ["Bob"]


def test_InvalidCursor_for_one_with_any_sign_changed(http: Http, people: str) -> None:
    for place, sign in enumerate(people):
        other = SIGNS[(SIGNS.index(sign) + 1) % len(SIGNS)]
        changed = people[:place] + other + people[place + 1 :]
        check_refused(http.get("/v1/people", cursor=changed), 400, "InvalidCursor")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda cursor: cursor + "=", id="padded"),
        pytest.param(lambda cursor: cursor + "==", id="padded twice"),
        pytest.param(lambda cursor: cursor + "\n", id="a line break behind it"),
        pytest.param(lambda cursor: cursor[:-1], id="cut off"),
        pytest.param(lambda cursor: "A" * 22, id="a signature of nothing"),
        pytest.param(lambda cursor: "", id="empty"),
    ],
)
def test_InvalidCursor_for_one_that_is_written_in_another_way(
    http: Http, people: str, change: object
) -> None:
    assert callable(change)
    check_refused(http.get("/v1/people", cursor=change(people)), 400, "InvalidCursor")


def test_InvalidCursor_whose_last_sign_has_other_bits_that_do_not_count(http: Http) -> None:
    """Base64 leaves some bits of the last sign over: four signs say the same, and only one is ours."""
    for length in range(1, 4):
        set_calendar(http)
        add_person(http, "A" * length)
    cursor = ""
    for name in ("A", "AA", "AAA"):
        page = http.get("/v1/people", q=name, limit=1).json_body
        cursor = page["next_cursor"] or cursor
        if len(cursor) % 4:
            break
    assert len(cursor) % 4, "a cursor of whole groups has no bits left over"
    step = 16 if len(cursor) % 4 == 2 else 4
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    last = alphabet.index(cursor[-1])
    assert last % step == 0
    check_refused(http.get("/v1/people", cursor=cursor[:-1] + alphabet[last + 1]), 400, "InvalidCursor")


def test_InvalidCursor_for_that_of_another_list(http: Http, people: str) -> None:
    for path in ("/v1/attendance?date=2026-08-11", "/v1/punches?from=2026-08-11&to=2026-08-12", "/v1/audit"):
        mark = "&" if "?" in path else "?"
        check_refused(http.get(f"{path}{mark}cursor={people}"), 400, "InvalidCursor")


def test_InvalidCursor_for_the_timesheet_of_everybody_at_the_roster(http: Http) -> None:
    set_calendar(http)
    for name in ("Ann", "Bob"):
        stamped(http, add_person(http, name), "2026-08-11T08:00:00+07:00")
    query = {"from_": "2026-08-11", "to": "2026-08-11", "limit": 1}
    cursor = http.get("/v1/timesheets", **query).json_body["next_cursor"]
    assert http.get("/v1/timesheets", **query, cursor=cursor).status_code == 200
    check_refused(http.get("/v1/attendance", date_="2026-08-11", cursor=cursor), 400, "InvalidCursor")

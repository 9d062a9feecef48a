"""Cursors of every list: they carry ids and instants but no names, and hold while people change."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Http
from tests.support.answers import check_refused

ROOT = Path(__file__).resolve().parents[2]
DAY = "2026-08-11"
NAMES = ("Ánh Nguyễn", "Bình Trần", "Chi Lê", "Dũng Phạm")
LISTS: dict[str, dict[str, Any]] = {
    "/v1/people": {},
    "/v1/attendance": {"date_": DAY},
    "/v1/attendance/open-days": {"from_": DAY, "to": DAY},
    "/v1/timesheets": {"from_": DAY, "to": DAY},
    "/v1/timesheets/monthly": {"month": "2026-08"},
    "/v1/punches": {"from_": DAY, "to": DAY},
    "/v1/audit": {},
}
BY_NAME = [path for path in LISTS if path not in ("/v1/punches", "/v1/audit")]


@pytest.fixture
def people(http: Http) -> dict[str, str]:
    """Four people who came on a day; their ids by name."""
    found = {}
    for number, name in enumerate(NAMES):
        body = {"name": name, "code": f"MA-{number}", "group": "12A1", "since": "2026-01-01"}
        found[name] = http.post("/v1/people", body).json_body["person_id"]
        at = f"{DAY}T01:0{number}:00Z"
        punch = {"person_id": found[name], "at": at, "reason": "forgot"}
        assert http.post("/v1/punches/manual", punch).status_code == 201
    return found


def page(http: Http, path: str, cursor: str | None = None, **query: Any) -> tuple[list[str], str | None]:
    """Get a page of a list by name: whom it shows, and its cursor."""
    answer = http.get(path, cursor=cursor, **LISTS[path] | query)
    assert answer.status_code == 200, answer.body
    return [one["name"] for one in answer.json_body["items"]], answer.json_body["next_cursor"]


def test_the_table_knows_every_list() -> None:
    paths = json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"]
    with_cursor = {
        path
        for path, item in paths.items()
        for parameter in item.get("get", {}).get("parameters", [])
        if parameter.get("name") == "cursor"
    }
    assert with_cursor == LISTS.keys()


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("query", [{}, {"q": "nguyen"}, {"q": "ma-"}, {"group": "12A1"}])
@pytest.mark.parametrize("path", LISTS)
def test_a_cursor_has_no_name_in_it(http: Http, path: str, query: dict[str, str]) -> None:
    if "q" in query and path not in ("/v1/people", "/v1/attendance"):
        pytest.skip("this list has no search")
    if "group" in query and path in ("/v1/punches", "/v1/audit"):
        pytest.skip("this list has no groups")
    if query.get("q") == "nguyen":
        http.post("/v1/people", {"name": "Em Nguyễn", "group": "12A1", "since": "2026-01-01"})
    cursor = http.get(path, limit=1, **LISTS[path] | query).json_body["next_cursor"]
    plain = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))[16:]
    assert plain.isascii(), plain
    text = plain.decode().lower()
    assert not [word for word in ("anh", "nguyen", "binh", "tran", "ma-", "12a1") if word in text], text


@pytest.mark.parametrize("path", BY_NAME)
def test_pages_go_on_behind_somebody_whom_the_list_does_not_show_any_more(
    http: Http, people: dict[str, str], path: str
) -> None:
    shown, cursor = page(http, path, limit=2, group="12A1")
    assert shown == list(NAMES[:2])
    http.call("PATCH", f"/v1/people/{people[NAMES[1]]}", {"group": "12A2"})
    assert page(http, path, cursor, limit=2, group="12A1") == (list(NAMES[2:]), None)


@pytest.mark.parametrize("path", BY_NAME)
def test_pages_go_on_behind_the_new_name_of_somebody(http: Http, people: dict[str, str], path: str) -> None:
    _, cursor = page(http, path, limit=2)
    http.call("PATCH", f"/v1/people/{people[NAMES[1]]}", {"name": "Cúc"})
    assert page(http, path, cursor, limit=2) == ([NAMES[3]], None)


@pytest.mark.parametrize("path", BY_NAME)
def test_behind_somebody_who_was_erased_there_is_no_next_page(
    http: Http, people: dict[str, str], path: str
) -> None:
    _, cursor = page(http, path, limit=2)
    assert http.delete(f"/v1/people/{people[NAMES[1]]}").status_code == 200
    answer = http.get(path, cursor=cursor, **LISTS[path])
    check_refused(answer, 400, "InvalidCursor")
    assert "again" in answer.json_body["Message"]


def test_a_search_goes_on_only_behind_somebody_whom_it_finds(http: Http) -> None:
    first, second = (http.post("/v1/people", {"name": name}).json_body for name in ("Lê An", "Lê Bình"))
    shown, cursor = page(http, "/v1/people", limit=1, q="le")
    assert shown == [first["name"]]
    assert page(http, "/v1/people", cursor, q="le") == ([second["name"]], None)
    http.call("PATCH", f"/v1/people/{first['person_id']}", {"name": "Hồ An"})
    answer = http.get("/v1/people", cursor=cursor, q="le")
    check_refused(answer, 400, "InvalidCursor")

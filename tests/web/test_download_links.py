"""`?link=true`: pages of another origin get a link to a file, because they cannot follow a redirect to it."""

import urllib.request
from typing import Any

import pytest

from tests.conftest import Http
from tests.support.answers import check_refused
from tests.support.builders import add_person, set_calendar, stamped

DAY = {"from_": "2026-08-11", "to": "2026-08-11"}


@pytest.fixture
def person(http: Http) -> str:
    """Somebody who punched in on a Tuesday."""
    set_calendar(http)
    found = add_person(http, "Nguyễn Văn Ánh", code="HS-1")
    stamped(http, found, "2026-08-11T08:00:00+07:00", direction="in")
    return found


def downloaded(url: str, origin: str) -> tuple[bytes, dict[str, str]]:
    """Fetch a link as a page of an origin would."""
    request = urllib.request.Request(url, headers={"Origin": origin})  # noqa: S310 - a link to the own bucket
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return answer.read(), {name.lower(): value for name, value in answer.headers.items()}


@pytest.mark.parametrize("form", ["csv", "xlsx"])
@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v1/attendance", {"date": "2026-08-11"}),
        ("/v1/attendance/{person}", DAY),
        ("/v1/timesheets", DAY),
        ("/v1/timesheets/monthly", {"month": "2026-08"}),
    ],
)
def test_a_file_of_any_size_is_linked_when_asked_for(
    http: Http, person: str, path: str, query: dict[str, Any], form: str
) -> None:
    answer = http.get(path.format(person=person), format=form, link="true", **query)
    assert answer.status_code == 200
    assert answer.json_body.keys() == {"url", "expires_at"}
    content, headers = downloaded(answer.json_body["url"], "http://localhost:5173")
    assert content[:2] == (b"PK" if form == "xlsx" else b'"D') or b"Name" in content[:40]
    assert headers["content-disposition"].endswith(f'.{form}"')
    assert headers["access-control-allow-origin"] in ("*", "http://localhost:5173")
    assert "content-disposition" in headers["access-control-expose-headers"].lower()


def test_a_csv_is_the_same_by_link(http: Http, person: str) -> None:
    direct = http.get("/v1/attendance", date="2026-08-11", format="csv").body
    link = http.get("/v1/attendance", date="2026-08-11", format="csv", link="true").json_body["url"]
    assert downloaded(link, "http://localhost:5173")[0] == direct


def test_all_that_is_held_on_a_person_is_linked(http: Http, person: str) -> None:
    answer = http.get(f"/v1/people/{person}/data", link="true")
    content, headers = downloaded(answer.json_body["url"], "http://localhost:3000")
    assert "Nguyễn Văn Ánh" in content.decode()
    assert headers["content-type"] == "application/json"


def test_a_page_of_json_has_no_link(http: Http, person: str) -> None:
    check_refused(http.get("/v1/attendance", link="true"), 400, "InvalidRequest")

"""Exports by HTTP compared with the JSON of the same report, person by person and day by day."""

import csv
import io
from typing import Any
from urllib.request import urlopen

import pytest

from chalicelib.domain import spreadsheets
from tests.conftest import Http
from tests.support.builders import Json, add_person, set_calendar, stamped
from tests.support.workbooks import cells

PEOPLE = 7


@pytest.fixture
def staff(http: Http) -> list[str]:
    """People who come later and later on a Tuesday, each five minutes after the one before."""
    set_calendar(http)
    ids = []
    for n in range(PEOPLE):
        ids.append(add_person(http, f"Person {n}", code=f"E-{n}", group="A"))
        stamped(http, ids[-1], f"2026-08-11T08:{5 * n:02}:00+07:00", direction="in")
        stamped(http, ids[-1], f"2026-08-11T17:{5 * n:02}:00+07:00", direction="out")
    return ids


def every_item(http: Http, path: str, **query: Any) -> list[Json]:
    """Read a report page by page, two people to a page."""
    found: list[Json] = []
    cursor = None
    while True:
        page = http.get(path, limit=2, cursor=cursor, **query).json_body
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def fetched(answer: Any) -> bytes:
    """Follow a 303 to the file."""
    assert answer.status_code == 303
    with urlopen(answer.headers["Location"]) as file:  # noqa: S310 - the embedded AWS's own
        content: bytes = file.read()
        return content


def csv_rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def test_the_csv_of_a_roster_says_what_its_json_says(http: Http, staff: list[str]) -> None:
    items = every_item(http, "/v1/attendance", date_="2026-08-11")
    header, *rows = csv_rows(http.get("/v1/attendance", date_="2026-08-11", format_="csv").body)
    assert len(rows) == len(items) == PEOPLE
    for item, row in zip(items, rows, strict=True):
        told = dict(zip(header, row, strict=True))
        assert told["Date"] == "2026-08-11"
        assert (told["Name"], told["Code"], told["Group"]) == (item["name"], item["code"], item["group"])
        assert (told["Shift"], told["State"]) == (item["shift"], item["state"])
        assert told["First in"] == item["first_in"][:16].replace("T", " ")
        assert told["Last out"] == item["last_out"][:16].replace("T", " ")
        for column in ("worked_minutes", "late_minutes", "early_minutes"):
            assert told[column.replace("_", " ").capitalize()] == str(item[column])
    # Worked out by hand: ten minutes of grace, so the fourth is the first who is late, by 15 minutes.
    assert [row[header.index("Late minutes")] for row in rows] == ["0", "0", "0", "15", "20", "25", "30"]
    assert {row[header.index("Worked minutes")] for row in rows} == {"480"}


@pytest.mark.parametrize(
    ("path", "query"),
    [
        pytest.param("/v1/attendance", {"date_": "2026-08-11"}, id="roster"),
        pytest.param("/v1/timesheets", {"from_": "2026-08-10", "to": "2026-08-12"}, id="timesheets"),
        pytest.param("/v1/timesheets/monthly", {"month": "2026-08"}, id="month"),
    ],
)
def test_a_workbook_has_the_cells_of_the_csv(
    http: Http, staff: list[str], monkeypatch: pytest.MonkeyPatch, path: str, query: dict[str, str]
) -> None:
    monkeypatch.setattr(spreadsheets, "_CHUNK_ROWS", 3)  # so that few people are several chunks
    rows = csv_rows(http.get(path, format_="csv", **query).body)
    wanted = {
        (number, column): cell
        for number, row in enumerate(rows, 1)
        for column, cell in enumerate(row, 1)
        if cell
    }
    assert cells(fetched(http.get(path, format_="xlsx", **query))) == wanted
    named = {cell for cell in wanted.values() if cell.startswith("Person ")}
    assert named == {f"Person {n}" for n in range(PEOPLE)}


def test_a_timesheet_has_a_row_for_each_day_and_one_of_totals(http: Http, staff: list[str]) -> None:
    query = {"from_": "2026-08-10", "to": "2026-08-12", "format_": "csv"}
    header, *rows = csv_rows(http.get("/v1/timesheets", **query).body)
    wanted = [
        (f"Person {n}", on)
        for n in range(PEOPLE)
        for on in ("2026-08-10", "2026-08-11", "2026-08-12", "Total")
    ]
    assert [(row[0], row[3]) for row in rows] == wanted
    totals = [row for row in rows if row[3] == "Total"]
    assert {row[header.index("Worked minutes")] for row in totals} == {"480"}
    assert {row[header.index("Expected minutes")] for row in totals} == {str(3 * 480)}

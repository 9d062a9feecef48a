"""What reports cost in DynamoDB's read units is what docs/scaling.md says."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks import seeding
from benchmarks.read_units import Meter, size
from chalicelib.aws.attendance_store import AttendanceStore
from chalicelib.aws.directory import Directory
from chalicelib.aws.dynamodb import Table, key, put, to_attributes
from chalicelib.domain.settings import default_settings
from chalicelib.services import timesheets
from chalicelib.services.timesheets import RosterFilter

TABLE = "rollcall-local"
SHARDS, PEOPLE = 4, 1000
ON = date(2026, 6, 1)
NOW = datetime(2026, 7, 1, tzinfo=UTC)
SCALING = Path(__file__).resolve().parents[2] / "docs" / "scaling.md"


def stated(row: str) -> float:
    """Find the read units that the table of docs/scaling.md gives for a report."""
    found = re.search(
        rf"^\| {re.escape(row)} \|.*\| ([0-9,]+) \|$", SCALING.read_text(encoding="utf-8"), re.M
    )
    assert found, f"docs/scaling.md has no row {row!r}"
    return float(found[1].replace(",", ""))


@pytest.fixture
def meter(boto: Callable[[str], Any]) -> Meter:
    """A client that counts, of a table with 1,000 people and one work day."""
    client = boto("dynamodb")
    seeding.seed(client, TABLE, seeding.people(PEOPLE), [ON], SHARDS)
    return Meter(client)


def test_reports_cost_the_read_units_that_are_stated(meter: Meter) -> None:
    table: Any = meter
    site: Any = {"shards": SHARDS, "defaults": default_settings(local=True, zone=seeding.ZONE)}
    directory, attendance_store = (
        Directory(Table(table, TABLE), **site),
        AttendanceStore(Table(table, TABLE), **site),
    )

    report = timesheets.roster(
        directory, attendance_store, ON, RosterFilter(), limit=PEOPLE, after=None, now=NOW
    )
    roster, calls = meter.units, meter.calls
    page = report.page()
    meter.reset()
    assert len(attendance_store.all_days([ON])) == PEOPLE
    one_day = meter.units
    meter.reset()
    month = timesheets.of_month(
        directory, attendance_store, "2026-06", "Group 1", limit=100, after=None, now=NOW
    )
    assert len(month.page().items) == PEOPLE // 20
    group_month = meter.units
    meter.reset()
    timesheets.of_person(directory, attendance_store, page.items[0].person_id, ON, date(2026, 6, 30), now=NOW)
    person_month = meter.units

    assert page.counts.left == PEOPLE
    assert calls == 4 + 4 + 1 + 1  # people, days, leave; settings with holidays
    assert roster == pytest.approx(stated("roster of 1,000 people"), rel=0.02)
    everybodys_month = roster - one_day + 30 * one_day
    assert everybodys_month == pytest.approx(stated("monthly sheet of 1,000 people"), rel=0.02)
    assert group_month == pytest.approx(stated("monthly sheet of 50 of them"), rel=0.02)
    assert person_month == pytest.approx(stated("timesheet of one, a month"), abs=2)


@pytest.mark.parametrize(
    ("attribute", "bytes_"),
    [
        pytest.param({"S": "Ánh"}, 4, id="text in UTF-8"),
        pytest.param({"N": "4"}, 2, id="a digit"),
        pytest.param({"N": "-12.50"}, 4, id="three digits and a sign"),
        pytest.param({"L": [{"BOOL": True}]}, 3 + 2, id="list"),
        pytest.param({"M": {"a": {"S": "b"}}}, 3 + 3, id="map"),
    ],
)
def test_an_items_size_is_that_of_its_names_and_values(attribute: dict[str, Any], bytes_: int) -> None:
    assert size({"name": attribute}) == len("name") + bytes_


def test_items_read_past_botocores_parser_are_what_it_would_have_made_of_them(
    boto: Callable[[str], Any],
) -> None:
    rows: list[dict[str, Any]] = [
        {"text": 'Ánh \\ " \u2028', "number": -3, "share": 0.25, "yes": True, "no": False},
        {"list": ["a", 1, [None]], "map": {"deep": {"S": "x"}, "empty": {}}},
        {},
    ]
    plain = boto("dynamodb")
    table = Table(boto("dynamodb"), TABLE)
    for number, row in enumerate(rows):
        table.write(put(key("A", str(number)) | row))
    asked = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "A"}}}
    theirs = plain.query(TableName=TABLE, **asked)["Items"]
    assert [to_attributes(item) for item in table.query("A").items] == theirs
    assert table.query("A", limit=2).last == key("A", "1")
    many = table.get_many([("A", "0"), ("A", "1"), ("A", "9")])
    assert [to_attributes(item) for item in many.values()] == theirs[:2]

    table.write(put(key("A", "3") | {"bytes": b"\x00\xff"}))
    assert table.query("A").items[3]["bytes"] == b"\x00\xff"
    assert table.get_many([("A", "3")])["A", "3"]["bytes"] == b"\x00\xff"

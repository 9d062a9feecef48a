"""Erasure leaves no export: whatever a file may hide, zipped or not, the person's name is nowhere."""

import pytest

from tests.conftest import Http
from tests.support.builders import add_person, set_calendar, stamped
from tests.support.traces import Boto, in_bucket, traces_of

NAME, CODE, EMAIL = "Trịnh Thị Ngọc Quyên", "QX-7731", "quyen.trinh@example.com"
OTHER = "Somebody Else"


@pytest.fixture
def quyen(http: Http) -> str:
    """A person with a day of attendance; gives the id."""
    set_calendar(http)
    person_id = add_person(http, NAME, code=CODE, email=EMAIL)
    stamped(http, person_id, "2026-08-11T08:00:00+07:00")
    return person_id


EXPORTS = [
    pytest.param("/v1/attendance?date=2026-08-11&format=xlsx", id="roster"),
    pytest.param("/v1/timesheets?from=2026-08-10&to=2026-08-12&format=xlsx", id="timesheets"),
    pytest.param("/v1/timesheets/monthly?month=2026-08&format=xlsx", id="month"),
]


@pytest.mark.parametrize("attendance", ["pseudonymise", "remove"])
@pytest.mark.parametrize("path", EXPORTS)
def test_an_erased_persons_name_is_in_no_workbook_that_was_made_before(
    http: Http, boto: Boto, quyen: str, path: str, attendance: str
) -> None:
    assert http.get(path).status_code == 303
    assert NAME in in_bucket(boto), "the search must see into a workbook, or it proves nothing"
    receipt = http.call("DELETE", f"/v1/people/{quyen}", attendance=attendance).json_body
    assert receipt["complete"] is True
    assert receipt["removed"]["exports"] == 1
    assert traces_of(boto, NAME, CODE, EMAIL, quyen) == []


def test_an_export_made_after_the_erasure_names_nobody_erased(http: Http, boto: Boto, quyen: str) -> None:
    add_person(http, OTHER)
    assert http.delete(f"/v1/people/{quyen}").json_body["complete"] is True
    for path in [one.values[0] for one in EXPORTS]:
        assert http.get(str(path)).status_code == 303
    left = in_bucket(boto)
    assert OTHER in left
    assert [word for word in (NAME, CODE, quyen) if word in left] == []


def test_a_large_csv_of_before_goes_as_well(
    http: Http, boto: Boto, quyen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.web.exports.INLINE_BYTES", 10)
    assert http.get("/v1/attendance", date_="2026-08-11", format_="csv").status_code == 303
    assert NAME in in_bucket(boto)
    assert http.delete(f"/v1/people/{quyen}").json_body["removed"]["exports"] == 1
    assert NAME not in in_bucket(boto)
    assert "exports/" not in in_bucket(boto)

"""Dates that may be asked about (`InvalidRequest` for others), and ids of punches."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.dates import check_date, date_range, month_dates
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.ids import new_id, new_punch_id, punch_instant


@pytest.mark.parametrize("on", [date(2000, 1, 1), date(2199, 12, 31)])
def test_the_first_and_the_last_date_can_be_asked_about(on: date) -> None:
    assert check_date(on) == on


@pytest.mark.parametrize("on", [date(1999, 12, 31), date(2200, 1, 1), date.min, date.max])
def test_InvalidRequest_for_a_date_that_no_work_day_has(on: date) -> None:
    with pytest.raises(InvalidRequest, match=r"^A date is from 2000-01-01 to 2199-12-31.$"):
        check_date(on)
    for since, until in ((on, date(2026, 1, 1)), (date(2026, 1, 1), on)):
        with pytest.raises(InvalidRequest, match=r"^A date is from 2000-01-01 to 2199-12-31.$"):
            date_range(since, until)


def test_a_range_has_both_its_ends() -> None:
    assert date_range(date(2026, 2, 27), date(2026, 3, 1)) == [
        date(2026, 2, 27),
        date(2026, 2, 28),
        date(2026, 3, 1),
    ]
    assert date_range(date(2026, 1, 1), date(2026, 1, 1)) == [date(2026, 1, 1)]
    assert len(date_range(date(2028, 1, 1), date(2028, 12, 31))) == 366


@pytest.mark.parametrize("until", [date(2025, 12, 31), date(2027, 1, 2)])
def test_InvalidRequest_for_a_range_that_runs_backwards_or_is_over_a_year(until: date) -> None:
    with pytest.raises(InvalidRequest, match=r"^`to` is from 0 to 365 days after `from`.$"):
        date_range(date(2026, 1, 1), until)


@pytest.mark.parametrize(
    ("month", "last"),
    [("2026-02", 28), ("2028-02", 29), ("2000-02", 29), ("2100-02", 28), ("2026-12", 31), ("2026-04", 30)],
)
def test_a_month_has_all_its_dates(month: str, last: int) -> None:
    found = month_dates(month)
    year, number = map(int, month.split("-"))
    assert (found[0], found[-1], len(found)) == (date(year, number, 1), date(year, number, last), last)


def test_a_punchs_id_begins_with_its_instant_in_microseconds() -> None:
    at = datetime(2026, 8, 11, 1, 2, 3, 456_789, tzinfo=UTC)
    assert int(new_punch_id(at)[:14], 16) == 1_786_410_123_456_789
    assert punch_instant(new_punch_id(at)) == at
    assert new_punch_id(at, "0123456789abcdef") == f"{1_786_410_123_456_789:014x}0123456789ab"
    assert new_punch_id(at.astimezone(timezone(timedelta(hours=7))), "0" * 12) == new_punch_id(at, "0" * 12)


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2199, 12, 31)))  # noqa: DTZ001
def test_ids_of_punches_sort_as_their_instants(wall: datetime) -> None:
    at = wall.replace(tzinfo=UTC)
    punch_id = new_punch_id(at)
    assert len(punch_id) == 26
    assert punch_instant(punch_id) == at
    assert punch_id < new_punch_id(at + timedelta(microseconds=1))


@pytest.mark.parametrize(
    "text", ["", "0" * 25, "0" * 27, "g" * 26, "0" * 26 + "\n", "A" * 26, "../" + "0" * 23]
)
def test_what_is_no_punchs_id_has_no_instant(text: str) -> None:
    assert punch_instant(text) is None


def test_ids_say_nothing_and_are_never_the_same() -> None:
    made = {new_id() for _ in range(1000)}
    assert len(made) == 1000
    assert all(len(one) == 24 and set(one) <= set("0123456789abcdef") for one in made)
    at = datetime(2026, 8, 11, tzinfo=UTC)
    assert len({new_punch_id(at) for _ in range(1000)}) == 1000

"""The first date that a change concerns, by which closed days are protected."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.domain.person import Person
from chalicelib.domain.timeline import (
    Dated,
    Stint,
    Timeline,
    employed,
    first_difference,
    first_difference_in_employment,
    value_on,
)

DAYS = [date(2026, 6, 1) + timedelta(days=n) for n in range(12)]
dates = st.sampled_from(DAYS[1:-1])
timelines: st.SearchStrategy[Timeline[str]] = st.dictionaries(
    st.none() | dates, st.sampled_from("abc"), max_size=4
).map(lambda found: tuple(Dated(found[on], on) for on in sorted(found, key=lambda on: on or date.min)))


@st.composite
def stint_lists(draw: st.DrawFn) -> tuple[Stint, ...]:
    """Make up to two stints in order, the last of which may have no end."""
    bounds = sorted(draw(st.lists(dates, min_size=4, max_size=4, unique=True)))
    made = (Stint(bounds[0], bounds[1]), Stint(bounds[2], draw(st.sampled_from([None, bounds[3]]))))
    return made[: draw(st.integers(0, 2))]


@given(timelines, timelines)
def test_it_is_the_first_of_all_dates_that_differ(one: Timeline[str], other: Timeline[str]) -> None:
    differing = [on for on in DAYS if value_on(one, on, "a") != value_on(other, on, "a")]
    found = first_difference(one, other, "a")
    assert (found is None) == (not differing)
    if found is not None:
        assert max(found, DAYS[0]) == differing[0]


@given(stint_lists(), stint_lists())
def test_it_is_the_first_date_on_which_only_one_of_two_is_employed(
    one: tuple[Stint, ...], other: tuple[Stint, ...]
) -> None:
    differing = [on for on in DAYS if employed(one, on) != employed(other, on)]
    found = first_difference_in_employment(one, other)
    assert (found is None) == (not differing)
    if found is not None:
        assert max(found, DAYS[0]) == differing[0]


ANH = Person(
    person_id="a",
    name="Nguyễn Văn Ánh",
    created_at=datetime(2026, 6, 1, tzinfo=UTC),
    updated_at=datetime(2026, 6, 1, tzinfo=UTC),
    groups=(Dated("12A1"), Dated("12A2", DAYS[5])),
    stints=(Stint(DAYS[1]),),
)


@pytest.mark.parametrize(
    ("after", "first"),
    [
        pytest.param(replace(ANH, name="Ánh", code="1"), None, id="a name changes no day"),
        pytest.param(replace(ANH, groups=(Dated("12A1"), Dated("12A2", DAYS[3]))), DAYS[3], id="group"),
        pytest.param(replace(ANH, shifts=(Dated("night"),)), date.min, id="shift since ever"),
        pytest.param(replace(ANH, stints=(Stint(DAYS[1], DAYS[7]),)), DAYS[8], id="the day after the last"),
        pytest.param(replace(ANH, stints=(Stint(),)), date.min, id="no first day"),
    ],
)
def test_the_first_day_that_a_change_of_a_person_concerns(after: Person, first: date | None) -> None:
    assert after.first_difference(ANH) == first
    assert ANH.first_difference(after) == first


def test_a_new_person_concerns_the_days_from_the_first_on() -> None:
    assert ANH.first_difference(None) == DAYS[1]

"""A person in the table: everything comes back, and what never changed takes little room."""

from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.aws import items
from chalicelib.aws.dynamodb import Item, from_attributes, to_attributes
from chalicelib.domain.person import Person, Status
from chalicelib.domain.timeline import Dated, Stint, Timeline, always

NOW = datetime(2026, 11, 23, tzinfo=UTC)
NAMES = st.sampled_from(("10A", "2026-01-01/", "", "11 A / B")) | st.none()


def stored(person: Person) -> Item:
    return from_attributes(to_attributes(items.person(person, 4)))


def person(
    groups: Timeline[str | None] = (), stints: tuple[Stint, ...] = (), status: Status = Status.ACTIVE
) -> Person:
    return Person(
        person_id="a",
        name="A",
        created_at=NOW,
        updated_at=NOW,
        groups=groups,
        shifts=groups,
        stints=stints,
        status=status,
        version=1,
    )


@st.composite
def timelines(draw: st.DrawFn) -> Timeline[str | None]:
    """Draw a history, as `with_value` makes them: the first value since ever, none twice in a row."""
    values = draw(st.lists(NAMES, max_size=4))
    values = [values[0], *(b for a, b in pairwise(values) if a != b)] if values else []
    if values == [None]:
        return ()
    dates = sorted(draw(st.sets(st.dates(), min_size=len(values), max_size=len(values))))
    return tuple(
        Dated(value, on if n else None) for n, (value, on) in enumerate(zip(values, dates, strict=True))
    )


STINTS = st.builds(Stint, st.none() | st.dates(), st.none() | st.dates())


@given(timelines(), st.lists(STINTS, max_size=3).map(tuple), st.sampled_from(Status))
def test_a_person_comes_back_from_the_table(
    groups: Timeline[str | None], stints: tuple[Stint, ...], status: Status
) -> None:
    one = person(groups, stints, status)
    assert items.read_person(stored(one)) == one
    assert items.read_groups(stored(one)) == groups


@pytest.mark.parametrize(
    ("one", "kept"),
    [
        pytest.param(person(), {}, id="never here"),
        pytest.param(
            person(always("10A"), (Stint(date(2020, 1, 1)),)),
            {"groups": "10A", "shifts": "10A", "stints": "2020-01-01/"},
            id="always the same",
        ),
        pytest.param(
            person((), (Stint(None, date(2020, 1, 1)), Stint(date(2021, 1, 1), date(2021, 2, 1)))),
            {"stints": "/2020-01-01 2021-01-01/2021-02-01"},
            id="two stints",
        ),
    ],
)
def test_the_shape_of_what_is_stored(one: Person, kept: Item) -> None:
    item = stored(one)
    assert item["schema"] == 2
    assert {name: item[name] for name in ("groups", "shifts", "stints") if name in item} == kept

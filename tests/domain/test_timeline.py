"""Dated facts: which value holds on a date, how a change is made and undone, and periods of employment."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.timeline import (
    Dated,
    Stint,
    Timeline,
    always,
    employed,
    employed_within,
    value_on,
    values_within,
    with_value,
)

JAN, FEB, MAR, APR = (date(2026, month, 1) for month in (1, 2, 3, 4))
DAY = timedelta(days=1)


def changes(first: str, *later: tuple[date, str]) -> Timeline[str]:
    return (Dated(first), *(Dated(value, since) for since, value in later))


@pytest.mark.parametrize(
    ("on", "value"),
    [
        (date(1999, 1, 1), "a"),
        (FEB - DAY, "a"),
        (FEB, "b"),
        (MAR - DAY, "b"),
        (MAR, "c"),
        (date(2199, 12, 31), "c"),
    ],
)
def test_a_value_holds_until_the_next_one(on: date, value: str) -> None:
    assert value_on(changes("a", (FEB, "b"), (MAR, "c")), on, "none") == value


def test_without_any_value_the_default_holds() -> None:
    assert value_on((), FEB, "default") == "default"
    assert values_within((), FEB, MAR) == set()


def test_the_first_value_holds_on_all_earlier_dates_whatever_its_date() -> None:
    assert value_on((Dated("a", FEB), Dated("b", MAR)), JAN, "none") == "a"
    assert with_value((Dated("a", FEB),), JAN, "b", "x") == changes("a", (JAN, "b"))


@pytest.mark.parametrize(
    ("since", "until", "values"),
    [
        (JAN, JAN, {"a"}),
        (JAN, FEB, {"a", "b"}),
        (FEB, MAR - DAY, {"b"}),
        (FEB, APR, {"b", "a"}),
        (MAR, APR, {"a"}),
    ],
)
def test_the_values_of_a_range(since: date, until: date, values: set[str]) -> None:
    assert values_within(changes("a", (FEB, "b"), (MAR, "a")), since, until) == values


@pytest.mark.parametrize(
    ("before", "since", "value", "after"),
    [
        pytest.param((), FEB, "b", changes("x", (FEB, "b")), id="the first change keeps what was before"),
        pytest.param((), None, "b", changes("b"), id="since ever"),
        pytest.param(changes("a"), FEB, "b", changes("a", (FEB, "b")), id="a change"),
        pytest.param(
            *(changes("a", (MAR, "c")), FEB, "b", changes("a", (FEB, "b"), (MAR, "c"))), id="until the next"
        ),
        pytest.param(changes("a", (FEB, "b")), FEB, "c", changes("a", (FEB, "c")), id="another on that date"),
        pytest.param(
            *(changes("a", (MAR, "b")), FEB, "b", changes("a", (FEB, "b"), (MAR, "b"))),
            id="a planned change stays, though it says the same",
        ),
        pytest.param(
            *(changes("a"), MAR, "a", changes("a", (MAR, "a"))),
            id="and so does one that is entered before what it ends",
        ),
        pytest.param(
            changes("a", (MAR, "c")), None, "b", changes("b", (MAR, "c")), id="since ever, until the next"
        ),
    ],
)
def test_a_change_holds_from_its_date_until_the_next(
    before: Timeline[str], since: date | None, value: str, after: Timeline[str]
) -> None:
    assert with_value(before, since, value, "x") == after


DATES = st.dates(date(2026, 1, 1), date(2026, 1, 20))
VALUES = st.sampled_from("abc")
CHANGES = st.lists(st.tuples(DATES, VALUES), max_size=6)


def made(steps: Sequence[tuple[date, str]]) -> Timeline[str]:
    found = always("a")
    for since, value in steps:
        found = with_value(found, since, value, "a")
    return found


@given(CHANGES, DATES, VALUES)
def test_a_change_touches_only_the_dates_until_the_next(
    steps: list[tuple[date, str]], since: date, value: str
) -> None:
    before = made(steps)
    after = with_value(before, since, value, "a")
    ends = min(
        (d.effective_from for d in before if d.effective_from and d.effective_from > since), default=APR
    )
    for n in range(30):
        on = JAN - timedelta(days=5) + timedelta(days=n)
        wanted = value if since <= on < ends else value_on(before, on, "a")
        assert value_on(after, on, "a") == wanted


@given(CHANGES, DATES, VALUES)
def test_a_change_is_undone_by_the_value_before_it(
    steps: list[tuple[date, str]], since: date, value: str
) -> None:
    before = made(steps)
    undone = with_value(with_value(before, since, value, "a"), since, value_on(before, since, "a"), "a")
    for n in range(30):
        on = JAN - timedelta(days=5) + timedelta(days=n)
        assert value_on(undone, on, "a") == value_on(before, on, "a")


@given(CHANGES, st.randoms(use_true_random=False))
def test_the_order_in_which_changes_are_made_does_not_matter(
    steps: list[tuple[date, str]], random: Any
) -> None:
    """A year's changes, entered in another order, give the same sheets."""
    distinct = list(dict(steps).items())
    shuffled = random.sample(distinct, len(distinct))
    assert made(shuffled) == made(distinct)


# ---- stints

FIRST, AGAIN = Stint(JAN, FEB), Stint(APR)


@pytest.mark.parametrize(
    ("on", "is_employed"), [(JAN - DAY, False), (JAN, True), (FEB, True), (FEB + DAY, False), (APR, True)]
)
def test_both_ends_of_a_stint_belong_to_it(on: date, is_employed: bool) -> None:
    assert employed((FIRST, AGAIN), on) is is_employed
    assert employed_within((FIRST, AGAIN), on, on) is is_employed


def test_a_range_may_begin_before_a_stint_and_end_after_it() -> None:
    assert employed_within((Stint(FEB, FEB),), JAN, MAR)
    assert not employed_within((FIRST, AGAIN), FEB + DAY, APR - DAY)
    assert employed_within((Stint(),), JAN, JAN)
    assert not employed_within((), JAN, APR)


@given(DATES, st.none() | DATES, st.none() | DATES)
def test_nobody_is_due_outside_their_dates(on: date, since: date | None, until: date | None) -> None:
    assert employed((Stint(since, until),), on) == ((since or date.min) <= on <= (until or date.max))

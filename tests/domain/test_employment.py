"""The stints of a person after a change of status, since or until."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, UnsetType

from chalicelib.domain.employment import EmploymentChange, changed_employment
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.person import Status
from chalicelib.domain.timeline import Stint, employed

TODAY = date(2026, 6, 15)
ACTIVE, INACTIVE = Status.ACTIVE, Status.INACTIVE


def june(day: int) -> date:
    return date(2026, 6, day)


FIRST = Stint(date(2020, 1, 1), date(2025, 12, 31))
OPEN = Stint(date(2026, 2, 1))
ENDED = Stint(date(2026, 2, 1), june(10))
PLANNED = Stint(date(2026, 9, 1))


def changed(
    stints: tuple[Stint, ...],
    was: Status = ACTIVE,
    *,
    on: date = TODAY,
    status: Status | UnsetType = UNSET,
    since: date | UnsetType | None = UNSET,
    until: date | UnsetType | None = UNSET,
) -> tuple[Stint, ...]:
    change = EmploymentChange(on=on, status=status, since=since, until=until)
    return changed_employment(stints, was, change, today=TODAY).stints


@pytest.mark.parametrize(
    ("stints", "change", "after"),
    [
        pytest.param((OPEN,), {}, (OPEN,), id="nothing"),
        pytest.param((OPEN,), {"status": INACTIVE}, (Stint(OPEN.since, TODAY),), id="inactive without until"),
        pytest.param((OPEN,), {"status": INACTIVE, "until": None}, (Stint(OPEN.since, TODAY),), id="null"),
        pytest.param(
            (OPEN,), {"status": INACTIVE, "on": june(3)}, (Stint(OPEN.since, june(3)),), id="in the past"
        ),
        pytest.param(
            (OPEN,), {"status": INACTIVE, "on": june(30)}, (Stint(OPEN.since, june(30)),), id="planned"
        ),
        pytest.param(
            (OPEN,), {"status": INACTIVE, "until": june(30)}, (Stint(OPEN.since, june(30)),), id="until given"
        ),
        pytest.param((ENDED,), {"status": INACTIVE}, (ENDED,), id="inactive after the end: it stands"),
        pytest.param((Stint(),), {"status": INACTIVE}, (Stint(None, TODAY),), id="since ever"),
        pytest.param((PLANNED,), {"status": INACTIVE}, (), id="who never came"),
        pytest.param((FIRST, PLANNED), {"status": INACTIVE}, (FIRST,), id="who does not come back"),
        pytest.param((OPEN,), {"until": june(30)}, (Stint(OPEN.since, june(30)),), id="a planned end"),
        pytest.param((ENDED,), {"until": None}, (OPEN,), id="the end is taken back"),
        pytest.param((ENDED,), {"status": ACTIVE}, (ENDED, Stint(TODAY)), id="active again"),
        pytest.param(
            (ENDED,), {"status": ACTIVE, "on": june(12)}, (ENDED, Stint(june(12))), id="active again since"
        ),
        pytest.param((ENDED,), {"since": june(20)}, (ENDED, Stint(june(20))), id="a since after the end"),
        pytest.param(
            (ENDED,),
            {"status": ACTIVE, "since": june(11), "until": june(30)},
            (ENDED, Stint(june(11), june(30))),
            id="all at once",
        ),
        pytest.param(
            (FIRST, Stint(june(20), june(30))),
            {"since": date(2026, 7, 1), "until": date(2026, 7, 9)},
            (FIRST, Stint(date(2026, 7, 1), date(2026, 7, 9))),
            id="a planned stint is moved",
        ),
        pytest.param((OPEN,), {"status": ACTIVE}, (OPEN,), id="active already"),
        pytest.param((ENDED,), {"since": june(5)}, (Stint(june(5), june(10)),), id="a corrected first date"),
        pytest.param(
            (FIRST, OPEN),
            {"since": date(2026, 3, 1)},
            (FIRST, Stint(date(2026, 3, 1))),
            id="the last one's",
        ),
        pytest.param((), {"status": ACTIVE}, (Stint(TODAY),), id="the first stint"),
        pytest.param((), {"since": june(20)}, (Stint(june(20)),), id="the first stint, planned"),
    ],
)
def test_stints_after_a_change(
    stints: tuple[Stint, ...], change: dict[str, date | Status], after: tuple[Stint, ...]
) -> None:
    assert changed(stints, **change) == after  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stints", "change", "after"),
    [
        pytest.param((Stint(OPEN.since, TODAY),), {"status": ACTIVE}, (OPEN,), id="a mistake"),
        pytest.param(
            (Stint(OPEN.since, june(14)),), {"status": ACTIVE}, (OPEN,), id="back on the day after the last"
        ),
        pytest.param(
            (Stint(OPEN.since, june(13)),),
            {"status": ACTIVE},
            (Stint(OPEN.since, june(13)), Stint(TODAY)),
            id="back after a day away",
        ),
        pytest.param((Stint(OPEN.since, june(30)),), {"status": ACTIVE}, (OPEN,), id="no end any more"),
        pytest.param((ENDED,), {"status": ACTIVE, "since": ENDED.since}, (OPEN,), id="the stint goes on"),
        pytest.param((ENDED,), {"until": june(12)}, (Stint(ENDED.since, june(12)),), id="a corrected end"),
        pytest.param((ENDED,), {"status": INACTIVE}, (ENDED,), id="inactive again"),
    ],
)
def test_stints_of_somebody_inactive(
    stints: tuple[Stint, ...], change: dict[str, date | Status], after: tuple[Stint, ...]
) -> None:
    assert changed(stints, INACTIVE, **change) == after  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stints", "was", "change", "message"),
    [
        pytest.param((OPEN,), ACTIVE, {"until": date(2026, 1, 31)}, "`until` is before", id="reversed"),
        pytest.param(
            (OPEN,), ACTIVE, {"since": june(20), "until": june(19)}, "`until` is before", id="reversed, both"
        ),
        pytest.param((FIRST, OPEN), ACTIVE, {"since": FIRST.until}, "lasts until 2025-12-31", id="overlap"),
        pytest.param((FIRST, OPEN), ACTIVE, {"since": None}, "lasts until 2025-12-31", id="since ever"),
        pytest.param(
            (ENDED,),
            INACTIVE,
            {"status": ACTIVE, "since": june(5)},
            "lasts until 2026-06-10",
            id="back before they left",
        ),
        pytest.param((ENDED,), INACTIVE, {"until": None}, "has an `until`", id="inactive without an end"),
        pytest.param(
            (OPEN,),
            ACTIVE,
            {"status": INACTIVE, "on": date(2026, 1, 31)},
            "before the stint that began on 2026-02-01",
            id="away before they came",
        ),
        pytest.param((), INACTIVE, {"until": june(30)}, "`until` needs `since`", id="an end of nothing"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(
    stints: tuple[Stint, ...], was: Status, change: dict[str, date | Status], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        changed(stints, was, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("was", "fields", "status"),
    [
        pytest.param(ACTIVE, {"status": INACTIVE}, INACTIVE, id="at once"),
        pytest.param(ACTIVE, {"status": INACTIVE, "on": june(3)}, INACTIVE, id="in the past"),
        pytest.param(ACTIVE, {"status": INACTIVE, "on": june(30)}, ACTIVE, id="planned: still active"),
        pytest.param(INACTIVE, {"status": ACTIVE}, ACTIVE, id="back"),
        pytest.param(INACTIVE, {"since": june(20)}, ACTIVE, id="back, by another stint"),
        pytest.param(INACTIVE, {"since": date(2026, 3, 1)}, INACTIVE, id="only corrected"),
        pytest.param(ACTIVE, {"until": june(12)}, ACTIVE, id="an end alone"),
    ],
)
def test_the_status_after_a_change(was: Status, fields: dict[str, date | Status], status: Status) -> None:
    change = EmploymentChange(**{"on": TODAY} | fields)  # type: ignore[arg-type]
    assert changed_employment((ENDED,), was, change, today=TODAY).status is status


days = st.integers(1, 30).map(june)


@given(st.lists(st.tuples(days, st.sampled_from(Status)), max_size=8))
def test_coming_and_going_later_never_changes_an_earlier_day(changes: list[tuple[date, Status]]) -> None:
    stints: tuple[Stint, ...] = (OPEN,)
    status = ACTIVE
    for on, wanted in sorted(changes):
        before = [employed(stints, june(day)) for day in range(1, on.day)]
        change = EmploymentChange(on=on, status=wanted)
        after = changed_employment(stints, status, change, today=on)
        stints, status = after.stints, after.status
        assert status is wanted
        assert [employed(stints, june(day)) for day in range(1, on.day)] == before
        assert employed(stints, june(30)) is (wanted is ACTIVE or (on == june(30) and employed(stints, on)))

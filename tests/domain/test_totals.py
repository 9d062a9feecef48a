"""What a date counts as: a table worked out by hand, and rules that hold for whatever happens."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.leave import Leave
from chalicelib.domain.reports import Sheets, Timesheet, legend, letters
from chalicelib.domain.schedule import Calendar, Half, Holiday, Schedule, SessionHours, Shift
from chalicelib.domain.settings import LEAVE_KINDS, LeaveKind
from chalicelib.domain.timeline import Dated, Stint, Timeline, always
from chalicelib.domain.totals import Tally, TimesheetTotals, added
from chalicelib.domain.workday import Member, TimeEvent, events_by_day

ZONE = "Asia/Ho_Chi_Minh"
SCHOOL = (SessionHours("07:00", "11:00"), SessionHours("13:00", "17:00"))
CALENDAR = Calendar(
    zone=ZONE,
    shifts={
        "day": Shift("08:00", "17:00", grace_minutes=10, half_day_after_minutes=120, break_minutes=60),
        "school": Shift(week={"mon": SCHOOL, "tue": SCHOOL, "wed": SCHOOL, "thu": SCHOOL, "fri": SCHOOL}),
    },
)
MONDAY = date(2026, 11, 23)
WHOLE_HOLIDAY, HALF_HOLIDAY = date(2026, 11, 25), date(2026, 11, 26)  # Wednesday; the afternoon of Thursday
SCHEDULE = Schedule(
    always(CALENDAR),
    [Holiday(WHOLE_HOLIDAY, "Founding day"), Holiday(HALF_HOLIDAY, "Eve", half="second")],
)
SATURDAY = date(2026, 11, 28)
LATER = datetime(2027, 1, 1, tzinfo=UTC)
KINDS = (*LEAVE_KINDS, LeaveKind(kind="study", letter="ST", paid=False))


def punches(on: date, *walls: str) -> list[TimeEvent]:
    """Make punches of a date by Saigon's clock."""
    zero = datetime(on.year, on.month, on.day, tzinfo=UTC) - timedelta(hours=7)
    at = [zero + timedelta(hours=int(wall[:2]), minutes=int(wall[3:])) for wall in walls]
    return [TimeEvent(f"{on}-{wall}", one, on, ZONE) for wall, one in zip(walls, at, strict=True)]


def leave(on: date, kind: str = "sick", half: Half | None = None) -> Leave:
    return Leave("p", on, on, kind, half)


def sheet(
    on: date,
    walls: Sequence[str] = (),
    leaves: Sequence[Leave] = (),
    *,
    until: date | None = None,
    shift: str = "day",
    stints: tuple[Stint, ...] = (Stint(),),
    now: datetime = LATER,
) -> tuple[Timesheet, list[str]]:
    """Make the timesheet of some dates, and the marks of the same."""
    made = Sheets(SCHEDULE, on, until or on, leave_kinds=KINDS, now=now)
    member = Member("p", "P", shifts=always(shift), stints=stints)
    events = events_by_day(punches(on, *walls))
    row = made.row(member, events, leaves=leaves)
    own = made.timesheet(member, events, leaves=leaves)
    assert row.totals == own.totals
    return own, row.marks


DAY = ("08:00", "17:00")
AFTERNOON, MORNING = ("13:00", "17:00"), ("08:00", "12:00")


@pytest.mark.parametrize(
    ("on", "walls", "leaves", "wanted", "marked"),
    [
        pytest.param(MONDAY, DAY, [], {"attended_days": 1}, "P", id="worked"),
        pytest.param(MONDAY, (), [], {"absent_days": 1}, "A", id="no show"),
        pytest.param(
            MONDAY,
            ("08:30", "17:00"),
            [],
            {"attended_days": 1, "late_days": 1, "late_sessions": 1},
            "L",
            id="late",
        ),
        pytest.param(
            MONDAY,
            ("10:30", "17:00"),
            [],
            {"attended_days": 0.5, "absent_days": 0.5, "half_days": 1, "late_sessions": 1},
            "H",
            id="half a day is half absent",
        ),
        pytest.param(MONDAY, ("08:00",), [], {"attended_days": 1, "open_days": 1}, "P?", id="no out"),
        pytest.param(
            MONDAY, (), [leave(MONDAY)], {"leave_days": 1, "paid_leave_days": 1, "sick": 1}, "S", id="leave"
        ),
        pytest.param(
            MONDAY,
            (),
            [leave(MONDAY, "study")],
            {"leave_days": 1, "unpaid_leave_days": 1, "study": 1},
            "ST",
            id="unpaid leave, two letters",
        ),
        pytest.param(
            MONDAY,
            (),
            [leave(MONDAY, "moving house")],
            {"leave_days": 1, "paid_leave_days": 1, "moving house": 1},
            "V",
            id="a kind that the settings do not know",
        ),
        pytest.param(
            MONDAY,
            AFTERNOON,
            [leave(MONDAY, half="first")],
            {"attended_days": 0.5, "leave_days": 0.5, "paid_leave_days": 0.5, "sick": 0.5},
            "S/P",
            id="morning off, afternoon worked",
        ),
        pytest.param(
            MONDAY,
            MORNING,
            [leave(MONDAY, "unpaid", "second")],
            {"attended_days": 0.5, "leave_days": 0.5, "unpaid_leave_days": 0.5, "unpaid": 0.5},
            "P/U",
            id="afternoon off, morning worked",
        ),
        pytest.param(
            MONDAY,
            (),
            [leave(MONDAY, half="first")],
            {"absent_days": 0.5, "leave_days": 0.5, "paid_leave_days": 0.5, "sick": 0.5},
            "S/A",
            id="morning off, afternoon no show",
        ),
        pytest.param(
            MONDAY,
            ("13:30", "17:00"),
            [leave(MONDAY, half="first")],
            {
                **{"attended_days": 0.5, "leave_days": 0.5, "paid_leave_days": 0.5, "sick": 0.5},
                **{"late_days": 1, "late_sessions": 1},
            },
            "S/L",
            id="morning off, late in the afternoon",
        ),
        pytest.param(
            MONDAY,
            ("13:00",),
            [leave(MONDAY, half="first")],
            {
                **{"attended_days": 0.5, "leave_days": 0.5, "paid_leave_days": 0.5, "sick": 0.5},
                "open_days": 1,
            },
            "S/P?",
            id="morning off, no out",
        ),
        pytest.param(
            MONDAY,
            (),
            [leave(MONDAY, "sick", "first"), leave(MONDAY, "unpaid", "second")],
            {
                **{"leave_days": 1, "sick": 0.5, "unpaid": 0.5},
                **{"paid_leave_days": 0.5, "unpaid_leave_days": 0.5},
            },
            "S/U",
            id="two kinds of leave on one day",
        ),
        pytest.param(WHOLE_HOLIDAY, (), [], {"holidays": 1}, "F", id="holiday"),
        pytest.param(
            WHOLE_HOLIDAY, (), [leave(WHOLE_HOLIDAY)], {"holidays": 1}, "F", id="leave on a holiday"
        ),
        pytest.param(
            WHOLE_HOLIDAY, DAY, [], {"holidays": 1, "extra_days": 1}, "F*", id="worked on a holiday"
        ),
        pytest.param(
            HALF_HOLIDAY,
            MORNING,
            [],
            {"holidays": 0.5, "attended_days": 0.5},
            "P/F",
            id="half a holiday, worked",
        ),
        pytest.param(
            HALF_HOLIDAY, (), [], {"holidays": 0.5, "absent_days": 0.5}, "A/F", id="half a holiday, no show"
        ),
        pytest.param(
            HALF_HOLIDAY,
            (),
            [leave(HALF_HOLIDAY)],
            {"holidays": 0.5, "leave_days": 0.5, "paid_leave_days": 0.5, "sick": 0.5},
            "S/F",
            id="half a holiday, leave all day",
        ),
        pytest.param(
            HALF_HOLIDAY,
            (),
            [leave(HALF_HOLIDAY, half="first")],
            {"holidays": 0.5, "leave_days": 0.5, "paid_leave_days": 0.5, "sick": 0.5},
            "S/F",
            id="half a holiday, leave the other half",
        ),
        pytest.param(
            HALF_HOLIDAY,
            MORNING,
            [leave(HALF_HOLIDAY, half="second")],
            {"holidays": 0.5, "attended_days": 0.5},
            "P/F",
            id="half a holiday, leave the same half",
        ),
        pytest.param(SATURDAY, (), [], {"days_off": 1}, "O", id="day off"),
        pytest.param(SATURDAY, DAY, [], {"days_off": 1, "extra_days": 1}, "O*", id="worked on a day off"),
        pytest.param(
            SATURDAY,
            ("08:00",),
            [leave(SATURDAY)],
            {"days_off": 1, "extra_days": 1, "open_days": 1},
            "O*?",
            id="worked on a day off within a leave",
        ),
        pytest.param(
            MONDAY,
            DAY,
            [leave(MONDAY)],
            {"leave_days": 1, "paid_leave_days": 1, "sick": 1, "extra_days": 1},
            "S*",
            id="worked on a day of leave",
        ),
    ],
)
def test_a_date_counts_as_worked_out_by_hand(
    on: date, walls: tuple[str, ...], leaves: list[Leave], wanted: dict[str, float], marked: str
) -> None:
    found, marks = sheet(on, walls, leaves)
    assert marks == [marked]
    assert counted(found.totals) == wanted


def counted(sums: TimesheetTotals) -> dict[str, float]:
    """Give the totals that are not 0 and not of minutes; leave by its kinds."""
    names = [
        name
        for name in sums.__struct_fields__
        if not name.endswith("_minutes") and name not in ("leave_by_kind", "due_days")
    ]
    found = {name: getattr(sums, name) for name in names} | sums.leave_by_kind
    return {name: count for name, count in found.items() if count}


def test_a_session_missed_at_school_is_half_a_day() -> None:
    found, marks = sheet(MONDAY, ("13:20", "17:00"), shift="school")
    assert marks == ["H"]
    assert counted(found.totals) == {
        "attended_days": 0.5,
        "absent_days": 0.5,
        "half_days": 1,
        "late_sessions": 1,
    }


def test_lateness_is_counted_by_session_and_by_day() -> None:
    found, _ = sheet(MONDAY, ("07:05", "10:50", "13:20", "17:00"), shift="school")
    sums = found.totals
    assert (sums.late_days, sums.late_sessions, sums.early_sessions) == (1, 2, 1)
    assert (sums.late_minutes, sums.early_minutes) == (25, 10)


def test_what_is_due_after_today_is_planned() -> None:
    noon = datetime(2026, 11, 24, 5, tzinfo=UTC)  # Tuesday, 12:00 in Saigon
    found, marks = sheet(MONDAY, DAY, until=date(2026, 11, 29), now=noon)
    assert marks == ["P", "A", "F", "/F", "", "O", "O"]
    sums = found.totals
    assert (sums.due_days, sums.attended_days, sums.absent_days, sums.planned_days) == (2, 1, 1, 1.5)
    assert (sums.expected_minutes, sums.planned_minutes) == (2 * 480, 240 + 480)


def test_today_is_expected_even_before_it_begins_and_a_month_to_come_is_planned() -> None:
    morning = datetime(2026, 11, 23, 0, tzinfo=UTC)  # Monday, 07:00 in Saigon
    found, _ = sheet(MONDAY, until=date(2026, 11, 24), now=morning)
    assert (found.totals.expected_minutes, found.totals.planned_minutes) == (480, 480)
    assert (found.totals.due_days, found.totals.planned_days) == (0, 2)
    ahead, marks = sheet(date(2027, 1, 1), until=date(2027, 1, 31), now=morning)
    assert (ahead.totals.expected_minutes, ahead.totals.planned_minutes) == (0, 21 * 480)
    assert (ahead.totals.due_days, ahead.totals.planned_days, ahead.totals.days_off) == (0, 21, 10)
    assert marks[:4] == ["", "O", "O", ""]


def test_outside_the_employment_nothing_counts_but_what_was_punched() -> None:
    found, marks = sheet(MONDAY, DAY, until=date(2026, 11, 24), stints=(Stint(until=date(2026, 11, 1)),))
    assert marks == ["P*", ""]
    assert counted(found.totals) == {"extra_days": 1}
    assert found.totals.worked_minutes == 480


# ---- groups


def moved(*groups: tuple[date | None, str | None]) -> Timeline[str | None]:
    return tuple(Dated(group, since) for since, group in groups)


THURSDAY = date(2026, 11, 26)
MOVER = Member("m", "Mai", groups=moved((None, "A"), (THURSDAY, "B")))


def test_a_groups_sheet_has_only_the_days_in_it() -> None:
    since, until = MONDAY, date(2026, 11, 29)
    events = events_by_day([*punches(MONDAY, *DAY), *punches(date(2026, 11, 27), *DAY)])
    old, new, whole = (
        Sheets(SCHEDULE, since, until, group=group, now=LATER).row(MOVER, events)
        for group in ("A", "B", None)
    )
    assert old.marks == ["P", "A", "F", "", "", "", ""]
    assert new.marks == ["", "", "", "A/F", "P", "O", "O"]
    assert whole.marks == ["P", "A", "F", "A/F", "P", "O", "O"]
    assert [row.group for row in (old, new, whole)] == ["A", "B", "B"]
    assert added([old.totals, new.totals]) == whole.totals


def test_totals_by_group_are_those_of_the_groups_own_sheets() -> None:
    people = [MOVER, Member("n", "Nam", groups=always("B")), Member("o", "Oanh")]
    events = {
        "m": events_by_day(punches(MONDAY, *DAY)),
        "n": events_by_day(punches(MONDAY, "08:30", "17:00")),
    }

    def tally_of(group: str | None) -> Tally:
        tally = Tally()
        made = Sheets(SCHEDULE, MONDAY, date(2026, 11, 29), group=group, now=LATER)
        for one in people:
            if group is None or group in {dated.value for dated in one.groups}:
                made.row(one, events.get(one.person_id, {}), tally=tally)
        return tally

    whole = tally_of(None)
    assert [(one.group, one.people) for one in whole.groups()] == [("A", 1), ("B", 2), (None, 1)]
    for found in whole.groups()[:2]:
        assert found.totals == tally_of(found.group).total()
    assert added([one.totals for one in whole.groups()]) == whole.total()


def test_nobody_at_all_has_totals_of_nothing() -> None:
    tally = Tally()
    assert tally.groups() == []
    assert not any(getattr(tally.total(), name) for name in TimesheetTotals.__struct_fields__)


# ---- whatever happens

WALLS = st.lists(
    st.tuples(st.integers(5, 22), st.sampled_from([0, 9, 11, 30, 59])).map(
        lambda at: f"{at[0]:02}:{at[1]:02}"
    ),
    max_size=5,
    unique=True,
).map(sorted)
LEAVES = st.lists(
    st.builds(
        leave,
        st.dates(MONDAY, date(2026, 11, 29)),
        st.sampled_from(["annual", "sick", "unpaid", "study", "unknown"]),
        st.sampled_from([None, "first", "second"]),
    ),
    max_size=6,
)
CASES: dict[str, Any] = {
    "days": st.lists(WALLS, min_size=7, max_size=7),
    "leaves": LEAVES,
    "shift": st.sampled_from(["day", "school"]),
    "begins": st.dates(date(2026, 11, 20), date(2026, 11, 29)),
    "now": st.datetimes(datetime(2026, 11, 22), datetime(2026, 12, 1), timezones=st.just(UTC)),  # noqa: DTZ001
}


@given(**CASES)
def test_every_employed_day_is_shared_out_whole(
    days: list[list[str]], leaves: list[Leave], shift: str, begins: date, now: datetime
) -> None:
    made = Sheets(SCHEDULE, MONDAY, date(2026, 11, 29), leave_kinds=KINDS, now=now)
    member = Member("p", "P", shifts=always(shift), stints=(Stint(begins),))
    events = events_by_day(
        [
            one
            for on, walls in zip(made.dates, days, strict=True)
            for one in punches(on, *walls)
            if one.at <= now
        ]
    )
    found = made.timesheet(member, events, leaves=leaves)
    sums = found.totals
    for day, own in zip(found.days, found.credits, strict=True):
        whole = own.attended + own.absent + own.planned + own.holiday + own.day_off + sum(own.leave.values())
        assert whole == (1 if day.date >= begins else 0), (day.date, own)
        if day.date > now.date() + timedelta(days=1):
            assert own.attended == own.absent == 0
    employed = sum(on >= begins for on in made.dates)
    parts = (sums.due_days, sums.planned_days, sums.leave_days, sums.holidays, sums.days_off)
    assert sum(parts) == employed
    assert sums.due_days == sums.attended_days + sums.absent_days
    assert sums.leave_days == sum(sums.leave_by_kind.values())
    assert sums.leave_days == sums.paid_leave_days + sums.unpaid_leave_days
    assert sums.expected_minutes + sums.planned_minutes == sum(day.expected_minutes for day in found.days)
    assert sums.late_days + sums.half_days <= 7
    assert sums.late_sessions >= sums.late_days


@given(**CASES)
def test_the_marks_say_what_the_totals_say(
    days: list[list[str]], leaves: list[Leave], shift: str, begins: date, now: datetime
) -> None:
    made = Sheets(SCHEDULE, MONDAY, date(2026, 11, 29), leave_kinds=KINDS, now=now)
    member = Member("p", "P", shifts=always(shift), stints=(Stint(begins),))
    events = events_by_day(
        [
            one
            for on, walls in zip(made.dates, days, strict=True)
            for one in punches(on, *walls)
            if one.at <= now
        ]
    )
    row = made.row(member, events, leaves=leaves)
    halves = [half for mark in row.marks if not mark.startswith("P*") for half in _halves(mark)]
    own = {kind: letter for kind, (letter, _) in letters(KINDS).items()}
    shares = {letter: halves.count(letter) / 2 for letter in halves}
    sums = row.totals
    assert shares.get("A", 0) + shares.get("H", 0) / 2 == sums.absent_days
    attended = (shares.get(letter, 0) for letter in ("P", "L"))
    assert sum(attended) + shares.get("H", 0) / 2 == sums.attended_days
    assert (shares.get("F", 0), shares.get("O", 0)) == (sums.holidays, sums.days_off)
    by_letter: dict[str, float] = {}
    for kind, share in sums.leave_by_kind.items():
        letter = own.get(kind, "V")
        by_letter[letter] = by_letter.get(letter, 0) + share
    assert {letter: shares.get(letter, 0) for letter in by_letter} == by_letter
    assert sum(mark.endswith("?") for mark in row.marks) == sums.open_days
    assert sum("*" in mark for mark in row.marks) == sums.extra_days
    known = {entry.mark for entry in legend(KINDS)}
    assert set(halves) <= known
    assert {sign for mark in row.marks for sign in "/*?" if sign in mark} <= known


def _halves(mark: str) -> tuple[str, str]:
    plain = mark.rstrip("?").rstrip("*")
    first, slash, second = plain.partition("/")
    return first, second if slash else first

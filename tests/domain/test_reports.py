"""Rosters, timesheets and the monthly sheet."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest

from chalicelib.domain.dates import date_range
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.leave import Leave
from chalicelib.domain.reports import Sheets, Timesheet, legend, roster
from chalicelib.domain.schedule import Calendar, Holiday, Schedule, Shift
from chalicelib.domain.settings import LEAVE_KINDS
from chalicelib.domain.timeline import Stint, always
from chalicelib.domain.totals import STATE_LETTERS
from chalicelib.domain.workday import STATES, Member, TimeEvent, events_by_day

SAIGON = "Asia/Ho_Chi_Minh"
MONDAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 5, tzinfo=UTC)
LATER = datetime(2027, 1, 1, tzinfo=UTC)
SCHEDULE = Schedule(
    always(
        Calendar(
            zone=SAIGON,
            shifts={
                "day": Shift(
                    "08:00", "17:00", grace_minutes=10, half_day_after_minutes=120, break_minutes=60
                ),
                "weekend": Shift("08:00", "17:00", weekdays=("sat", "sun")),
                "evening": Shift("18:00", "22:00"),
            },
            default_shift="day",
        )
    ),
    [Holiday(date(2026, 11, 26), "Founding day")],
)
PEOPLE = [
    Member("ann", "Ánh", "E1", always("A")),
    Member("bao", "Bảo", "E2", always("A")),
    Member("chi", "Chi", "E3", always("B")),
    Member("dũng", "Dũng", "E4", always("B")),
    Member("em", "Em", "E5", always("B"), shifts=always("weekend")),
    Member("giang", "Giang", shifts=always("evening")),
    Member("hà", "Hà", stints=()),
    Member("khoa", "Khoa", stints=(Stint(since=date(2026, 12, 1)),)),
    Member("lan", "Lan"),
    Member("mai", "Mai"),
]
PUNCHES = {
    "ann": ["07:55"],
    "bao": ["08:20"],
    "chi": ["08:00", "11:00"],
    "mai": ["10:30"],
}
LEAVES = {"lan": [Leave("lan", MONDAY, MONDAY, "sick")]}


def events(person: str, walls: Sequence[str], on: date = MONDAY) -> list[TimeEvent]:
    zero = datetime(on.year, on.month, on.day, tzinfo=UTC) - timedelta(hours=7)
    return [
        TimeEvent(
            f"{person}-{on}-{wall}",
            zero + timedelta(hours=int(wall[:2]), minutes=int(wall[3:])),
            on,
            SAIGON,
        )
        for wall in walls
    ]


def week_of_ann() -> Timesheet:
    found = [
        *events("ann", ["08:00", "17:00"]),
        *events("ann", ["08:30", "17:00"], date(2026, 11, 24)),
        *events("ann", ["08:00"], date(2026, 11, 25)),
    ]
    leave = [Leave("ann", date(2026, 11, 27), date(2026, 11, 27), "annual")]
    sheets = Sheets(SCHEDULE, MONDAY, date(2026, 11, 29), now=LATER)
    return sheets.timesheet(PEOPLE[0], events_by_day(found), leaves=leave)


def test_a_roster_says_where_everybody_is() -> None:
    found = roster(
        SCHEDULE, PEOPLE, MONDAY, {p: events(p, w) for p, w in PUNCHES.items()}, leaves=LEAVES, now=NOON
    )
    assert {row.person_id: row.state for row in found.items} == {
        "ann": "present",
        "bao": "late",
        "chi": "left",
        "dũng": "absent",
        "em": "day_off",
        "giang": "expected",
        "lan": "leave",
        "mai": "half_day",
    }
    assert [row.person_id for row in found.items if row.at_work] == ["ann", "bao", "mai"]
    states = {state: getattr(found.counts, state) for state in STATES if state != "inactive"}
    assert states == dict.fromkeys(states, 1) | {"holiday": 0}
    assert sum(states.values()) == found.counts.total == 8
    assert found.counts.at_work == 3


def test_somebody_who_left_the_site_still_shows_on_days_they_punched() -> None:
    found = roster(SCHEDULE, PEOPLE, MONDAY, {"hà": events("hà", ["08:00"])}, leaves={}, now=NOON)
    assert [row.state for row in found.items if row.person_id == "hà"] == ["present"]


def test_a_timesheet_lists_every_date_and_adds_up() -> None:
    found = week_of_ann()
    assert [day.state for day in found.days] == [
        *("left", "late", "present", "holiday", "leave", "day_off", "day_off")
    ]
    sums = found.totals
    assert (sums.attended_days, sums.late_days, sums.absent_days, sums.open_days) == (3, 1, 0, 1)
    assert (sums.leave_days, sums.holidays, sums.days_off) == (1, 1, 2)
    assert (sums.expected_minutes, sums.worked_minutes, sums.overtime_minutes) == (3 * 480, 480 + 450, 0)
    assert (sums.late_minutes, sums.early_minutes, sums.half_days) == (30, 0, 0)


def test_half_a_day_of_leave_counts_half() -> None:
    halves = [Leave("ann", MONDAY, date(2026, 11, 29), "annual", "first")]  # five weekdays, one a holiday
    sheets = Sheets(SCHEDULE, MONDAY, date(2026, 11, 29), now=LATER)
    found = sheets.timesheet(PEOPLE[0], {}, leaves=halves)
    # On each of the four, the other half is an absence: not a whole one, as it was counted before.
    assert (found.totals.leave_days, found.totals.absent_days) == (2.0, 2.0)
    assert [day.state for day in found.days[:3]] == ["absent"] * 3


def test_a_timesheet_spans_at_most_a_leap_year() -> None:
    first = date(2028, 1, 1)
    assert len(date_range(first, date(2028, 12, 31))) == 366
    for until in (date(2029, 1, 1), date(2027, 12, 31)):
        with pytest.raises(InvalidRequest, match="from 0 to 365 days after"):
            Sheets(SCHEDULE, first, until, now=LATER)


def test_the_monthly_sheet_has_a_mark_for_each_date() -> None:
    sheets = Sheets(SCHEDULE, date(2026, 11, 1), date(2026, 11, 30), now=LATER)
    of_ann = events_by_day(
        [*events("ann", ["08:00", "17:00"]), *events("ann", ["08:30"], date(2026, 11, 24))]
    )
    ann, bao = sheets.row(PEOPLE[0], of_ann), sheets.row(PEOPLE[1], {})
    assert "".join(ann.marks) == "OAAAAAOOAAAAAOOAAAAAOOPL?AFAOOA"
    assert "".join(bao.marks) == "OAAAAAOOAAAAAOOAAAAAOOAAAFAOOA"
    assert (ann.totals.attended_days, ann.totals.late_days, ann.totals.half_days) == (2, 1, 0)
    assert (ann.totals.absent_days, ann.totals.due_days) == (18, 20)


def test_every_state_has_a_letter_which_the_legend_explains() -> None:
    assert set(STATE_LETTERS) == set(STATES)
    explained = [entry.mark for entry in legend(LEAVE_KINDS)]
    assert set(STATE_LETTERS.values()) | {kind.letter for kind in LEAVE_KINDS} <= set(explained)
    assert [(entry.mark, entry.leave, entry.paid) for entry in legend(LEAVE_KINDS) if entry.leave] == [
        ("V", "annual", True),
        ("S", "sick", True),
        ("U", "unpaid", False),
    ]

"""The tables of reports, whole: every header and every cell, written by hand."""

from datetime import UTC, date, datetime, timedelta

from chalicelib.domain.leave import Leave
from chalicelib.domain.reports import (
    monthly_sheet,
    monthly_sheet_table,
    roster,
    roster_table,
    timesheet,
    timesheet_table,
)
from chalicelib.domain.schedule import Calendar, Holiday, Schedule, Shift
from chalicelib.domain.timeline import always
from chalicelib.domain.workday import Member, TimeEvent, events_by_day, recent_event

ZONE = "Asia/Ho_Chi_Minh"
DAY = Shift("08:00", "17:00", grace_minutes=10, early_grace_minutes=5, break_minutes=60)
SCHEDULE = Schedule(
    always(Calendar(zone=ZONE, shifts={"day": DAY})), [Holiday(date(2026, 11, 25), "Founding day")]
)
ANN = Member("ann", "Ánh", "E1", always("A"))
BOB = Member("bob", "Bob")
NEXT_YEAR = datetime(2027, 1, 1, tzinfo=UTC)


def event(on: int, wall: str, **fields: object) -> TimeEvent:
    """Make a punch of a day of November 2026, by Saigon's clock."""
    hour, minute = wall.split(":")
    at = datetime(2026, 11, on, int(hour), int(minute), tzinfo=UTC) - timedelta(hours=7)
    return TimeEvent(f"{on}-{wall}", at, date(2026, 11, on), ZONE, **fields)  # type: ignore[arg-type]


ROSTER_HEADER = (
    "Date",
    "Name",
    "Code",
    "Group",
    "Shift",
    "State",
    "First in",
    "Last out",
    "Worked minutes",
    "Late minutes",
    "Early minutes",
    "At work",
    "Punch missing",
    "Leave",
    "Holiday",
)


def test_a_roster_as_a_table() -> None:
    found = roster(
        SCHEDULE,
        [ANN, BOB, Member("cid", "Cid"), Member("dan", "Dan"), Member("eve", "Eve")],
        date(2026, 11, 24),
        {
            "ann": [event(24, "08:15"), event(24, "16:40")],
            "bob": [event(24, "07:58")],
            "dan": [event(24, "13:00")],
        },
        leaves={
            "cid": [Leave("cid", date(2026, 11, 20), date(2026, 11, 24), "sick")],
            "dan": [Leave("dan", date(2026, 11, 24), date(2026, 11, 24), "annual", "first")],
        },
        now=datetime(2026, 11, 24, 11, tzinfo=UTC),  # 18:00 in Saigon
    )
    on = "2026-11-24"
    bob_in, dan_in = "2026-11-24 07:58", "2026-11-24 13:00"
    first, last = "2026-11-24 08:15", "2026-11-24 16:40"
    nothing = (None, None, None, None)
    assert list(roster_table(found)) == [
        ROSTER_HEADER,
        (on, "Ánh", "E1", "A", "day", "late", first, last, 8 * 60 + 25 - 60, 15, 20, *nothing),
        (on, "Bob", None, None, "day", "present", bob_in, None, 0, 0, 0, "yes", None, None, None),
        (on, "Cid", None, None, "day", "leave", None, None, 0, 0, 0, None, None, "sick", None),
        (
            *(on, "Dan", None, None, "day", "present", dan_in, None, 0, 0, 0),
            *("yes", None, "annual (first half)", None),
        ),
        (on, "Eve", None, None, "day", "absent", None, None, 0, 0, 0, *nothing),
    ]


def test_a_roster_of_a_holiday_and_of_a_punch_that_is_missing_as_a_table() -> None:
    punched = {"ann": [event(25, "09:00")]}
    found = roster(SCHEDULE, [ANN, BOB], date(2026, 11, 25), punched, leaves={}, now=NEXT_YEAR)
    _, ann, bob = roster_table(found)
    assert ann[5:] == ("present", "2026-11-25 09:00", None, 0, 0, 0, None, "yes", None, "Founding day")
    assert bob[5:] == ("holiday", None, None, 0, 0, 0, None, None, None, "Founding day")


def test_a_timesheet_as_a_table() -> None:
    events = [
        event(23, "08:00"),
        event(23, "18:30"),
        event(24, "08:30"),
        event(24, "16:30"),
        event(26, "08:00", direction="in", source="manual"),
    ]
    made = timesheet(
        SCHEDULE,
        ANN,
        date(2026, 11, 23),
        date(2026, 11, 27),
        events_by_day(events),
        leaves=[Leave("ann", date(2026, 11, 27), date(2026, 11, 27), "annual")],
        now=NEXT_YEAR,
    )
    who = ("Ánh", "E1", "A")
    assert list(timesheet_table([made])) == [
        (
            *("Name", "Code", "Group", "Date", "Shift", "State", "First in", "Last out"),
            *("Expected minutes", "Worked minutes", "Break minutes", "Overtime minutes"),
            *("Late minutes", "Early minutes", "Punch missing", "Leave", "Holiday", "Punches"),
        ),
        (
            *(*who, "2026-11-23", "day", "left", "2026-11-23 08:00", "2026-11-23 18:30"),
            *(480, 570, 60, 90, 0, 0, None, None, None, "08:00 in; 18:30 out"),
        ),
        (
            *(*who, "2026-11-24", "day", "late", "2026-11-24 08:30", "2026-11-24 16:30"),
            *(480, 420, 60, 0, 30, 30, None, None, None, "08:30 in; 16:30 out"),
        ),
        (
            *(*who, "2026-11-25", "day", "holiday", None, None),
            *(0, 0, 0, 0, 0, 0, None, None, "Founding day", ""),
        ),
        (
            *(*who, "2026-11-26", "day", "present", "2026-11-26 08:00", None),
            *(480, 0, 0, 0, 0, 0, "yes", None, None, "08:00 in manual"),
        ),
        (*(*who, "2026-11-27", "day", "leave", None, None), *(0, 0, 0, 0, 0, 0, None, "annual", None, "")),
        (
            *(*who, "Total", None, "3 days", None, None),
            *(3 * 480, 990, 120, 90, 30, 30, 1, 1, 1, None),
        ),
    ]


def test_timesheets_of_several_people_stand_one_after_another() -> None:
    made = [
        timesheet(SCHEDULE, one, date(2026, 11, 23), date(2026, 11, 24), {}, now=NEXT_YEAR)
        for one in (ANN, BOB)
    ]
    rows = list(timesheet_table(made))
    assert [(row[0], row[3]) for row in rows[1:]] == [
        ("Ánh", "2026-11-23"),
        ("Ánh", "2026-11-24"),
        ("Ánh", "Total"),
        ("Bob", "2026-11-23"),
        ("Bob", "2026-11-24"),
        ("Bob", "Total"),
    ]


def test_a_monthly_sheet_as_a_table() -> None:
    events = events_by_day([event(23, "08:00"), event(23, "18:30"), event(24, "08:30"), event(24, "16:30")])
    leaves = {"bob": [Leave("bob", date(2026, 11, 23), date(2026, 11, 24), "sick")]}
    since, until = date(2026, 11, 22), date(2026, 11, 25)
    rows = monthly_sheet(SCHEDULE, [ANN, BOB], since, until, {"ann": events}, leaves=leaves, now=NEXT_YEAR)
    assert list(monthly_sheet_table(since, until, rows)) == [
        (
            *("Name", "Code", "Group", 22, 23, 24, 25),
            *("Attended days", "Late days", "Half days", "Absent days", "Leave days"),
            *("Days with a punch missing", "Expected minutes", "Worked minutes", "Overtime minutes"),
            *("Late minutes", "Early minutes"),
        ),
        ("Ánh", "E1", "A", "O", "P", "L", "F", 2, 1, 0, 0, 0, 0, 960, 990, 90, 30, 30),
        ("Bob", None, None, "O", "V", "V", "F", 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0),
        (),
        ("2026-11-22 to 2026-11-25",),
        ("P", "present"),
        ("L", "late"),
        ("H", "half a day"),
        ("A", "absent"),
        ("V", "on leave"),
        ("F", "public holiday"),
        ("O", "day off"),
        ("?", "after a letter: a punch is missing"),
    ]


def test_a_sheet_over_two_months_names_its_dates_in_full() -> None:
    since, until = date(2026, 11, 30), date(2026, 12, 1)
    rows = monthly_sheet(SCHEDULE, [ANN], since, until, {}, leaves={}, now=NEXT_YEAR)
    assert next(iter(monthly_sheet_table(since, until, rows)))[3:5] == ("2026-11-30", "2026-12-01")


def test_half_a_day_of_leave_says_which_half() -> None:
    leaves = [Leave("ann", date(2026, 11, 23), date(2026, 11, 23), "annual", "second")]
    made = timesheet(SCHEDULE, ANN, date(2026, 11, 23), date(2026, 11, 23), {}, leaves=leaves, now=NEXT_YEAR)
    _, day, total = timesheet_table([made])
    assert (day[5], day[8], day[15]) == ("absent", 240, "annual (second half)")
    assert total[15] == 0.5


def test_a_roster_counts_everybody_of_a_state() -> None:
    people = [Member(str(n), f"Person {n}") for n in range(5)]
    punched = {"0": [event(24, "07:50")], "1": [event(24, "08:30")], "2": [event(24, "08:40")]}
    noon = datetime(2026, 11, 24, 5, tzinfo=UTC)
    counts = roster(SCHEDULE, people, date(2026, 11, 24), punched, leaves={}, now=noon).counts
    assert (counts.total, counts.at_work) == (5, 3)
    assert (counts.present, counts.late, counts.absent, counts.left) == (1, 2, 2, 0)


def test_of_several_recent_punches_the_latest_is_repeated() -> None:
    events = [event(24, "08:02"), event(24, "08:00"), event(24, "08:01")]
    at = datetime(2026, 11, 24, 1, 2, 30, tzinfo=UTC)
    found = recent_event(events, at, 3600)
    assert found is not None
    assert found.id == "24-08:02"
    assert recent_event(events, at, 30) is None

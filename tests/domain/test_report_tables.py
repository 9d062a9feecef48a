"""The tables of reports, whole: every header and every cell, written by hand."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from chalicelib.domain import session_attendance, workday
from chalicelib.domain.leave import Leave
from chalicelib.domain.reports import Meaning, Sheets, roster
from chalicelib.domain.schedule import Calendar, Holiday, Schedule, SessionHours, Shift
from chalicelib.domain.sheet_words import HEADINGS, LENGTHS, MEANINGS, OTHERS, STATES, Words
from chalicelib.domain.sheets import monthly_tables, roster_tables, timesheet_tables
from chalicelib.domain.spreadsheets import Kind, Table
from chalicelib.domain.timeline import Dated, always
from chalicelib.domain.totals import Tally
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


ENGLISH, VIETNAMESE = Words(), Words("vi", "hm")
THIS, LAST = date(2026, 11, 24), date(2026, 11, 25)


def headings(table: Table) -> list[str | date]:
    return [column.heading for column in table.columns]


def kinds(table: Table) -> dict[str | date, Kind]:
    return {column.heading: column.kind for column in table.columns}


def at(on: int, wall: str) -> datetime:
    """Make an instant of November 2026 on Saigon's clock."""
    hour, minute = wall.split(":")
    return datetime(2026, 11, on, int(hour), int(minute), tzinfo=timezone(timedelta(hours=7)))


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
    table = roster_tables(found, "", ENGLISH)["data"]
    assert headings(table) == [
        *("Date", "Name", "Code", "Group", "Shift", "State", "First in", "Last out", "Worked minutes"),
        *("Late minutes", "Early minutes", "At work", "Punch missing", "Leave", "Holiday"),
    ]
    on, nothing = THIS, (None, None, None, None)
    assert list(table.rows) == [
        (*(on, "Ánh", "E1", "A", "day", "late", at(24, "08:15"), at(24, "16:40"), 445, 15, 20), *nothing),
        (*(on, "Bob", None, None, "day", "present", at(24, "07:58"), None, 0, 0, 0), "yes", None, None, None),
        (on, "Cid", None, None, "day", "on leave", None, None, 0, 0, 0, None, None, "sick", None),
        (
            *(on, "Dan", None, None, "day", "present", at(24, "13:00"), None, 0, 0, 0),
            *("yes", None, "annual (first half)", None),
        ),
        (on, "Eve", None, None, "day", "absent", None, None, 0, 0, 0, *nothing),
    ]
    assert table.title == "Attendance, 2026-11-24"
    of_kind = kinds(table)
    assert (of_kind["Date"], of_kind["First in"], of_kind["Worked minutes"]) == ("date", "time", "minutes")


def test_a_roster_in_vietnamese() -> None:
    table = roster_tables(
        roster(SCHEDULE, [ANN], THIS, {}, leaves={}, now=NEXT_YEAR), "Trường Nguyễn Trãi", VIETNAMESE
    )["data"]
    assert headings(table) == [
        *("Ngày", "Họ và tên", "Mã số", "Bộ phận/Lớp", "Ca làm việc", "Trạng thái", "Giờ vào", "Giờ ra"),
        *("Giờ làm thực tế", "Giờ đi muộn", "Giờ về sớm", "Đang làm việc", "Thiếu chấm công", "Loại nghỉ"),
        "Ngày lễ",
    ]
    assert [row[5] for row in table.rows] == ["vắng"]
    assert table.title == "Trường Nguyễn Trãi: Tình hình trong ngày, 24/11/2026"


def test_a_roster_of_a_holiday_and_of_a_punch_that_is_missing_as_a_table() -> None:
    punched = {"ann": [event(25, "09:00")]}
    found = roster(SCHEDULE, [ANN, BOB], LAST, punched, leaves={}, now=NEXT_YEAR)
    ann, bob = roster_tables(found, "", ENGLISH)["data"].rows
    assert ann[5:] == ("present", at(25, "09:00"), None, 0, 0, 0, None, "yes", None, "Founding day")
    assert bob[5:] == ("holiday", None, None, 0, 0, 0, None, None, None, "Founding day")


TOTALS = [
    *("Days due", "Attended days", "Absent days", "Planned days"),
    *("Leave days", "Paid leave days", "Unpaid leave days", "Leave: annual", "Leave: sick"),
    *("Holidays", "Days off", "Late days", "Half days", "Days worked while off", "Days with a punch missing"),
    *("Times late", "Times left early", "Expected minutes", "Planned minutes", "Worked minutes"),
    *("Break minutes", "Overtime minutes", "Late minutes", "Early minutes"),
]


def test_a_timesheet_as_a_table() -> None:
    events = [
        event(23, "08:00"),
        event(23, "18:30"),
        event(24, "08:30"),
        event(24, "16:30"),
        event(26, "08:00", direction="in", source="manual"),
    ]
    leaves = [Leave("ann", date(2026, 11, 27), date(2026, 11, 27), "annual")]
    made, tally = sheets(23, 27), Tally()
    sheet = made.timesheet(ANN, events_by_day(events), leaves=leaves, tally=tally)
    tables = timesheet_tables(made, ["annual", "sick"], [sheet], tally, ENGLISH)
    assert list(tables) == ["data", "totals"]
    data, totals = tables.values()
    assert headings(data) == [
        *("Name", "Code", "Group", "Date", "Shift", "State", "First in", "Last out"),
        *("Expected minutes", "Worked minutes", "Break minutes", "Overtime minutes"),
        *("Late minutes", "Early minutes", "Attended", "Absent", "On leave"),
        *("Punch missing", "Leave", "Holiday", "Sessions", "Punches"),
    ]
    who = ("Ánh", "E1", "A")
    assert list(data.rows) == [
        (
            *(*who, date(2026, 11, 23), "day", "left", at(23, "08:00"), at(23, "18:30")),
            *(480, 570, 60, 90, 0, 0, 1, None, None, None, None, None),
            *("08:00-17:00 present", "08:00 in; 18:30 out"),
        ),
        (
            *(*who, THIS, "day", "late", at(24, "08:30"), at(24, "16:30")),
            *(480, 420, 60, 0, 30, 30, 1, None, None, None, None, None),
            *("08:00-17:00 late 0:30, early 0:30", "08:30 in; 16:30 out"),
        ),
        (*who, LAST, "day", "holiday", None, None, *(0,) * 6, *(None,) * 5, "Founding day", "", ""),
        (
            *(*who, date(2026, 11, 26), "day", "present", at(26, "08:00"), None),
            *(480, 0, 0, 0, 0, 0, 1, None, None, "yes", None, None),
            *("08:00-17:00 present", "08:00 in manual"),
        ),
        (
            *(*who, date(2026, 11, 27), "day", "on leave", None, None),
            *(*(0,) * 6, None, None, 1, None, "annual", None, "", ""),
        ),
    ]
    assert data.title == totals.title == "Timesheets, 2026-11-23 to 2026-11-27"
    assert headings(totals) == ["Totals of", "Name", "Code", "Group", "People", *TOTALS]
    sums = (3, 3, 0, 0, 1, 1, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1, 1, 3 * 480, 0, 990, 120, 90, 30, 30)
    assert [tuple(row) for row in totals.rows] == [
        ("person", "Ánh", "E1", "A", 1, *sums),
        ("group", None, None, "A", 1, *sums),
        ("all", None, None, None, 1, *sums),
    ]


def sheets(since: int, until: int, **fields: Any) -> Sheets:
    """Make sheets of some days of November 2026."""
    days = date(2026, 11, since), date(2026, 11, until)
    return Sheets(SCHEDULE, *days, **{"now": NEXT_YEAR, **fields})


def test_timesheets_of_several_people_stand_one_after_another_and_their_totals_on_their_own() -> None:
    made, tally = sheets(23, 24), Tally()
    both = (made.timesheet(one, {}, tally=tally) for one in (ANN, BOB))
    tables = timesheet_tables(made, [], both, tally, ENGLISH)
    totals = [
        (row[0], row[1], row[3], row[4], row[7]) for row in tables["totals"].rows
    ]  # without the data read
    assert totals == [
        ("person", "Ánh", "A", 1, 2),
        ("person", "Bob", None, 1, 2),
        ("group", None, "A", 1, 2),
        ("group", None, None, 1, 2),
        ("all", None, None, 2, 4),
    ]
    tally = Tally()
    both = (made.timesheet(one, {}, tally=tally) for one in (ANN, BOB))
    data = timesheet_tables(made, [], both, tally, ENGLISH)["data"]
    assert [(row[0], row[3]) for row in data.rows] == [
        (name, on) for name in ("Ánh", "Bob") for on in (date(2026, 11, 23), THIS)
    ]


def test_the_group_of_a_row_is_that_of_its_date() -> None:
    moved = replace(ANN, groups=(Dated("A"), Dated("B", THIS)))
    made, tally = sheets(23, 24), Tally()
    tables = timesheet_tables(made, [], [made.timesheet(moved, {}, tally=tally)], tally, ENGLISH)
    assert [row[2] for row in tables["data"].rows] == ["A", "B"]


def test_a_monthly_sheet_as_a_table() -> None:
    events = events_by_day([event(23, "08:00"), event(23, "18:30"), event(24, "08:30"), event(24, "16:30")])
    leaves = [Leave("bob", date(2026, 11, 23), THIS, "sick")]
    made, tally = sheets(22, 25, closed_through=date(2026, 11, 30)), Tally()
    rows = [made.row(ANN, events, tally=tally), made.row(BOB, {}, leaves=leaves, tally=tally)]
    tables = monthly_tables(made, ["annual", "sick"], rows, tally, ENGLISH)
    assert list(tables) == ["data", "totals", "legend"]
    data, totals, legend = tables.values()
    dates = [date(2026, 11, day) for day in range(22, 26)]
    assert headings(data) == ["Name", "Code", "Group", *dates, *TOTALS]
    assert [(one.weekday, one.shaded) for one in data.columns[3:7]] == [
        ("Sun", True),
        ("Mon", False),
        ("Tue", False),
        ("Wed", False),
    ]
    of_ann = (2, 2, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 960, 0, 990, 120, 90, 30, 30)
    of_bob = (0, 0, 0, 0, 2, 2, 0, 0, 2, 1, 1, *(0,) * 13)
    assert list(data.rows) == [
        ("Ánh", "E1", "A", "O", "P", "L", "F", *of_ann),
        ("Bob", None, None, "O", "S", "S", "F", *of_bob),
    ]
    assert data.title == "Monthly sheet, 2026-11-22 to 2026-11-25, closed through 2026-11-30"
    assert [tuple(row[:5]) for row in totals.rows] == [
        ("person", "Ánh", "E1", "A", 1),
        ("person", "Bob", None, None, 1),
        ("group", None, None, "A", 1),
        ("group", None, None, None, 1),
        ("all", None, None, None, 2),
    ]
    assert headings(legend) == ["Mark", "Meaning"]
    assert list(legend.rows) == [
        ("P", "present"),
        ("L", "late"),
        ("H", "half a day, the rest absent"),
        ("A", "absent"),
        ("V", "annual (leave, paid)"),
        ("S", "sick (leave, paid)"),
        ("U", "unpaid (leave, unpaid)"),
        ("V", "leave of another kind"),
        ("F", "public holiday"),
        ("O", "day off"),
        ("/", "between two letters: first and second half of the day"),
        ("*", "after a letter: worked although nothing was due"),
        ("?", "after a letter: a punch is missing"),
        ("", "empty: not due yet, or not on the list"),
    ]


def test_a_monthly_sheet_in_vietnamese() -> None:
    made, tally = sheets(1, 30, closed_through=date(2026, 11, 15), site_name="Trường Nguyễn Trãi"), Tally()
    tables = monthly_tables(made, ["ốm"], [made.row(ANN, {}, tally=tally)], tally, VIETNAMESE)
    assert headings(tables["totals"]) == [
        *("Tổng của", "Họ và tên", "Mã số", "Bộ phận/Lớp", "Số người"),
        *("Công chuẩn đến nay", "Công thực tế", "Vắng không phép", "Công còn lại theo lịch"),
        *("Nghỉ có phép", "Nghỉ hưởng lương", "Nghỉ không lương", "Nghỉ: ốm", "Nghỉ lễ", "Nghỉ hằng tuần"),
        *("Số ngày đi muộn", "Số ngày nửa công", "Số ngày đi làm khi nghỉ", "Số ngày thiếu chấm công"),
        *("Số lần đi muộn", "Số lần về sớm", "Giờ công chuẩn", "Giờ còn lại theo lịch"),
        *("Giờ làm thực tế", "Giờ nghỉ giữa ca", "Giờ làm thêm", "Giờ đi muộn", "Giờ về sớm"),
    ]
    assert [one.weekday for one in tables["data"].columns[3:11]] == [
        *("CN", "T2", "T3", "T4", "T5", "T6", "T7", "CN")
    ]
    assert tables["data"].title == (
        "Trường Nguyễn Trãi: Bảng chấm công tháng từ 01/11/2026 đến 30/11/2026, đã khoá sổ đến hết 15/11/2026"
    )
    assert [table.name for table in tables.values()] == ["Bảng chấm công tháng", "Tổng hợp", "Ký hiệu"]
    assert [row[0] for row in tables["totals"].rows] == ["người", "bộ phận/lớp", "tất cả"]
    assert ("A", "vắng không phép") in [tuple(row) for row in tables["legend"].rows]


@pytest.mark.parametrize(
    ("closed", "told"),
    [
        pytest.param(None, "", id="open"),
        pytest.param(date(2026, 10, 31), "", id="closed before"),
        pytest.param(date(2026, 11, 1), ", closed through 2026-11-01", id="closed in part"),
        pytest.param(date(2026, 12, 31), ", closed through 2026-12-31", id="closed"),
    ],
)
def test_the_title_says_up_to_when_the_dates_are_closed(closed: date | None, told: str) -> None:
    title = ENGLISH.period("timesheets", "", date(2026, 11, 1), date(2026, 11, 30), closed)
    assert title == f"Timesheets, 2026-11-01 to 2026-11-30{told}"


def test_every_text_is_there_in_both_languages_and_in_two_words() -> None:
    for texts in (HEADINGS, LENGTHS, MEANINGS, OTHERS, STATES):
        for name, (english, vietnamese) in texts.items():
            assert english.isascii(), name
            assert vietnamese, name
    assert set(STATES) == set(workday.STATES)
    assert {"present", "late", "absent", "expected"} == set(get_args(session_attendance.SessionState))
    assert set(get_args(Meaning)) <= set(MEANINGS)


def test_no_two_columns_have_the_same_heading() -> None:
    made = sheets(1, 30)
    for words in (ENGLISH, VIETNAMESE):
        for table in (
            *timesheet_tables(made, ["annual"], [], Tally(), words).values(),
            *monthly_tables(made, ["annual"], [], Tally(), words).values(),
        ):
            assert len(set(headings(table))) == len(table.columns)


def test_half_a_day_of_leave_says_which_half() -> None:
    leaves = [Leave("ann", date(2026, 11, 23), date(2026, 11, 23), "annual", "second")]
    for words, state, shown in (
        (ENGLISH, "absent", "annual (second half)"),
        (VIETNAMESE, "vắng", "annual (nửa sau)"),
    ):
        made, tally = sheets(23, 23), Tally()
        sheet = made.timesheet(ANN, {}, leaves=leaves, tally=tally)
        tables = timesheet_tables(made, ["annual"], [sheet], tally, words)
        [day] = tables["data"].rows
        assert (day[5], day[8], day[14:17], day[18]) == (state, 240, (None, 0.5, 0.5), shown)
        person, *_ = tables["totals"].rows
        assert person[5:10] == (0.5, 0, 0.5, 0, 0.5)


def test_two_kinds_of_leave_on_one_day_are_both_shown() -> None:
    on = date(2026, 11, 23)
    leaves = [Leave("ann", on, on, "unpaid", "second"), Leave("ann", on, on, "sick", "first")]
    made, tally = sheets(23, 23), Tally()
    sheet = made.timesheet(ANN, {}, leaves=leaves, tally=tally)
    [day] = timesheet_tables(made, [], [sheet], tally, ENGLISH)["data"].rows
    assert (day[5], day[16], day[18]) == ("on leave", 1, "sick (first half), unpaid (second half)")


def test_sessions_are_shown_on_the_clock_of_their_day() -> None:
    halves = (SessionHours("07:00", "11:15"), SessionHours("13:00", "16:30"))
    schedule = Schedule(always(Calendar(zone=ZONE, shifts={"day": Shift(week={"mon": halves})})))
    made, tally = Sheets(schedule, date(2026, 11, 23), date(2026, 11, 23), now=NEXT_YEAR), Tally()
    events = events_by_day([event(23, "07:05"), event(23, "11:00")])
    sheet = made.timesheet(ANN, events, tally=tally)
    for words, shown in (
        (ENGLISH, "07:00-11:15 late 0:05, early 0:15; 13:00-16:30 absent"),
        (VIETNAMESE, "07:00-11:15 đi muộn 0:05, về sớm 0:15; 13:00-16:30 vắng"),
    ):
        [row] = timesheet_tables(made, [], [sheet], tally, words)["data"].rows
        assert row[20] == shown


def test_an_exported_timesheet_shows_the_correction_and_what_it_corrects() -> None:
    found = [
        event(23, "08:00"),
        event(23, "13:00"),
        replace(event(23, "17:00", direction="out", source="manual", supersedes="23-13:00"), id="c"),
        replace(event(23, "17:00", direction="out", source="manual", supersedes="x", void=True), id="v"),
    ]
    made, tally = sheets(23, 23), Tally()
    sheet = made.timesheet(ANN, events_by_day(found), tally=tally)
    for words, shown in (
        (ENGLISH, "08:00 in; 13:00 auto (corrected); 17:00 out manual; 17:00 out manual (takes one out)"),
        (
            VIETNAMESE,
            "08:00 vào; 13:00 tự động (đã sửa); 17:00 ra nhập tay; 17:00 ra nhập tay (huỷ một lần chấm)",
        ),
    ):
        [row] = timesheet_tables(made, [], [sheet], tally, words)["data"].rows
        assert row[21] == shown
        assert (row[6], row[7]) == (at(23, "08:00"), at(23, "17:00"))
        assert row[9:11] == (480, 60)
        assert row[17] is None


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

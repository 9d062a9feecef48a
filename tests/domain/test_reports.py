"""Rosters, timesheets and the monthly sheet, and the files they are exported to."""

import csv
import io
import re
import zipfile
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import spreadsheets
from chalicelib.domain.dates import date_range
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.leave import Leave
from chalicelib.domain.reports import (
    STATE_LETTERS,
    Timesheet,
    monthly_sheet,
    monthly_sheet_table,
    roster,
    roster_table,
    timesheet,
    timesheet_table,
)
from chalicelib.domain.schedule import Calendar, Holiday, Schedule, Shift
from chalicelib.domain.spreadsheets import Row, as_text, csv_chunks, xlsx
from chalicelib.domain.timeline import Stint, always
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


def parsed(rows: list[bytes]) -> list[list[str]]:
    return list(csv.reader(io.StringIO(b"".join(rows).decode(), newline="")))


def week_of_ann() -> Timesheet:
    found = [
        *events("ann", ["08:00", "17:00"]),
        *events("ann", ["08:30", "17:00"], date(2026, 11, 24)),
        *events("ann", ["08:00"], date(2026, 11, 25)),
    ]
    leave = [Leave("ann", date(2026, 11, 27), date(2026, 11, 27), "annual")]
    return timesheet(
        SCHEDULE, PEOPLE[0], MONDAY, date(2026, 11, 29), events_by_day(found), leaves=leave, now=LATER
    )


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
    found = timesheet(SCHEDULE, PEOPLE[0], MONDAY, date(2026, 11, 29), {}, leaves=halves, now=LATER)
    assert (found.totals.leave_days, found.totals.absent_days) == (2.0, 4)


def test_a_timesheet_spans_at_most_a_leap_year() -> None:
    first = date(2028, 1, 1)
    assert len(date_range(first, date(2028, 12, 31))) == 366
    for until in (date(2029, 1, 1), date(2027, 12, 31)):
        with pytest.raises(InvalidRequest, match="from 0 to 365 days after"):
            timesheet(SCHEDULE, PEOPLE[0], first, until, {}, now=LATER)


def test_the_monthly_sheet_has_people_down_and_days_across() -> None:
    since, until = date(2026, 11, 1), date(2026, 11, 30)
    of_ann = events_by_day(
        [*events("ann", ["08:00", "17:00"]), *events("ann", ["08:30"], date(2026, 11, 24))]
    )
    rows = list(monthly_sheet(SCHEDULE, PEOPLE[:2], since, until, {"ann": of_ann}, leaves={}, now=LATER))
    assert "".join(rows[0].marks) == "OAAAAAOOAAAAAOOAAAAAOOPL?AFAOOA"
    assert "".join(rows[1].marks) == "OAAAAAOOAAAAAOOAAAAAOOAAAFAOOA"
    table = list(monthly_sheet_table(since, until, rows))
    assert table[0][:5] == ("Name", "Code", "Group", 1, 2)
    assert {len(row) for row in table[:3]} == {3 + 30 + 11}
    assert table[1][33:36] == (2, 1, 0)
    letters = {row[0] for row in table if len(row) == 2}
    assert {letter for letter in STATE_LETTERS.values() if letter} <= letters, (
        "the legend explains every letter"
    )


def test_every_state_has_a_letter() -> None:
    assert set(STATE_LETTERS) == set(STATES)


def test_tables_have_as_many_cells_as_their_header() -> None:
    of_day = {p: events(p, w) for p, w in PUNCHES.items()}
    for table in (
        list(roster_table(roster(SCHEDULE, PEOPLE, MONDAY, of_day, leaves=LEAVES, now=NOON))),
        list(timesheet_table([week_of_ann()])),
    ):
        assert {len(row) for row in table} == {len(table[0])}
        assert len(table) > 7


def test_an_exported_timesheet_shows_the_correction_and_what_it_corrects() -> None:
    found = [
        *events("ann", ["08:00", "13:00"]),
        TimeEvent(
            "c",
            datetime(2026, 11, 23, 10, tzinfo=UTC),
            MONDAY,
            SAIGON,
            "out",
            "manual",
            "ann-2026-11-23-13:00",
        ),
        TimeEvent(
            "v", datetime(2026, 11, 23, 10, tzinfo=UTC), MONDAY, SAIGON, "out", "manual", "x", void=True
        ),
    ]
    table = list(
        timesheet_table(
            [timesheet(SCHEDULE, PEOPLE[0], MONDAY, MONDAY, events_by_day(found), leaves=(), now=LATER)]
        )
    )
    row = dict(zip(table[0], table[1], strict=True))
    assert row["Punches"] == (
        "08:00 in; 13:00 auto (corrected); 17:00 out manual; 17:00 out manual (takes one out)"
    )
    assert (row["First in"], row["Last out"]) == ("2026-11-23 08:00", "2026-11-23 17:00")
    assert (row["Worked minutes"], row["Break minutes"], row["Punch missing"]) == (480, 60, None)
    assert dict(zip(table[0], table[2], strict=True))["Worked minutes"] == 480


# ---- files


def test_csv_is_rfc_4180_with_a_bom_on_request() -> None:
    rows: list[Row] = [("Name", "Minutes"), ('Ánh, "A"\nB', 5), (None, 0.5)]
    assert b"".join(csv_chunks(rows)) == '"Name","Minutes"\r\n"Ánh, ""A""\nB",5\r\n"",0.5\r\n'.encode()
    assert b"".join(csv_chunks(rows, bom=True)).startswith(b'\xef\xbb\xbf"Name"')


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", "'=1", '=HYPERLINK("http://x")'],  # noqa: RUF001
)
def test_a_name_that_looks_like_a_formula_stays_text(cell: str) -> None:
    [[read]] = parsed(list(csv_chunks([(cell,)])))
    assert read.startswith("'")
    assert plain(read) == cell


SEPARATORS = (",", ";", "\t")


@pytest.mark.parametrize(
    "cell", ["x;=1+1", 'x;"=1+1', "x; -1", "x;'=1", "x\t@SUM(A1)", "x\n=1", "x;;+1", ";=1", '"";=1', 'x;""=1']
)
@pytest.mark.parametrize("row", [("{}",), ("Ánh", "{}", "12A1"), (5, "{}", None)])
def test_no_formula_begins_where_a_semicolon_or_tab_ends_a_cell(cell: str, row: Row) -> None:
    written = b"".join(csv_chunks([[cell if part == "{}" else part for part in row]])).decode()
    for separator in SEPARATORS:
        assert not formulas(written, separator), (written, separator)
    [back] = csv.reader(io.StringIO(written, newline=""))
    assert plain(back[row.index("{}")]) == cell


def formulas(written: str, separator: str) -> list[str]:
    """Give the cells of a CSV that a spreadsheet takes for formulas."""
    read = csv.reader(io.StringIO(written, newline=""), delimiter=separator)
    return [
        cell
        for line in read
        for cell in line
        if re.match(r"\s*[=+\-@＝＋－＠]", cell)  # noqa: RUF001
    ]


@pytest.mark.parametrize(
    "cell", ["Nguyễn Văn Ánh", "O'Brien", "'Abd", "a=b", "李小龍", "", "3 - 1", "a; b", "Lê;An"]
)
def test_ordinary_text_is_left_alone(cell: str) -> None:
    assert as_text(cell) == cell


def test_numbers_stay_numbers() -> None:
    assert b"".join(csv_chunks([(-5, 0.5, 0)])) == b"-5,0.5,0\r\n"


TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
CELLS = TEXT | st.builds(
    "{}{}".format,
    st.sampled_from(["=", "+", "-", "@", "\t", "\r", "'", "''=", " =", "x;=", 'x;"=', ';""-']),
    TEXT,
)


def plain(cell: str) -> str:
    """Undo as_text."""
    return re.sub(r"""(?:^|(?<=[;\t\r\n]))'(?=["'\s]*[=+\-@＝＋－＠\t\r\n\0])""", "", cell)  # noqa: RUF001


@given(st.lists(st.lists(CELLS, min_size=2, max_size=4), max_size=5))
def test_csv_cells_round_trip_and_never_begin_like_a_formula(rows: list[list[str]]) -> None:
    back = parsed(list(csv_chunks(rows)))
    assert [[plain(cell) for cell in row] for row in back] == rows
    assert not any(cell.strip()[:1] in {*"=+-@＝＋－＠"} for row in back for cell in row if cell.strip())  # noqa: RUF001
    assert not any(cell[:1] in {*"\t\r\n\0"} for row in back for cell in row if cell)
    for separator in SEPARATORS:
        assert not formulas(b"".join(csv_chunks(rows)).decode(), separator)


def test_a_long_csv_comes_in_pieces() -> None:
    pieces = list(csv_chunks([(n, "x") for n in range(5000)]))
    assert len(pieces) == 3
    assert parsed(pieces)[4999] == ["4999", "x"]


def cells(book: bytes) -> list[list[tuple[str, str | None]]]:
    """Read a workbook back: (type, value) of each cell; type `n` is a number."""
    files = zipfile.ZipFile(io.BytesIO(book))
    ns = {"x": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    page = ElementTree.fromstring(files.read("xl/worksheets/sheet1.xml"))  # noqa: S314 - written just now
    assert page.find(".//x:f", ns) is None, "there is a formula"
    assert page.find(".//x:hyperlink", ns) is None, "there is a link"
    pane = page.find(".//x:pane", ns)
    assert pane is not None
    assert (pane.get("ySplit"), pane.get("state")) == ("1", "frozen")
    found = []
    for row in page.iterfind(".//x:row", ns):
        line = []
        for cell in row.iterfind("x:c", ns):
            text = cell.find("x:is/x:t", ns)
            value = cell.find("x:v", ns)
            shown = text if text is not None else value
            line.append((cell.get("t", "n"), shown.text if shown is not None else None))
        found.append(line)
    return found


def test_a_workbook_keeps_text_as_text_and_numbers_as_numbers() -> None:
    rows: list[Row] = [
        ("Name", "Minutes"),
        ("=1+1", -5),
        ("http://example.com", 0.5),
        ("007", None),
        ("Ánh\x01", 1),
        ("李" * 40_000, 2),
    ]
    found = cells(xlsx(rows, title="2026-11"))
    assert found[0] == [("inlineStr", "Name"), ("inlineStr", "Minutes")]
    assert found[1] == [("inlineStr", "=1+1"), ("n", "-5")]
    assert found[2] == [("inlineStr", "http://example.com"), ("n", "0.5")]
    assert found[3] == [("inlineStr", "007")]
    assert found[5] == [("inlineStr", "李" * 32_767), ("n", "2")]


def test_a_workbook_that_excel_could_not_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheets, "XLSX_MAX_ROWS", 3)
    assert len(cells(xlsx([("a",)] * 3, title="t"))) == 3
    with pytest.raises(ValueError, match="no more than 3 rows"):
        xlsx([("a",)] * 4, title="t")


def test_a_whole_month_makes_a_workbook() -> None:
    rows = monthly_sheet(SCHEDULE, PEOPLE, date(2026, 11, 1), date(2026, 11, 30), {}, leaves={}, now=LATER)
    found = cells(xlsx(monthly_sheet_table(date(2026, 11, 1), date(2026, 11, 30), rows), title="2026-11"))
    assert found[0][3] == ("n", "1")
    assert found[1][0] == ("inlineStr", "Ánh")

"""What is read in files of punches: times as people and devices write them, directions, layouts."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import ImportTooLarge, InvalidImport
from chalicelib.domain.punch_files import ROWS, Format, PunchRow, read

EIGHT = datetime(2026, 11, 3, 8)  # noqa: DTZ001 - wall-clock time at the site
HEADER = "Person ID,Name,Department,Time,Attendance Status,Attendance Check Point\n"


def rows(text: str, asked: Format | None = None) -> list[PunchRow]:
    return read(text.encode(), asked)[1]


def time_of(text: str) -> datetime | None:
    """Read a time in a file of one row."""
    [row] = rows(f'code,at\n1,"{text}"\n')
    assert (row.at is None) == any(field == "at" for field, _ in row.problems)
    return row.at


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-03 08:00",
        "2026-11-03T08:00:00",
        "2026/11/3 8:00:00",
        "2026-11-03  08:00:00.000",
        "03/11/2026 08:00",
        "3.11.2026 8:00",
        "03-11-26 08:00",
        "03/11/2026 8:00 AM",
        "03/11/2026, 8:00:00 am",
        "03/11/2026 8:00 SA",
    ],
)
def test_ways_to_write_eight_o_clock_on_the_3rd_of_november(text: str) -> None:
    assert time_of(text) == EIGHT


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-11-03T08:00:00Z", EIGHT.replace(tzinfo=UTC)),
        ("2026-11-03 08:00:00+07:00", EIGHT.replace(tzinfo=timezone(timedelta(hours=7)))),
        ("2026-11-03T08:00:00.250-0330", datetime(2026, 11, 3, 11, 30, 0, 250_000, UTC)),
        ("03/11/2026 12:30 AM", datetime(2026, 11, 3, 0, 30)),  # noqa: DTZ001
        ("03/11/2026 12:30 CH", datetime(2026, 11, 3, 12, 30)),  # noqa: DTZ001
        ("03/11/2026 11:59:59 PM", datetime(2026, 11, 3, 23, 59, 59)),  # noqa: DTZ001
    ],
)
def test_times_with_an_offset_or_of_twelve_hours(text: str, wanted: datetime) -> None:
    assert time_of(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "8:00", "13:00 PM", "2026-11-03", "2026-13-03 08:00", "2026-02-29 08:00"),
        *("2026-11-03 24:00", "03/11/2026 13:00 PM", "2026-11-03 08:00+25:00", "0000-11-03 08:00"),
        *("2026-11/03 08:00", "٣/11/2026 08:00"),
    ],
)
def test_what_is_no_time(text: str) -> None:
    assert time_of(text) is None


def test_the_month_is_first_where_a_date_of_the_file_can_only_be_read_so() -> None:
    american = HEADER + "1,A,,11/3/2026 8:00,,\n1,A,,11/30/2026 8:00,,\n"
    assert rows(american)[0].at == EIGHT
    european = HEADER + "1,A,,3/11/2026 8:00,,\n1,A,,30/11/2026 8:00,,\n"
    assert rows(european)[0].at == EIGHT
    both = rows(HEADER + "1,A,,11/30/2026 8:00,,\n1,A,,30/11/2026 8:00,,\n1,A,,3/11/2026 8:00,,\n")
    assert [one.at for one in both] == [None, EIGHT.replace(day=30), EIGHT]


@pytest.mark.parametrize(
    ("words", "direction"),
    [
        (("Check-in", "Check In", "CheckIn", "checkIn", "Break-in", "Overtime-in", "OverTime In"), "in"),
        (("Check-out", "Check Out", "Break-out", "breakOut", "Overtime-out"), "out"),
        (("", "-", "None", "Unknown"), "auto"),
    ],
)
def test_what_hikvision_calls_in_and_out(words: tuple[str, ...], direction: str) -> None:
    for word in words:
        [row] = rows(HEADER + f"'0042,A,,2026-11-03 08:00:00,{word},Door\n")
        assert (row.code, row.direction, row.problems) == ("0042", direction, ()), word


def test_an_export_of_hikvision_with_a_title_and_a_date_column_of_its_own() -> None:
    text = 'Original Records Report\n\n"Employee ID"\t"Date"\t"Time"\t"Custom"\n'
    text += '"7"\t"2026-11-03"\t"08:00"\t"x"\n'
    [row] = rows(text)
    assert (row.row, row.code, row.at, row.device) == (4, "7", EIGHT, None)


@pytest.mark.parametrize(
    ("lines", "ways", "devices"),
    [
        pytest.param(
            ["1 2026-11-03 08:00:00 1 0 1 0", "1 2026-11-03 09:00:00 1 1 1 0"], ["in", "out"], "1", id="USB"
        ),
        pytest.param(
            ["1 2026-11-03 08:00:00 3 2 15 0", "1 2026-11-03 09:00:00 3 3 15 0"],
            ["out", "in"],
            "3",
            id="breaks",
        ),
        pytest.param(
            ["1 2026-11-03 08:00:00 0 1 0 0", "1 2026-11-03 09:00:00 1 1 0 0"],
            ["in", "out"],
            None,
            id="network",
        ),
        pytest.param(
            ["1 2026-11-03 08:00:00 4 15 0 0 0", "1 2026-11-03 09:00:00 5 15 0 0 0"],
            ["in", "out"],
            None,
            id="network, overtime",
        ),
        pytest.param(
            ["1 2026-11-03 08:00:00 0 1", "1 2026-11-03 09:00:00 255 1"], ["in", "auto"], None, id="short"
        ),
        pytest.param(
            ["1 2026-11-03 08:00:00 1 0 1 0", "1 2026-11-03 09:00:00 1 0 1 0"],
            ["auto", "auto"],
            "1",
            id="nobody chooses a state",
        ),
        pytest.param(
            ["1\t2026-11-03\t08:00:00", "1\t2026-11-03\t09:00"], ["auto", "auto"], None, id="no state"
        ),
        pytest.param(
            ["CGKK200000001", "1 2026-11-03 08:00:00 1 0 1 0", "1 2026-11-03 09:00:00 1 1 1 0", "4711"],
            ["in", "out"],
            "1",
            id="serial number and checksum",
        ),
    ],
)
@pytest.mark.parametrize("separator", [" ", "\t"])
def test_the_layouts_of_an_attlog(
    lines: list[str], ways: list[str], devices: str | None, separator: str
) -> None:
    text = "\r\n".join("   " + line.replace(" ", separator) for line in lines) + "\r\n"
    found, read_rows = read(text.encode())
    assert found == "attlog"
    assert [row.direction for row in read_rows] == ways
    assert {row.device for row in read_rows} == {devices}
    assert {row.problems for row in read_rows} == {()}
    assert read_rows[0].at == EIGHT


def test_a_damaged_line_of_an_attlog_is_a_row_with_a_problem() -> None:
    text = "1 2026-11-03 08:00:00 1 0 1 0\nrubbish in between\n2 2026-11-33 08:00:00 1 1 1 0\n"
    assert [(row.row, bool(row.problems)) for row in rows(text)] == [(1, False), (2, True), (3, True)]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("MÃ;THỜI ĐIỂM;hướng\n1;03/11/2026 08:00;vào\n", id="Vietnamese"),
        pytest.param('"code"\t"at"\t"direction"\n"1"\t"2026-11-03 08:00"\t"IN"\n', id="quoted, tabs"),
        pytest.param('code,at,direction\n="1",2026-11-03 08:00,Check in\n', id="a formula"),
        pytest.param(
            '[{"code": "1", "at": "2026-11-03 08:00", "direction": "in", "device": null}]', id="JSON"
        ),
    ],
)
def test_our_own_formats(text: str) -> None:
    [row] = rows(text)
    assert (row.code, row.at, row.direction, row.problems) == ("1", EIGHT, "in", ())


def test_ImportTooLarge_beyond_5000_rows_in_every_format() -> None:
    lines = {
        "csv": "code,at\n" + "1,2026-11-03 08:00\n" * (ROWS + 1),
        "attlog": "1 2026-11-03 08:00:00 1 0 1 0\n" * (ROWS + 1),
        "hikvision": HEADER + "1,A,,2026-11-03 08:00,,\n" * (ROWS + 1),
        "json": "[" + ",".join(['{"code":"1","at":"2026-11-03 08:00"}'] * (ROWS + 1)) + "]",
    }
    for text in lines.values():
        with pytest.raises(ImportTooLarge):
            rows(text)


@given(st.text(alphabet="'\"0123456789-:/ ,;\t\n[]{}codeatPersonIDTm", max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        found = rows(text)
    except InvalidImport:
        return
    assert all(row.problems or (row.at and (row.code or row.person_id)) for row in found)

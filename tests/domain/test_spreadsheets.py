"""Tables as files: what is text stays text, and what is a date, time or length is one to Excel."""

import csv
import io
import re
import zipfile
from datetime import date, datetime, timedelta, timezone
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.domain import spreadsheets
from chalicelib.domain.spreadsheets import Column, Hours, Row, Table, as_text, csv_chunks, xlsx
from tests.support.workbooks import table, tabs


def parsed(rows: list[bytes]) -> list[list[str]]:
    return list(csv.reader(io.StringIO(b"".join(rows).decode(), newline="")))


def test_csv_is_rfc_4180_with_a_bom_on_request() -> None:
    rows: list[Row] = [("Name", "Minutes"), ('Ánh, "A"\nB', 5), (None, 0.5)]
    assert b"".join(csv_chunks(table(rows))) == '"Name","Minutes"\r\n"Ánh, ""A""\nB",5\r\n"",0.5\r\n'.encode()
    assert b"".join(csv_chunks(table(rows), bom=True)).startswith(b'\xef\xbb\xbf"Name"')


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", "'=1", '=HYPERLINK("http://x")'],  # noqa: RUF001
)
def test_a_name_that_looks_like_a_formula_stays_text(cell: str) -> None:
    [[_], [read]] = parsed(list(csv_chunks(table([("Name",), (cell,)]))))
    assert read.startswith("'")
    assert plain(read) == cell


SEPARATORS = (",", ";", "\t")


@pytest.mark.parametrize(
    "cell", ["x;=1+1", 'x;"=1+1', "x; -1", "x;'=1", "x\t@SUM(A1)", "x\n=1", "x;;+1", ";=1", '"";=1', 'x;""=1']
)
@pytest.mark.parametrize("row", [("{}",), ("Ánh", "{}", "12A1"), (5, "{}", None)])
def test_no_formula_begins_where_a_semicolon_or_tab_ends_a_cell(cell: str, row: Row) -> None:
    own = [cell if part == "{}" else part for part in row]
    written = b"".join(csv_chunks(table([["Heading"] * len(row), own]))).decode()
    for separator in SEPARATORS:
        assert not formulas(written, separator), (written, separator)
    _, back = csv.reader(io.StringIO(written, newline=""))
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
    assert b"".join(csv_chunks(table([("a", "b", "c"), (-5, 0.5, 0)]))) == b'"a","b","c"\r\n-5,0.5,0\r\n'


TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
CELLS = TEXT | st.builds(
    "{}{}".format,
    st.sampled_from(["=", "+", "-", "@", "\t", "\r", "'", "''=", " =", "x;=", 'x;"=', ';""-']),
    TEXT,
)


def plain(cell: str) -> str:
    """Undo as_text."""
    return re.sub(r"""(?:^|(?<=[;\t\r\n]))'(?=["'\s]*[=+\-@＝＋－＠\t\r\n\0])""", "", cell)  # noqa: RUF001


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=5))
def test_csv_cells_round_trip_and_never_begin_like_a_formula(rows: list[list[str]]) -> None:
    back = parsed(list(csv_chunks(table(rows))))
    assert [[plain(cell) for cell in row] for row in back] == rows
    assert not any(cell.strip()[:1] in {*"=+-@＝＋－＠"} for row in back for cell in row if cell.strip())  # noqa: RUF001
    assert not any(cell[:1] in {*"\t\r\n\0"} for row in back for cell in row if cell)
    for separator in SEPARATORS:
        assert not formulas(b"".join(csv_chunks(table(rows))).decode(), separator)


def test_a_long_csv_comes_in_pieces() -> None:
    pieces = list(csv_chunks(table([("n", "x"), *((n, "x") for n in range(1, 5000))])))
    assert len(pieces) == 3
    assert parsed(pieces)[4999] == ["4999", "x"]


def test_a_workbook_keeps_text_as_text_and_numbers_as_numbers() -> None:
    rows: list[Row] = [
        ("=Name", "Minutes"),
        ("=1+1", -5),
        ("http://example.com", 0.5),
        ("007", None),
        ("李" * 40_000, 2),
    ]
    found = tabs(xlsx([table(rows)]))["t"]
    assert found.rows == [
        ["Title", None],
        ["=Name", "Minutes"],
        ["=1+1", -5],
        ["http://example.com", 0.5],
        ["007", None],
        ["李" * 32_767, 2],
    ]
    assert isinstance(tabs(xlsx([table([("Name",), ("Ánh\x01",)])]))["t"].rows[2][0], str)


WHOLE = Table(
    "Sheet",
    "A title",
    [
        Column("Name", width=28),
        Column("Day", "date"),
        Column("In", "time"),
        Column("Work", "minutes"),
        Column("Days", "number"),
        Column(date(2026, 11, 28), "mark", 5, "Sat", shaded=True),
    ],
    (),
    frozen=2,
)
AT = datetime(2026, 11, 23, 22, 5, 59, tzinfo=timezone(timedelta(hours=7)))
ROWS: list[Row] = [("Ánh", date(2026, 11, 23), AT, 27 * 60 + 5, 0.5, "L?"), ("Bob", None, None, 0, 2, "")]


@pytest.mark.parametrize(
    ("hours", "wanted", "form"),
    [
        pytest.param("minutes", [1625, 0], "0", id="minutes"),
        pytest.param("decimal", [pytest.approx(27 + 5 / 60), 0], "0.00", id="decimal"),
        pytest.param("hm", [timedelta(hours=27, minutes=5), timedelta(0)], "[h]:mm", id="h:mm"),
    ],
)
def test_dates_times_and_lengths_are_what_excel_counts_with(
    hours: Hours, wanted: list[Any], form: str
) -> None:
    found = tabs(xlsx([replace(WHOLE, rows=ROWS)], hours=hours))["Sheet"]
    assert found.rows == [
        ["A title", None, None, None, None, None],
        [None, None, None, None, None, date(2026, 11, 28)],
        ["Name", "Day", "In", "Work", "Days", "Sat"],
        ["Ánh", date(2026, 11, 23), datetime(2026, 11, 23, 22, 5), wanted[0], 0.5, "L?"],  # noqa: DTZ001
        ["Bob", None, None, wanted[1], 2, None],
    ]
    assert [found.formats[3, x] for x in range(1, 4)] == ["yyyy-mm-dd", "yyyy-mm-dd hh:mm", form]
    assert found.formats[1, 5] == "d"


@pytest.mark.parametrize(
    ("hours", "wanted"),
    [
        pytest.param("minutes", ("1625", "0"), id="minutes"),
        pytest.param("decimal", ("27.08", "0.0"), id="decimal"),
        pytest.param("hm", ('"27:05"', '"0:00"'), id="h:mm"),
    ],
)
def test_a_csv_has_iso_dates_and_the_lengths_that_were_asked_for(
    hours: Hours, wanted: tuple[str, str]
) -> None:
    written = b"".join(csv_chunks(replace(WHOLE, rows=ROWS), hours=hours)).decode()
    assert written.splitlines() == [
        '"Name","Day","In","Work","Days","2026-11-28"',
        f'"Ánh","2026-11-23","2026-11-23 22:05",{wanted[0]},0.5,"L?"',
        f'"Bob","","",{wanted[1]},2,""',
    ]


def test_a_tab_keeps_headings_and_names_in_view_and_filters_its_rows() -> None:
    one, two = tabs(xlsx([replace(WHOLE, rows=ROWS), table([("a", "b"), (1, 2)], name="Other")])).values()
    assert (one.frozen, one.filter) == ((3, 2), "A3:F5")
    assert (two.frozen, two.filter) == ((2, 0), "A2:B3")
    assert one.widths[0] == pytest.approx(28, abs=1)
    assert one.widths[5] == pytest.approx(5, abs=1)


def test_a_shaded_column_is_shaded_down_to_its_empty_cells() -> None:
    with zipfile.ZipFile(io.BytesIO(xlsx([replace(WHOLE, rows=ROWS)]))) as files:
        page, styles = (
            ElementTree.fromstring(files.read(f"xl/{name}.xml"))  # noqa: S314 - written just now
            for name in ("worksheets/sheet1", "styles")
        )
    ns = {"x": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    fills = [one.get("fillId") for one in styles.iterfind("x:cellXfs/x:xf", ns)]
    columns = {one.get("min"): fills[int(one.get("style", "0"))] for one in page.iterfind(".//x:col", ns)}
    cells = {one.get("r", ""): fills[int(one.get("s", "0"))] for one in page.iterfind(".//x:c", ns)}
    grey = columns["6"]
    assert grey not in ("0", columns["5"])
    assert {name for name, fill in cells.items() if fill == grey} == {"F2", "F3", "F4"}


def test_a_workbook_that_excel_could_not_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheets, "XLSX_MAX_ROWS", 4)
    assert len(tabs(xlsx([table([("a",), ("b",), ("c",)])]))["t"].rows) == 4
    with pytest.raises(ValueError, match="no more than 4 rows"):
        xlsx([table([("a",), ("b",), ("c",), ("d",)])])

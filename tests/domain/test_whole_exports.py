"""Exports compared whole: every cell of every row, past several chunks of a CSV."""

import csv
import io
import tracemalloc

import pytest

from chalicelib.domain import spreadsheets
from chalicelib.domain.spreadsheets import Cell, Column, Row, Table, csv_chunks, xlsx
from tests.support.workbooks import table as laid_out
from tests.support.workbooks import tabs

HEADER: Row = ("Name", "Code", "Minutes", "Share")
MANY = 5003
"""Rows of data: some of a CSV's chunks, and a few more."""


def table(count: int) -> list[Row]:
    """Make a header and rows of which no two are the same."""
    return [HEADER, *((f"Nguyễn Văn {n}", f"0{n:05}", n * 3, n + 0.25) for n in range(count))]


def shown(cell: Cell) -> str:
    return "" if cell is None else str(cell)


def csv_cells(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


@pytest.mark.parametrize(
    "count",
    [
        0,
        spreadsheets._CHUNK_ROWS - 2,
        spreadsheets._CHUNK_ROWS - 1,
        spreadsheets._CHUNK_ROWS,
        2 * spreadsheets._CHUNK_ROWS - 1,
        MANY,
    ],
)
def test_a_csv_in_chunks_has_every_row_once_and_in_order(count: int) -> None:
    rows = table(count)
    chunks = list(csv_chunks(laid_out(rows)))
    found = csv_cells(b"".join(chunks))
    assert len(found) == len(rows), f"{len(rows)} rows came out as {len(found)}"
    for number, (wanted, row) in enumerate(zip(rows, found, strict=True), 1):
        assert row == [shown(cell) for cell in wanted], f"row {number}"
    assert all(chunk.endswith(b"\r\n") for chunk in chunks), "a chunk ends with a whole row"
    assert sum(chunk.count(b"\r\n") for chunk in chunks) == len(rows)


def test_the_byte_order_mark_stands_once_at_the_beginning() -> None:
    content = b"".join(csv_chunks(laid_out(table(MANY)), bom=True))
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.count(b"\xef\xbb\xbf") == 1
    assert content[3:] == b"".join(csv_chunks(laid_out(table(MANY))))


def test_a_workbook_has_every_cell_in_its_place() -> None:
    rows = table(MANY)
    title, *found = tabs(xlsx([laid_out(rows)]))["t"].rows
    assert title == ["Title", None, None, None]
    assert found == [list(row) for row in rows]


def test_a_workbook_leaves_an_empty_cell_empty_and_moves_nothing_to_the_left() -> None:
    found = tabs(xlsx([laid_out([("a", "b", "c"), (None, "", 3)])]))["t"]
    assert found.rows[1:] == [["a", "b", "c"], [None, None, 3]]


def test_the_tabs_of_a_workbook_are_all_whole() -> None:
    tables = [laid_out(table(count), name=f"Tab {count}") for count in (3, MANY, 0)]
    found = tabs(xlsx(tables))
    assert {name: len(tab.rows) - 2 for name, tab in found.items()} == {
        "Tab 3": 3,
        f"Tab {MANY}": MANY,
        "Tab 0": 0,
    }


def test_rows_are_written_one_by_one_and_not_kept() -> None:
    def peak(count: int) -> int:
        """Give the most memory that a workbook takes while it is made, without the finished file."""
        columns = [Column("Name"), Column("Punches"), Column("Work", "minutes")]
        rows = ((f"Nguyễn Văn {n}", f"{n:05}" * 10, n) for n in range(count))
        tracemalloc.start()
        made = xlsx([Table("t", "Title", columns, rows)])
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most - 2 * len(made)

    assert peak(4000) < 1.5 * peak(500)

"""Exports compared whole: every cell of every row, past several chunks of a CSV."""

import csv
import io

import pytest

from chalicelib.domain import spreadsheets
from chalicelib.domain.spreadsheets import Cell, Row, csv_chunks, xlsx
from tests.support.workbooks import cells

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
    chunks = list(csv_chunks(rows))
    found = csv_cells(b"".join(chunks))
    assert len(found) == len(rows), f"{len(rows)} rows came out as {len(found)}"
    for number, (wanted, row) in enumerate(zip(rows, found, strict=True), 1):
        assert row == [shown(cell) for cell in wanted], f"row {number}"
    assert all(chunk.endswith(b"\r\n") for chunk in chunks), "a chunk ends with a whole row"
    assert sum(chunk.count(b"\r\n") for chunk in chunks) == len(rows)


def test_the_byte_order_mark_stands_once_at_the_beginning() -> None:
    content = b"".join(csv_chunks(table(MANY), bom=True))
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.count(b"\xef\xbb\xbf") == 1
    assert content[3:] == b"".join(csv_chunks(table(MANY)))


def test_a_workbook_has_every_cell_in_its_place() -> None:
    rows = table(MANY)
    found = cells(xlsx(rows, title="2026-11"))
    wanted = {
        (number, column): shown(cell)
        for number, row in enumerate(rows, 1)
        for column, cell in enumerate(row, 1)
    }
    assert len(found) == len(wanted), f"{len(wanted)} cells came out as {len(found)}"
    differing = {place for place, cell in wanted.items() if found.get(place) != cell}
    assert not differing


def test_a_workbook_leaves_an_empty_cell_empty_and_moves_nothing_to_the_left() -> None:
    found = cells(xlsx([("a", None, "c"), (None, "", 3)], title="t"))
    assert found == {(1, 1): "a", (1, 3): "c", (2, 3): "3"}

"""Tables as files for spreadsheets: CSV (RFC 4180) and XLSX.

Text that people typed stays text: spreadsheets read no cell written here as a formula or a link.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

Cell = str | int | float | None


Row = Sequence[Cell]


# Where Excel, LibreOffice and Google Sheets may see a formula, also one of full-width characters or behind
# white space: where a cell begins, and where a reader that separates by semicolons or tabs begins another,
# because it does not see our quotes. An apostrophe that is there already gets another one in front, so that
# one can be taken off again.
_FORMULA = re.compile(
    r"""(?:^|(?<=[;\t\r\n]))(?=["'\s]*[=+\-@＝＋－＠\t\r\n\0])"""  # noqa: RUF001 - the full-width ones are meant
)


_CHUNK_ROWS = 2000


XLSX_MAX_ROWS = 1_048_576  # Excel's own limit


def csv_chunks(rows: Iterable[Row], *, bom: bool = False) -> Iterator[bytes]:
    """Yield a table as CSV in UTF-8, in chunks of 2,000 rows.

    Lines end in CRLF. Text is quoted and gets an apostrophe wherever a spreadsheet could read it as a
    formula; numbers are written unchanged. With `bom`, the file starts with a byte order mark, by which
    Excel detects UTF-8.
    """
    if bom:
        yield b"\xef\xbb\xbf"
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
    for number, row in enumerate(rows, start=1):
        writer.writerow([as_text(cell) if isinstance(cell, str) else cell for cell in row])
        if number % _CHUNK_ROWS == 0:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    if buffer.tell():
        yield buffer.getvalue().encode()


def as_text(cell: str) -> str:
    """Return text that no spreadsheet reads as a formula, whichever character separates its cells."""
    return _FORMULA.sub("'", cell)


def xlsx(rows: Iterable[Row], *, title: str) -> bytes:
    """Return a table as a workbook with one sheet, whose first row stays in view when scrolling.

    `title` names the sheet: at most 31 characters, none of []:*?/\\. Raises ValueError for more rows
    than Excel has; text is cut at Excel's limit of 32,767 characters. Rows are written one by one and
    not kept in memory.
    """
    import xlsxwriter  # type: ignore[import-untyped]  # takes 90 ms, which only this export should pay

    buffer = io.BytesIO()
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "strings_to_urls": False,
    }
    with xlsxwriter.Workbook(buffer, options) as book:
        page = book.add_worksheet(title)
        page.freeze_panes(1, 0)
        page.set_column(0, 0, 28)  # names
        header = book.add_format({"bold": True})
        for y, row in enumerate(rows):
            if y >= XLSX_MAX_ROWS:
                raise ValueError(f"Excel has no more than {XLSX_MAX_ROWS} rows")
            for x, cell in enumerate(row):
                if cell is None or cell == "":
                    continue
                if isinstance(cell, str):
                    page.write_string(y, x, cell, None if y else header)
                else:
                    page.write_number(y, x, cell, None if y else header)
    return buffer.getvalue()

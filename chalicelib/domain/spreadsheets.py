"""Tables as files for spreadsheets: CSV (RFC 4180) and XLSX.

Text that people typed stays text: spreadsheets read no cell written here as a formula or a link. Dates, times
and lengths of time are dates, times and lengths of time to Excel, and ISO 8601 in a CSV.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, Literal

from msgspec import Struct

Cell = str | int | float | date | datetime | None


Row = Sequence[Cell]


Kind = Literal["text", "date", "time", "minutes", "number", "mark"]
"""What a column has in it. `time` is an aware datetime, shown on its own clock; `minutes` are a whole number
of minutes, shown as `Hours` says; a `mark` is a short text."""


Hours = Literal["minutes", "decimal", "hm"]
"""How lengths of time are shown: 450 minutes, 7.5 hours or 7:30."""


class Column(Struct, frozen=True):
    """A column of a table: its heading, what it has in it, and its width in characters.

    In a workbook the heading of a date is a date, with the `weekday` under it. A `shaded` column is grey.
    """

    heading: str | date
    kind: Kind = "text"
    width: int = 12
    weekday: str | None = None
    shaded: bool = False


class Table(Struct, frozen=True):
    """A table: a tab of a workbook, or a CSV. The rows can be read once.

    `name` is that of the tab: at most 31 characters, none of []:*?/\\. In a workbook the `title` stands above
    the headings, and the headings and the first `frozen` columns stay in view.
    """

    name: str
    title: str
    columns: Sequence[Column]
    rows: Iterable[Row]
    frozen: int = 0
    date_format: str = "yyyy-mm-dd"


# Where Excel, LibreOffice and Google Sheets may see a formula, also one of full-width characters or behind
# white space: where a cell begins, and where a reader that separates by semicolons or tabs begins another,
# because it does not see our quotes. An apostrophe that is there already gets another one in front, so that
# one can be taken off again.
_FORMULA = re.compile(
    r"""(?:^|(?<=[;\t\r\n]))(?=["'\s]*[=+\-@＝＋－＠\t\r\n\0])"""  # noqa: RUF001 - the full-width ones are meant
)


_CHUNK_ROWS = 2000


XLSX_MAX_ROWS = 1_048_576  # Excel's own limit


_DAY_ZERO = date(1899, 12, 30).toordinal()  # Excel counts days from here


_LENGTH_FORMATS: dict[Hours, str] = {"minutes": "0", "decimal": "0.00", "hm": "[h]:mm"}


def csv_chunks(table: Table, *, hours: Hours = "minutes", bom: bool = False) -> Iterator[bytes]:
    """Yield a table as CSV in UTF-8, in chunks of 2,000 rows, the first of them the headings.

    Lines end in CRLF. Text is quoted and gets an apostrophe wherever a spreadsheet could read it as a
    formula; numbers are written unchanged. With `bom`, the file starts with a byte order mark, by which
    Excel detects UTF-8.
    """
    if bom:
        yield b"\xef\xbb\xbf"
    shown = [_csv_writer(column.kind, hours) for column in table.columns]
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow([as_text(str(column.heading)) for column in table.columns])
    for number, row in enumerate(table.rows, start=2):
        writer.writerow(
            [
                cell if show is None or cell is None else show(cell)
                for show, cell in zip(shown, row, strict=True)
            ]
        )
        if number % _CHUNK_ROWS == 0:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    if buffer.tell():
        yield buffer.getvalue().encode()


def as_text(cell: str) -> str:
    """Return text that no spreadsheet reads as a formula, whichever character separates its cells."""
    return _FORMULA.sub("'", cell)


def clock(minutes: int) -> str:
    """Show a number of minutes as hours and minutes, h:mm."""
    return f"{minutes // 60}:{minutes % 60:02}"


def xlsx(tables: Iterable[Table], *, hours: Hours = "hm") -> bytes:
    """Return a workbook with a tab for each table.

    Raises ValueError for more rows than Excel has; text is cut at Excel's limit of 32,767 characters. Rows
    are written one by one, tab after tab, and not kept in memory.
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
        for table in tables:
            _write_tab(book, table, hours)
    return buffer.getvalue()


def _csv_writer(kind: Kind, hours: Hours) -> Callable[[Any], str | float] | None:
    """Return what shows a column's cells in a CSV; None for numbers, which are written as they are."""
    if kind == "date":
        return date.isoformat
    if kind == "time":
        return "{:%Y-%m-%d %H:%M}".format
    if kind == "minutes" and hours != "minutes":
        return clock if hours == "hm" else _decimal
    return None if kind in ("minutes", "number") else as_text


def _decimal(minutes: int) -> float:
    return round(minutes / 60, 2)


def _write_tab(book: Any, table: Table, hours: Hours) -> None:
    """Write a table on a tab of its own: title, headings, rows."""
    tab = book.add_worksheet(table.name)
    plain = {"text": "General", "mark": "General", "number": "General", "minutes": _LENGTH_FORMATS[hours]}
    shown = plain | {"date": table.date_format, "time": f"{table.date_format} hh:mm"}
    formats = [
        book.add_format({"num_format": shown[column.kind]} | _look(column)) for column in table.columns
    ]
    bold = {"bold": True, "text_wrap": True, "valign": "vcenter", "bottom": 1}
    tab.write_string(0, 0, table.title, book.add_format({"bold": True, "font_size": 14}))
    headings = 2 if any(column.weekday for column in table.columns) else 1
    for x, column in enumerate(table.columns):
        tab.set_column(x, x, column.width, formats[x])
    if headings == 2:
        for x, column in enumerate(table.columns):
            if isinstance(column.heading, date):
                look = book.add_format(bold | _look(column) | {"num_format": "d"})
                tab.write_number(1, x, _date(column.heading), look)
    for x, column in enumerate(table.columns):
        text = column.weekday if isinstance(column.heading, date) else column.heading
        tab.write_string(headings, x, text or "", book.add_format(bold | _look(column)))
    writers = [_xlsx_writer(tab, column.kind, hours) for column in table.columns]
    y = headings
    for y, row in enumerate(table.rows, start=headings + 1):
        if y >= XLSX_MAX_ROWS:
            raise ValueError(f"Excel has no more than {XLSX_MAX_ROWS} rows")
        for x, cell in enumerate(row):
            if cell is not None and cell != "":
                writers[x](y, x, cell, formats[x])
    tab.freeze_panes(headings + 1, table.frozen)
    tab.autofilter(headings, 0, y, len(table.columns) - 1)
    tab.set_landscape()
    tab.set_paper(9)  # A4
    tab.fit_to_pages(1, 0)
    tab.repeat_rows(0, headings)


def _look(column: Column) -> dict[str, Any]:
    look: dict[str, Any] = {"bg_color": "#E4E4E4"} if column.shaded else {}
    return look | ({"align": "center"} if column.kind == "mark" else {})


def _xlsx_writer(tab: Any, kind: Kind, hours: Hours) -> Callable[[int, int, Any, Any], object]:
    text, number = tab.write_string, tab.write_number
    if kind == "date":
        return lambda y, x, cell, look: number(y, x, _date(cell), look)
    if kind == "time":
        return lambda y, x, cell, look: number(y, x, _time(cell), look)
    if kind == "minutes" and hours != "minutes":
        unit = 1440 if hours == "hm" else 60
        return lambda y, x, cell, look: number(y, x, cell / unit, look)
    write: Callable[[int, int, Any, Any], object] = number if kind in ("minutes", "number") else text
    return write


def _date(on: date) -> int:
    return on.toordinal() - _DAY_ZERO


def _time(at: datetime) -> float:
    """Return an instant on its own clock in Excel's days; whole minutes, as in a CSV."""
    return _date(at) + (at.hour * 60 + at.minute) / 1440

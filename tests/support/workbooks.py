"""Reads workbooks back, cell by cell, as Excel understands them; makes tables to write."""

import io
import re
import zipfile
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from xml.etree import ElementTree

from chalicelib.domain.spreadsheets import Column, Row, Table

_NAMES = {
    "x": "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "r": "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
}

DAY_ZERO: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - Excel's times have no zone


class Tab:
    """A tab of a workbook: its rows, each as long as the longest, and how it is laid out."""

    def __init__(self, root: ElementTree.Element, formats: Sequence[str]) -> None:
        assert root.find(".//x:f", _NAMES) is None, "there is a formula"
        assert root.find(".//x:hyperlink", _NAMES) is None, "there is a link"
        found: dict[tuple[int, int], Any] = {}
        self.formats: dict[tuple[int, int], str] = {}
        self.styles: dict[tuple[int, int], int] = {}
        for cell in root.iterfind(".//x:c", _NAMES):
            place = _place(cell.get("r", ""))
            style = int(cell.get("s", "0"))
            self.formats[place], self.styles[place] = formats[style], style
            if (value := _value(cell, formats[style])) is not None:
                found[place] = value
        width = max((x for _, x in found), default=-1) + 1
        height = max((y for y, _ in found), default=-1) + 1
        self.rows = [[found.get((y, x)) for x in range(width)] for y in range(height)]
        pane = root.find(".//x:pane", _NAMES)
        self.frozen = None if pane is None else (int(pane.get("ySplit", "0")), int(pane.get("xSplit", "0")))
        filtered = root.find("x:autoFilter", _NAMES)
        self.filter = None if filtered is None else filtered.get("ref")
        self.widths = {
            int(column.get("min", "0")) - 1: float(column.get("width", "0"))
            for column in root.iterfind(".//x:col", _NAMES)
        }


def tabs(book: bytes) -> dict[str, Tab]:
    """Read the tabs of a workbook by name, in their order."""
    with zipfile.ZipFile(io.BytesIO(book)) as files:
        formats = _formats(_parsed(files, "xl/styles.xml"))
        named = _parsed(files, "xl/workbook.xml").iterfind(".//x:sheet", _NAMES)
        return {
            tab.get("name", ""): Tab(_parsed(files, f"xl/worksheets/sheet{number}.xml"), formats)
            for number, tab in enumerate(named, 1)
        }


def table(rows: Sequence[Row], *, name: str = "t") -> Table:
    """Make a table with a title, of which the first row is the headings; a column of numbers is one."""
    heading, *data = rows
    columns = [
        Column(str(text), "number" if any(isinstance(row[x], (int, float)) for row in data) else "text")
        for x, text in enumerate(heading)
    ]
    return Table(name, "Title", columns, data)


def _parsed(files: zipfile.ZipFile, name: str) -> ElementTree.Element:
    return ElementTree.fromstring(files.read(name))  # noqa: S314 - written just now


def _place(name: str) -> tuple[int, int]:
    letters = name.rstrip("0123456789")
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(name.removeprefix(letters)) - 1, column - 1


def _formats(styles: ElementTree.Element) -> list[str]:
    """Give the number format of each style."""
    own = {one.get("numFmtId"): one.get("formatCode", "") for one in styles.iterfind(".//x:numFmt", _NAMES)}
    built_in = {"0": "General", "1": "0", "2": "0.00"}
    return [
        own.get(one.get("numFmtId"), "") or built_in[one.get("numFmtId", "0")]
        for one in styles.iterfind("x:cellXfs/x:xf", _NAMES)
    ]


def _value(cell: ElementTree.Element, form: str) -> str | float | date | datetime | timedelta | None:
    """Give what Excel takes a cell for: text, a number, a date, a date with its time, or a length of time."""
    if cell.get("t") == "inlineStr":
        text = cell.find("x:is/x:t", _NAMES)
        return None if text is None else text.text or ""
    number = cell.find("x:v", _NAMES)
    if number is None:
        return None
    read = float(number.text or "")
    if form == "[h]:mm":
        return timedelta(minutes=round(read * 1440))
    if re.search(r"\[|d", form):
        at = DAY_ZERO + timedelta(minutes=round(read * 1440))
        return at if "h" in form else at.date()
    return int(read) if read == int(read) else read

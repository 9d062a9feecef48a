"""Reads workbooks back, cell by cell."""

import io
import zipfile
from xml.etree import ElementTree

_NAMES = {"x": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


def cells(book: bytes) -> dict[tuple[int, int], str]:
    """Give every cell that is written on the first sheet: its text by (row, column), both from 1."""
    with zipfile.ZipFile(io.BytesIO(book)) as files:
        page = ElementTree.fromstring(files.read("xl/worksheets/sheet1.xml"))  # noqa: S314 - written just now
    found = {}
    for cell in page.iterfind(".//x:c", _NAMES):
        place = cell.get("r", "")
        letters = place.rstrip("0123456789")
        column = 0
        for letter in letters:
            column = column * 26 + ord(letter) - ord("A") + 1
        text = cell.find("x:is/x:t", _NAMES)
        value = text if text is not None else cell.find("x:v", _NAMES)
        if value is not None:
            found[int(place.removeprefix(letters)), column] = value.text or ""
    return found

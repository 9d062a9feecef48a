"""CSV files as spreadsheets and devices write them: their encoding, and what a cell says."""

import re

from chalicelib.domain.errors import InvalidImport

_TEXT = re.compile('="(.*)"', re.DOTALL)


def decoded(content: bytes) -> str:
    """Decode a file that is UTF-8 or UTF-16, with or without a byte order mark; raises InvalidImport."""
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text or "\ufffd" in text:  # UTF-16 that a gateway damaged by treating it as text
        raise InvalidImport(
            "The file is neither UTF-8 nor UTF-16; save it as \u201cCSV UTF-8\u201d. "
            "UTF-16 is to be sent as `application/vnd.ms-excel` or `text/plain`."
        )
    return text


def cell(text: str) -> str:
    """Return what a cell says, without blanks around it and without the formula that keeps it a text."""
    text = text.strip().strip("\ufeff")
    wrapped = _TEXT.fullmatch(text)  # ="0042" keeps Excel from turning a code into a number
    return wrapped[1].replace('""', '"').strip() if wrapped else text

"""Files of punches: our own CSV and JSON, and what devices export, as it is.

`attlog` is ZKTeco's attlog.dat: a line per punch, separated by blanks or tabs, without a header. From a USB
stick a line has PIN, date and time, number of the device, status, way of verification, work code; as a device
sends it over the network, PIN, date and time, status, way of verification, work code, and reserved fields.
`hikvision` is the table of attendance records of iVMS-4200 and HikCentral, under a header that begins with
Person ID and has at least a Time; a Person ID may begin with an apostrophe.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from typing import Any, Literal

import msgspec
from msgspec import Struct

from chalicelib.domain.delimited import cell as read_cell
from chalicelib.domain.delimited import decoded
from chalicelib.domain.errors import ImportTooLarge, InvalidImport, InvalidRequest
from chalicelib.domain.text import clean, fold
from chalicelib.domain.workday import RequestedDirection

Format = Literal["csv", "json", "attlog", "hikvision"]


ROWS = 5000
"""Most rows of a file; they are written well within the 29 s after which API Gateway gives up."""


WIDTH = 100
"""Most columns of a table; a limit keeps a malicious file from costing time."""


TITLES = 20
"""The most lines that may stand above the header, such as the title of a report."""


COLUMNS = {
    "code": ("code", "ma", "ma so"),
    "person_id": ("person id",),
    "at": ("at", "thoi diem", "thoi gian"),
    "direction": ("direction", "huong"),
    "device": ("device", "thiet bi", "may cham cong"),
    "reason": ("reason", "ly do"),
}
"""Accepted names of our own columns in English and Vietnamese; case, accents and `_` are ignored."""


_HIKVISION = {
    "code": ("person id", "personal id", "employee id", "employee no.", "employee no"),
    "date": ("date",),
    "time": ("time", "date time", "date and time", "record time", "event time"),
    "status": ("attendance status", "status", "attendance type"),
    "device": ("attendance check point", "check point", "device name", "device"),
}


_WAYS: dict[str, RequestedDirection] = {
    **dict.fromkeys(("in", "checkin", "breakin", "overtimein", "clockin", "vao"), "in"),
    **dict.fromkeys(("out", "checkout", "breakout", "overtimeout", "clockout", "ra"), "out"),
    **dict.fromkeys(("", "auto"), "auto"),
}
"""What words say, by their letters. Whoever takes a break goes out, and comes in again afterwards."""


_STATUSES: dict[str, RequestedDirection] = {
    **dict.fromkeys(("0", "3", "4"), "in"),  # check in, back from a break, overtime in
    **dict.fromkeys(("1", "2", "5"), "out"),  # check out, to a break, overtime out
}


_NEVER_A_DEVICE = {"0", "255"}
"""The statuses of an arrival and of an unknown state: devices are numbered from 1 to 254."""


_LINE = re.compile(
    r"(\S+)\s+([0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2})[\sT]+([0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)(.*)"
)


_MOMENT = re.compile(
    r"([0-9]{1,4})([-/.])([0-9]{1,2})\2([0-9]{1,4})[T\s,]+"
    r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,6})[0-9]*)?)?"
    r"\s*(AM|PM|SA|CH)?\s*(Z|[+-][0-9]{2}:?[0-9]{2})?",
    re.IGNORECASE,
)


UNREADABLE = (
    "This is not a date with a time; write 2026-11-23 08:00:00, with an offset or in the site's zone."
)


class PunchRow(Struct, frozen=True, kw_only=True):
    """A punch as a file has it, of a person named by `code` or by `person_id`.

    `row` is its number as a spreadsheet or an editor shows it; in JSON it is its place in the list. `at` has
    an offset, or is wall-clock time at the site. Each problem is a field and what is wrong with it.
    """

    row: int
    code: str | None = None
    person_id: str | None = None
    at: datetime | None = None
    direction: RequestedDirection = "auto"
    device: str | None = None
    reason: str | None = None
    problems: tuple[tuple[str, str], ...] = ()


def read(content: bytes, asked: Format | None = None) -> tuple[Format, list[PunchRow]]:
    """Read a file in the format that was asked for, or else in the one that it has.

    Raises InvalidImport or ImportTooLarge.
    """
    text = decoded(content)
    found = asked or _detected(text)
    rows = list(islice(_READERS[found](text), ROWS + 1))
    if len(rows) > ROWS:
        raise ImportTooLarge(f"The file has more than {ROWS} rows.", limit_rows=ROWS)
    if not rows:
        raise InvalidImport("The file has no punches.")
    return found, rows


def _detected(text: str) -> Format:
    if text.lstrip()[:1] in ("[", "{"):
        return "json"
    for names, found in ((COLUMNS, "csv"), (_HIKVISION, "hikvision")):
        if _header(text, names) is not None:
            return found  # type: ignore[return-value]
    if any(_LINE.match(line.strip()) for line in islice(io.StringIO(text), TITLES)):
        return "attlog"
    raise InvalidImport(
        "The file is in no known format: it has no header with `at` and `code` or `person_id`, and is not "
        "JSON, an attlog.dat of ZKTeco, or an export of Hikvision.",
        known=list(COLUMNS),
    )


# --- tables ---------------------------------------------------------------------------------------

Names = dict[str, tuple[str, ...]]


def _header(text: str, names: Names) -> tuple[int, str, list[str | None]] | None:
    """Find the header: its row number, the separator, and the field of each column; None if there is none.

    A header has who and when. Fields of other columns are None.
    """
    called = {name: field for field, some in names.items() for name in some}
    for separator in (",", ";", "\t"):
        with suppress(InvalidImport):  # quoted cells cannot be read with the wrong separator
            for number, line in enumerate(islice(_lines(text, separator), TITLES), 1):
                fields = [called.get(fold(read_cell(one).replace("_", " "))) for one in line[:WIDTH]]
                if {"at", "time"} & {*fields} and {"code", "person_id"} & {*fields}:
                    return number, separator, fields
    return None


def _lines(text: str, separator: str) -> Iterator[list[str]]:
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number = 0
    try:
        for line in lines:
            number += 1
            yield line
    except csv.Error as error:
        raise InvalidImport(f"Row {number + 1} cannot be read: {error}.", row=number + 1) from None


def _table(text: str, names: Names, *, strict: bool) -> list[tuple[int, dict[str, str]]]:
    """Read the rows under a header, each with its number and its cells by field."""
    found = _header(text, names)
    if found is None:
        raise InvalidImport("There is no header with the columns of this format.", known=list(names))
    header, separator, fields = found
    rows: list[tuple[int, dict[str, str]]] = []
    for number, line in enumerate(_lines(text, separator), 1):
        if len(line) > WIDTH:
            raise InvalidImport(f"Row {number} has more than {WIDTH} columns.", row=number)
        cells = [read_cell(one) for one in line]
        if number == header and strict:
            _refuse_unknown([one for one, field in zip(cells, fields, strict=True) if one and field is None])
        if number <= header or not any(cells):
            continue
        if len(rows) > ROWS:
            break
        named: dict[str, str] = {}
        for field, one in zip(fields, cells, strict=False):
            if field and one:
                named.setdefault(field, one)
        rows.append((number, named))
    return rows


def _refuse_unknown(columns: list[str]) -> None:
    if columns:
        shown = [column[:50] for column in columns][:20]
        raise InvalidImport(
            f"Unknown columns: {', '.join(shown)}. Known are {', '.join(COLUMNS)}.",
            columns=shown,
            known=list(COLUMNS),
        )


def _own_table(text: str) -> Iterator[PunchRow]:
    rows = _table(text, COLUMNS, strict=True)
    month_first = _month_first(cells.get("at", "") for _, cells in rows)
    return (_own(number, cells, month_first) for number, cells in rows)


def _own(number: int, cells: dict[str, Any], month_first: bool = False) -> PunchRow:
    problems: list[tuple[str, str]] = []
    texts: dict[str, str] = {}
    for field, value in cells.items():
        if field not in COLUMNS:
            problems.append((field[:50], "There is no such field."))
        elif value is not None and not isinstance(value, str):
            problems.append((field, "This is not a text."))
        elif value:
            texts[field] = value
    if ("code" in texts) == ("person_id" in texts):
        problems.append(("code", "A row names the person either by code or by person_id."))
    at = _moment(texts.get("at", ""), month_first)
    if at is None:
        problems.append(("at", UNREADABLE))
    direction = _WAYS.get(_letters(texts.get("direction", "")))
    if direction is None:
        problems.append(("direction", "A direction is in, out or auto."))
    cleaned: dict[str, str] = {}
    for field, limit in (("device", 100), ("reason", 500)):
        try:
            if field in texts:
                cleaned[field] = clean(texts[field], what=field, limit=limit)
        except InvalidRequest as error:
            problems.append((field, str(error)))
    return PunchRow(
        row=number,
        code=texts.get("code"),
        person_id=texts.get("person_id"),
        at=at,
        direction=direction or "auto",
        device=cleaned.get("device"),
        reason=cleaned.get("reason"),
        problems=tuple(problems),
    )


def _hikvision(text: str) -> Iterator[PunchRow]:
    rows = _table(text, _HIKVISION, strict=False)
    times = [" ".join(filter(None, (cells.get("date"), cells.get("time")))) for _, cells in rows]
    month_first = _month_first(times)
    for (number, cells), time in zip(rows, times, strict=True):
        code = cells.get("code", "").lstrip("'")
        status = _letters(cells.get("status", ""))
        yield _of_device(number, code, _moment(time, month_first), _WAYS.get(status), cells.get("device"))


def _of_device(
    row: int, code: str, at: datetime | None, direction: RequestedDirection | None, device: str | None
) -> PunchRow:
    problems = [] if code else [("code", "The row names nobody.")]
    if at is None:
        problems.append(("at", UNREADABLE))
    try:
        device = clean(device, what="device", limit=100) if device and device != "-" else None
    except InvalidRequest:
        device = None  # a name that is only shown is no reason to lose a punch
    return PunchRow(
        row=row,
        code=code or None,
        at=at,
        direction=direction or "auto",
        device=device,
        problems=tuple(problems),
    )


# --- lines and lists ------------------------------------------------------------------------------


def _attlog(text: str) -> Iterator[PunchRow]:
    """Read an attlog.dat. Older devices put their serial number above it and a checksum below."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    for edge in (0, -1):
        if len(lines) > 1 and not _LINE.match(lines[edge][1]) and len(lines[edge][1].split()) == 1:
            del lines[edge]
    lines = lines[: ROWS + 1]
    found = [(number, _LINE.match(line)) for number, line in lines]
    more = [match[4].split() for _, match in found if match]
    from_usb = all(len(one) == 4 for one in more) and not _NEVER_A_DEVICE & {one[0] for one in more}
    place = 1 if from_usb else 0
    # A device on which nobody chooses a state calls every punch an arrival.
    tells = {one[place] for one in more if len(one) > place} != {"0"}
    for number, match in found:
        if match is None:
            yield PunchRow(row=number, problems=(("at", UNREADABLE),))
            continue
        rest = match[4].split()
        status = rest[place] if tells and len(rest) > place else ""
        at = _moment(f"{match[2]} {match[3]}", False)
        yield _of_device(number, match[1], at, _STATUSES.get(status), rest[0] if from_usb else None)


def _list(text: str) -> Iterator[PunchRow]:
    try:
        found = msgspec.json.decode(text.strip(), type=list[dict[str, Any]])
    except (msgspec.DecodeError, RecursionError):
        raise InvalidImport("The body is not a JSON list of punches, each an object.") from None
    return (_own(number, one) for number, one in enumerate(found[: ROWS + 1], 1))


_READERS: dict[Format, Callable[[str], Iterator[PunchRow]]] = {
    "csv": _own_table,
    "json": _list,
    "attlog": _attlog,
    "hikvision": _hikvision,
}


# --- cells ----------------------------------------------------------------------------------------


def _letters(text: str) -> str:
    return "".join(letter for letter in fold(text) if letter.isalpha())


def _month_first(texts: Iterable[str]) -> bool:
    """Say whether a file writes the month before the day: a date in it can only be read so."""
    found = [match for match in map(_MOMENT.fullmatch, texts) if match and len(match[1]) <= 2]
    return any(int(match[3]) > 12 for match in found) and not any(int(match[1]) > 12 for match in found)


def _moment(text: str, month_first: bool) -> datetime | None:
    """Read a date with a time: ISO 8601, or day first as in the import of people, or `month_first`."""
    match = _MOMENT.fullmatch(text.strip())
    if match is None:
        return None
    first, _, second, third, hour, minute, second_s, fraction, half, offset = match.groups()
    if len(first) == 4:
        year, month, day = int(first), int(second), int(third)
    else:
        year = int(third) + (2000 if len(third) == 2 else 0)
        month, day = (int(first), int(second)) if month_first else (int(second), int(first))
    hours = int(hour)
    if half:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if half.upper() in ("PM", "CH") else 0)
    try:
        wall = datetime(  # noqa: DTZ001 - without an offset it is of the site's zone
            year, month, day, hours, int(minute), int(second_s or 0), int((fraction or "").ljust(6, "0"))
        )
        return wall.replace(tzinfo=_zone(offset)) if offset else wall
    except ValueError:
        return None


def _zone(offset: str) -> timezone:
    if offset in ("Z", "z"):
        return UTC
    minutes = int(offset[1:3]) * 60 + int(offset[-2:])
    return timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))

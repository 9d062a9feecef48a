"""People from a spreadsheet: CSV as Excel, LibreOffice and people write it, checked row by row.

A row is checked by the rules of a person made by hand. Either all rows are taken or the good ones, as
the call says; an import that fails half-way is taken back.
"""

import csv
import io
import re
from datetime import datetime
from typing import ClassVar, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from chalicelib.aws.directory import Directory
from chalicelib.config import BODY_BYTES
from chalicelib.domain.errors import (
    ImportRefused,
    ImportTooLarge,
    InvalidImport,
    InvalidRequest,
    UnknownShift,
)
from chalicelib.domain.lookalikes import skeleton
from chalicelib.domain.person import LOOKALIKE, FieldWarning, NewPerson, Person
from chalicelib.domain.settings import Settings
from chalicelib.domain.text import fold
from chalicelib.domain.types import to_builtins
from chalicelib.services import people
from chalicelib.web.request import Request, decode

ROWS = 5000
"""Most rows of one file: written well inside the 29 s that API Gateway waits."""


WIDTH = 100
"""Most columns of a file. There are six to fill; each of a million would cost us time."""


HEADER = 10_000
"""Most characters of the header that are looked at to tell which sign separates columns."""


COLUMNS = {
    "name": ("name", "full name", "ho ten", "ho va ten", "ten"),
    "code": ("code", "ma", "ma so"),
    "email": ("email", "e-mail", "thu dien tu"),
    "group": ("group", "class", "department", "lop", "phong ban", "nhom"),
    "shift": ("shift", "ca", "ca lam viec"),
    "since": ("since", "start date", "ngay vao", "ngay vao lam"),
}
"""What a column may be called, in English and Vietnamese; case, accents and `_` do not count."""


_FIELD = {called: field for field, names in COLUMNS.items() for called in names}


_RULES = {
    "name": "A name has 1 to 200 visible characters.",
    "code": "A code has 1 to 64 visible characters.",
    "email": "This is not an e-mail address.",
    "group": "A group has 1 to 100 visible characters.",
    "shift": "A shift's name has 1 to 40 visible characters.",
    "since": "This is not a date; write 2026-11-23 or 23/11/2026.",
}


_SEPARATORS = (";", ",", "\t")


_SAID = re.compile(r'"?sep=([;,\t|])"?(?:\r?\n|\Z)', re.IGNORECASE)


_TEXT = re.compile('="(.*)"', re.DOTALL)


_DAY_FIRST = re.compile("([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})(?: 0?0:00(?::00)?)?")


_YEAR_FIRST = re.compile("([0-9]{4})[/.-]([0-9]{1,2})[/.-]([0-9]{1,2})(?: 0?0:00(?::00)?)?")


Mode = Literal["all", "good"]


class Row(Struct, frozen=True):
    """A row that is not blank: its number as a spreadsheet shows it, its cells by field, and its faults."""

    row: int
    cells: dict[str, str]
    stray: int | None = None


class CellProblem(Struct, frozen=True):
    """What is wrong with a cell; `field` is the column's, or empty for a cell without one."""

    field: str
    message: str


class RowResult(Struct, frozen=True):
    """What became of a row; `person_id` is the one who was made, or who has the code already."""

    row: int
    status: Literal["created", "valid", "invalid", "exists"]
    person_id: str | None = None
    problems: list[CellProblem] = []
    warnings: list[FieldWarning] | UnsetType = UNSET


class ImportResult(Struct, frozen=True):
    """What became of a file; `failed` counts the rows that are invalid or whose code is taken."""

    dry_run: bool
    mode: Mode
    rows_total: int
    created: int
    failed: int
    items: list[RowResult]


class Sheet(Struct, frozen=True):
    """A CSV of people, one a row under a header: UTF-8 or UTF-16, separated by comma, semicolon or tab."""

    TAKES: ClassVar = {"text/csv": str}
    rows: list[Row]

    @classmethod
    def from_request(cls, request: Request) -> "Sheet":
        """Read the body as CSV; raises InvalidImport or ImportTooLarge."""
        return cls(read(request.body))


def read(content: bytes) -> list[Row]:
    """Read the rows of a CSV file; raises InvalidImport or ImportTooLarge."""
    if len(content) > BODY_BYTES:
        raise ImportTooLarge(f"The file is larger than {BODY_BYTES / 1e6:.1f} MB.", limit_bytes=BODY_BYTES)
    text = _decoded(content)
    said = _SAID.match(text)  # Excel does not show this line, nor count it
    text = text[said.end() :] if said else text
    header = next((line for line in io.StringIO(text) if line.strip(" \t,;\r\n")), "")[:HEADER]
    separator = said[1] if said else max(_SEPARATORS, key=lambda sign: len(_known(header, sign)))
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    fields: list[str | None] | None = None
    rows: list[Row] = []
    number = 0
    try:
        for number, line in enumerate(lines, 1):
            if len(line) > WIDTH:
                raise InvalidImport(f"Row {number} has more than {WIDTH} columns.", row=number)
            cells = [_cell(cell) for cell in line]
            if not any(cells):
                continue
            if fields is None:
                fields = _fields(cells)
                continue
            if len(rows) == ROWS:
                raise ImportTooLarge(f"The file has more than {ROWS} rows.", limit_rows=ROWS)
            rows.append(_row(number, cells, fields))
    except csv.Error as error:
        raise InvalidImport(f"Row {number + 1} cannot be read: {error}.", row=number + 1) from None
    if not rows:
        raise InvalidImport("The file has no rows under a header.")
    return rows


def _decoded(content: bytes) -> str:
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text or "\ufffd" in text:  # what is left of UTF-16 that went through a gateway as text
        raise InvalidImport(
            "The file is neither UTF-8 nor UTF-16; save it as \u201cCSV UTF-8\u201d. "
            "UTF-16 is to be sent as `application/vnd.ms-excel` or `text/plain`."
        )
    return text


def _cell(text: str) -> str:
    text = text.strip().strip("\ufeff")
    wrapped = _TEXT.fullmatch(text)  # ="0042" is how Excel is kept from making a number of a code
    return wrapped[1].replace('""', '"').strip() if wrapped else text


def _called(header: str) -> str:
    return fold(header.replace("_", " "))


def _known(header: str, separator: str) -> list[str]:
    try:
        cells = next(csv.reader([header], delimiter=separator), [])
    except csv.Error:
        return []
    return [cell for cell in cells if _called(_cell(cell)) in _FIELD]


def _fields(header: list[str]) -> list[str | None]:
    """Say what each column is; None is one without a name, which must be empty."""
    unknown = [cell[:50] for cell in header if cell and _called(cell) not in _FIELD][:20]
    if unknown:
        raise InvalidImport(
            f"Unknown columns: {', '.join(unknown)}. Known are {', '.join(COLUMNS)}.",
            columns=unknown,
            known=list(COLUMNS),
        )
    fields = [_FIELD.get(_called(cell)) for cell in header]
    twice = sorted({field for field in fields if field and fields.count(field) > 1})
    if twice:
        raise InvalidImport(f"There is more than one column for {', '.join(twice)}.", columns=twice)
    if "name" not in fields:
        raise InvalidImport("There is no column `name`.", columns=[], known=list(COLUMNS))
    return fields


def _row(number: int, cells: list[str], fields: list[str | None]) -> Row:
    named: dict[str, str] = {}
    stray = None
    for column, cell in enumerate(cells):
        field = fields[column] if column < len(fields) else None
        if cell and field:
            named[field] = cell
        elif cell:
            stray = column + 1
    if "since" in named:
        named["since"] = _iso(named["since"])
    return Row(number, named, stray)


def _iso(text: str) -> str:
    """Write a date as ISO does; what is no date stays as it is and is refused later."""
    if found := _DAY_FIRST.fullmatch(text):
        day, month, year = found.groups()
    elif found := _YEAR_FIRST.fullmatch(text):
        year, month, day = found.groups()
    else:
        return text
    return f"{year}-{month:0>2}-{day:0>2}"


def run(directory: Directory, sheet: Sheet, *, dry_run: bool, mode: Mode, now: datetime) -> ImportResult:
    """Make the people of a sheet, or with `dry_run` only say what would become of each row.

    With mode `all`, a single bad row raises ImportRefused with the rows, and nobody is made.
    """
    results, found = _check(directory, sheet.rows, now=now)

    warnings = _lookalikes(directory, found)

    def result() -> ImportResult:
        rows = [replace(results[number], warnings=warnings.get(number, UNSET)) for number in sorted(results)]
        made = sum(row.status == "created" for row in rows)
        failed = sum(row.status in ("invalid", "exists") for row in rows)
        return ImportResult(dry_run, mode, len(rows), made, failed, rows)

    if dry_run:
        return result()
    if mode == "all" and len(found) < len(results):
        raise ImportRefused(to_builtins(result()))
    taken = directory.add_people(list(found.values()))
    if taken:  # by others, since we looked
        results |= _known_codes(
            directory, {row: found.pop(row) for row in list(found) if found[row] in taken}
        )
        if mode == "all":
            directory.take_back(list(found.values()))
            raise ImportRefused(to_builtins(result()))
    results |= {row: RowResult(row, "created", person.person_id) for row, person in found.items()}
    return result()


def _check(
    directory: Directory, rows: list[Row], *, now: datetime
) -> tuple[dict[int, RowResult], dict[int, Person]]:
    """Check every row; gives what is known of each, and the people of the good ones, by row."""
    settings = directory.settings()
    today = settings.today(now).isoformat()
    results: dict[int, RowResult] = {}
    found: dict[int, Person] = {}
    first: dict[str, int] = {}
    for row in rows:
        made = _make(row.cells if "since" in row.cells else {**row.cells, "since": today}, settings, now)
        problems = made if isinstance(made, list) else []
        if row.stray:
            problems.append(CellProblem("", f"Column {row.stray} has no name, but there is something in it."))
        if code := fold(row.cells.get("code", "")):
            if code in first:
                problems.append(CellProblem("code", f"Row {first[code]} has this code too."))
            first.setdefault(code, row.row)
        if isinstance(made, Person) and not problems:
            found[row.row] = made
        results[row.row] = RowResult(row.row, "invalid" if problems else "valid", None, problems)
    existing = _known_codes(directory, found)
    for number in existing:
        del found[number]
    return results | existing, found


def _lookalikes(directory: Directory, found: dict[int, Person]) -> dict[int, list[FieldWarning]]:
    """Warn of rows whose code looks like another one, of somebody who is there or of an earlier row."""
    coded = {row: person.code for row, person in found.items() if person.code}
    if not coded:
        return {}
    alike: dict[str, tuple[str, str | None]] = {
        skeleton(person.code): (fold(person.code), person.person_id)
        for person in directory.everybody()
        if person.code
    }
    warnings: dict[int, list[FieldWarning]] = {}
    for row, code in coded.items():
        other, person_id = alike.setdefault(skeleton(code), (fold(code), None))
        if other != fold(code):
            warnings[row] = [FieldWarning("code", LOOKALIKE, person_id)]
    return warnings


def _known_codes(directory: Directory, found: dict[int, Person]) -> dict[int, RowResult]:
    """Say of which rows somebody has the code already."""
    owners = directory.owners(person.code for person in found.values() if person.code)
    problem = [CellProblem("code", "Somebody already has this code.")]
    return {
        row: RowResult(row, "exists", owners[fold(person.code)], problem)
        for row, person in found.items()
        if person.code and fold(person.code) in owners
    }


def _make(cells: dict[str, str], settings: Settings, now: datetime) -> Person | list[CellProblem]:
    """Make a person of a row by the rules of `POST /v1/people`, or say what is wrong with each cell."""
    try:
        return people.new_person(decode(msgspec.json.encode(cells), NewPerson), settings, now=now)
    except InvalidRequest:
        named = {"name": "", **cells}
        problems = [_problem(field, named[field], settings, now) for field in _RULES if field in named]
        return [problem for problem in problems if problem]


def _problem(field: str, cell: str, settings: Settings, now: datetime) -> CellProblem | None:
    """Say what is wrong with a cell, by trying it in a row that is good otherwise."""
    try:
        body = decode(msgspec.json.encode({"name": "x", field: cell}), NewPerson)
    except InvalidRequest:
        return CellProblem(field, _RULES[field])
    try:
        people.new_person(body, settings, now=now)
    except (InvalidRequest, UnknownShift) as error:
        return CellProblem(field, str(error))
    return None

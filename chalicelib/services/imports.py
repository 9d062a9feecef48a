"""Import of people from a CSV file as Excel, LibreOffice or people write it, checked row by row.

A row is checked by the rules of `POST /v1/people`. Either all rows are added or only the valid ones, as the
request says; an import that fails half-way is undone.
"""

import csv
import io
import re
from datetime import datetime
from typing import Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from chalicelib.aws.directory import Directory
from chalicelib.aws.visibility import all_people_visible, is_visible
from chalicelib.config import BODY_BYTES
from chalicelib.domain.delimited import cell as read_cell
from chalicelib.domain.delimited import decoded
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

ROWS = 5000
"""Most rows of a file; they are written well within the 29 s after which API Gateway gives up."""


WIDTH = 100
"""Most columns of a file. Six are known; a limit keeps a malicious file from costing time."""


HEADER = 10_000
"""Most characters of the header that are examined to detect the separator."""


COLUMNS = {
    "name": ("name", "full name", "ho ten", "ho va ten", "ten"),
    "code": ("code", "ma", "ma so"),
    "email": ("email", "e-mail", "thu dien tu"),
    "group": ("group", "class", "department", "lop", "phong ban", "nhom"),
    "shift": ("shift", "ca", "ca lam viec"),
    "since": ("since", "start date", "ngay vao", "ngay vao lam"),
}
"""Accepted names of each column in English and Vietnamese; case, accents and `_` are ignored."""


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


_DECLARED = re.compile(r'"?sep=([;,\t|])"?(?:\r?\n|\Z)', re.IGNORECASE)


_DAY_FIRST = re.compile("([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})(?: 0?0:00(?::00)?)?")


_YEAR_FIRST = re.compile("([0-9]{4})[/.-]([0-9]{1,2})[/.-]([0-9]{1,2})(?: 0?0:00(?::00)?)?")


Mode = Literal["all", "good"]


class Row(Struct, frozen=True):
    """A row that is not blank: its number as a spreadsheet shows it, and its cells by field.

    `stray` is the number of a column that has a value but no name.
    """

    row: int
    cells: dict[str, str]
    stray: int | None = None


class CellError(Struct, frozen=True):
    """An invalid cell. `field` is the field of its column, empty for a cell without a column."""

    field: str
    message: str


class ImportRowResult(Struct, frozen=True):
    """The result of a row. `person_id` is the person created, or the one who already has the code.

    It is null if the caller's token is limited to groups and the code is that of somebody of another group.
    """

    row: int
    status: Literal["created", "valid", "invalid", "exists"]
    person_id: str | None = None
    problems: list[CellError] = []
    warnings: list[FieldWarning] | UnsetType = UNSET


class ImportResult(Struct, frozen=True):
    """The result of an import. `failed` counts rows that are invalid or whose code is taken."""

    dry_run: bool
    mode: Mode
    rows_total: int
    created: int
    failed: int
    items: list[ImportRowResult]


def read(content: bytes) -> list[Row]:
    """Read the rows of a CSV file; raises InvalidImport or ImportTooLarge."""
    if len(content) > BODY_BYTES:
        raise ImportTooLarge(f"The file is larger than {BODY_BYTES / 1e6:.1f} MB.", limit_bytes=BODY_BYTES)
    text = decoded(content)
    declared = _DECLARED.match(text)  # Excel neither shows nor counts this line
    text = text[declared.end() :] if declared else text
    header = next((line for line in io.StringIO(text) if line.strip(" \t,;\r\n")), "")[:HEADER]
    separator = declared[1] if declared else max(_SEPARATORS, key=lambda sign: len(_known(header, sign)))
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    fields: list[str | None] | None = None
    rows: list[Row] = []
    number = 0
    try:
        for number, line in enumerate(lines, 1):
            if len(line) > WIDTH:
                raise InvalidImport(f"Row {number} has more than {WIDTH} columns.", row=number)
            cells = [read_cell(cell) for cell in line]
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


def _called(header: str) -> str:
    return fold(header.replace("_", " "))


def _known(header: str, separator: str) -> list[str]:
    try:
        cells = next(csv.reader([header], delimiter=separator), [])
    except csv.Error:
        return []
    return [cell for cell in cells if _called(read_cell(cell)) in _FIELD]


def _fields(header: list[str]) -> list[str | None]:
    """Map columns to fields; None for a column without a name, which must be empty."""
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
    """Convert a date to ISO 8601; other text is returned unchanged and refused later."""
    if found := _DAY_FIRST.fullmatch(text):
        day, month, year = found.groups()
    elif found := _YEAR_FIRST.fullmatch(text):
        year, month, day = found.groups()
    else:
        return text
    return f"{year}-{month:0>2}-{day:0>2}"


def run(directory: Directory, rows: list[Row], *, dry_run: bool, mode: Mode, now: datetime) -> ImportResult:
    """Add the people of a file, or with `dry_run` only report the result of each row.

    With mode `all`, a single invalid row raises ImportRefused with all results, and nobody is added.
    """
    results, found = _check(directory, rows, now=now)

    warnings = _lookalikes(directory, found)

    def result() -> ImportResult:
        items = [replace(results[number], warnings=warnings.get(number, UNSET)) for number in sorted(results)]
        created = sum(item.status == "created" for item in items)
        failed = sum(item.status in ("invalid", "exists") for item in items)
        return ImportResult(dry_run, mode, len(items), created, failed, items)

    if dry_run:
        return result()
    if mode == "all" and len(found) < len(results):
        raise ImportRefused(to_builtins(result()))
    taken = directory.add_people(list(found.values()))
    if taken:  # their codes were taken by other requests since the check
        results |= _known_codes(
            directory, {row: found.pop(row) for row in list(found) if found[row] in taken}
        )
        if mode == "all":
            directory.undo_add(list(found.values()))
            raise ImportRefused(to_builtins(result()))
    results |= {row: ImportRowResult(row, "created", person.person_id) for row, person in found.items()}
    return result()


def _check(
    directory: Directory, rows: list[Row], *, now: datetime
) -> tuple[dict[int, ImportRowResult], dict[int, Person]]:
    """Check every row; returns the results, and the people of valid rows, by row number."""
    settings = directory.settings()
    results: dict[int, ImportRowResult] = {}
    valid: dict[int, Person] = {}
    first: dict[str, int] = {}
    for row in rows:
        built = _build(row.cells, settings, now)
        problems = built if isinstance(built, list) else []
        if row.stray:
            problems.append(CellError("", f"Column {row.stray} has a value but no name."))
        if code := fold(row.cells.get("code", "")):
            if code in first:
                problems.append(CellError("code", f"Row {first[code]} has this code too."))
            first.setdefault(code, row.row)
        if isinstance(built, Person) and not is_visible(built.groups):
            problems.append(CellError("group", "This token may only have people in its own groups."))
        if isinstance(built, Person) and not problems:
            valid[row.row] = built
        results[row.row] = ImportRowResult(row.row, "invalid" if problems else "valid", None, problems)
    existing = _known_codes(directory, valid)
    for number in existing:
        del valid[number]
    return results | existing, valid


def _lookalikes(directory: Directory, found: dict[int, Person]) -> dict[int, list[FieldWarning]]:
    """Warn of rows whose code looks like another one, of somebody who is there or of an earlier row."""
    coded = {row: person.code for row, person in found.items() if person.code}
    if not coded:
        return {}
    alike: dict[str, tuple[str, str | None]] = {
        skeleton(person.code): (fold(person.code), person.person_id)
        for person in directory.all_people()
        if person.code
    }
    warnings: dict[int, list[FieldWarning]] = {}
    for row, code in coded.items():
        other, person_id = alike.setdefault(skeleton(code), (fold(code), None))
        if other != fold(code):
            warnings[row] = [FieldWarning("code", LOOKALIKE, person_id)]
    return warnings


def _known_codes(directory: Directory, found: dict[int, Person]) -> dict[int, ImportRowResult]:
    """Return results for the rows whose code is taken, with whom it belongs to if the caller may see them."""
    with all_people_visible():  # codes are unique in the whole site
        owners = directory.owners(person.code for person in found.values() if person.code)
    visible = directory.people(owners.values()) if owners else {}
    problem = [CellError("code", "Somebody already has this code.")]
    return {
        row: ImportRowResult(row, "exists", owner if owner in visible else None, problem)
        for row, person in found.items()
        if person.code and (owner := owners.get(fold(person.code)))
    }


def _build(cells: dict[str, str], settings: Settings, now: datetime) -> Person | list[CellError]:
    """Build the person of a row by the rules of `POST /v1/people`, or list what is wrong with its cells."""
    try:
        return people.new_person(msgspec.convert(cells, NewPerson), settings, now=now)
    except (msgspec.ValidationError, InvalidRequest):
        named = {"name": "", **cells}
        problems = [_problem(field, named[field], settings, now) for field in _RULES if field in named]
        return [problem for problem in problems if problem]


def _problem(field: str, cell: str, settings: Settings, now: datetime) -> CellError | None:
    """Return what is wrong with a cell, by checking it in an otherwise valid row."""
    try:
        body = msgspec.convert({"name": "x", field: cell}, NewPerson)
    except msgspec.ValidationError:
        return CellError(field, _RULES[field])
    try:
        people.new_person(body, settings, now=now)
    except (InvalidRequest, UnknownShift) as error:
        return CellError(field, str(error))
    return None

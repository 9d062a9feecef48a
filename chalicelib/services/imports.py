"""Import of people from a CSV file as Excel, LibreOffice or people write it, checked row by row.

A row is checked by the rules of `POST /v1/people`. Either all rows are added or only the valid ones, as the
request says, or rows with a known code update their person. An import that fails half-way is undone.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Literal

from msgspec import UNSET, Struct
from msgspec.structs import replace

from chalicelib.aws.directory import Directory, SavedPerson
from chalicelib.aws.site_store import SiteStore
from chalicelib.config import BODY_BYTES
from chalicelib.domain.dates import check_date
from chalicelib.domain.delimited import cell as read_cell
from chalicelib.domain.delimited import decoded
from chalicelib.domain.errors import (
    ImportRefused,
    ImportTooLarge,
    InvalidImport,
    InvalidRequest,
    WriteConflict,
)
from chalicelib.domain.person import FieldWarning, Person
from chalicelib.domain.settings import Settings
from chalicelib.domain.text import fold
from chalicelib.domain.types import to_builtins
from chalicelib.services.closings import importing, past
from chalicelib.services.import_rows import (
    ImportRowResult,
    Row,
    RowStatus,
    check,
    known_codes,
    lookalikes,
)
from chalicelib.services.retries import retry

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


DATES = ("since", "date")
"""The columns with dates, which are accepted as people write them."""


_SEPARATORS = (";", ",", "\t")


_DECLARED = re.compile(r'"?sep=([;,\t|])"?(?:\r?\n|\Z)', re.IGNORECASE)


_DAY_FIRST = re.compile("([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})(?: 0?0:00(?::00)?)?")


_YEAR_FIRST = re.compile("([0-9]{4})[/.-]([0-9]{1,2})[/.-]([0-9]{1,2})(?: 0?0:00(?::00)?)?")


Mode = Literal["all", "good"]
"""Whether one invalid row of a file keeps out all rows, or itself alone."""


PeopleMode = Literal["all", "good", "upsert"]


class ImportResult(Struct, frozen=True):
    """The result of an import. `failed` counts rows that are invalid or whose code is taken.

    A dry run says of rows that they are `valid`, or with mode `upsert` what would become of them.
    """

    dry_run: bool
    mode: PeopleMode
    rows_total: int
    created: int
    updated: int
    unchanged: int
    failed: int
    items: list[ImportRowResult]


def read(
    content: bytes, columns: Mapping[str, Sequence[str]] = COLUMNS, required: Sequence[str] = ("name",)
) -> list[Row]:
    """Read the rows of a CSV file with some columns; raises InvalidImport or ImportTooLarge."""
    called = {name: field for field, names in columns.items() for name in names}
    if len(content) > BODY_BYTES:
        raise ImportTooLarge(f"The file is larger than {BODY_BYTES / 1e6:.1f} MB.", limit_bytes=BODY_BYTES)
    text = decoded(content)
    declared = _DECLARED.match(text)  # Excel neither shows nor counts this line
    text = text[declared.end() :] if declared else text
    header = next((line for line in io.StringIO(text) if line.strip(" \t,;\r\n")), "")[:HEADER]
    separator = (
        declared[1] if declared else max(_SEPARATORS, key=lambda sign: len(_known(header, sign, called)))
    )
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
                fields = _fields(cells, called, required)
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


def _known(header: str, separator: str, called: Mapping[str, str]) -> list[str]:
    try:
        cells = next(csv.reader([header], delimiter=separator), [])
    except csv.Error:
        return []
    return [cell for cell in cells if _called(read_cell(cell)) in called]


def _fields(header: list[str], called: Mapping[str, str], required: Sequence[str]) -> list[str | None]:
    """Map columns to fields; None for a column without a name, which must be empty."""
    known = list(dict.fromkeys(called.values()))
    unknown = [cell[:50] for cell in header if cell and _called(cell) not in called][:20]
    if unknown:
        raise InvalidImport(
            f"Unknown columns: {', '.join(unknown)}. Known are {', '.join(known)}.",
            columns=unknown,
            known=known,
        )
    fields = [called.get(_called(cell)) for cell in header]
    twice = sorted({field for field in fields if field and fields.count(field) > 1})
    if twice:
        raise InvalidImport(f"There is more than one column for {', '.join(twice)}.", columns=twice)
    for field in required:
        if field not in fields:
            raise InvalidImport(f"There is no column `{field}`.", columns=[], known=known)
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
    named |= {field: _iso(named[field]) for field in DATES if field in named}
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


class _Plan(Struct):
    """The result of each row by its number, and the people before and after the changes of valid rows."""

    results: dict[int, ImportRowResult]
    changes: dict[int, SavedPerson]

    def result(
        self, *, dry_run: bool, mode: PeopleMode, warnings: dict[int, list[FieldWarning]]
    ) -> ImportResult:
        rows = sorted(self.results)
        items = [replace(self.results[row], warnings=warnings.get(row, UNSET)) for row in rows]
        counts = Counter(item.status for item in items)
        return ImportResult(
            dry_run=dry_run,
            mode=mode,
            rows_total=len(items),
            created=counts["created"],
            updated=counts["updated"],
            unchanged=counts["unchanged"],
            failed=counts["invalid"] + counts["exists"],
            items=items,
        )

    def done(self) -> dict[int, ImportRowResult]:
        """Give the results of the valid rows as carried out."""
        return {row: _outcome(row, before, after) for row, (before, after) in self.changes.items()}


def _outcome(row: int, before: Person | None, after: Person) -> ImportRowResult:
    status: RowStatus = "created" if before is None else "unchanged" if before == after else "updated"
    return ImportRowResult(row, status, after.person_id)


def run(
    directory: Directory,
    site_store: SiteStore,
    rows: list[Row],
    *,
    dry_run: bool,
    mode: PeopleMode,
    effective_from: date | None = None,
    now: datetime,
) -> ImportResult:
    """Add the people of a file, or with `dry_run` only report the result of each row.

    With modes `all` and `upsert`, a single invalid row raises ImportRefused with all results, and nothing
    changes. With `upsert`, rows with a known code update that person: groups and shifts from
    `effective_from` on (None: today's work day). Raises InvalidRequest, PeriodClosed.
    """
    settings = directory.settings()
    if effective_from and mode != "upsert":
        raise InvalidRequest("`effective_from` is the date of the updates of mode `upsert`.")
    if mode == "upsert":
        on, dated = check_date(effective_from or settings.today(now)), effective_from is not None
        return retry(
            lambda: _upsert(directory, site_store, rows, settings, on, dated=dated, dry_run=dry_run, now=now)
        )
    plan = _Plan(*check(directory, rows, settings, None, now=now))
    people = {row: person for row, (_, person) in plan.changes.items()}
    warnings = lookalikes(directory, people)
    result = partial(plan.result, dry_run=dry_run, mode=mode, warnings=warnings)
    if dry_run:
        return result()
    if mode == "all" and len(people) < len(rows):
        raise ImportRefused(to_builtins(result()))
    since = _first_past_day(list(plan.changes.values()), settings.today(now))
    with importing(site_store, since, now=now):
        taken = directory.add_people(list(people.values()))
        if taken:  # their codes were taken by other requests since the check
            lost = {row: plan.changes.pop(row)[1] for row in people if people[row] in taken}
            plan.results |= known_codes(directory, lost)
        if taken and mode == "all":
            directory.undo_save(list(plan.changes.values()))
            raise ImportRefused(to_builtins(result()))
    plan.results |= plan.done()
    return result()


def _upsert(
    directory: Directory,
    site_store: SiteStore,
    rows: list[Row],
    settings: Settings,
    on: date,
    *,
    dated: bool,
    dry_run: bool,
    now: datetime,
) -> ImportResult:
    """Add and update people; raises WriteConflict, with nothing changed, if another request came between."""
    plan = _Plan(*check(directory, rows, settings, on, dated=dated, now=now))
    new = {row: after for row, (before, after) in plan.changes.items() if before is None}
    result = partial(plan.result, dry_run=dry_run, mode="upsert", warnings=lookalikes(directory, new))
    if dry_run:
        planned = {
            row: replace(one, person_id=None if one.status == "created" else one.person_id)
            for row, one in plan.done().items()
        }
        plan.results |= planned
        return result()
    if len(plan.changes) < len(rows):
        raise ImportRefused(to_builtins(result()))
    changes = [change for change in plan.changes.values() if change[0] != change[1]]
    with importing(site_store, _first_past_day(changes, settings.today(now)), now=now):
        if directory.save_people(changes):
            directory.undo_save(changes)
            raise WriteConflict
    plan.results |= plan.done()
    return result()


def _first_past_day(changes: Sequence[SavedPerson], today: date) -> date | None:
    """Return the first date before today that changes of people concern; None if there is none."""
    days = filter(None, (after.first_difference(before) for before, after in changes))
    return past(min(days, default=None), today)

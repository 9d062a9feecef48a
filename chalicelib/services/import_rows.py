"""The check of an import's rows: what is wrong with each, and what a valid one makes of a person."""

from datetime import date, datetime
from typing import Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from chalicelib.aws.directory import Directory, SavedPerson
from chalicelib.aws.visibility import all_people_visible, is_visible
from chalicelib.domain.employment import EmploymentChange, changed_employment
from chalicelib.domain.errors import InvalidRequest, UnknownShift
from chalicelib.domain.lookalikes import skeleton
from chalicelib.domain.person import LOOKALIKE, FieldWarning, NewPerson, Person
from chalicelib.domain.settings import Settings
from chalicelib.domain.text import fold
from chalicelib.domain.timeline import with_value
from chalicelib.services import people

_RULES = {
    "name": "A name has 1 to 200 visible characters.",
    "code": "A code has 1 to 64 visible characters.",
    "email": "This is not an e-mail address.",
    "group": "A group has 1 to 100 visible characters.",
    "shift": "A shift's name has 1 to 40 visible characters.",
    "since": "This is not a date; write 2026-11-23 or 23/11/2026.",
}


RowStatus = Literal["created", "updated", "unchanged", "valid", "invalid", "exists"]


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
    """The result of a row. `person_id` is the person created or updated, or the one who already has the code.

    It is null if the caller's token is limited to groups and the code is that of somebody of another group.
    """

    row: int
    status: RowStatus
    person_id: str | None = None
    problems: list[CellError] = []
    warnings: list[FieldWarning] | UnsetType = UNSET


Checked = tuple[dict[int, ImportRowResult], dict[int, SavedPerson]]
"""The result of each row by its number, and the people before and after the changes of valid rows."""


def check(
    directory: Directory,
    rows: list[Row],
    settings: Settings,
    on: date | None,
    *,
    dated: bool = False,
    now: datetime,
) -> Checked:
    """Check every row. With a date `on`, rows with a known code are changes of that person from it on.

    `dated` says that the caller gave the date, so that what holds on it anyway is a change, too.
    """
    results: dict[int, ImportRowResult] = {}
    valid: dict[int, SavedPerson] = {}
    first: dict[str, int] = {}
    known = _by_code(directory, rows) if on else {}
    for row in rows:
        code = fold(row.cells.get("code", ""))
        before = known.get(code)
        built = _build({"name": before.name} | row.cells if before else row.cells, settings, now)
        problems = built if isinstance(built, list) else []
        if row.stray:
            problems.append(CellError("", f"Column {row.stray} has a value but no name."))
        if code in first:
            problems.append(CellError("code", f"Row {first[code]} has this code too."))
        elif on and not code:
            problems.append(CellError("code", "Only by its code can a row update a person; give one."))
        if code:
            first.setdefault(code, row.row)
        groups = before.groups if before and "group" not in row.cells else None
        if isinstance(built, Person) and not is_visible(built.groups if groups is None else groups):
            problems.append(CellError("group", "This token may only have people in its own groups."))
        if isinstance(built, Person) and not problems:
            try:
                valid[row.row] = (
                    before,
                    _updated(before, built, row.cells, settings, on, dated=dated, now=now),
                )
            except InvalidRequest as error:
                problems.append(CellError("since", str(error)))
        results[row.row] = ImportRowResult(row.row, "invalid" if problems else "valid", None, problems)
    existing = known_codes(directory, {row: after for row, (before, after) in valid.items() if not before})
    for number in existing:
        del valid[number]
    return results | existing, valid


def _by_code(directory: Directory, rows: list[Row]) -> dict[str, Person]:
    """Return the people who have the codes of rows and whom the caller may see, by folded code."""
    with all_people_visible():  # the people themselves are read below, as the caller sees them
        owners = directory.owners({code for row in rows if (code := row.cells.get("code")) and fold(code)})
    people = directory.people(owners.values())
    return {code: people[owner] for code, owner in owners.items() if owner in people}


def _updated(
    before: Person | None,
    built: Person,
    cells: dict[str, str],
    settings: Settings,
    on: date | None,
    *,
    dated: bool,
    now: datetime,
) -> Person:
    """Return a person as a row has them: the person `built` from it, or a known one with its cells.

    A known person is returned as they are if no cell says anything else. Raises InvalidRequest.
    """
    if before is None or on is None:
        return built
    after = replace(before, **{name: getattr(built, name) for name in ("name", "email") if name in cells})
    # Without a date, a list that is sent each night adds no change when nothing changes.
    if "group" in cells and (dated or built.group(on) != before.group(on)):
        after = replace(after, groups=with_value(before.groups, on, built.group(on), None))
    if "shift" in cells and (dated or built.shift(on) != before.shift(on)):
        after = replace(after, shifts=with_value(before.shifts, on, built.shift(on), None))
    if "since" in cells:
        change = EmploymentChange(on=on, since=built.stints[0].since)
        found = changed_employment(before.stints, before.status, change, today=settings.today(now))
        after = replace(after, stints=found.stints, status=found.status)
    return before if after == before else replace(after, updated_at=now)


def lookalikes(directory: Directory, found: dict[int, Person]) -> dict[int, list[FieldWarning]]:
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


def known_codes(directory: Directory, found: dict[int, Person]) -> dict[int, ImportRowResult]:
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

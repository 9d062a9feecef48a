"""Holidays of the site: each has its date, past or to come, whichever calendar is in force then."""

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from chalicelib.aws.directory import Directory
from chalicelib.aws.metrics import record_changes
from chalicelib.aws.site_store import SiteStore
from chalicelib.domain.audit_entry import MOST_CHANGES, FieldChange
from chalicelib.domain.dates import check_date
from chalicelib.domain.errors import (
    HolidayNotFound,
    ImportRefused,
    ImportTooLarge,
    InvalidRequest,
    WriteConflict,
)
from chalicelib.domain.schedule import Half, Holiday
from chalicelib.domain.text import clean
from chalicelib.domain.token import Caller
from chalicelib.domain.types import Page, to_builtins
from chalicelib.services.closings import past, require_whole_site
from chalicelib.services.holiday_files import HolidayRow
from chalicelib.services.import_rows import CellError
from chalicelib.services.imports import Mode

NAME_LIMIT = 100


DATES = 1000
"""Most dates of one import."""


class NewHoliday(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A holiday to put on a date, for the whole day or one `half` of it."""

    name: Annotated[str, Meta(min_length=1, max_length=NAME_LIMIT, examples=["Quốc khánh"])]
    half: Half | None = None


class HolidayRowResult(Struct, frozen=True, kw_only=True):
    """The result for a date of a row, or of an event, counted from 1. An invalid row may have no date.

    `unchanged` is a holiday that was there already, and `replaced` one with another name or half.
    """

    row: int
    status: Literal["created", "replaced", "unchanged", "valid", "invalid"]
    date: date | None
    name: str | None
    half: Half | None
    problems: list[CellError] = []


class HolidayImportResult(Struct, frozen=True):
    """The result of an import of holidays. `failed` counts the rows that are invalid."""

    dry_run: bool
    mode: Mode
    rows_total: int
    created: int
    replaced: int
    failed: int
    items: list[HolidayRowResult]


def listed(site_store: SiteStore, since: date, until: date) -> Page[Holiday]:
    """List the holidays of a range of dates, both ends included; raises InvalidRequest."""
    if check_date(until) < check_date(since):
        raise InvalidRequest("`to` is before `from`.")
    return Page(site_store.holidays(since, until), None)


def show(site_store: SiteStore, on: date) -> Holiday:
    """Return the holiday of a date; raises HolidayNotFound."""
    found = site_store.holidays(check_date(on), on)
    if not found:
        raise HolidayNotFound(on)
    return found[0]


def put(
    directory: Directory, site_store: SiteStore, on: date, body: NewHoliday, *, caller: Caller, now: datetime
) -> Holiday:
    """Add or replace the holiday of a date; raises InvalidRequest, PeriodClosed, WholeSite."""
    require_whole_site(caller)
    holiday = Holiday(check_date(on), clean(body.name, limit=NAME_LIMIT), body.half)
    before = site_store.holidays(on, on)
    if before != [holiday]:
        site_store.put_holidays([holiday], past(on, directory.settings().today(now)))
        record_changes([_change(on, next(iter(before), None), holiday)])
    return holiday


def remove(directory: Directory, site_store: SiteStore, on: date, *, caller: Caller, now: datetime) -> None:
    """Remove the holiday of a date; raises HolidayNotFound, PeriodClosed, WholeSite."""
    require_whole_site(caller)
    before = show(site_store, on)
    try:
        site_store.remove_holiday(on, past(on, directory.settings().today(now)))
    except WriteConflict:
        raise HolidayNotFound(on) from None
    record_changes([_change(on, before, None)])


def run_import(
    directory: Directory,
    site_store: SiteStore,
    rows: list[HolidayRow],
    *,
    dry_run: bool,
    mode: Mode,
    caller: Caller,
    now: datetime,
) -> HolidayImportResult:
    """Put the holidays of a file, or with `dry_run` only report each row.

    With mode `all`, a single invalid row raises ImportRefused with all results, and nothing is changed. A
    holiday that is there already is not written, so it may be of a closed day. Raises PeriodClosed or
    WholeSite.
    """
    require_whole_site(caller)
    settings = directory.settings()
    today = settings.today(now)
    found = _check(rows, settings.calendar(today).zone)
    dates = [one.date for one in found if one.date]
    stored = {one.date: one for one in site_store.holidays(min(dates), max(dates))} if dates else {}
    failed = len({one.row for one in found if one.problems})
    changes: list[FieldChange] = []
    wanted: list[Holiday] = []
    items: list[HolidayRowResult] = []
    for one in found:
        if one.date is None or one.name is None or one.problems:
            items.append(one)
            continue
        holiday = Holiday(one.date, one.name, one.half)
        before = stored.get(one.date)
        if before == holiday:
            items.append(replace(one, status="unchanged"))
            continue
        wanted.append(holiday)
        changes.append(_change(one.date, before, holiday))
        items.append(one if dry_run else replace(one, status="replaced" if before else "created"))
    if mode == "all" and failed and not dry_run:
        refused = [one if one.problems else replace(one, status="valid") for one in items]
        raise ImportRefused(to_builtins(_result(dry_run, mode, rows, failed, refused)))
    earliest = past(min((holiday.date for holiday in wanted), default=None), today)
    if dry_run:
        site_store.require_open(earliest)
    else:
        site_store.put_holidays(wanted, earliest)
        record_changes(changes[:MOST_CHANGES])
    return _result(dry_run, mode, rows, failed, items)


def _result(
    dry_run: bool, mode: Mode, rows: list[HolidayRow], failed: int, items: list[HolidayRowResult]
) -> HolidayImportResult:
    created, replaced = (sum(one.status == status for one in items) for status in ("created", "replaced"))
    return HolidayImportResult(dry_run, mode, len(rows), created, replaced, failed, items)


def _check(rows: list[HolidayRow], zone: str) -> list[HolidayRowResult]:
    """Check each row; returns a result for each date of a row, and one for a row without a good date."""
    results: list[HolidayRowResult] = []
    seen: dict[date, HolidayRowResult] = {}
    for row in rows:
        problems = list(row.problems)
        name: str | None = None
        try:
            name = clean(row.name, limit=NAME_LIMIT)
        except InvalidRequest as error:
            problems.append(CellError("name", str(error)))
        dates: list[date | None] = [None]
        try:
            dates = [*row.dates(zone)] or dates
        except InvalidRequest as error:
            problems.append(CellError("date", str(error)))
        if len(results) + len(dates) > DATES:
            raise ImportTooLarge(f"The file has more than {DATES} holidays.", limit_rows=DATES)
        for on in dates:
            one = HolidayRowResult(
                row=row.row,
                status="invalid" if problems else "valid",
                date=on,
                name=name,
                half=row.half,
                problems=problems,
            )
            first = seen.setdefault(on, one) if on else one
            if first is not one and (first.name, first.half) != (one.name, one.half):
                twice = CellError("date", f"Row {first.row} has this date too.")
                one = replace(one, status="invalid", problems=[*problems, twice])
            if first is one or one.problems:
                results.append(one)
    return results


def _change(on: date, before: Holiday | None, after: Holiday | None) -> FieldChange:
    old, new = (msgspec.json.encode(one).decode() for one in (before, after))
    return FieldChange(f"holidays.{on}", old, new)

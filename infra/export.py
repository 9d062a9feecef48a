"""`export`: the punches of many years as CSV files for a warehouse, one for each work day.

Files are named as warehouses partition them, `punches/work_day=2026-11-28/part-0.csv`. One day is in memory
at a time. A file is written under another name and renamed when it is whole, so an export that was
interrupted continues with the first day that is missing.
"""

import argparse
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from infra.progress import counted, say
from infra.stage import Failure, use

PUNCHES = (
    *("work_day", "person_id", "punch_id", "at", "zone", "direction", "source", "supersedes", "void"),
    "counted",
)
"""The columns of punches. `at` is in UTC; `counted` is false for what a correction replaced or removed."""

PEOPLE = ("person_id", "code", "name", "status")
"""The columns of people, as they are today."""


def export(options: argparse.Namespace) -> None:
    """Write punches and people of a stage into a folder; days that are there already stay. Raises Failure."""
    use(options.stage, options.state)
    from chalicelib import wiring
    from chalicelib.domain.dates import check_date
    from chalicelib.domain.errors import InvalidRequest
    from chalicelib.web import audit
    from chalicelib.web.request import Reply

    try:
        length = (check_date(options.until) - check_date(options.since)).days + 1
    except InvalidRequest as error:
        raise Failure(str(error)) from None
    if length < 1:
        raise Failure("--from is later than --to")
    days = [options.since + timedelta(days=n) for n in range(length)]
    missing = [day for day in days if options.again or not place(options.out, day).exists()]
    say(f"{len(days)} days, {len(days) - len(missing)} of them are there already")
    now, rows = wiring.now(), 0
    with audit.audited(
        wiring.audit_log(), wiring.signing_key(), audit.OUTSIDE, "infra export", {}, now=now
    ) as done:
        people = sorted(wiring.directory().all_people(), key=lambda person: person.person_id)
        _write(
            options.out / "people.csv",
            PEOPLE,
            ([person.person_id, person.code or "", person.name, str(person.status)] for person in people),
        )
        store = wiring.attendance_store()
        for day in counted(missing, len(missing), "days"):
            rows += _write(place(options.out, day), PUNCHES, _punches(store.all_days([day])))
        done(Reply(200, None))
    print(f"{rows} punches of {len(missing)} days and {len(people)} people are in {options.out}.")


def place(folder: Path, day: date) -> Path:
    """Return the file of a work day."""
    return folder / "punches" / f"work_day={day.isoformat()}" / "part-0.csv"


def _punches(records: Iterable[Any]) -> Iterable[list[Any]]:
    for record in sorted(records, key=lambda record: record.person_id):
        counts = {event.id for event in record.counted()}
        for event in record.events:
            if event.work_day != record.work_day:
                continue  # a correction stands on the day of what it corrects, too
            values = {
                "work_day": event.work_day.isoformat(),
                "person_id": record.person_id,
                "punch_id": event.id,
                "at": event.at.isoformat(),
                "zone": event.zone,
                "direction": event.direction,
                "source": event.source,
                "supersedes": event.supersedes or "",
                "void": str(event.void).lower(),
                "counted": str(event.id in counts).lower(),
            }
            yield [values[column] for column in PUNCHES]


def _write(path: Path, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> int:
    """Write a file whole or not at all; return the number of rows."""
    from chalicelib.domain.spreadsheets import Column, Table, csv_chunks

    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished, count = path.with_suffix(".unfinished"), 0

    def counting() -> Iterator[list[Any]]:
        nonlocal count
        for row in rows:
            yield list(row)
            count += 1

    table = Table(path.stem, "", [Column(name) for name in columns], counting())
    with unfinished.open("wb") as opened:
        for chunk in csv_chunks(table):
            opened.write(chunk)
    unfinished.replace(path)
    return count

"""The time of the work-day rules.

A month of punches, four a day, some of them late, missing or corrected, is evaluated, laid out as a monthly
sheet, and written as CSV and XLSX. The baseline is decoding the same events from JSON.
"""

import random
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import msgspec

from benchmarks.tables import Table
from benchmarks.timing import median_s
from chalicelib.domain.reports import MonthlySheetRow, Sheets, roster
from chalicelib.domain.schedule import Calendar, Schedule, Shift
from chalicelib.domain.sheet_words import Words
from chalicelib.domain.sheets import monthly_tables
from chalicelib.domain.spreadsheets import Table as Sheet
from chalicelib.domain.spreadsheets import csv_chunks, xlsx
from chalicelib.domain.timeline import always
from chalicelib.domain.totals import Tally
from chalicelib.domain.workday import Member, TimeEvent, events_by_day

DAYS = 30
SINCE = date(2026, 10, 3)
UNTIL = SINCE + timedelta(days=DAYS - 1)
ZONE = "Europe/Berlin"  # its clocks go back on 25 October
NOW = datetime(2026, 12, 1, tzinfo=UTC)


def month_of(person: str, random_: random.Random) -> list[TimeEvent]:
    """Generate a month of one person's punches."""
    events = []
    for n in range(DAYS):
        on = SINCE + timedelta(days=n)
        begins = datetime(on.year, on.month, on.day, 6, tzinfo=UTC) + timedelta(minutes=random_.gauss(0, 10))
        for number, minutes in enumerate((0, 240, 300, 545)):
            if random_.random() < 0.02:
                continue  # a missing punch
            name = f"{person}-{n}-{number}"
            events.append(TimeEvent(name, begins + timedelta(minutes=minutes), on, ZONE))
            if random_.random() < 0.01:
                events.append(TimeEvent(f"{name}c", begins, on, ZONE, "in", "manual", name))
    return events


def measure(*, short: bool = False) -> list[Table]:
    """Measure a month of 1,000 people (`short`: 10); medians of nine rounds, in processor time."""
    headcount, rounds = (10, 1) if short else (1000, 9)
    random_ = random.Random(1)  # noqa: S311 - generated punches, the same every time
    shift = Shift("08:00", "17:00", grace_minutes=10, half_day_after_minutes=180, break_minutes=60)
    calendar = Calendar(zone=ZONE, shifts={"day": shift}, default_shift="day")
    members = [Member(f"p{n}", f"Person {n}", f"E{n}", always(f"G{n % 20}")) for n in range(headcount)]
    flat = {member.person_id: month_of(member.person_id, random_) for member in members}
    events = {person: events_by_day(own) for person, own in flat.items()}
    encoded = msgspec.json.encode(list(flat.values()))
    decoder = msgspec.json.Decoder(list[list[TimeEvent]])

    def sheets() -> Sheets:
        return Sheets(Schedule(always(calendar)), SINCE, UNTIL, now=NOW)

    def rows() -> list[MonthlySheetRow]:
        own = sheets()
        return [own.row(member, events[member.person_id], tally=tally) for member in members]

    def tables() -> list[Sheet]:
        return list(monthly_tables(sheets(), (), made, tally, Words()).values())

    tally = Tally()
    made = rows()
    on = SINCE + timedelta(days=9)
    of_date = {person: own.get(on, ()) for person, own in events.items()}
    work: dict[str, Callable[[], object]] = {
        "decoding all events from JSON": lambda: decoder.decode(encoded),
        "grouping events by day": lambda: [events_by_day(own) for own in flat.values()],
        "monthly sheet": rows,
        "roster of a date": lambda: roster(
            Schedule(always(calendar)), members, on, of_date, leaves={}, now=NOW
        ),
        "sheet as CSV": lambda: list(csv_chunks(tables()[0])),
        "sheet as XLSX": lambda: xlsx(tables()[:1]),
    }
    times = {name: median_s(one, rounds, clock=time.process_time) for name, one in work.items()}
    baseline = next(iter(times.values()))
    figures = [(name, seconds * 1000, seconds / baseline) for name, seconds in times.items()]
    total = sum(len(own) for own in flat.values())
    notes = f"{headcount:,} people x {DAYS} days, {total:,} events; medians of {rounds} rounds. "
    notes += f"One person-day is evaluated in {times['monthly sheet'] / headcount / DAYS * 1e6:.0f} us."
    return [Table(("work", "CPU ms", "ratio to decoding"), figures, notes)]

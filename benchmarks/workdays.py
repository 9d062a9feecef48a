"""How fast the work-day rules are: `python -m benchmarks.workdays`.

1,000 people x 30 days, four punches a day, some of them late, forgotten or corrected: judged, laid out
as a monthly sheet, and written as CSV and XLSX. Each figure stands beside the time this machine needs
to decode the same marks from JSON, so that figures of different machines can be compared.
"""

import random
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import msgspec

from chalicelib.domain.reports import MonthlySheetRow, roster, sheet, sheet_table
from chalicelib.domain.schedule import Calendar, Schedule, Shift
from chalicelib.domain.spreadsheets import csv_chunks, xlsx
from chalicelib.domain.workday import Member, TimeEvent, by_day

PEOPLE, DAYS, ROUNDS = 1000, 30, 5
SINCE = date(2026, 10, 3)
UNTIL = SINCE + timedelta(days=DAYS - 1)
ZONE = "Europe/Berlin"  # its clocks go back on 25 October
NOW = datetime(2026, 12, 1, tzinfo=UTC)


def month_of(person: str, dice: random.Random) -> list[TimeEvent]:
    """Make up a month of punches of one person."""
    marks = []
    for n in range(DAYS):
        on = SINCE + timedelta(days=n)
        begins = datetime(on.year, on.month, on.day, 6, tzinfo=UTC) + timedelta(minutes=dice.gauss(0, 10))
        for number, minutes in enumerate((0, 240, 300, 545)):
            if dice.random() < 0.02:
                continue  # forgotten
            name = f"{person}-{n}-{number}"
            marks.append(TimeEvent(name, begins + timedelta(minutes=minutes), on, ZONE))
            if dice.random() < 0.01:
                marks.append(TimeEvent(f"{name}c", begins, on, ZONE, "in", "manual", name))
    return marks


def best(work: Callable[[], object]) -> float:
    """Time a piece of work: the best of some rounds, in seconds of processor time."""
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


def main() -> None:
    """Measure and print."""
    dice = random.Random(1)  # noqa: S311 - made-up punches, the same every time
    shift = Shift("08:00", "17:00", grace_minutes=10, half_day_after_minutes=180, break_minutes=60)
    calendar = Calendar(zone=ZONE, shifts={"day": shift}, default_shift="day")
    members = [Member(f"p{n}", f"Person {n}", f"E{n}", f"G{n % 20}") for n in range(PEOPLE)]
    flat = {member.person_id: month_of(member.person_id, dice) for member in members}
    marks = {person: by_day(own) for person, own in flat.items()}
    wire = msgspec.json.encode(list(flat.values()))
    decoder = msgspec.json.Decoder(list[list[TimeEvent]])

    def rows() -> list[MonthlySheetRow]:
        return list(sheet(Schedule(calendar), members, SINCE, UNTIL, marks, leaves={}, now=NOW))

    made = rows()
    today = SINCE + timedelta(days=9)
    of_today = {person: own.get(today, ()) for person, own in marks.items()}
    baseline = best(lambda: decoder.decode(wire))
    figures = {
        "JSON of all marks decoded (1.0)": baseline,
        "monthly sheet judged": best(rows),
        "marks sorted into days": best(lambda: [by_day(own) for own in flat.values()]),
        "roster of one date": best(
            lambda: roster(Schedule(calendar), members, today, of_today, leaves={}, now=NOW)
        ),
        "sheet as CSV": best(lambda: list(csv_chunks(sheet_table(SINCE, UNTIL, made)))),
        "sheet as XLSX": best(lambda: xlsx(sheet_table(SINCE, UNTIL, made), title="month")),
    }
    total = sum(len(own) for own in flat.values())
    print(f"{PEOPLE} people x {DAYS} days, {total} marks; best of {ROUNDS}")
    for name, seconds in figures.items():
        print(f"{name:34} {seconds * 1000:8.1f} ms {seconds / baseline:7.1f} x")
    print(f"one person-day: {figures['monthly sheet judged'] / PEOPLE / DAYS * 1e6:.1f} us")


if __name__ == "__main__":
    main()

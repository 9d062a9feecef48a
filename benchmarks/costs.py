"""The monthly costs of a site, computed; docs/scaling.md shows the same table.

Prices are list prices of us-east-1, on demand, without free tiers; docs/scaling.md gives the source of each.
How long functions run is an assumption; sizes and calls are those of the app.
"""

from collections.abc import Iterable
from typing import Final

from benchmarks.tables import Table

SIZES: Final = (100, 10_000, 1_000_000)
"""People."""

PUNCHES: Final = 2 * 22
"""Punches of a person per month: in and out on 22 days."""

FACES, PHOTO_MB = 2, 0.4
"""Enrolled faces of a person, and the size of a photo."""

Tiers = tuple[tuple[float, float], ...]
"""Upper bounds of the tiers (the last is infinite), each with the price of one."""

LIVENESS: Final[Tiers] = ((500_000, 0.015), (3_000_000, 0.0125), (float("inf"), 0.01))
IMAGES: Final[Tiers] = ((1_000_000, 0.001), (5_000_000, 0.0008), (35_000_000, 0.0006), (float("inf"), 0.0004))
FACE_KEPT = 0.00001
WRITE_UNIT, READ_UNIT, TABLE_GB, RECOVERY_GB = 0.625e-6, 0.125e-6, 0.25, 0.20
API_CALL, LAMBDA_CALL, LAMBDA_GB_S = 3.5e-6, 0.2e-6, 13.3334e-6
S3_GB, LOG_GB, TRACE, ALARM = 0.023, 0.50, 5e-6, 0.10

API_CALLS = 2
"""Requests per punch: the session and the punch. The camera streams to Rekognition directly."""

SECONDS = 0.15 + 0.90
"""The assumed duration of both requests, at 1 GB."""

WRITE_UNITS = 1 + 4 * 2
"""The session, then a transaction of four writes at twice the price: punch, person, work day, session."""

READ_UNITS = 4 + 10
"""Two BatchGetItems: settings, session and two locks; these with the person, their lock and four days."""

STORED_BYTES = 470 + 187 + 200
"""What a punch adds for good: its item and its part of a work day, and 100 bytes of overhead per item."""

LOG_BYTES = 2 * 1500
"""Per request: two lines of the app, three of Lambda and one of the access log."""

TRACED = 0.05
"""The sampled share by AWS's default rule, which also traces one request per second."""

SWEEPS = 30 * 24 * 60
SWEEP_GB_S = 0.25 * 0.1
ALARMS = 13


def tiered(count: float, tiers: Tiers) -> float:
    """Return the price of a number of units with tiered prices."""
    cost, below = 0.0, 0.0
    for limit, price in tiers:
        cost += max(0.0, min(count, limit) - below) * price
        below = limit
    return cost


def monthly(people: int) -> dict[str, float]:
    """Return the cost of each part in a month, in US dollars, when the table is a year old."""
    punches = people * PUNCHES
    watched = LOG_BYTES / 1e9 * LOG_GB + API_CALLS * TRACED * TRACE
    stored_gb = 12 * punches * STORED_BYTES / 1e9
    return {
        "liveness checks": tiered(punches, LIVENESS),
        "face searches": tiered(punches, IMAGES),
        "faces kept": people * FACES * FACE_KEPT,
        "API Gateway": punches * API_CALLS * API_CALL,
        "Lambda": punches * (API_CALLS * LAMBDA_CALL + SECONDS * LAMBDA_GB_S)
        + SWEEPS * (LAMBDA_CALL + SWEEP_GB_S * LAMBDA_GB_S),
        "DynamoDB requests": punches * (WRITE_UNITS * WRITE_UNIT + READ_UNITS * READ_UNIT),
        "DynamoDB storage, recovery": stored_gb * (TABLE_GB + RECOVERY_GB),
        "S3": people * FACES * PHOTO_MB / 1000 * S3_GB,
        "logs, traces, alarms": punches * watched + ALARMS * ALARM,
    }


def table(sizes: Iterable[int] = SIZES) -> Table:
    """Return the monthly costs of sites of some sizes."""
    columns = {people: monthly(people) for people in sizes}
    total = [sum(costs.values()) for costs in columns.values()]
    rows = [
        (part, *(f"{costs[part]:,.2f}" for costs in columns.values()))
        for part in next(iter(columns.values()))
    ]
    rows.append(("**all**", *(f"**{cost:,.2f}**" for cost in total)))
    each = zip(total, columns, strict=True)
    rows.append(("a punch", *(f"{cost / people / PUNCHES:.4f}" for cost, people in each)))
    return Table(("US$ a month", *(f"{people:,} people" for people in columns)), rows)


def measure(*, short: bool = False) -> list[Table]:
    """Return the costs; they are computed, so a shortened run is the same."""
    return [table()]

"""What a site costs a month: `python -m benchmarks.costs`. The table in docs/scaling.md is its output.

Prices are list prices of us-east-1, on demand, without free tiers; docs/scaling.md says how sure each is.
How long functions run is an assumption, sizes and calls are those of the app.
"""

from collections.abc import Iterable
from typing import Final

SIZES: Final = (100, 10_000, 1_000_000)
"""People."""

PUNCHES: Final = 2 * 22
"""Of a person a month: in and out on 22 days."""

FACES, PHOTO_MB = 2, 0.4
"""Of a person: enrolled faces, and how large a photo is."""

Tiers = tuple[tuple[float, float], ...]
"""Up to how many (the last: any number), and the price of one."""

LIVENESS: Final[Tiers] = ((500_000, 0.015), (3_000_000, 0.0125), (float("inf"), 0.01))
IMAGES: Final[Tiers] = ((1_000_000, 0.001), (5_000_000, 0.0008), (35_000_000, 0.0006), (float("inf"), 0.0004))
FACE_KEPT = 0.00001
WRITE_UNIT, READ_UNIT, TABLE_GB, RECOVERY_GB = 0.625e-6, 0.125e-6, 0.25, 0.20
API_CALL, LAMBDA_CALL, LAMBDA_GB_S = 3.5e-6, 0.2e-6, 13.3334e-6
S3_GB, LOG_GB, TRACE, ALARM = 0.023, 0.50, 5e-6, 0.10

API_CALLS = 2
"""A punch is a session and a punch; the camera streams to Rekognition itself."""

SECONDS = 0.15 + 0.90
"""How long the function is assumed to run for both, at 1 GB."""

WRITE_UNITS = 1 + 4 * 2
"""The session, then a transaction of four writes at twice the price: punch, person, work day, session."""

READ_UNITS = 4 + 10
"""Two BatchGetItems: settings, session and two locks; these with the person, their lock and four days."""

STORED_BYTES = 470 + 187 + 200
"""A punch and its part of a work day stay, and each item counts 100 bytes more."""

LOG_BYTES = 2 * 1500
"""Two lines of ours, Lambda's three and an access log's, twice."""

TRACED = 0.05
"""By AWS's default rule, and one request a second."""

SWEEPS = 30 * 24 * 60
SWEEP_GB_S = 0.25 * 0.1
ALARMS = 13


def tiered(count: float, tiers: Tiers) -> float:
    """Price a number of things of which the first ones are dearer."""
    cost, below = 0.0, 0.0
    for limit, price in tiers:
        cost += max(0.0, min(count, limit) - below) * price
        below = limit
    return cost


def monthly(people: int) -> dict[str, float]:
    """Give what each part costs in a month, in US dollars; the table is a year old."""
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


def table(sizes: Iterable[int] = SIZES) -> str:
    """Write the costs as a table in Markdown."""
    columns = {people: monthly(people) for people in sizes}
    lines = ["| US$ a month | " + " | ".join(f"{people:,} people" for people in columns) + " |"]
    lines.append("|---" * (len(columns) + 1) + "|")
    for part in next(iter(columns.values())):
        lines.append(f"| {part} | " + " | ".join(f"{costs[part]:,.2f}" for costs in columns.values()) + " |")
    total = [sum(costs.values()) for costs in columns.values()]
    lines.append("| **all** | " + " | ".join(f"**{cost:,.2f}**" for cost in total) + " |")
    each = zip(total, columns, strict=True)
    lines.append(
        "| a punch | " + " | ".join(f"{cost / people / PUNCHES:.4f}" for cost, people in each) + " |"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())

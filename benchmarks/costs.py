"""The monthly costs of a site, computed; docs/scaling.md shows the same tables.

Prices are list prices of us-east-1, on demand, without free tiers; docs/scaling.md gives the source of each.
How long functions run is an assumption; calls and units are those of the app (tests/benchmarks/test_costs.py
counts them).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from benchmarks.tables import Table
from infra.capacity import TRIES

SIZES: Final = (0, 100, 10_000, 1_000_000)
"""People; 0 is a stage that nobody uses."""

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
S3_GB, S3_PUT, LOG_GB, TRACE, ALARM, METRIC = 0.023, 5e-6, 0.50, 5e-6, 0.10, 0.30

CHARGED_AS_IMAGES: Final = ("IndexFaces", "SearchFaces", "SearchFacesByImage")
"""Calls of Rekognition that cost an image each, even a search by the id of a face. DetectFaces costs as much,
but in tiers of its own."""


@dataclass(frozen=True)
class Way:
    """What an action asks of AWS; the duration of its requests is at 1 GB, and all counts are of one try."""

    requests: int
    """To the API; the camera streams to Rekognition directly."""

    seconds: float
    write_units: int
    read_units: float
    sessions: int = 0
    images: int = 0
    detections: int = 0
    tries: float = 1.0
    """How often it is done until it succeeds."""

    photos: int = 0
    """Photos that are stored in the bucket."""

    def parts(self, count: float) -> dict[str, float]:
        """Return the cost of so many of them in a month, by service."""
        tries = count * self.tries
        requests = tries * self.requests
        return {
            "liveness checks": tiered(tries * self.sessions, LIVENESS),
            "face searches": tiered(tries * self.images, IMAGES) + tiered(tries * self.detections, IMAGES),
            "API Gateway": requests * API_CALL,
            "Lambda": requests * LAMBDA_CALL + tries * self.seconds * LAMBDA_GB_S,
            "DynamoDB requests": tries * (self.write_units * WRITE_UNIT + self.read_units * READ_UNIT),
            "S3": count * self.photos * S3_PUT,
            "logs, traces": requests * (LOG_BYTES / 1e9 * LOG_GB + TRACED * TRACE),
        }


LOG_BYTES = 1500
"""Per request: two lines of the app, three of Lambda and one of the access log."""

TRACED = 0.05
"""The sampled share by AWS's default rule, which also traces one request per second."""

WAYS: Final = {
    # The counter of the limit and the session; then a transaction of four writes at twice the price: punch,
    # person, work day and session, which is listed. The settings are read with the session and the locks, and
    # all of them with the person, their lock and four days.
    "liveness": Way(2, 0.15 + 0.90, write_units=11, read_units=16, sessions=1, images=1, tries=TRIES),
    # The same without a session.
    "photo": Way(1, 0.75, write_units=6, read_units=9, images=1, tries=TRIES),
    # A manager's, so it is audited; it must not lie in a closed time; without Rekognition.
    "manual": Way(1, 0.15, write_units=10, read_units=6),
}
"""The ways of punching."""

ENROLMENT: Final = Way(1, 1.5, write_units=13, read_units=5, images=3, detections=1, photos=1)
"""A photo: it must have one face, which is nobody else's; then it is indexed, and looked up once more."""

STORED_BYTES = 470 + 187 + 200
"""What a punch adds for good: its item and its part of a work day, and 100 bytes of overhead per item."""

SWEEPS = 30 * 24 * 60
SWEEP_GB_S = 0.25 * 0.1
SWEEP_READ_UNITS = 5 * 0.5
SWEEP_LOG_BYTES = 700
ALARMS = 13

METRICS = 5
"""Metrics of punches: those that succeed, their margins, duplicates, and what is refused most often."""

METRIC_SHARE = 10 * 22 / 730
"""A metric costs in the hours in which it is written."""


def tiered(count: float, tiers: Tiers) -> float:
    """Return the price of a number of units with tiered prices."""
    cost, below = 0.0, 0.0
    for limit, price in tiers:
        cost += max(0.0, min(count, limit) - below) * price
        below = limit
    return cost


def monthly(people: int) -> dict[str, float]:
    """Return the cost of each part in a month, in US dollars, when the table is a year old.

    Everybody punches with a liveness check.
    """
    punches = people * PUNCHES
    costs = WAYS["liveness"].parts(punches)
    stored_gb = 12 * punches * STORED_BYTES / 1e9
    costs["Lambda"] += SWEEPS * (LAMBDA_CALL + SWEEP_GB_S * LAMBDA_GB_S)
    costs["DynamoDB requests"] += SWEEPS * SWEEP_READ_UNITS * READ_UNIT
    costs["S3"] += people * FACES * PHOTO_MB / 1000 * S3_GB
    costs["logs, traces"] += SWEEPS * SWEEP_LOG_BYTES / 1e9 * LOG_GB
    costs["DynamoDB storage, recovery"] = stored_gb * (TABLE_GB + RECOVERY_GB)
    costs["faces kept"] = people * FACES * FACE_KEPT
    costs["alarms, metrics"] = ALARMS * ALARM + (METRICS * METRIC * METRIC_SHARE if people else 0)
    return costs


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
    rows.append(("a punch", *(f"{cost / people / PUNCHES:.4f}" if people else "" for cost, people in each)))
    return Table(("US$ a month", *(f"{people:,} people" if people else "idle" for people in columns)), rows)


def ways() -> Table:
    """Return what a punch costs in each way, and a photo to enrol, at the prices of the first tiers."""
    each = {f"punch: {name}": way for name, way in WAYS.items()} | {"enrolment, a photo": ENROLMENT}
    rows = []
    for name, way in each.items():
        parts = way.parts(1)
        rekognition = parts["liveness checks"] + parts["face searches"]
        total = sum(parts.values())
        rows.append((name, f"{rekognition:.5f}", f"{total - rekognition:.6f}", f"{total:.5f}"))
    return Table(("US$", "Rekognition", "everything else", "all"), rows)


def enrolment() -> Table:
    """Return what it costs once to enrol the photos of sites of some sizes."""
    sizes = [people for people in SIZES if people]
    costs = [sum(ENROLMENT.parts(people * FACES).values()) for people in sizes]
    columns = ("US$, once", *(f"{people:,} people" for people in sizes))
    return Table(columns, [(f"enrolment of {FACES} photos each", *(f"{cost:,.2f}" for cost in costs))])


def measure(*, short: bool = False) -> list[Table]:
    """Return the costs; they are computed, so a shortened run is the same."""
    return [table(), ways(), enrolment()]

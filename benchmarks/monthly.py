"""How fast HR's reports are over the table: `python -m benchmarks.monthly`.

1,000 people x 30 days of four punches in the embedded AWS: roster, monthly sheet and timesheets, asked for
as API Gateway asks the app. Beside each figure stands how often it takes the time of the baseline: boto3
reading the same work days, one query after another, nothing made of them. So figures of different machines
can be compared. Read units are those that DynamoDB would charge.
"""

import time
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any

from chalice.test import Client

from benchmarks.seeding import people, seed
from benchmarks.units import Meter
from local.app.appserver import set_environment, stage_settings
from local.aws.embedded import REGION, Embedded

PEOPLE, DAYS, SHARDS, ROUNDS = 1000, 30, 4, 3
TABLE = "rollcall-local"
SINCE = date(2026, 6, 1)
WORK_DAYS = [SINCE + timedelta(days=n) for n in range(DAYS)]


def best(work: Callable[[], object]) -> float:
    """Time a piece of work: the best of some rounds, in seconds."""
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def read_plainly(client: Any) -> None:
    """Read all work days with boto3 and make nothing of them."""
    for on in WORK_DAYS:
        for shard in range(SHARDS):
            client.query(
                TableName=TABLE,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": f"DAY#{on}#{shard}"}},
            )


def main() -> None:
    """Measure and print."""
    aws = Embedded()
    aws.start()
    variables = stage_settings()["environment_variables"]
    set_environment(aws.aws_url, aws.stream_url, REGION, aws.key, variables)
    from app import app
    from chalicelib import wiring

    client = aws.client("dynamodb")
    started = time.perf_counter()
    seed(client, TABLE, people(PEOPLE), WORK_DAYS, SHARDS)
    print(f"{PEOPLE} people x {DAYS} days seeded in {time.perf_counter() - started:.1f} s; best of {ROUNDS}")

    table = wiring.directory()._table
    meter = Meter(table._client)
    table._client = meter  # type: ignore[assignment]  # counts, and is a client in all else
    baseline = best(lambda: read_plainly(client))
    paths = {
        "roster of a date, JSON": f"/v1/attendance?date={SINCE}",
        "monthly sheet, JSON": "/v1/timesheets/monthly?month=2026-06",
        "monthly sheet, CSV": "/v1/timesheets/monthly?month=2026-06&format=csv",
        "monthly sheet, XLSX": "/v1/timesheets/monthly?month=2026-06&format=xlsx",
        "monthly sheet of a group of 50": "/v1/timesheets/monthly?month=2026-06&group=Group%201",
        "timesheets, a page": "/v1/timesheets?from=2026-06-01&to=2026-06-30",
        "timesheets, CSV of all": "/v1/timesheets?from=2026-06-01&to=2026-06-30&format=csv",
    }
    print(f"{'plain boto3, same days (1.0)':34} {baseline * 1000:8.0f} ms")
    with Client(app, stage_name="local") as http:
        for name, path in paths.items():
            seconds = best(partial(ask, http, path))
            meter.reset()
            size = ask(http, path)
            print(
                f"{name:34} {seconds * 1000:8.0f} ms {seconds / baseline:6.2f} x"
                f" {size / 1024:8.0f} KB {meter.calls:5} calls {meter.units:8.1f} read units"
            )
    aws.stop()


def ask(http: Client, path: str) -> int:
    """Ask for a report; gives the bytes of the answer."""
    answer = http.http.get(path)
    if answer.status_code not in (200, 303):
        raise RuntimeError(answer.body)
    return len(answer.body)


if __name__ == "__main__":
    main()

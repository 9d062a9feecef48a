"""The time of attendance reports over the table.

A site whose people punch four times a day is asked for its roster, monthly sheet and timesheets, as API
Gateway calls the app. The baseline is boto3 reading the same work days, one query after another, without
making anything of them. Read units are those that DynamoDB would charge.
"""

from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from chalice.test import Client

from benchmarks.embedded import TABLE, embedded_aws
from benchmarks.read_units import Meter
from benchmarks.seeding import people, seed
from benchmarks.tables import Table
from benchmarks.timing import median_s

SHARDS = 4
SINCE = date(2026, 6, 1)
DATES = [SINCE + timedelta(days=n) for n in range(30)]


def measure(*, short: bool = False) -> list[Table]:
    """Measure each report of 1,000 people (`short`: 20) over 30 days; medians of five rounds."""
    headcount, rounds = (20, 1) if short else (1000, 5)
    with embedded_aws() as aws:
        from app import app
        from chalicelib import wiring
        from chalicelib.domain.token import Role
        from chalicelib.services.tokens import NewToken, create

        viewer = NewToken(role=Role.VIEWER, label="benchmark")
        token = create(wiring.token_store(), viewer, now=datetime.now(UTC)).token
        client = aws.client("dynamodb")
        seed(client, TABLE, people(headcount), DATES, SHARDS)
        table = wiring.directory()._table
        meter = Meter(table._client)
        table._client = meter  # type: ignore[assignment]  # counts, and otherwise behaves as the client
        try:
            return [_table(app, client, meter, token, headcount, rounds)]
        finally:
            table._client = meter.client


def _table(app: Any, client: Any, meter: Meter, token: str, headcount: int, rounds: int) -> Table:
    baseline = median_s(partial(_read_plainly, client), rounds)
    rows: list[tuple[str | int | float, ...]] = [("boto3 alone", baseline * 1000, 1.0, "", "", "")]
    # From a folder without configuration: the variables of stage local name the AWS of `make aws`.
    with Client(app, project_dir=str(Path(__file__).parent)) as http:
        for name, path in PATHS.items():
            seconds = median_s(partial(_get, http, path, token), rounds)
            meter.reset()
            size = _get(http, path, token)
            row = (seconds * 1000, seconds / baseline, size // 1024, meter.calls, meter.units)
            rows.append((name, *row))
    columns = ("report", "ms", "ratio to boto3 alone", "KB of reply", "calls", "read units")
    return Table(columns, rows, f"{headcount:,} people, 30 days of four punches; medians of {rounds} rounds.")


MONTH = "from=2026-06-01&to=2026-06-30"
PATHS = {
    "roster of a date, JSON": f"/v1/attendance?date={SINCE}",
    "monthly sheet, JSON": "/v1/timesheets/monthly?month=2026-06",
    "monthly sheet, CSV": "/v1/timesheets/monthly?month=2026-06&format=csv",
    "monthly sheet, XLSX": "/v1/timesheets/monthly?month=2026-06&format=xlsx",
    "monthly sheet of a group of 5 %": "/v1/timesheets/monthly?month=2026-06&group=Group%201",
    "timesheets, first page": f"/v1/timesheets?{MONTH}",
    "timesheets, CSV of all": f"/v1/timesheets?{MONTH}&format=csv",
}


def _read_plainly(client: Any) -> None:
    """Read all work days with boto3 and discard them."""
    for on in DATES:
        for shard in range(SHARDS):
            client.query(
                TableName=TABLE,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": f"DAY#{on}#{shard}"}},
            )


def _get(http: Client, path: str, token: str) -> int:
    """Request a report, and return the size of the reply in bytes."""
    reply = http.http.get(path, headers={"Authorization": f"Bearer {token}"})
    if reply.status_code not in (200, 303):
        raise RuntimeError(reply.body)
    return len(reply.body)

"""The time of an import of people over the embedded AWS.

The baseline writes as many items unconditionally with BatchWriteItem, 25 per call and 16 calls at a time;
the ratio shows the cost of checks, search words and transactions.
"""

import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.embedded import TABLE, embedded_aws
from benchmarks.tables import Table
from chalicelib import wiring
from chalicelib.services.imports import read, run
from local.aws.embedded import Embedded


class _Times(NamedTuple):
    """The seconds that the parts of an import took, the seconds of the baseline, and the import's calls."""

    read: float
    dry_run: float
    imported: float
    baseline: float
    calls: int


def measure(*, short: bool = False) -> list[Table]:
    """Measure imports of 500 and 5,000 rows (`short`: 30); medians of three rounds."""
    sizes, rounds = ([30], 1) if short else ([500, 5000], 3)
    rows = []
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded_aws(Path(folder)) as aws,
    ):  # with files, as `make run`
        for size in sizes:
            times = [_import(aws, size) for _ in range(rounds)]
            median = _Times(*map(statistics.median, zip(*times, strict=True)))
            ratio = statistics.median(one.imported / one.baseline for one in times)
            rows.append((size, *median[:4], ratio, int(median.calls)))
    columns = ("rows", "reading s", "dry run s", "import s", "BatchWriteItem s", "ratio", "calls")
    return [
        Table(columns, rows, f"Medians of {rounds} rounds; the ratio is that of import to BatchWriteItem.")
    ]


def _import(aws: Embedded, size: int) -> _Times:
    aws.reset()
    now = datetime.now(UTC)
    people = [f"Nguyễn Văn Ánh {n},HS-{n:05d},hs{n}@example.com,Lớp {n % 40},2026-09-01" for n in range(size)]
    content = "\n".join(["Họ tên,Mã,Email,Lớp,Ngày vào", *people]).encode()
    directory = wiring.directory()
    calls: list[str] = []
    events = directory._table._client.meta.events
    started = time.perf_counter()
    rows = read(content)
    parsed = time.perf_counter()
    run(directory, wiring.site_store(), rows, dry_run=True, mode="all", now=now)
    checked = time.perf_counter()
    events.register("before-call", lambda model, **_: calls.append(model.name), "count")
    result = run(directory, wiring.site_store(), rows, dry_run=False, mode="all", now=now)
    written = time.perf_counter()
    events.unregister("before-call", unique_id="count")
    if result.created != size:
        raise RuntimeError(f"only {result.created} of {size} rows were created")
    baseline = _batch_write(aws.client("dynamodb"), size)
    return _Times(parsed - started, checked - parsed, written - checked, baseline, len(calls))


def _batch_write(client: Any, size: int) -> float:
    """Write items with BatchWriteItem, and return the seconds that it took."""
    items = [
        {
            "pk": {"S": f"BASELINE#{n}"},
            "sk": {"S": "-"},
            "name": {"S": f"Nguyễn Văn Ánh {n}"},
            "n": {"N": str(n)},
        }
        for n in range(size)
    ]
    batches = [items[start : start + 25] for start in range(0, size, 25)]

    def write(batch: list[Any]) -> None:
        client.batch_write_item(RequestItems={TABLE: [{"PutRequest": {"Item": item}} for item in batch]})

    started = time.perf_counter()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write, batches))
    return time.perf_counter() - started

"""How long an import takes over the embedded AWS: `python -m benchmarks.imports [ROWS ...]`.

Seconds, and their ratio to writing as many items without conditions with BatchWriteItem, 25 in a call
and 16 calls at once: the ratio says what checks, search words and transactions cost.
"""

import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chalicelib import wiring
from chalicelib.services.imports import read, run
from local.app.appserver import set_environment, stage_settings
from local.aws.embedded import REGION, Embedded

TABLE = "rollcall-local"


def main(sizes: list[int]) -> None:
    """Print one line per size."""
    with tempfile.TemporaryDirectory() as folder:  # with a state file, as `make run` has
        _run(Embedded(Path(folder)), sizes)


def _run(aws: Embedded, sizes: list[int]) -> None:
    aws.start()
    variables = stage_settings()["environment_variables"]
    set_environment(aws.aws_url, aws.stream_url, REGION, aws.key, variables)
    print(f"{'rows':>6}{'read':>8}{'dry run':>9}{'import':>9}{'puts':>8}{'ratio':>7}{'calls':>7}")
    for size in sizes:
        aws.reset()
        _measure(aws, size)
    aws.stop()


def _measure(aws: Embedded, size: int) -> None:
    now = datetime.now(UTC)
    rows = [f"Nguyễn Văn Ánh {n},HS-{n:05d},hs{n}@example.com,Lớp {n % 40},2026-09-01" for n in range(size)]
    content = "\n".join(["Họ tên,Mã,Email,Lớp,Ngày vào", *rows]).encode()
    calls = [0]
    store = wiring.directory()
    client = store._table._client  # its calls are counted
    client.meta.events.register("before-call", lambda **_: calls.__setitem__(0, calls[0] + 1), "count")
    started = time.perf_counter()
    rows_read = read(content)
    parsed = time.perf_counter()
    run(store, rows_read, dry_run=True, mode="all", now=now)
    checked = time.perf_counter()
    calls[0] = 0
    result = run(store, rows_read, dry_run=False, mode="all", now=now)
    written = time.perf_counter()
    client.meta.events.unregister("before-call", unique_id="count")
    if result.created != size:
        raise SystemExit(f"only {result.created} of {size} rows were created")
    puts = _puts(aws.client("dynamodb"), size)
    figures = (parsed - started, checked - parsed, written - checked, puts, (written - checked) / puts)
    print(
        f"{size:>6}{figures[0]:>8.2f}{figures[1]:>9.2f}{figures[2]:>9.2f}{puts:>8.2f}{figures[4]:>7.1f}{calls[0]:>7}"
    )


def _puts(client: Any, size: int) -> float:
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
    started = time.perf_counter()
    with ThreadPoolExecutor(16) as pool:
        list(
            pool.map(
                lambda batch: client.batch_write_item(
                    RequestItems={TABLE: [{"PutRequest": {"Item": item}} for item in batch]}
                ),
                batches,
            )
        )
    return time.perf_counter() - started


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [500, 5_000])

"""One line of JSON for each request, with its CloudWatch metrics (embedded metric format)."""

import itertools
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from time import perf_counter
from typing import Any

import msgspec

from chalicelib.aws.metrics import UNITS, Meter, measuring, record_metric
from chalicelib.config import Environment

NAMESPACE = "Rollcall"


_runs = itertools.count()


def log_line(meter: Meter, *, stage: str, at: datetime, ms: float, **said: Any) -> str:
    """Make the line of a request or a run; the first of a process is marked as its cold start."""
    entry: dict[str, Any] = {
        "time": at.isoformat(timespec="milliseconds"),
        "Stage": stage,
        **said,
        "Ms": round(ms, 1),
        "aws_calls": meter.aws_calls,
        "aws_ms": round(meter.aws_ms, 1),
        "cold_start": next(_runs) == 0,
        **({"token_id": meter.token_id} if meter.token_id else {}),
        **meter.subjects,
    }
    return msgspec.json.encode(entry | _metrics(meter.metrics, at)).decode()


def _metrics(metrics: Mapping[str, float], at: datetime) -> dict[str, Any]:
    if not metrics:
        return {}
    named = [{"Name": name, "Unit": UNITS.get(name, "Count")} for name in metrics]
    directive = {"Namespace": NAMESPACE, "Dimensions": [["Stage"]], "Metrics": named}
    return {
        "_aws": {"Timestamp": int(at.timestamp() * 1000), "CloudWatchMetrics": [directive]},
        **metrics,
    }


def log(
    environment: Environment, meter: Meter, ms: float, fields: Mapping[str, Any], *, now: datetime
) -> None:
    """Write the line of a request or run to the standard output, which Lambda sends to CloudWatch Logs."""
    if environment.log == "json":
        sys.stdout.write(log_line(meter, stage=environment.stage, at=now, ms=ms, **fields) + "\n")
        sys.stdout.flush()


def scheduled(
    name: str, run: Callable[[], dict[str, int]], log_run: Callable[[Meter, float, dict[str, Any]], None]
) -> dict[str, int]:
    """Run a scheduled function; its counts become metrics of one line of the log. Returns the counts.

    A count of 0 is no metric: CloudWatch charges a metric for each hour in which it is written.
    """
    with measuring() as meter:
        counts: dict[str, int] = {}
        try:
            counts = run()
        finally:
            for what, count in counts.items():
                if count:
                    record_metric(f"{name.capitalize()}{what.title().replace('_', '')}", count)
            log_run(meter, 1000 * (perf_counter() - meter.began), {"schedule": name, "done": bool(counts)})
        return counts

"""One line of JSON for each request, with its CloudWatch metrics (embedded metric format)."""

import itertools
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from chalicelib.aws.metrics import UNITS, Meter

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

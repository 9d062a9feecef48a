"""One line of JSON a request: what it was, what came of it, how long it took, and CloudWatch metrics in it.

The line is in CloudWatch's embedded metric format where it has metrics, so that logs and metrics are one
thing and cost no call. No names, tokens or photos: ids of people and sessions are hashed, paths are
templates.
"""

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from time import perf_counter
from typing import Any

import msgspec

NAMESPACE = "Rollcall"

UNITS = {"MatchMargin": "Percent", "Similarity": "Percent", "Ms": "Milliseconds"}
"""What is not counted."""


class Meter(msgspec.Struct):
    """What is measured of one request or run of a schedule: AWS calls, marks and metrics by name.

    `patience_s` is after how many seconds no more calls to AWS are begun; None for a schedule, which may take
    its time.
    """

    began: float = msgspec.field(default_factory=perf_counter)
    patience_s: float | None = None
    aws_calls: int = 0
    aws_ms: float = 0.0
    marks: dict[str, str] = {}
    metrics: dict[str, float] = {}


_current: ContextVar[Meter | None] = ContextVar("meter", default=None)
_runs = itertools.count()


@contextmanager
def measuring(patience_s: float | None = None) -> Iterator[Meter]:
    """Measure what happens inside, in this thread and those it hands its context to."""
    meter = Meter(patience_s=patience_s)
    token = _current.set(meter)
    try:
        yield meter
    finally:
        _current.reset(token)


@contextmanager
def unhurried() -> Iterator[None]:
    """Let calls be begun however late it is: those that take back what was half-done."""
    meter = _current.get()
    before = meter.patience_s if meter else None
    if meter:
        meter.patience_s = None
    try:
        yield
    finally:
        if meter:
            meter.patience_s = before


def too_late() -> bool:
    """Say whether the request has taken so long that no more calls should be begun for it."""
    meter = _current.get()
    if meter is None or meter.patience_s is None:
        return False
    return perf_counter() - meter.began > meter.patience_s


def aws_call(ms: float) -> None:
    """Count a call to AWS that took so many milliseconds."""
    if meter := _current.get():
        meter.aws_calls += 1
        meter.aws_ms += ms


def observe(name: str, value: float = 1) -> None:
    """Note a metric: add to a count, or give a value of what `UNITS` names."""
    if meter := _current.get():
        meter.metrics[name] = value if name in UNITS else meter.metrics.get(name, 0) + value


def mark(**ids: str) -> None:
    """Note what the request is about, hashed."""
    if meter := _current.get():
        for name, identifier in ids.items():
            meter.marks[name] = hashlib.sha256(identifier.encode()).hexdigest()[:16]


def line(meter: Meter, *, stage: str, at: datetime, ms: float, **said: Any) -> str:
    """Make the line of a request or a run; the first of a process is marked as its cold start."""
    entry: dict[str, Any] = {
        "time": at.isoformat(timespec="milliseconds"),
        "Stage": stage,
        **said,
        "Ms": round(ms, 1),
        "aws_calls": meter.aws_calls,
        "aws_ms": round(meter.aws_ms, 1),
        "cold_start": next(_runs) == 0,
        **meter.marks,
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

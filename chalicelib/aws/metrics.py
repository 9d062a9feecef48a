"""Measurements of one request or scheduled run: AWS calls, subjects and metrics by name."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter

import msgspec

from chalicelib.domain.audit_entry import FieldChange

UNITS = {"MatchMargin": "Percent", "Similarity": "Percent", "Ms": "Milliseconds"}
"""The units of metrics that are values; all others are counts."""


class Meter(msgspec.Struct):
    """The measurements of one request or scheduled run.

    `deadline_s`: the seconds after which no more AWS calls are started; None for a schedule. `subjects` are
    hashed ids; `token_id` is the id of the caller's token. `changes` are for the audit log.
    """

    began: float = msgspec.field(default_factory=perf_counter)
    deadline_s: float | None = None
    aws_calls: int = 0
    aws_ms: float = 0.0
    token_id: str | None = None
    subjects: dict[str, str] = {}
    metrics: dict[str, float] = {}
    changes: list[FieldChange] = []


_current: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def measuring(deadline_s: float | None = None) -> Iterator[Meter]:
    """Measure what happens inside, in this thread and those it hands its context to."""
    meter = Meter(deadline_s=deadline_s)
    token = _current.set(meter)
    try:
        yield meter
    finally:
        _current.reset(token)


def record_aws_call(ms: float) -> None:
    """Count a call to AWS that took so many milliseconds."""
    if meter := _current.get():
        meter.aws_calls += 1
        meter.aws_ms += ms


def record_metric(name: str, value: float = 1) -> None:
    """Record a metric: add to a count, or set the value of a metric in `UNITS`."""
    if meter := _current.get():
        meter.metrics[name] = value if name in UNITS else meter.metrics.get(name, 0) + value


def record_token(token_id: str) -> None:
    """Record the id of the caller's token, which is random and says nothing of the holder."""
    if meter := _current.get():
        meter.token_id = token_id


def record_changes(changes: Iterable[FieldChange]) -> None:
    """Record which fields the request changed."""
    if meter := _current.get():
        meter.changes += changes


def recorded_changes() -> list[FieldChange]:
    """Return the changes of the request so far."""
    meter = _current.get()
    return meter.changes if meter else []


def record_subject(**ids: str) -> None:
    """Record the ids of what the request is about, hashed."""
    if meter := _current.get():
        for name, identifier in ids.items():
            meter.subjects[name] = hashlib.sha256(identifier.encode()).hexdigest()[:16]

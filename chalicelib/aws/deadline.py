"""The deadline of a request, after which it starts no more calls to AWS."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from chalicelib.aws.metrics import _current


@contextmanager
def without_deadline() -> Iterator[None]:
    """Allow calls after the deadline: those that undo what is half-done."""
    meter = _current.get()
    before = meter.deadline_s if meter else None
    if meter:
        meter.deadline_s = None
    try:
        yield
    finally:
        if meter:
            meter.deadline_s = before


def deadline_passed() -> bool:
    """Return whether the request has taken so long that it should start no more calls."""
    meter = _current.get()
    if meter is None or meter.deadline_s is None:
        return False
    return perf_counter() - meter.began > meter.deadline_s

"""The deadline of a request, after which no call to AWS is begun."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from chalicelib.aws.metrics import _current


@contextmanager
def without_deadline() -> Iterator[None]:
    """Let calls be begun however late it is: those that take back what was half-done."""
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
    """Say whether the request has taken so long that no more calls should be begun for it."""
    meter = _current.get()
    if meter is None or meter.deadline_s is None:
        return False
    return perf_counter() - meter.began > meter.deadline_s

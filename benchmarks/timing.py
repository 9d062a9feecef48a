"""Timing of pieces of work."""

import statistics
import time
from collections.abc import Callable


def median_s(
    work: Callable[[], object], rounds: int, *, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Return the median time of a piece of work over some rounds, in seconds of a clock."""
    times = []
    for _ in range(rounds):
        started = clock()
        work()
        times.append(clock() - started)
    return statistics.median(times)

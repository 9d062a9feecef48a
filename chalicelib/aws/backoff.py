"""Waiting between attempts: exponential back-off with full jitter."""

import random
import time
from collections.abc import Iterator

LONGEST_S = 1.0
"""Longest pause between two attempts."""


def pause(attempt: int) -> None:
    """Wait after a failed attempt: up to 20 ms after attempt 0, then up to twice as long each time."""
    # Full jitter: callers that collided once must not collide again at the same intervals.
    time.sleep(random.uniform(0, min(LONGEST_S, 0.02 * 2**attempt)))  # noqa: S311 - not a secret


def attempts(count: int) -> Iterator[int]:
    """Number the attempts at something from 0, with a pause before each but the first."""
    for attempt in range(count):
        if attempt:
            pause(attempt - 1)
        yield attempt

"""Optimistic concurrency: try again what lost against another write."""

import random
import time


def pause(attempt: int) -> None:
    """Wait before trying again: at most 20 ms after attempt 0, then twice as long, up to a second."""
    # Full jitter: those who collided once must not march in step.
    time.sleep(random.uniform(0, min(1.0, 0.02 * 2**attempt)))  # noqa: S311 - not a secret

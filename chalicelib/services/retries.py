"""Optimistic concurrency: a use case that loses against another write reads and decides again."""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from chalicelib.aws.backoff import attempts
from chalicelib.domain.errors import Busy, WriteConflict

T = TypeVar("T")


ATTEMPTS = 30
"""How often a use case decides; the pauses between add up to 12 s on average, so that a request has time."""


def retry(action: Callable[[], T]) -> T:
    """Call `action` until no other write gets in its way, and return its result; raises Busy in the end.

    The action reads all that it decides on, and its write raises WriteConflict if any of that changed since.
    """
    for _ in attempts(ATTEMPTS):
        with suppress(WriteConflict):
            return action()
    raise Busy

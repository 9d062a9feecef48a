"""Processes that die in the middle of a request."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chalicelib import wiring


class Crash(BaseException):
    """The process dies here: nothing catches it."""


@contextmanager
def crash_at(place: int | str) -> Iterator[list[str]]:
    """Die before the n-th call to AWS (from 0), or the first of a name; yields the names of the calls."""
    calls: list[str] = []

    def before(model: Any, **_: Any) -> None:
        calls.append(model.name)
        if model.name == place or len(calls) - 1 == place:
            raise Crash

    clients = [wiring.directory()._table._client, wiring.collection()._client, wiring.bucket()._client]
    for client in clients:
        client.meta.events.register("before-call", before, "crash")
    try:
        yield calls
    finally:
        for client in clients:
            client.meta.events.unregister("before-call", unique_id="crash")

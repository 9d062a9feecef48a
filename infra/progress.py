"""Progress messages of the commands. They go to standard error, so that a command's result can be piped."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from infra.stage import Failure

T = TypeVar("T")

POLL_S = 2.0


def say(line: str) -> None:
    """Print a line at once."""
    print(line, file=sys.stderr, flush=True)


class Steps:
    """Announces the steps of a command, numbered."""

    def __init__(self, titles: Sequence[str]) -> None:
        self._titles = titles
        self._number = 0

    def next(self) -> None:
        """Announce the next step."""
        say(f"[{self._number + 1}/{len(self._titles)}] {self._titles[self._number]}")
        self._number += 1


def counted(items: Iterable[T], total: int, unit: str, every: int = 100) -> Iterator[T]:
    """Yield the items and report now and then how many there were."""
    for number, item in enumerate(items, start=1):
        yield item
        if number % every == 0 or number == total:
            say(f"{number} of {total} {unit} done")


def until(found: Callable[[], T | None], what: str, *, tries: int) -> T:
    """Call `found` every POLL_S seconds until it returns something. Raises Failure after so many `tries`."""
    for attempt in range(tries):
        if attempt:
            time.sleep(POLL_S)
        answer = found()
        if answer is not None:
            return answer
    raise Failure(f"waited {POLL_S * (tries - 1):.0f} s in vain for {what}; run the command again")

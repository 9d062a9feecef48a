"""What a command says while it works: on standard error, so that its result can be piped."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from infra.stage import Failure

T = TypeVar("T")

POLL_S = 2.0


def say(line: str) -> None:
    """Show a line at once."""
    print(line, file=sys.stderr, flush=True)


class Steps:
    """Numbers the steps of a command of `total` steps."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._number = 0

    def next(self, title: str) -> None:
        """Begin the next step."""
        self._number += 1
        say(f"[{self._number}/{self._total}] {title}")


def counted(found: Iterable[T], total: int, unit: str, every: int = 100) -> Iterator[T]:
    """Pass things on and say now and then how many there were."""
    for number, thing in enumerate(found, start=1):
        yield thing
        if number % every == 0 or number == total:
            say(f"{number} of {total} {unit} done")


def until(found: Callable[[], T | None], what: str, *, tries: int) -> T:
    """Ask every POLL_S seconds until there is an answer; raises Failure after so many `tries`."""
    for attempt in range(tries):
        if attempt:
            time.sleep(POLL_S)
        answer = found()
        if answer is not None:
            return answer
    raise Failure(f"waited {POLL_S * (tries - 1):.0f} s in vain for {what}; run the command again")

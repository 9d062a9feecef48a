"""A morning rush, simulated: `python -m benchmarks.rush --people 10000 --shards 4`.

People come around the beginning of the shift and check in. What AWS limits is a bucket that fills at its
quota: liveness sessions, searches, writes of the partitions that the work days are in, Lambda's concurrency.
Who meets an empty bucket is throttled and tries again as the app does: botocore three times, the table's
gateway eight times with jitter, the kiosk every two seconds. The shard of a person is the app's own function.

It is a model: durations and quotas are assumptions, to be changed on the command line. It shows where the
first limit is and what happens there, not how fast AWS is.
"""

import argparse
import heapq
import random
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from chalicelib.aws.items import shard
from chalicelib.domain.ids import new_id

SESSION_S, RESULT_S, SEARCH_S, WRITE_S = 0.15, 0.15, 0.45, 0.03
"""How long a call is assumed to take when it is not throttled: Lambda's part of it included."""

VIDEO_S = (7.0, 12.0)
KIOSK_RETRY_S = 2.0
KIOSK_TRIES = 10
BOTOCORE_TRIES = 3
TABLE_TRIES = 8
PARTITION_WCU = 1000
DAY_WCU = 2
"""A work day is under 1 KB, and a write in a transaction costs two units for each KB."""


class Bucket:
    """A quota: fills at `rate` a second up to one second's worth."""

    def __init__(self, name: str, rate: float) -> None:
        self.name = name
        self._rate = rate
        self._level = rate
        self._at = 0.0
        self.taken = Counter[int]()
        self.throttled = 0

    def take(self, now: float, amount: float = 1) -> bool:
        """Take what a call needs; says whether it was there."""
        self._level = min(self._rate, self._level + (now - self._at) * self._rate)
        self._at = now
        if self._level < amount:
            self.throttled += 1
            return False
        self._level -= amount
        self.taken[int(now)] += int(amount)
        return True

    @property
    def peak(self) -> int:
        """The most that was taken in a second."""
        return max(self.taken.values(), default=0)


@dataclass
class Outcome:
    """What came of it all."""

    waited_s: list[float] = field(default_factory=list)
    refused: int = 0
    gave_up: int = 0
    attempts: Counter[int] = field(default_factory=Counter)
    running: int = 0
    most_running: int = 0
    no_room: int = 0


Wait = Generator[float, None, bool]
"""Yields seconds to wait, as of a simulated thread; gives whether it worked."""


class Rush:
    """The simulation; `now` is its clock, in seconds."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._random = random.Random(options.seed)  # noqa: S311 - a simulation
        self.now = 0.0
        self.sessions = Bucket("liveness sessions", options.liveness_tps)
        self.results = Bucket("liveness results", options.liveness_tps)
        self.searches = Bucket("face searches", options.search_tps)
        self.shards = [Bucket(f"day shard {n}", PARTITION_WCU) for n in range(options.shards)]
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Let everybody come; gives what came of it."""
        queue: list[tuple[float, int, Generator[float, None, bool]]] = []
        for number in range(self._options.people):
            # Nobody comes more than four deviations early, so that the clock begins at 0.
            at = max(0.0, self._random.gauss(4 * self._spread, self._spread))
            heapq.heappush(queue, (at, number, self._person(new_id())))
        while queue:
            self.now, number, person = heapq.heappop(queue)
            try:
                pause = next(person)
            except StopIteration:
                continue
            heapq.heappush(queue, (self.now + pause, number, person))
        return self.outcome

    @property
    def _spread(self) -> float:
        return float(self._options.spread_min * 60)

    def _person(self, person_id: str) -> Wait:
        began, video = self.now, 0.0
        if not (yield from self._asked(self._start)):
            return False
        video = self._random.uniform(*VIDEO_S)
        yield video
        if not (yield from self._asked(lambda: self._punch(person_id))):
            return False
        least = SESSION_S + RESULT_S + SEARCH_S + WRITE_S
        self.outcome.waited_s.append(max(0.0, self.now - began - video - least))
        return True

    def _asked(self, request: Callable[[], Wait]) -> Wait:
        """A kiosk asks until it is answered."""
        for _ in range(KIOSK_TRIES):
            if self.outcome.running >= self._options.concurrency:
                self.outcome.no_room += 1
            else:
                self.outcome.running += 1
                self.outcome.most_running = max(self.outcome.most_running, self.outcome.running)
                worked = yield from request()
                self.outcome.running -= 1
                if worked:
                    return True
                self.outcome.refused += 1
            yield KIOSK_RETRY_S * self._random.uniform(0.5, 1.5)
        self.outcome.gave_up += 1
        return False

    def _start(self) -> Wait:
        return (yield from self._called(self.sessions, SESSION_S))

    def _punch(self, person_id: str) -> Wait:
        if not (yield from self._called(self.results, RESULT_S)):
            return False
        if not (yield from self._called(self.searches, SEARCH_S)):
            return False
        place = self.shards[shard(person_id, len(self.shards))]
        for attempt in range(TABLE_TRIES):
            yield WRITE_S
            if place.take(self.now, DAY_WCU):
                self.outcome.attempts[attempt + 1] += 1
                return True
            yield self._random.uniform(0, min(1.0, 0.02 * 2**attempt))
        return False

    def _called(self, bucket: Bucket, takes_s: float) -> Wait:
        """A call that botocore's standard mode makes: three attempts, an exponential pause with jitter."""
        for attempt in range(BOTOCORE_TRIES):
            if bucket.take(self.now):
                yield takes_s
                return True
            yield self._random.uniform(0, min(20.0, 2.0**attempt))
        return False


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rush", description=__doc__)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--spread-min", type=float, default=10, help="deviation of arrivals")
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--liveness-tps", type=float, default=15)
    parser.add_argument("--search-tps", type=float, default=50)
    parser.add_argument("--concurrency", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    """Simulate and show."""
    options = arguments()
    rush = Rush(options)
    outcome = rush.run()
    done = sorted(outcome.waited_s)
    print(
        f"{options.people} people, {options.spread_min:g} min deviation: {len(done)} punches, "
        f"{outcome.gave_up} gave up after {KIOSK_TRIES} tries"
    )
    print(
        f"waited for limits: p50 {_at(done, 0.5):.1f} s, p95 {_at(done, 0.95):.1f} s, "
        f"longest {_at(done, 1):.1f} s; {outcome.refused} answers of 503"
    )
    print(f"Lambda: at most {outcome.most_running} at once, {outcome.no_room} found no room")
    print(f"{'quota':<20}{'peak/s':>8}{'total':>10}{'throttled':>11}")
    for bucket in (rush.sessions, rush.results, rush.searches, *rush.shards):
        print(f"{bucket.name:<20}{bucket.peak:>8}{sum(bucket.taken.values()):>10}{bucket.throttled:>11}")
    tries = ", ".join(f"{attempt}: {count}" for attempt, count in sorted(outcome.attempts.items()))
    print(f"attempts of a transaction: {tries or 'none'}")


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


if __name__ == "__main__":
    main()

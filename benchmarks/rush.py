"""A morning rush: by a formula, and simulated.

The first table says how many people a quota of open liveness streams is enough for, by Erlang's loss formula
(infra/capacity.py): at the busiest moment one in a hundred finds all of them in use.

The second one simulates it. People arrive around the start of their shift and check in; a check keeps a
stream open, and one in ten has to be repeated. Each quota of calls is a token bucket that fills at the
quota's rate: liveness sessions, searches, and writes to the partitions of the work days; open streams and
Lambda's functions are limited in number. A throttled call is repeated as the app repeats it: three attempts
by botocore, eight with jitter by the table's gateway, and one by the kiosk every two seconds, which also
creates a new session when no stream is free. Whoever did not get through ten times gives up. People are
assigned to shards by the app's own function.

This is a model with assumed durations (`Options` has the quotas). It shows which limit is reached first and
what happens then, not how fast AWS is. There are as many kiosks as people who want one; with fewer, people
queue before them and not at AWS.
"""

import heapq
import random
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace

from benchmarks.tables import Cell, Table
from chalicelib.aws.items import shard
from chalicelib.domain.ids import new_id
from infra.capacity import CHECK_S, REFUSED, TRIES, Limit
from infra.regions import QUOTAS, USUAL, Quotas

SESSION_S, RESULT_S, SEARCH_S, WRITE_S = 0.15, 0.15, 0.45, 0.03
"""The assumed duration of calls that are not throttled, including Lambda's part."""

STREAM_S = (CHECK_S - 5, CHECK_S + 5)
AGAIN = 1 - 1 / TRIES
"""The share of checks after which nobody is recognised, so that the person tries again."""

KIOSK_RETRY_S = 2.0
KIOSK_TRIES = 10
BOTOCORE_TRIES = 3
TABLE_TRIES = 8
PARTITION_WCU = 1000
DAY_WCU = 2
"""A work day is smaller than 1 KB, and a write in a transaction costs two units per KB."""


class Bucket:
    """A quota as a token bucket, which fills at `rate` per second and holds one second's worth."""

    def __init__(self, name: str, rate: float) -> None:
        self.name = name
        self._rate = rate
        self._level = rate
        self._at = 0.0
        self.taken = Counter[int]()
        self.throttled = 0

    def take(self, now: float, amount: float = 1) -> bool:
        """Take the units of a call; return False, counting it as throttled, if they are not there."""
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
        """The most units taken in any second."""
        return max(self.taken.values(), default=0)


@dataclass
class Outcome:
    """The counts of a simulation; `first_` counts first attempts at the busiest time only."""

    waited_s: list[float] = field(default_factory=list)
    streaming: int = 0
    streams: int = 0
    no_stream: int = 0
    first_streams: int = 0
    first_no_stream: int = 0
    refused: int = 0
    gave_up: int = 0
    attempts: Counter[int] = field(default_factory=Counter)
    running: int = 0
    most_running: int = 0
    no_room: int = 0


Wait = Generator[float, None, bool]
"""A simulated thread: it yields seconds to wait, and returns whether it succeeded."""


@dataclass(frozen=True)
class Options:
    """The assumptions of a rush; `spread_min` is the standard deviation of arrivals, in minutes."""

    people: int
    spread_min: float = 10
    shards: int = 4
    quotas: Quotas = USUAL
    concurrency: int = 1000
    seed: int = 1


LARGE = QUOTAS["us-east-1"]
GRANTED = Quotas(sessions=25, streams=180, searches=50)
"""What 10,000 people need, rounded up."""

AMPLE = Quotas(sessions=1000, streams=20_000, searches=1000)

RUSHES = (
    Options(500),
    Options(1_000),
    Options(2_000),
    Options(4_000, quotas=LARGE),
    Options(10_000, quotas=LARGE),
    Options(10_000, quotas=GRANTED),
    Options(100_000, spread_min=1, quotas=AMPLE, shards=1),
    Options(100_000, spread_min=1, quotas=AMPLE, shards=4),
)

STREAMS = (USUAL.streams, 30, 50, LARGE.streams, GRANTED.streams, 500)
SPREADS_MIN = (2, 5, 10, 15, 30)


class Rush:
    """The simulation; `now` is its clock, in seconds."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._random = random.Random(options.seed)  # noqa: S311 - a simulation
        self.now = 0.0
        self.sessions = Bucket("liveness sessions", options.quotas.sessions)
        self.results = Bucket("liveness results", options.quotas.sessions)
        self.searches = Bucket("face searches", options.quotas.searches)
        self.shards = [Bucket(f"day shard {n}", PARTITION_WCU) for n in range(options.shards)]
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Simulate all arrivals, and return the counts."""
        queue: list[tuple[float, int, Generator[float, None, bool]]] = []
        for number in range(self.options.people):
            at = max(0.0, self._random.gauss(self._busiest, self._spread))
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
        return float(self.options.spread_min * 60)

    @property
    def _busiest(self) -> float:
        return 4 * self._spread  # so that the clock starts at 0

    def _person(self, person_id: str) -> Wait:
        began, least, refused = self.now, 0.0, 0
        while refused < KIOSK_TRIES:
            if not (yield from self._repeated(self._start)):
                return False
            if not self._open(first=began if not least and not refused else None):
                refused += 1
                yield self._pause()
                continue
            seconds = self._random.uniform(*STREAM_S)
            yield seconds
            self.outcome.streaming -= 1
            if not (yield from self._repeated(lambda: self._punch(person_id))):
                return False
            least += seconds + SESSION_S + RESULT_S + SEARCH_S + WRITE_S
            if self._random.random() >= AGAIN:
                self.outcome.waited_s.append(max(0.0, self.now - began - least))
                return True
        self.outcome.gave_up += 1
        return False

    def _open(self, first: float | None) -> bool:
        """Open a stream if one is free; `first` is when a person came who tries for the first time."""
        free = self.outcome.streaming < self.options.quotas.streams
        self.outcome.streaming += free
        self.outcome.streams += 1
        self.outcome.no_stream += not free
        if first is not None and abs(first - self._busiest) < self._spread / 4:
            self.outcome.first_streams += 1
            self.outcome.first_no_stream += not free
        return free

    def _pause(self) -> float:
        return KIOSK_RETRY_S * self._random.uniform(0.5, 1.5)

    def _repeated(self, request: Callable[[], Wait]) -> Wait:
        """Repeat a request as a kiosk does until it succeeds."""
        for _ in range(KIOSK_TRIES):
            if self.outcome.running >= self.options.concurrency:
                self.outcome.no_room += 1
            else:
                self.outcome.running += 1
                self.outcome.most_running = max(self.outcome.most_running, self.outcome.running)
                worked = yield from request()
                self.outcome.running -= 1
                if worked:
                    return True
                self.outcome.refused += 1
            yield self._pause()
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
        """Make a call as botocore's standard mode does: three attempts, exponential backoff with jitter."""
        for attempt in range(BOTOCORE_TRIES):
            if bucket.take(self.now):
                yield takes_s
                return True
            yield self._random.uniform(0, min(20.0, 2.0**attempt))
        return False


def measure(*, short: bool = False) -> list[Table]:
    """Compute and simulate the rushes of docs/scaling.md (`short`: with 1 % of their people)."""
    return [formula(), _simulated(short=short)]


def formula() -> Table:
    """Return how many people some numbers of streams are enough for, by the spread of their arrivals."""
    rows: list[tuple[str | int, ...]] = [
        (streams, *(f"{Limit('', streams, CHECK_S).people(minutes * 60):,}" for minutes in SPREADS_MIN))
        for streams in STREAMS
    ]
    notes = f"A check of {CHECK_S:.0f} s, {TRIES:.2f} checks a person, {REFUSED:.0%} refused."
    return Table(("streams at once", *(f"people, ± {minutes} min" for minutes in SPREADS_MIN)), rows, notes)


def _simulated(*, short: bool) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for options in RUSHES:
        rush = Rush(replace(options, people=options.people // 100) if short else options)
        outcome = rush.run()
        waited = sorted(outcome.waited_s)
        rows.append(
            (
                rush.options.people,
                options.spread_min,
                f"{options.quotas.sessions:g}, {options.quotas.streams}, {options.quotas.searches:g}, "
                f"{options.shards}",
                f"{_percent(outcome.first_no_stream, outcome.first_streams)}, "
                f"{_percent(outcome.no_stream, outcome.streams)}",
                f"{_at(waited, 0.5):.1f}, {_at(waited, 0.95):.1f}",
                rush.sessions.throttled,
                rush.results.throttled,
                rush.searches.throttled,
                sum(shard.throttled for shard in rush.shards),
                outcome.refused,
                outcome.most_running,
                outcome.gave_up,
            )
        )
    quotas = "quotas: sessions, streams, searches, shards"
    columns = (
        "people",
        "deviation min",
        quotas,
        "no stream %: first try at the peak, all",
        "waited s: p50, p95",
    )
    throttled = tuple(f"{quota} throttled" for quota in ("sessions", "results", "searches", "shards"))
    return Table((*columns, *throttled, "replies of 503", "most functions", "gave up"), rows)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "-"


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0

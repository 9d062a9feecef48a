"""Whether the time of a refusal reveals how much of a wrong token was right.

Wrong tokens share their first letters with a real one, which is both cached and stored. All kinds are tried
in random order, so that other work of the machine affects each alike. The table compares the trimmed mean of
each kind with that of tokens that share nothing, with a 95 % interval of the ratio from resampling. The
second row shares nothing either, and so shows the effect of chance. Timing reveals nothing if the intervals
contain 1 about as often as that of the second row, and if the ratios do not rise with the shared letters.
"""

import os
import random
import statistics
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from benchmarks.embedded import embedded_aws
from benchmarks.tables import Table
from chalicelib import wiring
from chalicelib.domain.errors import InvalidToken
from chalicelib.domain.settings import Limits
from chalicelib.domain.token import Role
from chalicelib.services.tokens import Authenticator, NewToken, create

KINDS = (0, 0, 1, 8, 20, 42)
"""How many letters after `rc_` are equal to those of the real token."""

RESAMPLED = 500


def measure(*, short: bool = False) -> list[Table]:
    """Measure 2,000 refusals of each kind (`short`: 20)."""
    rounds = 20 if short else 2000
    with embedded_aws():
        times = _refusals(rounds)
    rows = []
    for shared, own in zip(KINDS, times, strict=True):
        low, high = _interval(own, times[0])
        rows.append((shared, _mean(own) * 1000, _mean(own) / _mean(times[0]), f"{low:.3f} to {high:.3f}"))
    columns = ("letters shared", "trimmed mean ms", "ratio", "95 % interval of the ratio")
    return [Table(columns, rows, f"{rounds:,} refusals of each kind, in random order.")]


def _refusals(rounds: int) -> list[list[float]]:
    now = datetime.now(UTC)
    real = create(wiring.token_store(), NewToken(role=Role.ADMIN, label="real"), now=now).token
    authenticator = Authenticator(
        wiring.token_store, wiring.rate_limits, lambda: Limits(unknown_tokens_per_minute=100_000)
    )
    authenticator.authenticate(f"Bearer {real}", "admin", "192.0.2.1", now=now)
    times: list[list[float]] = [[] for _ in KINDS]
    for _ in range(rounds):
        for kind in random.sample(range(len(KINDS)), len(KINDS)):
            wrong = f"Bearer {_wrong(real, KINDS[kind])}"
            began = time.perf_counter()
            with suppress(InvalidToken):
                authenticator.authenticate(wrong, "admin", "192.0.2.1", now=now)
            times[kind].append(time.perf_counter() - began)
    return times


def _wrong(real: str, shared: int) -> str:
    """Make a token that shares its first letters with the real one, and differs after them."""
    start = real[: 3 + shared]
    rest = _letters(len(real) - len(start))
    if rest[0] == real[len(start)]:
        rest = ("A" if rest[0] != "A" else "B") + rest[1:]
    return start + rest


def _letters(length: int) -> str:
    """Draw random letters of the alphabet of tokens."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return "".join(letters[byte % 64] for byte in os.urandom(length))


def _mean(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return statistics.fmean(ordered[: len(ordered) * 9 // 10])  # the slowest tenth is noise of the machine


def _interval(own: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    ratios = sorted(
        _mean(random.choices(own, k=len(own))) / _mean(random.choices(other, k=len(other)))  # noqa: S311
        for _ in range(RESAMPLED)
    )
    return ratios[RESAMPLED // 40], ratios[-(RESAMPLED // 40)]

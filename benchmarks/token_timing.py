"""Whether a refusal's time tells how much of a wrong token was right: `python -m benchmarks.token_timing`.

Wrong tokens share their first letters with a real one, which the gate remembers and the table holds. All
kinds are tried in random order, so that whatever else the machine does meets each alike. Shown is the
trimmed mean of each against that of tokens that share nothing, with the 95 % interval of that ratio from
resampling. The second row shares nothing either: what it shows is chance. No oracle: 1 lies in the
intervals about as often as in the second row's, and the ratios do not rise with the letters.
"""

import os
import random
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from chalicelib import wiring
from chalicelib.domain.errors import InvalidToken
from chalicelib.domain.settings import Limits
from chalicelib.domain.token import Role
from chalicelib.services.tokens import Authenticator, NewToken, create
from local.app.appserver import set_environment, stage_settings
from local.aws.embedded import REGION, Embedded

KINDS = (0, 0, 1, 8, 20, 42)
"""How many letters after `rc_` are those of the real token."""

RESAMPLED = 500


def main(rounds: int) -> None:
    """Print one line per kind."""
    embedded = Embedded()
    embedded.start()
    variables = stage_settings()["environment_variables"]
    set_environment(embedded.aws_url, embedded.stream_url, REGION, embedded.key, variables)
    try:
        times = _measure(rounds)
    finally:
        embedded.stop()
    print(f"{'letters shared':>14}{'mean ms':>10}{'ratio':>8}{'95 % interval':>20}")
    for shared, own in zip(KINDS, times, strict=True):
        low, high = _interval(own, times[0])
        ratio = _mean(own) / _mean(times[0])
        print(f"{shared:>14}{_mean(own) * 1000:>10.3f}{ratio:>8.3f}{f'{low:.3f} to {high:.3f}':>20}")


def _measure(rounds: int) -> list[list[float]]:
    now = datetime.now(UTC)
    real = create(wiring.token_store(), NewToken(role=Role.ADMIN, label="real"), now=now).token
    gate = Authenticator(
        wiring.token_store, wiring.rate_limits, lambda: Limits(unknown_tokens_per_minute=100_000)
    )
    gate.authenticate(f"Bearer {real}", "admin", "192.0.2.1", now=now)
    times: list[list[float]] = [[] for _ in KINDS]
    for _ in range(rounds):
        for kind in random.sample(range(len(KINDS)), len(KINDS)):
            wrong = f"Bearer {_wrong(real, KINDS[kind])}"
            began = time.perf_counter()
            with suppress(InvalidToken):
                gate.authenticate(wrong, "admin", "192.0.2.1", now=now)
            times[kind].append(time.perf_counter() - began)
    return times


def _wrong(real: str, shared: int) -> str:
    """Make a token that has so many letters of the real one, and then others."""
    start = real[: 3 + shared]
    rest = _letters(len(real) - len(start))
    if rest[0] == real[len(start)]:
        rest = ("A" if rest[0] != "A" else "B") + rest[1:]
    return start + rest


def _letters(length: int) -> str:
    """Draw letters as tokens have them."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return "".join(letters[byte % 64] for byte in os.urandom(length))


def _mean(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return statistics.fmean(ordered[: len(ordered) * 9 // 10])  # the slowest tenth is the machine's


def _interval(own: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    ratios = sorted(
        _mean(random.choices(own, k=len(own))) / _mean(random.choices(other, k=len(other)))  # noqa: S311
        for _ in range(RESAMPLED)
    )
    return ratios[RESAMPLED // 40], ratios[-(RESAMPLED // 40)]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)

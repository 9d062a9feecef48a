"""The figures of docs/scaling.md are those of the models."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import costs, rush

SCALING = Path(__file__).resolve().parents[2] / "docs" / "scaling.md"


def test_the_costs_in_the_document_are_the_models() -> None:
    assert costs.table().markdown() in SCALING.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("count", "cost"), [(0, 0.0), (10, 10.0), (15, 12.5), (25, 15.5)], ids=["none", "first", "second", "rest"]
)
def test_tiers_price_each_part_at_its_own_price(count: int, cost: float) -> None:
    assert costs.tiered(count, ((10, 1.0), (20, 0.5), (float("inf"), 0.1))) == pytest.approx(cost)


def simulate(**changed: Any) -> tuple[rush.Rush, rush.Outcome]:
    """Simulate 6,000 arrivals within seconds, with ample quotas except for the changed ones."""
    options = rush.Options(6000, 0.05, shards=4, liveness_tps=1e6, search_tps=1e6, concurrency=100_000)
    simulation = rush.Rush(replace(options, **changed))
    return simulation, simulation.run()


def test_one_shard_throttles_a_rush_that_more_take() -> None:
    one, crowded = simulate(shards=1)
    many, spread = simulate(shards=8)

    assert one.shards[0].throttled > 0
    assert max(crowded.attempts) > 1, "and the gateway tried again"
    assert sum(shard.throttled for shard in many.shards) == 0
    assert spread.attempts == {1: 6000}
    totals = [sum(shard.taken.values()) for shard in many.shards]
    assert min(totals) > 0.8 * max(totals), "people are spread evenly"


def test_everybody_is_counted_once() -> None:
    _, outcome = simulate(liveness_tps=300)
    assert outcome.refused > 0
    assert len(outcome.waited_s) + outcome.gave_up == 6000
    assert outcome.running == 0


def test_a_bucket_gives_its_rate_and_no_more() -> None:
    bucket = rush.Bucket("x", 10)
    given = sum(bucket.take(now / 100) for now in range(1000))
    assert given == pytest.approx(10 + 10 * 9.99, abs=1)
    assert bucket.throttled == 1000 - given

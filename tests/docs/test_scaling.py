"""The figures of docs/scaling.md are those of the models."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import costs, rush
from infra.capacity import CHECK_S, TRIES, Limit
from infra.regions import Quotas

AMPLE = Quotas(sessions=1e6, streams=1_000_000, searches=1e6)
SCALING = Path(__file__).resolve().parents[2] / "docs" / "scaling.md"


def test_the_costs_in_the_document_are_the_models() -> None:
    document = SCALING.read_text(encoding="utf-8")
    for table in costs.measure():
        assert table.markdown() in document


@pytest.mark.parametrize(
    ("count", "cost"), [(0, 0.0), (10, 10.0), (15, 12.5), (25, 15.5)], ids=["none", "first", "second", "rest"]
)
def test_tiers_price_each_part_at_its_own_price(count: int, cost: float) -> None:
    assert costs.tiered(count, ((10, 1.0), (20, 0.5), (float("inf"), 0.1))) == pytest.approx(cost)


def simulate(**changed: Any) -> tuple[rush.Rush, rush.Outcome]:
    """Simulate 6,000 arrivals within seconds, with ample quotas except for the changed ones."""
    options = rush.Options(6000, 0.05, shards=4, quotas=AMPLE, concurrency=100_000)
    simulation = rush.Rush(replace(options, **changed))
    return simulation, simulation.run()


def test_one_shard_throttles_a_rush_that_more_take() -> None:
    one, crowded = simulate(people=9000, shards=1)
    many, spread = simulate(people=9000, shards=8)

    assert one.shards[0].throttled > 0
    assert max(crowded.attempts) > 1, "and the gateway tried again"
    assert sum(shard.throttled for shard in many.shards) == 0
    assert set(spread.attempts) == {1}
    assert spread.attempts[1] == pytest.approx(9000 * TRIES, rel=0.02), "one check in ten is repeated"
    totals = [sum(shard.taken.values()) for shard in many.shards]
    assert min(totals) > 0.8 * max(totals), "people are spread evenly"


def test_everybody_is_counted_once() -> None:
    _, outcome = simulate(quotas=AMPLE._replace(sessions=300, streams=1000))
    assert outcome.refused > 0
    assert outcome.no_stream > 0
    assert len(outcome.waited_s) + outcome.gave_up == 6000
    assert (outcome.running, outcome.streaming) == (0, 0)


def test_a_bucket_gives_its_rate_and_no_more() -> None:
    bucket = rush.Bucket("x", 10)
    given = sum(bucket.take(now / 100) for now in range(1000))
    assert given == pytest.approx(10 + 10 * 9.99, abs=1)
    assert bucket.throttled == 1000 - given


@pytest.mark.parametrize(("streams", "minutes"), [(15, 10), (75, 5)])
def test_the_formula_agrees_with_the_simulation(
    streams: int, minutes: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """About one in a hundred of those who come in the busiest minutes finds no stream.

    The formula does not know that who was refused comes again; so they come when the rush is over.
    """
    monkeypatch.setattr(rush, "KIOSK_RETRY_S", 1e5)
    people = Limit("", streams, CHECK_S).people(minutes * 60)
    quotas = AMPLE._replace(streams=streams)
    tries = refused = 0
    for seed in range(10):
        options = rush.Options(people, minutes, quotas=quotas, concurrency=100_000, seed=seed)
        outcome = rush.Rush(options).run()
        tries, refused = tries + outcome.first_streams, refused + outcome.first_no_stream
    assert 0.005 < refused / tries < 0.015


def test_the_peoples_table_is_the_formulas() -> None:
    assert rush.formula().markdown().partition("\n\n")[2] in SCALING.read_text(encoding="utf-8")

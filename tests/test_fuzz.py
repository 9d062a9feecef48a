"""What fuzzing kept is tried again: inputs of every decoder, whole calls; and a few calls made up anew."""

import gc
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.dynamodb.models.dynamo_type import Item

from infra.openapi import document
from local.aws.embedded import Embedded
from tests.fuzz import CORPUS
from tests.fuzz.calls import Maker, loads
from tests.fuzz.decoders import DECODERS
from tests.fuzz.routes import Site, faults, site, the_app

CALLS = sorted((CORPUS / "calls").iterdir())
KEPT = [
    pytest.param(name, path, id=f"{name}-{path.name}")
    for name in DECODERS
    for path in sorted((CORPUS / name).iterdir())
]


def test_every_decoder_has_a_corpus() -> None:
    assert {path.name for path in CORPUS.iterdir()} == {*DECODERS, "calls"}


@pytest.mark.parametrize(("name", "path"), KEPT)
def test_a_kept_input_is_read_or_refused(name: str, path: Path) -> None:
    DECODERS[name](path.read_bytes())


@pytest.fixture(scope="module")
def place(embedded: Embedded) -> Iterator[Site]:
    with site(embedded) as made:
        yield made


@pytest.mark.parametrize("path", CALLS, ids=lambda path: path.stem)
def test_a_kept_call_is_answered_well(place: Site, path: Path) -> None:
    call = loads(path.read_bytes())
    assert faults(call, place.handle(call)) == []


def test_made_up_calls_are_answered_well(place: Site) -> None:
    maker = Maker(document.build(the_app()), place.known, random.Random(1))  # noqa: S311
    for _ in range(500):
        call = maker.make()
        assert faults(call, place.handle(call)) == [], call


def test_what_the_embedded_aws_deleted_is_not_kept_in_memory(place: Site, embedded: Embedded) -> None:
    def items() -> int:  # other tests may have some of their own
        embedded.reset()
        gc.collect()
        return sum(isinstance(one, Item) for one in gc.get_objects())

    before = items()
    place.fresh()
    assert items() <= before

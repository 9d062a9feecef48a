"""An empty AWS account for the commands of infra, and a stand-in for Chalice's subprocess."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import requests

from chalicelib import wiring
from infra import build, progress, stack, stages
from infra.__main__ import main
from infra.stage import ROOT, Stage, configuration, find
from tests.support.chalice_stand_in import Chalice
from tests.support.patience import PATIENCE_S

Infra = Callable[..., int]


def forget_gateways(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let chalicelib's gateways be created anew, for the account that the environment leads to."""
    for name, made in vars(wiring).items():
        if hasattr(made, "cache_clear"):
            monkeypatch.setattr(wiring, name, cache(made.__wrapped__))
    for name in (
        "ROLLCALL_STAGE",
        "ROLLCALL_TABLE",
        "ROLLCALL_BUCKET",
        "ROLLCALL_COLLECTION",
        "ROLLCALL_LAB",
    ):
        monkeypatch.setenv(name, "-")  # so that it is put back
    monkeypatch.delenv("ROLLCALL_LAB")


@pytest.fixture
def account(moto: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Empty the account and lead every client there; gives moto's URL."""
    for name, value in {
        "AWS_ENDPOINT_URL": moto,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CONFIRM", raising=False)
    monkeypatch.setattr(build, "OUT", tmp_path)
    monkeypatch.setattr(
        build, "source", lambda stage: ROOT
    )  # tests/infra/test_package.py builds the lean one
    # The tests run on every Python that a laptop may have; a stage has one.
    wanted = configuration()["lambda_runtime"].removeprefix("python")
    monkeypatch.setattr(stages, "PYTHON", wanted)
    forget_gateways(monkeypatch)
    monkeypatch.setattr(progress, "POLL_S", 0)
    monkeypatch.setattr(stack, "POLL_S", 0)
    assert requests.post(f"{moto}/moto-api/reset", timeout=PATIENCE_S).ok
    return moto


def make_collection(stage: Stage) -> None:
    """Create the collection that CloudFormation would create; moto's leaves it out."""
    rekognition = stage.client("rekognition")
    if stage.prefix not in rekognition.list_collections()["CollectionIds"]:
        rekognition.create_collection(CollectionId=stage.prefix)


@pytest.fixture
def cloud(account: str) -> Stage:
    """Stage dev of an empty account."""
    stage = find("dev")
    make_collection(stage)
    return stage


@pytest.fixture
def chalice(monkeypatch: pytest.MonkeyPatch) -> Chalice:
    """Stands in for the subprocess."""
    chalice = Chalice()
    monkeypatch.setattr(build, "chalice", chalice)
    return chalice


@pytest.fixture
def infra() -> Infra:
    """Runs a command on stage dev, or on the stage that is named."""

    def run(command: str, *words: str, stage: str = "dev") -> int:
        return main([command, "--stage", stage, *words])

    return run

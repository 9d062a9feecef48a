"""`python -m infra pause`: the API, the sweep and the retention stop, and start again."""

import pytest

from infra.stage import Stage
from tests.infra.conftest import Infra
from tests.support.chalice_stand_in import Chalice

FUNCTIONS = {"rollcall-dev", "rollcall-dev-sweep", "rollcall-dev-retention"}


def concurrency(cloud: Stage) -> dict[str, int | None]:
    """Return the reserved concurrency of each function."""
    functions = cloud.client("lambda").list_functions()["Functions"]
    return {
        function["FunctionName"]: cloud.client("lambda")
        .get_function_concurrency(FunctionName=function["FunctionName"])
        .get("ReservedConcurrentExecutions")
        for function in functions
    }


def test_nothing_runs_while_a_stage_is_paused(cloud: Stage, chalice: Chalice, infra: Infra) -> None:
    infra("up")
    for name in FUNCTIONS - concurrency(cloud).keys():
        cloud.client("lambda").create_function(
            FunctionName=name,
            Role=cloud.role("sweep"),
            Code={"ZipFile": b"x"},
            Runtime="python3.13",
            Handler="app.app",
        )

    assert infra("pause") == 0
    assert concurrency(cloud) == dict.fromkeys(FUNCTIONS, 0)
    assert infra("pause") == 0, "again"

    assert infra("unpause") == 0
    assert concurrency(cloud) == dict.fromkeys(FUNCTIONS)


def test_a_stage_without_functions_cannot_be_paused(
    cloud: Stage, infra: Infra, capsys: pytest.CaptureFixture[str]
) -> None:
    assert infra("pause") == 2
    assert "there are no functions of rollcall-dev in us-east-1" in capsys.readouterr().err

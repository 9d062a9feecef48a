"""`pause` and `unpause`: nothing of a stage runs while an administrator replaces its table.

Lambda refuses to run a function whose reserved concurrency is 0. Cameras show that the service is busy; the
schedules come again.
"""

import argparse

from infra import down
from infra.stage import Failure, Stage, find


def pause(options: argparse.Namespace) -> None:
    """Stop the API, the sweep and the retention. Raises Failure."""
    stage = find(options.stage)
    for name in _functions(stage):
        stage.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        print(f"{name} is paused")


def unpause(options: argparse.Namespace) -> None:
    """Start them again. Raises Failure."""
    stage = find(options.stage)
    for name in _functions(stage):
        stage.client("lambda").delete_function_concurrency(FunctionName=name)
        print(f"{name} runs")


def _functions(stage: Stage) -> list[str]:
    names = down.function_names(stage)
    if not names:
        raise Failure(f"there are no functions of {stage.prefix} in {stage.region}")
    return names

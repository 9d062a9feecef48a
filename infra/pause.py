"""`pause` and `unpause`: nothing of a stage runs while an administrator replaces its table.

Lambda refuses to run a function whose reserved concurrency is 0. Cameras show that the service is busy; the
schedules come again.
"""

import argparse
from collections.abc import Mapping

from infra import down, policies, stack
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
    chosen = _chosen(stack.parameters(stage, stage.prefix))
    for name in _functions(stage):
        client = stage.client("lambda")
        if name == stage.prefix and chosen:
            client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=chosen)
        else:
            client.delete_function_concurrency(FunctionName=name)
        print(f"{name} runs")


def reserved(stage: Stage, parameters: Mapping[str, str]) -> dict[str, int]:
    """Return the reserved concurrency that a deploy gives to functions, by Chalice's names.

    Chalice removes a reservation that its configuration lacks, so a deploy would start a paused stage.
    """
    client = stage.client("lambda")
    try:
        found = client.get_function_concurrency(FunctionName=stage.prefix)
    except client.exceptions.ResourceNotFoundException:  # nothing is deployed yet
        found = {}
    if found.get("ReservedConcurrentExecutions") == 0:
        return dict.fromkeys(policies.documents(stage.name), 0)
    chosen = _chosen(parameters)
    return {policies.API_FUNCTION: chosen} if chosen else {}


def _chosen(parameters: Mapping[str, str]) -> int:
    """Return the API's reserved concurrency of `up --reserved-concurrency`; 0 for none."""
    return int(parameters.get("ReservedConcurrency", "0"))


def _functions(stage: Stage) -> list[str]:
    names = down.function_names(stage)
    if not names:
        raise Failure(f"there are no functions of {stage.prefix} in {stage.region}")
    return names

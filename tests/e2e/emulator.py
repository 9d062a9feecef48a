"""The packaged app in an AWS of loopback ports: its functions, its API and its schedules."""

import json
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.e2e.gateway import INTEGRATION_S, Gateway
from tests.e2e.runtime import Environment, FunctionError, Pool, unpack
from tests.e2e.template import ACCOUNT, REGION, Function, Schedule, read

RUNTIME = Path(sys.prefix) / "lambda" / "bin" / "python"
"""The clean environment's Python: it has AWS's runtime client (requirements/lambda.txt) and nothing else."""


@dataclass(frozen=True)
class DeadLetter:
    """What Lambda puts into a dead-letter queue: the event, and why it was given up."""

    queue: str
    event: bytes
    error_code: str
    error_message: str
    attempts: int


class Emulator:
    """Runs a package; `variables` are put over every function's own (where AWS is, whose credentials).

    `environments` is how many of one function may run at once; `change` may declare a function otherwise
    than the template does. Inside `with` it serves.
    """

    def __init__(
        self,
        sam: Path,
        scratch: Path,
        variables: Mapping[str, str],
        *,
        environments: int = 2,
        integration_s: float = INTEGRATION_S,
        change: Callable[[Function], Function] = lambda function: function,
    ) -> None:
        self.template = read(sam)
        self._functions = {name: change(function) for name, function in self.template.functions.items()}
        self.dead_letters: list[DeadLetter] = []
        self._unpacked: dict[Path, Path] = {}
        scratch.mkdir(parents=True, exist_ok=True)
        self.log = scratch / "functions.log"
        self.pools = {
            name: Pool(
                partial(
                    Environment,
                    function,
                    self._task(function.code, scratch),
                    RUNTIME,
                    variables,
                    self.log,
                ),
                environments,
            )
            for name, function in self._functions.items()
        }
        self._gateway = Gateway(self.template, self.pools, integration_s)

    @property
    def url(self) -> str:
        """Where the API answers, with the stage."""
        return self._gateway.url

    def __enter__(self) -> Self:
        """Serve the API; functions start when they are called, as on Lambda."""
        self._gateway.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gateway.stop()
        for pool in self.pools.values():
            pool.close()

    def fire(self, schedule: Schedule) -> bytes | None:
        """Have EventBridge fire a schedule, and Lambda run it as it runs asynchronous invocations.

        A failed attempt is repeated twice (or as often as the template says), at once: the minutes
        that Lambda lets pass in between are left out. Then the event goes to the function's dead-letter
        queue if it has one. Gives what the function returned; None if it was given up.
        """
        function = self._functions[schedule.function]
        event = json.dumps(scheduled_event(schedule)).encode()
        for attempt in range(1 + function.retries):
            try:
                return self.pools[schedule.function].invoke(event)
            except FunctionError as error:
                failed = error
                attempts = attempt + 1
        if function.dead_letters:
            letter = DeadLetter(function.dead_letters, event, failed.kind, failed.message, attempts)
            self.dead_letters.append(letter)
        return None

    def _task(self, archive: Path, scratch: Path) -> Path:
        if archive not in self._unpacked:
            self._unpacked[archive] = unpack(archive, scratch / f"task-{len(self._unpacked)}")
        return self._unpacked[archive]


def scheduled_event(schedule: Schedule) -> dict[str, object]:
    """Make the event that EventBridge sends for a rule with a schedule."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{schedule.name}"],
        "detail": {},
    }

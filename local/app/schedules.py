"""Runs the app's scheduled functions, as EventBridge does in the cloud, and once soon after the start."""

import re
import sys
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from chalice.app import Chalice, ScheduledEventConfig

FIRST_AFTER_S: Final = 0.5
"""So that work which a crash left half done is swept at the next start."""

_RATE = re.compile(r"rate\(([1-9][0-9]*) (minute|hour|day)s?\)")
_DAILY = re.compile(r"cron\(([0-9]|[1-5][0-9]) ([0-9]|1[0-9]|2[0-3]) \* \* \? \*\)")


class Unsupported(ValueError):
    """A schedule other than a rate or a time of every day, which are all that the app needs."""


def following(expression: str) -> Callable[[datetime], datetime]:
    """Turn `rate(...)` or a daily `cron(...)` into a function from a time to the next one due (UTC)."""
    if rate := _RATE.fullmatch(expression):
        step = timedelta(**{f"{rate[2]}s": int(rate[1])})
        return lambda after: after + step
    if daily := _DAILY.fullmatch(expression):
        minute, hour = int(daily[1]), int(daily[2])

        def next_day(after: datetime) -> datetime:
            due = after.replace(hour=hour, minute=minute, second=0, microsecond=0)
            return due if due > after else due + timedelta(days=1)

        return next_day
    raise Unsupported(f"{expression}: only rate(...) and cron(minute hour * * ? *) run on this machine")


class Schedules:
    """One thread for each schedule of the app, so that a run never overlaps the next of its own."""

    def __init__(self, app: Chalice) -> None:
        """Raises Unsupported for a schedule that only the cloud understands."""
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        for source in app.event_sources:
            if isinstance(source, ScheduledEventConfig):
                expression = source.schedule_expression
                text = expression if isinstance(expression, str) else expression.to_string()
                arguments = (source.name, text, following(text), app.handler_map[source.name])
                self._threads.append(threading.Thread(target=self._run, args=arguments, daemon=True))

    def start(self) -> None:
        """Begin to run the schedules."""
        for thread in self._threads:
            thread.start()

    def stop(self, within_s: float = 1) -> None:
        """Start no further run; wait a moment for those under way."""
        self._stop.set()
        for thread in self._threads:
            thread.join(within_s)

    def _run(
        self, name: str, text: str, following: Callable[[datetime], datetime], handler: Callable[..., Any]
    ) -> None:
        due = datetime.now(UTC) + timedelta(seconds=FIRST_AFTER_S)
        while not self._stop.wait(max(0.0, (due - datetime.now(UTC)).total_seconds())):
            try:
                handler(_event(name, due), None)
            except Exception as error:
                problem = f"{type(error).__name__}: {error}".splitlines()[0]
                print(f"error: schedule {name} ({text}): {problem}", file=sys.stderr, flush=True)
            due = following(max(due, datetime.now(UTC)))


def _event(name: str, due: datetime) -> dict[str, Any]:
    """EventBridge's event."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": due.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "us-east-1",
        "resources": [f"arn:aws:events:us-east-1:123456789012:rule/{name}"],
        "detail": {},
    }

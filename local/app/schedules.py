"""Fires the app's schedules, as EventBridge does in the cloud; once shortly after the start as well."""

import re
import sys
import threading
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from chalice.app import Chalice, ScheduledEventConfig

FIRST_AFTER_S = 0.5
"""So that what a crash left half-done is swept at the next start."""

_UNITS = {"minute": 60, "hour": 3600, "day": 86_400}
_RATE = re.compile(r"rate\(([0-9]+) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((.+)\)")
_MONTHS = {"JAN": 1, "FEB": 2, "MAR": 3, "APR": 4, "MAY": 5, "JUN": 6}
_MONTHS |= {"JUL": 7, "AUG": 8, "SEP": 9, "OCT": 10, "NOV": 11, "DEC": 12}
_DAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}

# The six fields of an EventBridge cron expression: least, most, names.
_FIELDS: Sequence[tuple[int, int, dict[str, int]]] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, _MONTHS),
    (1, 7, _DAYS),
    (1970, 2199, {}),
)


class Unsupported(ValueError):
    """A schedule expression that is wrong, or that only the cloud understands (L, W and #)."""


def following(expression: str) -> Callable[[datetime], datetime]:
    """Turn `rate(...)` or `cron(...)` into a function that gives the next time after a given one (UTC)."""
    if rate := _RATE.fullmatch(expression):
        step = timedelta(seconds=int(rate[1]) * _UNITS[rate[2]])
        if not step:
            raise Unsupported(f"{expression}: the rate must be at least 1")
        return lambda after: after + step
    if cron := _CRON.fullmatch(expression):
        fields = cron[1].split()
        if len(fields) != len(_FIELDS):
            raise Unsupported(f"{expression}: six fields are needed")
        sets = [_values(field, *limits) for field, limits in zip(fields, _FIELDS, strict=True)]
        return lambda after: _next_match(sets, after, expression)
    raise Unsupported(f"{expression}: not a rate or cron expression")


def _values(field: str, least: int, most: int, names: dict[str, int]) -> set[int]:
    found: set[int] = set()
    for part in field.upper().split(","):
        span, _, step = part.partition("/")
        try:
            if span in {"*", "?"}:
                low, high = least, most
            elif "-" in span:
                low, high = (names.get(end) or int(end) for end in span.split("-"))
            else:
                low = names[span] if span in names else int(span)
                high = most if step else low
            values = range(low, high + 1, int(step or 1))
        except ValueError:
            raise Unsupported(f"{field}: not understood here") from None
        if not values or low < least or high > most:
            raise Unsupported(f"{field}: out of range")
        found.update(values)
    return found


def _next_match(sets: Sequence[set[int]], after: datetime, expression: str) -> datetime:
    minutes, hours, days, months, weekdays, years = sets
    moment = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while moment.year <= max(years):
        weekday = moment.isoweekday() % 7 + 1
        if not (
            moment.year in years and moment.month in months and moment.day in days and weekday in weekdays
        ):
            moment = (moment + timedelta(days=1)).replace(hour=0, minute=0)
        elif moment.hour not in hours:
            moment = (moment + timedelta(hours=1)).replace(minute=0)
        elif moment.minute not in minutes:
            moment += timedelta(minutes=1)
        else:
            return moment
    raise Unsupported(f"{expression}: never happens again")


class Schedules:
    """A thread per schedule of the app, so that one run never overlaps the next of the same schedule."""

    def __init__(self, app: Chalice) -> None:
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        for source in app.event_sources:
            if not isinstance(source, ScheduledEventConfig):
                continue
            expression = source.schedule_expression
            text = expression if isinstance(expression, str) else expression.to_string()
            arguments = (source.name, text, following(text), app.handler_map[source.name])
            self._threads.append(
                threading.Thread(
                    target=self._run, args=arguments, daemon=True, name=f"schedule-{source.name}"
                )
            )

    def start(self) -> None:
        """Begin to fire."""
        for thread in self._threads:
            thread.start()

    def stop(self, within_s: float = 1) -> None:
        """Fire no more; wait a moment for runs that are under way."""
        self._stop.set()
        for thread in self._threads:
            thread.join(within_s)

    def _run(
        self, name: str, text: str, following: Callable[[datetime], datetime], handler: Callable[..., Any]
    ) -> None:
        due = datetime.now(UTC) + timedelta(seconds=FIRST_AFTER_S)
        while not self._stop.wait(max(0.0, (due - datetime.now(UTC)).total_seconds())):
            fire(name, text, handler, due)
            due = following(max(due, datetime.now(UTC)))


def fire(name: str, expression: str, handler: Callable[..., Any], due: datetime) -> None:
    """Call a schedule's function with EventBridge's event; what goes wrong is one line of the log."""
    event = {
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
    try:
        handler(event, None)
    except Exception as error:
        problem = f"{type(error).__name__}: {error}".splitlines()[0]
        print(f"error: schedule {name} ({expression}): {problem}", file=sys.stderr, flush=True)

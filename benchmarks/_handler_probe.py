"""Run by `benchmarks.handler` inside a function's folder: times repeated calls of the function's handler.

Standard input is JSON: `handler`, and `shapes` with the event of each, how often it is sent, and its expected
status. In a body, `{n}` becomes a number and `{person}` the id of a person that was created before. Standard
output is JSON: the median time of each shape in microseconds, without the time of waiting for AWS.
"""

import importlib
import json
import statistics
import sys
import threading
import time
import uuid
from typing import Any

import botocore.httpsession


class Waiting:
    """Sums the time in which at least one request to AWS is in progress, in any thread."""

    def __init__(self) -> None:
        self._lock, self._active, self._since, self.seconds = threading.Lock(), 0, 0.0, 0.0
        self._send = botocore.httpsession.URLLib3Session.send
        waiting = self

        def send(session: Any, request: Any) -> Any:
            waiting._enter()
            try:
                return waiting._send(session, request)
            finally:
                waiting._leave()

        botocore.httpsession.URLLib3Session.send = send  # type: ignore[assignment, method-assign]

    def _enter(self) -> None:
        with self._lock:
            if self._active == 0:
                self._since = time.perf_counter()
            self._active += 1

    def _leave(self) -> None:
        with self._lock:
            self._active -= 1
            if self._active == 0:
                self.seconds += time.perf_counter() - self._since


class Context:
    """The context that Lambda passes to a handler."""

    function_name = "rollcall-dev"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:rollcall-dev"
    aws_request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"

    def get_remaining_time_in_millis(self) -> int:
        """Return the remaining time."""
        return 29_000


def main() -> None:
    """Measure as standard input says."""
    job = json.load(sys.stdin)
    module, _, name = job["handler"].rpartition(".")
    handler = getattr(importlib.import_module(module), name)
    waiting, run = Waiting(), uuid.uuid4().hex[:8]
    people: list[str] = []
    medians: dict[str, float] = {}
    for shape, (event, times, status) in job["shapes"].items():
        own = []
        for number in range(times):
            one = dict(event)
            if one["body"]:
                person = people[number % len(people)] if people else ""
                one["body"] = one["body"].replace("{n}", f"{run}-{number}").replace("{person}", person)
            waited, began = waiting.seconds, time.perf_counter()
            answer = handler(one, Context())
            own.append(time.perf_counter() - began - (waiting.seconds - waited))
            if answer["statusCode"] != status:
                raise SystemExit(f"{job['handler']} replied to {shape} with {answer}")
            if status == 201 and "person_id" in (made := json.loads(answer["body"])) and "name" in made:
                people.append(made["person_id"])
        medians[shape] = statistics.median(own[times // 10 :]) * 1e6
    json.dump(medians, sys.stdout)


if __name__ == "__main__":
    main()

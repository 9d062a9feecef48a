"""The warmer: a schedule that sends the API's function what API Gateway sends for GET /health.

One environment stays warm by it, which helps a quiet office and not a rush. EventBridge calls the function
itself, so the call is in no metric of the API.
"""

import json
from contextlib import suppress
from typing import Any

from infra.stage import Stage

_RATE = "rate(5 minutes)"
_STATEMENT = "warmer"

EVENT: dict[str, Any] = {
    "resource": "/health",
    "path": "/health",
    "httpMethod": "GET",
    "headers": {"User-Agent": "rollcall-warmer"},
    "multiValueHeaders": {"User-Agent": ["rollcall-warmer"]},
    "queryStringParameters": None,
    "multiValueQueryStringParameters": None,
    "pathParameters": None,
    "stageVariables": None,
    "requestContext": {
        "httpMethod": "GET",
        "resourcePath": "/health",
        "path": "/health",
        "requestId": "warmer",
        "identity": {"sourceIp": "127.0.0.1", "userAgent": "rollcall-warmer"},
    },
    "body": None,
    "isBase64Encoded": False,
}
"""What the function receives."""


def switch(stage: Stage, *, on: bool) -> None:
    """Create the schedule, or remove it; may be repeated."""
    events, functions = stage.client("events"), stage.client("lambda")
    name = f"{stage.prefix}-warmer"
    if not on:
        if events.list_rules(NamePrefix=name)["Rules"]:
            events.remove_targets(Rule=name, Ids=["1"])
            events.delete_rule(Name=name)
            with suppress(functions.exceptions.ResourceNotFoundException):
                functions.remove_permission(FunctionName=stage.prefix, StatementId=_STATEMENT)
        return
    rule = events.put_rule(Name=name, ScheduleExpression=_RATE)["RuleArn"]
    with suppress(functions.exceptions.ResourceConflictException):  # it is allowed already
        functions.add_permission(
            FunctionName=stage.prefix,
            StatementId=_STATEMENT,
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=rule,
        )
    target = {"Id": "1", "Arn": stage.arn("lambda", f"function:{stage.prefix}"), "Input": json.dumps(EVENT)}
    events.put_targets(Rule=name, Targets=[target])

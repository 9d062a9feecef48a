"""CloudFormation stacks: created and changed by change sets, and watched until they are done."""

import json
import time
from collections.abc import Mapping
from typing import Any

from infra.progress import POLL_S, say, until
from infra.stage import Failure, Stage

# A stack whose creation failed can only be deleted.
_DEAD = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}
_GOOD = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}
_PATIENCE = 900  # polls: half an hour
_NAME_TAKEN_S = 61
"""For a minute after a queue was deleted, SQS refuses another one of its name."""


def describe(stage: Stage, name: str) -> dict[str, Any] | None:
    """Describe a stack; None if there is none."""
    cloudformation = stage.client("cloudformation")
    try:
        stacks: list[dict[str, Any]] = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except cloudformation.exceptions.ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return stacks[0] if stacks and stacks[0]["StackStatus"] != "DELETE_COMPLETE" else None


def parameters(stage: Stage, name: str) -> dict[str, str]:
    """Return a stack's parameters; none if there is no stack."""
    found = describe(stage, name) or {}
    return {entry["ParameterKey"]: entry.get("ParameterValue", "") for entry in found.get("Parameters", [])}


def role_names(stage: Stage, name: str) -> list[str]:
    """List the roles that belong to a stack."""
    pages = stage.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=name)
    return [
        resource["PhysicalResourceId"]
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == "AWS::IAM::Role" and "PhysicalResourceId" in resource
    ]


_UNSET = {"", "0", "no", "false"}


def show_new(template: Mapping[str, Any], given: Mapping[str, str]) -> None:
    """Print the resources that a new stack would have; the conditional ones need a parameter to be given."""
    needs = {
        "HasBackup": "BackupDays",
        "HasBudget": "MonthlyBudget",
        "HasEmail": "AlarmEmail",
        "HasFirewall": "RequestsPerAddress",
        "HasKey": "CustomerKey",
        "HasTrail": "DataEvents",
        "HasVault": "KeepsVault",
        "MakesProvider": "MakesProvider",
    }
    for name, resource in template["Resources"].items():
        if "Condition" not in resource or given.get(needs[resource["Condition"]], "") not in _UNSET:
            say(f"  add {name} ({resource['Type']})")


def apply(
    stage: Stage, name: str, template: Mapping[str, Any], given: Mapping[str, str], *, dry_run: bool
) -> None:
    """Create the stack, or change it to match the template; parameters not `given` keep their values.

    Safe to repeat after a crash at any point. With `dry_run` the changes are printed and not made.
    Raises Failure with CloudFormation's reason.
    """
    for again in (True, False):
        status, reason = _apply_once(stage, name, template, given, dry_run=dry_run)
        if not reason:
            return
        if not again or "60 seconds" not in reason:
            raise Failure(f"stack {name} ended as {status}: {reason}")
        say("  a queue of this name was just deleted, and SQS wants a minute before the next; waiting")
        time.sleep(_NAME_TAKEN_S)


def _apply_once(
    stage: Stage, name: str, template: Mapping[str, Any], given: Mapping[str, str], *, dry_run: bool
) -> tuple[str, str]:
    """Do what `apply` does; return the stack's status and the reason if it failed, else an empty one."""
    if dry_run and describe(stage, name) is None:
        say(f"  would create stack {name}")
        show_new(template, given)
        return "", ""
    found = _settled(stage, name)
    cloudformation = stage.client("cloudformation")
    new = found is None or found["StackStatus"] == "REVIEW_IN_PROGRESS"
    kept = {} if new else parameters(stage, name)
    values: list[dict[str, Any]] = [
        {"ParameterKey": key, "ParameterValue": value} for key, value in given.items()
    ]
    values += [
        {"ParameterKey": key, "UsePreviousValue": True}
        for key in kept
        if key not in given and key in template.get("Parameters", {})
    ]
    change_set = f"up-{time.time_ns()}"
    try:
        cloudformation.create_change_set(
            StackName=name,
            ChangeSetName=change_set,
            ChangeSetType="CREATE" if new else "UPDATE",
            TemplateBody=json.dumps(template, separators=(",", ":")),
            Parameters=values,
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Tags=[{"Key": "rollcall:stage", "Value": stage.name}],
        )
    except cloudformation.exceptions.ClientError as error:
        if not _nothing_new(str(error)):
            raise
        say("  nothing to change")  # moto refuses at once, AWS in the change set's status
        return "", ""
    changes = _changes(stage, name, change_set)
    for change in changes or []:
        say(f"  {change['Action'].lower()} {change['LogicalResourceId']} ({change['ResourceType']})")
    if not changes:
        say("  nothing to change" if changes is None else "  only what the stack remembers changes")
    if dry_run or changes is None:
        cloudformation.delete_change_set(StackName=name, ChangeSetName=change_set)
        return "", ""
    cloudformation.execute_change_set(StackName=name, ChangeSetName=change_set)
    status = _follow(stage, name)
    return status, "" if status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"} else _reason(stage, name)


def delete(stage: Stage, name: str) -> None:
    """Delete a stack if it exists, except what it retains. Raises Failure with CloudFormation's reason."""
    if _settled(stage, name) is None and describe(stage, name) is None:
        return
    stage.client("cloudformation").delete_stack(StackName=name)
    status = _follow(stage, name)
    if status != "DELETE_COMPLETE":
        raise Failure(f"stack {name} ended as {status}: {_reason(stage, name)}")


def _settled(stage: Stage, name: str) -> dict[str, Any] | None:
    """Wait for a change under way, and delete a stack whose creation failed; then describe the stack."""
    found = describe(stage, name)
    if found is None or found["StackStatus"] == "REVIEW_IN_PROGRESS":
        return found
    if found["StackStatus"].endswith("IN_PROGRESS"):
        say(f"  stack {name} is {found['StackStatus']}; waiting for it")
        _follow(stage, name)
        found = describe(stage, name)
    if found and found["StackStatus"] in _DEAD:
        say(f"  stack {name} is {found['StackStatus']}; deleting it")
        stage.client("cloudformation").delete_stack(StackName=name)
        _follow(stage, name)
        return None
    if found and found["StackStatus"] not in _GOOD:
        raise Failure(f"stack {name} is {found['StackStatus']}: see docs/runbook.md")
    return found


def _nothing_new(reason: str) -> bool:
    return "didn't contain changes" in reason or "No updates are to be performed" in reason


def _changes(stage: Stage, name: str, change_set: str) -> list[dict[str, Any]] | None:
    """Wait for a change set and return its changes of resources; None if there is nothing to change.

    A change set of a parameter that only an output shows has no changes of resources, and is executed.
    """
    cloudformation = stage.client("cloudformation")

    def ready() -> tuple[list[dict[str, Any]] | None] | None:
        pages: list[dict[str, Any]] = []
        token: dict[str, str] = {}
        while True:
            reply = cloudformation.describe_change_set(StackName=name, ChangeSetName=change_set, **token)
            reason = reply.get("StatusReason") or ""
            if reply["Status"] == "FAILED":
                if _nothing_new(reason):
                    return (None,)
                raise Failure(f"CloudFormation refuses the template: {reason}")
            if not reply["Status"].endswith("COMPLETE"):
                return None
            pages += [change["ResourceChange"] for change in reply.get("Changes", [])]
            if "NextToken" not in reply:
                return (pages,)
            token = {"NextToken": reply["NextToken"]}

    [changes] = until(ready, "CloudFormation's change set", tries=_PATIENCE)
    return changes


def _follow(stage: Stage, name: str) -> str:
    """Print a stack's resources as they change until it is done; return its last status."""
    cloudformation = stage.client("cloudformation")
    found = describe(stage, name)
    if found is None:
        return "DELETE_COMPLETE"
    stack_id = found["StackId"]  # a deleted stack is only found by id
    shown: set[tuple[str, str]] = set()
    for attempt in range(_PATIENCE):
        status: str = cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"]
        summaries = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_id)
        for page in summaries:
            for resource in page["StackResourceSummaries"]:
                now = (resource["LogicalResourceId"], resource["ResourceStatus"])
                news = now not in shown and (attempt or not now[1].endswith("COMPLETE"))
                shown.add(now)
                if news:
                    say(f"  {now[1].lower().replace('_', ' ')}: {now[0]}")
        if not status.endswith("IN_PROGRESS"):
            return status
        time.sleep(POLL_S)
    raise Failure(f"stack {name} is still changing; run the command again")


def _reason(stage: Stage, name: str) -> str:
    """Return the first failure of a stack's last change."""
    events = stage.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    failed = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
    cause = failed[-1] if failed else {}
    return f"{cause.get('LogicalResourceId', '?')}: {cause.get('ResourceStatusReason', 'no reason given')}"

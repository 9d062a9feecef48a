"""`down`: remove a stage completely; safe to run again from wherever it stopped.

Only one Region is touched: the stage's API, rules, functions and log groups there, and what its stack there
made. The functions' roles belong to the stack, so that roles of the same stage in other Regions stay.
"""

import argparse
import os
import sys
from contextlib import nullcontext, suppress

from infra import backups, bucket, build, deploy, gateway, lock, stack, table
from infra.progress import Steps, say
from infra.stage import APP, Failure, Stage, find

_STEPS = (
    "Functions, routes and schedules (chalice delete)",
    "What an interrupted deploy left of them",
    "Objects in the bucket",
    "Resources and roles (CloudFormation)",
    "What the stack retains: table, bucket, collection",
    "What the stages of this Region share",
)


def down(options: argparse.Namespace) -> None:
    """Show what a stage consists of, ask, and remove it with all its data. Raises Failure."""
    stage = find(options.stage)
    found = inventory(stage)
    if found:
        say(f"{stage.prefix} in account {stage.account}, Region {stage.region}:")
        for line in [*found, *contents(stage)]:
            say(f"  {line}")
        if options.dry_run:
            return
        _ask(stage)
        locked = bucket.exists(stage)
        with lock.held(stage, "down", break_lock=options.break_lock) if locked else nullcontext():
            _remove(stage)
    elif not options.dry_run:
        _release_shared(stage)
    left = inventory(stage)
    if left:
        raise Failure(f"still there: {', '.join(left)}; run the command again")
    print(f"Nothing is left of {stage.prefix} in Region {stage.region}.")


def _remove(stage: Stage) -> None:
    steps = Steps(_STEPS)
    steps.next()
    deploy.fetch_record(stage)
    if build.record(stage).exists():
        try:
            build.chalice(build.folder(stage, {}), ["delete"], stage)
        except Failure as failure:  # it fails on what an earlier run has removed
            say(f"  {failure}; continuing by name")
    steps.next()
    for remove in (_delete_domain, _delete_apis, _delete_rules, _delete_functions):
        remove(stage)
    steps.next()
    bucket.empty(stage)
    steps.next()
    backups.delete(stage)
    table.unprotect(stage)  # a stack that was never completed deletes its table itself
    stack.delete(stage, stage.prefix)
    steps.next()
    for remove in (table.delete, bucket.delete, _delete_collection, _delete_log_groups):
        remove(stage)
    steps.next()
    _release_shared(stage)
    build.record(stage).unlink(missing_ok=True)


def _release_shared(stage: Stage) -> None:
    if _other_stages(stage):
        say("  kept: there are other stages")
    else:
        gateway.forbid_logs(stage)


def _ask(stage: Stage) -> None:
    """Ask for confirmation. Raises Failure unless it is given."""
    confirmed = os.environ.get("CONFIRM") == stage.name
    if stage.name == "prod" and not confirmed:
        raise Failure("prod is only removed with CONFIRM=prod in the environment")
    if confirmed:
        return
    say(
        f"All people, photos, punches and backups of {stage.name} will be deleted. Type its name to continue:"
    )
    if sys.stdin.readline().strip() != stage.name:
        raise Failure("nothing was removed")


def inventory(stage: Stage) -> list[str]:
    """List the stage's resources in its Region. Raises Failure if the bucket is not ours."""
    found = [f"API {api}" for api in gateway.apis(stage)]
    found += [f"rule {name}" for name in _rule_names(stage)]
    found += [f"function {name}" for name in function_names(stage)]
    found += [f"log group {name}" for name in _log_group_names(stage)]
    if stack.describe(stage, stage.prefix):
        found.append(f"stack {stage.prefix}")
        found += [f"role {name}" for name in stack.role_names(stage, stage.prefix)]
    if bucket.exists(stage):
        found.append(f"bucket {stage.bucket}")
    if table.describe(stage):
        found.append(f"table {stage.prefix}")
    if face_count(stage) is not None:
        found.append(f"collection {stage.prefix}")
    return found


def contents(stage: Stage) -> list[str]:
    """Describe how much data a stage holds; DynamoDB's count is some hours old."""
    lines = []
    if described := table.describe(stage):
        lines.append(f"data: about {described['ItemCount']} items in the table")
    if faces := face_count(stage):
        lines.append(f"data: {faces} faces in the collection")
    if kept := backups.arns(stage):
        lines.append(f"data: {len(kept)} monthly backups")
    return lines


def _delete_domain(stage: Stage) -> None:
    """Delete the domain of `up --domain`, unless it leads to another API than this stage's."""
    name = stack.parameters(stage, stage.prefix).get("Domain")
    if not name:
        return
    client = stage.client("apigateway")
    with suppress(client.exceptions.NotFoundException):
        mappings = client.get_base_path_mappings(domainName=name).get("items", [])
        pages = client.get_paginator("get_rest_apis").paginate()
        others = {api["id"] for page in pages for api in page["items"]} - set(gateway.apis(stage))
        if not others & {mapping["restApiId"] for mapping in mappings}:
            client.delete_domain_name(domainName=name)
            say(f"  domain {name}")


def _delete_apis(stage: Stage) -> None:
    for api in gateway.apis(stage):
        stage.client("apigateway").delete_rest_api(restApiId=api)
        say(f"  API {api}")


def _rule_names(stage: Stage) -> list[str]:
    pages = stage.client("events").get_paginator("list_rules").paginate(NamePrefix=f"{stage.prefix}-")
    return [rule["Name"] for page in pages for rule in page["Rules"]]


def _delete_rules(stage: Stage) -> None:
    client = stage.client("events")
    for rule in _rule_names(stage):
        targets = [target["Id"] for target in client.list_targets_by_rule(Rule=rule)["Targets"]]
        if targets:
            client.remove_targets(Rule=rule, Ids=targets)
        client.delete_rule(Name=rule)
        say(f"  rule {rule}")


def function_names(stage: Stage) -> list[str]:
    """Return the names of a stage's functions."""
    pages = stage.client("lambda").get_paginator("list_functions").paginate()
    names = (function["FunctionName"] for page in pages for function in page["Functions"])
    return [name for name in names if _is_ours(stage, name)]


def _delete_functions(stage: Stage) -> None:
    for name in function_names(stage):
        stage.client("lambda").delete_function(FunctionName=name)
        say(f"  function {name}")


def _is_ours(stage: Stage, name: str) -> bool:
    """Return whether a name is the stage's own; no stage's name has a hyphen."""
    return name == stage.prefix or name.startswith(f"{stage.prefix}-")


def _log_group_names(stage: Stage) -> list[str]:
    pages = stage.client("logs").get_paginator("describe_log_groups")
    found = [
        group["logGroupName"]
        for prefix in (f"/aws/lambda/{stage.prefix}", f"/{APP}/{stage.name}/")
        for page in pages.paginate(logGroupNamePrefix=prefix)
        for group in page["logGroups"]
    ]
    return [name for name in found if _is_ours(stage, name.rpartition("/")[2]) or name.startswith(f"/{APP}/")]


def _delete_log_groups(stage: Stage) -> None:
    """Delete the groups that Lambda created for a last line after the stack's own were deleted."""
    for name in _log_group_names(stage):
        stage.client("logs").delete_log_group(logGroupName=name)
        say(f"  log group {name}")


def face_count(stage: Stage) -> int | None:
    """Return the number of faces in the collection; None if there is no collection."""
    client = stage.client("rekognition")
    try:
        count: int = client.describe_collection(CollectionId=stage.prefix)["FaceCount"]
    except client.exceptions.ResourceNotFoundException:
        return None
    return count


def _delete_collection(stage: Stage) -> None:
    if face_count(stage) is not None:
        stage.client("rekognition").delete_collection(CollectionId=stage.prefix)
        say(f"  collection {stage.prefix}")


def _other_stages(stage: Stage) -> list[str]:
    """List the stacks of other stages in this account and Region."""
    pages = stage.client("cloudformation").get_paginator("describe_stacks").paginate()
    names = (found["StackName"] for page in pages for found in page["Stacks"])
    own = {stage.prefix, gateway.ACCOUNT_STACK}
    return [name for name in names if name.startswith(f"{APP}-") and name not in own]

"""`down`: a stage removed, so that nothing of it is left; safe to run again from wherever it stopped."""

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

from infra import build, deploy, gateway, stack
from infra.progress import Steps, say, until
from infra.stage import APP, Failure, Stage, find


def down(options: argparse.Namespace) -> None:
    """Remove a stage with all its data, after asking. Raises Failure."""
    stage = find(options.stage)
    say(f"Removing {stage.prefix} in account {stage.account}, Region {stage.region}:")
    for line in inventory(stage):
        say(f"  {line}")
    if options.dry_run:
        return
    _ask(stage)
    steps = Steps(6)
    steps.next("Functions, routes and schedules (chalice delete)")
    deploy.fetch_deployed(stage)
    if build.note(stage).exists():
        try:
            build.chalice(build.folder(stage, {}), ["delete"], stage)
        except Failure as failure:  # it stumbles over what an earlier run has removed
            say(f"  {failure}; going on by name")
    steps.next("What a crash left of them")
    for remove in (_apis, _rules, _functions, _roles):
        remove(stage)
    steps.next("Bucket")
    _empty(stage)
    steps.next(f"Resources (CloudFormation stack {stage.prefix})")
    stack.delete(stage, stage.prefix)
    steps.next("What the stack retains: table, bucket, collection")
    for remove in (_table, _bucket, _collection, _logs):
        remove(stage)
    steps.next("What all stages share")
    if _others(stage):
        say("  stays: there are other stages")
    else:
        gateway.forbid_logs(stage)
    build.note(stage).unlink(missing_ok=True)
    left = inventory(stage)
    if left:
        raise Failure(f"still there: {', '.join(left)}; run the command again")
    print(f"Nothing is left of {stage.prefix}.")


def _ask(stage: Stage) -> None:
    """Make sure that it is meant. Raises Failure."""
    confirmed = os.environ.get("CONFIRM") == stage.name
    if stage.name == "prod" and not confirmed:
        raise Failure("prod is only removed with CONFIRM=prod in the environment")
    if confirmed:
        return
    say(f"All people, photos, punches and backups of {stage.name} will be gone. Type its name to go on:")
    if sys.stdin.readline().strip() != stage.name:
        raise Failure("nothing was removed")


def inventory(stage: Stage) -> list[str]:
    """Name what there is of a stage, apart from its data."""
    found = [f"API {api}" for api in gateway.apis(stage)]
    found += [f"rule {name}" for name in _rule_names(stage)]
    found += [f"function {name}" for name in _function_names(stage)]
    found += [f"role {name}" for name in _role_names(stage)]
    found += [f"log group {name}" for name in _log_names(stage)]
    if stack.describe(stage, stage.prefix):
        found.append(f"stack {stage.prefix}")
    if _bucket_exists(stage):
        found.append(f"bucket {stage.bucket}")
    if _table_status(stage):
        found.append(f"table {stage.prefix}")
    if faces(stage) is not None:
        found.append(f"collection {stage.prefix}")
    return found


def _apis(stage: Stage) -> None:
    for api in gateway.apis(stage):
        stage.client("apigateway").delete_rest_api(restApiId=api)
        say(f"  API {api}")


def _rule_names(stage: Stage) -> list[str]:
    pages = stage.client("events").get_paginator("list_rules").paginate(NamePrefix=f"{stage.prefix}-")
    return [rule["Name"] for page in pages for rule in page["Rules"]]


def _rules(stage: Stage) -> None:
    client = stage.client("events")
    for rule in _rule_names(stage):
        targets = [target["Id"] for target in client.list_targets_by_rule(Rule=rule)["Targets"]]
        if targets:
            client.remove_targets(Rule=rule, Ids=targets)
        client.delete_rule(Name=rule)
        say(f"  rule {rule}")


def _function_names(stage: Stage) -> list[str]:
    pages = stage.client("lambda").get_paginator("list_functions").paginate()
    names = (function["FunctionName"] for page in pages for function in page["Functions"])
    return [name for name in names if _ours(stage, name)]


def _functions(stage: Stage) -> None:
    for name in _function_names(stage):
        stage.client("lambda").delete_function(FunctionName=name)
        say(f"  function {name}")


def _role_names(stage: Stage) -> list[str]:
    pages = stage.client("iam").get_paginator("list_roles").paginate()
    names = (role["RoleName"] for page in pages for role in page["Roles"])
    return [name for name in names if _ours(stage, name)]


def _roles(stage: Stage) -> None:
    client = stage.client("iam")
    for name in _role_names(stage):
        if name == f"{stage.prefix}-streaming":
            continue  # the stack's
        for policy in client.list_role_policies(RoleName=name)["PolicyNames"]:
            client.delete_role_policy(RoleName=name, PolicyName=policy)
        client.delete_role(RoleName=name)
        say(f"  role {name}")


def _ours(stage: Stage, name: str) -> bool:
    """Say whether a name is the stage's: no stage's name has a hyphen."""
    return name == stage.prefix or name.startswith(f"{stage.prefix}-")


def _log_names(stage: Stage) -> list[str]:
    pages = stage.client("logs").get_paginator("describe_log_groups")
    found = [
        group["logGroupName"]
        for prefix in (f"/aws/lambda/{stage.prefix}", f"/{APP}/{stage.name}/")
        for page in pages.paginate(logGroupNamePrefix=prefix)
        for group in page["logGroups"]
    ]
    return [name for name in found if _ours(stage, name.rpartition("/")[2]) or name.startswith(f"/{APP}/")]


def _logs(stage: Stage) -> None:
    """Remove the groups that Lambda made anew for a last line after the stack's were gone."""
    for name in _log_names(stage):
        stage.client("logs").delete_log_group(logGroupName=name)
        say(f"  log group {name}")


def _bucket_exists(stage: Stage) -> bool:
    client = stage.client("s3")
    try:
        client.head_bucket(Bucket=stage.bucket)
    except client.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in {"404", "NoSuchBucket"}:
            return False
        raise
    return True


def _empty(stage: Stage) -> None:
    if not _bucket_exists(stage):
        return
    client, removed = stage.client("s3"), 0
    for page in client.get_paginator("list_object_versions").paginate(Bucket=stage.bucket):
        objects = [
            {"Key": version["Key"], "VersionId": version["VersionId"]}
            for kind in ("Versions", "DeleteMarkers")
            for version in page.get(kind, [])
        ]
        if objects:
            reply = client.delete_objects(Bucket=stage.bucket, Delete={"Objects": objects, "Quiet": True})
            if errors := reply.get("Errors"):
                raise Failure(f"S3 did not delete {errors[0]['Key']}: {errors[0]['Message']}")
            removed += len(objects)
            say(f"  {removed} objects removed")


def _bucket(stage: Stage) -> None:
    if _bucket_exists(stage):
        _empty(stage)  # what came in meanwhile
        stage.client("s3").delete_bucket(Bucket=stage.bucket)
        say(f"  bucket {stage.bucket}")


def _table_status(stage: Stage) -> str | None:
    client = stage.client("dynamodb")
    try:
        status: str = client.describe_table(TableName=stage.prefix)["Table"]["TableStatus"]
    except client.exceptions.ResourceNotFoundException:
        return None
    return status


def _table(stage: Stage) -> None:
    status = _table_status(stage)
    if status is None:
        return
    if status != "DELETING":
        stage.client("dynamodb").delete_table(TableName=stage.prefix)
    _gone(lambda: _table_status(stage), f"table {stage.prefix}")


def faces(stage: Stage) -> int | None:
    """Count the faces in the collection; None when there is none."""
    client = stage.client("rekognition")
    try:
        count: int = client.describe_collection(CollectionId=stage.prefix)["FaceCount"]
    except client.exceptions.ResourceNotFoundException:
        return None
    return count


def _collection(stage: Stage) -> None:
    if faces(stage) is not None:
        stage.client("rekognition").delete_collection(CollectionId=stage.prefix)
        say(f"  collection {stage.prefix}")


def _gone(look: Callable[[], Any], what: str) -> None:
    until(lambda: True if look() is None else None, f"{what} to go", tries=300)
    say(f"  {what}")


def _others(stage: Stage) -> list[str]:
    """Name the stacks of other stages in this account and Region."""
    pages = stage.client("cloudformation").get_paginator("describe_stacks").paginate()
    names = (found["StackName"] for page in pages for found in page["Stacks"])
    own = {stage.prefix, gateway.ACCOUNT_STACK}
    return [name for name in names if name.startswith(f"{APP}-") and name not in own]

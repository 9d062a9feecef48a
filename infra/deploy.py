"""`up`: create a stage, or bring it up to date; safe to run again from wherever it stopped."""

import argparse
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress

import boto3

from infra import bucket, build, gateway, policies, regions, stack, stages, table, template, tokens
from infra.progress import Steps, say, until
from infra.smoke import smoke
from infra.stage import Failure, NotConnected, Stage, find, region_of, variables

RECORD_KEY = "deploy/deployed.json"
"""Key of Chalice's record of what it deployed. It is kept in the bucket, so any machine can continue."""

_PARAMETERS = {
    "origin": "AllowedOrigin",
    "alarm_email": "AlarmEmail",
    "budget": "MonthlyBudget",
    "log_days": "LogDays",
    "cmk": "CustomerKey",
    "trail": "DataEvents",
}

_STEPS = (
    "Credentials and Region",
    "Resources and roles (CloudFormation)",
    "Folder to deploy",
    "Functions, routes and schedules (chalice deploy)",
    "Throttling, tracing, access logs",
    "Dead letters",
    "First admin token",
    "Smoke test",
)


def up(options: argparse.Namespace) -> None:
    """Create a stage or bring it up to date, and print its URL. Raises Failure."""
    stages.check(options.stage)
    given = _chosen(options)
    steps = Steps(_STEPS)
    steps.next()
    try:
        stage = find(options.stage)
    except NotConnected as reason:
        if not options.dry_run:
            raise
        _plan_unconnected(options, given, reason, steps)
        return
    say(f"  account {stage.account}, Region {stage.region}")
    kept = stack.parameters(stage, stage.prefix)
    if not kept:  # an existing stage has been allowed its Region
        stages.check_region(stage.region, options.without_liveness)
    if lacking := regions.without_liveness(stage.region):
        say(f"  warning: {lacking}")
    if stage.protected and {**kept, **given}.get("AllowedOrigin", "*") == "*":
        say("  warning: pages of any origin may use a token that they get hold of; --origin names yours")
    _check_budget(given, kept)
    bucket.exists(stage)  # raises Failure if it is not ours

    steps.next()
    names = {"Stage": stage.name, "BucketSuffix": stage.bucket_suffix, "RoleSuffix": stage.role_suffix}
    stack.apply(stage, stage.prefix, template.of_stage(), names | given, dry_run=options.dry_run)
    if options.dry_run:
        _plan_rest(steps)
        return
    table.protect(stage)

    steps.next()
    settings = {
        "ROLLCALL_BUCKET": stage.bucket,
        "ROLLCALL_ORIGIN": stack.parameters(stage, stage.prefix)["AllowedOrigin"],
        "ROLLCALL_STREAMING_ROLE": stage.role("streaming"),
    }
    place = build.folder(stage, settings)
    fetch_record(stage)

    steps.next()
    build.chalice(place, ["deploy"], stage)
    deployed = json.loads(build.record(stage).read_text(encoding="utf-8"))["resources"]
    stage.client("s3").put_object(
        Bucket=stage.bucket,
        Key=RECORD_KEY,
        Body=build.record(stage).read_bytes(),
    )
    api = next(resource for resource in deployed if resource["resource_type"] == "rest_api")

    steps.next()
    gateway.allow_logs(stage)
    gateway.configure(stage, api["rest_api_id"], settings["ROLLCALL_ORIGIN"])

    steps.next()
    for resource in deployed:
        if resource["resource_type"] == "lambda_function" and resource["name"] != policies.API_FUNCTION:
            _send_failures_to_queue(stage, resource["lambda_arn"])

    steps.next()
    token = tokens.first_admin(stage, options.token_file)

    steps.next()
    url = (options.url or api["rest_api_url"]).rstrip("/")
    print(url, flush=True)
    if options.url is None and stage.client("lambda").meta.endpoint_url.startswith("http://"):
        say("  skipped: this AWS is an emulation, and nothing answers at the URL")
    else:
        smoke(stage, url, token)


def _chosen(options: argparse.Namespace) -> dict[str, str]:
    """Return the stack's parameters that this run chooses. Raises Failure for one that cannot be right."""
    given = {
        parameter: str(value).lower() if isinstance(value, bool) else str(value)
        for option, parameter in _PARAMETERS.items()
        if (value := getattr(options, option)) is not None
    }
    origin = variables(options.stage).get("ROLLCALL_ORIGIN", "*")
    if origin != "*":
        if options.origin not in {None, origin}:
            raise Failure(f"the origin of stage {options.stage} is set in .chalice/config.json: {origin}")
        given["AllowedOrigin"] = origin
    if "AllowedOrigin" in given:
        stages.check_origin(given["AllowedOrigin"])
    if given.get("AlarmEmail") and not re.fullmatch(r"[^@\s]+@[^@\s]+", given["AlarmEmail"]):
        raise Failure(f"{given['AlarmEmail']} is not a mail address")
    if options.budget is not None and options.budget < 0:
        raise Failure("a budget is a number of US dollars, or 0 for none")
    days = template.of_stage()["Parameters"]["LogDays"]["AllowedValues"]
    if options.log_days is not None and options.log_days not in days:
        raise Failure(f"--log-days is one of {', '.join(map(str, days))}")
    if options.url is not None and not re.fullmatch(r"https?://[^\s/]+(/\S*)?", options.url):
        raise Failure(f"{options.url} is not a URL; one is https://attendance.example.com")
    if options.token_file is not None and not os.access(options.token_file.absolute().parent, os.W_OK):
        raise Failure(f"{options.token_file.parent} is not a folder in which a token file can be written")
    return given


def _check_budget(given: Mapping[str, str], kept: Mapping[str, str]) -> None:
    """Check that a budget has somebody to write to. Raises Failure."""
    wanted = {**kept, **given}
    if wanted.get("MonthlyBudget", "0") != "0" and not wanted.get("AlarmEmail"):
        raise Failure("--budget sends a mail, so it needs --alarm-email")


def _plan_unconnected(
    options: argparse.Namespace, given: Mapping[str, str], reason: NotConnected, steps: Steps
) -> None:
    """Print the plan for a new stage when no account can be asked. Raises Failure."""
    say(f"  {reason}")
    say("  without an account this is the plan for a new stage; names in capitals are not known yet")
    region = "REGION"
    with suppress(NotConnected):
        region = region_of(options.stage)
    if region != "REGION":
        stages.check_region(region, options.without_liveness)
    _check_budget(given, {})
    stage = Stage(options.stage, "ACCOUNT", region, "aws", boto3.session.Session())
    steps.next()
    say(f"  would create stack {stage.prefix} and bucket {stage.bucket}")
    stack.show_new(template.of_stage(), given)
    _plan_rest(steps)


def _plan_rest(steps: Steps) -> None:
    """Print the steps that follow the resources."""
    for _ in _STEPS[2:]:
        steps.next()
        say("  would be done")


def fetch_record(stage: Stage) -> None:
    """Put Chalice's record in its place: the bucket's, else this machine's, else a new one.

    A record counts if its API exists and calls the stage's function. A deploy that died may have created an
    API without recording it; the next would create a second one, so the first is recorded here.
    """
    existing = gateway.apis(stage)
    s3 = stage.client("s3")
    path = build.record(stage)
    path.parent.mkdir(parents=True, exist_ok=True)
    records = [path.read_text(encoding="utf-8")] if path.exists() else []
    with suppress(s3.exceptions.NoSuchKey, s3.exceptions.NoSuchBucket):
        records.insert(0, s3.get_object(Bucket=stage.bucket, Key=RECORD_KEY)["Body"].read().decode())
    for text in records:
        if any(resource.get("rest_api_id") in existing for resource in json.loads(text)["resources"]):
            path.write_text(text, encoding="utf-8")
            return
    path.unlink(missing_ok=True)
    for api in existing[:1]:
        say(f"  API {api} was created by a deploy that died; continuing with it")
        url = f"https://{api}.execute-api.{stage.region}.amazonaws.com/{stage.name}/"
        found = {"name": "rest_api", "resource_type": "rest_api", "rest_api_id": api, "rest_api_url": url}
        path.write_text(json.dumps({"resources": [found], "schema_version": "2.0", "backend": "api"}))


def _send_failures_to_queue(stage: Stage, function: str) -> None:
    """Send the events that a function failed to handle three times to the dead-letter queue."""
    queue = stage.arn("sqs", f"{stage.prefix}-dead-letters")
    client = stage.client("lambda")

    def done() -> bool | None:
        try:
            client.put_function_event_invoke_config(
                FunctionName=function,
                MaximumRetryAttempts=2,
                DestinationConfig={"OnFailure": {"Destination": queue}},
            )
        except client.exceptions.InvalidParameterValueException as error:
            if "permission" not in str(error):
                raise
            return None  # a new role takes some seconds to reach all of IAM's servers
        return True

    until(done, "IAM to let the function write to the queue", tries=15)
    say(f"  {function.rpartition(':')[2]}")

"""`up`: create a stage, or bring it up to date; safe to run again from wherever it stopped."""

import argparse
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3

from infra import (
    bucket,
    build,
    capacity,
    choices,
    domain,
    firewall,
    gateway,
    lock,
    pause,
    policies,
    release,
    schema,
    stack,
    stages,
    table,
    template,
    tokens,
    warmer,
)
from infra.progress import Steps, say, until
from infra.smoke import smoke, stage_logs
from infra.stage import NotConnected, Stage, find, region_of

RECORD_KEY = "deploy/deployed.json"
"""Key of Chalice's record of what it deployed. It is kept in the bucket, so any machine can continue."""

SWITCH = (
    "Functions, routes and schedules (chalice deploy)",
    "Throttling, tracing, access logs, firewall",
    "Dead letters, warmer",
)
"""The steps of `switch`."""

_STEPS = (
    "Credentials and Region",
    "Resources and roles (CloudFormation)",
    "Folder to deploy",
    "Schema of the table",
    *SWITCH,
    "First admin token",
    "Smoke test",
)


def up(options: argparse.Namespace) -> None:
    """Create a stage or bring it up to date, and print its URL. Raises Failure."""
    stages.check(options.stage)
    stages.check_python()
    given = choices.given(options)
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
    for warning in choices.warnings({**kept, **given}, stage.region, protected=stage.protected):
        say(f"  warning: {warning}")
    given = choices.complete(given, kept)
    if given.get("Domain"):
        given["Certificate"] = domain.certificate(stage, given["Domain"])
    bucket.exists(stage)  # raises Failure if it is not ours
    capacity.tell(stage.region, capacity.ask(stage), options.people)

    steps.next()
    if given.get("RequestsPerAddress") == "0" and not options.dry_run:
        firewall.detach(stage)
    names = {"Stage": stage.name, "BucketSuffix": stage.bucket_suffix, "RoleSuffix": stage.role_suffix}
    stack.apply(stage, stage.prefix, template.of_stage(), names | given, dry_run=options.dry_run)
    if options.dry_run:
        _plan_rest(steps)
        return
    table.protect(stage)
    with lock.held(stage, "up", break_lock=options.break_lock):
        _deploy(stage, options, steps)


def _deploy(stage: Stage, options: argparse.Namespace, steps: Steps) -> None:
    """Deploy the app of this clone on the stage's resources."""
    steps.next()
    place = build.folder(stage, {})
    fetch_record(stage)

    steps.next()
    schema.advance(stage)
    kept = release.keep(stage, place)
    say(f"  {kept}")

    api = switch(stage, place, steps)

    steps.next()
    token = tokens.first_admin(stage, options.token_file)

    steps.next()
    try_out(stage, options.url or api["rest_api_url"], token)
    release.mark_passed(stage, kept)
    stage.client("cloudwatch").enable_alarm_actions(AlarmNames=[f"{stage.prefix}-sweep-silence"])


def switch(stage: Stage, place: Path, steps: Steps) -> dict[str, Any]:
    """Deploy a folder: functions, routes, schedules, and what Chalice has no configuration for.

    Returns Chalice's record of the API. Raises Failure.
    """
    steps.next()
    chosen = stack.parameters(stage, stage.prefix)
    settings = {
        "ROLLCALL_BUCKET": stage.bucket,
        "ROLLCALL_ORIGIN": chosen["AllowedOrigins"],
        "ROLLCALL_STREAMING_ROLE": stage.role("streaming"),
    }
    if chosen["Lab"]:
        settings["ROLLCALL_LAB"] = chosen["Lab"]
    build.adapt(place, stage, settings, pause.reserved(stage, chosen), domain.configuration(chosen))
    build.chalice(place, ["deploy"], stage)
    deployed = json.loads(build.record(stage).read_text(encoding="utf-8"))["resources"]
    stage.client("s3").put_object(
        Bucket=stage.bucket,
        Key=RECORD_KEY,
        Body=build.record(stage).read_bytes(),
    )
    api: dict[str, Any] = next(found for found in deployed if found["resource_type"] == "rest_api")

    steps.next()
    gateway.allow_logs(stage)
    gateway.configure(stage, api["rest_api_id"], capacity.ask(stage).quotas)
    if chosen["RequestsPerAddress"] != "0":
        firewall.attach(stage, api["rest_api_id"])
    domain.tell(deployed)

    steps.next()
    for resource in deployed:
        if resource["resource_type"] == "lambda_function" and resource["name"] != policies.API_FUNCTION:
            _send_failures_to_queue(stage, resource["lambda_arn"])
    warmer.switch(stage, on=chosen["Warmer"] == "on")
    return api


def try_out(stage: Stage, url: str, token: str | None) -> None:
    """Print the stage's URL and run the smoke test. Raises Failure.

    The test takes API Gateway's own URL, because DNS may not know a new domain yet.
    """
    url = url.rstrip("/")
    own = stack.parameters(stage, stage.prefix)["Domain"]
    print(f"https://{own}" if own else url, flush=True)
    if "execute-api" in url and stage.client("lambda").meta.endpoint_url.startswith("http://"):
        say("  skipped: this AWS is an emulation, and nothing answers at the URL")
    else:
        smoke(url, token, f"; {stage_logs(stage)}")


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
        capacity.tell(region, capacity.defaults(region), options.people)
    given = choices.complete(given, {})
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

"""`up`: a stage made, or brought up to date; safe to run again from wherever it stopped."""

import argparse
import json
import urllib.error
import urllib.request
from contextlib import suppress
from typing import Any

from infra import build, gateway, stack, tokens
from infra.progress import Steps, say, until
from infra.stage import LIVENESS_REGIONS, Failure, Stage, find
from local.aws.resources import TEMPLATE

DEPLOYED_KEY = "deploy/deployed.json"
"""Where in the bucket Chalice's note of what it deployed is kept, so that any machine can go on."""

_PARAMETERS = {
    "origin": "AllowedOrigin",
    "alarm_email": "AlarmEmail",
    "budget": "MonthlyBudget",
    "log_days": "LogDays",
}


def up(options: argparse.Namespace) -> None:
    """Make a stage or bring it up to date, and show its URL. Raises Failure."""
    steps = Steps(8)
    steps.next("Credentials and Region")
    stage = find(options.stage)
    say(f"  account {stage.account}, Region {stage.region}")
    if stage.region not in LIVENESS_REGIONS:
        say(f"  warning: Face Liveness may not be offered here, but in {', '.join(sorted(LIVENESS_REGIONS))}")

    steps.next(f"Resources (CloudFormation stack {stage.prefix})")
    given = {"Stage": stage.name, "BucketSuffix": f"-{stage.account}"}
    for option, parameter in _PARAMETERS.items():
        if (value := getattr(options, option)) is not None:
            given[parameter] = str(value)
    stack.apply(stage, stage.prefix, TEMPLATE, given, dry_run=options.dry_run)
    if options.dry_run:
        say("  would then run `chalice deploy`, configure its API and queue, and smoke-test the URL")
        return
    keep_table_safe(stage)

    steps.next("Folder to deploy")
    settings = {
        "ROLLCALL_BUCKET": stage.bucket,
        "ROLLCALL_ORIGIN": stack.parameters(stage, stage.prefix)["AllowedOrigin"],
        "ROLLCALL_STREAMING_ROLE": stage.streaming_role,
    }
    place = build.folder(stage, settings)
    fetch_deployed(stage)

    steps.next("Functions, routes and schedules (chalice deploy)")
    build.chalice(place, ["deploy"], stage)
    deployed = json.loads(build.note(stage).read_text(encoding="utf-8"))["resources"]
    stage.client("s3").put_object(
        Bucket=stage.bucket,
        Key=DEPLOYED_KEY,
        Body=build.note(stage).read_bytes(),
    )
    api = next(resource for resource in deployed if resource["resource_type"] == "rest_api")

    steps.next("Throttling, traces, access logs")
    gateway.allow_logs(stage)
    gateway.configure(stage, api["rest_api_id"], settings["ROLLCALL_ORIGIN"])

    steps.next("Dead letters")
    for resource in deployed:
        if resource["resource_type"] == "lambda_function" and resource["name"] != "api_handler":
            catch_dead_letters(stage, resource["lambda_arn"])

    steps.next("First admin token")
    token = tokens.first_admin(stage)

    steps.next("Smoke test")
    url = (options.url or api["rest_api_url"]).rstrip("/")
    if options.url is None and stage.client("lambda").meta.endpoint_url.startswith("http://"):
        say("  skipped: this AWS is a stand-in, where nothing answers at the URL")
    else:
        smoke(url, token)
    if token:
        say("The first admin token, shown this once:")
        print(f"token {token}")
    print(url)


def fetch_deployed(stage: Stage) -> None:
    """Put Chalice's note in its place: the bucket's (any machine's last deploy), else ours, else a new one.

    A note counts if its API exists and calls our function. A deploy that died may have made an API without
    noting it; the next would make a second one, and so the first is noted here.
    """
    there = gateway.apis(stage)
    s3 = stage.client("s3")
    kept = build.note(stage)
    kept.parent.mkdir(parents=True, exist_ok=True)
    notes = [kept.read_text(encoding="utf-8")] if kept.exists() else []
    with suppress(s3.exceptions.NoSuchKey, s3.exceptions.NoSuchBucket):
        notes.insert(0, s3.get_object(Bucket=stage.bucket, Key=DEPLOYED_KEY)["Body"].read().decode())
    for text in notes:
        if any(resource.get("rest_api_id") in there for resource in json.loads(text)["resources"]):
            kept.write_text(text, encoding="utf-8")
            return
    kept.unlink(missing_ok=True)
    for api in there[:1]:
        say(f"  API {api} was made by a deploy that died; going on with it")
        url = f"https://{api}.execute-api.{stage.region}.amazonaws.com/{stage.name}/"
        found = {"name": "rest_api", "resource_type": "rest_api", "rest_api_id": api, "rest_api_url": url}
        kept.write_text(json.dumps({"resources": [found], "schema_version": "2.0", "backend": "api"}))


def keep_table_safe(stage: Stage) -> None:
    """Turn on what a table restored from a backup comes without: recovery to any second, and expiry."""
    client = stage.client("dynamodb")
    backups = client.describe_continuous_backups(TableName=stage.prefix)["ContinuousBackupsDescription"]
    recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    if recovery != "ENABLED":
        say("  turning point-in-time recovery on")
        client.update_continuous_backups(
            TableName=stage.prefix, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
    expiry = client.describe_time_to_live(TableName=stage.prefix)["TimeToLiveDescription"]
    if expiry["TimeToLiveStatus"] == "DISABLED":
        say("  turning expiry on")
        client.update_time_to_live(
            TableName=stage.prefix, TimeToLiveSpecification={"AttributeName": "expires", "Enabled": True}
        )


def catch_dead_letters(stage: Stage, function: str) -> None:
    """Send what a function could not do in three attempts to the queue."""
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
            return None  # IAM tells all its servers of a new role only by and by
        return True

    until(done, "IAM to let the function write to the queue", tries=15)
    say(f"  {function.rpartition(':')[2]}")


def smoke(url: str, token: str | None) -> None:
    """Ask a deployed API whether it is up, and something that only an admin may ask. Raises Failure."""

    def up() -> Any:
        try:
            return _get(f"{url}/health", None)
        except (urllib.error.URLError, TimeoutError):
            return None  # a new API's name and permissions take some seconds to spread

    health = until(up, f"{url}/health", tries=30)
    say(f"  GET /health: {health['status']}, stage {health['stage']}, version {health['version']}")
    try:
        settings = _get(f"{url}/v1/settings", token)
    except urllib.error.HTTPError as error:
        if error.code == 401 and token is None:  # there is a token, but nobody here knows it
            say("  GET /v1/settings without a token: 401")
            return
        raise Failure(f"GET {url}/v1/settings answers {error.code}: {error.read().decode()}") from None
    if token is None:
        raise Failure(f"GET {url}/v1/settings answers without a token")
    say(f"  GET /v1/settings: zone {settings['calendar']['zone']}")


def _get(url: str, token: str | None) -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the URL is Chalice's or the user's
    with urllib.request.urlopen(request, timeout=29) as reply:  # noqa: S310
        return json.load(reply)

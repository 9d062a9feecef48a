"""`status`: list a stage's resources and their health."""

import argparse

from infra import down, gateway, release, stack
from infra.stage import Stage, find


def status(options: argparse.Namespace) -> None:
    """Print a stage's resources and their health. Raises Failure."""
    stage = find(options.stage)
    found = down.inventory(stage)
    if not found:
        print(f"There is nothing of {stage.prefix} in account {stage.account}, Region {stage.region}.")
        return
    for line in [*found, *_health(stage)]:
        print(line)


def _health(stage: Stage) -> list[str]:
    lines = []
    if described := stack.describe(stage, stage.prefix):
        lines.append(f"stack: {described['StackStatus']}")
    if own := stack.parameters(stage, stage.prefix).get("Domain"):
        lines.append(f"domain: https://{own}")
    if deployed := release.load(stage).deployed:
        lines.append(f"release: {deployed}")
    for api in gateway.apis(stage):
        lines.append(f"URL: https://{api}.execute-api.{stage.region}.amazonaws.com/{stage.name}")
    faces = down.face_count(stage)
    if faces is not None:
        lines.append(f"faces: {faces}")
    pages = (
        stage.client("cloudwatch")
        .get_paginator("describe_alarms")
        .paginate(AlarmNamePrefix=f"{stage.prefix}-")
    )
    alarms = [alarm for page in pages for alarm in page["MetricAlarms"]]
    ringing = [alarm["AlarmName"] for alarm in alarms if alarm["StateValue"] == "ALARM"]
    lines.append(f"alarms: {len(alarms)}, ringing: {', '.join(ringing) or 'none'}")
    sqs = stage.client("sqs")
    queues = sqs.list_queues(QueueNamePrefix=f"{stage.prefix}-dead-letters").get("QueueUrls", [])
    for url in queues:
        reply = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        lines.append(f"dead letters: {reply['Attributes']['ApproximateNumberOfMessages']}")
    return lines

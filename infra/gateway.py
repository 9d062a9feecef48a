"""API Gateway settings that Chalice does not cover: throttling, tracing, access logs, CORS of its errors."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from infra import stack, template
from infra.progress import say, until
from infra.regions import Quotas
from infra.stage import APP, Stage
from local.aws.resources import read

ACCOUNT_STACK = f"{APP}-account"
_WELCOME = "/aws/apigateway/welcome"
"""The log group that API Gateway makes when it may write logs, with one line that nobody needs."""


def apis(stage: Stage) -> list[str]:
    """Return the ids of the APIs that call the stage's function; Chalice gives all stages' APIs one name."""
    client = stage.client("apigateway")
    target = f":{stage.prefix}/invocations"
    return [
        api["id"]
        for page in client.get_paginator("get_rest_apis").paginate()
        for api in page["items"]
        if api["name"] == APP and _calls(client, api["id"], target)
    ]


def _calls(client: Any, api: str, target: str) -> bool:
    pages = client.get_paginator("get_resources").paginate(restApiId=api, embed=["methods"])
    methods = (
        method
        for page in pages
        for resource in page["items"]
        for method in resource.get("resourceMethods", {}).values()
    )
    return any(method.get("methodIntegration", {}).get("uri", "").endswith(target) for method in methods)


def allow_logs(stage: Stage) -> None:
    """Let API Gateway write logs in this account and Region; all its APIs share one role for that."""
    client = stage.client("apigateway")
    if client.get_account().get("cloudwatchRoleArn"):
        return
    stack.apply(stage, ACCOUNT_STACK, read(template.ACCOUNT), {}, dry_run=False)
    role = [{"op": "replace", "path": "/cloudwatchRoleArn", "value": _logs_role(stage)}]

    def done() -> bool | None:
        try:
            client.update_account(patchOperations=role)
        except client.exceptions.BadRequestException as error:
            if "role" not in str(error).lower():
                raise
            return None  # a new role takes some seconds to reach all of IAM's servers
        return True

    until(done, "IAM to let API Gateway write logs", tries=15)


def forbid_logs(stage: Stage) -> None:
    """Remove the role that `allow_logs` created, if it did; for when a Region's last stage is removed."""
    if stack.describe(stage, ACCOUNT_STACK) is None:
        return
    client = stage.client("apigateway")
    if client.get_account().get("cloudwatchRoleArn") == _logs_role(stage):
        client.update_account(patchOperations=[{"op": "replace", "path": "/cloudwatchRoleArn", "value": ""}])
    stack.delete(stage, ACCOUNT_STACK)
    logs = stage.client("logs")
    with suppress(logs.exceptions.ResourceNotFoundException):
        logs.delete_log_group(logGroupName=_WELCOME)
        say(f"  log group {_WELCOME}")


def _logs_role(stage: Stage) -> str:
    return f"arn:{stage.partition}:iam::{stage.account}:role/{APP}-gateway-logs-{stage.region}"


def patches(settings: Mapping[str, Any], access_logs: str) -> list[dict[str, str]]:
    """Express the settings of RestAPI in merge.yaml as operations of UpdateStage.

    `access_logs` is the ARN of the log group for access logs.
    """
    found = {
        "/tracingEnabled": str(settings["TracingEnabled"]).lower(),
        "/accessLogSettings/destinationArn": access_logs,
        "/accessLogSettings/format": settings["AccessLogSetting"]["Format"],
    }
    for limit in settings["MethodSettings"]:
        place = f"{limit['ResourcePath']}/{limit['HttpMethod']}/throttling"
        found[f"{place}/rateLimit"] = f"{limit['ThrottlingRateLimit']:g}"
        found[f"{place}/burstLimit"] = str(limit["ThrottlingBurstLimit"])
    return [{"op": "replace", "path": path, "value": value} for path, value in found.items()]


def _within(quotas: Quotas, settings: dict[str, Any]) -> dict[str, Any]:
    """Limit the liveness sessions to what Rekognition grants: more would only wait there, and cost."""
    for limit in settings["MethodSettings"]:
        if limit["ResourcePath"].endswith("liveness-sessions"):
            limit |= {"ThrottlingRateLimit": quotas.sessions, "ThrottlingBurstLimit": quotas.streams}
    return settings


def configure(stage: Stage, api: str, quotas: Quotas) -> None:
    """Set throttling, tracing, access logs, compression, and API Gateway's own errors."""
    client, wanted = stage.client("apigateway"), template.rest_api()
    compression = {"path": "/minimumCompressionSize", "value": str(wanted["MinimumCompressionSize"])}
    client.update_rest_api(restApiId=api, patchOperations=[{"op": "replace", **compression}])
    for kind, response in wanted["GatewayResponses"].items():
        headers = {
            f"gatewayresponse.header.{name}": value
            for name, value in response["ResponseParameters"]["Headers"].items()
        }
        status = {"statusCode": response["StatusCode"]} if "StatusCode" in response else {}
        client.put_gateway_response(
            restApiId=api,
            responseType=kind,
            responseParameters=headers,
            responseTemplates=response["ResponseTemplates"],
            **status,
        )
    # Compression and gateway responses take effect with a deployment, and Chalice's was made without them.
    client.create_deployment(restApiId=api, stageName=stage.name, description="gateway responses")
    access_logs = stage.arn("logs", f"log-group:/{APP}/{stage.name}/access")
    operations = patches(_within(quotas, wanted), access_logs)
    client.update_stage(restApiId=api, stageName=stage.name, patchOperations=operations)
    say(f"  {len(operations)} settings of API {api}")

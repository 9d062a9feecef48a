"""API Gateway beyond Chalice's words: which API is a stage's; throttling, traces and access logs."""

from collections.abc import Mapping
from typing import Any

from infra import stack, template
from infra.progress import say, until
from infra.stage import APP, ROOT, Stage

ACCOUNT_STACK = f"{APP}-account"


def apis(stage: Stage) -> list[str]:
    """Find the ids of the APIs that call the stage's function; Chalice names those of all stages alike."""
    client = stage.client("apigateway")
    called = f":{stage.prefix}/invocations"
    found = []
    for page in client.get_paginator("get_rest_apis").paginate():
        for api in page["items"]:
            if api["name"] == APP and _calls(client, api["id"], called):
                found.append(api["id"])
    return found


def _calls(client: Any, api: str, called: str) -> bool:
    pages = client.get_paginator("get_resources").paginate(restApiId=api, embed=["methods"])
    methods = (
        method
        for page in pages
        for resource in page["items"]
        for method in resource.get("resourceMethods", {}).values()
    )
    return any(method.get("methodIntegration", {}).get("uri", "").endswith(called) for method in methods)


def allow_logs(stage: Stage) -> None:
    """See to it that API Gateway may write logs in this account and Region: it has one role for all APIs."""
    client = stage.client("apigateway")
    if client.get_account().get("cloudwatchRoleArn"):
        return
    stack.apply(stage, ACCOUNT_STACK, ROOT / "infra" / "account.yaml", {}, dry_run=False)
    role = [{"op": "replace", "path": "/cloudwatchRoleArn", "value": _logs_role(stage)}]

    def done() -> bool | None:
        try:
            client.update_account(patchOperations=role)
        except client.exceptions.BadRequestException as error:
            if "role" not in str(error).lower():
                raise
            return None  # IAM tells all its servers of a new role only by and by
        return True

    until(done, "IAM to let API Gateway write logs", tries=15)


def forbid_logs(stage: Stage) -> None:
    """Take the role away that `allow_logs` made, if it did; for when the last stage goes."""
    if stack.describe(stage, ACCOUNT_STACK) is None:
        return
    client = stage.client("apigateway")
    if client.get_account().get("cloudwatchRoleArn") == _logs_role(stage):
        client.update_account(patchOperations=[{"op": "replace", "path": "/cloudwatchRoleArn", "value": ""}])
    stack.delete(stage, ACCOUNT_STACK)


def _logs_role(stage: Stage) -> str:
    return f"arn:{stage.partition}:iam::{stage.account}:role/{APP}-gateway-logs-{stage.region}"


def patches(settings: Mapping[str, Any], access_logs: str) -> list[dict[str, str]]:
    """Say the settings of merge.yaml's RestAPI as operations of UpdateStage; logs go to that group."""
    found = {
        "/tracingEnabled": str(settings["TracingEnabled"]).lower(),
        "/accessLogSettings/destinationArn": access_logs,
        "/accessLogSettings/format": settings["AccessLogSetting"]["Format"],
    }
    for limit in settings["MethodSettings"]:
        place = f"{limit['ResourcePath']}/{limit['HttpMethod']}/throttling"
        found[f"{place}/rateLimit"] = str(limit["ThrottlingRateLimit"])
        found[f"{place}/burstLimit"] = str(limit["ThrottlingBurstLimit"])
    return [{"op": "replace", "path": path, "value": value} for path, value in found.items()]


def configure(stage: Stage, api: str, origin: str) -> None:
    """Set throttling, traces, access logs and the CORS header of the gateway's own errors."""
    client = stage.client("apigateway")
    for kind in template.rest_api()["GatewayResponses"]:
        header = {"gatewayresponse.header.Access-Control-Allow-Origin": f"'{origin}'"}
        client.put_gateway_response(restApiId=api, responseType=kind, responseParameters=header)
    # Chalice's deployment was made before them, and each of its deploys takes them away.
    client.create_deployment(restApiId=api, stageName=stage.name, description="errors of the gateway")
    access_logs = stage.arn("logs", f"log-group:/{APP}/{stage.name}/access")
    operations = patches(template.rest_api(), access_logs)
    client.update_stage(restApiId=api, stageName=stage.name, patchOperations=operations)
    say(f"  {len(operations)} settings of API {api}")

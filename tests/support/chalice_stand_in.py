"""Makes in an AWS what `chalice deploy` makes, and takes it away like `chalice delete`: the same names and
integrations, from the folder's own config. The real one runs against moto in tests/e2e."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from infra.stage import Failure, Stage

API_FUNCTION = "api_handler"


class PowerLost(Exception):
    """The machine that deployed is gone, in the middle of it."""


class Chalice:
    """Stands where `infra.build.chalice` does; `dies` names the resource before which it fails, once."""

    def __init__(self) -> None:
        self.dies: str | None = None
        self.folders: list[Path] = []

    def __call__(self, place: Path, words: list[str], stage: Stage) -> None:
        self.folders.append(place)
        try:
            {"deploy": self._deploy, "delete": self._delete}[words[0]](place, stage)
        except ClientError as error:  # as the subprocess would: it stumbles and its exit code is not 0
            raise Failure(f"`chalice {words[0]}` failed: {error}") from None

    def _may_die(self, before: str) -> None:
        if self.dies == before:
            self.dies = None
            raise PowerLost

    def _deploy(self, place: Path, stage: Stage) -> None:
        config = json.loads((place / ".chalice" / "config.json").read_text())["stages"][stage.name]
        noted = place / ".chalice" / "deployed" / f"{stage.name}.json"
        known = json.loads(noted.read_text())["resources"] if noted.exists() else []
        made: list[dict[str, Any]] = []
        for name, function in ((API_FUNCTION, stage.prefix), ("sweep", f"{stage.prefix}-sweep")):
            made.append(self._function(stage, name, function, config, place))
        self._may_die("rest_api")
        api = next((r["rest_api_id"] for r in known if r["resource_type"] == "rest_api"), None)
        api = api or self._api(stage, made[0]["lambda_arn"])
        self._may_die("rule")
        stage.client("events").put_rule(
            Name=f"{stage.prefix}-sweep-event", ScheduleExpression="rate(1 minute)"
        )
        stage.client("events").put_targets(
            Rule=f"{stage.prefix}-sweep-event", Targets=[{"Id": "1", "Arn": made[1]["lambda_arn"]}]
        )
        url = f"https://{api}.execute-api.{stage.region}.amazonaws.com/{stage.name}/"
        made.append(
            {"name": "rest_api", "resource_type": "rest_api", "rest_api_id": api, "rest_api_url": url}
        )
        if custom := config.get("api_gateway_custom_domain"):
            zone = {
                "hosted_zone_id": "Z1",
                "alias_domain_name": f"d-1.execute-api.{stage.region}.amazonaws.com",
            }
            named = {"name": "api_gateway_custom_domain", "resource_type": "domain_name"}
            made.append({**named, "domain_name": custom["domain_name"], **zone})
        noted.write_text(json.dumps({"resources": made, "schema_version": "2.0", "backend": "api"}))

    def _function(
        self, stage: Stage, name: str, function: str, config: dict[str, Any], place: Path
    ) -> dict[str, Any]:
        iam, aws_lambda = stage.client("iam"), stage.client("lambda")
        own = {**config, **config.get("lambda_functions", {}).get(name, {})}
        assert own["manage_iam_role"] is False
        iam.get_role(RoleName=own["iam_role_arn"].rpartition("/")[2])
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.write(place / "app.py", "app.py")
        try:
            found = aws_lambda.create_function(
                FunctionName=function,
                Runtime="python3.12",
                Role=own["iam_role_arn"],
                Handler="app.app",
                Code={"ZipFile": package.getvalue()},
                Environment={"Variables": config["environment_variables"]},
            )
        except aws_lambda.exceptions.ResourceConflictException:
            aws_lambda.update_function_code(FunctionName=function, ZipFile=package.getvalue())
            found = aws_lambda.update_function_configuration(
                FunctionName=function, Environment={"Variables": config["environment_variables"]}
            )
        if "reserved_concurrency" in own:
            aws_lambda.put_function_concurrency(
                FunctionName=function, ReservedConcurrentExecutions=own["reserved_concurrency"]
            )
        else:
            aws_lambda.delete_function_concurrency(FunctionName=function)
        return {"name": name, "resource_type": "lambda_function", "lambda_arn": found["FunctionArn"]}

    def _api(self, stage: Stage, function: str) -> str:
        client = stage.client("apigateway")
        api: str = client.create_rest_api(name="rollcall")["id"]
        root = client.get_resources(restApiId=api)["items"][0]["id"]
        where = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
        client.put_method(**where, authorizationType="NONE")
        prefix = f"arn:aws:apigateway:{stage.region}:lambda:path/2015-03-31/functions"
        client.put_integration(
            **where,
            type="AWS_PROXY",
            integrationHttpMethod="POST",
            uri=f"{prefix}/{function}/invocations",
        )
        client.create_deployment(restApiId=api, stageName=stage.name)
        return api

    def _delete(self, place: Path, stage: Stage) -> None:
        noted = place / ".chalice" / "deployed" / f"{stage.name}.json"
        for resource in json.loads(noted.read_text())["resources"]:
            self._may_die(resource["resource_type"])
            if resource["resource_type"] == "rest_api":
                stage.client("apigateway").delete_rest_api(restApiId=resource["rest_api_id"])
            elif resource["resource_type"] == "lambda_function":
                stage.client("lambda").delete_function(FunctionName=resource["lambda_arn"])
        noted.unlink()

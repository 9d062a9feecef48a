"""The pipeline's role: whom it trusts, and that it allows what a deploy calls and no more than that.

`up` and `rollback` run against moto with a stand-in for Chalice, and the calls are noted as botocore signs
them. What CloudFormation calls with the role, and API Gateway's and WAF's resources, are not known here.
"""

import json
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from botocore.session import Session

from infra import pipeline, release, stack
from infra.stage import Stage, find
from local.aws.resources import Resolver, read
from tests.infra.conftest import Infra, make_collection
from tests.support import policies
from tests.support.chalice_stand_in import Chalice
from tests.support.recorder import Call

ACCOUNT = "123456789012"
ARN = f"us-east-1:{ACCOUNT}"
PREFIXES = {
    "api-gateway": "apigateway",
    "cloudwatch-logs": "logs",
    "eventbridge": "events",
    "service-quotas": "servicequotas",
}
FREE = {"sts:GetCallerIdentity"}
"""What everybody may call."""

CHALICE = {
    *("lambda:AddPermission", "lambda:CreateFunction", "lambda:DeleteFunctionConcurrency"),
    *("lambda:GetFunction", "lambda:GetFunctionConfiguration", "lambda:GetPolicy", "lambda:ListTags"),
    *("lambda:PutFunctionConcurrency", "lambda:RemovePermission", "lambda:TagResource"),
    *("lambda:UntagResource", "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration"),
    *("events:DeleteRule", "events:PutRule", "events:PutTargets", "events:RemoveTargets"),
    *("apigateway:DELETE", "apigateway:GET", "apigateway:PATCH", "apigateway:POST", "apigateway:PUT"),
    "iam:PassRole",
}
"""What Chalice 1.34 calls (its awsclient.py) for functions, a REST API, schedules and a domain."""


def granted(stage: str = "dev") -> list[policies.Grant]:
    """Return what the role allows."""
    template = read(pipeline.TEMPLATE)
    parameters = {
        "Stage": stage,
        "AWS::Region": "us-east-1",
        "BucketSuffix": f"-{ACCOUNT}-us-east-1",
        "RoleSuffix": "-us-east-1",
        "Repository": "acme/rollcall",
    }
    resolver = Resolver({**template, "Resources": {}}, parameters, ACCOUNT)
    [policy] = template["Resources"]["Role"]["Properties"]["Policies"]
    return policies.of_document(resolver.resolve(policy["PolicyDocument"]))


class Noted(set[Call]):
    """The calls of all clients of the sessions that it listens to."""

    def listen(self, session: Session) -> None:
        """Note a session's calls from now on."""
        session.get_component("event_emitter").register("before-sign", self._note)

    def _note(self, event_name: str, request: Any, **unused: Any) -> None:
        _, service, operation = event_name.split(".")
        prefix = PREFIXES.get(service, service)
        path = unquote(urlsplit(request.url).path)
        if prefix == "apigateway":
            self.add(Call(f"apigateway:{request.method}", f"arn:aws:apigateway:us-east-1::{path}"))
        elif prefix == "s3":
            bucket, _, key = path.lstrip("/").partition("/")
            action = {"HeadBucket": "ListBucket"}.get(operation, operation)
            self.add(
                Call(f"s3:{action}", f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}")
            )
        else:
            self.add(Call(f"{prefix}:{operation}", self._resource(prefix, path, request)))

    def _resource(self, prefix: str, path: str, request: Any) -> str:
        if "account-settings" in path:
            return "*"
        if prefix == "lambda":
            parts = path.split("/")
            name = parts[3] if len(parts) > 3 and parts[3] else json.loads(request.data)["FunctionName"]
            return f"arn:aws:lambda:{ARN}:function:{name.rpartition(':')[2]}"
        if prefix == "servicequotas":
            return "*"
        asked = _asked(request)
        if prefix == "dynamodb":
            index = f"/index/{asked['IndexName']}" if "IndexName" in asked else ""
            return f"arn:aws:dynamodb:{ARN}:table/{asked['TableName']}{index}"
        if prefix == "events" and (name := asked.get("Name") or asked.get("Rule")):
            return f"arn:aws:events:{ARN}:rule/{name}"
        if prefix == "cloudformation" and (name := asked.get("StackName")):
            return name if name.startswith("arn:") else f"arn:aws:cloudformation:{ARN}:stack/{name}/1"
        if prefix == "cloudwatch":
            return f"arn:aws:cloudwatch:{ARN}:alarm:rollcall-dev-sweep-silence"
        if prefix == "iam":
            return f"arn:aws:iam::{ACCOUNT}:role/{asked['RoleName']}"
        return "*"


def _asked(request: Any) -> dict[str, Any]:
    if isinstance(request.data, dict):
        return request.data
    text = request.data.decode() if isinstance(request.data, bytes) else str(request.data)
    if text.startswith("{"):
        found: dict[str, Any] = json.loads(text)
        return found
    return {name: values[0] for name, values in parse_qs(text).items()}


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> Noted:
    """Notes the calls of every session that is made."""
    noted = Noted()
    made = Session.__init__

    def make(self: Session, *arguments: Any, **options: Any) -> None:
        made(self, *arguments, **options)
        noted.listen(self)

    monkeypatch.setattr(Session, "__init__", make)
    return noted


def test_the_role_allows_what_a_deploy_and_a_return_call(
    account: str, chalice: Chalice, infra: Infra, noted: Noted
) -> None:
    stage = find("dev")
    make_collection(stage)
    assert infra("up") == 0, "the first deploy is an administrator's"
    noted.clear()

    assert infra("up") == 0
    assert infra("up", "--warmer", "on", "--reserved-concurrency", "5") == 0
    assert infra("up", "--warmer", "off", "--reserved-concurrency", "0") == 0
    assert infra("rollback") == 0

    assert {"dynamodb:GetItem", "s3:PutObject", "cloudformation:CreateChangeSet"} <= {c.action for c in noted}
    calls = {call for call in noted if call.action not in FREE}
    assert policies.refused(calls, granted()) == []


def test_the_role_allows_what_chalice_calls() -> None:
    assert {grant.action for grant in granted()} >= CHALICE


def test_the_role_deletes_no_data_changes_no_role_and_is_one_stage_s_alone() -> None:
    for grant in granted():
        service, _, verb = grant.action.partition(":")
        assert service != "iam" or verb in {"GetRole", "PassRole"}
        assert not (service in {"dynamodb", "rekognition"} and verb.startswith("Delete"))
        assert not (grant.action == "s3:DeleteObject" and "/deploy/" not in grant.resource)
        if service not in {"apigateway", "wafv2"} and grant.resource != "*":
            assert "rollcall-dev" in grant.resource or "/rollcall/dev/" in grant.resource


def test_the_role_trusts_the_stage_s_environment_of_one_repository() -> None:
    trust = read(pipeline.TEMPLATE)["Resources"]["Role"]["Properties"]["AssumeRolePolicyDocument"]
    [statement] = trust["Statement"]
    assert statement["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": {"Fn::Sub": "repo:${Repository}:environment:${Stage}"},
        }
    }


def test_the_right_to_deploy_is_given_and_taken(
    cloud: Stage, infra: Infra, capsys: pytest.CaptureFixture[str]
) -> None:
    assert infra("ci", "--repository", "acme") == 2
    assert infra("ci") == 2
    assert "--repository owner/name" in capsys.readouterr().err
    assert infra("ci", "--repository", "acme/rollcall", "--dry-run") == 0
    assert stack.describe(cloud, pipeline.name(cloud)) is None
    capsys.readouterr()

    assert infra("ci", "--repository", "acme/rollcall") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"AWS_ROLE=arn:aws:iam::{ACCOUNT}:role/rollcall-dev-pipeline-us-east-1",
        "AWS_REGION=us-east-1",
    ]
    assert cloud.client("iam").get_role(RoleName="rollcall-dev-pipeline-us-east-1")
    assert infra("ci", "--repository", "acme/rollcall") == 0, "again"
    assert release.load(cloud).deployed == 0

    assert infra("ci", "--remove") == 0
    assert stack.describe(cloud, pipeline.name(cloud)) is None


def test_a_provider_that_the_account_has_is_used(cloud: Stage, infra: Infra) -> None:
    cloud.client("iam").create_open_id_connect_provider(
        Url="https://token.actions.githubusercontent.com", ThumbprintList=["0" * 40]
    )
    assert infra("ci", "--repository", "acme/rollcall") == 0
    assert stack.parameters(cloud, pipeline.name(cloud))["MakesProvider"] == "no"

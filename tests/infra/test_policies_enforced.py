"""The policies as IAM enforces them, by moto: a role of each function tries what it may and what it may not.

moto checks DynamoDB's, Rekognition's and the other services' actions against `*` only, so there the resources
are widened; S3's ARNs it honours. tests/infra/test_policies.py checks the ARNs.
"""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError

from infra.stage import Stage
from local.aws.embedded import ACCOUNT, REGION
from tests.support import policies, recorder
from tests.support.patience import PATIENCE_S

TABLE = "rollcall-dev"
BUCKET = f"rollcall-dev-{ACCOUNT}-{REGION}"
KEY = {"pk": {"S": "p"}, "sk": {"S": "s"}}

ATTEMPTS: list[tuple[str, str, dict[str, Any]]] = [
    ("dynamodb:BatchGetItem", "batch_get_item", {"RequestItems": {TABLE: {"Keys": [KEY]}}}),
    (
        "dynamodb:BatchWriteItem",
        "batch_write_item",
        {"RequestItems": {TABLE: [{"DeleteRequest": {"Key": KEY}}]}},
    ),
    ("dynamodb:DeleteItem", "delete_item", {"TableName": TABLE, "Key": KEY}),
    ("dynamodb:DescribeTable", "describe_table", {"TableName": TABLE}),
    ("dynamodb:GetItem", "get_item", {"TableName": TABLE, "Key": KEY}),
    ("dynamodb:PutItem", "put_item", {"TableName": TABLE, "Item": KEY}),
    (
        "dynamodb:Query",
        "query",
        {
            "TableName": TABLE,
            "KeyConditionExpression": "pk = :p",
            "ExpressionAttributeValues": {":p": {"S": "p"}},
        },
    ),
    ("dynamodb:Scan", "scan", {"TableName": TABLE}),
    ("dynamodb:DeleteTable", "delete_table", {"TableName": TABLE}),
    ("iam:ListRoles", "list_roles", {}),
    ("lambda:ListFunctions", "list_functions", {}),
    ("sts:AssumeRole", "assume_role", {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/x", "RoleSessionName": "xx"}),
]

OBJECTS = ["deploy/deployed.json", "exports/x", "photos/x", "uploads/x"]


def reset_auth(moto: str, free_calls: int) -> None:
    """Have moto check rights, after so many calls."""
    assert requests.post(f"{moto}/moto-api/reset-auth", data=str(free_calls), timeout=PATIENCE_S).ok


@pytest.fixture(params=list(policies.functions()))
def function(request: pytest.FixtureRequest) -> str:
    """Each function of the app in turn."""
    name: str = request.param
    return name


@pytest.fixture
def clients(moto: str, function: str) -> Iterator[Any]:
    """Makes clients with the rights of a function; moto refuses what they do not have."""
    reset_auth(moto, 1_000_000)
    assert requests.post(f"{moto}/moto-api/reset", timeout=PATIENCE_S).ok
    root = boto3.session.Session("testing", "testing", region_name=REGION)

    def made(service: str) -> Any:
        return root.client(service, endpoint_url=moto)  # type: ignore[call-overload]

    made("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )
    made("s3").create_bucket(Bucket=BUCKET)
    for key in OBJECTS:
        made("s3").put_object(Bucket=BUCKET, Key=key, Body=b"x")
    made("iam").create_role(RoleName="function", AssumeRolePolicyDocument="{}")
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": action, "Resource": resource if action[:3] == "s3:" else "*"}
            for action, resource in granted(function)
        ],
    }
    made("iam").put_role_policy(RoleName="function", PolicyName="own", PolicyDocument=json.dumps(document))
    role = made("sts").assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/function", RoleSessionName="test")
    own = role["Credentials"]
    reset_auth(moto, 0)
    session = boto3.session.Session(
        own["AccessKeyId"], own["SecretAccessKey"], own["SessionToken"], region_name=REGION
    )
    yield lambda service: session.client(service, endpoint_url=moto)
    reset_auth(moto, 1_000_000)


def granted(function: str) -> list[policies.Grant]:
    """Give what a deploy lets the function do."""
    stage = Stage("dev", ACCOUNT, REGION, "aws", boto3.session.Session())
    return policies.deployed_grants(stage, function)


def allowed(call: Any, **arguments: Any) -> bool:
    """Try a call; says whether IAM let it through."""
    try:
        call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"AccessDenied", "AccessDeniedException", "403"}:
            return False
        raise
    return True


def test_a_function_can_do_what_it_may_and_nothing_else(clients: Any, function: str) -> None:
    may = {grant.action for grant in granted(function)}
    for action, method, arguments in ATTEMPTS:
        call = getattr(clients(action.split(":")[0]), method)
        assert allowed(call, **arguments) is (action in may), action


def test_a_function_reaches_its_own_objects_only(clients: Any, function: str) -> None:
    s3 = clients("s3")
    for action, method in (
        ("s3:GetObject", s3.get_object),
        ("s3:PutObject", s3.put_object),
        ("s3:DeleteObject", s3.delete_object),
    ):
        for key in OBJECTS:
            call = recorder.Call(action, f"arn:aws:s3:::{BUCKET}/{key}")
            expected = not policies.refused({call}, granted(function))
            assert allowed(method, Bucket=BUCKET, Key=key) is expected, call
    assert not allowed(s3.delete_bucket, Bucket=BUCKET)

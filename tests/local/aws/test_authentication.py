"""Who may call the AWS port: whoever signs with the account's key, and lent keys within their purpose."""

import http.client
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore import UNSIGNED
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from local.aws.embedded import REGION, Embedded
from tests.support.patience import PATIENCE_S
from tests.support.service import ask, form

TABLE = BUCKET = "rollcall-local"
ROLE = "arn:aws:iam::123456789012:role/rollcall-local-streaming"

Call = Callable[[Any], Any]
CALLS: dict[str, Call] = {
    "dynamodb": lambda client: client.scan(TableName=TABLE),
    "s3": lambda client: client.list_buckets(),
    "rekognition": lambda client: client.list_collections(),
    "sts": lambda client: client.assume_role(RoleArn=ROLE, RoleSessionName="camera"),
    "iam": lambda client: client.list_roles(),
}


def client(aws: Embedded, service: str, key: str, secret: str, token: str | None = None) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=aws.aws_url,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(signature_version="s3v4") if service == "s3" else None,
    )


def code(call: Call, client: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(client)
    return str(refused.value.response["Error"]["Code"])


@pytest.fixture
def lent(aws: Embedded) -> dict[str, str]:
    given: dict[str, str] = aws.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="camera")[
        "Credentials"
    ]
    return given


@pytest.mark.parametrize("service", CALLS)
def test_the_accounts_key_may_call_every_service(aws: Embedded, service: str) -> None:
    CALLS[service](client(aws, service, *aws.key))


@pytest.mark.parametrize(
    ("service", "refusal"),
    [
        ("dynamodb", "MissingAuthenticationTokenException"),
        ("s3", "AccessDenied"),
        ("rekognition", "MissingAuthenticationTokenException"),
        ("sts", "MissingAuthenticationToken"),
        ("iam", "MissingAuthenticationToken"),
    ],
)
def test_who_does_not_sign_is_refused_as_aws_refuses(aws: Embedded, service: str, refusal: str) -> None:
    unsigned = aws.client(service, config=Config(signature_version=UNSIGNED))
    assert code(CALLS[service], unsigned) == refusal


@pytest.mark.parametrize(
    ("service", "refusal"),
    [
        ("dynamodb", "InvalidSignatureException"),
        ("s3", "SignatureDoesNotMatch"),
        ("rekognition", "InvalidSignatureException"),
        ("sts", "SignatureDoesNotMatch"),
        ("iam", "SignatureDoesNotMatch"),
    ],
)
def test_a_wrong_secret_is_refused_as_aws_refuses(aws: Embedded, service: str, refusal: str) -> None:
    assert code(CALLS[service], client(aws, service, aws.key.id, "guessed")) == refusal


@pytest.mark.parametrize(
    ("service", "refusal"),
    [
        ("dynamodb", "UnrecognizedClientException"),
        ("s3", "InvalidAccessKeyId"),
        ("rekognition", "UnrecognizedClientException"),
        ("sts", "InvalidClientTokenId"),
        ("iam", "InvalidClientTokenId"),
    ],
)
def test_an_unknown_key_is_refused_as_aws_refuses(aws: Embedded, service: str, refusal: str) -> None:
    assert code(CALLS[service], client(aws, service, "test", "test")) == refusal


# --- lent keys ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("service", "refusal"),
    [
        ("dynamodb", "AccessDeniedException"),
        ("s3", "AccessDenied"),
        ("rekognition", "AccessDeniedException"),
        ("sts", "AccessDenied"),
        ("iam", "AccessDenied"),
    ],
)
def test_streaming_credentials_open_nothing_but_the_stream(
    aws: Embedded, lent: dict[str, str], service: str, refusal: str
) -> None:
    key = lent["AccessKeyId"], lent["SecretAccessKey"], lent["SessionToken"]
    assert code(CALLS[service], client(aws, service, *key)) == refusal
    assert client(aws, "sts", *key).get_caller_identity()["Arn"].endswith("/rollcall-local-streaming/camera")


def test_neither_a_link_nor_a_form_can_be_signed_with_streaming_credentials(
    aws: Embedded, lent: dict[str, str]
) -> None:
    aws.client("s3").put_object(Bucket=BUCKET, Key="photo", Body=b"x")
    s3 = client(aws, "s3", lent["AccessKeyId"], lent["SecretAccessKey"], lent["SessionToken"])
    link = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "photo"})
    post = s3.generate_presigned_post(BUCKET, "photo")
    for status, _, body in (ask(link), ask(post["url"], "POST", *form(post["fields"], b"y"))):
        assert (status, b"<Code>AccessDenied</Code>" in body) == (403, True)
    assert aws.s3.read(BUCKET, "photo") == b"x"


def test_lent_keys_need_their_session_token(aws: Embedded, lent: dict[str, str]) -> None:
    for token in (None, "another"):
        without = client(aws, "sts", lent["AccessKeyId"], lent["SecretAccessKey"], token)
        assert code(lambda sts: sts.get_caller_identity(), without) == "InvalidClientTokenId"


ALLOW = '{"Effect": "Allow", "Action": %s, "Resource": "*"}'


@pytest.mark.parametrize(
    ("role", "session", "allowed"),
    [
        pytest.param(ALLOW % '"dynamodb:*"', "", True, id="by a wildcard"),
        pytest.param(ALLOW % '["s3:Get*", "DynamoDB:scan"]', "", True, id="by name, in a list"),
        pytest.param(ALLOW % '"dynamodb:Query"', "", False, id="another action"),
        pytest.param(ALLOW % '"*"', ALLOW % '"dynamodb:Query"', False, id="not by the session"),
        pytest.param(ALLOW % '"dynamodb:Query"', ALLOW % '"*"', False, id="not by the role"),
        pytest.param(ALLOW % '"*"', ALLOW % '"dynamodb:Scan"', True, id="by both"),
        pytest.param(
            ALLOW % '"*"' + ', {"Effect": "Deny", "Action": "dynamodb:S*", "Resource": "arn:aws:s3:::x"}',
            "",
            False,
            id="denied, if only for some",
        ),
        pytest.param(
            '{"Effect": "Allow", "Action": "*", "Resource": "arn:aws:dynamodb:::table/other"}',
            "",
            False,
            id="for another resource",
        ),
        pytest.param(
            '{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"a": "true"}}}',
            "",
            False,
            id="under a condition",
        ),
        pytest.param(
            '{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}', "", False, id="by exclusion"
        ),
    ],
)
def test_role_and_session_must_both_allow_a_call(
    aws: Embedded, role: str, session: str, allowed: bool
) -> None:
    iam, sts = aws.client("iam"), aws.client("sts")
    document, name = '{"Version": "2012-10-17", "Statement": [%s]}', f"role-{uuid.uuid4()}"
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document % "")["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="its-own", PolicyDocument=document % role)
    policy = {"Policy": document % session} if session else {}
    given = sts.assume_role(RoleArn=arn, RoleSessionName="tester", **policy)["Credentials"]
    dynamodb = client(aws, "dynamodb", *list(given.values())[:3])
    if allowed:
        assert dynamodb.scan(TableName=TABLE)["Count"] == 0
    else:
        assert code(CALLS["dynamodb"], dynamodb) == "AccessDeniedException"


# --- signed requests, tampered with ---------------------------------------------------------------


def signed(
    aws: Embedded,
    service: str = "dynamodb",
    at: timedelta = timedelta(),
    own: dict[str, str] | None = None,
) -> tuple[dict[str, str], bytes]:
    """Sign a Scan as botocore does, at another time if need be; gives headers and body."""
    body = b'{"TableName": "rollcall-local"}'
    headers = {"X-Amz-Target": "DynamoDB_20120810.Scan", "Content-Type": "application/x-amz-json-1.0"}
    request = AWSRequest("POST", f"{aws.aws_url}/", headers | (own or {}), body)
    signer = SigV4Auth(Credentials(*aws.key), service, REGION)
    request.context["timestamp"] = (datetime.now(UTC) + at).strftime("%Y%m%dT%H%M%SZ")
    request.headers["X-Amz-Date"] = request.context["timestamp"]
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    names = signer.signed_headers(signer.headers_to_sign(request))
    request.headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, SignedHeaders={names}, Signature={signature}"
    )
    return dict(request.headers.items()), body


def post(aws: Embedded, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(aws.aws_url).netloc, timeout=PATIENCE_S)
    try:
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_request_signed_by_hand_is_taken(aws: Embedded) -> None:
    status, body = post(aws, *signed(aws))
    assert (status, b'"Count":0' in body) == (200, True)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        pytest.param({"X-Amz-Target": "DynamoDB_20120810.DeleteTable"}, "InvalidSignature", id="target"),
        pytest.param({"X-Amz-Date": "20260101T000000Z"}, "InvalidSignature", id="date"),
        pytest.param({"X-Amz-Added": "1"}, "InvalidSignature", id="a header that was not signed"),
        pytest.param({"Authorization": "AWS4-HMAC-SHA256 nonsense"}, "IncompleteSignature", id="nonsense"),
        pytest.param({"Authorization": "Basic dGVzdDp0ZXN0"}, "IncompleteSignature", id="another scheme"),
        pytest.param({"Authorization": ""}, "IncompleteSignature", id="empty"),
    ],
)
def test_a_signed_request_cannot_be_changed(aws: Embedded, change: dict[str, str], refusal: str) -> None:
    headers, body = signed(aws)
    status, answer = post(aws, headers | change, body)
    assert (status, refusal.encode() in answer) == (400, True)


def test_the_body_of_a_signed_request_cannot_be_changed(aws: Embedded) -> None:
    headers, body = signed(aws)
    status, answer = post(aws, headers, body.replace(b"local", b"other"))
    assert (status, b"InvalidSignature" in answer) == (400, True)


def test_a_body_that_was_not_signed_is_no_body_of_dynamodb(aws: Embedded) -> None:
    headers, body = signed(aws, own={"X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"})
    assert post(aws, headers, body)[0] == 400


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_signature_holds_for_a_quarter_of_an_hour(aws: Embedded, minutes: int) -> None:
    status, answer = post(aws, *signed(aws, at=timedelta(minutes=minutes)))
    assert (status, b"InvalidSignature" in answer) == (400, True)


def test_a_signature_for_one_service_does_not_open_another(aws: Embedded) -> None:
    status, answer = post(aws, *signed(aws, service="s3"))
    assert (status, b"InvalidSignature" in answer) == (400, True)


def test_a_link_to_an_object_does_not_open_another_service(aws: Embedded) -> None:
    s3 = client(aws, "s3", *aws.key)
    s3.put_object(Bucket=BUCKET, Key="photo", Body=b"x")
    link = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "photo"})
    assert ask(link)[::2] == (200, b"x")
    target = {"X-Amz-Target": "DynamoDB_20120810.ListTables"}
    assert ask(link, "POST", b"{}", target)[0] == 400
    assert ask(link, headers=target)[0] == 400


def test_the_body_of_an_upload_is_the_one_that_was_signed(aws: Embedded) -> None:
    s3 = aws.client("s3")
    seen: list[dict[str, str]] = []
    s3.meta.events.register(
        "before-send.s3.PutObject", lambda request, **_: seen.append(dict(request.headers.items()))
    )
    s3.put_object(Bucket=BUCKET, Key="photo", Body=b"good")
    headers = {name: value.decode() if isinstance(value, bytes) else value for name, value in seen[0].items()}
    status, _, body = ask(f"{aws.aws_url}/{BUCKET}/photo", "PUT", b"evil", headers)
    assert (status, b"XAmzContentSHA256Mismatch" in body) == (400, True)
    assert aws.s3.read(BUCKET, "photo") == b"good"


def test_the_credentials_of_a_role_that_is_gone_are_worthless(aws: Embedded) -> None:
    iam, sts = aws.client("iam"), aws.client("sts")
    arn = iam.create_role(RoleName="gone", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    given = sts.assume_role(RoleArn=arn, RoleSessionName="tester")["Credentials"]
    iam.delete_role(RoleName="gone")
    known = aws.credentials_for(given["AccessKeyId"])
    assert known
    assert not known.allows("dynamodb:Scan")

"""`python -m local` as its user meets it: a process, its ports, its files."""

import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from botocore.config import Config

from local.aws.embedded import Embedded
from tests.support.patience import PATIENCE_S
from tests.support.service import FREE_PORTS, Service, ask, form, refused

TABLE = BUCKET = "rollcall-local"
PAGE = {"Origin": "http://localhost:5173"}
FROM_A_PAGE = b"Host: localhost\r\nOrigin: http://localhost:5173\r\n"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("state"))
    yield running
    running.end(signal.SIGTERM)


def test_the_endpoint_given_with_a_session_is_one_that_a_browser_can_use(service: Service) -> None:
    token = service.run["tokens"].get("kiosk")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    status, _, body = ask(service.run["url"] + "/v1/liveness-sessions", "POST", headers=headers)
    assert status == 201
    endpoint = json.loads(body)["streaming"]["endpoint"]
    assert endpoint == service.run["stream_tls_url"].replace("wss://", "https://")


def test_a_restart_keeps_what_was_answered_however_the_process_ended(tmp_path: Path) -> None:
    # One state through three lives: killed, stopped with Ctrl-C, read again.
    first = Service(tmp_path)
    assert (tmp_path / "run.json").stat().st_mode & 0o777 == 0o600
    dynamodb, s3, faces = first.client("dynamodb"), first.client("s3"), first.client("rekognition")
    item = {"pk": {"S": "a"}, "sk": {"S": "é"}, "bytes": {"B": b"\x00\xff"}, "n": {"N": "1.50"}}
    dynamodb.put_item(TableName=TABLE, Item=item)
    dynamodb.put_item(TableName=TABLE, Item={"pk": {"S": "gone"}, "sk": {"S": "-"}})
    dynamodb.delete_item(TableName=TABLE, Key={"pk": {"S": "gone"}, "sk": {"S": "-"}})
    s3.put_object(
        Bucket=BUCKET, Key="a/é 1.jpg", Body=b"photo", ContentType="image/jpeg", Metadata={"k_1": "v"}
    )
    s3.put_object(Bucket=BUCKET, Key="old", Body=b"x")
    s3.copy_object(Bucket=BUCKET, Key="copy", CopySource={"Bucket": BUCKET, "Key": "old"})
    s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "old"}]})
    faces.create_collection(CollectionId="another")
    code, _ = first.end(signal.SIGKILL)
    assert code == -signal.SIGKILL

    second = Service(tmp_path)
    stored = second.client("dynamodb").scan(TableName=TABLE)["Items"]
    assert [one for one in stored if not one["pk"]["S"].startswith("TOKEN#")] == [item]
    kept = second.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    assert [entry["Key"] for entry in kept] == ["a/é 1.jpg", "copy"]
    photo = second.client("s3").get_object(Bucket=BUCKET, Key="a/é 1.jpg")
    assert photo["Body"].read() == b"photo"
    assert (photo["ContentType"], photo["Metadata"]) == ("image/jpeg", {"k_1": "v"})
    assert "another" in second.client("rekognition").list_collections()["CollectionIds"]
    key = {"pk": {"S": "a"}, "sk": {"S": "é"}}
    second.client("dynamodb").update_item(
        TableName=TABLE,
        Key=key,
        UpdateExpression="SET n = n + :n",
        ExpressionAttributeValues={":n": {"N": "2"}},
    )
    assert second.end(signal.SIGINT) == (0, "")
    assert not (tmp_path / "run.json").exists()

    third = Service(tmp_path)
    found = third.client("dynamodb").get_item(TableName=TABLE, Key=key)["Item"]
    assert float(found["n"]["N"]) == 3.5
    assert "in use by another run" in refused(tmp_path, *FREE_PORTS)
    third.end(signal.SIGTERM)


def test_a_missing_model_file_is_one_clear_line(tmp_path: Path) -> None:
    complaint = refused(tmp_path, *FREE_PORTS, ROLLCALL_MODELS=str(tmp_path))
    assert "python -m local.weights" in complaint


# --- the app's port -------------------------------------------------------------------------------


def test_the_app_answers_and_needs_no_credentials_of_the_user(service: Service) -> None:
    status, headers, body = ask(service.run["url"] + "/health")
    assert (status, json.loads(body)["stage"]) == (200, "local")
    assert "access-control-allow-origin" not in headers


def _raw(url: str, data: bytes) -> bytes:
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=PATIENCE_S) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(65_536):
            received += part
    return received


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        pytest.param(b"GET /nowhere HTTP/1.1\r\n\r\n", 404, id="unknown path"),
        pytest.param(b'GET /no HTTP/1.1\r\nAuthorization: "\xff\r\n\r\n', 404, id="odd header"),
        pytest.param(b"POST /checkin HTTP/1.1\r\nContent-Length: ten\r\n\r\n", 400, id="length no number"),
        pytest.param(b"POST /checkin HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, id="length negative"),
        pytest.param(b"POST /checkin HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413, id="too long"),
        pytest.param(
            b"POST /checkin HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, id="bad chunk"
        ),
        pytest.param(b"POST /checkin HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501, id="odd coding"),
        pytest.param(b"NONSENSE\r\n\r\n", 400, id="no HTTP"),
        pytest.param(b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 431, id="endless path"),
        pytest.param(b"GET //[ HTTP/1.1\r\n\r\n", 404, id="path no URL"),
        pytest.param(b"PUT /health HTTP/1.1\r\n\r\n", 404, id="wrong method"),
    ],
)
def test_a_bad_request_is_json_that_a_browser_may_read(
    service: Service, request_bytes: bytes, status: int
) -> None:
    request_bytes = request_bytes.replace(b"\r\n", b"\r\n" + FROM_A_PAGE, 1)
    head, _, body = _raw(service.run["url"], request_bytes).partition(b"\r\n\r\n")
    assert head.split(b" ")[1] == str(status).encode()
    readable = b"\r\naccess-control-allow-origin: http://localhost:5173\r\n" in head.lower()
    assert readable is (status != 431)  # that head was not read, so nobody knows who sent it
    assert json.loads(body)


def test_a_body_in_chunks_arrives_whole(service: Service) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"not": '
        yield b"json"

    status, headers, _ = ask(
        service.run["url"] + "/index-face", "POST", chunks(), {"Content-Type": "application/json"} | PAGE
    )
    assert status == 400
    assert headers["access-control-allow-origin"] == PAGE["Origin"]


def test_a_client_that_goes_away_does_no_harm(service: Service) -> None:
    parts = urlsplit(service.run["url"])
    for _ in range(5):
        with socket.create_connection((parts.hostname or "", parts.port or 0)) as connection:
            connection.sendall(b"POST /checkin HTTP/1.1\r\nContent-Length: 1000\r\n\r\nhalf")
    assert ask(service.run["url"] + "/health")[0] == 200


# --- the AWS port ---------------------------------------------------------------------------------


def test_the_resources_are_those_of_the_template(service: Service) -> None:
    dynamodb, s3, iam = service.client("dynamodb"), service.client("s3"), service.client("iam")
    table = dynamodb.describe_table(TableName=TABLE)["Table"]
    assert [key["AttributeName"] for key in table["KeySchema"]] == ["pk", "sk"]
    assert table["GlobalSecondaryIndexes"][0]["IndexName"] == "listing"
    ttl = dynamodb.describe_time_to_live(TableName=TABLE)["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
    recovery = dynamodb.describe_continuous_backups(TableName=TABLE)["ContinuousBackupsDescription"]
    assert recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    block = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    rules = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    prefixes = {
        rule["Filter"]["Prefix"]: rule["Expiration"]["Days"] for rule in rules if "Expiration" in rule
    }
    assert prefixes == {"uploads/": 1, "liveness/": 30, "exports/": 1, "erasures/": 90, "trail/": 365}
    assert "rollcall-local" in service.client("rekognition").list_collections()["CollectionIds"]
    policy = iam.get_role_policy(RoleName="rollcall-local-streaming", PolicyName="start-liveness-stream")
    allowed = [s["Action"] for s in policy["PolicyDocument"]["Statement"]]
    assert allowed == ["rekognition:StartFaceLivenessSession"]


def test_a_presigned_url_holds_as_signed_and_no_longer(service: Service) -> None:
    s3 = service.client("s3", config=Config(signature_version="s3v4"))
    s3.put_object(Bucket=BUCKET, Key="a b/é+1", Body=b"here")

    def fetch(url: str) -> tuple[int, bytes]:
        status, _, body = ask(url)
        return status, body

    def signed(operation: str, seconds: int) -> str:
        url: str = s3.generate_presigned_url(
            operation, Params={"Bucket": BUCKET, "Key": "a b/é+1"}, ExpiresIn=seconds
        )
        return url

    good = signed("get_object", 60)
    assert fetch(good) == (200, b"here")
    assert b"SignatureDoesNotMatch" in fetch(good.replace("a%20b", "a%20c"))[1]
    short = signed("get_object", 1)
    time.sleep(2.1)
    status, body = fetch(short)
    assert (status, b"Request has expired" in body) == (403, True)
    assert fetch(good.split("?")[0])[0] == 403
    assert b"InvalidAccessKeyId" in fetch(good.replace(service.run["access_key_id"], "AKIAUNKNOWN"))[1]
    assert ask(signed("put_object", 60), "PUT", b"new")[0] == 200
    assert fetch(good) == (200, b"new")


def test_signature_version_2_is_refused(service: Service) -> None:
    s3 = service.client("s3", config=Config(signature_version="s3"))
    url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "a"})
    post = s3.generate_presigned_post(BUCKET, "uploads/a")
    for status, _, body in (ask(url), ask(post["url"], "POST", *form(post["fields"], b"x"))):
        assert (status, b"Please use AWS4-HMAC-SHA256" in body) == (400, True)


@pytest.mark.parametrize(
    ("change", "size", "code"),
    [
        pytest.param({}, 10, "", id="as allowed"),
        pytest.param({}, 101, "EntityTooLarge", id="too large"),
        pytest.param({}, 0, "EntityTooSmall", id="empty"),
        pytest.param({"Content-Type": "text/html"}, 10, "AccessDenied", id="another type"),
        pytest.param({"key": "elsewhere/f.jpg"}, 10, "AccessDenied", id="another key"),
        pytest.param({"acl": "public-read"}, 10, "AccessDenied", id="field not in the policy"),
        pytest.param({"x-amz-signature": "00"}, 10, "SignatureDoesNotMatch", id="wrong signature"),
        pytest.param({"policy": "e30="}, 10, "SignatureDoesNotMatch", id="altered policy"),
    ],
)
def test_a_browsers_upload_keeps_to_its_policy(
    service: Service, change: dict[str, str], size: int, code: str
) -> None:
    s3 = service.client("s3", config=Config(signature_version="s3v4"))
    post = s3.generate_presigned_post(
        BUCKET,
        "uploads/${filename}",
        Fields={"Content-Type": "image/jpeg"},
        Conditions=[{"Content-Type": "image/jpeg"}, ["content-length-range", 1, 100]],
    )
    body, headers = form(post["fields"] | change, b"x" * size)
    status, answered, answer = ask(post["url"], "POST", body, headers | PAGE)
    assert answered["access-control-allow-origin"] == PAGE["Origin"]
    if code:
        assert f"<Code>{code}</Code>".encode() in answer
    else:
        assert status == 204
        assert s3.get_object(Bucket=BUCKET, Key="uploads/f.jpg")["Body"].read() == b"x" * size


def test_a_preflight_follows_the_buckets_rules(service: Service) -> None:
    url = f"{service.run['aws_url']}/{BUCKET}/"
    asked = {**PAGE, "Access-Control-Request-Headers": "content-type"}
    status, headers, _ = ask(url, "OPTIONS", headers=asked | {"Access-Control-Request-Method": "POST"})
    assert (status, headers["access-control-allow-headers"]) == (200, "content-type")
    assert ask(url, "OPTIONS", headers=asked | {"Access-Control-Request-Method": "DELETE"})[0] == 403


def test_a_service_that_is_not_there_says_so(service: Service) -> None:
    sqs = service.client("sqs", config=Config(retries={"max_attempts": 0}))
    with pytest.raises(sqs.exceptions.ClientError, match="no service 'sqs'"):
        sqs.list_queues()


def test_eight_clients_at_once_lose_nothing(service: Service) -> None:
    dynamodb = service.client("dynamodb", config=Config(max_pool_connections=8))
    key = {"pk": {"S": "counter"}, "sk": {"S": "-"}}

    def count() -> None:
        for _ in range(25):
            dynamodb.update_item(
                TableName=TABLE,
                Key=key,
                UpdateExpression="ADD n :n",
                ExpressionAttributeValues={":n": {"N": "1"}},
            )

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert dynamodb.get_item(TableName=TABLE, Key=key)["Item"]["n"] == {"N": "200"}


# --- in a test's own process ----------------------------------------------------------------------


def test_an_embedded_aws_in_memory_is_emptied_fast_and_knows_its_temporary_keys() -> None:
    embedded = Embedded()
    embedded.start()
    try:
        embedded.client("dynamodb").put_item(TableName=TABLE, Item={"pk": {"S": "a"}, "sk": {"S": "b"}})
        embedded.client("s3").put_object(Bucket=BUCKET, Key="k", Body=b"x")
        role = "arn:aws:iam::123456789012:role/rollcall-local-streaming"
        sts = embedded.client("sts")
        given = sts.assume_role(RoleArn=role, RoleSessionName="kiosk", DurationSeconds=900)["Credentials"]
        known = embedded.credentials_for(given["AccessKeyId"])
        assert known is not None
        assert (known.secret, known.token) == (given["SecretAccessKey"], given["SessionToken"])
        assert embedded.credentials_for("AKIAUNKNOWN") is None
        embedded.reset()
        assert embedded.client("dynamodb").scan(TableName=TABLE)["Count"] == 0
        assert embedded.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0
        assert embedded.client("rekognition").list_collections()["CollectionIds"] == ["rollcall-local"]
    finally:
        embedded.stop()

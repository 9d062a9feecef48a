"""`python -m infra up`, `status` and `down` against moto: made once, safe to repeat, nothing left."""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests

from chalicelib import wiring
from chalicelib.domain.token import Role
from chalicelib.services.tokens import NewToken, create, token_digest
from infra import build, deploy, down, gateway, progress, stack
from infra.__main__ import main
from infra.stage import ROOT, Failure, Stage, find
from local.app.appserver import AppServer, error_response
from local.aws.embedded import Embedded
from local.aws.resources import TEMPLATE, read
from local.httpserver import Request, Response, Server
from tests.support.chalice_stand_in import Chalice, PowerLost

ACCOUNT = "123456789012"
BUCKET = f"rollcall-dev-{ACCOUNT}"


def forget_gateways(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let chalicelib's gateways be made anew, for the account that the environment leads to."""
    for name, made in vars(wiring).items():
        if hasattr(made, "cache_clear"):
            monkeypatch.setattr(wiring, name, cache(made.__wrapped__))
    for name in (
        "ROLLCALL_STAGE",
        "ROLLCALL_TABLE",
        "ROLLCALL_BUCKET",
        "ROLLCALL_COLLECTION",
        "ROLLCALL_LAB",
    ):
        monkeypatch.setenv(name, "-")  # so that it is put back
    monkeypatch.delenv("ROLLCALL_LAB")


@pytest.fixture
def cloud(moto: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stage:
    """Stage dev of an empty account, with the collection that CloudFormation would make."""
    for name, value in {
        "AWS_ENDPOINT_URL": moto,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CONFIRM", raising=False)
    monkeypatch.setattr(build, "OUT", tmp_path)
    monkeypatch.setattr(build, "source", lambda stage: ROOT)  # tests/infra/test_package.py makes the lean one
    forget_gateways(monkeypatch)
    monkeypatch.setattr(progress, "POLL_S", 0)
    monkeypatch.setattr(stack, "POLL_S", 0)
    stage = find("dev")
    assert requests.post(f"{moto}/moto-api/reset", timeout=30).ok
    rekognition = stage.client("rekognition")
    if "rollcall-dev" not in rekognition.list_collections()["CollectionIds"]:
        rekognition.create_collection(CollectionId="rollcall-dev")
    return stage


@pytest.fixture
def chalice(monkeypatch: pytest.MonkeyPatch) -> Chalice:
    """Stands in for the subprocess."""
    chalice = Chalice()
    monkeypatch.setattr(build, "chalice", chalice)
    return chalice


def infra(*words: str) -> int:
    return main([words[0], "--stage", "dev", *words[1:]])


def test_up_makes_a_stage_and_shows_its_url(
    cloud: Stage, chalice: Chalice, capsys: pytest.CaptureFixture[str]
) -> None:
    assert infra("up", "--origin", "https://hr.example.com") == 0

    api = gateway.apis(cloud)[0]
    token, url = capsys.readouterr().out.splitlines()
    assert url == f"https://{api}.execute-api.us-east-1.amazonaws.com/dev"
    digest = token_digest(token.removeprefix("token "))
    made = cloud.client("dynamodb").get_item(
        TableName="rollcall-dev", Key={"pk": {"S": f"TOKEN#{digest}"}, "sk": {"S": "-"}}
    )
    assert made["Item"]["role"]["S"] == "admin"
    function = cloud.client("lambda").get_function(FunctionName="rollcall-dev")["Configuration"]
    variables = function["Environment"]["Variables"]
    assert variables["ROLLCALL_BUCKET"] == BUCKET
    assert variables["ROLLCALL_ORIGIN"] == "https://hr.example.com"
    assert variables["ROLLCALL_STREAMING_ROLE"] == cloud.streaming_role
    sweep = cloud.client("lambda").get_function_event_invoke_config(FunctionName="rollcall-dev-sweep")
    queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:rollcall-dev-dead-letters"
    assert sweep["DestinationConfig"]["OnFailure"]["Destination"] == queue
    table = cloud.client("dynamodb")
    assert table.describe_time_to_live(TableName="rollcall-dev")["TimeToLiveDescription"] == {
        "AttributeName": "expires",
        "TimeToLiveStatus": "ENABLED",
    }
    groups = cloud.client("logs").describe_log_groups()["logGroups"]
    assert {group["retentionInDays"] for group in groups} == {30}


def test_up_sets_what_chalice_cannot(cloud: Stage, chalice: Chalice) -> None:
    assert infra("up") == 0

    client = cloud.client("apigateway")
    stage = client.get_stage(restApiId=gateway.apis(cloud)[0], stageName="dev")
    assert stage["tracingEnabled"] is True
    assert stage["methodSettings"]["*/*"]["throttlingRateLimit"] == 100
    assert stage["methodSettings"]["*/*"]["throttlingBurstLimit"] == 200
    assert stage["accessLogSettings"]["destinationArn"].endswith("log-group:/rollcall/dev/access")
    assert "$context.requestId" in stage["accessLogSettings"]["format"]
    [api] = gateway.apis(cloud)
    for kind in ("DEFAULT_4XX", "DEFAULT_5XX"):
        refusal = client.get_gateway_response(restApiId=api, responseType=kind)
        header = "gatewayresponse.header.Access-Control-Allow-Origin"
        assert refusal["responseParameters"] == {header: "'*'"}
    assert client.get_account()["cloudwatchRoleArn"].startswith(f"arn:aws:iam::{ACCOUNT}:role/")


def test_up_again_changes_nothing_and_keeps_what_was_chosen(cloud: Stage, chalice: Chalice) -> None:
    infra("up", "--origin", "https://hr.example.com", "--log-days", "90")
    before = down.inventory(cloud)

    assert infra("up") == 0

    assert down.inventory(cloud) == before
    kept = stack.parameters(cloud, "rollcall-dev")
    assert kept["AllowedOrigin"] == "https://hr.example.com"
    assert kept["LogDays"] == "90"


def test_up_goes_on_from_a_deploy_that_died(cloud: Stage, chalice: Chalice) -> None:
    chalice.dies = "rule"
    with pytest.raises(PowerLost):
        infra("up")
    orphan = gateway.apis(cloud)

    assert infra("up") == 0

    assert gateway.apis(cloud) == orphan


def test_another_machine_can_go_on(
    cloud: Stage, chalice: Chalice, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    infra("up")
    noted = json.loads(build.note(cloud).read_text())
    monkeypatch.setattr(build, "OUT", tmp_path / "elsewhere")

    deploy.fetch_deployed(cloud)

    assert json.loads(build.note(cloud).read_text()) == noted


def test_a_note_about_an_api_that_is_gone_is_not_believed(cloud: Stage, chalice: Chalice) -> None:
    infra("up")
    cloud.client("apigateway").delete_rest_api(restApiId=gateway.apis(cloud)[0])

    assert infra("up") == 0

    noted = json.loads(build.note(cloud).read_text())["resources"]
    assert [r["rest_api_id"] for r in noted if "rest_api_id" in r] == gateway.apis(cloud)


def test_a_dry_run_changes_nothing(
    cloud: Stage, chalice: Chalice, capsys: pytest.CaptureFixture[str]
) -> None:
    before = down.inventory(cloud)
    assert infra("up", "--dry-run") == 0
    assert down.inventory(cloud) == before

    infra("up")
    made = down.inventory(cloud)
    assert infra("up", "--dry-run") == 0
    assert infra("down", "--dry-run") == 0
    assert down.inventory(cloud) == made
    assert "bucket rollcall-dev-123456789012" in capsys.readouterr().err


def fill(cloud: Stage) -> None:
    """Put in what makes a bucket and a collection hard to delete, and what Lambda leaves."""
    s3 = cloud.client("s3")
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for number in range(3):
        s3.put_object(Bucket=BUCKET, Key="photos/one", Body=str(number).encode())
    s3.delete_object(Bucket=BUCKET, Key="photos/one")
    cloud.client("logs").create_log_group(logGroupName="/aws/lambda/rollcall-dev-forgotten")


def neighbours(cloud: Stage) -> None:
    """Make what is not ours, but looks like it."""
    cloud.client("s3").create_bucket(Bucket="rollcall-dev2-photos")
    cloud.client("logs").create_log_group(logGroupName="/aws/lambda/rollcall-dev2")
    cloud.client("iam").create_role(RoleName="rollcall-dev2-sweep", AssumeRolePolicyDocument="{}")
    cloud.client("apigateway").create_rest_api(name="rollcall")


def test_down_leaves_nothing_and_touches_nobody_else(
    cloud: Stage, chalice: Chalice, monkeypatch: pytest.MonkeyPatch
) -> None:
    infra("up")
    fill(cloud)
    neighbours(cloud)
    monkeypatch.setenv("CONFIRM", "dev")

    assert infra("down") == 0

    assert down.inventory(cloud) == []
    assert stack.describe(cloud, gateway.ACCOUNT_STACK) is None
    assert not cloud.client("apigateway").get_account().get("cloudwatchRoleArn")
    assert [bucket["Name"] for bucket in cloud.client("s3").list_buckets()["Buckets"]] == [
        "rollcall-dev2-photos"
    ]
    assert len(cloud.client("logs").describe_log_groups()["logGroups"]) == 1
    assert len(cloud.client("iam").list_roles()["Roles"]) == 1
    assert len(cloud.client("apigateway").get_rest_apis()["items"]) == 1
    assert infra("down") == 0, "again, of nothing"


@pytest.mark.parametrize("where", ["lambda_function", "rest_api"])
def test_down_can_be_run_again_after_a_crash(
    cloud: Stage, chalice: Chalice, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    infra("up")
    monkeypatch.setenv("CONFIRM", "dev")
    chalice.dies = where
    with pytest.raises(PowerLost):
        infra("down")
    assert down.inventory(cloud) != []

    assert infra("down") == 0

    assert down.inventory(cloud) == []


def test_down_takes_what_a_dead_first_deploy_left(
    cloud: Stage, chalice: Chalice, monkeypatch: pytest.MonkeyPatch
) -> None:
    chalice.dies = "rest_api"
    with pytest.raises(PowerLost):
        infra("up")
    monkeypatch.setenv("CONFIRM", "dev")

    assert infra("down") == 0

    assert down.inventory(cloud) == []


@pytest.mark.parametrize(("typed", "code"), [("dev\n", 0), ("yes\n", 2), ("", 2)])
def test_down_asks_for_the_name(
    cloud: Stage, chalice: Chalice, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, typed: str, code: int
) -> None:
    infra("up")
    (tmp_path / "typed").write_text(typed)
    with (tmp_path / "typed").open() as answer:
        monkeypatch.setattr(sys, "stdin", answer)
        assert infra("down") == code
    assert (down.inventory(cloud) == []) is (code == 0)


def test_prod_is_refused_without_its_name(
    cloud: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["down", "--stage", "prod"]) == 2
    assert "CONFIRM=prod" in capsys.readouterr().err
    monkeypatch.setenv("CONFIRM", "dev")
    assert main(["down", "--stage", "prod"]) == 2


def test_status_shows_what_is_there(
    cloud: Stage, chalice: Chalice, capsys: pytest.CaptureFixture[str]
) -> None:
    infra("up")
    capsys.readouterr()

    assert infra("status") == 0

    shown = capsys.readouterr().out
    for line in ("function rollcall-dev-sweep", "stack: CREATE_COMPLETE", "dead letters: 0", "faces: 0"):
        assert line in shown


@pytest.mark.parametrize(
    ("stage", "message"),
    [("local", "make run"), ("nowhere", "there is no stage nowhere")],
)
def test_only_a_cloud_stage_can_go_up(
    cloud: Stage, capsys: pytest.CaptureFixture[str], stage: str, message: str
) -> None:
    assert main(["up", "--stage", stage]) == 2
    assert message in capsys.readouterr().err


def test_no_region_is_one_line(
    cloud: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert infra("up") == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: no Region is set")


def test_the_smoke_test_asks_the_real_api(embedded: Embedded, capsys: pytest.CaptureFixture[str]) -> None:
    from app import app

    server = AppServer("127.0.0.1", 0)
    server.start(app)
    try:
        body = NewToken(role=Role.ADMIN, label="x")
        deploy.smoke(server.url, create(wiring.token_store(), body, now=wiring.now()).token)
        assert "GET /v1/settings: zone Asia/Ho_Chi_Minh" in capsys.readouterr().err
        deploy.smoke(server.url, None)
        assert "GET /v1/settings without a token: 401" in capsys.readouterr().err
    finally:
        server.stop()


def test_a_smoke_test_that_is_refused_says_what_was_answered() -> None:
    def answer(request: Request) -> Response:
        if request.target == "/health":
            return Response(200, [], b'{"status": "ok", "stage": "dev", "version": "1"}')
        assert request.headers["Authorization"] == "Bearer rc_wrong"
        return error_response(401, "There is no such token.")

    server = Server("127.0.0.1", 0, answer, error_response, limit=1000)
    server.start()
    try:
        with pytest.raises(Failure, match=r"answers 401: .*no such token"):
            deploy.smoke(server.url, "rc_wrong")
    finally:
        server.stop()


def test_each_function_of_the_app_has_a_log_group_that_ends() -> None:
    from app import app

    template = read(TEMPLATE)
    groups = {
        resource["Properties"]["LogGroupName"]["Fn::Sub"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Logs::LogGroup" and "RetentionInDays" in resource["Properties"]
    }
    names = ["", *(f"-{function.name}" for function in app.pure_lambda_functions)]
    names += [f"-{source.name}" for source in app.event_sources]
    assert {f"/aws/lambda/rollcall-${{Stage}}{name}" for name in names} <= groups


def test_throttled_routes_exist() -> None:
    from app import app
    from infra import template

    for limit in template.rest_api()["MethodSettings"]:
        if limit["ResourcePath"] != "/*":
            path = limit["ResourcePath"].removeprefix("/").replace("~1", "/")
            assert limit["HttpMethod"] in app.routes[path], path


def test_a_secret_may_not_stand_in_the_configuration() -> None:
    config: dict[str, Any] = json.loads((ROOT / ".chalice" / "config.json").read_text())
    for stage in config["stages"].values():
        for name in stage["environment_variables"]:
            assert not build._SECRET.search(name), name


def test_the_runbook_says_what_each_alarm_means() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    for resource in read(TEMPLATE)["Resources"].values():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            name = resource["Properties"]["AlarmName"]["Fn::Sub"].removeprefix("rollcall-${Stage}-")
            assert f"| `{name}` |" in runbook


def test_the_real_chalice_takes_the_folder(cloud: Stage) -> None:
    place = build.folder(cloud, {"ROLLCALL_BUCKET": BUCKET})
    (place / "requirements.txt").write_text("")  # packaging dependencies is tested elsewhere

    build.chalice(place, ["package", "packaged"], cloud)

    template = json.loads((place / "packaged" / "sam.json").read_text())
    resources = template["Resources"]
    assert resources["APIHandler"]["Properties"]["MemorySize"] == 1024
    sweep = resources["Sweep"]["Properties"]
    assert (sweep["MemorySize"], sweep["Timeout"], sweep["Architectures"]) == (256, 50, ["arm64"])
    assert sweep["Environment"]["Variables"]["ROLLCALL_BUCKET"] == BUCKET
    [policy] = resources["SweepRole"]["Properties"]["Policies"]
    named = json.dumps(policy)
    assert f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/rollcall-dev" in named
    assert f"arn:aws:s3:::{BUCKET}/photos/*" in named


def test_a_chalice_that_fails_is_a_failure(cloud: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    place = build.folder(cloud, {})
    (place / "app.py").write_text("import no_such_module")
    with pytest.raises(Failure, match=r"chalice package out. failed"):
        build.chalice(place, ["package", "out"], cloud)
    assert "no_such_module" in capsys.readouterr().err, "what Chalice said is shown"

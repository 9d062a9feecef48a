"""`python -m infra up` and `status` against moto: what is created, repeated, refused and handed over."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chalicelib.services.tokens import token_digest
from infra import build, deploy, down, gateway, stack, table
from infra.__main__ import main
from infra.stage import Failure, Stage, find
from tests.infra.conftest import Infra, make_collection
from tests.support.chalice_stand_in import Chalice, PowerLost

ACCOUNT = "123456789012"
BUCKET = f"rollcall-dev-{ACCOUNT}-us-east-1"


def test_up_makes_a_stage_and_shows_its_url(
    cloud: Stage, chalice: Chalice, capsys: pytest.CaptureFixture[str], tmp_path: Path, infra: Infra
) -> None:
    token_file = tmp_path / "token"
    assert infra("up", "--origin", "https://hr.example.com", "--token-file", str(token_file)) == 0

    api = gateway.apis(cloud)[0]
    [url] = capsys.readouterr().out.splitlines()
    assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
    assert url == f"https://{api}.execute-api.us-east-1.amazonaws.com/dev"
    digest = token_digest(token_file.read_text().strip())
    made = cloud.client("dynamodb").get_item(
        TableName="rollcall-dev", Key={"pk": {"S": f"TOKEN#{digest}"}, "sk": {"S": "-"}}
    )
    assert made["Item"]["role"]["S"] == "admin"
    function = cloud.client("lambda").get_function(FunctionName="rollcall-dev")["Configuration"]
    variables = function["Environment"]["Variables"]
    assert variables["ROLLCALL_BUCKET"] == BUCKET
    assert variables["ROLLCALL_ORIGIN"] == "https://hr.example.com"
    assert variables["ROLLCALL_STREAMING_ROLE"] == cloud.role("streaming")
    assert function["Role"] == f"arn:aws:iam::{ACCOUNT}:role/rollcall-dev-api_handler-us-east-1"
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


def test_up_sets_what_chalice_cannot(cloud: Stage, chalice: Chalice, infra: Infra) -> None:
    assert infra("up") == 0

    client = cloud.client("apigateway")
    stage = client.get_stage(restApiId=gateway.apis(cloud)[0], stageName="dev")
    assert stage["tracingEnabled"] is True
    assert stage["methodSettings"]["*/*"]["throttlingRateLimit"] == 100
    assert stage["methodSettings"]["*/*"]["throttlingBurstLimit"] == 200
    sessions = stage["methodSettings"]["~1v1~1liveness-sessions/POST"]
    assert (sessions["throttlingRateLimit"], sessions["throttlingBurstLimit"]) == (25, 75), "as the Region"
    assert stage["accessLogSettings"]["destinationArn"].endswith("log-group:/rollcall/dev/access")
    access_log = json.loads(stage["accessLogSettings"]["format"])
    assert access_log["requestId"] == "$context.requestId", "by which the function's lines are found"
    assert access_log["address"] == "$context.identity.sourceIp"
    [api] = gateway.apis(cloud)
    for kind in ("DEFAULT_4XX", "DEFAULT_5XX", "MISSING_AUTHENTICATION_TOKEN", "REQUEST_TOO_LARGE"):
        refusal = client.get_gateway_response(restApiId=api, responseType=kind)
        header = "gatewayresponse.header.Access-Control-Allow-Origin"
        assert refusal["responseParameters"][header] == "'*'"
        assert refusal["responseParameters"]["gatewayresponse.header.X-Request-Id"] == "context.requestId"
        assert '"Code":"' in refusal["responseTemplates"]["application/json"]
    assert client.get_gateway_response(restApiId=api, responseType="THROTTLED")["statusCode"] == "429"
    assert client.get_account()["cloudwatchRoleArn"].startswith(f"arn:aws:iam::{ACCOUNT}:role/")


def test_up_again_changes_nothing_and_keeps_what_was_chosen(
    cloud: Stage, chalice: Chalice, infra: Infra
) -> None:
    infra("up", "--origin", "https://hr.example.com", "--log-days", "90")
    before = down.inventory(cloud)

    assert infra("up") == 0

    assert down.inventory(cloud) == before
    kept = stack.parameters(cloud, "rollcall-dev")
    assert kept["AllowedOrigins"] == "https://hr.example.com"
    assert kept["LogDays"] == "90"


def keys(stage: Stage) -> list[str]:
    """List the KMS keys that have the stage's alias."""
    aliases = stage.client("kms").list_aliases()["Aliases"]
    return [one["TargetKeyId"] for one in aliases if one["AliasName"] == f"alias/{stage.prefix}"]


def test_without_being_asked_a_stage_has_no_key_of_its_own(
    cloud: Stage, chalice: Chalice, infra: Infra
) -> None:
    assert infra("up") == 0
    assert keys(cloud) == []
    encryption = cloud.client("s3").get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]
    assert encryption["Rules"][0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_a_key_of_the_accounts_own_encrypts_the_bucket_and_is_kept(
    cloud: Stage, chalice: Chalice, infra: Infra
) -> None:
    for words in (["--cmk", "--trail"], []):  # moto finds no change where parameters alone differ
        assert infra("up", *words) == 0
        [key] = keys(cloud)
        assert cloud.client("kms").get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is True
        found = cloud.client("s3").get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]
        rule = found["Rules"][0]["ApplyServerSideEncryptionByDefault"]
        assert rule["SSEAlgorithm"] == "aws:kms"
        assert rule["KMSMasterKeyID"].endswith(key)
        kept = stack.parameters(cloud, "rollcall-dev")
        assert (kept["CustomerKey"], kept["DataEvents"]) == ("true", "true")


def test_the_plan_of_a_new_stage_has_a_key_and_a_trail_only_if_they_are_wanted(
    cloud: Stage, capsys: pytest.CaptureFixture[str], infra: Infra
) -> None:
    assert infra("up", "--dry-run", "--no-trail") == 0
    assert "AWS::KMS" not in (plain := capsys.readouterr().err)
    assert "AWS::CloudTrail" not in plain
    assert infra("up", "--dry-run", "--cmk", "--trail") == 0
    assert "add Key (AWS::KMS::Key)" in (full := capsys.readouterr().err)
    assert "add Trail (AWS::CloudTrail::Trail)" in full


def test_up_goes_on_from_a_deploy_that_died(cloud: Stage, chalice: Chalice, infra: Infra) -> None:
    chalice.dies = "rule"
    with pytest.raises(PowerLost):
        infra("up")
    orphan = gateway.apis(cloud)

    assert infra("up") == 0

    assert gateway.apis(cloud) == orphan


def test_another_machine_can_go_on(
    cloud: Stage, chalice: Chalice, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, infra: Infra
) -> None:
    infra("up")
    noted = json.loads(build.record(cloud).read_text())
    monkeypatch.setattr(build, "OUT", tmp_path / "elsewhere")

    deploy.fetch_record(cloud)

    assert json.loads(build.record(cloud).read_text()) == noted


def test_a_note_about_an_api_that_is_gone_is_not_believed(
    cloud: Stage, chalice: Chalice, infra: Infra
) -> None:
    infra("up")
    cloud.client("apigateway").delete_rest_api(restApiId=gateway.apis(cloud)[0])

    assert infra("up") == 0

    noted = json.loads(build.record(cloud).read_text())["resources"]
    assert [r["rest_api_id"] for r in noted if "rest_api_id" in r] == gateway.apis(cloud)


def test_a_dry_run_changes_nothing(
    cloud: Stage, chalice: Chalice, capsys: pytest.CaptureFixture[str], infra: Infra
) -> None:
    before = down.inventory(cloud)
    assert infra("up", "--dry-run") == 0
    assert down.inventory(cloud) == before

    infra("up")
    made = down.inventory(cloud)
    assert infra("up", "--dry-run") == 0
    assert infra("down", "--dry-run") == 0
    assert down.inventory(cloud) == made
    assert f"bucket {BUCKET}" in capsys.readouterr().err


def test_status_shows_what_is_there(
    cloud: Stage, chalice: Chalice, capsys: pytest.CaptureFixture[str], infra: Infra
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
    cloud: Stage, infra: Infra, capsys: pytest.CaptureFixture[str], stage: str, message: str
) -> None:
    assert infra("up", stage=stage) == 2
    assert message in capsys.readouterr().err


def test_no_region_is_one_line(
    cloud: Stage,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    infra: Infra,
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert infra("up") == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: no Region is set")


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
    assert sweep["Role"] == f"arn:aws:iam::{ACCOUNT}:role/rollcall-dev-sweep-us-east-1"
    assert [name for name in resources if name.endswith("Role")] == []


def test_a_chalice_that_fails_is_a_failure(cloud: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    place = build.folder(cloud, {})
    (place / "app.py").write_text("import no_such_module")
    with pytest.raises(Failure, match=r"chalice package out. failed"):
        build.chalice(place, ["package", "out"], cloud)
    assert "no_such_module" in capsys.readouterr().err, "what Chalice said is shown"


def admin_tokens_that_ring(stage: Stage) -> float:
    """Return how many new admin tokens the alarm has been told of."""
    now = datetime.now(UTC)
    data = stage.client("cloudwatch").get_metric_statistics(
        Namespace="Rollcall",
        MetricName="AdminTokenCreated",
        Dimensions=[{"Name": "Stage", "Value": stage.name}],
        StartTime=now - timedelta(days=1),
        EndTime=now + timedelta(days=1),
        Period=60,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in data["Datapoints"]))


def test_an_admin_token_made_on_the_command_line_rings_the_alarm_too(
    cloud: Stage, chalice: Chalice, infra: Infra, capsys: pytest.CaptureFixture[str]
) -> None:
    infra("up")
    assert admin_tokens_that_ring(cloud) == 0
    for role in ("kiosk", "viewer", "manager", "admin"):
        assert main(["token", "create", "--stage", "dev", "--role", role]) == 0
    capsys.readouterr()  # the tokens are shown once, and belong into no log
    assert admin_tokens_that_ring(cloud) == 1


def test_the_first_admin_token_rings_the_alarm_too(
    cloud: Stage, chalice: Chalice, infra: Infra, tmp_path: Path
) -> None:
    infra("up", "--token-file", str(tmp_path / "token"))
    assert admin_tokens_that_ring(cloud) == 1


def test_the_token_is_shown_on_the_terminal_before_the_smoke_test_fails(
    cloud: Stage,
    chalice: Chalice,
    infra: Infra,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    assert infra("up", "--url", "http://127.0.0.1:9") == 2  # where nobody listens

    shown = capsys.readouterr()
    token, url = shown.out.splitlines()
    digest = token_digest(token.removeprefix("token "))
    key = {"pk": {"S": f"TOKEN#{digest}"}, "sk": {"S": "-"}}
    assert "Item" in cloud.client("dynamodb").get_item(TableName="rollcall-dev", Key=key)
    assert url == "http://127.0.0.1:9"
    assert token.removeprefix("token ") not in shown.err
    assert "Connection refused" in shown.err
    assert "/aws/lambda/rollcall-dev " in shown.err


def test_without_a_terminal_no_token_is_made_that_a_log_would_keep(
    cloud: Stage, chalice: Chalice, infra: Infra, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert infra("up") == 0
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 1, "the URL alone"
    assert "--token-file" in shown.err
    assert "infra token create --stage dev --role admin" in shown.err

    open_to_all = tmp_path / "token"
    open_to_all.touch(0o644)
    assert infra("up", "--token-file", str(open_to_all)) == 0
    assert stat.S_IMODE(open_to_all.stat().st_mode) == 0o600
    assert open_to_all.read_text().startswith("rc_")

    unused = tmp_path / "unused"
    assert infra("up", "--token-file", str(unused)) == 0
    assert not unused.exists(), "there is a token already"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--origin", "https://hr.example.com/app"], "https://hr.example.com would be right"),
        (["--origin", "https://hr.example.com/"], "https://hr.example.com would be right"),
        (["--origin", "hr.example.com"], "not a web origin"),
        (["--origin", "https://*.example.com"], "not a web origin"),
        (["--origin", "https://HR.example.com"], "https://hr.example.com would be right"),
        (["--origin", "https://hr.example.com:x"], "not a web origin"),
        (["--origin", "https://hr.example.com,*"], "neither * nor a list"),
        (["--budget", "100"], "needs --alarm-email"),
        (["--budget", "-1", "--alarm-email", "a@example.com"], "a budget is"),
        (["--alarm-email", "hr"], "hr is not a mail address"),
        (["--log-days", "31"], "--log-days is one of 1, 3, 5"),
        (["--url", "hr.example.com"], "not a URL"),
        (["--token-file", "/no/such/folder/token"], "/no/such/folder"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_options_that_cannot_be_right_are_refused_before_anything_is_made(
    cloud: Stage,
    chalice: Chalice,
    infra: Infra,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    before = down.inventory(cloud)
    assert infra("up", *words) == 2
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert message in line
    assert down.inventory(cloud) == before


def test_up_goes_on_without_the_right_to_read_quotas(
    cloud: Stage, chalice: Chalice, infra: Infra, capsys: pytest.CaptureFixture[str]
) -> None:
    assert infra("up", "--people", "6000") == 0, "moto has neither list_service_quotas nor account settings"

    told = capsys.readouterr().err
    assert told.count("cannot be read, so") == 2
    request = "request for 6,000 people, in Service Quotas under Rekognition:"
    assert f"{request} 105 liveness streams at once" in told


def test_a_budget_may_count_on_the_address_chosen_before(
    cloud: Stage, chalice: Chalice, infra: Infra, capsys: pytest.CaptureFixture[str]
) -> None:
    assert infra("up", "--alarm-email", "it@example.com", "--budget", "100") == 0
    assert infra("up", "--budget", "200") == 0
    assert infra("up", "--alarm-email", "") == 2, "it is the budget's, too"
    assert "needs --alarm-email" in capsys.readouterr().err


def test_a_region_without_liveness_is_refused_unless_told_so(
    account: str,
    chalice: Chalice,
    infra: Infra,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-southeast-1")
    stage = find("dev")
    make_collection(stage)
    before = down.inventory(stage)
    assert infra("up") == 2
    assert "nearest Regions that offer it are ap-southeast-5 (Malaysia" in capsys.readouterr().err
    assert infra("up", "--dry-run") == 2
    assert down.inventory(stage) == before

    assert infra("up", "--without-liveness") == 0
    assert infra("up") == 0, "it was told before"
    assert "warning: Face Liveness is not offered" in capsys.readouterr().err


def test_a_dry_run_needs_no_credentials(
    monkeypatch: pytest.MonkeyPatch, infra: Infra, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-southeast-7")

    assert infra("up") == 2
    assert "Unable to locate credentials" in capsys.readouterr().err

    assert infra("up", "--dry-run") == 0
    plan = capsys.readouterr().err
    for line in (
        "would create stack rollcall-dev and bucket rollcall-dev-ACCOUNT-ap-southeast-7",
        "add Table (AWS::DynamoDB::Table)",
        "add SweepRole (AWS::IAM::Role)",
        "liveness streams at once: 15, assumed, enough for 540 people",
        "[9/9] Smoke test",
    ):
        assert line in plan
    assert "AWS::Budgets::Budget" not in plan

    assert infra("up", "--dry-run", "--alarm-email", "it@example.com", "--budget", "9") == 0
    assert "add Budget (AWS::Budgets::Budget)" in capsys.readouterr().err
    assert infra("up", "--dry-run", "--budget", "9") == 2

    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_REGION", raising=False)
    assert infra("up", "--dry-run") == 0
    assert "bucket rollcall-dev-ACCOUNT-REGION" in capsys.readouterr().err


def test_credentials_of_aws_login_say_what_they_need(
    account: str,
    infra: Infra,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    (tmp_path / "config").write_text("[profile desk]\nlogin_session = arn:aws:iam::123456789012:user/ada\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "desk")
    monkeypatch.setattr("botocore.credentials.EC", None)  # as where awscrt is not installed
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    assert infra("up") == 2
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert "botocore[crt]" in line


def test_the_table_of_every_stage_but_dev_is_protected(
    account: str, chalice: Chalice, infra: Infra, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, protected in (("dev", False), ("prod", True)):
        stage = find(name)
        make_collection(stage)
        assert infra("up", stage=name) == 0
        described = table.describe(stage)
        assert described
        assert described["DeletionProtectionEnabled"] is protected

    dynamodb = find("prod").client("dynamodb")
    with pytest.raises(dynamodb.exceptions.ClientError, match="DeletionProtectionEnabled"):
        dynamodb.delete_table(TableName="rollcall-prod")
    monkeypatch.setenv("CONFIRM", "prod")
    assert infra("down", stage="prod") == 0
    assert table.describe(find("prod")) is None

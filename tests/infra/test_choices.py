"""What `up` lets one choose of a stage: a domain, a firewall, a warmer, reservations, the lab, backups."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infra import backups, choices, domain, firewall, gateway, stack, stages, warmer
from infra.stage import Failure, Stage
from local.aws.embedded import ACCOUNT, REGION
from tests.conftest import Http
from tests.infra.conftest import Infra
from tests.support.chalice_stand_in import Chalice


def function(cloud: Stage) -> dict[str, Any]:
    found: dict[str, Any] = cloud.client("lambda").get_function_configuration(FunctionName="rollcall-dev")
    return found


def own_config(chalice: Chalice) -> dict[str, Any]:
    """Return the stage's part of what Chalice was given last."""
    config = json.loads((chalice.folders[-1] / ".chalice" / "config.json").read_text())
    own: dict[str, Any] = config["stages"]["dev"]
    return own


def reserved(cloud: Stage, name: str = "rollcall-dev") -> int | None:
    found = cloud.client("lambda").get_function_concurrency(FunctionName=name)
    number: int | None = found.get("ReservedConcurrentExecutions")
    return number


def import_certificate(cloud: Stage, name: str) -> str:
    """Put a certificate of a domain into ACM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=9))
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    arn: str = cloud.client("acm").import_certificate(Certificate=pem, PrivateKey=private)["CertificateArn"]
    return arn


def test_what_is_chosen_is_applied_kept_and_taken_back(
    cloud: Stage, chalice: Chalice, infra: Infra, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = cloud.client("events")
    cloud.client("wafv2").create_web_acl(  # moto's CloudFormation makes none
        Name="rollcall-dev",
        Scope="REGIONAL",
        DefaultAction={"Allow": {}},
        VisibilityConfig={
            "SampledRequestsEnabled": False,
            "CloudWatchMetricsEnabled": False,
            "MetricName": "x",
        },
        Rules=[],
    )
    cloud.client("cloudwatch").put_metric_alarm(  # nor alarms
        AlarmName="rollcall-dev-sweep-silence",
        ActionsEnabled=False,
        ComparisonOperator="LessThanThreshold",
        EvaluationPeriods=1,
        MetricName="Invocations",
        Namespace="AWS/Lambda",
        Period=900,
        Statistic="Sum",
        Threshold=1,
    )
    certificate = import_certificate(cloud, "hr.example.com")
    words = (
        "--lab",
        "on",
        "--warmer",
        "on",
        "--reserved-concurrency",
        "40",
        "--requests-per-address",
        "3000",
    )
    assert infra("up", *words, "--domain", "hr.example.com") == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines() == ["https://hr.example.com"]
    assert "hr.example.com is a CNAME of d-1.execute-api.us-east-1.amazonaws.com" in shown.err

    assert infra("up") == 0, "all of it is remembered"
    assert function(cloud)["Environment"]["Variables"]["ROLLCALL_LAB"] == "on"
    assert reserved(cloud) == 40
    assert reserved(cloud, "rollcall-dev-sweep") is None
    [target] = rules.list_targets_by_rule(Rule="rollcall-dev-warmer")["Targets"]
    assert target["Arn"] == function(cloud)["FunctionArn"]
    assert json.loads(target["Input"]) == warmer.EVENT
    assert own_config(chalice)["api_gateway_custom_domain"] == {
        "domain_name": "hr.example.com",
        "certificate_arn": certificate,
        "tls_version": "TLS_1_2",
    }
    [api] = gateway.apis(cloud)
    stage_arn = f"arn:aws:apigateway:us-east-1::/restapis/{api}/stages/dev"
    waf = cloud.client("wafv2")
    assert waf.get_web_acl_for_resource(ResourceArn=stage_arn)["WebACL"]["Name"] == "rollcall-dev"
    assert cloud.client("apigateway").get_stage(restApiId=api, stageName="dev")["webAclArn"]
    alarms = cloud.client("cloudwatch").describe_alarms(AlarmNames=["rollcall-dev-sweep-silence"])
    assert [alarm["ActionsEnabled"] for alarm in alarms["MetricAlarms"]] == [True]

    assert infra("up", "--domain", "other.example.com") == 2
    assert "the domain is hr.example.com; remove it" in capsys.readouterr().err
    words = ("--lab", "off", "--warmer", "off", "--requests-per-address", "0", "--domain", "")
    assert infra("up", *words, "--reserved-concurrency", "0") == 0
    assert function(cloud)["Environment"]["Variables"]["ROLLCALL_LAB"] == "off"
    assert reserved(cloud) is None
    assert rules.list_rules(NamePrefix="rollcall-dev-warmer")["Rules"] == []
    assert "api_gateway_custom_domain" not in own_config(chalice)
    assert not cloud.client("apigateway").get_stage(restApiId=api, stageName="dev").get("webAclArn")


def test_a_deploy_does_not_start_a_paused_stage(cloud: Stage, chalice: Chalice, infra: Infra) -> None:
    assert infra("up", "--reserved-concurrency", "40") == 0
    assert infra("pause") == 0
    assert infra("up") == 0
    assert (reserved(cloud), reserved(cloud, "rollcall-dev-sweep")) == (0, 0)
    assert infra("unpause") == 0
    assert (reserved(cloud), reserved(cloud, "rollcall-dev-sweep")) == (40, None)


def test_a_domain_needs_a_certificate(
    cloud: Stage, chalice: Chalice, infra: Infra, capsys: pytest.CaptureFixture[str]
) -> None:
    import_certificate(cloud, "*.example.org")
    assert infra("up", "--domain", "hr.example.com") == 2
    assert "aws acm request-certificate --region us-east-1 --domain-name hr.example.com" in (
        capsys.readouterr().err
    )
    assert stack.describe(cloud, "rollcall-dev") is None, "nothing was made"
    assert domain.certificate(cloud, "hr.example.org").startswith("arn:aws:acm:us-east-1:")


@pytest.mark.parametrize("ours", [True, False])
def test_a_domain_goes_with_its_stage_and_another_api_s_stays(
    cloud: Stage, chalice: Chalice, infra: Infra, monkeypatch: pytest.MonkeyPatch, ours: bool
) -> None:
    certificate = import_certificate(cloud, "hr.example.com")
    assert infra("up", "--domain", "hr.example.com") == 0
    client = cloud.client("apigateway")
    client.create_domain_name(domainName="hr.example.com", regionalCertificateArn=certificate)
    other = client.create_rest_api(name="another")["id"]
    api = gateway.apis(cloud)[0] if ours else other
    client.create_base_path_mapping(domainName="hr.example.com", restApiId=api)
    monkeypatch.setenv("CONFIRM", "dev")

    assert infra("down") == 0

    assert [found["domainName"] for found in client.get_domain_names()["items"]] == (
        [] if ours else ["hr.example.com"]
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--domain", "https://hr.example.com"], "not a domain"),
        (["--domain", "localhost"], "not a domain"),
        (["--requests-per-address", "5"], "at least 10"),
        (["--reserved-concurrency", "-1"], "number of environments"),
        (["--backup", "30"], "at least 35 days"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_choices_that_cannot_be_right_are_refused(
    account: str, infra: Infra, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert infra("up", *words) == 2
    assert message in capsys.readouterr().err


def test_the_list_of_erasures_outlives_every_backup() -> None:
    assert choices.complete({"BackupDays": "400"}, {}) == {
        "BackupDays": "400",
        "KeepsVault": "yes",
        "ErasureDays": "490",
    }
    kept = {"BackupDays": "400", "KeepsVault": "yes", "ErasureDays": "490"}
    assert choices.complete({"BackupDays": "100"}, kept)["ErasureDays"] == "490", "older backups still exist"
    assert choices.complete({"BackupDays": "0"}, kept) == {"BackupDays": "0"}, "the vault stays with them"


def test_backups_are_deleted_before_their_vault(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage("dev", ACCOUNT, REGION, "aws", boto3.session.Session("a", "b", region_name=REGION))
    monkeypatch.setattr(stack, "parameters", lambda stage, name: {"KeepsVault": "yes"})
    vault = {"BackupVaultName": "rollcall-dev"}
    with Stubber(stage.client("backup")) as stub:
        points = [{"RecoveryPointArn": "arn:1"}, {"RecoveryPointArn": "arn:2"}]
        stub.add_response("list_recovery_points_by_backup_vault", {"RecoveryPoints": points}, vault)
        for point in points:
            stub.add_response("delete_recovery_point", {}, vault | point)
        stub.add_response("list_recovery_points_by_backup_vault", {"RecoveryPoints": []}, vault)
        backups.delete(stage)
        stub.assert_no_pending_responses()
    monkeypatch.setattr(stack, "parameters", lambda stage, name: {})
    assert backups.arns(stage) == []


def test_waf_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.progress.POLL_S", 0)
    stage = Stage("dev", ACCOUNT, REGION, "aws", boto3.session.Session("a", "b", region_name=REGION))
    with Stubber(stage.client("wafv2")) as stub:
        stub.add_response("list_web_acls", {"WebACLs": [{"Name": "rollcall-dev", "ARN": "a" * 20}]})
        stub.add_client_error("associate_web_acl", "WAFUnavailableEntityException")
        stub.add_response("associate_web_acl", {})
        firewall.attach(stage, "api1")
        stub.add_response("list_web_acls", {"WebACLs": []})
        with pytest.raises(Failure, match="firewall rollcall-dev is not there"):
            firewall.attach(stage, "api1")


def test_the_warmer_s_event_is_a_request_that_the_app_answers(http: Http) -> None:
    from app import app

    answer = app(warmer.EVENT, None)
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["status"] == "ok"


def test_another_python_than_the_runtime_s_is_refused(
    account: str, infra: Infra, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "PYTHON", "3.99")
    assert infra("up", "--dry-run") == 2
    assert "the functions run on python3.11 (lambda_runtime in .chalice/config.json)" in (
        capsys.readouterr().err
    )

"""`python -m infra down` against moto: nothing is left, and nothing else is touched, in any Region."""

import sys
from pathlib import Path

import pytest

from infra import bucket, build, down, gateway, stack, table
from infra.stage import Failure, Stage, find
from tests.infra.conftest import Infra, make_collection
from tests.support.chalice_stand_in import Chalice, PowerLost

ACCOUNT = "123456789012"
BUCKET = f"rollcall-dev-{ACCOUNT}-us-east-1"


def fill(cloud: Stage) -> None:
    """Put in what makes a bucket and a collection hard to delete, and what Lambda leaves."""
    s3 = cloud.client("s3")
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for number in range(3):
        s3.put_object(Bucket=BUCKET, Key="photos/one", Body=str(number).encode())
    s3.delete_object(Bucket=BUCKET, Key="photos/one")
    for name in ("/aws/lambda/rollcall-dev-forgotten", "/aws/apigateway/welcome"):
        cloud.client("logs").create_log_group(logGroupName=name)


def neighbours(cloud: Stage) -> None:
    """Make what is not ours, but looks like it."""
    cloud.client("s3").create_bucket(Bucket="rollcall-dev2-photos")
    cloud.client("logs").create_log_group(logGroupName="/aws/lambda/rollcall-dev2")
    for role in ("rollcall-dev2-sweep", "rollcall-dev-sweep"):  # the second as plain `chalice deploy` would
        cloud.client("iam").create_role(RoleName=role, AssumeRolePolicyDocument="{}")
    cloud.client("apigateway").create_rest_api(name="rollcall")


def test_down_leaves_nothing_and_touches_nobody_else(
    cloud: Stage, chalice: Chalice, monkeypatch: pytest.MonkeyPatch, infra: Infra
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
    assert {role["RoleName"] for role in cloud.client("iam").list_roles()["Roles"]} == {
        "rollcall-dev-sweep",
        "rollcall-dev2-sweep",
    }
    assert len(cloud.client("apigateway").get_rest_apis()["items"]) == 1
    assert infra("down") == 0, "again, of nothing"


@pytest.mark.parametrize("where", ["lambda_function", "rest_api"])
def test_down_can_be_run_again_after_a_crash(
    cloud: Stage, chalice: Chalice, monkeypatch: pytest.MonkeyPatch, where: str, infra: Infra
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
    cloud: Stage, chalice: Chalice, monkeypatch: pytest.MonkeyPatch, infra: Infra
) -> None:
    chalice.dies = "rest_api"
    with pytest.raises(PowerLost):
        infra("up")
    monkeypatch.setenv("CONFIRM", "dev")

    assert infra("down") == 0

    assert down.inventory(cloud) == []


@pytest.mark.parametrize(("typed", "code"), [("dev\n", 0), ("yes\n", 2), ("", 2)])
def test_down_asks_for_the_name(
    cloud: Stage,
    chalice: Chalice,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    typed: str,
    code: int,
    infra: Infra,
) -> None:
    infra("up")
    (tmp_path / "typed").write_text(typed)
    with (tmp_path / "typed").open() as answer:
        monkeypatch.setattr(sys, "stdin", answer)
        assert infra("down") == code
    assert (down.inventory(cloud) == []) is (code == 0)


def test_prod_is_refused_without_its_name(
    cloud: Stage,
    chalice: Chalice,
    infra: Infra,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_collection(find("prod"))
    assert infra("up", stage="prod") == 0
    assert infra("down", stage="prod") == 2
    assert "CONFIRM=prod" in capsys.readouterr().err
    monkeypatch.setenv("CONFIRM", "dev")
    assert infra("down", stage="prod") == 2
    monkeypatch.setenv("CONFIRM", "prod")
    assert infra("down", stage="prod") == 0


@pytest.fixture
def two_regions(
    cloud: Stage, chalice: Chalice, infra: Infra, monkeypatch: pytest.MonkeyPatch
) -> tuple[Stage, Stage]:
    """Stage dev in two Regions of one account; the environment is left in the second."""
    assert infra("up") == 0
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    elsewhere = find("dev")
    make_collection(elsewhere)
    assert infra("up") == 0
    return cloud, elsewhere


def state(stage: Stage) -> tuple[list[str], list[str]]:
    """All of a stage: its inventory, and the names and policies of its roles."""
    iam = stage.client("iam")
    policies = [
        f"{role['RoleName']} {iam.get_role_policy(RoleName=role['RoleName'], PolicyName=policy)}"
        for role in iam.list_roles()["Roles"]
        if role["RoleName"].endswith(stage.region)
        for policy in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]
    ]
    return down.inventory(stage), [policy.partition("ResponseMetadata")[0] for policy in policies]


def test_a_stage_in_two_regions_is_two_stages(
    two_regions: tuple[Stage, Stage], infra: Infra, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = two_regions
    roles = [role["RoleName"] for role in first.client("iam").list_roles()["Roles"]]
    for region in ("us-east-1", "eu-west-1"):
        for name in ("api_handler", "sweep", "retention", "streaming"):
            assert f"rollcall-dev-{name}-{region}" in roles
    first.client("s3").put_object(Bucket=first.bucket, Key="photos/one", Body=b"x")
    before = state(first)
    assert before[1] != []
    monkeypatch.setenv("CONFIRM", "dev")

    assert infra("down") == 0

    assert down.inventory(second) == []
    assert state(first) == before
    assert first.client("s3").get_object(Bucket=first.bucket, Key="photos/one")["Body"].read() == b"x"


def test_destroy_in_a_region_without_the_stage_touches_nothing_and_asks_nothing(
    cloud: Stage,
    chalice: Chalice,
    infra: Infra,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert infra("up") == 0
    before, recorded = state(cloud), build.record(cloud).read_text()
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("CONFIRM", "dev")

    assert infra("down") == 0

    assert capsys.readouterr().out.endswith("Nothing is left of rollcall-dev in Region eu-west-1.\n")
    assert state(cloud) == before
    assert build.record(cloud).read_text() == recorded


def test_a_bucket_of_our_name_in_another_region_is_not_ours(
    cloud: Stage, chalice: Chalice, infra: Infra, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.session.client("s3", region_name="eu-west-1").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    with pytest.raises(Failure, match="is in Region eu-west-1, not us-east-1"):
        bucket.exists(cloud)
    for command in ("up", "down"):
        assert infra(command) == 2
        assert "nothing is touched" in capsys.readouterr().err
    assert stack.describe(cloud, "rollcall-dev") is None
    assert table.describe(cloud) is None


def test_what_is_to_go_is_shown_before_it_is_asked_for(
    cloud: Stage,
    chalice: Chalice,
    infra: Infra,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    infra("up")
    (tmp_path / "typed").write_text("no\n")
    capsys.readouterr()
    with (tmp_path / "typed").open() as answer:
        monkeypatch.setattr(sys, "stdin", answer)
        assert infra("down") == 2
    shown, _, asked = capsys.readouterr().err.partition("Type its name")
    assert asked
    assert f"account {ACCOUNT}, Region us-east-1" in shown
    for line in (*down.inventory(cloud), "items in the table"):
        assert line in shown

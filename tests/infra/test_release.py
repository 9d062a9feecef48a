"""Releases: what is kept of a deploy, the return to an earlier one, and two deployers at once."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra import build, lock, release, rollback, schema, smoke
from infra.stage import Failure, Stage
from tests.infra.conftest import Infra
from tests.support.chalice_stand_in import Chalice, PowerLost

OTHER = {
    "id": "1",
    "command": "up",
    "by": "arn:aws:iam::1:user/ada",
    "host": "desk",
    "since": "2026-11-28T01:00:00+00:00",
}


@pytest.fixture
def app_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Lets the next deploy have an app of its own."""

    def use(number: int) -> None:
        clone = tmp_path / f"clone{number}"
        (clone / "chalicelib").mkdir(parents=True)
        (clone / "app.py").write_text(f"APP = {number}\n")
        monkeypatch.setattr(build, "source", lambda stage: clone)

    return use


def deployed_app(chalice: Chalice) -> str:
    return (chalice.folders[-1] / "app.py").read_text().strip()


def put_lock(cloud: Stage) -> None:
    cloud.client("s3").put_object(Bucket=cloud.bucket, Key=lock.KEY, Body=json.dumps(OTHER).encode())


def test_a_stage_returns_to_the_last_release_that_passed_and_comes_forward_again(
    cloud: Stage,
    chalice: Chalice,
    infra: Infra,
    app_of: Any,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app_of(1)
    assert infra("up", "--origin", "https://old.example.com") == 0
    assert infra("rollback") == 2
    assert "no earlier release" in capsys.readouterr().err
    app_of(2)
    assert infra("up", "--url", "http://127.0.0.1:9") == 2, "its smoke test fails"
    app_of(3)
    assert infra("up", "--origin", "https://new.example.com") == 0
    app_of(4)
    chalice.dies = "rule"
    with pytest.raises(PowerLost):
        infra("up")
    known = release.load(cloud)
    assert known.deployed == 4
    assert [one.passed for one in known.kept] == [True, False, True, False]
    capsys.readouterr()

    assert infra("rollback", "--dry-run") == 0
    assert "release 4 is deployed, release 3, commit " in capsys.readouterr().err
    assert deployed_app(chalice) == "APP = 4"
    assert infra("rollback") == 0
    assert deployed_app(chalice) == "APP = 3"
    assert infra("rollback") == 0
    assert deployed_app(chalice) == "APP = 1", "release 2 never worked"
    assert release.load(cloud).deployed == 1
    function = cloud.client("lambda").get_function_configuration(FunctionName="rollcall-dev")
    origin = function["Environment"]["Variables"]["ROLLCALL_ORIGIN"]
    assert origin == "https://new.example.com", "what is chosen of the stage stays"

    assert infra("rollback", "--to", "3") == 0
    assert deployed_app(chalice) == "APP = 3"
    assert infra("rollback", "--to", "9") == 2
    assert "release 9 is not kept; there are 1, 2, 3, 4" in capsys.readouterr().err
    monkeypatch.setattr(rollback, "PYTHON", "3.99")
    assert infra("rollback", "--to", "1") == 2
    assert "and this is 3.99" in capsys.readouterr().err


def test_no_code_is_deployed_on_a_table_that_has_moved_on(
    cloud: Stage,
    chalice: Chalice,
    infra: Infra,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old, new = schema.SCHEMA, schema.SCHEMA + 1
    assert infra("up") == 0
    monkeypatch.setattr(schema, "SCHEMA", new)
    assert infra("up") == 0
    assert schema.of_table(cloud) == new
    before = len(chalice.folders)

    assert infra("rollback") == 2
    assert f"has schema {new} and release 1 knows {old}" in capsys.readouterr().err
    monkeypatch.setattr(schema, "SCHEMA", old)
    assert infra("up") == 2
    assert f"has schema {new} and this code knows {old}" in capsys.readouterr().err
    assert len(chalice.folders) == before, "nothing was switched over"


def test_few_releases_are_kept_and_the_last_good_one_is_among_them(
    cloud: Stage, chalice: Chalice, infra: Infra, tmp_path: Path
) -> None:
    infra("up")
    for _ in range(release.KEPT + 1):
        release.keep(cloud, build.place(cloud))
    known = release.load(cloud)
    assert [one.number for one in known.kept] == [1, *range(3, release.KEPT + 3)]
    listed = cloud.client("s3").list_objects_v2(Bucket=cloud.bucket, Prefix="deploy/releases/")["Contents"]
    assert {found["Key"] for found in listed} == {one.key for one in known.kept}
    cloud.client("s3").delete_object(Bucket=cloud.bucket, Key=known.kept[0].key)
    with pytest.raises(Failure, match="package of release 1 is gone"):
        release.unpacked(cloud, known.kept[0])


def test_two_deployers_are_kept_apart(
    cloud: Stage,
    chalice: Chalice,
    infra: Infra,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert infra("up") == 0
    put_lock(cloud)
    before = len(chalice.folders)
    monkeypatch.setenv("CONFIRM", "dev")
    for command in ("up", "rollback", "down"):
        assert infra(command) == 2
        said = capsys.readouterr().err
        assert "locked: `up` by arn:aws:iam::1:user/ada on desk, since 2026-11-28T01:00:00+00:00" in said
        assert "--break-lock" in said
    assert len(chalice.folders) == before

    assert infra("up", "--break-lock") == 0
    assert "the lock is broken: `up` by arn:aws:iam::1:user/ada" in capsys.readouterr().err
    with lock.held(cloud, "up", break_lock=False):
        put_lock(cloud)  # as if somebody had broken it and gone on
    assert infra("up") == 2, "the new owner's lock is not removed"
    assert infra("down", "--break-lock") == 0


def test_smoke_needs_an_address_and_no_account(
    account: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from infra.__main__ import main

    seen = []
    monkeypatch.setattr(smoke, "smoke", lambda url, token: seen.append((url, token)))
    monkeypatch.setenv("ROLLCALL_TOKEN", "rc_x")
    assert main(["smoke", "--url", "https://hr.example.com/"]) == 0
    assert seen == [("https://hr.example.com", "rc_x")]

"""`python -m infra stage new`, `policies`, and the check of a stage's files before anything is made."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from chalice.config import Config

from infra import policies, regions, stage, stages
from infra.__main__ import main

ORIGIN = "https://school.example.com"
NEW = ["stage", "new", "school1", "--origin", ORIGIN, "--region", "ap-southeast-7"]

Edit = Callable[[dict[str, Any]], object]


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A copy of .chalice that may be changed."""
    copy = tmp_path / ".chalice"
    ignored = shutil.ignore_patterns("deployed", "deployments")
    shutil.copytree(stage.ROOT / ".chalice", copy, ignore=ignored)
    monkeypatch.setattr(policies, "FOLDER", copy)
    for module in (stage, stages):
        monkeypatch.setattr(module, "CONFIG", copy / "config.json")
    for name in ("AWS_DEFAULT_REGION", "AWS_PROFILE", "CONFIRM"):
        monkeypatch.delenv(name, raising=False)
    return copy


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def edit(folder: Path, change: Edit) -> None:
    config = json.loads((folder / "config.json").read_text())
    change(config["stages"]["school1"])
    (folder / "config.json").write_text(json.dumps(config))


def test_a_new_stage_has_its_settings_and_policies(folder: Path) -> None:
    assert main([*NEW, "--zone", "Asia/Bangkok"]) == 0

    stages.check("school1")
    assert stage.cloud_stages() == ["dev", "prod", "school1"]
    assert stage.region_of("school1") == "ap-southeast-7"
    given = stage.variables("school1")
    assert given["ROLLCALL_ORIGIN"] == ORIGIN
    assert given["ROLLCALL_ZONE"] == "Asia/Bangkok"
    assert given["ROLLCALL_TABLE"] == "rollcall-school1"
    own = (folder / "policy-school1-sweep.json").read_text()
    assert own == (folder / "policy-prod-sweep.json").read_text().replace("rollcall-prod", "rollcall-school1")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["prod"], "there is a stage prod already"),
        (["School"], "School is not a stage name"),
        (["two-words"], "two-words is not a stage name"),
        (["a" * 21], "is not a stage name"),
        (["school1", "--origin", f"{ORIGIN}/app"], f"{ORIGIN} would be right"),
        (["school1", "--region", "Bangkok"], "Bangkok is not the name of a Region"),
        (["school1", "--region", "ap-southeast-1"], "ap-southeast-5 (Malaysia"),
        (["school1", "--zone", "Bangkok"], "Bangkok is not a time zone"),
        (["school1", "--zone", "../x"], "../x is not a time zone"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_a_new_stage_that_cannot_be_right_writes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    before = contents(folder)
    options = {"--origin": ORIGIN, "--region": "ap-southeast-7"}
    options |= dict(pairwise(words[1:]))
    assert main(["stage", "new", words[0], *(word for pair in options.items() for word in pair)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert message in line
    assert contents(folder) == before


def test_plain_chalice_takes_a_new_stage(folder: Path, tmp_path: Path) -> None:
    assert main(NEW) == 0
    for name in ("app.py", "chalicelib"):
        (tmp_path / name).symlink_to(stage.ROOT / name)
    (tmp_path / "requirements.txt").touch()  # packaging dependencies is tested elsewhere

    command = [str(Path(sys.executable).with_name("chalice")), "package", "--stage", "school1", "packaged"]
    environment = os.environ | {"AWS_DEFAULT_REGION": "ap-southeast-7"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

    resources = json.loads((tmp_path / "packaged" / "sam.json").read_text())["Resources"]
    handler, sweep = resources["APIHandler"]["Properties"], resources["Sweep"]["Properties"]
    assert (handler["MemorySize"], handler["Timeout"], handler["Tracing"]) == (1024, 29, "Active")
    assert (sweep["MemorySize"], sweep["Timeout"], sweep["Architectures"]) == (256, 50, ["arm64"])
    assert handler["Environment"]["Variables"]["ROLLCALL_ORIGIN"] == ORIGIN
    [policy] = resources["SweepRole"]["Properties"]["Policies"]
    assert policy["PolicyDocument"] == json.loads((folder / "policy-school1-sweep.json").read_text())


def test_a_region_without_liveness_can_be_accepted() -> None:
    assert main([*NEW[:-1], "ap-southeast-1", "--without-liveness"]) == 0
    assert stage.region_of("school1") == "ap-southeast-1"


def forget_policy(folder: Path) -> None:
    (folder / "policy-school1-retention.json").unlink()


def outdate_policy(folder: Path) -> None:
    (folder / "policy-school1.json").write_text("{}")


def forget_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def damage_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def take_another_table(folder: Path) -> None:
    edit(folder, lambda own: own["environment_variables"].update(ROLLCALL_TABLE="rollcall-prod"))


def forget_function(folder: Path) -> None:
    edit(folder, lambda own: own["lambda_functions"].pop("sweep"))


def forget_api_stage(folder: Path) -> None:
    edit(folder, lambda own: own.pop("api_gateway_stage"))


def keep_a_secret(folder: Path) -> None:
    edit(folder, lambda own: own["environment_variables"].update(ROLLCALL_API_KEY="x"))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (forget_policy, ".chalice/policy-school1-retention.json is missing; run `python -m infra policies`"),
        (outdate_policy, ".chalice/policy-school1.json differs from infra/roles.yaml"),
        (forget_config, ".chalice/config.json is missing"),
        (damage_config, ".chalice/config.json is not valid JSON"),
        (take_another_table, "needs ROLLCALL_TABLE: rollcall-school1"),
        (forget_function, "needs iam_policy_file: policy-school1-sweep.json in lambda_functions.sweep"),
        (forget_api_stage, "needs api_gateway_stage: school1"),
        (keep_a_secret, "ROLLCALL_API_KEY in .chalice/config.json looks like a secret"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_stage_that_is_incomplete_is_one_line_before_anything_is_asked_of_aws(
    folder: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[Path], None], message: str
) -> None:
    assert main(NEW) == 0
    spoil(folder)
    capsys.readouterr()
    assert main(["up", "--stage", "school1"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert message in line


def test_policies_writes_what_is_missing(folder: Path) -> None:
    main(NEW)
    before = contents(folder)
    forget_policy(folder)
    outdate_policy(folder)
    assert main(["policies"]) == 0
    assert contents(folder) == before


def test_a_stage_with_a_region_stays_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(NEW)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for command in ("up", "down", "status"):
        assert main([command, "--stage", "school1"]) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert (
            error
            == "error: stage school1 belongs to Region ap-southeast-7, but AWS_DEFAULT_REGION is us-east-1"
        )


def test_the_origin_of_a_stage_is_said_in_one_place(capsys: pytest.CaptureFixture[str]) -> None:
    main(NEW)
    assert main(["up", "--stage", "school1", "--origin", "https://other.example.com"]) == 2
    assert (
        f"the origins of stage school1 are set in .chalice/config.json: {ORIGIN}" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ("ap-southeast-1", ["ap-southeast-5", "ap-southeast-7"]),
        ("ap-east-1", ["ap-southeast-7", "ap-southeast-5"]),
        ("eu-central-1", ["eu-west-1"]),
        ("us-east-2", ["us-east-1"]),
        ("us-west-1", ["us-west-2"]),
        ("ap-northeast-3", ["ap-northeast-1"]),
        ("us-east-1", ["us-east-1"]),
    ],
)
def test_the_nearest_region_with_liveness(region: str, expected: list[str]) -> None:
    assert regions.nearest(region)[: len(expected)] == expected


def test_a_region_nobody_knows_yet_still_gets_an_answer() -> None:
    assert sorted(regions.nearest("xx-north-9")) == sorted(regions.LIVENESS)
    assert "not offered in xx-north-9" in (regions.without_liveness("xx-north-9") or "")
    assert all(regions.without_liveness(region) is None for region in regions.LIVENESS)


def test_the_sweep_alone_is_not_traced() -> None:
    """Lambda has no sampling rate of its own, and X-Ray's rule would trace each of its runs."""
    config = Config(chalice_stage="dev", config_from_disk=stage.configuration())
    traced = {name: config.scope("dev", name).xray_enabled for name in policies.documents("dev")}
    assert traced == {"api_handler": True, "sweep": False, "retention": True}

"""Continuous integration and the hooks run what developers run, and send nothing away."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ACTIONS = {"actions/checkout", "actions/setup-python"}
"""What a workflow may use: both only prepare the machine."""


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_the_workflow_runs_what_developers_run_and_uploads_nothing() -> None:
    workflow = read(".github/workflows/ci.yml")
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert [step["run"] for step in steps if "run" in step] == [".ci/run"]
    for used in (step["uses"] for step in steps if "uses" in step):
        action, _, commit = used.partition("@")
        assert action in ACTIONS
        assert re.fullmatch("[0-9a-f]{40}", commit), f"{used}: a tag can be moved"
    assert workflow["permissions"] == {"contents": "read"}


def test_what_is_pushed_to_main_is_checked_then_deployed_to_dev_and_by_approval_to_prod() -> None:
    workflow = read(".github/workflows/deploy.yml")
    assert workflow[True] == {"push": {"branches": ["main"]}}  # YAML 1.1 reads `on` as true
    assert workflow["permissions"] == {"contents": "read"}
    check, dev, prod = (workflow["jobs"][name] for name in ("check", "dev", "prod"))
    assert check == {"uses": "./.github/workflows/ci.yml"}
    assert (dev["needs"], prod["needs"]) == ("check", "dev")
    for stage, job in (("dev", dev), ("prod", prod)):
        assert job["environment"] == job["env"]["STAGE"] == stage, "the role trusts the environment"
        assert job["permissions"] == {"contents": "read", "id-token": "write"}
        assert job["concurrency"]["cancel-in-progress"] is False, "a deploy is not stopped half way"
        assert [step["run"] for step in job["steps"] if "run" in step] == ['make deploy STAGE="$STAGE"']
        for used in (step["uses"] for step in job["steps"] if "uses" in step):
            action, _, commit = used.partition("@")
            assert action in {*ACTIONS, "aws-actions/configure-aws-credentials"}
            assert re.fullmatch("[0-9a-f]{40}", commit), f"{used}: a tag can be moved"
    assert "secrets." not in (ROOT / ".github/workflows/deploy.yml").read_text()


def test_the_workflow_tries_the_oldest_python_that_is_supported() -> None:
    workflows = [(ROOT / f".github/workflows/{name}.yml").read_text() for name in ("ci", "deploy")]
    [python] = set(re.findall(r'python-version: "(.+)"', "".join(workflows)))
    assert f'python_version = "{python}"' in (ROOT / "pyproject.toml").read_text()
    assert read(".chalice/config.json")["lambda_runtime"] == f"python{python}", "what is tested is deployed"


def test_the_hooks_use_the_locked_tools_and_fetch_nothing() -> None:
    config = read(".pre-commit-config.yaml")
    assert {repo["repo"] for repo in config["repos"]} == {"local"}
    hooks = [hook for repo in config["repos"] for hook in repo["hooks"]]
    assert {hook["id"] for hook in hooks} == {"ruff", "ruff-format", "mypy", "openapi"}
    assert {hook["language"] for hook in hooks} == {"system"}


@pytest.mark.parametrize("form", ["bug", "idea"])
def test_the_issue_forms_have_what_their_readers_need(form: str) -> None:
    found = read(f".github/ISSUE_TEMPLATE/{form}.yml")
    assert {"name", "description", "labels", "body"} == set(found)
    asked = [field for field in found["body"] if field["type"] != "markdown"]
    assert all(field["validations"]["required"] for field in asked)
    assert len({field["id"] for field in asked}) == len(asked)

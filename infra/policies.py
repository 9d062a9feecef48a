"""`policies`: the policy files of .chalice, written from the functions' roles in roles.yaml.

`python -m infra up` gives each function its role with exact ARNs. Plain `chalice deploy` and `package` read
policy files, which cannot know the account: account, Region and suffixes are `*` there.
"""

import argparse
import json
from collections.abc import Mapping
from typing import Any

from infra.stage import ROOT, Failure, cloud_stages
from local.aws.resources import Resolver, read

ROLES = ROOT / "infra" / "roles.yaml"
FOLDER = ROOT / ".chalice"
API_FUNCTION = "api_handler"
"""Chalice's name for the function that serves the routes."""

_ANYWHERE = {"AWS::Region": "*", "BucketSuffix": "*", "RoleSuffix": "*"}

Document = dict[str, Any]


def documents(
    stage: str, account: str = "*", parameters: Mapping[str, str] = _ANYWHERE
) -> dict[str, Document]:
    """Return each function's policy on a stage, keyed by the function's name in Chalice.

    `parameters` has values for AWS::Region, BucketSuffix and RoleSuffix, and optionally for AWS::Partition.
    """
    template = read(ROLES)
    resolver = Resolver(template, {"Stage": stage, **parameters}, account)
    policies = [
        policy for role in template["Resources"].values() for policy in role["Properties"]["Policies"]
    ]
    return {policy["PolicyName"]: resolver.resolve(policy["PolicyDocument"]) for policy in policies}


def file_name(stage: str, function: str) -> str:
    """Return the name of a function's policy file."""
    return f"policy-{stage}.json" if function == API_FUNCTION else f"policy-{stage}-{function}.json"


def files(stage: str) -> dict[str, str]:
    """Return the policy files that a stage must have: their contents by name."""
    return {
        file_name(stage, function): json.dumps(document, indent=2) + "\n"
        for function, document in documents(stage).items()
    }


def check(stage: str) -> None:
    """Check that a stage's policy files exist and are current. Raises Failure, which says what to run."""
    for name, content in files(stage).items():
        path = FOLDER / name
        if not path.exists():
            raise Failure(f".chalice/{name} is missing; run `python -m infra policies`")
        if path.read_text(encoding="utf-8") != content:
            raise Failure(f".chalice/{name} differs from infra/roles.yaml; run `python -m infra policies`")


def write(stage: str) -> None:
    """Write a stage's policy files."""
    for name, content in files(stage).items():
        (FOLDER / name).write_text(content, encoding="utf-8")


def policies(options: argparse.Namespace) -> None:
    """Write the policy files of every stage in .chalice/config.json."""
    for stage in cloud_stages():
        write(stage)
        print(f"{stage}: {', '.join(files(stage))}")

"""The CloudFormation templates, put together from resources.yaml, roles.yaml and merge.yaml."""

import json
from pathlib import Path
from typing import Any

from infra.policies import ROLES
from infra.stage import ROOT, variables
from local.aws.resources import TEMPLATE, read

ACCOUNT = ROOT / "infra" / "account.yaml"
_MERGE = ROOT / "infra" / "merge.yaml"


def rest_api() -> dict[str, Any]:
    """Return the API's settings that Chalice has no configuration for."""
    found: dict[str, Any] = read(_MERGE)["Resources"]["RestAPI"]["Properties"]
    return found


def of_stage() -> dict[str, Any]:
    """Return the template of a stage's stack: its resources, and the roles of its functions."""
    template = read(TEMPLATE)
    template["Resources"] |= read(ROLES)["Resources"]
    return template


def whole(stage: str) -> dict[str, Any]:
    """Return what `chalice package --merge-template` needs to make one template of the whole service."""
    variables(stage)
    template = read(TEMPLATE)
    template["Parameters"]["Stage"]["Default"] = stage
    template["Resources"] |= read(_MERGE)["Resources"]
    return template


def write(stage: str, place: Path) -> None:
    """Write the whole service's template as JSON, so that Chalice writes JSON too. Raises Failure."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(whole(stage), indent=2) + "\n", encoding="utf-8")

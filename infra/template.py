"""Templates: resources.yaml, and what it takes to make the whole service one CloudFormation stack."""

import json
from pathlib import Path
from typing import Any

from infra.stage import ROOT, variables
from local.aws.resources import TEMPLATE, read

MERGE = ROOT / "infra" / "merge.yaml"


def rest_api() -> dict[str, Any]:
    """Read the API's settings that Chalice has no words for."""
    settings: dict[str, Any] = read(MERGE)["Resources"]["RestAPI"]["Properties"]
    return settings


def whole(stage: str) -> dict[str, Any]:
    """Make what `chalice package --merge-template` takes: resources.yaml with merge.yaml, for one stage."""
    variables(stage)
    template = read(TEMPLATE)
    template["Parameters"]["Stage"]["Default"] = stage
    template["Resources"] |= read(MERGE)["Resources"]
    return template


def write(stage: str, place: Path) -> None:
    """Write it as JSON, so that the packaged template is JSON too. Raises Failure for an unknown stage."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(whole(stage), indent=2) + "\n", encoding="utf-8")

"""`stage new`: a stage added to .chalice, and the check that a stage's files are complete."""

import argparse
import json
import re
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chalicelib.config import web_origins
from infra import policies, regions
from infra.package import PYTHON
from infra.stage import APP, CONFIG, NAME, Failure, configuration, in_cloud, variables

_SECRET = re.compile("secret|password|token|api_?key", re.IGNORECASE)
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")


def new(options: argparse.Namespace) -> None:
    """Add a stage: its settings and its policy files. Raises Failure before it writes anything."""
    name, config = options.name, configuration()
    if not NAME.fullmatch(name):
        raise Failure(f"{name} is not a stage name: a lower-case letter, then up to 19 letters or digits")
    if name in config["stages"]:
        raise Failure(f"there is a stage {name} already")
    origins = check_origins(options.origin)
    if not _REGION.fullmatch(options.region):
        raise Failure(f"{options.region} is not the name of a Region; one is ap-southeast-7")
    check_region(options.region, options.without_liveness)
    block = block_of(name)
    block["region"] = options.region
    block["environment_variables"]["ROLLCALL_ORIGIN"] = origins
    if options.zone is not None:
        try:
            ZoneInfo(options.zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise Failure(f"{options.zone} is not a time zone; one is Asia/Ho_Chi_Minh") from None
        block["environment_variables"]["ROLLCALL_ZONE"] = options.zone
    config["stages"][name] = block
    policies.write(name)  # first, so that a stage in config.json always has its files
    written = CONFIG.with_suffix(".new")
    written.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    written.replace(CONFIG)
    print(f"Stage {name} is in .chalice/config.json; commit .chalice, then run `make deploy STAGE={name}`.")


def block_of(name: str) -> dict[str, Any]:
    """Return what config.json has of every cloud stage: its names. Shared settings are at its top."""
    functions = [function for function in policies.documents(name) if function != policies.API_FUNCTION]
    return {
        "api_gateway_stage": name,
        "iam_policy_file": policies.file_name(name, policies.API_FUNCTION),
        "lambda_functions": {
            function: {"iam_policy_file": policies.file_name(name, function)} for function in functions
        },
        "environment_variables": {
            "ROLLCALL_STAGE": name,
            "ROLLCALL_TABLE": f"{APP}-{name}",
            "ROLLCALL_BUCKET": f"{APP}-{name}",
            "ROLLCALL_COLLECTION": f"{APP}-{name}",
            "ROLLCALL_LAB": "off",
        },
    }


def check(name: str) -> None:
    """Check that a stage's files are complete and belong to it. Raises Failure."""
    own, needed = in_cloud(name), block_of(name)
    for key in ("api_gateway_stage", "iam_policy_file"):
        if own.get(key) != needed[key]:
            raise Failure(f"stage {name} in .chalice/config.json needs {key}: {needed[key]}")
    for function, wanted in needed["lambda_functions"].items():
        chosen = own.get("lambda_functions", {}).get(function, {}).get("iam_policy_file")
        if chosen != wanted["iam_policy_file"]:
            raise Failure(
                f"stage {name} in .chalice/config.json needs iam_policy_file: {wanted['iam_policy_file']} "
                f"in lambda_functions.{function}"
            )
    given = variables(name)
    for variable, value in needed["environment_variables"].items():
        if variable != "ROLLCALL_LAB" and given.get(variable) != value:
            raise Failure(f"stage {name} in .chalice/config.json needs {variable}: {value}")
    for variable, value in given.items():
        if value and _SECRET.search(variable):
            raise Failure(f"{variable} in .chalice/config.json looks like a secret; keep it in SSM")
    policies.check(name)


def check_python() -> None:
    """Check that this Python is the runtime's. Raises Failure.

    Chalice takes the runtime from the Python that runs it, and one runtime is tested.
    """
    wanted = str(configuration()["lambda_runtime"])
    if wanted != f"python{PYTHON}":
        raise Failure(
            f"the functions run on {wanted} (lambda_runtime in .chalice/config.json), and Chalice would give "
            f"them this Python, {PYTHON}: run `make clean`, then `make deploy PYTHON=/path/to/{wanted}`"
        )


def check_origins(text: str) -> str:
    """Return a list of origins as it is deployed, divided by commas. Raises Failure for a wrong one."""
    try:
        return ",".join(web_origins(text))
    except ValueError as error:
        raise Failure(str(error)) from None


def check_region(region: str, without_liveness: bool) -> None:
    """Check that a Region offers Face Liveness, unless it is told that none is needed. Raises Failure."""
    missing = regions.without_liveness(region)
    if missing and not without_liveness:
        raise Failure(f"{missing}. Choose one of them, or give --without-liveness: no camera would work")

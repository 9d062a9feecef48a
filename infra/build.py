"""The folder in which `chalice deploy` runs: the packaged app, configured for one account and Region.

The project's own .chalice serves plain `chalice deploy`, which creates the functions' roles from policy
files. Here the roles exist already, made by the stage's stack, and Chalice is told to use them.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra import policies
from infra.progress import say
from infra.stage import ROOT, Failure, Stage, configuration

_SHIPPED = ("app.py", "chalicelib", "requirements.txt", "vendor")

OUT = ROOT / "out"


def place(stage: Stage) -> Path:
    """Return the folder in which a stage is deployed."""
    return OUT / f"deploy-{stage.name}-{stage.region}"


def record(stage: Stage) -> Path:
    """Return the path where Chalice records what it has deployed of a stage."""
    return place(stage) / ".chalice" / "deployed" / f"{stage.name}.json"


def source(stage: Stage) -> Path:
    """Build the folder whose app.py, chalicelib, requirements.txt and vendor are deployed. Raises Failure."""
    from infra.package import PackageError, project

    try:
        return project(stage.name, OUT / f"package-{stage.name}")
    except PackageError as error:
        raise Failure(str(error)) from None


def folder(stage: Stage, settings: Mapping[str, str]) -> Path:
    """Build the folder to deploy a stage from; `settings` override its environment variables.

    Chalice's record of what it has deployed is kept. Raises Failure.
    """
    here = place(stage)
    recorded = record(stage).read_bytes() if record(stage).exists() else None
    shutil.rmtree(here, ignore_errors=True)
    record(stage).parent.mkdir(parents=True)
    if recorded is not None:
        record(stage).write_bytes(recorded)
    shipped = source(stage)
    for name in _SHIPPED:
        found = shipped / name
        if found.is_dir():
            shutil.copytree(found, here / name)  # with its bytecode
        elif found.exists():
            shutil.copy2(found, here / name)
    config = configuration()
    own = config["stages"][stage.name]
    own["environment_variables"] = own.get("environment_variables", {}) | settings
    own |= {"manage_iam_role": False, "iam_role_arn": stage.role(policies.API_FUNCTION)}
    for function in policies.documents(stage.name):
        chosen = own.setdefault("lambda_functions", {}).setdefault(function, {})
        chosen["iam_role_arn"] = stage.role(function)
    config["stages"] = {stage.name: own}
    (here / ".chalice" / "config.json").write_text(json.dumps(config, indent=2))
    return here


def adapt(
    here: Path,
    stage: Stage,
    settings: Mapping[str, str],
    reserved: Mapping[str, int],
    domain: Mapping[str, str] | None,
) -> None:
    """Give a folder what is chosen of a stage today: environment variables, reserved concurrency, domain.

    `reserved` has a number of environments for functions by Chalice's names; the others have none. `domain`
    is in Chalice's form.
    """
    path = here / ".chalice" / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    own = config["stages"][stage.name]
    own["environment_variables"] |= settings
    for function, number in reserved.items():
        own["lambda_functions"][function]["reserved_concurrency"] = number
    if domain:
        own["api_gateway_custom_domain"] = domain
    path.write_text(json.dumps(config, indent=2))


def chalice(place: Path, words: Sequence[str], stage: Stage) -> None:
    """Run Chalice's command line in a folder and show its output. Raises Failure when it fails."""
    command = [str(Path(sys.executable).with_name("chalice")), *words, "--stage", stage.name]
    variables = os.environ | {"AWS_DEFAULT_REGION": stage.region}
    said = []
    with subprocess.Popen(  # noqa: S603
        command, cwd=place, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        for line in process.stdout:
            said.append(line)
            say(f"  {line.rstrip()}")
    if process.returncode:
        raise Failure(f"`chalice {' '.join(words)}` failed; what it has done is kept: run the command again")
    if any("Could not install" in line for line in said):  # Chalice deploys without them and exits with 0
        raise Failure("Chalice could not install a dependency for Lambda; its output above says which")

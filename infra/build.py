"""The folder that `chalice deploy` runs in: the project, with its stage's real names filled in.

The project's own .chalice works for plain `chalice deploy` too, and so it cannot know the account: its ARNs
have `*` for account and Region, and its bucket has no suffix. Here they get narrow.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.progress import say
from infra.stage import ROOT, Failure, Stage

_SHIPPED = ("app.py", "chalicelib", "requirements.txt", "vendor")
_SECRET = re.compile("secret|password|token|api_?key", re.IGNORECASE)

OUT = ROOT / "out"


def note(stage: Stage) -> Path:
    """Say where Chalice notes what it has deployed of a stage."""
    return OUT / f"deploy-{stage.name}" / ".chalice" / "deployed" / f"{stage.name}.json"


def source(stage: Stage) -> Path:
    """Make the folder whose app.py, chalicelib, requirements.txt and vendor are deployed; raises Failure."""
    from infra.package import PackageError, project

    try:
        return project(stage.name, OUT / f"package-{stage.name}")
    except PackageError as error:
        raise Failure(str(error)) from None


def folder(stage: Stage, settings: Mapping[str, str]) -> Path:
    """Lay out the folder to deploy a stage from, anew; `settings` go over its environment variables.

    Chalice's note of what it has deployed, if it is there, stays.
    """
    place = OUT / f"deploy-{stage.name}"
    noted = note(stage).read_bytes() if note(stage).exists() else None
    shutil.rmtree(place, ignore_errors=True)
    hidden = place / ".chalice"
    note(stage).parent.mkdir(parents=True)
    if noted is not None:
        note(stage).write_bytes(noted)
    shipped = source(stage)
    for name in _SHIPPED:
        found = shipped / name
        if found.is_dir():
            shutil.copytree(found, place / name)  # with its bytecode
        elif found.exists():
            shutil.copy2(found, place / name)
    for policy in sorted((ROOT / ".chalice").glob(f"policy-{stage.name}*.json")):
        (hidden / policy.name).write_text(narrowed(policy.read_text(encoding="utf-8"), stage))
    config = json.loads((ROOT / ".chalice" / "config.json").read_text(encoding="utf-8"))
    own = config["stages"][stage.name]
    own["environment_variables"] = own.get("environment_variables", {}) | settings
    for name, value in own["environment_variables"].items():
        if value and _SECRET.search(name):
            raise Failure(f"{name} in .chalice/config.json looks like a secret; keep it in SSM")
    (hidden / "config.json").write_text(json.dumps(config, indent=2))
    return place


def narrowed(policy: str, stage: Stage) -> str:
    """Put partition, Region, account and bucket into the ARNs of a policy."""
    policy = re.sub(
        r"arn:aws:(dynamodb|logs|rekognition|sqs):\*:\*:",
        rf"arn:{stage.partition}:\1:{stage.region}:{stage.account}:",
        policy,
    )
    policy = policy.replace("arn:aws:iam::*:", f"arn:{stage.partition}:iam::{stage.account}:")
    return policy.replace(f"arn:aws:s3:::{stage.prefix}*", f"arn:{stage.partition}:s3:::{stage.bucket}")


def chalice(place: Path, words: Sequence[str], stage: Stage) -> None:
    """Run Chalice's command line in a folder, showing what it says; raises Failure when it fails."""
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
        raise Failure(f"`chalice {' '.join(words)}` failed; what it did is kept, run the command again")
    if any("Could not install" in line for line in said):  # Chalice deploys without them and exits with 0
        raise Failure("Chalice could not install a dependency for Lambda: see above")

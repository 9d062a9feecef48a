"""Builds the package that the tests run, and looks into it."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
MERGE = ROOT / "infra" / "merge.yaml"
TOOLS = Path(sys.prefix) / "e2e" / "bin"
"""Where cfn-lint and AWS's SAM translator are (requirements-e2e.txt)."""


class Package(NamedTuple):
    """What is deployed: the template and the archive that it names."""

    sam: Path
    archive: Path


def build(stage: str, out: Path) -> Package:
    """Package a stage as it is deployed. Raises AssertionError with what the packager said."""
    command: list[str | Path] = [Path(sys.executable).with_name("chalice"), "package", "--stage", stage]
    if MERGE.exists():
        command += ["--merge-template", MERGE]
    environment = os.environ | {"AWS_DEFAULT_REGION": "us-east-1"}
    done = subprocess.run(
        [*command, out], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "Could not install" not in said, said  # Chalice says so and goes on, without the dependency
    return Package(out / "sam.json", out / "deployment.zip")


def native_wheels(archive: Path) -> Iterator[tuple[str, list[str]]]:
    """Give name and platform tags of every wheel in an archive that is not pure Python."""
    with zipfile.ZipFile(archive) as zipped:
        for name in zipped.namelist():
            if name.endswith(".dist-info/WHEEL"):
                lines = zipped.read(name).decode().splitlines()
                tags = [line.removeprefix("Tag: ") for line in lines if line.startswith("Tag: ")]
                if not all(tag.endswith("-any") for tag in tags):
                    yield name.partition(".dist-info")[0], tags

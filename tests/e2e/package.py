"""Builds the package that the tests run, and looks into it."""

import platform
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from infra import package, template

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.prefix) / "infra" / "bin"
"""Where cfn-lint and AWS's SAM translator are (requirements/infra.txt)."""


class Package(NamedTuple):
    """What is deployed: the template and the archive that it names."""

    sam: Path
    archive: Path


def build(stage: str, out: Path) -> Package:
    """Package a stage as it is deployed, as one stack; stage local for this machine. Raises PackageError.

    Lambda's arm64 cannot run here, so what is run is built for the processor that is here.
    """
    machine = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    merge = out / "merge.json" if stage != "local" else None
    if merge:
        template.write(stage, merge)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        architecture = machine if stage == "local" else None
        archive = package.package(stage, out, architecture=architecture, merge_template=merge)
    return Package(out / "sam.json", archive)


def native_wheels(archive: Path) -> Iterator[tuple[str, list[str]]]:
    """Give name and platform tags of every wheel in an archive that is not pure Python."""
    with zipfile.ZipFile(archive) as zipped:
        for name in zipped.namelist():
            if name.endswith(".dist-info/WHEEL"):
                lines = zipped.read(name).decode().splitlines()
                tags = [line.removeprefix("Tag: ") for line in lines if line.startswith("Tag: ")]
                if not all(tag.endswith("-any") for tag in tags):
                    yield name.partition(".dist-info")[0], tags

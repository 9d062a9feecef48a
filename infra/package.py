"""`python -m infra.package`: build the deployment package: small, compiled, and packaged by Chalice itself.

`chalice package` and `chalice deploy` run in a project folder built here. Chalice copies its `vendor/` into
the zip unchanged. That holds the wheels that requirements/app.txt names, for Lambda's platform, with bytecode
and only those of botocore's service descriptions that Rollcall uses. The folder's requirements.txt is empty,
so Chalice installs nothing itself.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from email.parser import HeaderParser
from pathlib import Path
from typing import Final

import chalice.app

ROOT: Final = Path(__file__).resolve().parent.parent

LOCK: Final = ROOT / "requirements" / "app.txt"
"""The lock file of the shipped packages: exact versions, with the hashes of their wheels."""

SERVICES: Final = ("dynamodb", "rekognition", "s3", "sts")
"""The AWS services whose descriptions are shipped, by boto3's names."""

LARGEST: Final = 5 * 1024 * 1024
"""The largest size of the zip, in bytes."""

MACHINES: Final = {"arm64": "aarch64", "x86_64": "x86_64"}
"""Lambda's architectures and the wheels' names for them."""

PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
"""Chalice chooses the runtime by the Python that runs it, so bytecode compiled by this one is valid there."""

# Amazon Linux 2 up to Python 3.11, Amazon Linux 2023 from 3.12 on.
_GLIBC_MINOR: Final = 26 if sys.version_info < (3, 12) else 34

_NOTHING: Final = "# Everything is in vendor/.\n"
"""The project folder's requirements.txt; a folder that has it was built here and may be deleted."""

# Files in which pip records an installation: they name this machine's folder and files that are not shipped.
_PIP_RECORDS: Final = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}


class PackageError(Exception):
    """The app cannot be packaged; the message is written for the user."""


def package(
    stage: str, out: Path, *, architecture: str | None = None, merge_template: Path | None = None
) -> Path:
    """Write deployment.zip and sam.json for a stage into `out`; return the zip's path.

    The project folder is kept in `out/project`; `chalice --project-dir out/project deploy` ships the same
    zip. `architecture` (arm64 or x86_64) overrides the stage's, to run the zip on this machine. Needs a
    Region (AWS_DEFAULT_REGION), but no credentials. Raises PackageError.
    """
    folder = project(stage, out / "project", architecture=architecture)
    command: list[str | Path] = [Path(sys.executable).with_name("chalice"), "--project-dir", folder]
    command += ["package", "--stage", stage]
    if merge_template:
        command += ["--merge-template", merge_template.resolve()]
    _run([*command, out.resolve()], PYTHONDONTWRITEBYTECODE="1")
    [cached] = (folder / ".chalice" / "deployments").glob("*.zip")
    _normalise(cached)  # `chalice deploy` uses this file unchanged
    check(cached, lambda_architecture(folder, stage))
    return Path(shutil.copyfile(cached, out / "deployment.zip"))


def project(stage: str, folder: Path, *, architecture: str | None = None) -> Path:
    """Build the project folder for a stage anew; return its absolute path. Raises PackageError."""
    folder, own = folder.resolve(), lambda_architecture(ROOT, stage)
    listed = folder / "requirements.txt"
    if folder.exists():
        if not listed.exists() or listed.read_text(encoding="utf-8") != _NOTHING:
            raise PackageError(f"{folder} was not built by this command, so it is not deleted")
        shutil.rmtree(folder)
    ignore = shutil.ignore_patterns("deployments", "deployed", "__pycache__")
    folder.mkdir(parents=True)
    listed.write_text(_NOTHING, encoding="utf-8")
    shutil.copytree(ROOT / ".chalice", folder / ".chalice", ignore=ignore)
    _adapt_config(folder, stage, architecture)
    # Chalice records its deployments in one place, whichever folder they were made from.
    deployed = ROOT / ".chalice" / "deployed"
    deployed.mkdir(exist_ok=True)
    (folder / ".chalice" / "deployed").symlink_to(deployed)

    vendor = folder / "vendor"
    install(vendor, architecture or own, "--require-hashes", "-r", str(LOCK))
    trim(vendor)
    # Everything that goes to /var/task is compiled in one place, then moved to where Chalice expects it.
    shutil.copy(ROOT / "app.py", vendor)
    shutil.copytree(ROOT / "chalicelib", vendor / "chalicelib", ignore=ignore)
    router = Path(chalice.app.__file__)
    (vendor / "chalice").mkdir()
    for source in (router, router.with_name("__init__.py")):
        shutil.copy(source, vendor / "chalice")
    compile_all(vendor)
    (vendor / "app.py").rename(folder / "app.py")
    (vendor / "chalicelib").rename(folder / "chalicelib")
    for source in (vendor / "chalice").glob("*.py"):
        source.unlink()  # Chalice adds its own
    return folder


def lambda_architecture(folder: Path, stage: str) -> str:
    """Read a stage's architecture from the Chalice project in a folder. Raises PackageError."""
    config = json.loads((folder / ".chalice" / "config.json").read_text(encoding="utf-8"))
    if stage not in config["stages"]:
        known = ", ".join(config["stages"])
        raise PackageError(f"there is no stage {stage} in .chalice/config.json; there are {known}")
    chosen = {**config, **config["stages"][stage]}.get("lambda_architecture", "x86_64")
    if chosen not in MACHINES:
        raise PackageError(f"lambda_architecture {chosen} is not one of {', '.join(MACHINES)}")
    return str(chosen)


def check(path: Path, architecture: str) -> None:
    """Check that a zip is not too large and has only wheels that Lambda can load. Raises PackageError."""
    if (size := path.stat().st_size) > LARGEST:
        raise PackageError(f"{path.name} has {size} bytes, more than {LARGEST}")
    fits = re.compile(rf"any|manylinux\w*_{MACHINES[architecture]}")
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not name.endswith(".dist-info/WHEEL"):
                continue
            for tag in HeaderParser().parsestr(archive.read(name).decode()).get_all("Tag", ["none"]):
                if not fits.fullmatch(tag.rpartition("-")[2]):
                    raise PackageError(f"{name} is for {tag}, not for Lambda on {architecture}")


def _adapt_config(folder: Path, stage: str, architecture: str | None) -> None:
    """Set the architecture, and drop AWS's own variables: they point `chalice local` at `make aws`."""
    file = folder / ".chalice" / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    own = config["stages"].get(stage, {})
    if architecture:
        own["lambda_architecture"] = architecture
    variables = own.get("environment_variables", {})
    for name in [name for name in variables if name.startswith("AWS_")]:
        del variables[name]
    file.write_text(json.dumps(config, indent=2), encoding="utf-8")


def install(folder: Path, architecture: str, *requirements: str) -> None:
    """Install wheels for Lambda into a folder; `requirements` are pip's arguments. Raises PackageError."""
    machine = MACHINES[architecture]
    # A source distribution would be built for this machine, so none is used.
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    command += ["--only-binary=:all:", "--no-compile", "--python-version", PYTHON]
    for minor in range(17, _GLIBC_MINOR + 1):
        command += ["--platform", f"manylinux_2_{minor}_{machine}"]
    command += ["--platform", f"manylinux2014_{machine}"]
    _run([*command, "--target", folder, *requirements])


def trim(folder: Path) -> None:
    """Delete the parts of the wheels installed in a folder that Lambda does not need."""
    for data in (folder / "botocore" / "data", folder / "boto3" / "data"):
        for service in data.iterdir():
            if service.is_dir() and service.name not in SERVICES:
                shutil.rmtree(service)
        for examples in data.rglob("examples-1.json*"):
            examples.unlink()
    # It lists the Regions of every AWS service; parsing it took most of the time to create the first client.
    endpoints = folder / "botocore" / "data" / "endpoints.json"
    content = json.loads(endpoints.read_text(encoding="utf-8"))
    for partition in content["partitions"]:
        services = partition["services"]
        partition["services"] = {name: services[name] for name in SERVICES if name in services}
    endpoints.write_text(json.dumps(content), encoding="utf-8")
    for info in folder.glob("*.dist-info"):
        for name in _PIP_RECORDS:
            (info / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "bin", ignore_errors=True)


def compile_all(folder: Path) -> None:
    """Compile everything in a folder for /var/task. Raises PackageError.

    Lambda's file system is read-only, so without bytecode every cold start would compile everything. The
    bytecode is never compared with its source, because all files in the zip are dated 1980.
    """
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    _run([*command, "-s", folder, "-p", "/var/task", folder])


def _normalise(path: Path) -> None:
    """Rewrite a zip with sorted names, fixed dates and equal modes, so that it is reproducible."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in sorted(archive.namelist())}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)  # dated 1980
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content)


def _run(command: Sequence[str | Path], **environment: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own arguments
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        words = " ".join(map(str, command))
        raise PackageError(f"this failed: {words}\n{done.stdout}{done.stderr}".rstrip())


def main(words: Sequence[str] | None = None) -> int:
    """Package a stage and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.package", description=package.__doc__)
    parser.add_argument("--stage", required=True, help="a stage of .chalice/config.json")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--architecture", choices=MACHINES, help="override the stage's own")
    parser.add_argument("--merge-template", type=Path, help="template that Chalice merges into sam.json")
    options = parser.parse_args(words)
    try:
        path = package(
            options.stage,
            options.out,
            architecture=options.architecture,
            merge_template=options.merge_template,
        )
    except PackageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

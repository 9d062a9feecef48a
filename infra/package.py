"""`python -m infra.package`: the app as it goes to Lambda, small and compiled, packaged by Chalice itself.

`chalice package` and `chalice deploy` are told to work in a project folder made here. Its `vendor/`, which
Chalice copies into the zip as it is, holds what requirements/app.txt names: wheels for Lambda's own platform,
the service descriptions of botocore that Rollcall uses and no others, and bytecode. Its requirements.txt is
empty, so that Chalice installs nothing of its own.
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
"""What is shipped, in every version and with the hashes of its wheels."""

SERVICES: Final = ("dynamodb", "rekognition", "s3", "sts")
"""The services whose descriptions are shipped, by boto3's names for them."""

LARGEST: Final = 5 * 1024 * 1024
"""Bytes that the zip may have."""

MACHINES: Final = {"arm64": "aarch64", "x86_64": "x86_64"}
"""Lambda's architectures, and what wheels call them."""

PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
"""Chalice takes the runtime from the Python that runs it; so bytecode made by this one is valid there."""

# Amazon Linux 2 up to Python 3.11, Amazon Linux 2023 from 3.12 on.
_GLIBC_MINOR: Final = 26 if sys.version_info < (3, 12) else 34

_NOTHING: Final = "# Everything is in vendor/.\n"
"""The project's requirements.txt, by which a project folder is known to be ours."""

# What pip notes of an installation: it names the folder, and files that are not shipped.
_NOTES: Final = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}


class PackageError(Exception):
    """The app cannot be packaged; the message is what the user reads."""


def package(
    stage: str, out: Path, *, architecture: str | None = None, merge_template: Path | None = None
) -> Path:
    """Write deployment.zip and sam.json for a stage into `out`; gives the zip's path.

    The project folder stays in `out/project`: `chalice --project-dir out/project deploy` ships the same zip.
    `architecture` (arm64 or x86_64) is used instead of the stage's, to run the zip here. Needs a region
    (AWS_DEFAULT_REGION), but no credentials. Raises PackageError.
    """
    folder = project(stage, out / "project", architecture=architecture)
    command: list[str | Path] = [Path(sys.executable).with_name("chalice"), "--project-dir", folder]
    command += ["package", "--stage", stage]
    if merge_template:
        command += ["--merge-template", merge_template.resolve()]
    _run([*command, out.resolve()], PYTHONDONTWRITEBYTECODE="1")
    [cached] = (folder / ".chalice" / "deployments").glob("*.zip")
    _normalise(cached)  # Chalice's deploy takes this one as it is
    check(cached, lambda_architecture(folder, stage))
    return Path(shutil.copyfile(cached, out / "deployment.zip"))


def project(stage: str, folder: Path, *, architecture: str | None = None) -> Path:
    """Make the project folder anew for a stage; gives its absolute path. Raises PackageError."""
    folder, own = folder.resolve(), lambda_architecture(ROOT, stage)
    listed = folder / "requirements.txt"
    if folder.exists():
        if not listed.exists() or listed.read_text(encoding="utf-8") != _NOTHING:
            raise PackageError(f"{folder} was not made by this, so it is not deleted")
        shutil.rmtree(folder)
    ignore = shutil.ignore_patterns("deployments", "deployed", "__pycache__")
    folder.mkdir(parents=True)
    listed.write_text(_NOTHING, encoding="utf-8")
    shutil.copytree(ROOT / ".chalice", folder / ".chalice", ignore=ignore)
    if architecture:
        _set_architecture(folder, stage, architecture)
    # What is deployed is noted in one place, whichever folder it was deployed from.
    deployed = ROOT / ".chalice" / "deployed"
    deployed.mkdir(exist_ok=True)
    (folder / ".chalice" / "deployed").symlink_to(deployed)

    vendor = folder / "vendor"
    install(vendor, architecture or own, "--require-hashes", "-r", str(LOCK))
    trim(vendor)
    # All that will lie in /var/task is compiled in one place, then put where Chalice wants it.
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
    """Refuse a zip that is too large, or has a wheel that Lambda cannot load. Raises PackageError."""
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


def _set_architecture(folder: Path, stage: str, architecture: str) -> None:
    file = folder / ".chalice" / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    config["stages"][stage]["lambda_architecture"] = architecture
    file.write_text(json.dumps(config, indent=2), encoding="utf-8")


def install(folder: Path, architecture: str, *requirements: str) -> None:
    """Install wheels for Lambda into a folder; `requirements` are pip's arguments. Raises PackageError."""
    machine = MACHINES[architecture]
    # A source distribution would be built for this machine, so none is taken.
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    command += ["--only-binary=:all:", "--no-compile", "--python-version", PYTHON]
    for minor in range(17, _GLIBC_MINOR + 1):
        command += ["--platform", f"manylinux_2_{minor}_{machine}"]
    command += ["--platform", f"manylinux2014_{machine}"]
    _run([*command, "--target", folder, *requirements])


def trim(folder: Path) -> None:
    """Take away what Lambda does not need of the wheels installed in a folder."""
    for data in (folder / "botocore" / "data", folder / "boto3" / "data"):
        for service in data.iterdir():
            if service.is_dir() and service.name not in SERVICES:
                shutil.rmtree(service)
        for examples in data.rglob("examples-1.json*"):
            examples.unlink()
    # The regions of every service of AWS; reading them took most of the time of the first client.
    endpoints = folder / "botocore" / "data" / "endpoints.json"
    content = json.loads(endpoints.read_text(encoding="utf-8"))
    for partition in content["partitions"]:
        services = partition["services"]
        partition["services"] = {name: services[name] for name in SERVICES if name in services}
    endpoints.write_text(json.dumps(content), encoding="utf-8")
    for info in folder.glob("*.dist-info"):
        for name in _NOTES:
            (info / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "bin", ignore_errors=True)


def compile_all(folder: Path) -> None:
    """Compile everything in a folder for /var/task. Raises PackageError.

    Lambda's file system is read-only, so that without this every cold start compiles everything. The
    bytecode is never compared with its source: in the zip all files are of 1980.
    """
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    _run([*command, "-s", folder, "-p", "/var/task", folder])


def _normalise(path: Path) -> None:
    """Write a zip anew in the order of names and with equal modes, whatever the file system gave."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in sorted(archive.namelist())}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)  # of 1980
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content)


def _run(command: Sequence[str | Path], **environment: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own words
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        words = " ".join(map(str, command))
        raise PackageError(f"this failed: {words}\n{done.stdout}{done.stderr}".rstrip())


def main(words: Sequence[str] | None = None) -> int:
    """Package a stage; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.package", description=package.__doc__)
    parser.add_argument("--stage", required=True, help="a stage of .chalice/config.json")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write to")
    parser.add_argument("--architecture", choices=MACHINES, help="instead of the stage's own")
    parser.add_argument("--merge-template", type=Path, help="a template that Chalice merges into sam.json")
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

"""The releases of a stage: what was deployed is kept in the bucket, so that `rollback` can return to it.

A release is the folder that Chalice deployed: the packaged app with its settings. So functions, routes,
schedules and environment variables return together. Resources and roles do not: they are CloudFormation's.
"""

import io
import json
import shutil
import subprocess
import zipfile
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from infra import build, schema
from infra.package import PYTHON
from infra.stage import ROOT, Failure, Stage

LIST_KEY = "deploy/releases.json"
KEPT = 5
"""How many releases are kept; the last one that passed its smoke test always is."""


@dataclass(frozen=True)
class Release:
    """One deploy. `passed`: its smoke test passed, so it is one to return to."""

    number: int
    commit: str
    at: str
    by: str
    python: str
    schema: int
    passed: bool = False

    @property
    def key(self) -> str:
        """The key of its zip in the bucket."""
        return f"deploy/releases/{self.number}.zip"

    def __str__(self) -> str:
        return f"release {self.number}, commit {self.commit}, of {self.at}"


@dataclass(frozen=True)
class Releases:
    """The releases that are kept, oldest first, and the number of the one deployed last (0 for none)."""

    deployed: int
    kept: tuple[Release, ...]

    def before(self) -> Release | None:
        """Return the last release before the deployed one that passed; None if there is none."""
        return next((r for r in reversed(self.kept) if r.passed and r.number < self.deployed), None)


def load(stage: Stage) -> Releases:
    """Read the list of a stage's releases."""
    client = stage.client("s3")
    with suppress(client.exceptions.NoSuchKey, client.exceptions.NoSuchBucket):
        found = json.loads(client.get_object(Bucket=stage.bucket, Key=LIST_KEY)["Body"].read())
        return Releases(found["deployed"], tuple(Release(**release) for release in found["releases"]))
    return Releases(0, ())


def save(stage: Stage, releases: Releases) -> None:
    """Write the list of a stage's releases."""
    body = {"deployed": releases.deployed, "releases": [asdict(release) for release in releases.kept]}
    stage.client("s3").put_object(Bucket=stage.bucket, Key=LIST_KEY, Body=json.dumps(body, indent=2).encode())


def keep(stage: Stage, place: Path) -> Release:
    """Keep the folder that is about to be deployed, as the deployed release; forget the oldest ones."""
    client, known = stage.client("s3"), load(stage)
    release = Release(
        number=max((release.number for release in known.kept), default=0) + 1,
        commit=_commit(),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        by=stage.client("sts").get_caller_identity()["Arn"],
        python=PYTHON,
        schema=schema.SCHEMA,
    )
    client.put_object(Bucket=stage.bucket, Key=release.key, Body=_zipped(place))
    kept = (*known.kept, release)
    last_good = next((r for r in reversed(kept) if r.passed), None)
    stay = tuple(r for r in kept if r in kept[-KEPT:] or r == last_good)
    save(stage, Releases(release.number, stay))
    for old in set(kept) - set(stay):
        client.delete_object(Bucket=stage.bucket, Key=old.key)
    return release


def mark_passed(stage: Stage, release: Release) -> None:
    """Note that a release passed its smoke test."""
    known = load(stage)
    kept = tuple(replace(r, passed=True) if r.number == release.number else r for r in known.kept)
    save(stage, Releases(known.deployed, kept))


def _commit() -> str:
    """Return the commit of this clone, with -dirty if it was changed; `unknown` outside of a clone."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _zipped(place: Path) -> bytes:
    """Zip what is deployed from a folder: all of it but Chalice's own records."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(place.rglob("*")):
            name = path.relative_to(place)
            if path.is_file() and name.parts[:2] not in {
                (".chalice", "deployed"),
                (".chalice", "deployments"),
            }:
                archive.write(path, name)
    return zipped.getvalue()


def unpacked(stage: Stage, release: Release) -> Path:
    """Unpack a release where a stage is deployed; return the folder. Raises Failure if its zip is gone."""
    client, place = stage.client("s3"), build.place(stage)
    try:
        body = client.get_object(Bucket=stage.bucket, Key=release.key)["Body"].read()
    except client.exceptions.NoSuchKey:
        raise Failure(f"the package of release {release.number} is gone: {release.key}") from None
    shutil.rmtree(place, ignore_errors=True)
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        archive.extractall(place)
    return place

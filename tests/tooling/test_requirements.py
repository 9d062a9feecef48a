"""The requirement files: every version and hash is pinned, the sets agree, and no registry is named."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "requirements"
SETS = sorted(path.stem for path in FOLDER.glob("*.in"))
IN_ONE_ENVIRONMENT = ("dev", "app", "local", "fuzz", "browser")
"""The sets that .venv is made of; what ships to Lambda is tested there."""


def entries(path: Path) -> Iterator[str]:
    """Give the entries of a requirement file, each with its continuation lines and without comments."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return filter(None, (entry.strip() for entry in text.replace("\\\n", " ").splitlines()))


def pinned(path: Path) -> dict[str, set[str]]:
    """Give the names of a locked file with their versions; a name may have two, for two Pythons."""
    found: dict[str, set[str]] = {}
    for entry in entries(path):
        requirement = Requirement(entry.partition("--hash")[0])
        [version] = requirement.specifier
        assert version.operator == "==", entry
        found.setdefault(canonicalize_name(requirement.name), set()).add(version.version)
    return found


def test_every_set_is_locked_and_nothing_else_lies_there() -> None:
    names = {f"{name}{suffix}" for name in SETS for suffix in (".in", ".txt")}
    assert {path.name for path in FOLDER.iterdir()} == names


@pytest.mark.parametrize("name", SETS)
def test_every_pin_has_hashes(name: str) -> None:
    for entry in entries(FOLDER / f"{name}.txt"):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry


@pytest.mark.parametrize("name", SETS)
def test_whatever_is_named_by_hand_is_locked(name: str) -> None:
    locked = pinned(FOLDER / f"{name}.txt")
    for entry in entries(FOLDER / f"{name}.in"):
        if not entry.startswith("-"):
            assert canonicalize_name(Requirement(entry).name) in locked, f"{entry}: run 'make lock'"


@pytest.mark.parametrize("name", SETS)
def test_no_index_and_no_host_is_named(name: str) -> None:
    for path in (FOLDER / f"{name}.in", FOLDER / f"{name}.txt", ROOT / "requirements.txt"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"://|--(extra-)?index|--find-links|--trusted-host| @ ", text), path.name


@pytest.mark.parametrize("name", IN_ONE_ENVIRONMENT)
def test_sets_that_are_installed_together_agree(name: str) -> None:
    dev = pinned(FOLDER / "dev.txt")
    assert {
        package: versions
        for package, versions in pinned(FOLDER / f"{name}.txt").items()
        if dev.get(package, versions) != versions
    } == {}


def test_plain_chalice_reads_the_same_versions_without_hashes() -> None:
    assert pinned(ROOT / "requirements.txt") == pinned(FOLDER / "app.txt")
    # `pip install -r requirements.txt chalice` would demand a hash of chalice too.
    assert "--hash" not in (ROOT / "requirements.txt").read_text(encoding="utf-8")

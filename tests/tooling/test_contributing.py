"""What .github/CONTRIBUTING.md says: its recipe for a new route is followed, and what it names is there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
STEPS = re.findall(r"^`(\S+)`:\n\n```(python|diff)\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)
"""The steps of the recipe: a file, how to change it, and by what."""

BY_HAND = {path for path, _, _ in STEPS}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository, as it lies here, to which the recipe has been applied."""
    copy = tmp_path_factory.mktemp("copy")
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in run(ROOT, *listed).splitlines():
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    for path, kind, block in STEPS:
        apply(copy / path, kind, block)
    make(copy, "fmt")
    make(copy, "openapi")
    return copy


def apply(path: Path, kind: str, block: str) -> None:
    """Write a new file, or add the lines of a diff beside those that it names."""
    if kind == "python":
        assert not path.exists(), f"{path.name} is there already: choose another example"
        path.write_text(block, encoding="utf-8")
        return
    lines = block.splitlines(keepends=True)
    before = "".join(line[1:] or "\n" for line in lines if line[0] in " -")
    after = "".join(line[1:] or "\n" for line in lines if line[0] in " +")
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1, f"{path.name} does not have this once, as CONTRIBUTING.md says:\n{before}"
    path.write_text(text.replace(before, after), encoding="utf-8")


def run(folder: Path, *command: str) -> str:
    environment = {"ROLLCALL_MODELS": str(ROOT / ".models"), **os.environ}  # the copy has none
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


def make(folder: Path, target: str) -> str:
    return run(folder, "make", target, f"PY={sys.executable}", "--old-file=.venv/.dev")


def test_the_recipe_is_short() -> None:
    assert len(BY_HAND) == 6
    assert sum(len(block.splitlines()) for _, _, block in STEPS) <= 60


def test_the_recipe_leaves_nothing_to_mend(tree: Path) -> None:
    modules = [path for path in BY_HAND if path.endswith(".py")]
    run(tree, sys.executable, "-m", "ruff", "check", *modules)
    run(tree, sys.executable, "-m", "ruff", "format", "--check", *modules)


def test_the_route_passes_its_own_tests_and_those_of_every_route(tree: Path) -> None:
    tests = ("tests/services/test_clock.py", "tests/web/test_openapi.py", "tests/web/test_roles.py")
    # Of every route's tests only those that name this one, and those of the document as a whole.
    chosen = "clock or committed or valid or operations"
    run(tree, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, *tests)


def test_every_file_that_is_named_is_there() -> None:
    named = re.findall(r"`((?:tests|docs|chalicelib|requirements|infra|local)/[\w/.-]+\.\w+)`", TEXT)
    assert named
    assert [name for name in named if name not in BY_HAND and not (ROOT / name).exists()] == []

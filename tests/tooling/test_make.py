"""What people type first: options, and what `make check` says when something is to be done."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
AT_THE_TOP = {
    *("app.py", "chalicelib", "local", "infra", "benchmarks", "web", "tests", "docs"),
    *("requirements.txt", "requirements", "Makefile", "pyproject.toml"),
    *("README.md", "README.vi.md", "CHANGELOG.md", "LICENSE"),
}


def make(
    folder: Path, *words: str, python: str = sys.executable, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run make with this test's Python, as if .venv and the weights were there."""
    made = ("--old-file=.venv/.run", "--old-file=.venv/.dev", "ROLLCALL_MODELS=models")
    weights = "--old-file=models/face_recognition_sface_2021dec.onnx"
    return subprocess.run(
        ["make", *words, *made, weights, f"PY={python}"],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_top_level_has_only_what_belongs_there() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    tops = {name.partition("/")[0] for name in listed.splitlines()}
    assert {name for name in tops if not name.startswith(".")} <= AT_THE_TOP


@pytest.mark.parametrize(
    ("variable", "option"), [("HOST", "--host"), ("PORT", "--port"), ("STATE", "--state")]
)
def test_options_are_taken_from_the_command_line_and_not_from_the_shell(variable: str, option: str) -> None:
    def said(*words: str, **environment: str) -> str:
        arguments = make(ROOT, "run", *words, python="echo", **environment).stdout.split()
        return arguments[arguments.index(option) + 1]

    assert said(**{variable: "of-the-shell"}) == said()
    assert said(f"{variable}=as-told", **{variable: "of-the-shell"}) == "as-told"


@pytest.mark.parametrize("target", ["run", "aws"])
def test_a_state_folder_may_have_any_name(tmp_path: Path, target: str) -> None:
    name = """a "b" 'c' `d` $e"""
    arguments = tmp_path / "arguments.py"
    arguments.write_text("#!/usr/bin/env python3\nimport sys\nprint(sys.argv)\n")
    arguments.chmod(0o755)
    done = make(ROOT, target, "STATE=" + name.replace("$", "$$"), "LOG=1", python=str(arguments))
    assert repr(name) in done.stdout
    assert "--verbose" in done.stdout
    assert ("--aws-only" in done.stdout) == (target == "aws")


@pytest.mark.parametrize(
    "source",
    [
        pytest.param('"""A module."""\n\nimport sys\nimport os\n\nprint(os, sys)\n', id="order of imports"),
        pytest.param('"""A module."""\n\nname = "a"+"b"\n', id="format"),
    ],
)
def test_a_check_that_stops_at_style_says_what_mends_it(tmp_path: Path, source: str) -> None:
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "module.py").write_text(source)
    done = make(tmp_path, "check")
    assert done.returncode != 0
    assert "make fmt" in done.stderr

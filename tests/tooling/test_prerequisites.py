"""What `pytest` says to people who have not run `make test`."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def pytest_in(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_missing_packages_are_one_line(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "tests/__init__.py", "tests/conftest.py", "tests/prerequisites.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    with (tmp_path / "requirements" / "local.in").open("a") as file:
        file.write("never-heard-of[this]>=1\n")
    done = pytest_in(tmp_path)
    assert done.returncode != 0
    assert (done.stdout + done.stderr).splitlines() == [
        "error: the tests need never-heard-of: run `make test`, or `pip install -r requirements/dev.txt`"
    ]


def test_missing_models_are_one_line(tmp_path: Path) -> None:
    done = pytest_in(ROOT, ROLLCALL_MODELS=str(tmp_path))
    assert done.returncode != 0
    [line] = (done.stdout + done.stderr).splitlines()
    assert line.startswith("error: the tests need face_detection_yunet_2023mar.onnx")
    assert "python -m local.weights" in line


def test_a_quiet_run_ends_with_what_passed() -> None:
    done = pytest_in(ROOT, "-q", "tests/domain/test_reports.py")
    assert re.match(r"\d+ passed", done.stdout.splitlines()[-1])

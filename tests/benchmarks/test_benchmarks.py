"""Each benchmark runs, shortened."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import TITLES
from benchmarks.tables import Table

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", TITLES)
def test_a_benchmark_runs(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", name, "--short"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    title, *_ = done.stdout.splitlines()
    assert title == f"## {TITLES[name]}"
    tables = [part.splitlines() for part in done.stdout.split("\n\n") if part.startswith("|")]
    assert tables
    for header, rule, *rows in tables:
        assert set(rule) == set("|-")
        assert rows
        assert {row.count("|") for row in rows} == {header.count("|")}


def test_what_sessions_leave_behind_is_counted() -> None:
    command = [sys.executable, "-m", "benchmarks.liveness.sessions", "--short"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "connection lost" in done.stdout
    assert len([line for line in done.stdout.splitlines() if line.startswith("|")]) == 5


def test_an_unknown_name_is_refused() -> None:
    command = [sys.executable, "-m", "benchmarks", "warm"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "there is no benchmark warm" in done.stderr


def test_a_table_shows_three_digits_of_fractions_and_groups_thousands() -> None:
    table = Table(("name", "a", "b"), [("x", 0.012345, 12345), ("y", 1234.5, 7.0)], "How.")
    assert table.markdown() == (
        "How.\n\n| name | a | b |\n|---|---|---|\n| x | 0.0123 | 12,345 |\n| y | 1,234 | 7 |"
    )

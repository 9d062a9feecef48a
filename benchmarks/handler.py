"""The time that a warm function spends on a request, compared with rivals on other frameworks.

All functions call the same use cases through the same boto3 and the same embedded AWS, so the difference is
the framework's: routing, validation, encoding. The functions take turns in rounds.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import functions
from benchmarks.functions import event
from benchmarks.tables import Table

PROBE = Path(__file__).with_name("_handler_probe.py")
Shapes = dict[str, tuple[dict[str, Any], int, int]]
"""For each kind of request its event, how often it is sent, and its expected status."""


def shapes(run: dict[str, Any], share: int = 1) -> Shapes:
    """Make the requests; each is sent `share` times less often."""
    person = {"name": "Nguyễn Văn Ánh {n}", "code": "{n}", "group": "12A1"}
    at = datetime.now(UTC).isoformat()
    punch = {"person_id": "{person}", "reason": "camera broken", "at": at, "direction": "in"}
    return {
        "GET /health": (event(run, "GET", "/health"), 3000 // share, 200),
        "POST /v1/people": (event(run, "POST", "/v1/people", person), 150 // share, 201),
        "GET /v1/people, 20 of them": (event(run, "GET", "/v1/people", limit="20"), 150 // share, 200),
        "POST /v1/punches/manual": (event(run, "POST", "/v1/punches/manual", punch), 150 // share, 201),
    }


def measure(*, short: bool = False) -> list[Table]:
    """Measure all functions in three rounds (`short`: Rollcall once, a tenth of the requests)."""
    names, rounds = (["Rollcall"], 1) if short else (list(functions.FUNCTIONS), 3)
    times: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as text, functions.service(Path(text) / "state") as run:
        folders = {name: Path(text) / str(number) for number, name in enumerate(names)}
        chosen = shapes(run, share=10 if short else 1)
        for name, folder in folders.items():
            if short:
                functions.sources(folder)
            else:
                functions.plain(name, folder)
        for _ in range(rounds):
            for name, folder in folders.items():
                environment = functions.environment(run, folder, *(functions.INSTALLED if short else ()))
                for shape, median in _medians(name, folder, chosen, environment).items():
                    times.setdefault((shape, name), []).append(median)
    return [_table(names, list(chosen), {key: statistics.median(own) for key, own in times.items()}, rounds)]


def _medians(name: str, folder: Path, chosen: Shapes, environment: dict[str, str]) -> dict[str, float]:
    if name == "Chalice hello":
        chosen = {"GET /health": chosen["GET /health"]}
    done = subprocess.run(
        [sys.executable, "-S", str(PROBE)],
        cwd=folder,
        env=environment,
        input=json.dumps({"handler": functions.FUNCTIONS[name].handler, "shapes": chosen}),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    medians: dict[str, float] = json.loads(done.stdout)
    return medians


def _table(names: list[str], chosen: list[str], times: dict[tuple[str, str], float], rounds: int) -> Table:
    rivals = [name for name in names if name != "Rollcall"]
    rows = []
    for shape in chosen:
        own = times[shape, "Rollcall"]
        row: list[str | float] = [shape, own]
        for name in rivals:
            taken = times.get((shape, name))
            row += [taken, f"{taken / own:.1f}"] if taken else ["", ""]
        rows.append(row)
    columns = ["request", "Rollcall us", *(column for name in rivals for column in (f"{name} us", "ratio"))]
    notes = f"Microseconds without the time of waiting for AWS; medians of {rounds} rounds."
    return Table(columns, rows, notes)

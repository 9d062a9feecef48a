"""What the handler of a warm function takes for a request: `python -m benchmarks.handler [ROUNDS]`.

Microseconds without the time in which it waits for AWS, and the ratio to Rollcall's. All have the same
use cases, the same boto3 and the same embedded AWS behind them, so that what differs is the framework:
routing, validation, encoding. Of the rounds, in which the functions take turns, the fastest counts.
"""

import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import functions
from benchmarks.functions import event

WARM = Path(__file__).with_name("warm.py")
RIVALS = [name for name in functions.FUNCTIONS if name != "Rollcall"]


def shapes(run: dict[str, Any]) -> dict[str, tuple[dict[str, Any], int, int]]:
    """Give for each shape of a request its event, how often it is sent, and its status."""
    person = {"name": "Nguyễn Văn Ánh {n}", "code": "{n}", "group": "12A1"}
    at = datetime.now(UTC).isoformat()
    punch = {"person_id": "{person}", "reason": "camera broken", "at": at, "direction": "in"}
    return {
        "GET /health": (event(run, "GET", "/health"), 3000, 200),
        "POST /v1/people": (event(run, "POST", "/v1/people", person), 150, 201),
        "GET /v1/people, 20 of them": (event(run, "GET", "/v1/people", limit="20"), 150, 200),
        "POST /v1/punches/manual": (event(run, "POST", "/v1/punches/manual", punch), 150, 201),
    }


def main(rounds: int) -> None:
    """Print a line for each shape of a request."""
    fastest: dict[tuple[str, str], float] = {}
    with tempfile.TemporaryDirectory() as text, functions.service(Path(text) / "state") as run:
        folders = {
            name: functions.plain(name, Path(text) / str(number))
            for number, name in enumerate(functions.FUNCTIONS)
        }
        for _ in range(rounds):
            for name, folder in folders.items():
                for shape, median in _measure(name, folder, run).items():
                    fastest[shape, name] = min(median, fastest.get((shape, name), median))
        _print(fastest, list(shapes(run)))


def _measure(name: str, folder: Path, run: dict[str, Any]) -> dict[str, float]:
    chosen = shapes(run)
    if name == "Chalice hello":
        chosen = {"GET /health": chosen["GET /health"]}
    done = subprocess.run(
        [sys.executable, "-S", str(WARM)],
        cwd=folder,
        env=functions.environment(run, folder),
        input=json.dumps({"handler": functions.FUNCTIONS[name].handler, "shapes": chosen}),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    medians: dict[str, float] = json.loads(done.stdout)
    return medians


def _print(fastest: dict[tuple[str, str], float], chosen: list[str]) -> None:
    print(f"{'':28}{'Rollcall us':>12}" + "".join(f"{f'{name} us':>22}{'ratio':>7}" for name in RIVALS))
    for shape in chosen:
        own = fastest[shape, "Rollcall"]
        line = f"{shape:<28}{own:>12.0f}"
        for name in RIVALS:
            taken = fastest.get((shape, name))
            line += f"{taken:>22.0f}{taken / own:>7.1f}" if taken else f"{'-':>22}{'':>7}"
        print(line)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)

"""`python -m tests.fuzz`: half of the time for what reads bytes, half for calls to every route.

Ends with 1 if anything is wrong. `--requests` sets the number of calls instead of their time.
"""

import argparse
import re
import subprocess
import sys

from tests.fuzz import FOUND, routes


def main() -> int:
    """Run it; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long in all")
    parser.add_argument("--requests", type=int, help="how many calls, however long they take")
    parser.add_argument("--seed", type=int, default=2026, help="another one makes other calls")
    parser.add_argument("--only", choices=("decoders", "routes"))
    given = parser.parse_args()
    good = True
    share = given.seconds if given.only else given.seconds / 2
    if given.only != "routes":
        good &= _guided(share)
    if given.only != "decoders":
        good &= routes.fuzz(share, given.requests, given.seed, FOUND / "calls")
    print("Nothing was wrong." if good else f"Something was wrong; what broke is in {FOUND}.")
    return 0 if good else 1


def _guided(seconds: float) -> bool:
    """Fuzz the decoders, showing how far it is; says whether nothing broke."""
    command = [sys.executable, "-m", "tests.fuzz.guided", str(max(1, round(seconds)))]
    print(f"Feeding the decoders for {seconds:.0f} s ...", flush=True)
    # On its way libFuzzer's `pulse` lines come seldom and those of new inputs often: a line in 200 is shown.
    lines: list[str] = []
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stderr=subprocess.STDOUT, stdout=pipe, errors="replace") as process:
        assert process.stdout
        for line in process.stdout:
            lines.append(line)
            progress = re.match(r"#(\d+)\s+(?:NEW|REDUCE|pulse)\s+cov: (\d+)", line)
            if progress and len(lines) % 200 == 0:
                print(f"  {progress[1]} inputs, {progress[2]} places reached", flush=True)
    if process.returncode:
        print("".join(lines[-60:]), file=sys.stderr)
    runs = re.search(r"number_of_executed_units: (\d+)", "".join(lines))
    print(f"decoders: {runs[1] if runs else 'no'} inputs", flush=True)
    return process.returncode == 0


if __name__ == "__main__":
    sys.exit(main())

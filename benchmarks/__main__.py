"""Run the product benchmarks: `python -m benchmarks [NAME ...] [--short]`.

Without names it runs all of them and writes docs/benchmarks.md; with names it prints their tables. The
benchmarks `cold_start` and `handler` install packages with pip.
"""

import argparse
import importlib
import inspect
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from chalicelib.config import VERSION

TITLES = {
    "cold_start": "Cold start and package size",
    "handler": "Warm requests",
    "workdays": "Work-day rules",
    "monthly": "Attendance reports",
    "imports": "Imports of people",
    "token_timing": "Timing of refused tokens",
    "rush": "A simulated morning rush",
    "costs": "Monthly costs",
    "search": "Face search in the local mode",
}
"""The product benchmarks, in the order of the document. Each is a module of this package with `measure`."""

PACKAGES = ("boto3", "chalice", "msgspec", "moto", "numpy", "opencv-python-headless", "XlsxWriter")
DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"


def section(name: str, *, short: bool) -> str:
    """Run a benchmark, and return its section of the document."""
    module = importlib.import_module(f"benchmarks.{name}")
    tables = "\n\n".join(table.markdown() for table in module.measure(short=short))
    return f"## {TITLES[name]}\n\n{inspect.getdoc(module)}\n\n{tables}\n"


def header() -> str:
    """Describe the machine and the versions."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"""# Benchmarks

Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}; all figures are of one run. Compare ratios: times
depend on the machine and on its load. Research on the liveness judge is in [liveness.md](liveness.md).

- Rollcall {VERSION}; Python {platform.python_version()}; {packages}
- {platform.system()} on {platform.machine()}, {_processor()}, {os.cpu_count()} cores
- load average in the minute before the start: {os.getloadavg()[0]:.1f}
"""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    return next(
        (line.partition(": ")[2] for line in lines if line.startswith("model name")), "unknown processor"
    )


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(TITLES)}")
    parser.add_argument("--short", action="store_true", help="run with little data, to see that it works")
    options = parser.parse_args()
    if unknown := set(options.names) - TITLES.keys():
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; see --help")
    parts = [] if options.names else [header()]
    for name in options.names or TITLES:
        parts.append(section(name, short=options.short))
        print(parts[-1], flush=True)
    if not options.names and not options.short:
        DOCUMENT.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()

"""`python -m infra.sbom`: the bill of materials (CycloneDX) of a package that `infra.package` made.

It says what is in the zip by what pip noted beside each package there, in name, version and licence. Chalice
adds a part of itself to the zip without such a note, so its own is taken from where it is installed.
"""

import argparse
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

TOOL: Final = Path(sys.prefix, "tools", "bin", "cyclonedx-py")
"""Installed by `make .venv/.tools`."""

NAME: Final = "sbom.cdx.json"


class SbomError(Exception):
    """The bill cannot be made; the message is what the user reads."""


def write(out: Path) -> Path:
    """Write the bill of the package in `out`, beside its zip; give its path. Raises SbomError.

    The same package gives the same bytes: there is no time and no path in it.
    """
    vendor = (out / "project" / "vendor").resolve()
    if not vendor.is_dir():
        raise SbomError(f"there is no package in {out}; run 'make package' first")
    if not TOOL.exists():
        raise SbomError(f"{TOOL} is not installed; run 'make .venv/.tools'")
    with tempfile.TemporaryDirectory() as scratch:
        # The tool describes an environment: this one has nothing but what is in the zip.
        venv.create(scratch, with_pip=False, symlinks=True)
        [packages] = Path(scratch).glob("lib/python*/site-packages")
        chalice = packages / "chalice.dist-info"
        chalice.mkdir()
        (chalice / "METADATA").write_text(distribution("chalice").read_text("METADATA") or "", "utf-8")
        (packages / "package.pth").write_text(f"{vendor}\n", "utf-8")
        command: list[str | Path] = [TOOL, "environment", "--output-reproducible", "--of", "JSON"]
        command += ["-o", out / NAME, scratch]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our words
    if done.returncode:
        raise SbomError(f"{TOOL.name} failed:\n{done.stderr}".rstrip())
    return out / NAME


def main(words: Sequence[str] | None = None) -> int:
    """Write the bill of a package; give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.sbom", description=write.__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the folder that `infra.package` wrote to")
    try:
        print(write(parser.parse_args(words).out))
    except SbomError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

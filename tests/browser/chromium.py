"""Which browser to test with: `python -m tests.browser.chromium` finds one, or installs Debian's."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class NoBrowser(Exception):
    """There is no browser to be had; the message says what the user can do."""


def find() -> Path | None:
    """CHROMIUM from the environment, else one on the PATH, else the one Playwright has fetched.

    Raises NoBrowser if CHROMIUM is not a program.
    """
    if named := os.environ.get("CHROMIUM"):
        if not (program := shutil.which(named)):
            raise NoBrowser(f"CHROMIUM={named} is not a program")
        return Path(program)
    for name in NAMES:
        if program := shutil.which(name):
            return Path(program)
    with sync_playwright() as playwright:
        fetched = Path(playwright.chromium.executable_path)
    return fetched if fetched.exists() else None


def install() -> Path:
    """Install Debian's; raises NoBrowser where that cannot be done."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NoBrowser(
            "a Chromium is needed: install one (Debian: apt install chromium; or "
            f"{sys.executable} -m playwright install chromium), or name one: make browser CHROMIUM=/path"
        )
    sys.stdout.write("Installing chromium by apt-get ...\n")
    sys.stdout.flush()
    quiet = ["apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        done = subprocess.run([*quiet, *words], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoBrowser(f"apt-get {words[0]} failed: {done.stderr.strip()}")
    return Path("/usr/bin/chromium")


def main() -> int:
    """Say which browser it will be; 2 if there is none."""
    try:
        program = find() or install()
    except NoBrowser as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    sys.stdout.write(f"The browser is {program}: {version.strip()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

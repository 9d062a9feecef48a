"""README.md: its session runs as printed, its table of variables is whole, README.vi.md keeps in step."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from chalicelib.config import Environment
from tests.support.service import ROOT, Service

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
VIETNAMESE = (ROOT / "README.vi.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    [text] = re.findall(rf"^## {heading}$(.*?)(?=^## |\Z)", TEXT, flags=re.MULTILINE | re.DOTALL)
    return str(text)


def blocks(text: str) -> list[str]:
    return re.findall(r"^```\w*\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    """Take the commands out of a text: what follows `$ `, with the lines that a backslash continues."""
    return re.findall(r"^\$ ((?:.*\\\n)*.*)$", "\n".join(blocks(text)), flags=re.MULTILINE)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("state"))
    yield running
    running.end(signal.SIGTERM)


def test_the_session_runs_as_printed(service: Service, tmp_path: Path) -> None:
    printed = "\n".join(commands(section("A session")))
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    (tmp_path / ".local").symlink_to(Path(service.state))
    (tmp_path / "local").symlink_to(ROOT / "local")
    for there, here in {
        "http://127.0.0.1:8000": service.run["url"],
        "http://127.0.0.1:4566": service.run["aws_url"],
        ".venv/bin/python": sys.executable,
    }.items():
        assert there in printed
        printed = printed.replace(there, here)
    statuses = tmp_path / "statuses"
    watched = f"""set -euo pipefail
curl() {{ command curl -s -w '%{{stderr}}%{{http_code}}\\n' "$@" 2>>{statuses}; }}
{printed}
"""
    done = subprocess.run(["bash", "-c", watched], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    created, ok, refused = "201", "200", "422"
    assert statuses.read_text().split() == [
        *(created, created),  # a person, a face
        *(created, created),  # a session, a punch
        *(created, ok, ok),  # a session, finished by a photo, a duplicate
        *(created, refused),  # a session, a flat photo
        *(ok, ok, ok),
    ], done.stdout
    assert '"duplicate":true' in done.stdout
    assert '"Code":"NotLive"' in done.stdout
    assert "flat picture" in done.stdout
    assert '"at_work":1' in done.stdout
    assert (tmp_path / "month.xlsx").read_bytes().startswith(b"PK")


def test_every_variable_is_in_the_table_with_its_default() -> None:
    table = re.findall(
        r"^\| `(ROLLCALL_\w+)` \| (?:`(.*?)`)? *\|", section("Environment variables"), re.MULTILINE
    )
    fields = msgspec.structs.fields(Environment)
    assert table == [
        (field.encode_name, "" if field.default in (msgspec.NODEFAULT, "") else str(field.default))
        for field in fields
    ]


def test_every_file_that_a_readme_links_to_is_there() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", TEXT + VIETNAMESE)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_vietnamese_readme_keeps_in_step() -> None:
    def shape(text: str) -> list[str]:
        return re.findall(
            r"^#+(?= )", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE
        )

    def bare(text: str) -> list[str]:
        return [re.sub(r"\s+#.*", "", command) for command in commands(text)]

    def keys(text: str) -> list[str]:
        return re.findall(r"^\| (`.*?`(?:, `.*?`)*) \|", text, re.MULTILINE)

    assert shape(VIETNAMESE) == shape(TEXT)
    assert len(blocks(VIETNAMESE)) == len(blocks(TEXT))
    assert bare(VIETNAMESE) == bare(TEXT)
    assert keys(VIETNAMESE) == keys(TEXT)

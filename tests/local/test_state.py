"""The state folder of `python -m local`: what is damaged, lost or reset; and options that are wrong."""

import json
import shlex
import signal
import socket
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from local.aws.keys import key_of_state
from local.rekognition.models import Faces
from tests.support.clips import ASTRONAUT
from tests.support.old_table import BEFORE
from tests.support.patience import PATIENCE_S
from tests.support.service import FREE_PORTS, ROOT, Service, ask, form, refused, spawn


def reset(folder: Path) -> str:
    process = spawn(folder, "--reset")
    said, errors = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, errors) == (0, "")
    return said


def test_reset_forgets_everything_and_nothing_else(tmp_path: Path) -> None:
    key = key_of_state(tmp_path)  # as each run does first
    for name in ("aws.db", "aws.db-wal", "faces.db", "run.json", "tokens.json", "mine.txt", "aws.db.backup"):
        (tmp_path / name).write_text("x")
    assert "is deleted" in reset(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"mine.txt", "aws.db.backup", "aws-credentials", "lock"}
    assert key_of_state(tmp_path) == key


def test_reset_of_another_folder_touches_nothing(tmp_path: Path) -> None:
    names = {"aws.db", "faces.db", "run.json", "tokens.json", "lock.txt"}
    for name in names:
        (tmp_path / name).write_text("of somebody else")
    assert "nothing is deleted" in reset(tmp_path)
    assert "nothing is deleted" in reset(tmp_path / "nowhere")
    assert {path.name for path in tmp_path.iterdir()} == names


@pytest.mark.parametrize("option", ["--port", "--aws-port", "--stream-port", "--tls-port"])
def test_a_taken_port_is_one_line_that_names_the_option(tmp_path: Path, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ports = [port if before == option else word for before, word in pairwise(["", *FREE_PORTS])]
        complaint = refused(tmp_path, *ports)
    variable = option.removeprefix("--").replace("-", "_").upper()
    assert f"{variable}={port} cannot be used" in complaint


@pytest.mark.parametrize("port", ["abc", "-1", "65536", "", "8000.0"])
def test_a_port_that_is_none_is_one_line_that_names_the_option(tmp_path: Path, port: str) -> None:
    assert f"STREAM_PORT={port} is not a port" in refused(tmp_path, f"--stream-port={port}")


def test_an_unknown_option_is_one_line(tmp_path: Path) -> None:
    assert "--prot" in refused(tmp_path, "--prot", "9000")


DAMAGE = b"SQLite format 3\x00" + b"\x17" * 5000


def test_a_damaged_table_is_one_line_with_the_command_that_starts_anew(tmp_path: Path) -> None:
    state = tmp_path / "a folder of $mine"
    state.mkdir()
    (state / "aws.db").write_bytes(DAMAGE)
    complaint = refused(state, *FREE_PORTS)
    command = complaint.split("`")[1]
    assert command.startswith("make reset STATE=")
    words = [f"PY={sys.executable}", "--old-file=.venv/.made"]
    done = subprocess.run(
        [*shlex.split(command), *words], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert "is deleted" in done.stdout
    assert not (state / "aws.db").exists()


def test_a_table_of_an_earlier_version_is_upgraded_at_the_start(tmp_path: Path) -> None:
    first = Service(tmp_path)
    dynamodb = first.client("dynamodb")
    for item in BEFORE["items"]:
        if item["pk"]["S"].startswith(("PERSON#", "SETTINGS")):
            dynamodb.put_item(TableName="rollcall-local", Item=item)
    first.end(signal.SIGTERM)

    for expected in (True, False):
        again = Service(tmp_path)
        found = again.client("dynamodb").scan(TableName="rollcall-local")["Items"]
        profiles = [item for item in found if item["sk"]["S"] == "PROFILE"]
        again.process.send_signal(signal.SIGTERM)
        said, _ = again.process.communicate(timeout=PATIENCE_S)
        assert ("earlier version. Upgraded: settings and 5 people" in said) is expected
        assert [item["schema"] for item in profiles] == [{"N": "2"}] * 5
        assert not any(item["sk"]["S"].startswith("CALENDAR#") for item in found)


@pytest.mark.parametrize("loss", ["damaged", "missing", "interrupted"])
def test_faces_that_are_lost_come_back_from_their_photos(tmp_path: Path, loss: str) -> None:
    first = Service(tmp_path)
    enrolment = form({"name": "Eileen"}, ASTRONAUT.read_bytes(), "photo")
    status, _, body = ask(first.run["url"] + "/index-face", "POST", *enrolment)
    assert (status, json.loads(body)["success"]) == (200, True)
    first.end(signal.SIGTERM)

    if loss == "damaged":
        (tmp_path / "faces.db").write_bytes(DAMAGE)
        subprocess.run(refused(tmp_path, *FREE_PORTS).split("`")[1], shell=True, check=True)  # noqa: S602
    else:
        (tmp_path / "faces.db").unlink()
    if loss == "interrupted":
        Faces(tmp_path / "faces.db").close()
        (tmp_path / "faces.db-incomplete").touch()

    second = Service(tmp_path)
    faces = second.client("rekognition").list_faces(CollectionId="rollcall-local")["Faces"]
    second.process.send_signal(signal.SIGTERM)
    said, _ = second.process.communicate(timeout=PATIENCE_S)
    assert len(faces) == 1
    assert "indexed anew from their photos: 1" in said
    assert not (tmp_path / "faces.db-incomplete").exists()

"""The files of a state folder: nobody else reads them, and what was erased is not in them."""

import json
import os
import random
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local import database
from local.aws.embedded import Embedded
from tests.conftest import CONSENT
from tests.support.patience import PATIENCE_S
from tests.support.photos import photo_of_c
from tests.support.service import FREE_PORTS, Service, ask, spawn


def modes(folder: Path) -> dict[str, str]:
    return {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in (folder, *folder.iterdir())}


def stored(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def stop(service: Service) -> None:
    service.process.terminate()
    service.process.communicate(timeout=PATIENCE_S)


def test_a_state_folder_is_its_users_alone_whatever_the_umask(tmp_path: Path) -> None:
    state = tmp_path / "made" / "here"
    before = os.umask(0)
    try:
        service = Service(state)
    finally:
        os.umask(before)
    try:
        found = modes(state)
    finally:
        stop(service)
    assert {"aws.db", "aws.db-wal", "faces.db", "run.json", "tokens.json", "aws-credentials", "lock"} <= set(
        found
    )
    assert found.pop("here") == "0o700"
    assert set(found.values()) == {"0o600"}


def test_a_state_folder_of_an_older_version_becomes_its_users_alone(tmp_path: Path) -> None:
    stop(Service(tmp_path))
    for path in (tmp_path, *tmp_path.iterdir()):
        path.chmod(0o777)
    service = Service(tmp_path)
    try:
        found = modes(tmp_path)
    finally:
        stop(service)
    assert found.pop(tmp_path.name) == "0o700"
    assert set(found.values()) == {"0o600"}


def test_a_folder_with_other_files_keeps_its_permissions(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "mine").write_text("x")
    process = spawn(tmp_path, *FREE_PORTS, ROLLCALL_MODELS=str(tmp_path))  # which stops for want of models
    process.communicate(timeout=PATIENCE_S)
    assert (tmp_path / "lock").exists()
    assert modes(tmp_path)[tmp_path.name] == "0o755"


class Site:
    """The app of a run, called by an admin."""

    def __init__(self, service: Service) -> None:
        self._run = service.run

    def call(self, method: str, path: str, body: object = None, **headers: str) -> dict[str, object]:
        headers = {"Authorization": f"Bearer {self._run['tokens']['admin']}", **headers}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
        status, _, answer = ask(self._run["url"] + path, method, data, headers)
        assert status in {200, 201}, answer
        found: dict[str, object] = json.loads(answer)
        return found


NAMES = ("Quillonia Vexbrandt", "Quillonia Umbrovsk")
CODE, EMAIL = "XQ-77120", "quillonia@vexbrandt.example"


@pytest.mark.parametrize("attendance", ["remove", "pseudonymise"])
def test_after_an_erasure_no_byte_of_the_folder_tells_who_it_was(tmp_path: Path, attendance: str) -> None:
    service = Service(tmp_path)
    try:
        site = Site(service)
        new = {"name": NAMES[0], "code": CODE, "email": EMAIL, "consent": CONSENT}
        person_id = str(site.call("POST", "/v1/people", new)["person_id"])
        photo = photo_of_c()
        site.call("POST", f"/v1/people/{person_id}/faces", photo, **{"Content-Type": "image/jpeg"})
        session_id = str(site.call("POST", "/v1/liveness-sessions", {})["session_id"])
        url = f"{service.run['aws_url']}/_rollcall/liveness-sessions/{session_id}/finish"
        assert ask(url, "POST", photo)[0] == 200
        repeated = {"Idempotency-Key": "a-kiosks-own"}
        site.call("POST", "/v1/punches", {"liveness_session_id": session_id}, **repeated)
        site.call("PATCH", f"/v1/people/{person_id}", {"name": NAMES[1]})
        traces = [text.encode() for text in (*NAMES, "Quillonia", CODE, EMAIL)] + [photo[4000:4064]]
        before = stored(tmp_path)
        assert [trace for trace in traces[1:] if trace not in before] == [], "else this shows nothing"
        assert person_id.encode() in (tmp_path / "faces.db-wal").read_bytes()
        done = site.call("DELETE", f"/v1/people/{person_id}?attendance={attendance}")
        assert done["complete"] is True
        left = stored(tmp_path)
        assert [trace for trace in traces if trace in left] == []
        assert person_id.encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("faces.db*"))
    finally:
        stop(service)


def test_nothing_is_left_of_deleted_rows_even_where_pages_were_split(tmp_path: Path) -> None:
    dice, path = random.Random(2), tmp_path / "rows.db"  # noqa: S311 - the same rows each time
    db = database.connect(path)
    db.execute("CREATE TABLE item (key BLOB PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID")
    kept: dict[bytes, bytes] = {}
    gone: list[bytes] = []
    for number in range(6000):
        key = b"%d" % (dice.randrange(600) * 7919 % 1000)
        if key in kept:
            gone.append(kept.pop(key))
        with database.transaction(db):
            db.execute("DELETE FROM item WHERE key = ?", (key,))
            if dice.random() < 0.65:
                kept[key] = b"<%08d>" % number
                body = kept[key] + dice.randbytes(dice.choice([20, 200, 900, 3000, 9000]))
                db.execute("INSERT INTO item VALUES (?, ?)", (key, body))
    database.compact(db)
    found = stored(tmp_path)
    db.close()
    assert len(gone) > 3000
    assert [body for body in gone if body in found] == []
    assert [body for body in kept.values() if body not in found] == []


def test_the_log_of_a_killed_run_is_gone_after_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "rows.db"
    killed = database.connect(path)
    killed.execute("CREATE TABLE item (body TEXT)")
    killed.execute("INSERT INTO item VALUES ('somebody')")
    killed.execute("DELETE FROM item")
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in tmp_path.glob("rows.db*"):
        (copy / file.name).write_bytes(file.read_bytes())  # as they lie there when a process is killed
    killed.close()
    assert b"somebody" in stored(copy)
    database.connect(copy / "rows.db").close()
    assert b"somebody" not in stored(copy)


def test_a_sweep_removes_what_was_replaced(tmp_path: Path) -> None:
    aws = Embedded(tmp_path)
    aws.start()
    try:
        table = aws.client("dynamodb")
        for body in ("somebody", "nobody"):
            item = {"pk": {"S": "a"}, "sk": {"S": "b"}, "body": {"S": body}}
            table.put_item(TableName="rollcall-local", Item=item)
        assert b"somebody" in stored(tmp_path)
        aws.sweep(datetime.now(UTC))
        assert (b"somebody" in stored(tmp_path), b"nobody" in stored(tmp_path)) == (False, True)
    finally:
        aws.stop()

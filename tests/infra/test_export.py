"""`python -m infra export` and `restore-day`: files for a warehouse, and one day out of a restored table."""

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.domain.ids import new_punch_id
from chalicelib.domain.person import Person
from chalicelib.domain.punch import DayRecord, Punch
from infra import export
from infra.__main__ import main
from infra.stage import Stage, use_cloud
from local.aws.embedded import Embedded
from tests.conftest import Http
from tests.infra.conftest import Infra
from tests.support.builders import add_person, set_calendar, stamped
from tests.support.chalice_stand_in import Chalice
from tests.support.state import write_run_file


@pytest.fixture
def run(aws: Embedded, tmp_path: Path) -> Any:
    """Exports the laptop's service into a folder; gives the exit code."""
    write_run_file(aws, tmp_path)

    def run(*words: str, since: str = "2026-08-10", until: str = "2026-08-12") -> int:
        command = ["export", "--stage", "local", "--state", str(tmp_path), "--from", since, "--to", until]
        return main([*command, "--out", str(tmp_path / "out"), *words])

    return run


def rows(folder: Path, day: str) -> list[dict[str, str]]:
    with export.place(folder / "out", date.fromisoformat(day)).open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def test_an_export_has_every_punch_once_and_goes_on_where_it_stopped(
    http: Http, run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_calendar(http)
    person = add_person(http, "=Ánh")
    wrong = stamped(http, person, "2026-08-11T01:00:00Z")
    right = stamped(http, person, "2026-08-12T01:00:00Z", supersedes=wrong)
    write = export._write

    def die(path: Path, *rest: Any) -> int:
        if "08-12" in str(path):
            raise KeyboardInterrupt
        return write(path, *rest)

    monkeypatch.setattr(export, "_write", die)
    with pytest.raises(KeyboardInterrupt):
        run()
    monkeypatch.setattr(export, "_write", write)
    assert rows(tmp_path, "2026-08-10") == []
    exported = export.place(tmp_path / "out", date(2026, 8, 11))
    first = exported.stat().st_mtime_ns

    assert run() == 0
    shown = capsys.readouterr()
    assert "3 days, 2 of them are there already" in shown.err
    assert "1 punches of 1 days and 1 people" in shown.out
    assert exported.stat().st_mtime_ns == first
    [old] = rows(tmp_path, "2026-08-11")
    [new] = rows(tmp_path, "2026-08-12")
    assert (old["punch_id"], old["counted"]) == (wrong, "false")
    assert (new["punch_id"], new["supersedes"], new["counted"]) == (right, wrong, "true")
    assert new["at"] == "2026-08-12T01:00:00+00:00"
    assert run("--again") == 0
    with (tmp_path / "out" / "people.csv").open(newline="", encoding="utf-8") as opened:
        [listed] = csv.DictReader(opened)
    assert listed["person_id"] == person
    assert not listed["name"].startswith("="), "whoever opens it in a spreadsheet runs no formula"
    [entry, *_] = http.get("/v1/audit").json_body["items"]
    assert entry["what"] == "infra export"


def test_an_export_may_be_of_many_years_and_not_of_none(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(since="2026-08-12", until="2026-08-10") == 2
    assert "--from is later than --to" in capsys.readouterr().err
    assert run(since="1999-12-31") == 2


@pytest.fixture
def attendance(cloud: Stage, chalice: Chalice, infra: Infra) -> str:
    """Deploys stage dev and makes a person of whom two punches of a day are stored; gives the id."""
    assert infra("up") == 0
    use_cloud(cloud)
    at = datetime(2026, 8, 11, 1, tzinfo=UTC)
    wiring.directory().add_person(Person(person_id="p1", name="Ánh", created_at=at, updated_at=at))
    store, day = wiring.attendance_store(), date(2026, 8, 11)
    for hours in (0, 9):
        when = at + timedelta(hours=hours)
        punch = Punch(
            punch_id=new_punch_id(when),
            person_id="p1",
            at=when,
            recorded_at=when,
            work_day=day,
            zone="Asia/Ho_Chi_Minh",
            direction="auto",
            source="manual",
        )
        [record] = store.days("p1", [day]) or [DayRecord(person_id="p1", work_day=day)]
        store.add_punch(punch, [record])
    return "p1"


def test_one_person_s_day_comes_back_from_a_restored_table(
    attendance: str, cloud: Stage, infra: Infra, capsys: pytest.CaptureFixture[str]
) -> None:
    client = cloud.client("dynamodb")
    day = date(2026, 8, 11)
    before = wiring.attendance_store().days(attendance, [day])
    assert len(before[0].events) == 2
    # moto's restore copies the table as it is now, so the harm is done after it.
    client.restore_table_to_point_in_time(
        SourceTableName="rollcall-dev", TargetTableName="rollcall-dev-restored", UseLatestRestorableTime=True
    )
    partition = {":pk": {"S": f"PERSON#{attendance}"}, ":sk": {"S": "PUNCH#"}}
    found = client.query(
        TableName="rollcall-dev",
        KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
        ExpressionAttributeValues=partition,
    )["Items"]
    client.delete_item(TableName="rollcall-dev", Key={name: found[0][name] for name in ("pk", "sk")})
    assert infra("rebuild-days", "--from", "2026-08-11", "--to", "2026-08-11") == 0
    assert len(wiring.attendance_store().days(attendance, [day])[0].events) == 1

    words = ("--from-table", "rollcall-dev-restored", "--person", attendance, "--day", "2026-08-11")
    assert infra("restore-day", *words, "--dry-run") == 0
    assert (
        "2 punches of 2026-08-11 in rollcall-dev-restored, 1 of them are lacking" in capsys.readouterr().out
    )
    assert len(wiring.attendance_store().days(attendance, [day])[0].events) == 1
    assert infra("restore-day", *words) == 0
    assert wiring.attendance_store().days(attendance, [day])[0].events == before[0].events
    assert infra("restore-day", *words) == 0, "again"
    assert "0 punches are restored; 0 work days" in capsys.readouterr().out

    assert infra("restore-day", "--from-table", "rollcall-dev", *words[2:]) == 2
    assert infra("restore-day", "--from-table", "nowhere", *words[2:]) == 2
    assert infra("restore-day", *words[:3], "nobody", *words[4:]) == 2
    assert "Nobody who was erased is brought back" in capsys.readouterr().err

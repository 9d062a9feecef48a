"""`python -m infra rebuild-days`: the work days written anew from the punches."""

import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.aws.attendance_store import AttendanceStore
from chalicelib.aws.items import day_key
from infra.__main__ import main
from local.aws.embedded import Embedded
from tests.conftest import Http
from tests.support.builders import add_person, set_calendar, stamped
from tests.support.state import write_run_file

TABLE = "rollcall-local"
ON = date(2026, 8, 11)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def state(aws: Embedded, tmp_path: Path) -> Path:
    """The state folder of a `make run` whose AWS is the embedded one."""
    write_run_file(aws, tmp_path)
    return tmp_path


def words(state: Path, since: str = "2026-08-01", until: str = "2026-08-31") -> list[str]:
    return ["rebuild-days", "--stage", "local", "--state", str(state), "--from", since, "--to", until]


def punched(http: Http) -> str:
    """Make a person with a day of three punches, one of them corrected to the day after."""
    set_calendar(http)
    person = add_person(http)
    wrong = stamped(http, person, f"{ON}T01:00:00Z")
    stamped(http, person, f"{ON}T10:00:00Z")
    stamped(http, person, "2026-08-12T01:00:00Z", supersedes=wrong)
    return person


def test_days_that_are_gone_or_wrong_come_back_from_the_punches(
    http: Http,
    attendance_store: AttendanceStore,
    state: Path,
    boto: Callable[[str], Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    people = [punched(http) for _ in range(3)]
    days = [ON, date(2026, 8, 12)]
    right = {person: [day.events for day in attendance_store.days(person, days)] for person in people}
    dynamodb = boto("dynamodb")
    found = [item for item in dynamodb.scan(TableName=TABLE)["Items"] if item["pk"]["S"].startswith("DAY#")]
    gone, wrong, *_ = found
    dynamodb.delete_item(TableName=TABLE, Key={name: gone[name] for name in ("pk", "sk")})
    dynamodb.put_item(TableName=TABLE, Item=wrong | {"marks": {"S": "[]"}})
    assert {person: [day.events for day in attendance_store.days(person, days)] for person in people} != right

    assert main(words(state)) == 0

    said = capsys.readouterr()
    assert said.out == "2 work days differed and are rewritten.\n"
    assert said.err == "3 people, 31 days each\n3 of 3 people done\n"
    assert {person: [day.events for day in attendance_store.days(person, days)] for person in people} == right
    assert main(words(state)) == 0
    assert capsys.readouterr().out.startswith("0 work days")


def test_days_outside_the_range_are_left_alone(
    http: Http, attendance_store: AttendanceStore, state: Path, boto: Callable[[str], Any]
) -> None:
    person = punched(http)
    pk, sk = day_key(person, ON, wiring.environment().shards)
    wrong = {"pk": {"S": pk}, "sk": {"S": sk}, "version": {"N": "9"}, "marks": {"S": "[]"}}
    boto("dynamodb").put_item(TableName=TABLE, Item=wrong)
    main(words(state, "2026-08-12", "2026-08-31"))
    assert attendance_store.days(person, [ON])[0].events == ()
    main(words(state, "2026-08-11", "2026-08-11"))
    [day] = attendance_store.days(person, [ON])
    assert (len(day.events), day.version) == (3, 10)


def test_it_is_a_command(http: Http, state: Path) -> None:
    punched(http)
    done = subprocess.run(
        [sys.executable, "-m", "infra", *words(state)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "0 work days differed and are rewritten.\n")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(["--stage", "moon"], "there is no stage moon", id="stage"),
        pytest.param(["--state", "/nowhere"], "nothing runs on /nowhere", id="not running"),
        pytest.param(["--to", "2026-07-31"], "to is from 0 to 365 days after from", id="backwards"),
        pytest.param(["--from", "2000-01-01"], "to is from 0 to 365 days after from", id="too long"),
    ],
)
def test_what_it_cannot_do_is_said_in_a_line(
    state: Path, change: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words(state), *change]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert said in line


def test_a_date_that_is_none_is_refused(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(words(state, "August"))
    assert "--from" in capsys.readouterr().err

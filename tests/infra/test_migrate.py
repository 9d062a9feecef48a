"""`python -m infra migrate`: a table that the version before schema 2 wrote, with what it answered."""

import contextlib
import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.aws import items, upgrades
from chalicelib.aws.dynamodb import Write
from chalicelib.domain.timeline import Stint
from infra.__main__ import main
from local.aws.embedded import Embedded
from tests.conftest import Clock, Http
from tests.support.builders import change_settings, sheet_of, stamped
from tests.support.old_table import BEFORE
from tests.support.state import write_run_file

Json = dict[str, Any]
Boto = Callable[[str], Any]
TABLE = "rollcall-local"

LEFT = "872ecd98978b21b92c4c5922"
"""Lê Chi, who became inactive on 15 June without an `until`: all her past was blank."""

ANH, BINH, DUNG = "e8344e018b8e608211a0b2cb", "eb87df13e24272c0e527b6e9", "def45bc9fd56ab260d5d24d9"


@pytest.fixture
def old(http: Http, clock: Clock, boto: Boto) -> None:
    """A table of the shape before, at the time at which it answered."""
    clock.now = datetime.fromisoformat("2026-06-15T09:00:00+07:00")
    for item in BEFORE["items"]:
        boto("dynamodb").put_item(TableName=TABLE, Item=item)


@pytest.fixture
def migrate(aws: Embedded, tmp_path: Path) -> Callable[..., int]:
    write_run_file(aws, tmp_path)
    return lambda *more: main(["migrate", "--stage", "local", "--state", str(tmp_path), *more])


def attendance(boto: Boto) -> dict[tuple[str, str], Json]:
    """Read what is stored about people, attendance and settings."""
    pages = boto("dynamodb").get_paginator("scan").paginate(TableName=TABLE)
    found = {(item["pk"]["S"], item["sk"]["S"]): item for page in pages for item in page["Items"]}
    return {
        place: item
        for place, item in found.items()
        if place[0].split("#")[0] in {"PERSON", "SETTINGS", "DAY", "CODE", "NAMES"}
    }


def answers(http: Http) -> Json:
    """Read again what the version before answered."""
    sheets = {
        person_id: sheet_of(http, person_id, "2026-06-01", "2026-06-15") for person_id in (ANH, BINH, DUNG)
    }
    return {"timesheets": sheets, "month": http.get("/v1/timesheets/monthly", month="2026-06").json_body}


def known(after: Any, before: Any) -> Any:
    """Leave out the fields that the version before did not have."""
    if isinstance(before, dict):
        return {name: known(after[name], value) for name, value in before.items()}
    if isinstance(before, list):
        assert len(after) == len(before)
        return [known(new, old) for new, old in zip(after, before, strict=True)]
    return after


def check_answers(http: Http) -> None:
    found = answers(http)
    # On purpose: a day is planned until it has begun, and the night of the 15th begins in the afternoon.
    totals = found["timesheets"][BINH]["totals"]
    totals["expected_minutes"] += totals["planned_minutes"]
    for person_id, sheet in found["timesheets"].items():
        assert known(sheet, BEFORE["timesheets"][person_id]) == BEFORE["timesheets"][person_id]
    month = {row["person_id"]: row for row in found["month"]["items"]}
    for row in BEFORE["month"]["items"]:
        assert month[row["person_id"]]["marks"] == row["marks"]
    assert set(month) - {row["person_id"] for row in BEFORE["month"]["items"]} == {LEFT}, "on purpose"
    assert month[LEFT]["marks"][:15] == ["S/A", "S/A", *"FVVOOAAAAAOO", ""], "her past is not blank any more"


@pytest.mark.usefixtures("old")
def test_an_old_table_answers_as_before_and_so_does_the_migrated_one(
    http: Http, migrate: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    check_answers(http)
    shown = http.get("/v1/people", limit=100).json_body, http.get("/v1/settings").json_body
    assert migrate() == 0
    said = capsys.readouterr()
    assert said.out == "4 items of the settings and 5 people were upgraded.\n"
    assert "5 of 5 people done" in said.err
    check_answers(http)
    assert (http.get("/v1/people", limit=100).json_body, http.get("/v1/settings").json_body) == shown


@pytest.mark.usefixtures("old")
def test_what_is_stored_then_is_of_the_current_shape(
    boto: Boto, migrate: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    before = attendance(boto)
    assert migrate("--dry-run") == 0
    assert capsys.readouterr().out == "4 items of the settings and 5 people would be upgraded.\n"
    assert attendance(boto) == before, "a dry run changes nothing"
    assert migrate() == 0
    after = attendance(boto)
    settings = {sk: item for (pk, sk), item in after.items() if pk == "SETTINGS"}
    assert set(settings) == {"-", "HOLIDAY#2026-06-03", "HOLIDAY#2026-09-02"}
    assert settings["-"]["schema"] == {"N": "2"}
    document = json.loads(settings["-"]["document"]["S"])
    assert [one.get("effective_from") for one in document["calendars"]] == [None, "2026-01-01", "2026-06-15"]
    assert "calendar" not in document
    profiles = {pk: item for (pk, sk), item in after.items() if sk == "PROFILE"}
    assert len(profiles) == 5
    for item in profiles.values():
        assert item["schema"] == {"N": "2"}
        assert not item.keys() & {"group", "shift", "since", "until", "inactive_since"}
    assert profiles[f"PERSON#{LEFT}"]["version"] == before[f"PERSON#{LEFT}", "PROFILE"]["version"]
    others = {place for place in before if place[1] != "PROFILE" and place[0] != "SETTINGS"}
    assert all(after[place] == before[place] for place in others)

    migrated = capsys.readouterr().out
    assert migrate() == 0
    assert capsys.readouterr().out != migrated
    assert attendance(boto) == after, "again, it changes nothing"


@pytest.mark.usefixtures("old")
def test_a_migration_that_is_interrupted_continues_when_it_is_run_again(
    http: Http, boto: Boto, migrate: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = wiring.directory()._table
    left = [0]

    def breaking(*some: Write) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        type(table).write(table, *some)

    runs = 0
    with monkeypatch.context() as patch:
        patch.setattr(table, "write", breaking)
        while wiring.outdated_items().people() or wiring.outdated_items().count_settings():
            left[0] = 3  # holidays are written again until the settings are, after them
            with contextlib.suppress(KeyboardInterrupt):
                migrate()
            check_settings()
            runs += 1
            assert runs < 6
    assert runs > 2, "it was interrupted"
    check_answers(http)
    after = attendance(boto)
    assert migrate() == 0
    assert attendance(boto) == after


def check_settings() -> None:
    site = wiring.directory().site()
    assert [str(holiday.date) for holiday in site.holidays] == ["2026-06-03", "2026-09-02"]
    assert len(site.settings.calendars) == 3


@pytest.mark.usefixtures("old")
def test_before_the_migration_people_can_be_changed_and_settings_are_kept_safe(
    http: Http, boto: Boto, migrate: Callable[..., int]
) -> None:
    changed = http.call("PATCH", f"/v1/people/{BINH}", {"group": "11A"})
    assert changed.status_code == 200, changed.json_body
    stamped(http, ANH, "2026-06-15T08:00:00+07:00")
    refused = change_settings(http, photo_punch=False)
    assert (refused.status_code, refused.json_body["Code"]) == (503, "Busy")
    assert "python -m infra migrate" in refused.json_body["Message"]
    assert migrate() == 0
    shown = http.get(f"/v1/people/{BINH}").json_body
    assert (shown["group"], shown["shift"], shown["since"]) == ("11A", "night", "2026-02-01")
    assert [group["value"] for group in shown["history"]["groups"]] == ["10A", "11A"]
    assert change_settings(http, photo_punch=False).status_code == 200
    check_settings()


# --- single items ---------------------------------------------------------------------------------

PROFILE: Json = {
    "pk": "PERSON#a",
    "sk": "PROFILE",
    "person_id": "a",
    "name": "A",
    "created_at": "2026-01-05T00:00:00Z",
    "updated_at": "2026-06-20T00:00:00Z",
    "version": 3,
}


@pytest.mark.parametrize(
    ("fields", "stints"),
    [
        pytest.param({}, (Stint(),), id="since ever"),
        pytest.param({"since": "2026-02-01"}, (Stint(date(2026, 2, 1)),), id="since a date"),
        pytest.param(
            {"since": "2026-02-01", "until": "2026-06-10"},
            (Stint(date(2026, 2, 1), date(2026, 6, 10)),),
            id="until a date",
        ),
        pytest.param(
            {"status": "inactive", "inactive_since": "2026-06-15"},
            (Stint(None, date(2026, 6, 15)),),
            id="inactive without until",
        ),
        pytest.param(
            {"status": "inactive", "inactive_since": "2026-06-15", "until": "2026-06-30"},
            (Stint(None, date(2026, 6, 30)),),
            id="inactive with until, which sheets followed",
        ),
        pytest.param(
            {"status": "inactive"},
            (Stint(None, date(2026, 6, 20)),),
            id="inactive since nobody knows",
        ),
        pytest.param(
            {"status": "inactive", "since": "2026-09-01", "inactive_since": "2026-06-15"},
            (),
            id="inactive before the first day",
        ),
    ],
)
def test_the_stint_of_an_old_profile(fields: Json, stints: tuple[Stint, ...]) -> None:
    found = items.read_person(PROFILE | fields)
    assert found
    assert (found.stints, found.groups, found.shifts, found.version) == (stints, (), (), 3)
    assert upgrades.profile(upgrades.profile(PROFILE | fields)) == upgrades.profile(PROFILE | fields)


def document(*holidays: str) -> str:
    calendar = {"zone": "Asia/Ho_Chi_Minh", "holidays": [{"date": day, "name": day} for day in holidays]}
    return json.dumps(
        {"calendar": calendar, "similarity_threshold": 99.0, "photo_punch": False, "version": 1}
    )


def test_a_date_is_a_holiday_if_the_calendar_in_force_on_it_said_so() -> None:
    def calendar(since: str, *holidays: str) -> Json:
        text = json.dumps(json.loads(document(*holidays))["calendar"])
        return {"pk": "SETTINGS", "sk": f"CALENDAR#{since}", "document": text}

    item = {"pk": "SETTINGS", "sk": "-", "document": document("2026-07-01"), "version": 1}
    early, late = "2026-02-01", "2026-05-01"
    history = [calendar("2026-04-01", early, late), calendar("0001-01-01", late)]
    _, holidays = upgrades.settings(item, history)
    assert [day["date"] for day in holidays] == [late], "nobody had a day off in February"
    _, holidays = upgrades.settings(item)
    assert [day["date"] for day in holidays] == ["2026-07-01"], "a table whose calendar never changed"
    site = items.read_site([item, *history], wiring.directory()._defaults)
    assert len(site.settings.calendars) == 1, "they differed in holidays alone"

"""Imports with mode `upsert`: people are added and updated by their code, all rows or none."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from chalice.test import HTTPResponse

from chalicelib import wiring
from chalicelib.aws.directory import Directory, SavedPerson
from chalicelib.domain.token import Role
from chalicelib.services.tokens import NewToken, create
from tests.conftest import Clock, Http
from tests.support.builders import Json, add_person, set_calendar

TODAY = "2026-06-15"
HEADER = "name,code,email,group,shift,since\n"


@pytest.fixture(autouse=True)
def june(http: Http, clock: Clock) -> Clock:
    """07:00 of 15 June 2026, before the day's shift."""
    clock.now = datetime.fromisoformat(f"{TODAY}T07:00:00+07:00")
    set_calendar(http)
    return clock


def send(http: Http, rows: str, **query: Any) -> HTTPResponse:
    content = (HEADER + rows).encode()
    return http.post("/v1/imports", content, {"Content-Type": "text/csv"}, **{"mode": "upsert"} | query)


def done(http: Http, rows: str, **query: Any) -> Json:
    answer = send(http, rows, **query)
    assert answer.status_code == 200, answer.json_body
    result: Json = answer.json_body
    return result


def statuses(result: Json) -> list[str]:
    return [item["status"] for item in result["items"]]


def shown(http: Http, person_id: str) -> Json:
    person: Json = http.get(f"/v1/people/{person_id}").json_body
    return person


def test_rows_add_update_or_leave_people(http: Http) -> None:
    anh = add_person(http, "Ánh", code="HS-1", group="10A", email="a@example.com")
    binh = add_person(http, "Bình", code="HS-2", group="10A")
    before = shown(http, binh)
    result = done(http, "Ngọc Ánh,hs-1,,11A,night,\nBình,HS-2,,10A,,\nChi,HS-3,,10A,,\n")
    assert statuses(result) == ["updated", "unchanged", "created"]
    assert {name: result[name] for name in ("created", "updated", "unchanged", "failed")} == {
        "created": 1,
        "updated": 1,
        "unchanged": 1,
        "failed": 0,
    }
    assert [item["person_id"] for item in result["items"][:2]] == [anh, binh]
    after = shown(http, anh)
    assert (after["name"], after["code"], after["email"]) == ("Ngọc Ánh", "HS-1", "a@example.com")
    assert (after["group"], after["shift"], after["since"]) == ("11A", "night", "2020-01-01")
    assert after["history"]["groups"] == [
        {"value": "10A", "effective_from": None},
        {"value": "11A", "effective_from": TODAY},
    ]
    assert shown(http, binh) == before
    chi = shown(http, result["items"][2]["person_id"])
    assert (chi["name"], chi["since"]) == ("Chi", TODAY)
    found = http.get("/v1/people", q="ngọc").json_body["items"]
    assert [person["person_id"] for person in found] == [anh]


def test_the_same_file_again_changes_nothing(http: Http, june: Clock) -> None:
    add_person(http, "Ánh", code="HS-1", group="10A")
    rows = "Ánh,HS-1,,11A,night,2026-02-01\nBình,HS-2,,11A,,\n"
    assert statuses(done(http, rows)) == ["updated", "created"]
    before = http.get("/v1/people").json_body
    assert statuses(done(http, rows)) == ["unchanged", "unchanged"]
    june.forward(days=1)
    assert statuses(done(http, rows)) == ["unchanged", "unchanged"]
    assert http.get("/v1/people").json_body == before


def test_groups_and_shifts_change_from_a_date_on(http: Http) -> None:
    anh = add_person(http, "Ánh", code="HS-1", group="10A")
    rows = ",HS-1,,11A,night,\n"
    assert statuses(done(http, rows, effective_from="2026-09-01")) == ["updated"]
    assert (shown(http, anh)["group"], shown(http, anh)["shift"]) == ("10A", None)
    history = shown(http, anh)["history"]
    assert history["groups"][-1] == {"value": "11A", "effective_from": "2026-09-01"}
    assert history["shifts"][-1] == {"value": "night", "effective_from": "2026-09-01"}
    assert statuses(done(http, rows, effective_from="2026-09-01")) == ["unchanged"]
    assert statuses(done(http, rows, effective_from="2026-06-01")) == ["updated"]
    changes = [one["effective_from"] for one in shown(http, anh)["history"]["groups"]]
    assert changes == [None, "2026-06-01", "2026-09-01"]
    for wrong in ({"effective_from": "1999-01-01"}, {"mode": "all", "effective_from": TODAY}):
        answer = send(http, rows, **wrong)
        assert (answer.status_code, answer.json_body["Code"]) == (400, "InvalidRequest"), wrong


def test_a_since_is_that_of_the_last_stint_or_begins_another(http: Http) -> None:
    anh = add_person(http, "Ánh", code="HS-1")
    http.call("PATCH", f"/v1/people/{anh}", {"status": "inactive", "effective_from": "2026-05-31"})
    assert statuses(done(http, "Ánh,HS-1,,,,2026-06-08\n")) == ["updated"]
    after = shown(http, anh)
    assert after["status"] == "active"
    assert after["history"]["stints"] == [
        {"since": "2020-01-01", "until": "2026-05-31"},
        {"since": "2026-06-08", "until": None},
    ]
    answer = send(http, "Ánh,HS-1,,,,2026-05-31\n")
    assert answer.status_code == 422
    [item] = answer.json_body["Details"]["items"]
    assert [problem["field"] for problem in item["problems"]] == ["since"]
    assert shown(http, anh) == after


def test_a_dry_run_tells_what_would_be_done(http: Http) -> None:
    anh = add_person(http, "Ánh", code="HS-1")
    add_person(http, "Bình", code="HS-2")
    before = http.get("/v1/people").json_body
    result = done(http, "Ánh,HS-1,,10A,,\n,HS-2,,,,\nChi,HS-3,,,,\n", dry_run="true")
    assert statuses(result) == ["updated", "unchanged", "created"]
    assert [item["person_id"] for item in result["items"]] == [anh, result["items"][1]["person_id"], None]
    assert (result["dry_run"], result["created"], result["updated"], result["unchanged"]) == (True, 1, 1, 1)
    assert http.get("/v1/people").json_body == before


@pytest.mark.parametrize(
    ("row", "field"),
    [
        pytest.param("Bình,,,,,", "code", id="no code"),
        pytest.param("Bình,HS-1,,,,", "code", id="twice"),
        pytest.param(",HS-9,,,,", "name", id="no name for somebody new"),
        pytest.param(",HS-2,no address,,,", "email", id="e-mail"),
        pytest.param(",HS-2,,,moon,", "shift", id="shift"),
        pytest.param(",HS-2,,,,yesterday", "since", id="date"),
    ],
)
def test_one_bad_row_and_nothing_changes(http: Http, row: str, field: str) -> None:
    add_person(http, "Ánh", code="HS-1")
    add_person(http, "Bình", code="HS-2")
    before = http.get("/v1/people").json_body
    answer = send(http, f"Ngọc,HS-1,,11A,,\n{row}\n")
    assert (answer.status_code, answer.json_body["Code"]) == (422, "ImportRefused")
    items = answer.json_body["Details"]["items"]
    assert [item["status"] for item in items] == ["valid", "invalid"]
    assert [problem["field"] for problem in items[1]["problems"]] == [field]
    assert http.get("/v1/people").json_body == before


def test_people_who_change_meanwhile_are_updated_as_they_are_then(
    http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    anh = add_person(http, "Ánh", code="HS-1", group="10A")
    binh = add_person(http, "Bình", code="HS-2", group="10A")
    save = Directory.save_people
    calls: list[int] = []

    def late(self: Directory, changes: list[SavedPerson]) -> list[SavedPerson]:
        if not calls:
            http.call("PATCH", f"/v1/people/{binh}", {"email": "b@example.com"})
        calls.append(len(changes))
        return save(self, changes)

    monkeypatch.setattr(Directory, "save_people", late)
    result = done(http, "Ánh,HS-1,,11A,,\nBình,HS-2,,11A,,\nChi,HS-3,,,,\n")
    assert statuses(result) == ["updated", "updated", "created"]
    assert calls == [3, 3], "the first was undone"
    assert (shown(http, binh)["email"], shown(http, binh)["group"]) == ("b@example.com", "11A")
    assert shown(http, anh)["history"]["groups"][-1] == {"value": "11A", "effective_from": TODAY}
    assert [person["name"] for person in http.get("/v1/people").json_body["items"]] == ["Ánh", "Bình", "Chi"]


def test_an_update_that_fails_half_way_is_undone(
    http: Http, boto: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(f"P{n},C{n},,10A,,\n" for n in range(150))
    done(http, rows)
    before = http.get("/v1/people", limit=1000).json_body["items"]
    table, left = wiring.directory()._table, [1]

    def breaking(*writes: Any) -> None:
        left[0] -= len(writes) > 1
        if left[0] == -1:  # the second of the transactions; those that undo follow
            raise RuntimeError
        type(table).write(table, *writes)

    monkeypatch.setattr(table, "write", breaking)
    answer = send(http, rows.replace("10A", "11A"))
    assert answer.status_code == 500
    monkeypatch.undo()
    after = http.get("/v1/people", limit=1000).json_body["items"]
    assert after == before
    assert statuses(done(http, rows.replace("10A", "11A"))) == ["updated"] * 150


def test_a_token_of_a_class_updates_its_own_people_only(http: Http) -> None:
    own, other = (
        add_person(http, "Ánh", code="A", group="10A"),
        add_person(http, "Bình", code="B", group="10B"),
    )
    body = NewToken(role=Role.MANAGER, label="of 10A", groups=["10A"])
    manager = http.as_(None)
    manager._tokens = {"manager": (create(wiring.token_store(), body, now=wiring.now()).token, wiring.now())}
    manager._role = "manager"
    assert statuses(done(manager, "Ngọc Ánh,A,,,,\n")) == ["updated"]
    assert shown(http, own)["name"] == "Ngọc Ánh"
    for row, status in (("B,B,,10A,,", "exists"), ("Ánh,A,,10B,,", "invalid"), ("C,C,,,,", "invalid")):
        answer = send(manager, f"{row}\n")
        assert answer.status_code == 422, row
        [item] = answer.json_body["Details"]["items"]
        assert (item["status"], item["person_id"]) == (status, None), row
    planned = send(manager, "Ánh,A,,10B,,\n", effective_from="2026-09-01")
    assert planned.status_code == 422
    assert shown(http, other)["name"] == "Bình"

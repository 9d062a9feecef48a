"""Imports of punches by HTTP: our own CSV and JSON, files of devices as they are, and what repeats."""

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from chalice.test import HTTPResponse

from chalicelib import wiring
from chalicelib.aws.attendance_store import AttendanceStore
from chalicelib.aws.directory import Directory
from chalicelib.domain.person import Person
from chalicelib.domain.punch_files import ROWS
from chalicelib.domain.timeline import Stint, always
from chalicelib.services import corrections
from tests.conftest import Clock, Http, Scan
from tests.support.answers import check_refused
from tests.support.builders import (
    NIGHT,
    Json,
    add_person,
    change_settings,
    day_of,
    set_calendar,
    stamp,
    stamped,
)
from tests.support.punches import list_punches

DEVICES = Path(__file__).parent / "devices"
CSV = {"Content-Type": "text/csv"}
RAW = {"Content-Type": "application/octet-stream"}
MONTH = {"from_": "2026-06-01", "to": "2026-06-30"}


def send(
    http: Http, content: str | bytes | list[Json], headers: dict[str, str] | None = None, **query: Any
) -> HTTPResponse:
    """Import punches; a list goes as JSON."""
    if isinstance(content, list):
        return http.post("/v1/punches/imports", content, headers, **query)
    body = content.encode() if isinstance(content, str) else content
    return http.post("/v1/punches/imports", body, headers or CSV, **query)


def sent(http: Http, content: str | bytes | list[Json], **query: Any) -> Json:
    """Import punches that must be taken."""
    answer = send(http, content, **query)
    assert answer.status_code == 200, answer.json_body
    found: Json = answer.json_body
    return found


def statuses(answer: HTTPResponse | Json) -> list[tuple[int, str]]:
    body = answer if isinstance(answer, dict) else answer.json_body
    return [(item["row"], item["status"]) for item in body.get("Details", body)["items"]]


def counts(result: Json) -> tuple[int, int, int, int]:
    return result["rows_total"], result["created"], result["duplicates"], result["failed"]


@pytest.fixture
def staff(http: Http) -> dict[str, str]:
    """Two people by their codes, on the day shift in Saigon."""
    set_calendar(http)
    return {code: add_person(http, name, code=code) for code, name in (("101", "Lê Hoa"), ("7", "Trần Bảy"))}


# --- our own formats -----------------------------------------------------------------------------


def test_a_csv_of_ours_is_checked_and_then_imported(http: Http, staff: dict[str, str]) -> None:
    content = "code,at,direction,device,reason\n"
    content += "101,2026-06-01 08:00,in,gate 1,\n"
    content += "101,2026-06-01T10:00:00Z,,,paper list\n"
    checked = sent(http, content, dry_run="true")
    assert counts(checked) == (2, 0, 0, 0)
    assert statuses(checked) == [(2, "valid"), (3, "valid")]
    assert list_punches(http, **MONTH) == []
    done = sent(http, content)
    assert (done["format"], done["mode"], done["dry_run"]) == ("csv", "all", False)
    assert counts(done) == (2, 2, 0, 0)
    first, second = list_punches(http, **MONTH)
    assert (
        first
        | {
            "punch_id": done["items"][0]["punch_id"],
            "person_id": staff["101"],
            "at": "2026-06-01T08:00:00+07:00",
            "work_day": "2026-06-01",
            "direction": "in",
            "source": "import",
            "device": "gate 1",
            "reason": None,
            "by": http.token_id("admin"),
        }
        == first
    )
    assert (second["at"], second["direction"]) == ("2026-06-01T17:00:00+07:00", "auto")
    assert second["reason"] == "paper list"
    assert day_of(http, staff["101"], "2026-06-01")["worked_minutes"] == 480
    again = sent(http, content)
    assert counts(again) == (2, 0, 2, 0)
    assert [item["punch_id"] for item in again["items"]] == [item["punch_id"] for item in done["items"]]
    assert len(list_punches(http, **MONTH)) == 2


def test_json_is_a_list_of_the_same_fields(http: Http, staff: dict[str, str]) -> None:
    rows = [
        {"person_id": staff["7"], "at": "2026-06-01T08:00:00+07:00", "direction": "in"},
        {"code": "7", "at": "2026-06-01 17:00:00", "direction": "out", "device": "gate"},
    ]
    done = sent(http, rows)
    assert (done["format"], counts(done)) == ("json", (2, 2, 0, 0))
    assert [item["row"] for item in done["items"]] == [1, 2]
    assert day_of(http, staff["7"], "2026-06-01")["worked_minutes"] == 480


def test_rows_say_what_is_wrong_with_them(http: Http, clock: Clock, staff: dict[str, str]) -> None:
    future = (clock.now + timedelta(hours=1)).isoformat()
    rows: list[Json] = [
        {"code": "101", "at": "2026-06-01 08:00"},
        {"code": "nobody", "at": "2026-06-01 08:00"},
        {"person_id": "nobody", "at": "2026-06-01 08:00"},
        {"code": "101", "person_id": staff["101"], "at": "2026-06-01 08:00"},
        {"at": "2026-06-01 08:00"},
        {"code": "101", "at": "yesterday"},
        {"code": "101", "at": "2026-02-30 08:00"},
        {"code": "101", "at": future},
        {"code": "101", "at": "1999-12-31T23:59:59+00:00"},
        {"code": "101", "at": "0001-01-01T00:00:00+14:00"},
        {"code": "101", "at": "2026-06-01 09:00", "direction": "up"},
        {"code": "101", "at": "2026-06-01 09:00", "device": "x" * 101},
        {"code": "101", "at": "2026-06-01 09:00", "colour": "red"},
        {"code": 101, "at": "2026-06-01 09:00"},
        {"code": "1" * 3000, "at": "2026-06-01 09:00"},
        {"person_id": "1" * 3000, "at": "2026-06-01 09:00"},
    ]
    refused = send(http, rows)
    check_refused(refused, 422, "ImportRefused")
    assert list_punches(http, **MONTH) == []
    assert statuses(refused)[0] == (1, "valid")
    fields = [[one["field"] for one in item["problems"]] for item in refused.json_body["Details"]["items"]]
    assert fields == [
        [],
        ["code"],
        ["person_id"],
        ["code"],
        ["code"],
        *[["at"]] * 5,
        ["direction"],
        ["device"],
        ["colour"],
        ["code", "code"],
        ["code"],
        ["person_id"],
    ]
    done = sent(http, rows, mode="good")
    assert counts(done) == (16, 1, 0, 15)
    assert len(list_punches(http, **MONTH)) == 1


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"code,at\n", id="no rows"),
        pytest.param(b"name,phone\nAnn,1\n", id="another table"),
        pytest.param(b"code,at,phone\n101,2026-06-01 08:00,1\n", id="unknown column"),
        pytest.param(b'code,at\n"101,2026-06-01 08:00\n', id="an open quote"),
        pytest.param(b"\xff\xfe\x00", id="half a character"),
        pytest.param(b"\xfc\xfd", id="Latin 1"),
        pytest.param(b'{"code": "101"}', id="JSON that is no list"),
        pytest.param(b"[" * 100_000, id="deep JSON"),
        pytest.param(b"[1]", id="a list of numbers"),
        pytest.param(b"just\na text\n", id="a text"),
    ],
)
def test_InvalidImport_for_what_is_no_file_of_punches(http: Http, content: bytes) -> None:
    check_refused(send(http, content), 400, "InvalidImport")


def test_ImportTooLarge_for_too_many_rows(http: Http) -> None:
    check_refused(send(http, "code,at\n" + "1,2026-06-01 08:00\n" * (ROWS + 1)), 413, "ImportTooLarge")
    check_refused(send(http, b" " * 4_500_001), 413, "ImportTooLarge")


# --- files of devices ----------------------------------------------------------------------------


def test_an_attlog_of_zkteco_from_a_usb_stick(http: Http, staff: dict[str, str]) -> None:
    content = (DEVICES / "1_attlog.dat").read_bytes()
    check_refused(send(http, content, RAW), 422, "ImportRefused")
    done = send(http, content, RAW, mode="good").json_body
    assert (done["format"], counts(done)) == ("attlog", (12, 10, 1, 1))
    wrong = [(item["row"], item["problems"][0]["field"]) for item in done["items"] if item["problems"]]
    assert wrong == [(11, "code")]
    shown = list_punches(http, **MONTH, person_id=staff["101"])
    assert [one["direction"] for one in shown] == ["in", "out", "in", "out", "in", "out"]
    assert {one["device"] for one in shown} == {"1"}
    day = day_of(http, staff["101"], "2026-06-01")
    # 4:02:53 and 4:02:18 and 1:30:00, less the 2:35 that lack of an hour's break after 57:25 away: 9:32:36.
    assert day["worked_minutes"] == 572
    assert (day["first_in"], len(day["pairs"]), day["open"]) == ("2026-06-01T07:58:12+07:00", 3, False)
    assert [pair["minutes"] for pair in day["pairs"]] == [242, 242, 90]
    # A state that is unknown follows from the punches before it.
    assert day_of(http, staff["7"], "2026-06-02")["last_out"] == "2026-06-02T17:00:00+07:00"
    assert counts(send(http, content, RAW, mode="good").json_body) == (12, 0, 11, 1)


def test_an_attlog_as_a_device_sends_it(http: Http, staff: dict[str, str]) -> None:
    content = (DEVICES / "network_attlog.dat").read_bytes()
    done = send(http, content, {"Content-Type": "text/plain"}).json_body
    assert (done["format"], counts(done)) == ("attlog", (4, 4, 0, 0))
    shown = list_punches(http, **MONTH, person_id=staff["7"])
    assert [(one["direction"], one["device"]) for one in shown] == [("in", None), ("out", None)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_an_export_of_hikvision(http: Http, staff: dict[str, str], encoding: str) -> None:
    text = (DEVICES / "hikvision.csv").read_text("utf-8-sig")
    content = text.encode("utf-8-sig") if encoding == "utf-8" else text.replace(",", "\t").encode("utf-16")
    done = send(http, content, {"Content-Type": "application/vnd.ms-excel"}).json_body
    assert (done["format"], counts(done)) == ("hikvision", (6, 6, 0, 0)), done
    shown = list_punches(http, **MONTH, person_id=staff["7"])
    assert [one["direction"] for one in shown] == ["auto", "out", "in", "auto"]
    assert shown[0]["device"] == "Cổng chính_Door1_Entrance Card Reader1"
    assert day_of(http, staff["101"], "2026-06-04")["last_out"] == "2026-06-04T17:06:41+07:00"
    # 3:58:30 and 4:01:49, less the 20 s that lack of an hour's break after 59:40 away.
    assert day_of(http, staff["7"], "2026-06-04")["worked_minutes"] == 479


def test_a_format_that_was_asked_for_is_not_guessed(http: Http, staff: dict[str, str]) -> None:
    content = "code\tat\n101\t2026-06-01 08:00\n"
    assert sent(http, content)["format"] == "csv"
    check_refused(send(http, content, format_="json"), 400, "InvalidImport")
    check_refused(send(http, content, format_="hikvision"), 400, "InvalidImport")
    check_refused(send(http, content, format_="excel"), 400, "InvalidRequest")
    check_refused(send(http, content, mode="upsert"), 400, "InvalidRequest")


# --- zones, shifts, work days --------------------------------------------------------------------


def test_wall_clock_time_is_of_the_zone_of_its_date(http: Http) -> None:
    set_calendar(http, zone="Europe/Berlin")
    set_calendar(http, "2026-07-01", zone="Asia/Ho_Chi_Minh")  # the site moved
    person = add_person(http, code="1")
    # Summer time ended on 25 October 2025 at 03:00, which was 02:00 again; of the repeated hour, the first.
    rows = ["2026-01-15 08:00", "2026-06-15 08:00", "2026-07-15 08:00", "2025-10-26 02:30"]
    done = sent(http, "code,at\n" + "".join(f"1,{row}\n" for row in rows))
    assert [item["at"] for item in done["items"]] == [
        "2026-01-15T08:00:00+01:00",
        "2026-06-15T08:00:00+02:00",
        "2026-07-15T08:00:00+07:00",
        "2025-10-26T02:30:00+02:00",
    ]
    assert {item["person_id"] for item in done["items"]} == {person}


def test_nights_are_one_work_day_and_late_outs_close_their_day(http: Http) -> None:
    set_calendar(
        http, shifts={"night": NIGHT, "late": {"starts": "14:00", "ends": "22:00"}}, default_shift="late"
    )
    night = add_person(http, code="1", shift="night")
    late = add_person(http, code="2")
    rows = "1,2026-06-02 06:00,out\n2,2026-06-02 05:00,out\n1,2026-06-01 22:00,in\n2,2026-06-01 14:00,in\n"
    sent(http, "code,at,direction\n" + rows)
    for person, minutes in ((night, 480), (late, 900)):
        day = day_of(http, person, "2026-06-01")
        assert (day["worked_minutes"], day["open"]) == (minutes, False)
        assert day_of(http, person, "2026-06-02")["punches"] == []
    assert counts(sent(http, "code,at,direction\n" + rows)) == (4, 0, 4, 0)


def test_rows_of_closed_days_are_refused_and_what_is_there_is_a_duplicate(
    http: Http, staff: dict[str, str], boto: Callable[[str], Any]
) -> None:
    content = "code,at\n101,2026-06-01 08:00\n"
    sent(http, content)
    closed = {"pk": {"S": "SETTINGS"}, "sk": {"S": "CLOSED"}, "through": {"S": "2026-06-15"}}
    boto("dynamodb").put_item(TableName="rollcall-local", Item=closed)
    content += "101,2026-06-01 17:00\n101,2026-06-16 03:59\n101,2026-06-16 08:00\n"
    done = sent(http, content, mode="good")
    assert [item["status"] for item in done["items"]] == ["duplicate", "invalid", "invalid", "created"]
    assert done["items"][1]["problems"] == [{"field": "at", "message": "The work day 2026-06-01 is closed."}]
    check_refused(send(http, content), 422, "ImportRefused")


# --- repetitions ---------------------------------------------------------------------------------


def test_what_is_there_in_any_way_is_a_duplicate(http: Http, staff: dict[str, str]) -> None:
    by_hand = stamped(http, staff["101"], "2026-06-01T08:00:00+07:00")
    removed = stamped(http, staff["101"], "2026-06-01T12:00:00+07:00", direction="out")
    stamped(http, staff["101"], supersedes=removed, void=True)
    moved = stamped(http, staff["101"], "2026-06-01T17:00:00+07:00")
    stamped(http, staff["101"], "2026-06-01T17:30:00+07:00", supersedes=moved)
    content = "code,at,direction\n"
    content += "101,2026-06-01 08:00:00,in\n"  # by hand
    content += "101,2026-06-01 08:00:30,\n"  # within the window of it
    content += "101,2026-06-01 12:00:00,out\n"  # removed by HR, and not to come back
    content += "101,2026-06-01 17:00:00,\n"  # corrected by HR
    content += "101,2026-06-01 19:00:00,in\n101,2026-06-01 19:00:00,in\n"  # twice in the file
    done = sent(http, content)
    assert [item["status"] for item in done["items"]] == ["duplicate"] * 4 + ["created", "duplicate"]
    named = [item["punch_id"] for item in done["items"]]
    assert named[:4] == [by_hand, by_hand, removed, moved]
    assert named[4] == named[5]


def test_imported_punches_are_corrected_like_others_and_do_not_come_back(
    http: Http, staff: dict[str, str]
) -> None:
    content = "code,at\n101,2026-06-01 08:00\n101,2026-06-01 17:00\n"
    first, _ = sent(http, content)["items"]
    assert stamp(http, staff["101"], supersedes=first["punch_id"], void=True).status_code == 201
    assert counts(sent(http, content)) == (2, 0, 2, 0)
    assert day_of(http, staff["101"], "2026-06-01")["first_in"] == "2026-06-01T17:00:00+07:00"


def test_a_punch_keeps_its_work_day_when_rules_change_between_two_imports(
    http: Http, staff: dict[str, str]
) -> None:
    content = "code,at,direction\n101,2026-06-01 14:00,in\n101,2026-06-02 05:00,out\n"
    assert counts(sent(http, content)) == (2, 2, 0, 0)
    change = {"shift": "night", "effective_from": "2026-05-01"}
    assert http.call("PATCH", f"/v1/people/{staff['101']}", change).status_code == 200
    assert counts(sent(http, content)) == (2, 0, 2, 0)
    set_calendar(http, "2026-05-01", zone="Pacific/Honolulu")
    again = "code,at,direction\n101,2026-06-01T14:00:00+07:00,in\n101,2026-06-02T05:00:00+07:00,out\n"
    assert counts(sent(http, again)) == (2, 0, 2, 0)


def test_more_punches_than_a_transaction_holds_on_one_day(
    http: Http, attendance_store: AttendanceStore, staff: dict[str, str]
) -> None:
    change_settings(http, duplicate_window_s=0)
    start = datetime(2026, 6, 1, 1, tzinfo=UTC)
    rows = [{"code": "101", "at": (start + timedelta(seconds=n)).isoformat()} for n in range(1200)]
    done = sent(http, rows, mode="good")
    assert counts(done) == (1200, 1000, 0, 200)
    assert len(list_punches(http, **MONTH, limit=1000)) == 1000
    assert corrections.rebuild(attendance_store, staff["101"], date(2026, 5, 31), date(2026, 6, 2)) == 0


def seeded(directory: Directory, count: int) -> list[str]:
    """Add people with codes; gives these."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    people = [
        Person(
            person_id=f"p{n}",
            name=f"P {n}",
            code=f"C{n}",
            groups=always("g"),
            stints=(Stint(since=now.date()),),
            created_at=now,
            updated_at=now,
        )
        for n in range(count)
    ]
    assert directory.add_people(people) == []
    return [person.code or "" for person in people]


def rows_of(codes: list[str], days: int) -> list[Json]:
    """Make an in and an out of each person on some days of June."""
    return [
        {"code": code, "at": f"2026-06-{day:02} {wall}"}
        for day in range(1, days + 1)
        for code in codes
        for wall in ("08:00:00", "17:00:00")
    ]


def test_5000_rows_twice_are_5000_punches(http: Http, directory: Directory) -> None:
    set_calendar(http)
    rows = rows_of(seeded(directory, 125), 20)
    assert len(rows) == ROWS
    assert counts(sent(http, rows)) == (ROWS, ROWS, 0, 0)
    assert counts(sent(http, rows)) == (ROWS, 0, ROWS, 0)
    assert len(list_punches(http, **MONTH, limit=1000)) == ROWS
    sheet = http.get("/v1/timesheets/monthly", month="2026-06").json_body["items"]
    assert len(sheet) == 125


# --- races ---------------------------------------------------------------------------------------


def test_the_same_file_at_once_loses_and_doubles_nothing(
    http: Http, directory: Directory, attendance_store: AttendanceStore
) -> None:
    set_calendar(http)
    rows = rows_of(seeded(directory, 12), 5)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: sent(http, rows), range(4)))
    assert {result["rows_total"] for result in results} == {120}
    assert sum(result["created"] for result in results) == 120
    assert all(result["created"] + result["duplicates"] == 120 for result in results)
    assert len(list_punches(http, **MONTH, limit=1000)) == 120
    for n in range(12):
        assert corrections.rebuild(attendance_store, f"p{n}", date(2026, 6, 1), date(2026, 6, 30)) == 0


def test_an_import_and_punches_by_hand_at_once(http: Http, staff: dict[str, str]) -> None:
    change_settings(http, duplicate_window_s=0)
    rows = [{"code": "101", "at": f"2026-06-01 08:{n:02}:00"} for n in range(40)]
    times = [f"2026-06-01T09:{n:02}:00+07:00" for n in range(10)] + [
        f"2026-06-01T08:{n:02}:00+07:00" for n in range(10)
    ]
    with ThreadPoolExecutor(8) as pool:
        importing = pool.submit(sent, http, rows)
        answers = list(pool.map(lambda at: stamp(http, staff["101"], at), times))
    assert counts(importing.result())[0] == 40
    assert {answer.status_code for answer in answers} <= {200, 201}
    shown = Counter(one["at"] for one in list_punches(http, **MONTH, limit=1000))
    assert len(shown) == 50
    assert set(shown.values()) == {1}


Meanwhile = Callable[[Callable[[], object]], None]


@pytest.fixture
def before_writing(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Does something once, after an import was planned and before it is written."""
    write = AttendanceStore.add_punches
    waiting: list[Callable[[], object]] = []

    def hindered(self: AttendanceStore, groups: Any) -> set[int]:
        if waiting:
            waiting.pop()()
        return write(self, groups)

    monkeypatch.setattr(AttendanceStore, "add_punches", hindered)
    return waiting.append


def test_whoever_is_erased_meanwhile_leaves_nothing_behind(
    http: Http,
    staff: dict[str, str],
    before_writing: Callable[[Callable[[], None]], None],
    scan: Scan,
) -> None:
    def erase() -> None:
        answer = http.delete(f"/v1/people/{staff['101']}?attendance=remove")
        assert (answer.status_code, answer.json_body["complete"]) == (200, True)

    before_writing(erase)
    done = sent(http, "code,at\n101,2026-06-01 08:00\n7,2026-06-01 08:00\n")
    assert statuses(done) == [(2, "invalid"), (3, "created")]
    assert done["items"][0]["problems"][0]["field"] == "person_id"
    assert staff["101"] not in scan()


def test_a_punch_that_came_meanwhile_is_not_doubled(
    http: Http, staff: dict[str, str], before_writing: Meanwhile
) -> None:
    before_writing(lambda: stamped(http, staff["101"], "2026-06-01T08:00:20+07:00"))
    done = sent(http, "code,at\n101,2026-06-01 08:00\n101,2026-06-01 17:00\n")
    assert statuses(done) == [(2, "duplicate"), (3, "created")]
    assert day_of(http, staff["101"], "2026-06-01")["worked_minutes"] == 479


# --- who may, and what is kept -------------------------------------------------------------------


def test_the_audit_log_has_the_counts(http: Http, staff: dict[str, str]) -> None:
    sent(http, "code,at\n101,2026-06-01 08:00\n101,2026-06-01 08:00\n9,2026-06-01 08:00\n", mode="good")
    [entry] = [
        one for one in http.get("/v1/audit").json_body["items"] if one["what"].endswith("/punches/imports")
    ]
    assert (entry["status"], entry["about"]) == (200, {"mode": "good"})
    assert [(one["field"], one["new"]) for one in entry["changes"]] == [
        ("created", "1"),
        ("duplicates", "1"),
        ("failed", "1"),
    ]


def test_a_replay_is_the_first_result(http: Http, staff: dict[str, str]) -> None:
    headers = {**CSV, "Idempotency-Key": "one"}
    first, second = (send(http, "code,at\n101,2026-06-01 08:00\n", headers) for _ in range(2))
    assert json.loads(second.body) == first.json_body
    assert first.json_body["created"] == 1


def test_subject_access_and_erasure_have_imported_punches(
    http: Http, staff: dict[str, str], scan: Scan
) -> None:
    sent(http, "code,at,device,reason\n101,2026-06-01 08:00,gate 1,paper list\n")
    [shown] = http.get(f"/v1/people/{staff['101']}/data").json_body["punches"]
    assert (shown["source"], shown["device"]) == ("import", "gate 1")
    receipt = http.delete(f"/v1/people/{staff['101']}").json_body
    assert (receipt["complete"], receipt["removed"]["punches"]) == (True, 1)
    assert staff["101"] not in scan()
    assert "gate 1" not in scan()
    [kept] = list_punches(http, **MONTH)
    assert (kept["source"], kept["device"], kept["by"], kept["reason"]) == ("import", None, None, None)


def test_old_imported_punches_are_removed_by_retention(http: Http, staff: dict[str, str]) -> None:
    sent(http, "code,at\n101,2001-06-01 08:00\n")
    plan = http.get("/v1/retention").json_body
    assert (plan["punches"], plan["work_days"]) == (1, 1)
    assert wiring.directory().site().closed_through is None

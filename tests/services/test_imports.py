"""Imports of people from CSV, by HTTP: what spreadsheets write, what is refused, and what is left behind."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from chalice.test import HTTPResponse

from chalicelib import wiring
from chalicelib.aws.directory import Directory
from chalicelib.aws.dynamodb import Table, Write
from chalicelib.domain.errors import Busy
from chalicelib.domain.person import Person
from chalicelib.services.imports import ROWS, read
from chalicelib.web import idempotency
from tests.conftest import SERVICE, Http
from tests.support.answers import check_refused

CSV = {"Content-Type": "text/csv"}
EXCEL = {"Content-Type": "application/vnd.ms-excel"}


def send(
    http: Http, content: str | bytes, headers: dict[str, str] | None = None, **query: Any
) -> HTTPResponse:
    body = content.encode() if isinstance(content, str) else content
    return http.post("/v1/imports", body, headers or CSV, **query)


def people(http: Http) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = http.get("/v1/people", limit=1000).json_body["items"]
    return listed


def all_items(boto: Callable[[str], Any]) -> list[dict[str, Any]]:
    pages = boto("dynamodb").get_paginator("scan").paginate(TableName="rollcall-local")
    return [item for page in pages for item in page["Items"]]


def stored(boto: Callable[[str], Any]) -> list[str]:
    """Give the partition keys of all that is stored on attendance."""
    return [item["pk"]["S"] for item in all_items(boto) if not item["pk"]["S"].startswith(SERVICE)]


def statuses(answer: HTTPResponse) -> list[tuple[int, str]]:
    body = answer.json_body
    return [(item["row"], item["status"]) for item in body.get("Details", body)["items"]]


@pytest.fixture
def break_writes() -> Iterator[Callable[[int], None]]:
    """Make the table refuse as if throttled from the n-th transaction on."""
    table: Table = wiring.directory()._table
    write, lock, left = table.write, threading.Lock(), [1 << 30]

    def breaking(*writes: Write) -> None:
        with lock:
            left[0] -= 1
            broken = left[0] < 0 and writes[0].operation == "Put" and len(writes) > 1
        if broken:
            raise Busy
        write(*writes)

    table.write = breaking  # type: ignore[method-assign]
    yield lambda count: left.__setitem__(0, count)
    del table.write


def test_a_file_is_checked_and_then_imported_row_by_row(http: Http) -> None:
    content = "name,code,email,group,shift,since\n"
    content += "Nguyễn Văn Ánh,HS-1,a@example.com,12A1,day,2026-09-01\nBình,,,,,\n"
    checked = send(http, content, dry_run="true")
    assert checked.status_code == 200
    assert checked.json_body == {
        "dry_run": True,
        "mode": "all",
        "rows_total": 2,
        "created": 0,
        "updated": 0,
        "unchanged": 0,
        "failed": 0,
        "items": [
            {"row": 2, "status": "valid", "person_id": None, "problems": []},
            {"row": 3, "status": "valid", "person_id": None, "problems": []},
        ],
    }
    assert people(http) == []
    done = send(http, content).json_body
    assert (done["dry_run"], done["rows_total"], done["created"], done["failed"]) == (False, 2, 2, 0)
    assert [(item["row"], item["status"]) for item in done["items"]] == [(2, "created"), (3, "created")]
    made = http.get(f"/v1/people/{done['items'][0]['person_id']}").json_body
    wanted = {"name": "Nguyễn Văn Ánh", "code": "HS-1", "email": "a@example.com", "group": "12A1"}
    assert made | wanted | {"shift": "day", "since": "2026-09-01"} == made
    assert [person["name"] for person in people(http)] == ["Bình", "Nguyễn Văn Ánh"]
    assert http.get("/v1/people", q="hs-1").json_body["items"] == [made]
    again = send(http, content, mode="good").json_body
    assert [item["status"] for item in again["items"]] == ["exists", "created"]
    assert again["items"][0]["person_id"] == made["person_id"]


ANH = {"name": "Nguyễn Văn Ánh", "code": "0042", "group": "12A1", "since": "2026-11-23"}


def in_lines(header: str, row: str, end: str = "\r\n") -> str:
    return f"{header}{end}{row}{end}"


PLAIN = in_lines("name,code,group,since", "Nguyễn Văn Ánh,0042,12A1,2026-11-23", "\n")
TABS = in_lines("HO TEN\tma\tPhòng ban\tngay_vao", "Nguyễn Văn Ánh\t0042\t12A1\t23/11/2026")
SEMICOLONS = in_lines("Họ tên;Mã;Lớp;Ngày vào", "Nguyễn Văn Ánh;0042;12A1;23/11/2026")
QUOTED = in_lines('"name";"code";"group";"since"', '"Nguyễn Văn Ánh";"0042";"12A1";"23.11.2026"')
FORMULA = in_lines("name,code,group,since,,", 'Nguyễn Văn Ánh,="0042",12A1,23-11-2026,,')
QUOTED_FORMULA = in_lines("name,code,group,since", 'Nguyễn Văn Ánh,"=""0042""",12A1,2026-11-23,,,')
BLANKS = in_lines("since,GROUP,code,Full_Name", ",,,\r\n23/11/2026 00:00,12A1, 0042 ,  Nguyễn  Văn Ánh \r\n")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(PLAIN.encode(), id="plain"),
        pytest.param(PLAIN.rstrip().encode(), id="no last line end"),
        pytest.param(PLAIN.replace("\n", "\r\n").encode("utf-8-sig"), id="UTF-8 with BOM, CRLF"),
        pytest.param(SEMICOLONS.encode(), id="Vietnamese, semicolons"),
        pytest.param(TABS.encode(), id="tabs"),
        pytest.param(TABS.encode("utf-16"), id="Unicode text"),
        pytest.param(("\ufeff" + SEMICOLONS).encode("utf-16-be"), id="big-endian"),
        pytest.param(QUOTED_FORMULA.encode(), id="formula in quotes"),
        pytest.param(FORMULA.encode(), id="formula, empty columns"),
        pytest.param(("sep=;\r\n" + QUOTED).encode(), id="sep line"),
        pytest.param(("\ufeffsep=\t\r\n" + TABS).encode("utf-16-le"), id="sep line of a tab"),
        pytest.param(("\r\n\r\n" + BLANKS).encode(), id="blank lines, other order"),
        pytest.param(
            PLAIN.replace("ễn Văn Ánh", 'ễn\nVăn Ánh"').replace("\nNg", '\n"Ng').encode(), id="two lines"
        ),
    ],
)
def test_what_spreadsheets_write_is_understood(content: bytes) -> None:
    [row] = read(content)
    row.cells["name"] = " ".join(row.cells["name"].split())
    assert (row.cells, row.stray) == (ANH, None)


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        pytest.param("name\nA\n\nB\n", [2, 4], id="a blank line counts"),
        pytest.param("\n\nname\nA\nB", [4, 5], id="before the header too"),
        pytest.param('name\n"A\nA"\nB', [2, 3], id="a cell of two lines is one row"),
        pytest.param("sep=,\nname\nA\nB", [2, 3], id="Excel hides the sep line"),
    ],
)
def test_rows_are_numbered_as_a_spreadsheet_shows_them(content: str, rows: list[int]) -> None:
    assert [row.row for row in read(content.encode())] == rows


@pytest.mark.parametrize(
    "headers", [CSV, EXCEL, {"Content-Type": "text/plain; charset=utf-16"}], ids=["csv", "excel", "plain"]
)
def test_every_type_that_browsers_send_is_taken(http: Http, headers: dict[str, str]) -> None:
    content = "Họ tên;Mã\nÁnh;1".encode("utf-8" if headers is CSV else "utf-16")
    assert send(http, content, headers).json_body["created"] == 1
    assert people(http)[0]["name"] == "Ánh"


def test_types_that_carry_any_bytes_are_binary_for_the_gateway(http: Http) -> None:
    from app import app

    assert {"application/vnd.ms-excel", "text/plain"} <= set(app.api.binary_types)
    assert "text/csv" not in app.api.binary_types, "answers in CSV are text"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", "no rows", id="empty"),
        pytest.param(b"name,code\n", "no rows", id="header only"),
        pytest.param(b"name,salary,shoe\nA,1,2", "salary, shoe", id="unknown columns"),
        pytest.param(b"sep=;name\nA", "Unknown columns: sep=", id="no sep line"),
        pytest.param(b"name," + b"x" * 90_000 + b"\nA", "x" * 50 + ". Known", id="a long unknown column"),
        pytest.param(b"\nA;B\nC;D", "Unknown columns: A, B", id="no header"),
        pytest.param(b"code\n1", "no column `name`", id="no name"),
        pytest.param("name,Họ tên\nA,B".encode(), "more than one column for name", id="twice"),
        pytest.param(b'name\n"A\nB\nC', "cannot be read", id="open quote"),
        pytest.param(b'name,code\n"A"x,1', "Row 2 cannot be read", id="text after a quote"),
        pytest.param(b"name\nA\xff", "neither UTF-8 nor UTF-16", id="Latin"),
        pytest.param("name\nA".encode("utf-16-le"), "neither UTF-8 nor UTF-16", id="UTF-16 without a mark"),
        pytest.param(b"\xff\xfen\x00a", "neither UTF-8", id="half a character"),
        pytest.param("name\n\ufffd\ufffd".encode(), "neither UTF-8", id="damaged on the way"),
        pytest.param(b"\xef\xbb\xbfPK\x03\x04", "Unknown columns", id="no text"),
        pytest.param(b"name\n" + b"x" * 140_000, "cannot be read", id="a cell without end"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_400(http: Http, content: bytes, says: str) -> None:
    answer = send(http, content, EXCEL)
    check_refused(answer, 400, "InvalidImport")
    assert says in answer.json_body["Message"]


def test_unknown_columns_are_named(http: Http) -> None:
    details = send(http, "name,salary\nA,1").json_body["Details"]
    assert details == {"columns": ["salary"], "known": ["name", "code", "email", "group", "shift", "since"]}


def test_a_file_has_limits(http: Http) -> None:
    rows = send(http, "name\n" + "A\n" * 5001)
    check_refused(rows, 413, "ImportTooLarge")
    size = send(http, "name\n" + "A" * 4_500_000)
    check_refused(size, 413, "ImportTooLarge")
    assert send(http, "name\nA", {"Content-Type": "application/json"}).status_code == 415
    assert send(http, "name\nA", mode="some").status_code == 400


BAD = """name,code,email,group,shift,since,
A,1,a@example.com,g,day,2026-01-31
,2,not an address,g,moon,31/02/2026
B\u202e,X\u202e,b@example.com,,,
C,1,,,,
D,y,,,,,stray
E,Taken,,,,
F,,,,,11/23/2026
G,6,,,,,,,beyond
"""


def test_every_fault_of_every_row_is_told(http: Http) -> None:
    taken = http.post("/v1/people", {"name": "T", "code": "TAKEN"}).json_body["person_id"]
    answer = send(http, BAD, dry_run="true")
    assert answer.status_code == 200
    body = answer.json_body
    assert (body["rows_total"], body["created"], body["failed"]) == (8, 0, 7)
    problems = {item["row"]: [(p["field"], p["message"]) for p in item["problems"]] for item in body["items"]}
    assert problems == {
        2: [],
        3: [
            ("name", "A name has 1 to 200 visible characters."),
            ("email", "This is not an e-mail address."),
            ("shift", "There is no such shift in the settings."),
            ("since", "This is not a date; write 2026-11-23 or 23/11/2026."),
        ],
        4: [
            ("name", "A name must not contain control or invisible characters."),
            ("code", "A code must not contain control or invisible characters."),
        ],
        5: [("code", "Row 2 has this code too.")],
        6: [("", "Column 7 has a value but no name.")],
        7: [("code", "Somebody already has this code.")],
        8: [("since", "This is not a date; write 2026-11-23 or 23/11/2026.")],
        9: [("", "Column 9 has a value but no name.")],
    }
    assert body["items"][5] | {"status": "exists", "person_id": taken} == body["items"][5]


def test_one_bad_row_refuses_all_and_writes_nothing(http: Http, boto: Callable[[str], Any]) -> None:
    answer = send(http, "name,code\nA,1\nB,1\nC,3\n")
    check_refused(answer, 422, "ImportRefused")
    details = answer.json_body["Details"]
    assert (details["rows_total"], details["created"], details["failed"]) == (3, 0, 1)
    assert statuses(answer) == [(2, "valid"), (3, "invalid"), (4, "valid")]
    assert stored(boto) == []


@pytest.mark.parametrize("dry_run", ["true", "false"])
def test_codes_that_look_alike_are_taken_with_a_warning(http: Http, dry_run: str) -> None:
    there = http.post("/v1/people", {"name": "A", "code": "HS-0042"}).json_body["person_id"]
    sheet = b"name,code\nB,HS-OO42\nC,X1\nD,XI\nE,Y\n"
    answer = http.post("/v1/imports", sheet, CSV, dry_run=dry_run)
    assert answer.status_code == 200, answer.body
    warned = {
        row["row"]: [(warning["field"], warning["person_id"]) for warning in row.get("warnings", [])]
        for row in answer.json_body["items"]
    }
    assert warned == {2: [("code", there)], 3: [], 4: [("code", None)], 5: []}


def test_with_mode_good_the_good_rows_are_taken(http: Http) -> None:
    answer = send(http, "name,code\nA,1\nB,1\n,2\nC,3\n", mode="good")
    assert answer.status_code == 200
    assert statuses(answer) == [(2, "created"), (3, "invalid"), (4, "invalid"), (5, "created")]
    assert [person["name"] for person in people(http)] == ["A", "C"]


def test_the_rules_are_those_of_one_person(http: Http) -> None:
    rows = ["A", "x" * 201, "A\x07", "\u0301", "李小龍", "👩‍🚀", "A\u2066"]
    for name in rows:
        alone = http.post("/v1/people", {"name": name}).status_code
        imported = send(http, f'name\n"{name}"').status_code
        assert (alone, imported) in {(201, 200), (400, 422)}, name


@pytest.fixture
def take_code_late(monkeypatch: pytest.MonkeyPatch, http: Http) -> None:
    """Have somebody take code 7 between the check of an import and its writing."""
    add = Directory.add_people

    def late(self: Directory, people: list[Person]) -> list[Person]:
        http.post("/v1/people", {"name": "Late", "code": "C7"})
        return add(self, people)

    monkeypatch.setattr(Directory, "add_people", late)


TWENTY = "name,code\n" + "".join(f"P{n},c{n}\n" for n in range(20))


@pytest.mark.usefixtures("take_code_late")
def test_a_code_lost_at_the_last_moment_costs_only_its_row(http: Http) -> None:
    answer = send(http, TWENTY, mode="good")
    late = http.get("/v1/people", q="late").json_body["items"][0]
    assert (answer.json_body["created"], answer.json_body["failed"]) == (19, 1)
    assert answer.json_body["items"][7] == {
        "row": 9,
        "status": "exists",
        "person_id": late["person_id"],
        "problems": [{"field": "code", "message": "Somebody already has this code."}],
    }
    assert len(people(http)) == 20


@pytest.mark.usefixtures("take_code_late")
def test_or_all_rows_which_are_taken_back(http: Http, boto: Callable[[str], Any]) -> None:
    answer = send(http, TWENTY)
    check_refused(answer, 422, "ImportRefused")
    assert statuses(answer)[7] == (9, "exists")
    assert [person["name"] for person in people(http)] == ["Late"]
    assert sorted(key.split("#")[0] for key in stored(boto)) == ["CODE", "NAMES", "NAMES", "PERSON"]


@pytest.mark.parametrize("mode", ["all", "good"])
def test_an_import_that_fails_half_way_leaves_nothing(
    http: Http, boto: Callable[[str], Any], break_writes: Callable[[int], None], mode: str
) -> None:
    content = "name,code\n" + "".join(f"P{n},c{n}\n" for n in range(100))
    break_writes(2)
    answer = send(http, content, mode=mode)
    check_refused(answer, 503, "Busy")
    assert stored(boto) == []
    break_writes(1 << 30)
    assert send(http, content, mode=mode).json_body["created"] == 100


def test_two_imports_of_one_file_at_once_make_each_person_once(http: Http) -> None:
    answers: list[HTTPResponse] = []
    threads = [
        threading.Thread(target=lambda: answers.append(send(http, TWENTY, mode="good"))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(answer.json_body["created"] for answer in answers) == 20
    assert len(people(http)) == 20


def test_a_long_import_is_made_once_and_answered_again(http: Http, boto: Callable[[str], Any]) -> None:
    content = "Họ tên;Mã\r\n" + "".join(f"Ánh {n};HS-{n:05d}\r\n" for n in range(2000))
    headers = {**CSV, "Idempotency-Key": "autumn"}
    first = send(http, content, headers, mode="good")
    assert (first.json_body["created"], first.json_body["failed"]) == (2000, 0)
    [kept] = [item["body"]["B"] for item in all_items(boto) if item["pk"]["S"].startswith("IDEMPOTENCY#")]
    longest = len(kept) * ROWS / 2000
    assert longest < idempotency.LARGEST < 400_000, "the longest answer fits an item of DynamoDB"
    again = send(http, content, headers, mode="good")
    assert again.json_body == first.json_body
    assert again.headers["Idempotency-Replayed"] == "true"
    refused = send(http, content, {**CSV, "Idempotency-Key": "winter"})
    assert len(refused.json_body["Details"]["items"]) == 2000
    assert {item["status"] for item in refused.json_body["Details"]["items"]} == {"exists"}

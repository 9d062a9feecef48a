"""Holidays by HTTP: one by one, and a year at once from CSV or iCalendar, read as programs write them."""

from typing import Any

import pytest
from chalice.test import HTTPResponse

from tests.conftest import Http
from tests.support.builders import Json, add_person, change_settings, day_of, set_calendar

CSV = {"Content-Type": "text/csv"}
ICS = {"Content-Type": "text/calendar"}
TEXT = {"Content-Type": "text/plain"}


def put(http: Http, on: str, name: str = "Quốc khánh", **fields: Any) -> HTTPResponse:
    return http.call("PUT", f"/v1/holidays/{on}", {"name": name, **fields})


def load(http: Http, content: bytes | str, headers: dict[str, str] = CSV, **query: Any) -> HTTPResponse:
    """Import a file."""
    sent = content.encode() if isinstance(content, str) else content
    return http.post("/v1/holidays/imports", sent, headers, **query)


def year(http: Http, of: int = 2026) -> list[tuple[str, str, str | None]]:
    found = http.get("/v1/holidays", from_=f"{of}-01-01", to=f"{of}-12-31").json_body["items"]
    return [(one["date"], one["name"], one["half"]) for one in found]


def test_a_holiday_is_put_shown_listed_and_removed(http: Http) -> None:
    assert put(http, "2026-09-02").json_body == {"date": "2026-09-02", "name": "Quốc khánh", "half": None}
    assert put(http, "2026-09-01", "Nghỉ bù", half="second").status_code == 200
    assert year(http) == [("2026-09-01", "Nghỉ bù", "second"), ("2026-09-02", "Quốc khánh", None)]
    assert put(http, "2026-09-01", "Nghỉ  bù").json_body == {
        "date": "2026-09-01",
        "name": "Nghỉ bù",
        "half": None,
    }
    assert http.as_("viewer").get("/v1/holidays/2026-09-02").status_code == 200
    assert http.delete("/v1/holidays/2026-09-02").status_code == 204
    for answer in (http.get("/v1/holidays/2026-09-02"), http.delete("/v1/holidays/2026-09-02")):
        assert (answer.status_code, answer.json_body["Code"]) == (404, "HolidayNotFound")
        assert answer.json_body["Details"] == {"date": "2026-09-02"}


def test_half_a_holiday_leaves_the_other_half_due(http: Http) -> None:
    set_calendar(http)
    person = add_person(http)
    assert put(http, "2026-06-03", half="second").status_code == 200
    day = day_of(http, person, "2026-06-03")
    assert (day["state"], day["expected_minutes"], day["holiday"]) == ("absent", 240, "Quốc khánh")


@pytest.mark.parametrize(
    ("body", "on"),
    [
        pytest.param({"name": ""}, "2026-09-02", id="no name"),
        pytest.param({"name": "\u200b"}, "2026-09-02", id="a name that nobody sees"),
        pytest.param({"name": "x" * 101}, "2026-09-02", id="long"),
        pytest.param({"name": "x", "half": "third"}, "2026-09-02", id="half"),
        pytest.param({"name": "x", "date": "2026-09-02"}, "2026-09-02", id="unknown field"),
        pytest.param({"name": "x"}, "2026-02-30", id="no date"),
    ],
)
def test_what_cannot_be_a_holiday_is_a_400(http: Http, body: Json, on: str) -> None:
    assert http.call("PUT", f"/v1/holidays/{on}", body).status_code == 400


def test_a_range_of_holidays_does_not_run_backwards(http: Http) -> None:
    assert http.get("/v1/holidays", from_="2026-12-31", to="2026-01-01").status_code == 400


# --- CSV ----------------------------------------------------------------------------------------

VIETNAMESE = """Ngày;Tên ngày lễ;Buổi
01/01/2026;Tết Dương lịch;
16/02/2026;Nghỉ Tết Nguyên đán;chiều
17.02.2026;Tết Nguyên đán;
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_year_is_read_from_csv_as_excel_writes_it(http: Http, encoding: str) -> None:
    answer = load(http, VIETNAMESE.encode(encoding), TEXT)
    assert answer.status_code == 200, answer.body
    assert (answer.json_body["created"], answer.json_body["failed"]) == (3, 0)
    assert year(http) == [
        ("2026-01-01", "Tết Dương lịch", None),
        ("2026-02-16", "Nghỉ Tết Nguyên đán", "second"),
        ("2026-02-17", "Tết Nguyên đán", None),
    ]


def test_the_same_file_again_changes_nothing(http: Http) -> None:
    load(http, VIETNAMESE)
    put(http, "2026-01-01", "New Year")
    again = load(http, VIETNAMESE).json_body
    assert [one["status"] for one in again["items"]] == ["replaced", "unchanged", "unchanged"]
    assert (again["created"], again["replaced"], again["failed"]) == (0, 1, 0)


BROKEN = """date,name,half
2026-01-01,New Year,
2026-13-01,No such month,
2026-05-01,,
2026-09-02,Quốc khánh,noon
2026-01-01,Another name,
2026-01-01,New Year,
"""


def test_rows_that_are_wrong_are_named_and_nothing_is_changed(http: Http) -> None:
    answer = load(http, BROKEN)
    assert (answer.status_code, answer.json_body["Code"]) == (422, "ImportRefused")
    found = {
        one["row"]: (one["status"], [problem["field"] for problem in one["problems"]])
        for one in answer.json_body["Details"]["items"]
    }
    assert found == {
        2: ("valid", []),
        3: ("invalid", ["date"]),
        4: ("invalid", ["name"]),
        5: ("invalid", ["half"]),
        6: ("invalid", ["date"]),
    }
    assert year(http) == []


def test_the_good_rows_alone_or_none_of_them(http: Http) -> None:
    dry = load(http, BROKEN, mode="good", dry_run="true").json_body
    assert (dry["created"], dry["failed"]) == (0, 4)
    assert year(http) == []
    good = load(http, BROKEN, mode="good").json_body
    assert (good["created"], good["failed"], good["rows_total"]) == (1, 4, 6)
    assert year(http) == [("2026-01-01", "New Year", None)]


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        pytest.param("date\n2026-01-01\n", 400, "InvalidImport", id="no name"),
        pytest.param("name,date,colour\nx,2026-01-01,red\n", 400, "InvalidImport", id="unknown column"),
        pytest.param("name,date\n", 400, "InvalidImport", id="no rows"),
        pytest.param(b"\xff\xff\xff", 400, "InvalidImport", id="bytes"),
        pytest.param("date,name\n" + "2026-01-01,x\n" * 5001, 413, "ImportTooLarge", id="rows"),
    ],
)
def test_what_is_no_file_of_holidays_is_refused(http: Http, content: Any, status: int, code: str) -> None:
    answer = load(http, content)
    assert (answer.status_code, answer.json_body["Code"]) == (status, code)


# --- iCalendar ----------------------------------------------------------------------------------


def ics(*events: str) -> str:
    """Make a file of events, each given by its lines."""
    body = "".join(f"BEGIN:VEVENT\r\nUID:{n}\r\n{event}\r\nEND:VEVENT\r\n" for n, event in enumerate(events))
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n{body}END:VCALENDAR\r\n"


def test_a_year_is_read_from_icalendar(http: Http) -> None:
    set_calendar(http)
    content = ics(
        "DTSTART;VALUE=DATE:20260101\r\nDTEND;VALUE=DATE:20260102\r\nSUMMARY;LANGUAGE=vi:Tết Dương lịch",
        "DTSTART;VALUE=DATE:20260216\r\nDTEND;VALUE=DATE:20260219\r\nSUMMARY:Tết Nguyên \r\n đán",
        "DTSTART;VALUE=DATE:20260430\r\nSUMMARY:Giải phóng miền Nam\\, thống nhất",
        "DTSTART;VALUE=DATE:20260501\r\nDURATION:P1D\r\nSUMMARY:Quốc tế lao động",
        "DTSTART;TZID=Asia/Ho_Chi_Minh:20260901T000000\r\nDTEND;TZID=Asia/Ho_Chi_Minh:20260902T000000\r\n"
        "SUMMARY:Nghỉ bù",
        "DTSTART:20260901T170000Z\r\nDTEND:20260902T170000Z\r\nSUMMARY:Quốc khánh",
        "DTSTART;VALUE=DATE:20261120\r\nSTATUS:CANCELLED\r\nSUMMARY:Nhà giáo",
    )
    answer = load(http, content, ICS)
    assert answer.status_code == 200, answer.body
    assert year(http) == [
        ("2026-01-01", "Tết Dương lịch", None),
        ("2026-02-16", "Tết Nguyên đán", None),
        ("2026-02-17", "Tết Nguyên đán", None),
        ("2026-02-18", "Tết Nguyên đán", None),
        ("2026-04-30", "Giải phóng miền Nam, thống nhất", None),
        ("2026-05-01", "Quốc tế lao động", None),
        ("2026-09-01", "Nghỉ bù", None),
        ("2026-09-02", "Quốc khánh", None),
    ]
    assert (answer.json_body["rows_total"], len(answer.json_body["items"])) == (6, 8)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_icalendar_is_known_by_its_first_line(http: Http, encoding: str) -> None:
    content = ics("DTSTART;VALUE=DATE:20260902\r\nSUMMARY:Quốc khánh")
    assert load(http, content.encode(encoding), TEXT).status_code == 200
    assert year(http) == [("2026-09-02", "Quốc khánh", None)]


@pytest.mark.parametrize(
    ("event", "field"),
    [
        pytest.param("DTSTART;VALUE=DATE:20260902\r\nRRULE:FREQ=YEARLY\r\nSUMMARY:x", "date", id="recurring"),
        pytest.param("DTSTART:20260902T080000Z\r\nDTEND:20260902T090000Z\r\nSUMMARY:x", "date", id="an hour"),
        pytest.param("DTSTART;VALUE=DATE:20260902", "name", id="no name"),
        pytest.param("SUMMARY:x", "date", id="no date"),
        pytest.param("DTSTART;VALUE=DATE:20269999\r\nSUMMARY:x", "date", id="no such date"),
        pytest.param("DTSTART;VALUE=DATE:19990101\r\nSUMMARY:x", "date", id="before there are work days"),
        pytest.param(
            "DTSTART;VALUE=DATE:20200101\r\nDTEND;VALUE=DATE:20300101\r\nSUMMARY:x", "date", id="ten years"
        ),
        pytest.param(
            "DTSTART;VALUE=DATE:99991231\r\nDURATION:P9999999D\r\nSUMMARY:x", "date", id="out of the world"
        ),
    ],
)
def test_an_event_that_is_no_holiday_is_named(http: Http, event: str, field: str) -> None:
    content = ics("DTSTART;VALUE=DATE:20260430\r\nSUMMARY:good", event)
    answer = load(http, content, ICS, mode="good")
    assert answer.status_code == 200, answer.body
    assert [(one["row"], one["status"]) for one in answer.json_body["items"]] == [
        (1, "created"),
        (2, "invalid"),
    ]
    assert [problem["field"] for problem in answer.json_body["items"][1]["problems"]] == [field]


SLOW = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VTIMEZONE\r\nTZID:X\r\nBEGIN:STANDARD\r\n"
    "DTSTART:16010101T000000\r\nTZOFFSETFROM:+0700\r\nTZOFFSETTO:+0700\r\nRRULE:FREQ=SECONDLY\r\n"
    "END:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\nDTSTART;TZID=X:20260903T000000\r\n"
    "DTEND;TZID=X:20260904T000000\r\nSUMMARY:x\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def test_a_zone_with_rules_without_end_is_not_evaluated(http: Http) -> None:
    assert load(http, SLOW, ICS).status_code == 200
    assert year(http) == [("2026-09-03", "x", None)]


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        pytest.param("", 400, "InvalidImport", id="nothing"),
        pytest.param("hello", 400, "InvalidImport", id="text"),
        pytest.param(b"\xff\xfe\x00", 400, "InvalidImport", id="bytes"),
        pytest.param(ics(), 400, "InvalidImport", id="no events"),
        pytest.param("BEGIN:VCALENDAR\r\n" * 5000, 400, "InvalidImport", id="nested"),
        pytest.param('BEGIN:VCALENDAR\r\nX;A="' + "\\" * 9999, 400, "InvalidImport", id="quotes"),
        pytest.param("BEGIN:VCALENDAR\r\n" + " x\r\n" * 300_000, 413, "ImportTooLarge", id="large"),
        pytest.param(
            ics(
                *(
                    f"DTSTART;VALUE=DATE:{y}0101\r\nDTEND;VALUE=DATE:{y}1231\r\nSUMMARY:x"
                    for y in range(2020, 2024)
                )
            ),
            413,
            "ImportTooLarge",
            id="many dates",
        ),
    ],
)
def test_what_is_no_icalendar_file_is_refused(http: Http, content: Any, status: int, code: str) -> None:
    answer = load(http, content, ICS)
    assert (answer.status_code, answer.json_body["Code"]) == (status, code)


def test_holidays_do_not_touch_the_versions_of_the_settings(http: Http) -> None:
    version = change_settings(http, margin=3.0).json_body["version"]
    assert load(http, VIETNAMESE).status_code == 200
    assert http.get("/v1/settings").json_body["version"] == version

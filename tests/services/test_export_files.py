"""The three forms of a report say the same: JSON, CSV and XLSX, compared whole, in both languages.

The month has what makes sheets differ: late and early, half days, leave by halves, holidays, a night shift,
two sessions a day, corrections, a change of group and of employment, and names that look like formulas.
"""

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Any
from urllib.request import urlopen

import pytest

from chalicelib import wiring
from chalicelib.aws import items
from chalicelib.aws.dynamodb import Write, key, put
from chalicelib.domain import spreadsheets
from chalicelib.domain.ids import new_id
from chalicelib.domain.leave import LeaveRecord
from chalicelib.domain.schedule import Holiday
from chalicelib.services import timesheets
from tests.conftest import Http
from tests.support.builders import (
    DAY,
    NIGHT,
    Json,
    add_person,
    change_settings,
    set_calendar,
    stamped,
)
from tests.support.workbooks import Tab, tabs

SEPTEMBER = {"from_": "2026-09-01", "to": "2026-09-30"}
SCHOOL = {
    "week": {
        day: [{"starts": "07:00", "ends": "11:15"}, {"starts": "13:00", "ends": "16:30"}]
        for day in ("mon", "tue", "wed", "thu", "fri")
    }
}
LEAVE_KINDS = [
    {"kind": "annual", "letter": "V", "paid": True},
    {"kind": "sick", "letter": "S", "paid": True},
    {"kind": "unpaid", "letter": "U", "paid": False},
]
MOVED = "Võ Em"


def store(*writes: Write) -> None:
    """Store what the site has, as the site keeps it."""
    wiring.directory()._table.write(*writes)


@pytest.fixture
def month(http: Http) -> dict[str, str]:
    """Seven people and their September; gives the ids by name."""
    set_calendar(http, shifts={"day": DAY, "night": NIGHT, "school": SCHOOL})
    store(
        put(items.holiday(Holiday(date(2026, 9, 2), "Quốc khánh"))),
        put(items.holiday(Holiday(date(2026, 9, 1), "Nghỉ trước lễ", "second"))),
    )
    ids = {
        name: add_person(http, name, **fields)
        for name, fields in {
            "Nguyễn Văn An": {"code": "E-1", "group": "A"},
            "Trần Bình": {"code": "E-2", "group": "B", "shift": "night"},
            "Lê Chi": {"code": "=1+1", "group": "12A1", "shift": "school"},
            "Phạm Dũng": {"group": "A"},
            MOVED: {"group": "A"},
            "Giang": {"since": "2026-09-21"},
            '=HYPERLINK("http://x")': {"group": "@SUM(A1)"},
        }.items()
    }
    for name, on, *walls in (
        ("Nguyễn Văn An", 1, "08:00", "12:00"),  # the afternoon is a holiday
        ("Nguyễn Văn An", 2, "09:00", "11:00"),  # works on a holiday
        ("Nguyễn Văn An", 3, "08:30", "16:20"),  # late and early
        ("Nguyễn Văn An", 4, "11:30", "17:00"),  # half a day
        ("Nguyễn Văn An", 7, "07:50", "19:05"),  # overtime
        ("Nguyễn Văn An", 8, "08:00"),  # no out
        ("Nguyễn Văn An", 12, "08:00", "12:00"),  # a Saturday
        ("Lê Chi", 3, "07:00", "11:15", "13:00", "16:30"),
        ("Lê Chi", 4, "07:12", "11:00", "13:05", "16:00"),
        ("Lê Chi", 7, "13:00", "16:30"),
        ("Phạm Dũng", 4, "13:00", "17:00"),
        (MOVED, 3, "08:00", "17:00"),
        (MOVED, 17, "08:40", "17:00"),
    ):
        for number, wall in enumerate(walls):
            direction = "out" if number % 2 else "in"
            stamped(http, ids[name], f"2026-09-{on:02}T{wall}:00+07:00", direction=direction)
    for on in (3, 4):
        stamped(http, ids["Trần Bình"], f"2026-09-{on:02}T22:06:00+07:00", direction="in")
        stamped(http, ids["Trần Bình"], f"2026-09-{on + 1:02}T06:30:00+07:00", direction="out")
    wrong = stamped(http, ids["Phạm Dũng"], "2026-09-08T09:30:00+07:00", direction="in")
    stamped(http, ids["Phạm Dũng"], "2026-09-08T08:00:00+07:00", direction="in", supersedes=wrong)
    gone = stamped(http, ids["Phạm Dũng"], "2026-09-08T17:00:00+07:00", direction="out")
    stamped(http, ids["Phạm Dũng"], supersedes=gone, void=True)
    for since, until, kind, half in (
        (3, 3, "annual", None),
        (4, 4, "sick", "first"),
        (7, 7, "sick", "second"),
        (9, 9, "sick", "first"),
        (9, 9, "unpaid", "second"),
    ):
        leave = {"since": f"2026-09-{since:02}", "until": f"2026-09-{until:02}", "kind": kind, "half": half}
        answer = http.post(f"/v1/people/{ids['Phạm Dũng']}/leaves", leave)
        assert answer.status_code == 201, answer.json_body
    tenth = date(2026, 9, 10)  # of a kind that the settings lost while they could
    moving = LeaveRecord(
        leave_id=new_id(), person_id=ids["Phạm Dũng"], since=tenth, until=tenth, kind="moving house"
    )
    store(put(items.leave(moving)))
    changed = http.call("PATCH", f"/v1/people/{ids[MOVED]}", {"group": "B", "effective_from": "2026-09-15"})
    assert changed.status_code == 200, changed.json_body
    changed = change_settings(http, "2020-01-01", leave_kinds=LEAVE_KINDS, site_name="Trường Hà Nội")
    assert changed.status_code == 200, changed.json_body
    store(put(key(*items.CLOSED) | {"through": "2026-09-15"}))
    return ids


# --- what the three forms say -------------------------------------------------------------------


def every_page(http: Http, path: str, **query: Any) -> tuple[list[Json], Json]:
    """Read a report two people to a page; gives the items of all pages, and the last page."""
    found: list[Json] = []
    cursor = None
    while True:
        page = http.get(path, limit=2, cursor=cursor, **query).json_body
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found, page
        assert page["groups"] is None
        assert page["totals"] is None


def workbook(answer: Any) -> dict[str, Tab]:
    """Follow a 303 to the file."""
    assert answer.status_code == 303
    with urlopen(answer.headers["Location"]) as file:  # noqa: S310 - the embedded AWS's own
        return tabs(file.read())


def csv_rows(http: Http, path: str, **query: Any) -> list[list[str]]:
    answer = http.get(path, format_="csv", **query)
    assert answer.status_code == 200, answer.json_body
    return list(csv.reader(io.StringIO(answer.body.decode(), newline="")))


def in_csv(row: list[Any]) -> list[str]:
    """Give a row as a CSV has it."""
    return [_csv_cell(cell) for cell in row]


def _csv_cell(cell: Any) -> str:
    if isinstance(cell, timedelta):
        return str(int(cell.total_seconds() // 60))
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M}"
    return "" if cell is None else spreadsheets.as_text(str(cell))


def in_xlsx(row: list[Any]) -> list[Any]:
    """Give a row as a workbook has it: no cell where there is nothing."""
    return [None if cell == "" else cell for cell in row]


EN, VI = 0, 1
WORDS = {
    "present": ("present", "có mặt"),
    "late": ("late", "đi muộn"),
    "left": ("left", "đã về"),
    "half_day": ("half day", "nửa công"),
    "absent": ("absent", "vắng"),
    "leave": ("on leave", "nghỉ có phép"),
    "holiday": ("holiday", "nghỉ lễ"),
    "day_off": ("day off", "nghỉ hằng tuần"),
    "inactive": ("not on the list", "không thuộc danh sách"),
    "yes": ("yes", "có"),
    "in": ("in", "vào"),
    "out": ("out", "ra"),
    "auto": ("auto", "tự động"),
    "manual": ("manual", "nhập tay"),
    "void": ("takes one out", "huỷ một lần chấm"),
    "corrected": ("corrected", "đã sửa"),
    "early": ("early", "về sớm"),
    "first": ("first half", "nửa đầu"),
    "second": ("second half", "nửa sau"),
    "person": ("person", "người"),
    "group": ("group", "bộ phận/lớp"),
    "all": ("all", "tất cả"),
}
TIMESHEET_HEADINGS = (
    [
        *("Name", "Code", "Group", "Date", "Shift", "State", "First in", "Last out", "Expected minutes"),
        *("Worked minutes", "Break minutes", "Overtime minutes", "Late minutes", "Early minutes"),
        *("Attended", "Absent", "On leave", "Punch missing", "Leave", "Holiday", "Sessions", "Punches"),
    ],
    [
        *("Họ và tên", "Mã số", "Bộ phận/Lớp", "Ngày", "Ca làm việc", "Trạng thái", "Giờ vào", "Giờ ra"),
        *("Phút công chuẩn", "Phút làm thực tế", "Phút nghỉ giữa ca", "Phút làm thêm", "Phút đi muộn"),
        *("Phút về sớm", "Công", "Vắng", "Nghỉ có phép", "Thiếu chấm công", "Loại nghỉ", "Ngày lễ"),
        *("Từng buổi", "Các lần chấm công"),
    ],
)
TITLES = (
    (
        "Trường Hà Nội: Timesheets, 2026-09-01 to 2026-09-30, closed through 2026-09-15",
        "Trường Hà Nội: Monthly sheet, 2026-09-01 to 2026-09-30, closed through 2026-09-15",
    ),
    (
        "Trường Hà Nội: Bảng chấm công từ 01/09/2026 đến 30/09/2026, đã khoá sổ đến hết 15/09/2026",
        "Trường Hà Nội: Bảng chấm công tháng từ 01/09/2026 đến 30/09/2026, đã khoá sổ đến hết 15/09/2026",
    ),
)
LANGUAGES = [pytest.param(EN, "en", id="en"), pytest.param(VI, "vi", id="vi")]
LEVELS = ("due", "attended", "absent", "planned", "leave", "paid_leave", "unpaid_leave")
COUNTS = (
    *("holidays", "days_off", "late_days", "half_days", "extra_days", "open_days"),
    *("late_sessions", "early_sessions"),
)
LENGTHS = ("expected", "planned", "worked", "break", "overtime", "late", "early")
COLUMNS_OF_LEAVE = ("annual", "sick", "unpaid", "moving house")


def local(text: str | None) -> datetime | None:
    """Give what the clock on the wall showed, to the minute."""
    return datetime.fromisoformat(text).replace(tzinfo=None, second=0) if text else None


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


def timesheet_rows(sheet: Json, word: int) -> Iterator[list[Any]]:
    """Give the rows of a timesheet's table from its JSON."""
    for day, own in zip(sheet["days"], sheet["credits"], strict=True):
        leave = day["leave"] and day["leave"] + (
            f" ({WORDS[day['leave_half']][word]})" if day["leave_half"] else ""
        )
        if len(own["leave"]) == 2:
            halves = zip(own["leave"], ("first", "second"), strict=True)
            leave = ", ".join(f"{kind} ({WORDS[half][word]})" for kind, half in halves)
        yield [
            *(sheet["name"], sheet["code"], own["group"], date.fromisoformat(day["date"]), day["shift"]),
            *(WORDS[day["state"]][word], local(day["first_in"]), local(day["last_out"])),
            *(minutes(day[f"{name}_minutes"]) for name in LENGTHS if name != "planned"),
            *(whole(share) or None for share in (own["attended"], own["absent"], sum(own["leave"].values()))),
            *(WORDS["yes"][word] if day["open"] else None, leave, day["holiday"]),
            "; ".join(session(one, word) for one in day["sessions"]),
            "; ".join(punch(one, word) for one in day["punches"]),
        ]


def whole(share: float) -> float:
    return int(share) if share == int(share) else share


def session(one: Json, word: int) -> str:
    saigon = timezone(timedelta(hours=7))
    starts, ends = (datetime.fromisoformat(one[name]).astimezone(saigon) for name in ("starts", "ends"))
    shown = f"{starts:%H:%M}-{ends:%H:%M} {WORDS[one['state']][word]}"
    if one["late_minutes"]:
        shown += f" {str(minutes(one['late_minutes']))[:-3]}"
    if one["early_minutes"]:
        shown += f", {WORDS['early'][word]} {str(minutes(one['early_minutes']))[:-3]}"
    return shown


def punch(one: Json, word: int) -> str:
    shown = f"{local(one['at']):%H:%M} {WORDS[one['direction']][word]} {WORDS['manual'][word]}"
    if one["void"]:
        return f"{shown} ({WORDS['void'][word]})"
    return shown if one["counted"] else f"{shown} ({WORDS['corrected'][word]})"


def sums(totals: Json, kinds: tuple[str, ...] = COLUMNS_OF_LEAVE) -> list[Any]:
    """Give the cells of totals from their JSON."""
    assert set(totals["leave_by_kind"]) <= set(kinds)
    return [
        *(whole(totals[f"{name}_days"]) for name in LEVELS),
        *(whole(totals["leave_by_kind"].get(kind, 0)) for kind in kinds),
        *(whole(totals[name]) for name in COUNTS),
        *(minutes(totals[f"{name}_minutes"]) for name in LENGTHS),
    ]


def totals_rows(people: list[Json], last: Json, word: int) -> Iterator[list[Any]]:
    """Give the rows of the table of totals from the JSON of all pages."""
    for one in people:
        yield [WORDS["person"][word], one["name"], one["code"], one["group"], 1, *sums(one["totals"])]
    for group in last["groups"]:
        own = sums(group["totals"])
        yield [WORDS["group"][word], None, None, group["group"], group["people"], *own]
    yield [WORDS["all"][word], None, None, None, len(people), *sums(last["totals"])]


@pytest.mark.parametrize(("word", "lang"), LANGUAGES)
def test_timesheets_say_the_same_in_all_three_forms(
    http: Http, month: dict[str, str], monkeypatch: pytest.MonkeyPatch, word: int, lang: str
) -> None:
    monkeypatch.setattr(spreadsheets, "_CHUNK_ROWS", 7)  # so that few people are several chunks
    path = "/v1/timesheets"
    people, last = every_page(http, path, **SEPTEMBER)
    wanted = [row for sheet in people for row in timesheet_rows(sheet, word)]
    assert len(wanted) == 7 * 30
    headings, *rows = csv_rows(http, path, lang=lang, **SEPTEMBER)
    assert headings == TIMESHEET_HEADINGS[word]
    assert rows == [in_csv(row) for row in wanted]
    totals_headings, *totals = csv_rows(http, path, lang=lang, rows="totals", **SEPTEMBER)
    wanted_totals = list(totals_rows(people, last, word))
    assert totals == [in_csv(row) for row in wanted_totals]

    book = workbook(http.get(path, format_="xlsx", lang=lang, **SEPTEMBER))
    data, of_totals = book.values()
    title, in_hours, *found = data.rows
    assert title[0] == TITLES[word][0]
    assert in_hours == hours_of(headings)
    assert found == [in_xlsx(row) for row in wanted]
    assert of_totals.rows[1] == hours_of(totals_headings)
    assert of_totals.rows[2:] == [in_xlsx(row) for row in wanted_totals]


def hours_of(headings: list[str]) -> list[str]:
    """Give the headings of a table that shows h:mm instead of minutes."""
    return [
        heading if heading.startswith("Số") else heading.replace("minutes", "hours").replace("Phút", "Giờ")
        for heading in headings
    ]


@pytest.mark.parametrize(("word", "lang"), LANGUAGES)
def test_the_monthly_sheet_says_the_same_in_all_three_forms(
    http: Http, month: dict[str, str], word: int, lang: str
) -> None:
    path, query = "/v1/timesheets/monthly", {"month": "2026-09"}
    people, last = every_page(http, path, **query)
    assert last["closed_through"] == "2026-09-15"
    wanted = [[row["name"], row["code"], row["group"], *row["marks"], *sums(row["totals"])] for row in people]
    headings, *rows = csv_rows(http, path, lang=lang, **query)
    assert headings[3:33] == last["days"]
    assert rows == [in_csv(row) for row in wanted]
    wanted_totals = list(totals_rows(people, last, word))
    _, *totals = csv_rows(http, path, lang=lang, rows="totals", **query)
    assert totals == [in_csv(row) for row in wanted_totals]
    legend = csv_rows(http, path, lang=lang, rows="legend", **query)

    data, of_totals, of_legend = workbook(http.get(path, format_="xlsx", lang=lang, **query)).values()
    title, dates, in_hours, *found = data.rows
    assert title[0] == TITLES[word][1]
    assert dates[3:33] == [date.fromisoformat(on) for on in last["days"]]
    weekdays = (
        ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
        ["T2", "T3", "T4", "T5", "T6", "T7", "CN"],
    )[word]
    assert in_hours == hours_of(
        [*headings[:3], *(weekdays[date.fromisoformat(on).weekday()] for on in last["days"]), *headings[33:]]
    )
    assert found == [in_xlsx(row) for row in wanted]
    assert of_totals.rows[2:] == [in_xlsx(row) for row in wanted_totals]
    assert [["" if cell is None else cell for cell in row] for row in of_legend.rows[1:]] == legend
    assert [row[0] for row in legend[1:]] == [entry["mark"] for entry in last["legend"]]
    explained = {row[0] for row in legend}
    marks = {mark for row in people for mark in row["marks"]}
    assert {part for mark in marks for part in mark.rstrip("?").rstrip("*").split("/")} <= explained


@pytest.mark.parametrize(("word", "lang"), LANGUAGES)
def test_a_persons_timesheet_says_the_same_in_all_three_forms(
    http: Http, month: dict[str, str], word: int, lang: str
) -> None:
    for person_id in month.values():
        path = f"/v1/attendance/{person_id}"
        sheet = http.get(path, **SEPTEMBER).json_body
        wanted = list(timesheet_rows(sheet, word))
        headings, *rows = csv_rows(http, path, lang=lang, **SEPTEMBER)
        assert headings == TIMESHEET_HEADINGS[word]
        assert rows == [in_csv(row) for row in wanted]
        data, totals = workbook(http.get(path, format_="xlsx", lang=lang, **SEPTEMBER)).values()
        assert data.rows[2:] == [in_xlsx(row) for row in wanted]
        kinds: tuple[str, ...] = ("annual", "sick", "unpaid")
        if sheet["name"] == "Phạm Dũng":
            kinds += ("moving house",)
        assert totals.rows[2][5:] == sums(sheet["totals"], kinds)
        assert totals.rows[-1][5:] == sums(sheet["totals"], kinds)


@pytest.mark.parametrize(("word", "lang"), LANGUAGES)
def test_a_roster_says_the_same_in_all_three_forms(
    http: Http, month: dict[str, str], word: int, lang: str
) -> None:
    for on in ("2026-09-01", "2026-09-02", "2026-09-03", "2026-09-04", "2026-09-08", "2026-09-12"):
        people = http.get("/v1/attendance", date_=on).json_body["items"]
        wanted = [
            [
                *(date.fromisoformat(on), row["name"], row["code"], row["group"], row["shift"]),
                *(WORDS[row["state"]][word], local(row["first_in"]), local(row["last_out"])),
                *(minutes(row[f"{name}_minutes"]) for name in ("worked", "late", "early")),
                *(WORDS["yes"][word] if row[name] else None for name in ("at_work", "open")),
                row["leave"]
                and row["leave"] + (f" ({WORDS[row['leave_half']][word]})" if row["leave_half"] else ""),
                row["holiday"],
            ]
            for row in people
        ]
        _, *rows = csv_rows(http, "/v1/attendance", date_=on, lang=lang)
        assert rows == [in_csv(row) for row in wanted]
        [data] = workbook(http.get("/v1/attendance", date_=on, format_="xlsx", lang=lang)).values()
        assert data.rows[2:] == [in_xlsx(row) for row in wanted]


# --- worked out by hand -------------------------------------------------------------------------


def test_the_marks_and_sums_of_the_month_are_those_worked_out_by_hand(
    http: Http, month: dict[str, str]
) -> None:
    page = http.get("/v1/timesheets/monthly", month="2026-09").json_body
    rows = {row["name"]: row for row in page["items"]}
    marks = {name: row["marks"][:12] for name, row in rows.items()}
    # 1 September is a Tuesday.
    assert marks["Nguyễn Văn An"] == ["P/F", "F*", "L", "H", "O", "O", "P", "P?", "A", "A", "A", "O*"]
    assert marks["Trần Bình"] == ["A/F", "F", "L", "L", "A", "A", "A", "A", "A", "A", "A", "A"]
    assert marks["Lê Chi"] == ["A/F", "F", "P", "L", "O", "O", "H", "A", "A", "A", "A", "O"]
    assert marks["Phạm Dũng"] == ["A/F", "F", "V", "S/P", "O", "O", "A/S", "P?", "S/U", "V", "A", "O"]
    an, dung = rows["Nguyễn Văn An"]["totals"], rows["Phạm Dũng"]["totals"]
    # Of 22 weekdays one and a half are holidays.
    assert (an["due_days"], an["attended_days"], an["absent_days"]) == (20.5, 4, 16.5)
    assert (an["holidays"], an["days_off"], an["extra_days"], an["open_days"]) == (1.5, 8, 2, 1)
    assert (an["expected_minutes"], an["planned_minutes"]) == (20 * 480 + 240, 0)
    assert an["worked_minutes"] == 240 + 120 + 410 + 330 + 615 + 240
    assert (dung["leave_days"], dung["paid_leave_days"], dung["unpaid_leave_days"]) == (4, 3.5, 0.5)
    assert dung["leave_by_kind"] == {"annual": 1, "moving house": 1, "sick": 1.5, "unpaid": 0.5}
    assert rows["Giang"]["totals"]["due_days"] == 8
    assert rows["Giang"]["marks"][:21] == [""] * 20 + ["A"]


def test_a_group_has_everybody_who_was_in_it_with_only_those_days(http: Http, month: dict[str, str]) -> None:
    path, query = "/v1/timesheets/monthly", {"month": "2026-09"}
    old, new, whole_site = (
        http.get(path, **query, **({"group": group} if group else {})).json_body for group in ("A", "B", None)
    )
    assert [row["name"] for row in old["items"]] == ["Nguyễn Văn An", "Phạm Dũng", MOVED]
    assert [row["name"] for row in new["items"]] == ["Trần Bình", MOVED]
    before, after = (next(row for row in page["items"] if row["name"] == MOVED) for page in (old, new))
    assert before["marks"] == ["A/F", "F", "P", "A", "O", "O", *"AAAAA", "O", "O", "A", *[""] * 16]
    assert after["marks"] == [*[""] * 14, "A", "A", "L", "A", "O", "O", *"AAAAA", "O", "O", *"AAA"]
    assert [before["group"], after["group"]] == ["A", "B"]
    by_group = {one["group"]: one for one in whole_site["groups"]}
    assert list(by_group) == ["12A1", "@SUM(A1)", "A", "B", None]
    for page, group in ((old, "A"), (new, "B")):
        assert by_group[group]["people"] == len(page["items"])
        assert by_group[group]["totals"] == page["totals"]
        assert page["groups"] == [by_group[group]]
    sheets = http.get("/v1/timesheets", group="B", **SEPTEMBER).json_body
    moved = sheets["items"][-1]
    assert [day["state"] for day in moved["days"]][13:17] == ["inactive", "absent", "absent", "late"]
    assert not any(day["punches"] for day in moved["days"][:14])
    assert sheets["groups"] == new["groups"]


def test_who_was_in_a_group_before_and_after_their_time_there_only_is_not_on_its_sheet(http: Http) -> None:
    set_calendar(http)
    person = add_person(http, "Late comer", group="A", since="2026-09-21")
    http.call("PATCH", f"/v1/people/{person}", {"group": "B", "effective_from": "2026-09-15"})
    sheet = [
        row["name"]
        for group in ("A", "B")
        for row in http.get("/v1/timesheets/monthly", month="2026-09", group=group).json_body["items"]
    ]
    assert sheet == ["Late comer"]


def test_pages_of_a_group_go_on_behind_somebody_who_has_left_it(http: Http, month: dict[str, str]) -> None:
    people, last = every_page(http, "/v1/timesheets", group="A", **SEPTEMBER)
    assert [sheet["name"] for sheet in people] == ["Nguyễn Văn An", "Phạm Dũng", MOVED]
    assert last["groups"][0]["people"] == 3
    assert [group["group"] for group in last["groups"]] == ["A"]


def test_totals_of_too_much_are_left_out_of_the_last_page(
    http: Http, month: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timesheets, "PERSON_DAYS", 7 * 30 - 1)
    page = http.get("/v1/timesheets/monthly", month="2026-09").json_body
    assert (page["groups"], page["totals"], len(page["items"])) == (None, None, 7)


# --- parameters ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "worked", "heading"),
    [
        pytest.param(None, "615", "Worked minutes", id="default"),
        pytest.param("minutes", "615", "Worked minutes", id="minutes"),
        pytest.param("decimal", "10.25", "Worked hours", id="decimal"),
        pytest.param("hm", "10:15", "Worked hours", id="h:mm"),
    ],
)
def test_lengths_of_time_are_shown_as_asked_for(
    http: Http, month: dict[str, str], hours: str | None, worked: str, heading: str
) -> None:
    path = f"/v1/attendance/{month['Nguyễn Văn An']}"
    query = {"from_": "2026-09-07", "to": "2026-09-07"} | ({"hours": hours} if hours else {})
    headings, row = csv_rows(http, path, **query)
    assert dict(zip(headings, row, strict=True))[heading] == worked
    data = next(iter(workbook(http.get(path, format_="xlsx", **query)).values()))
    asked = {None: minutes(615), "minutes": 615, "decimal": 10.25, "hm": minutes(615)}[hours]
    form = {None: "[h]:mm", "minutes": "0", "decimal": "0.00", "hm": "[h]:mm"}[hours]
    assert (data.rows[2][9], data.formats[2, 9]) == (asked, form)
    assert http.get(path, **query).json_body["days"][0]["worked_minutes"] == 615


@pytest.mark.parametrize(
    ("accept", "lang", "state"),
    [
        pytest.param(None, None, "absent", id="nothing said"),
        pytest.param("vi", None, "vắng", id="Vietnamese"),
        pytest.param("vi-VN,vi;q=0.9,en;q=0.8", None, "vắng", id="Vietnamese first"),
        pytest.param("fr, en;q=0.5, vi;q=0.1", None, "absent", id="English first"),
        pytest.param("vi", "en", "absent", id="the parameter counts for more"),
        pytest.param("en", "vi", "vắng", id="the parameter, Vietnamese"),
    ],
)
def test_the_language_is_that_of_the_parameter_or_of_the_caller(
    http: Http, month: dict[str, str], accept: str | None, lang: str | None, state: str
) -> None:
    path = "/v1/attendance?date=2026-09-09&format=csv" + (f"&lang={lang}" if lang else "")
    answer = http.call("GET", path, headers={"Accept-Language": accept} if accept else {})
    assert f'"{state}"' in answer.body.decode()
    assert "Accept-Language" in answer.headers["Vary"]


@pytest.mark.parametrize(
    "query", ["lang=fr", "hours=seconds", "rows=legend", "rows=all", "rows=totals&rows=data"]
)
def test_what_a_file_cannot_be_is_a_400(http: Http, query: str) -> None:
    answer = http.get(f"/v1/timesheets?from=2026-09-01&to=2026-09-02&format=csv&{query}")
    assert (answer.status_code, answer.json_body["Code"]) == (400, "InvalidRequest")


def test_the_file_of_totals_has_its_own_name(http: Http, month: dict[str, str]) -> None:
    answer = http.get("/v1/timesheets/monthly", month="2026-09", format_="csv", rows="totals")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="monthly-2026-09-totals.csv"'

"""docs/attendance-rules.md and its Vietnamese version: each example is worked out, and both say the same."""

import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from chalicelib.domain.calendar_checks import calendar_problems
from chalicelib.domain.leave import Leave
from chalicelib.domain.schedule import Calendar, Half, Holiday, Schedule
from chalicelib.domain.timeline import Stint, Timeline, always, with_value
from chalicelib.domain.workday import Member, RequestedDirection, TimeEvent, WorkDay, evaluate_person_day
from tests.conftest import Http
from tests.support.builders import change_settings

DOCS = Path(__file__).resolve().parents[2] / "docs"
FAR = datetime(2040, 1, 1, tzinfo=UTC)
WORDS: dict[str, dict[str, str]] = {
    "attendance-rules.md": {
        **dict(zip(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), "0123456", strict=True)),
        "Date": "date",
        "Shift": "shift",
        "Time zone": "zone",
        "At": "at",
        "Punches": "punches",
        "Punch": "punch",
        "Also": "also",
        "Counts as": "state",
        "Worked": "worked",
        "Break": "pause",
        "Overtime": "overtime",
        "Late": "late",
        "Early": "early",
        "Belongs to": "work_day",
        "Hours": "hours",
        "present": "present",
        "late": "late",
        "half day": "half_day",
        "absent": "absent",
        "expected": "expected",
        "on leave": "leave",
        "holiday": "holiday",
        "day off": "day_off",
        "not employed": "inactive",
        "punch missing": "open",
        "leave": "leave",
        "leave, first half": "leave first",
        "leave, second half": "leave second",
        "holiday, first half": "holiday first",
        "holiday, second half": "holiday second",
        "employed until": "until",
        "employed from": "since",
        "from": "from",
        "in": "in",
        "out": "out",
    },
    "attendance-rules.vi.md": {
        **dict(zip(("T2", "T3", "T4", "T5", "T6", "T7", "CN"), "0123456", strict=True)),
        "Ngày": "date",
        "Ca": "shift",
        "Múi giờ": "zone",
        "Lúc": "at",
        "Lượt chấm": "punches",
        "Giờ chấm": "punch",
        "Thêm": "also",
        "Được tính là": "state",
        "Giờ công": "worked",
        "Nghỉ giữa ca": "pause",
        "Làm thêm": "overtime",
        "Đi muộn": "late",
        "Về sớm": "early",
        "Thuộc về ngày": "work_day",
        "Giờ làm": "hours",
        "có mặt": "present",
        "đi muộn": "late",
        "nửa ngày": "half_day",
        "vắng": "absent",
        "chưa đến giờ": "expected",
        "nghỉ phép": "leave",
        "nghỉ lễ": "holiday",
        "ngày nghỉ": "day_off",
        "không làm việc": "inactive",
        "thiếu lượt chấm": "open",
        "nghỉ phép nửa đầu": "leave first",
        "nghỉ phép nửa sau": "leave second",
        "ngày lễ": "holiday",
        "lễ nửa đầu": "holiday first",
        "lễ nửa sau": "holiday second",
        "làm đến": "until",
        "làm từ": "since",
        "từ": "from",
        "vào": "in",
        "ra": "out",
    },
}
"""What the words in the tables of each document mean."""


@dataclass(frozen=True)
class Example:
    """A row of a table, in neutral words: what is given and what comes of it, by column."""

    section: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Document:
    name: str
    text: str
    examples: list[Example]
    calendar: Calendar


def neutral(words: Mapping[str, str], column: str, cell: str) -> str:
    """Translate a cell; raises KeyError for a word that is none of the document's."""
    if cell == "-":
        return ""
    if column in ("date", "work_day"):
        on, weekday = re.fullmatch(r"(\S+) \((\w+)\)", cell).groups()  # type: ignore[union-attr]
        assert date.fromisoformat(on).weekday() == int(words[weekday]), f"{on} is no {weekday}"
        return on
    if column == "state":
        return " ".join(words[word] for word in cell.split(", "))
    if column == "also":
        return "; ".join(_also(words, one) for one in cell.split("; "))
    if column == "shift":
        return re.sub(r"(\w+) (?=\d{4}-)", lambda found: f"{words[found[1]]} ", cell.replace("`", ""))
    if column == "punches":
        return re.sub(r"[^\W\d]+(?= )", lambda found: words[found[0]], cell.replace("\\", ""))
    return cell


def _also(words: Mapping[str, str], one: str) -> str:
    if dated := re.fullmatch(r"(.+) (\d{4}-\d\d-\d\d)", one):
        return f"{words[dated[1]]} {dated[2]}"
    return words[one]


def read(name: str) -> Document:
    text, words = (DOCS / name).read_text(encoding="utf-8"), WORDS[name]
    examples = []
    for number, section in enumerate(text.split("\n## ")):
        for table in re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE):
            head, _, *rows = ([cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines())
            columns = [words[cell] for cell in head]
            for row in rows:
                cells = zip(columns, row, strict=True)
                examples.append(
                    Example(number, {column: neutral(words, column, cell) for column, cell in cells})
                )
    [settings] = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    return Document(name, text, examples, msgspec.json.decode(settings, type=Calendar))


ENGLISH, VIETNAMESE = (read(name) for name in WORDS)
DOCUMENTS = [pytest.param(document, id=document.name) for document in (ENGLISH, VIETNAMESE)]


def timeline(text: str) -> Timeline[str | None]:
    """Read `office, from 2026-06-08 night`."""
    first, *changes = text.split(", ")
    found: Timeline[str | None] = always(first)
    for change in changes:
        since, shift = change.removeprefix("from ").split()
        found = with_value(found, date.fromisoformat(since), shift, None)
    return found


def punches(text: str, on: date, zone: str) -> list[TimeEvent]:
    """Read `in 08:00, ~~13:00~~, +02:30*`: what is crossed out is void, `*` is the second of two times."""
    found = []
    for number, one in enumerate(text.split(", ") if text else []):
        asked, _, wall = one.strip("~").rpartition(" ")
        local = datetime.fromisoformat(f"{on + timedelta(days=wall.startswith('+'))} {wall.strip('+*')}")
        at = local.replace(tzinfo=zoneinfo.ZoneInfo(zone), fold=int(wall.endswith("*"))).astimezone(UTC)
        direction: RequestedDirection = asked or "auto"  # type: ignore[assignment]
        found.append(TimeEvent(f"p{number}", at, on, zone, direction))
        if one.startswith("~~"):
            void = TimeEvent(f"v{number}", at, on, zone, source="manual", supersedes=f"p{number}", void=True)
            found.append(void)
    return found


def evaluated(calendar: Calendar, given: Mapping[str, str]) -> WorkDay:
    """Work a day out, and check that its punches do belong to it."""
    on, shifts = date.fromisoformat(given["date"]), timeline(given["shift"])
    leaves, holidays, stints = [], [], []
    for one in given.get("also", "").split("; "):
        what, _, rest = one.partition(" ")
        half: Half | None = rest if what in ("leave", "holiday") and rest else None  # type: ignore[assignment]
        if what == "leave":
            leaves.append(Leave("p", on, on, "annual", half))
        elif what == "holiday":
            holidays.append(Holiday(on, "holiday", half))
        elif what:
            stints.append(Stint(**{what: date.fromisoformat(rest)}))
    schedule = Schedule(always(calendar), holidays)
    events = punches(given.get("punches", ""), on, calendar.zone)
    assert {schedule.work_day(event.at, shifts) for event in events} <= {on}
    wall = given.get("at")
    now = (
        datetime.fromisoformat(f"{on} {wall}").replace(tzinfo=zoneinfo.ZoneInfo(calendar.zone))
        if wall
        else FAR
    )
    member = Member("p", "x", shifts=shifts, stints=tuple(stints) or (Stint(),))
    return evaluate_person_day(schedule, member, on, events, leaves=leaves, now=now)


def results(calendar: Calendar, given: Mapping[str, str]) -> dict[str, str]:
    """Return all that a table may say of what is given."""
    zone = given.get("zone") or calendar.zone
    calendar = replace(calendar, zone=zone)
    schedule = Schedule(always(calendar))
    if "punch" in given:
        at = datetime.fromisoformat(given["punch"]).replace(tzinfo=zoneinfo.ZoneInfo(zone))
        return {"work_day": str(schedule.work_day(at.astimezone(UTC), timeline(given["shift"])))}
    if "hours" in given:
        day = schedule.shift_day(given["shift"], date.fromisoformat(given["date"]))
        return {"hours": ", ".join(f"{one.starts:%H:%M}-{one.ends:%H:%M}" for one in day.sessions)}
    found = evaluated(calendar, given)
    state = "present" if found.state == "left" else found.state
    return {
        "state": f"{state} open" if found.open else state,
        "worked": _hours(found.worked_minutes),
        "pause": _hours(found.break_minutes),
        "overtime": _hours(found.overtime_minutes),
        "late": str(found.late_minutes),
        "early": str(found.early_minutes),
    }


def _hours(minutes: int) -> str:
    return f"{minutes // 60}:{minutes % 60:02}"


@pytest.mark.parametrize(
    ("document", "example"),
    [
        pytest.param(document, example, id=f"{document.name}-{example.section}-{number}")
        for document in (ENGLISH, VIETNAMESE)
        for number, example in enumerate(document.examples)
    ],
)
def test_an_example_comes_out_as_the_document_says(document: Document, example: Example) -> None:
    found = results(document.calendar, example.cells)
    said = {column: cell for column, cell in example.cells.items() if column in found}
    assert said
    assert said == {column: found[column] for column in said}


def test_both_documents_have_the_same_examples() -> None:
    assert len(ENGLISH.examples) > 90
    assert VIETNAMESE.examples == ENGLISH.examples
    assert VIETNAMESE.calendar == ENGLISH.calendar


def structure(document: Document) -> list[str]:
    """Return the kinds of lines: headings, paragraphs, lists, tables and settings, in order."""
    kinds = []
    for block in re.sub(r"```.*?```", "```", document.text, flags=re.DOTALL).split("\n\n"):
        start = re.match(r"(#+ |\||- |```)?", block.strip())
        items = block.count("\n- ") if block.startswith("- ") else 0
        kinds.append(f"{start[0] if start else ''}{items}")
    return kinds


def test_both_documents_have_the_same_structure() -> None:
    assert structure(VIETNAMESE) == structure(ENGLISH)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_to_sections_find_them(document: Document) -> None:
    headings = re.findall(r"^#+ (.*)$", document.text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\(#([^)]*)\)", document.text)) <= anchors
    for file in re.findall(r"\(([\w.-]+\.md)\)", document.text):
        assert (DOCS / file).exists()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_rule_that_a_shift_can_have_is_explained(document: Document) -> None:
    for field in ("half_day_after_minutes", "half_day_under_minutes", "absent_under_minutes"):
        assert f"- `{field}`: " in document.text
    for field in ("before_shift: false", "minimum_minutes", "rounding_minutes"):
        assert f"- `{field}`: " in document.text


def test_the_settings_of_the_examples_are_accepted(http: Http) -> None:
    assert calendar_problems(ENGLISH.calendar) == []
    settings: Any = msgspec.to_builtins(ENGLISH.calendar)
    assert change_settings(http, "2026-01-01", calendar=settings).status_code == 200

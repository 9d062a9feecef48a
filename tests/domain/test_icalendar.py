"""iCalendar files as calendar programs write them, and what is none."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.icalendar import CalendarError, Event, events

OUTLOOK = """BEGIN:VCALENDAR\r
PRODID:-//Microsoft Corporation//Outlook 16.0 MIMEDIR//EN\r
VERSION:2.0\r
METHOD:PUBLISH\r
X-WR-CALNAME:Ngày lễ\r
BEGIN:VTIMEZONE\r
TZID:SE Asia Standard Time\r
BEGIN:STANDARD\r
DTSTART:16010101T000000\r
TZOFFSETFROM:+0700\r
TZOFFSETTO:+0700\r
END:STANDARD\r
END:VTIMEZONE\r
BEGIN:VEVENT\r
CLASS:PUBLIC\r
DESCRIPTION;ALTREP="http://example.com/a;b:c":Nghỉ lễ\\; xem <b>thông báo</b>: 12\r
DTEND;TZID="SE Asia Standard Time":20260903T000000\r
DTSTART;TZID="SE Asia Standard Time":20260902T000000\r
SUMMARY;LANGUAGE=vi-vn:Quốc khánh\\, Hà Nội\r
BEGIN:VALARM\r
TRIGGER:-PT15M\r
SUMMARY:an alarm\r
DTSTART:19990101\r
END:VALARM\r
END:VEVENT\r
END:VCALENDAR\r
"""


def event(*lines: str) -> Event:
    """Read the one event of a file."""
    [found] = events("\n".join(["begin:vcalendar", "Begin:vEvent", *lines, "end:vevent", "End:VCALENDAR"]))
    return found


def test_a_file_of_outlook() -> None:
    [found] = events(OUTLOOK)
    assert found.name == "Quốc khánh, Hà Nội"
    assert found.span() == (datetime(2026, 9, 2), datetime(2026, 9, 3))  # noqa: DTZ001 - on the wall
    assert (found.is_cancelled, found.recurs) == (False, False)


@pytest.mark.parametrize(
    ("lines", "span"),
    [
        pytest.param(["DTSTART;VALUE=DATE:20260902"], ("2026-09-02", "2026-09-03"), id="a day"),
        pytest.param(["DTSTART:20260902", "DTEND:20260905"], ("2026-09-02", "2026-09-05"), id="three"),
        pytest.param(["DTSTART:20260902", "DURATION:P1W"], ("2026-09-02", "2026-09-09"), id="a week"),
        pytest.param(["DTSTART:20260902", "DURATION:PT24H"], ("2026-09-02", "2026-09-03"), id="24 hours"),
        pytest.param(["DTST", " ART:2026", "\t0902"], ("2026-09-02", "2026-09-03"), id="folded"),
        pytest.param(["dtstart:20260902", "DTSTART:20270902"], ("2026-09-02", "2026-09-03"), id="the first"),
    ],
)
def test_when_an_event_is(lines: list[str], span: tuple[str, str]) -> None:
    assert event(*lines).span() == tuple(map(date.fromisoformat, span))


def test_a_time_in_utc_says_so() -> None:
    starts, _ = event("DTSTART:20260901T170000Z").span()
    assert starts == datetime(2026, 9, 1, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["SUMMARY:x"], id="no start"),
        pytest.param(["DTSTART:tomorrow"], id="no date"),
        pytest.param(["DTSTART:20260230"], id="no such date"),
        pytest.param(["DTSTART:20260902T250000"], id="no such time"),
        pytest.param(["DTSTART:\uff12\uff10260902"], id="other digits"),
        pytest.param(["DTSTART:20260902", "DURATION:-P1D"], id="backwards"),
        pytest.param(["DTSTART:99991231", "DURATION:P9999W"], id="out of the world"),
        pytest.param(["DTSTART:99991231"], id="the last day"),
    ],
)
def test_an_event_without_a_good_date(lines: list[str]) -> None:
    with pytest.raises((ValueError, OverflowError)):
        event(*lines).span()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("hello", id="text"),
        pytest.param("BEGIN:VCARD\nEND:VCARD\n", id="a card"),
        pytest.param("BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR\n", id="an event without end"),
        pytest.param("BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:x\n", id="cut off"),
        pytest.param("BEGIN:VCALENDAR\nEND:VCALENDAR\nSUMMARY:x\n", id="something after it"),
        pytest.param("BEGIN:VCALENDAR\nno colon\nEND:VCALENDAR\n", id="a line without a value"),
        pytest.param("END:VCALENDAR\n", id="an end without a beginning"),
    ],
)
def test_what_is_no_file_is_refused(text: str) -> None:
    with pytest.raises(CalendarError):
        events(text)


def test_a_file_without_events_has_none() -> None:
    assert events("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n") == []


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=200), st.integers(1, 60))
def test_a_name_survives_escapes_and_folds(name: str, width: int) -> None:
    escaped = name.replace("\\", "\\\\").replace(",", "\\,").replace(";", "\\;").replace("\n", "\\n")
    line = f"SUMMARY:{escaped}"
    folded = "\r\n ".join(line[start : start + width] for start in range(0, len(line), width))
    assert event(folded).name == name


@given(st.text(max_size=300))
def test_any_text_is_a_file_or_none(text: str) -> None:
    for wrapped in (text, f"BEGIN:VCALENDAR\nBEGIN:VEVENT\n{text}\nEND:VEVENT\nEND:VCALENDAR"):
        try:
            found = events(wrapped)
        except CalendarError:
            continue
        assert all(isinstance(one.name, str) for one in found)

"""The events of an iCalendar file (RFC 5545), as far as a list of holidays needs them.

Of an event that is its name, and when it starts and ends. Zones that a file defines are not evaluated: a time
with a zone is a time on the wall there, which is what a holiday is given in.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from msgspec import Struct

# A line break within a line is written before a space or tab, which is no part of the text.
_FOLD = re.compile(r"\r?\n[ \t]")


_LINE_BREAK = re.compile(r"\r?\n")


# A name, parameters (in whose quotes there may be colons), and the value.
_LINE = re.compile(r'([A-Za-z0-9-]+)((?:;[^:"]*(?:"[^"]*"[^:"]*)*)?):(.*)', re.DOTALL)


_TIME = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:T([0-9]{2})([0-9]{2})([0-9]{2})(Z?))?")


_DURATION = re.compile(
    r"\+?P(?:([0-9]{1,4})W)?(?:([0-9]{1,4})D)?"
    r"(?:T(?:([0-9]{1,5})H)?(?:([0-9]{1,7})M)?(?:([0-9]{1,9})S)?)?"
)


_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class CalendarError(ValueError):
    """The text is not an iCalendar file; the message says where it stops being one."""


class Event(Struct, frozen=True):
    """The properties of an event by name, as they are written."""

    properties: dict[str, str]

    @property
    def name(self) -> str:
        """The summary of the event; empty if it has none."""
        return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], self._get("SUMMARY"))

    @property
    def is_cancelled(self) -> bool:
        """Whether the event will not take place."""
        return self._get("STATUS").strip().upper() == "CANCELLED"

    @property
    def recurs(self) -> bool:
        """Whether the event stands for more than one."""
        return "RRULE" in self.properties or "RDATE" in self.properties

    def span(self) -> tuple[date, date]:
        """Return when the event starts and when it is over: dates, or instants if it has times.

        An instant in UTC is aware, any other is naive. Raises ValueError or OverflowError.
        """
        starts = _time(self._get("DTSTART"))
        if "DTEND" in self.properties:
            return starts, _time(self._get("DTEND"))
        if "DURATION" in self.properties:
            return starts, starts + _duration(self._get("DURATION"))
        return starts, starts + timedelta(days=1)

    def _get(self, name: str) -> str:
        return self.properties.get(name, "")


def events(text: str) -> list[Event]:
    """Read the events of a file; raises CalendarError."""
    found: list[Event] = []
    within: list[str] = []
    properties: dict[str, str] = {}
    for number, name, value in _lines(text):
        if name == "BEGIN":
            within.append(value.strip().upper())
            if within[0] != "VCALENDAR":
                break
            if within[1:] == ["VEVENT"]:
                properties = {}
        elif not within or (name == "END" and within[-1] != value.strip().upper()):
            raise CalendarError(f"Line {number} does not belong here.")
        elif name == "END":
            if within[1:] == ["VEVENT"]:
                found.append(Event(properties))
            within.pop()
        elif within[1:] == ["VEVENT"]:  # and not of an alarm in it
            properties.setdefault(name, value)
    if within:
        raise CalendarError(f"The part that begins with BEGIN:{within[-1][:50]} has no end.")
    return found


def _lines(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield the number, name and value of each line, counted without folds."""
    for number, line in enumerate(_LINE_BREAK.split(_FOLD.sub("", text)), 1):
        if not line.strip():
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise CalendarError(f"Line {number} has no name and value.")
        yield number, found[1].upper(), found[3]


def _time(text: str) -> date:
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise ValueError("this is neither a date nor a time")
    *parts, utc = found.groups()
    year, month, day, *clock = (int(part) for part in parts if part is not None)
    if not clock:
        return date(year, month, day)
    hour, minute, second = clock
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC if utc else None)


def _duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ValueError("this is not a duration")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)

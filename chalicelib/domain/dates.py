"""Which dates a request may ask about. Pure."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta

from chalicelib.domain.errors import InvalidRequest

FIRST, LAST = date(2000, 1, 1), date(2199, 12, 31)
"""No work day lies outside; arithmetic with dates is safe inside."""


MAX_DAYS = 366  # a leap year


def check_date(on: date) -> date:
    """Check a date; raises InvalidRequest for one that no work day can have."""
    if not FIRST <= on <= LAST:
        raise InvalidRequest(f"A date is from {FIRST} to {LAST}.")
    return on


def date_range(since: date, until: date) -> list[date]:
    """List the dates from one to another, both included: at most 366; raises InvalidRequest."""
    days = (check_date(until) - check_date(since)).days + 1
    if not 0 < days <= MAX_DAYS:
        raise InvalidRequest(f"`to` is from 0 to {MAX_DAYS - 1} days after `from`.")
    return [since + timedelta(days=n) for n in range(days)]


def month_dates(text: str) -> list[date]:
    """List the dates of a month of the years 2000 to 2199, YYYY-MM."""
    first = date.fromisoformat(f"{text}-01")
    return date_range(first, first.replace(day=monthrange(first.year, first.month)[1]))


EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


ROLLCALL_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
"""No audit entry and no consent to this service is older."""


FUTURE = timedelta(minutes=5)
"""How far ahead of our clock what somebody writes down may be: theirs may be fast."""

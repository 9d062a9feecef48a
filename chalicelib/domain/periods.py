"""Which dates a request may ask about. Pure."""

from calendar import monthrange
from datetime import date, timedelta

from chalicelib.domain.errors import InvalidRequest

FIRST, LAST = date(2000, 1, 1), date(2199, 12, 31)
"""No work day lies outside; arithmetic with dates is safe inside."""

MAX_DAYS = 366  # a leap year


def one_day(on: date) -> date:
    """Check a date; raises InvalidRequest for one that no work day can have."""
    if not FIRST <= on <= LAST:
        raise InvalidRequest(f"A date is from {FIRST} to {LAST}.")
    return on


def period(since: date, until: date) -> list[date]:
    """List the dates from one to another, both included: at most 366; raises InvalidRequest."""
    days = (one_day(until) - one_day(since)).days + 1
    if not 0 < days <= MAX_DAYS:
        raise InvalidRequest(f"`to` is from 0 to {MAX_DAYS - 1} days after `from`.")
    return [since + timedelta(days=n) for n in range(days)]


def month(text: str) -> list[date]:
    """List the dates of a month of the years 2000 to 2199, YYYY-MM."""
    first = date.fromisoformat(f"{text}-01")
    return period(first, first.replace(day=monthrange(first.year, first.month)[1]))

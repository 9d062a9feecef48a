"""Dates and instants that requests may name, and ranges of dates."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta

from chalicelib.domain.errors import InvalidRequest

FIRST_DATE, LAST_DATE = date(2000, 1, 1), date(2199, 12, 31)
"""The range of work days; date arithmetic within it cannot overflow."""


MAX_DAYS = 366  # a leap year


EARLIEST_INSTANT = datetime(2000, 1, 1, tzinfo=UTC)


ROLLCALL_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
"""The earliest instant of a consent to this service, and of an audit entry."""


MAX_CLOCK_SKEW = timedelta(minutes=5)
"""How far a caller's instant may lie in the future, because the caller's clock may be fast."""


def check_date(on: date) -> date:
    """Return the date if it can be a work day; otherwise raise InvalidRequest."""
    if not FIRST_DATE <= on <= LAST_DATE:
        raise InvalidRequest(f"A date is from {FIRST_DATE} to {LAST_DATE}.")
    return on


def date_range(since: date, until: date) -> list[date]:
    """List the dates from `since` to `until`, both included.

    Raises InvalidRequest for a range that runs backwards or has more than 366 dates.
    """
    days = (check_date(until) - check_date(since)).days + 1
    if not 0 < days <= MAX_DAYS:
        raise InvalidRequest(f"`to` is from 0 to {MAX_DAYS - 1} days after `from`.")
    return [since + timedelta(days=n) for n in range(days)]


def month_dates(month: str) -> list[date]:
    """List the dates of a month, given as YYYY-MM within the years 2000 to 2199."""
    first = date.fromisoformat(f"{month}-01")
    return date_range(first, first.replace(day=monthrange(first.year, first.month)[1]))

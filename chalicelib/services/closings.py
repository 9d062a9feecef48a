"""Closing of the books: managers close past days, so that nothing changes them; admins reopen them."""

from datetime import date, datetime, timedelta

from msgspec import convert

from chalicelib.aws.directory import Directory
from chalicelib.aws.metrics import record_changes
from chalicelib.aws.site_store import SiteStore
from chalicelib.domain.audit_entry import FieldChange
from chalicelib.domain.closing import Closing, Closings, ClosingView, NewClosing, Reopening
from chalicelib.domain.dates import check_date
from chalicelib.domain.errors import InvalidRequest, PeriodClosed, WholeSite
from chalicelib.domain.ids import new_id
from chalicelib.domain.text import clean
from chalicelib.domain.token import Caller
from chalicelib.services.retries import retry

SETTLED = timedelta(minutes=5)
"""How long a day must be over before it can be closed: longer than any request runs, so that no punch that is
still being written is for a closed day."""


def past(since: date | None, today: date) -> date | None:
    """Return the first date that a write changes if it is before today, and None otherwise.

    Gateways have such a write check that the date is not closed. Only dates before today can be.
    """
    return since if since is not None and since < today else None


def require_whole_site(caller: Caller) -> None:
    """Raise WholeSite for a token of some groups, because a change would also concern other people."""
    if caller.groups is not None:
        raise WholeSite


def show(site_store: SiteStore) -> Closings:
    """Return the last closed date, and who closed and reopened what."""
    history = [convert(closing, ClosingView, from_attributes=True) for closing in site_store.closings()]
    return Closings(closed_through=site_store.closed_through(), history=history)


def close(
    directory: Directory, site_store: SiteStore, body: NewClosing, *, caller: Caller, now: datetime
) -> ClosingView:
    """Close all days up to a date.

    Raises InvalidRequest for a date that is not over since five minutes, PeriodClosed for one that is closed
    already, WholeSite.
    """
    require_whole_site(caller)
    through = check_date(body.through)
    if through >= directory.settings().today(now - SETTLED):
        raise InvalidRequest(
            "`through` must be before today's work day, which must have begun 5 minutes ago."
        )

    def attempt() -> ClosingView:
        before = site_store.closed_through()
        if before and through <= before:
            raise PeriodClosed(before)
        return _write(site_store, before, Closing(closed_through=through, at=now, by=caller.token_id))

    return retry(attempt)


def reopen(site_store: SiteStore, body: Reopening, *, caller: Caller, now: datetime) -> ClosingView:
    """Open the closed days again from a date on; raises InvalidRequest if that date is not closed."""
    check_date(body.from_)
    reason = clean(body.reason, what="reason", limit=500)

    def attempt() -> ClosingView:
        before = site_store.closed_through()
        if before is None or before < body.from_:
            raise InvalidRequest("`from` is not closed.")
        closing = Closing(
            closed_through=body.from_ - timedelta(days=1),
            at=now,
            by=caller.token_id,
            reopened_from=body.from_,
            reason=reason,
        )
        return _write(site_store, before, closing)

    return retry(attempt)


def _write(site_store: SiteStore, before: date | None, closing: Closing) -> ClosingView:
    site_store.close(before, closing, new_id())
    old, new = (f'"{on}"' if on else "null" for on in (before, closing.closed_through))
    record_changes([FieldChange("closed_through", old, new)])
    return convert(closing, ClosingView, from_attributes=True)

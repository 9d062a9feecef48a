"""Closing of the books: managers close past days, so that nothing changes them; admins reopen them."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta

from msgspec import convert

from chalicelib.aws.deadline import without_deadline
from chalicelib.aws.directory import Directory
from chalicelib.aws.metrics import record_changes
from chalicelib.aws.site_store import SiteStore
from chalicelib.domain.audit_entry import FieldChange
from chalicelib.domain.closing import (
    Closing,
    Closings,
    ClosingView,
    NewClosing,
    Reopening,
    RunningImport,
    RunningImports,
    last_day_over,
)
from chalicelib.domain.dates import check_date
from chalicelib.domain.errors import Busy, InvalidRequest, PeriodClosed, WholeSite
from chalicelib.domain.ids import new_id
from chalicelib.domain.schedule import Schedule
from chalicelib.domain.text import clean
from chalicelib.domain.token import Caller
from chalicelib.services.retries import retry

SETTLED = timedelta(minutes=5)
"""How long a day must be over before it can be closed: longer than any request runs, so that no punch that is
still being written is for a closed day."""


IMPORT_LASTS = timedelta(minutes=1)
"""When an import has ended even if it could not say so: a request runs for less than half of it."""


def past(since: date | None, today: date) -> date | None:
    """Return the first date that a write changes if it is before today, and None otherwise.

    Gateways have such a write check that the date is not closed. Only dates before today can be.
    """
    return since if since is not None and since < today else None


@contextmanager
def importing(site_store: SiteStore, since: date | None, *, now: datetime) -> Iterator[None]:
    """Run a block that changes days from `since` on in many transactions; None if none is before today.

    They are too many to meet on the item that says what is closed. Instead, no day is closed meanwhile.
    Raises PeriodClosed if `since` is closed.
    """
    if since is None:
        yield
        return
    own = RunningImport(new_id(), now + IMPORT_LASTS)

    def change(imports: Iterable[RunningImport], on: date | None = None) -> None:
        running = site_store.running_imports()
        others = [one for one in running.at(now) if one.import_id != own.import_id]
        site_store.save_running_imports(running, [*others, *imports], on)

    retry(lambda: change([own], since))
    try:
        yield
    finally:
        with without_deadline():
            retry(lambda: change([]))


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

    Raises InvalidRequest for a date that is not over since five minutes for people of every shift,
    PeriodClosed for one that is closed already, Busy during an import, WholeSite.
    """
    require_whole_site(caller)
    through = check_date(body.through)
    last = last_day_over(Schedule(directory.settings().calendars), now - SETTLED)
    if through > last:
        raise InvalidRequest(
            f"The last day that can be closed is {last}; others are not over since 5 minutes for every shift."
        )

    def attempt() -> ClosingView:
        during = site_store.running_imports()
        if during.at(now):
            raise Busy("An import is running, which may change these days; try again in a moment.")
        before = site_store.closed_through()
        if before and through <= before:
            raise PeriodClosed(before)
        closing = Closing(closed_through=through, at=now, by=caller.token_id)
        return _write(site_store, before, closing, during)

    return retry(attempt)


def reopen(site_store: SiteStore, body: Reopening, *, caller: Caller, now: datetime) -> ClosingView:
    """Open the closed days again from a date on; raises InvalidRequest if that date is not closed."""
    check_date(body.from_)
    reason = clean(body.reason, what="reason", limit=500)

    def attempt() -> ClosingView:
        during = site_store.running_imports()
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
        return _write(site_store, before, closing, during)

    return retry(attempt)


def _write(
    site_store: SiteStore, before: date | None, closing: Closing, during: RunningImports
) -> ClosingView:
    site_store.close(before, closing, new_id(), during=during)
    old, new = (f'"{on}"' if on else "null" for on in (before, closing.closed_through))
    record_changes([FieldChange("closed_through", old, new)])
    return convert(closing, ClosingView, from_attributes=True)

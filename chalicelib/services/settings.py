"""The site's settings, replaced by admins as a whole, and their calendars, each from a date on."""

from datetime import date, datetime
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from chalicelib.aws.directory import Directory
from chalicelib.aws.metrics import record_changes
from chalicelib.aws.site_store import SiteStore
from chalicelib.domain.audit_entry import field_changes
from chalicelib.domain.calendar_checks import calendar_problems
from chalicelib.domain.dates import FIRST_DATE, check_date
from chalicelib.domain.errors import (
    FirstVersion,
    InvalidRequest,
    InvalidSettings,
    SettingsChanged,
    VersionNotFound,
    WriteConflict,
)
from chalicelib.domain.reports import letters
from chalicelib.domain.schedule import PATTERN_END, Calendar
from chalicelib.domain.settings import (
    CalendarVersion,
    Settings,
    SettingsView,
    with_version,
    without_version,
)
from chalicelib.domain.text import clean
from chalicelib.domain.timeline import Dated, first_difference
from chalicelib.domain.types import Page
from chalicelib.services.closings import past

LARGEST = 300_000
"""Most bytes of the settings; an item of DynamoDB may have 400 KB."""


FIRST = "first"


Begins = Annotated[str, Meta(pattern=f"^({FIRST}|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}){PATTERN_END}")]
"""The date on which a version of the calendar begins, or `first` for the one that holds since ever."""


Version = Annotated[int, Meta(ge=0, le=2**53)]


def show(directory: Directory, *, now: datetime) -> SettingsView:
    """Return the settings with the calendar in force today."""
    found = directory.settings()
    return found.view(found.today(now))


def replace_settings(
    directory: Directory,
    site_store: SiteStore,
    body: SettingsView,
    *,
    effective_from: date | None,
    production: bool,
    local: bool,
    now: datetime,
) -> SettingsView:
    """Replace all settings; `version` is the version that the caller read.

    Values that let photos or look-alikes pass need `unsafe`, which no `production` stage accepts.

    The calendar holds from `effective_from` on (None: today's work day), which may be past or to come, until
    the next calendar that is planned. Kinds of leave that are used stay, and keep letter and pay on closed
    days. Raises InvalidSettings, SettingsChanged, PeriodClosed, InvalidRequest.
    """
    weak = body.weak(local=local) if production or not body.unsafe else []
    if weak and not production:
        weak.append("unsafe: must be true for this, in a lab only")
    _check(body.calendar, weak + _site_name(body) + _leave_problems(body))
    before = directory.settings()
    today = before.today(now)
    since = effective_from or today
    begins = check_date(since) if since >= FIRST_DATE else None
    after = before.replaced(body, begins)
    _change(directory, site_store, before, after, version=body.version, today=today)
    record_changes(change for change in field_changes(before.view(since), body) if change.field != "version")
    return replace(after, version=before.version + 1).view(today)


def versions(directory: Directory) -> Page[CalendarVersion]:
    """List the calendars, each with the date from which it holds, oldest first."""
    found = directory.settings()
    return Page([_shown(one, found.version) for one in found.calendars], None)


def show_version(directory: Directory, begins: str) -> CalendarVersion:
    """Return the calendar that begins on a date; raises VersionNotFound or InvalidRequest."""
    found = directory.settings()
    return _shown(_find(found, _date(begins)), found.version)


def put_version(
    directory: Directory,
    site_store: SiteStore,
    begins: str,
    body: Calendar,
    *,
    version: int | None,
    now: datetime,
) -> CalendarVersion:
    """Replace or add the calendar that begins on a date; all others stay.

    `version` is that of the settings which the caller read, None for any. Raises InvalidSettings,
    SettingsChanged, PeriodClosed, InvalidRequest.
    """
    _check(body, [])
    since = _date(begins)
    before = directory.settings()
    after = replace(before, calendars=with_version(before.calendars, since, body))
    _change(directory, site_store, before, after, version=version, today=before.today(now))
    record_changes(field_changes(before.calendar(since or date.min), body))
    return CalendarVersion(effective_from=since, calendar=body, version=before.version + 1)


def remove_version(
    directory: Directory, site_store: SiteStore, begins: str, *, version: int | None, now: datetime
) -> None:
    """Remove the calendar that begins on a date; the one before it goes on.

    `version` is that of the settings which the caller read, None for any. Raises VersionNotFound,
    FirstVersion, SettingsChanged, PeriodClosed, InvalidRequest.
    """
    since = _date(begins)
    if since is None:
        raise FirstVersion
    before = directory.settings()
    removed = _find(before, since)
    after = replace(before, calendars=without_version(before.calendars, since))
    _change(directory, site_store, before, after, version=version, today=before.today(now))
    record_changes(field_changes(removed.value, after.calendar(since)))


def _change(
    directory: Directory,
    site_store: SiteStore,
    before: Settings,
    after: Settings,
    *,
    version: int | None,
    today: date,
) -> None:
    """Store changed settings as the next version.

    Raises SettingsChanged, PeriodClosed, InvalidSettings, InvalidRequest.
    """
    if version not in (None, before.version):
        raise SettingsChanged(before.version)
    after = replace(after, version=before.version + 1)
    if len(msgspec.json.encode(after)) > LARGEST:
        raise InvalidRequest(f"The settings are larger than {LARGEST} bytes.")
    changes = (
        first_difference(before.calendars, after.calendars, before.calendars[0].value),
        _first_changed_leave(directory, before, after),
    )
    since = min((on for on in changes if on is not None), default=None)
    try:
        site_store.change_settings(before, after, past(since, today))
    except WriteConflict:
        raise SettingsChanged(directory.settings().version) from None


def _first_changed_leave(directory: Directory, before: Settings, after: Settings) -> date | None:
    """Return the first date of leave whose letter or pay changes; None if there is none.

    Raises InvalidSettings for kinds that are gone and used. One that is only spelled otherwise is gone too:
    sheets find the letter of leave by its kind as it is written there.
    """
    if after.leave_kinds == before.leave_kinds:
        return None
    old, new = letters(before.leave_kinds), letters(after.leave_kinds)
    first: dict[str, date] = {}
    for leave in directory.leaves(date.min, date.max):
        first[leave.kind] = min(leave.since, first.get(leave.kind, date.max))
    if gone := sorted(first.keys() & (old.keys() - new.keys())):
        raise InvalidSettings(
            [f"leave_kinds: {kind!r} is used by leave from {first[kind]} on; keep it" for kind in gone]
        )
    return min((on for kind, on in first.items() if old.get(kind) != new.get(kind)), default=None)


def _date(begins: str) -> date | None:
    """Return the date of a version, None for the first; raises InvalidRequest."""
    if begins == FIRST:
        return None
    try:
        return check_date(date.fromisoformat(begins))
    except ValueError:
        raise InvalidRequest(f"`{begins}` is not a date.") from None


def _find(settings: Settings, since: date | None) -> Dated[Calendar]:
    for one in settings.calendars:
        if one.effective_from == since:
            return one
    raise VersionNotFound


def _shown(one: Dated[Calendar], version: int) -> CalendarVersion:
    return CalendarVersion(effective_from=one.effective_from, calendar=one.value, version=version)


def _check(calendar: Calendar, problems: list[str]) -> None:
    """Raise InvalidSettings for the problems and those of a calendar, if there are any."""
    if found := problems + _names(calendar) + calendar_problems(calendar):
        raise InvalidSettings(found)


def _leave_problems(body: SettingsView) -> list[str]:
    texts = [(f"leave_kinds.{one.kind}", text) for one in body.leave_kinds for text in (one.kind, one.letter)]
    return _texts(texts) + body.leave_problems()


def _site_name(body: SettingsView) -> list[str]:
    return _texts([("site_name", body.site_name)]) if body.site_name else []


def _names(calendar: Calendar) -> list[str]:
    """List the names in a calendar that are not normalised; people refer to shifts by name."""
    named = [(f"shifts.{name}", name) for name in calendar.shifts]
    return _texts(named + [(f"rotations.{name}", name) for name in calendar.rotations])


def _texts(named: list[tuple[str, str]]) -> list[str]:
    problems = []
    for place, text in named:
        try:
            if clean(text) != text:
                problems.append(f"{place}: the name has spaces around it, or twice, or letters in two parts")
        except InvalidRequest:
            problems.append(f"{place}: the name has control or invisible characters, or none that shows")
    return problems

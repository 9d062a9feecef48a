"""Replacement of the site's settings by admins."""

from datetime import date, datetime

import msgspec
from msgspec.structs import replace

from chalicelib.aws.directory import Directory
from chalicelib.aws.metrics import record_changes
from chalicelib.domain import schedule
from chalicelib.domain.audit_entry import field_changes
from chalicelib.domain.calendar_checks import calendar_problems
from chalicelib.domain.errors import InvalidRequest, InvalidSettings, SettingsChanged, WriteConflict
from chalicelib.domain.settings import SettingsView
from chalicelib.domain.text import clean

LARGEST = 300_000
"""Most bytes of the settings; an item of DynamoDB may have 400 KB."""


def show(directory: Directory, *, now: datetime) -> SettingsView:
    """Return the settings with the calendar in force today."""
    found = directory.settings()
    return found.view(found.today(now))


def replace_settings(
    directory: Directory, body: SettingsView, *, effective_from: date | None, production: bool, now: datetime
) -> SettingsView:
    """Replace all settings; `version` is the version that the caller read.

    Values that let photos or look-alikes pass need `unsafe`, which no `production` stage accepts.

    The calendar holds from `effective_from` on (None: today's work day), which may be past or to come, until
    the next calendar that is planned. Raises InvalidSettings, SettingsChanged, InvalidRequest.
    """
    weak = body.weak() if production or not body.unsafe else []
    if weak and not production:
        weak.append("unsafe: must be true for this, in a lab only")
    if problems := weak + _texts(body.calendar) + calendar_problems(body.calendar):
        raise InvalidSettings(problems)
    before = directory.settings()
    if body.version != before.version:
        raise SettingsChanged(before.version)
    today = before.today(now)
    after = replace(before.replaced(body, effective_from or today), version=before.version + 1)
    if len(msgspec.json.encode(after)) > LARGEST:
        raise InvalidRequest(f"The settings are larger than {LARGEST} bytes.")
    try:
        directory.change_settings(before, after)
    except WriteConflict:
        raise SettingsChanged(directory.settings().version) from None
    shown = before.view(today), body
    record_changes(change for change in field_changes(*shown) if change.field != "version")
    return after.view(today)


def _texts(calendar: schedule.Calendar) -> list[str]:
    """List the names in a calendar that are not normalised; people refer to shifts by name."""
    named = [(f"shifts.{name}", name) for name in calendar.shifts]
    named += [(f"rotations.{name}", name) for name in calendar.rotations]
    problems = []
    for place, text in named:
        try:
            if clean(text) != text:
                problems.append(f"{place}: the name has spaces around it, or twice, or letters in two parts")
        except InvalidRequest:
            problems.append(f"{place}: the name has control or invisible characters, or none that shows")
    return problems

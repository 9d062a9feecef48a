"""Replacement of the site's settings by admins."""

from datetime import date, datetime

import msgspec
from msgspec.structs import replace

from chalicelib.aws.directory import Directory
from chalicelib.aws.metrics import record_changes
from chalicelib.domain import schedule
from chalicelib.domain.audit_entry import field_changes
from chalicelib.domain.errors import InvalidRequest, InvalidSettings, SettingsChanged, WriteConflict
from chalicelib.domain.settings import Settings
from chalicelib.domain.text import clean

LARGEST = 300_000
"""Most bytes of the settings; an item of DynamoDB may have 400 KB."""


def replace_settings(
    directory: Directory,
    body: Settings,
    *,
    effective_from: date | None,
    production: bool,
    local: bool,
    now: datetime,
) -> Settings:
    """Replace all settings; `version` is the version that the caller read.

    Values that let photos or look-alikes pass need `unsafe`, which no `production` stage accepts.

    The calendar takes effect on today's work day, so that past days do not change; an earlier
    `effective_from` changes them too. Raises InvalidSettings, SettingsChanged, InvalidRequest.
    """
    weak = body.weak(local=local) if production or not body.unsafe else []
    if weak and not production:
        weak.append("unsafe: must be true for this, in a lab only")
    if problems := weak + _texts(body.calendar) + schedule.calendar_problems(body.calendar):
        raise InvalidSettings(problems)
    if len(msgspec.json.encode(body)) > LARGEST:
        raise InvalidRequest(f"The settings are larger than {LARGEST} bytes.")
    before = directory.settings()
    if body.version != before.version:
        raise SettingsChanged(before.version)
    today = body.today(now)
    if effective_from and effective_from > today:
        raise InvalidRequest("`effective_from` is in the future.")
    after = replace(body, version=before.version + 1)
    try:
        directory.change_settings(before, after, effective_from or today)
    except WriteConflict:
        raise SettingsChanged(directory.settings().version) from None
    record_changes(change for change in field_changes(before, after) if change.field != "version")
    return after


def _texts(calendar: schedule.Calendar) -> list[str]:
    """List the names in a calendar that are not normalised; people refer to shifts by name."""
    named = [(f"shifts.{name}", name) for name in calendar.shifts]
    named += [(f"holidays.{holiday.date}", holiday.name) for holiday in calendar.holidays]
    problems = []
    for place, text in named:
        try:
            if clean(text) != text:
                problems.append(f"{place}: the name has spaces around it, or twice, or letters in two parts")
        except InvalidRequest:
            problems.append(f"{place}: the name has control or invisible characters, or none that shows")
    return problems

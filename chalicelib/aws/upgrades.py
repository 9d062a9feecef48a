"""Items of earlier versions of Rollcall, brought to the shape of this one as they are read.

Profiles and the document of settings carry their `schema`; an item without one is of schema 1. There a
profile had one group, one shift and one period (`since`, `until`, `inactive_since`), and the settings had one
`calendar`, with its holidays, beside items `CALENDAR#<date>` of those that had been in force from a date on.
`python -m infra migrate` writes the items anew, after which these functions change nothing.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from chalicelib.aws.dynamodb import Item

SCHEMA = 2
"""The schema of the items that are written now."""


CALENDAR = "CALENDAR#"
"""The beginning of the sort keys of calendars in schema 1; they follow `SETTINGS` and precede holidays."""


def is_outdated(item: Item) -> bool:
    """Say whether an item, whose kind has a schema, is of an earlier one."""
    return bool(item.get("schema", 1) < SCHEMA)


def profile(item: Item) -> Item:
    """Upgrade a profile.

    Somebody inactive without `until` left on the day they became inactive. Who became so before their first
    day never belonged to the site.
    """
    if not is_outdated(item):
        return item
    old = dict(item)
    group, shift = old.pop("group", None), old.pop("shift", None)
    since, until, inactive_since = (old.pop(name, None) for name in ("since", "until", "inactive_since"))
    if old.get("status") == "inactive":
        until = until or inactive_since or old["updated_at"][:10]
    never = since and until and until < since
    stints = None if never else f"{since or ''}/{until or ''}"
    return old | {"schema": SCHEMA, "groups": group, "shifts": shift, "stints": stints}


def settings(item: Item, others: Iterable[Item] = ()) -> tuple[Item, list[dict[str, Any]]]:
    """Upgrade the document of settings, by the `others` of its partition; returns the holidays, too.

    A date is a holiday if it was one in the calendar in force on it. Without the others, only the calendar
    of today is known.
    """
    if not is_outdated(item):
        return item, []
    document = msgspec.json.decode(item["document"])
    calendar = document.pop("calendar")
    dated: list[tuple[str, dict[str, Any]]] = sorted(
        (other["sk"].removeprefix(CALENDAR), msgspec.json.decode(other["document"]))
        for other in others
        if other["sk"].startswith(CALENDAR)
    ) or [("", calendar)]
    holidays: list[dict[str, Any]] = []
    calendars: list[dict[str, Any]] = []
    for number, (since, one) in enumerate(dated):
        since = since if number else ""  # the first calendar also held before
        until = dated[number + 1][0] if number + 1 < len(dated) else "9999-12-32"
        holidays += [day for day in one.pop("holidays", ()) if since <= day["date"] < until]
        if not calendars or calendars[-1]["value"] != one:
            calendars.append({"value": one} | ({"effective_from": since} if since else {}))
    document["calendars"] = calendars
    upgraded = item | {"schema": SCHEMA, "document": msgspec.json.encode(document).decode()}
    return upgraded, sorted(holidays, key=lambda day: day["date"])

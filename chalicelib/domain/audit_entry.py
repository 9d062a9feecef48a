"""An entry of the audit log, and what it says of changes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from chalicelib.domain.types import to_builtins

MOST_CHANGES = 100
"""How many changed fields an entry names."""


MOST_CHARS = 200
"""How much of a value an entry shows."""


class FieldChange(Struct, frozen=True):
    """A field that was changed. `old` and `new` are JSON, cut after 200 characters.

    They are null where a value could say something of a person. Of a list they hold what was removed and what
    was added.
    """

    field: str
    old: str | None = None
    new: str | None = None


class AuditEntry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that somebody did or saw, or was refused.

    `what` is a route, or a command of `python -m infra`. `about` are the ids and parameters in it; those that
    lead to people are masked. `status` is null when the process ended before it was known whether it was
    done. `items` is the number of items that a list showed.
    """

    entry_id: str
    at: datetime
    what: str
    request_id: str
    address: str
    by: str | None = None
    role: str | None = None
    about: dict[str, str] = {}
    status: int | None = None
    code: str | None = None
    items: int | None = None
    changes: list[FieldChange] = []


def field_changes(before: Struct, after: Struct) -> list[FieldChange]:
    """List the fields in which two Structs differ, with their values: short ones first, at most 100."""
    old, new = dict(_leaves(to_builtins(before))), dict(_leaves(to_builtins(after)))
    changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    changed.sort(key=lambda name: (name.count("."), name))
    return [_change(name, old.get(name), new.get(name)) for name in changed[:MOST_CHANGES]]


def _leaves(value: Mapping[str, Any], above: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, one in value.items():
        found += _leaves(one, f"{above}{name}.") if isinstance(one, dict) else [(above + name, one)]
    return found


def _change(name: str, old: Any, new: Any) -> FieldChange:
    if isinstance(old, list) and isinstance(new, list):
        before, after = set(map(_json, old)), set(map(_json, new))
        old = [one for one in old if _json(one) not in after]
        new = [one for one in new if _json(one) not in before]
    return FieldChange(name, _json(old)[:MOST_CHARS], _json(new)[:MOST_CHARS])


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()

"""Closing the books: up to which date nothing changes any more, as requested, stored and shown."""

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct


class NewClosing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Closes all work days up to `through`, which is over."""

    through: date


class Reopening(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """Opens the closed work days again that begin with `from`; those before stay closed."""

    from_: date
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class Closing(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A closing or reopening as stored; `reopened_from` and `reason` are those of a reopening."""

    closed_through: date
    at: datetime
    by: str
    reopened_from: date | None = None
    reason: str | None = None


class RunningImport(Struct, frozen=True):
    """An import that changes earlier days in many transactions; it has ended at `until`, if it crashed."""

    import_id: str
    until: datetime


class RunningImports(Struct, frozen=True, kw_only=True):
    """The imports during which no day is closed; `version` increases with each beginning and end."""

    imports: tuple[RunningImport, ...] = ()
    version: int = 0

    def at(self, now: datetime) -> tuple[RunningImport, ...]:
        """Return those that may be running at an instant."""
        return tuple(one for one in self.imports if one.until > now)


class ClosingView(Struct, frozen=True, kw_only=True):
    """A closing or a reopening: what was `closed_through` after it, and who did it when.

    `by` is the id of a token. `reopened_from` and `reason` are null unless days were reopened.
    """

    closed_through: date
    at: datetime
    by: str
    reopened_from: date | None
    reason: str | None


class Closings(Struct, frozen=True, kw_only=True):
    """The last closed date (null: none ever was), and all closings and reopenings, newest first."""

    closed_through: date | None
    history: list[ClosingView]

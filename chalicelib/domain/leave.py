"""Leave: days on which a person is excused."""

from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

from chalicelib.domain.schedule import Half
from chalicelib.domain.workday import Leave


class NewLeave(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A leave to create: dates from `since` to `until` inclusive, or one `half` of each."""

    since: date
    until: date
    kind: Annotated[str, Meta(min_length=1, max_length=40, examples=["annual", "sick"])]
    half: Half | None = None


class LeaveRecord(Struct, frozen=True, kw_only=True):
    """A leave: the dates from `since` to `until` inclusive, or one `half` of each."""

    leave_id: str
    person_id: str
    since: date
    until: date
    kind: str
    half: Half | None = None

    def leave(self) -> Leave:
        """The leave as the work-day rules see it."""
        return Leave(self.person_id, self.since, self.until, self.kind, self.half)

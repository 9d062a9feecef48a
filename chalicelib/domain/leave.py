"""Leave: as the work-day rules use it, as requested and as stored."""

from collections.abc import Iterable
from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

from chalicelib.domain.schedule import Half
from chalicelib.domain.text import fold


class Leave(Struct, frozen=True, forbid_unknown_fields=True):
    """Days a person is excused, `since` to `until` inclusive, or one `half` of each of them."""

    person_id: str
    since: date
    until: date
    kind: Annotated[str, Meta(min_length=1, max_length=40, examples=["annual", "sick"])]
    half: Half | None = None


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

    def equals(self, other: "LeaveRecord") -> bool:
        """Say whether another leave of the person is of the same kind and for the same days."""
        own, others = ((one.since, one.until, one.half, fold(one.kind)) for one in (self, other))
        return own == others

    def overlaps(self, other: "LeaveRecord") -> bool:
        """Say whether another leave of the person excuses them from the same half of a day."""
        halves = self.half is None or other.half is None or self.half == other.half
        return halves and self.since <= other.until and other.since <= self.until

    def leave(self) -> Leave:
        """Return the leave in the form that the work-day rules use."""
        return Leave(self.person_id, self.since, self.until, self.kind, self.half)


def leave_on(leaves: Iterable[Leave], on: date) -> Leave | None:
    """Find one person's leave on a date; a first and a second half together are a whole day."""
    found = [leave for leave in leaves if leave.since <= on <= leave.until]
    whole = next((leave for leave in found if leave.half is None), None)
    if whole is not None or not found:
        return whole
    if len({leave.half for leave in found}) == 2:
        return Leave(found[0].person_id, on, on, found[0].kind)
    return found[0]


def leaves_by_person(leaves: Iterable[Leave]) -> dict[str, list[Leave]]:
    """Group leave by person id."""
    people: dict[str, list[Leave]] = {}
    for leave in leaves:
        people.setdefault(leave.person_id, []).append(leave)
    return people

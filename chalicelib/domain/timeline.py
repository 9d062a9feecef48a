"""Facts that hold from a date on: a person's shift, group and employment, and a site's calendars.

A timeline is a tuple of `Dated` values in order of their dates. Each holds until the next one begins; the
first also holds on all earlier dates.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Generic, TypeVar

from msgspec import Struct

V = TypeVar("V")


class Dated(Struct, Generic[V], frozen=True, omit_defaults=True):
    """A value and the first date on which it holds; None means since ever."""

    value: V
    effective_from: date | None = None


Timeline = tuple[Dated[V], ...]


def always(value: V) -> Timeline[V]:
    """Return the timeline of a value that always held."""
    return (Dated(value),)


class Stint(Struct, frozen=True, omit_defaults=True):
    """A period in which a person belongs to the site: first and last date, None for no limit."""

    since: date | None = None
    until: date | None = None

    def covers(self, on: date) -> bool:
        """Say whether a date is within the stint."""
        return (self.since is None or self.since <= on) and (self.until is None or on <= self.until)


def value_on(timeline: Sequence[Dated[V]], on: date, default: V) -> V:
    """Return the value that holds on a date; `default` if the timeline is empty."""
    if not timeline:
        return default
    if len(timeline) == 1:
        return timeline[0].value
    return timeline[max(bisect_right(timeline, on, key=_since) - 1, 0)].value


def values_within(timeline: Sequence[Dated[V]], since: date, until: date) -> set[V]:
    """Return the values that hold on any date of a range, both ends included."""
    if not timeline:
        return set()
    begun = max(bisect_right(timeline, since, key=_since) - 1, 0)
    return {one.value for one in timeline[begun : max(bisect_right(timeline, until, key=_since), begun + 1)]}


def with_value(timeline: Sequence[Dated[V]], since: date | None, value: V, before: V) -> Timeline[V]:
    """Let a value hold from a date until the next change after it; `before` held while there was none.

    A change is kept even if it says what holds anyway: it ends what is entered later for an earlier date, so
    that the same changes give the same timeline in whatever order they are made. A change is undone, and
    leaves nothing, by the value that held before it.
    """
    first, *rest = timeline or (Dated(before),)
    known = {None: Dated(first.value), **{one.effective_from: one for one in rest}}
    undone = since is not None and since in known
    known[since] = Dated(value, since)
    found = sorted(known.values(), key=_since)
    if undone:
        place = found.index(known[since])
        if found[place - 1].value == value:
            del found[place]
    return tuple(found)


def first_difference(one: Sequence[Dated[V]], other: Sequence[Dated[V]], default: V) -> date | None:
    """Return the first date on which two timelines differ: `date.min` for since ever, None for never."""
    changes = sorted({date.min, *map(_since, one), *map(_since, other)})
    return next((on for on in changes if value_on(one, on, default) != value_on(other, on, default)), None)


def employed(stints: Sequence[Stint], on: date) -> bool:
    """Say whether a person belongs to the site on a date, and so can be absent."""
    if len(stints) == 1:  # as most people have, and it is asked for each day of each sheet
        return stints[0].covers(on)
    return any(stint.covers(on) for stint in stints)


def employed_within(stints: Sequence[Stint], since: date, until: date) -> bool:
    """Say whether a person belongs to the site on any date of a range, both ends included."""
    return any(
        (stint.since is None or stint.since <= until) and (stint.until is None or since <= stint.until)
        for stint in stints
    )


def first_difference_in_employment(one: Sequence[Stint], other: Sequence[Stint]) -> date | None:
    """Return the first date that is within a stint of only one of two people; None if there is none."""
    begins = {stint.since or date.min for stint in (*one, *other)}
    ends = {stint.until for stint in (*one, *other) if stint.until not in (None, date.max)}
    changes = sorted({date.min, *begins, *(end + timedelta(days=1) for end in ends if end)})
    return next((on for on in changes if employed(one, on) != employed(other, on)), None)


def _since(one: Dated[V]) -> date:
    return one.effective_from or date.min

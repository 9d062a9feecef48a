"""The rules of a person's stints: how a change of status, first or last date makes new ones of them."""

from collections.abc import Sequence
from datetime import date, timedelta

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.person import Status
from chalicelib.domain.timeline import Stint


class EmploymentChange(Struct, frozen=True, kw_only=True):
    """What a request says about a person's employment; what it leaves out is UNSET.

    A `status` takes effect on the date `on`, which is its last day if it is inactive.
    """

    on: date
    status: Status | UnsetType = UNSET
    since: date | UnsetType | None = UNSET
    until: date | UnsetType | None = UNSET


class Employment(Struct, frozen=True):
    """A person's stints, and whether they are recognised."""

    stints: tuple[Stint, ...]
    status: Status


def changed_employment(
    stints: Sequence[Stint], status: Status, change: EmploymentChange, *, today: date
) -> Employment:
    """Return the stints and the status of a person after a change.

    `since` and `until` are those of the last stint, but a `since` after the end of one that has begun begins
    another one, which makes the person active. Without `until`, becoming inactive ends the stint on the date
    `on`; a stint that was only planned is removed. Becoming active begins another stint on that date, or
    continues the last one if it lasts until the day before. Earlier stints never change. Raises
    InvalidRequest.

    A person who is to become inactive on a later date than `today` is active until then.
    """
    found = _begun(stints, change, today)
    leaves = change.status is Status.INACTIVE
    if leaves and change.until in (UNSET, None):
        found = _left(found, change.on, today)
    elif change.status is Status.ACTIVE and change.since is UNSET:
        ended = not found or (found[-1].until is not None and found[-1].until < change.on)
        if ended or status is Status.INACTIVE:
            found = _returned(found, change.on)
    if change.until is not UNSET and not (leaves and change.until is None):
        if not found:
            raise InvalidRequest("`until` needs `since`: the person does not belong to the site on any date.")
        found = (*found[:-1], replace(found[-1], until=change.until))
    if found != tuple(stints):
        _check(found)
    after = status
    if change.status is not UNSET and not (leaves and change.on > today):
        after = change.status
    elif len(found) > len(stints):
        after = Status.ACTIVE
    if after is Status.INACTIVE and found and found[-1].until is None:
        raise InvalidRequest("Somebody who is inactive has an `until`; make them active to clear it.")
    return Employment(found, after)


def _begun(stints: Sequence[Stint], change: EmploymentChange, today: date) -> tuple[Stint, ...]:
    """Apply `since`: it corrects the last stint, or begins another one after its end.

    A stint that has not begun is moved, wherever it was.
    """
    since = change.since
    if since is UNSET:
        return tuple(stints)
    if not stints:
        return (Stint(since),)
    *earlier, last = stints
    planned = last.since is not None and last.since > today
    if since is not None and last.until is not None and since > last.until and not planned:
        return (*stints, Stint(since))
    if change.status is Status.ACTIVE and change.until is UNSET and last.until is not None:
        if since is not None and (last.since is None or since > last.since):
            raise InvalidRequest(f"`since` is within the stint that lasts until {last.until}.")
        last = replace(last, until=None)
    return (*earlier, replace(last, since=since))


def _left(stints: tuple[Stint, ...], on: date, today: date) -> tuple[Stint, ...]:
    """End the last stint on a date; stints that were planned for later are removed."""
    while stints and stints[-1].since is not None and stints[-1].since > on:
        if stints[-1].since < today:
            raise InvalidRequest(f"`effective_from` is before the stint that began on {stints[-1].since}.")
        stints = stints[:-1]
    if not stints or (stints[-1].until is not None and stints[-1].until <= on):
        return stints
    return (*stints[:-1], replace(stints[-1], until=on))


def _returned(stints: tuple[Stint, ...], on: date) -> tuple[Stint, ...]:
    """Begin a stint on a date, or continue the last one if it lasts until the day before."""
    if not stints or (stints[-1].until is not None and stints[-1].until < on - timedelta(days=1)):
        return (*stints, Stint(on))
    return (*stints[:-1], replace(stints[-1], until=None))


def _check(stints: Sequence[Stint]) -> None:
    last = stints[-1] if stints else Stint()
    if last.since and last.until and last.until < last.since:
        raise InvalidRequest("`until` is before `since`.")
    if len(stints) > 1 and (last.since or date.min) <= (stints[-2].until or date.max):
        raise InvalidRequest(f"`since` is within the stint that lasts until {stints[-2].until}.")

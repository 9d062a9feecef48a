"""Rate limits of tokens, and lock-outs of kiosks and people after too many failed punches."""

from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import Literal

from chalicelib.aws.directory import Directory
from chalicelib.aws.rate_limits import RateLimits
from chalicelib.domain.errors import LockedOut, TooManyRequests
from chalicelib.domain.settings import Limits
from chalicelib.domain.token import Caller

Counted = Literal["session", "enrolment", "punch", "identification", "verification", "upload"]


_MOST: dict[Counted, Callable[[Limits], int]] = {
    "session": attrgetter("sessions_per_minute"),
    "enrolment": attrgetter("enrolments_per_minute"),
    "punch": attrgetter("punches_per_minute"),
    "identification": attrgetter("identifications_per_minute"),
    "verification": attrgetter("verifications_per_minute"),
    "upload": attrgetter("uploads_per_minute"),
}
"""The setting that limits how often a minute, by what is counted."""


KIOSK, PERSON, IDLE = "kiosk", "person", "idle-kiosk"
"""What may be locked out. The last one is for punches that use up no session."""


def count_request(
    directory: Directory, rate_limits: RateLimits, what: Counted, caller: Caller | None, *, now: datetime
) -> None:
    """Count a request of a caller in the current minute; raises TooManyRequests over the limit.

    Nothing is counted without a caller, as in the open lab.
    """
    if caller is not None:
        count_within(directory.settings().limits, rate_limits, what, caller, now=now)


def count_within(
    limits: Limits, rate_limits: RateLimits, what: Counted, caller: Caller | None, *, now: datetime
) -> None:
    """Do the same for who has read the limits already."""
    if caller is None:
        return
    count, left = rate_limits.count(what, caller.token_id, 60, now)
    if count > _MOST[what](limits):
        raise TooManyRequests(left)


def count_idle_punch(
    rate_limits: RateLimits, limits: Limits, caller: Caller | None, *, now: datetime
) -> None:
    """Count a punch that used up no session; over the limit the kiosk is locked out until the minute ends.

    The lock is read together with the session, before anything is paid for, so a punch that is recorded waits
    for no count of its own.
    """
    if caller is None:
        return
    count, left = rate_limits.count(IDLE, caller.token_id, 60, now)
    if count >= limits.punches_per_minute:
        rate_limits.lock(IDLE, caller.token_id, left, now)


def count_failure(
    rate_limits: RateLimits, limits: Limits, caller: Caller | None, person_id: str | None, *, now: datetime
) -> None:
    """Count a failed punch for the kiosk and for the person it resembled; lock out either after too many."""
    if caller is None:
        return
    _fail(
        rate_limits,
        KIOSK,
        caller.token_id,
        limits.kiosk_failures,
        limits.kiosk_window_s,
        limits.kiosk_lock_s,
        now,
    )
    if person_id:
        windows = limits.person_window_s, limits.person_lock_s
        _fail(rate_limits, PERSON, person_id, limits.person_failures, *windows, now)


def forget_failures(rate_limits: RateLimits, limits: Limits, person_id: str, *, now: datetime) -> None:
    """Delete what `count_failure` wrote about a person."""
    rate_limits.forget(f"failed-{PERSON}", person_id, limits.person_window_s, now)
    rate_limits.unlock(PERSON, person_id)


def _fail(
    rate_limits: RateLimits, what: str, who: str, most: int, window_s: int, lock_s: int, now: datetime
) -> None:
    count, _ = rate_limits.count(f"failed-{what}", who, window_s, now)
    if count >= most:
        rate_limits.lock(what, who, lock_s, now)


def require_unlocked(locked_until: int, *, now: datetime) -> None:
    """Raise LockedOut before an instant (Unix time in seconds; 0 for no lock-out)."""
    left = locked_until - int(now.timestamp())
    if left > 0:
        raise LockedOut(left)

"""How a person attended the sessions of a day: each present, late or absent, by their times at work."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from chalicelib.domain.schedule import ScheduledSession, Shift

SessionState = Literal["expected", "present", "late", "absent"]


class SessionAttendance(Struct, frozen=True):
    """One session of a work day that a person was due in, and how they attended it.

    `late_minutes` and `early_minutes` are counted from its start and end and rounded down, but are at least 1
    if the person was late or early. A session is `expected` until its grace period ends.
    """

    starts: datetime
    ends: datetime
    state: SessionState
    late_minutes: int = 0
    early_minutes: int = 0


Span = tuple[int | None, int | None]
"""The in and the out of a pair in seconds since 1970, the finest unit that people are shown."""


def judge_sessions(
    rules: Shift, due: tuple[ScheduledSession, ...], spans: list[Span], at_work: bool, now_s: int
) -> tuple[tuple[SessionAttendance, ...], int]:
    """Judge the sessions by the times between in and out; also return the longest delay in seconds.

    A pair attends the sessions that it meets, and none if it meets none. Where one end is unknown, an in
    attends the first session that was not over at it, or else the last; an out the last session that had
    begun at it, or else the first. While somebody is at work, the last in goes on until now: if it meets no
    session, it attends the next one, and none when all were over at it.
    """
    came, went = spans[-1][0], spans[0][1]
    if len(due) == 1 and came is not None and came < due[0].ends_s:
        all_attend = len(spans) == 1 if went is None else went > due[0].starts_s
        if all_attend:  # as on almost every day, which need not take the long way
            return (judge_session(rules, due[0], spans, now_s),), _delay_s(due[0], spans)
    attended: list[list[Span]] = [[] for _ in due]
    for number, (into, out) in enumerate(spans, start=1):
        goes_on = at_work and number == len(spans)
        for index in _met(due, into, now_s if goes_on else out, goes_on):
            attended[index].append((into, out))
    judged = zip(due, attended, strict=True)
    return (
        tuple(judge_session(rules, session, own, now_s) for session, own in judged),
        max(map(_delay_s, due, attended)),
    )


def _delay_s(session: ScheduledSession, spans: list[Span]) -> int:
    """Return how long after the start of a session somebody came; 0 if they were early or it is unknown."""
    came = spans[0][0] if spans else None
    return 0 if came is None or came < session.starts_s else came - session.starts_s


def _met(due: tuple[ScheduledSession, ...], into: int | None, until: int | None, goes_on: bool) -> list[int]:
    """Return the indices of the sessions that a time between in and out attends."""
    if into is None:
        return [max((n for n, one in enumerate(due) if one.starts_s < (until or 0)), default=0)]
    ahead = [n for n, one in enumerate(due) if into < one.ends_s]
    if until is None:
        return ahead[:1] or [len(due) - 1]
    met = [n for n in ahead if until > due[n].starts_s]
    return met or ahead[:1] if goes_on else met


def judge_session(
    rules: Shift, session: ScheduledSession, spans: list[Span], now_s: int
) -> SessionAttendance:
    """Judge a session by the times at work that attend it, in order."""
    if not spans:
        waiting = now_s <= session.starts_s + rules.grace_minutes * 60
        return SessionAttendance(session.starts, session.ends, "expected" if waiting else "absent")
    came, went = spans[0][0], spans[-1][1]
    late = early = 0
    if came is not None:  # of someone first seen leaving, the arrival is unknown
        delay = came - session.starts_s
        if delay > rules.grace_minutes * 60:
            late = max(delay // 60, 1)
    if went is not None and now_s >= session.ends_s:  # until then they may come back
        short = session.ends_s - went
        if short > rules.early_grace_minutes * 60:
            early = max(short // 60, 1)
    return SessionAttendance(session.starts, session.ends, "late" if late else "present", late, early)

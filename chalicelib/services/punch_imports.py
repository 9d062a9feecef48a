"""Import of punches in bulk: from other systems, and from files of devices as they are.

However often and however concurrently a file is sent, each of its punches is recorded once: a row whose
person has a punch at that instant, counted or corrected since, is a duplicate. So an import that failed
half-way is completed by sending the file again. A row is a duplicate, too, if it is within the duplicate
window of another punch of its work day and of the same direction, or of none.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.aws.attendance_store import AttendanceStore
from chalicelib.aws.backoff import pause
from chalicelib.aws.directory import Directory
from chalicelib.aws.dynamodb import TRANSACTION
from chalicelib.aws.metrics import record_changes
from chalicelib.aws.signing_key import SigningKey
from chalicelib.aws.site_store import SiteStore
from chalicelib.domain.audit_entry import FieldChange
from chalicelib.domain.dates import EARLIEST_INSTANT, LAST_DATE, MAX_CLOCK_SKEW
from chalicelib.domain.errors import Busy, ImportRefused
from chalicelib.domain.ids import new_punch_id
from chalicelib.domain.punch import DayRecord, Punch
from chalicelib.domain.punch_files import Format, PunchRow, read
from chalicelib.domain.text import fold
from chalicelib.domain.types import to_builtins
from chalicelib.domain.workday import TimeEvent, merge_events, recent_event, resolve_direction
from chalicelib.services.closings import importing, past
from chalicelib.services.corrections import DAY
from chalicelib.services.import_rows import CellError
from chalicelib.services.retries import ATTEMPTS

DAY_PUNCHES = 1000
"""The most punches of a person on a work day, which is one item of at most 400 KB."""


CODE_CHARS, ID_CHARS = 64, 40
"""The most characters of a code and of an id; nobody has a longer one, and a key of the table has limits."""


NOBODY = "There is no such person."


Mode = Literal["all", "good"]


Status = Literal["created", "valid", "duplicate", "invalid"]


class PunchRowResult(Struct, frozen=True, kw_only=True):
    """The result of a row: `created` (in a dry run `valid`), `duplicate` or `invalid`.

    `punch_id` is the punch created, or the one that the row would repeat.
    """

    row: int
    status: Status
    person_id: str | None = None
    punch_id: str | None = None
    at: datetime | None = None
    work_day: date | None = None
    problems: list[CellError] = []


class PunchImportResult(Struct, frozen=True, kw_only=True):
    """The result of an import of punches, with the format that the file was read as."""

    dry_run: bool
    mode: Mode
    format: Format
    rows_total: int
    created: int
    duplicates: int
    failed: int
    items: list[PunchRowResult]


class _Known(Struct, frozen=True):
    """A row whose person and instant are known."""

    row: PunchRow
    person_id: str
    at: datetime


class _Plan(Struct, frozen=True):
    """What rows of a person come to: new punches by row number, and the results of the other rows.

    `days` are the work days around them as they were read.
    """

    person_id: str
    rows: list[_Known]
    results: dict[int, PunchRowResult]
    punches: dict[int, Punch]
    days: dict[date, DayRecord]


def run(
    directory: Directory,
    attendance_store: AttendanceStore,
    signing_key: SigningKey,
    site_store: SiteStore,
    content: bytes,
    *,
    asked: Format | None,
    dry_run: bool,
    mode: Mode,
    by: str,
    now: datetime,
) -> PunchImportResult:
    """Record the punches of a file, or with `dry_run` only report the result of each row.

    With mode `all`, a single invalid row raises ImportRefused with all results, and nothing is recorded.
    Raises InvalidImport, ImportTooLarge, PeriodClosed if days of the file are being closed, or Busy after
    some of the punches were recorded.
    """
    found, rows = read(content, asked)
    planner = _Planner(directory, attendance_store, signing_key, by=by, now=now)
    results, known = planner.check(rows)

    def result() -> PunchImportResult:
        items = [results[number] for number in sorted(results)]
        return PunchImportResult(
            dry_run=dry_run,
            mode=mode,
            format=found,
            rows_total=len(items),
            created=sum(item.status == "created" for item in items),
            duplicates=sum(item.status == "duplicate" for item in items),
            failed=sum(item.status == "invalid" for item in items),
            items=items,
        )

    plans = planner.plan(known)
    for plan in plans:
        results |= plan.results
        results |= {number: _new(number, "valid", made) for number, made in plan.punches.items()}
    if dry_run:
        return result()
    if mode == "all" and any(one.status == "invalid" for one in results.values()):
        raise ImportRefused(to_builtins(result()))
    with importing(site_store, planner.first_past_day(plans), now=now):
        failures = 0
        while plans := [plan for plan in plans if plan.punches]:
            created = _write(attendance_store, plans)
            results |= {number: _new(number, "created", made) for number, made in created.items()}
            failures = 0 if created else failures + 1
            if failures == ATTEMPTS:
                raise Busy
            if failures:
                pause(failures)
            unfinished = [plan for plan in plans if plan.punches.keys() - created.keys()]
            plans = planner.plan_again(unfinished, created)
            for plan in plans:
                results |= plan.results
    done = result()
    record_changes(
        FieldChange(name, None, str(getattr(done, name))) for name in ("created", "duplicates", "failed")
    )
    return done


class _Planner:
    """Finds out what rows come to, by the people, the site and the work days as they are."""

    def __init__(
        self,
        directory: Directory,
        attendance_store: AttendanceStore,
        signing_key: SigningKey,
        *,
        by: str,
        now: datetime,
    ) -> None:
        self._directory, self._attendance_store, self._signing_key = directory, attendance_store, signing_key
        site = directory.site()
        self._schedule = site.schedule()
        self._window_s = site.settings.duplicate_window_s
        self._closed_through = site.closed_through
        self._today = site.settings.today(now)
        self._by, self._now = by, now

    def first_past_day(self, plans: Iterable[_Plan]) -> date | None:
        """Return the earliest day before today that planned punches are of; None if there is none."""
        days = (punch.work_day for plan in plans for punch in plan.punches.values())
        return past(min(days, default=None), self._today)

    def check(self, rows: list[PunchRow]) -> tuple[dict[int, PunchRowResult], list[_Known]]:
        """Return the results of rows that are wrong in themselves, by number, and the others."""
        codes = {row.code for row in rows if row.code and len(row.code) <= CODE_CHARS}
        owners = self._directory.owners(codes)
        results: dict[int, PunchRowResult] = {}
        known: list[_Known] = []
        for row in rows:
            problems = [CellError(*problem) for problem in row.problems]
            person_id = owners.get(fold(row.code)) if row.code in codes else row.person_id
            if row.code and person_id is None:
                problems.append(CellError("code", "Nobody has this code."))
            if row.person_id and len(row.person_id) > ID_CHARS:
                problems.append(CellError("person_id", NOBODY))
            at = self._instant(row.at) if row.at else None
            if at and at > self._now + MAX_CLOCK_SKEW:
                problems.append(CellError("at", "This is in the future."))
            if at and at < EARLIEST_INSTANT:
                problems.append(CellError("at", "This is before 2000."))
            if problems or person_id is None or at is None:
                results[row.row] = PunchRowResult(row=row.row, status="invalid", problems=problems)
            else:
                known.append(_Known(row, person_id, at))
        return results, known

    def _instant(self, at: datetime) -> datetime:
        """Return an instant in UTC; wall-clock time is of the zone that the site has on its date.

        An hour that the clocks repeat is taken as the first.
        """
        if not EARLIEST_INSTANT.year <= at.year <= LAST_DATE.year:  # an offset could overflow
            return EARLIEST_INSTANT - DAY if at.year < EARLIEST_INSTANT.year else self._now + DAY
        if at.tzinfo is None:
            at = at.replace(tzinfo=ZoneInfo(self._schedule.calendar(at.date()).zone))
        return at.astimezone(UTC)

    def plan(self, known: Sequence[_Known]) -> list[_Plan]:
        """Plan rows by people and work days as they are now."""
        by_person: dict[str, list[_Known]] = {}
        for one in sorted(known, key=lambda one: (one.at, one.row.row)):
            by_person.setdefault(one.person_id, []).append(one)
        people = self._directory.people(by_person)
        by_rule = {
            one.row.row: self._schedule.work_day(one.at, people[one.person_id].shifts)
            for one in known
            if one.person_id in people
        }
        days = self._attendance_store.days_at(
            (one.person_id, by_rule[one.row.row] + n * DAY)
            for one in known
            if one.person_id in people
            for n in (-1, 0, 1)
        )
        return [
            self._plan(own, by_rule, days[person_id]) if person_id in people else _of_nobody(own)
            for person_id, own in by_person.items()
        ]

    def plan_again(self, plans: Sequence[_Plan], created: Mapping[int, Punch]) -> list[_Plan]:
        """Plan anew the rows of people in whose way another write got."""
        left = [one for plan in plans for one in plan.rows if one.row.row not in created]
        lost = [punch for plan in plans for number, punch in plan.punches.items() if number not in created]
        there = self._attendance_store.punches_by_id((punch.person_id, punch.punch_id) for punch in lost)
        return [_without(plan, there) for plan in self.plan(left)]

    def _plan(self, rows: list[_Known], by_rule: Mapping[int, date], days: dict[date, DayRecord]) -> _Plan:
        plan = _Plan(rows[0].person_id, rows, {}, {}, days)
        after = dict(days)
        for one in rows:
            number, rule = one.row.row, by_rule[one.row.row]
            before, day = after[rule - DAY], after[rule]
            near = (before, day, after[rule + DAY])
            same = next((event for record in near if (event := _at_instant(record, one.at))), None)
            if one.row.direction == "out" and before.is_closed_by(one.at, day):
                day = before
            if same is None:
                same = self._repeated(day, one)
            if same is not None:
                plan.results[number] = PunchRowResult(
                    row=number,
                    status="duplicate",
                    person_id=one.person_id,
                    punch_id=same.id,
                    at=same.at.astimezone(ZoneInfo(same.zone)),
                    work_day=same.work_day,
                )
            elif self._closed_through and day.work_day <= self._closed_through:
                plan.results[number] = _invalid(one, "at", f"The work day {day.work_day} is closed.")
            elif len(day.events) >= DAY_PUNCHES:
                plan.results[number] = _invalid(one, "at", f"A work day has {DAY_PUNCHES:,} punches at most.")
            else:
                made = plan.punches[number] = self._punch(one, day.work_day)
                after[day.work_day] = replace(day, events=merge_events(day.events, [made.event()]))
        return plan

    def _repeated(self, day: DayRecord, one: _Known) -> TimeEvent | None:
        """Find the punch that a row repeats: a device touched twice has two rows of one direction."""
        near = recent_event(day.counted(), one.at, self._window_s)
        if near is None or one.row.direction in ("auto", resolve_direction(day.events, near)):
            return near
        return None

    def _punch(self, one: _Known, work_day: date) -> Punch:
        # The same for every import of this punch. It is signed, because the punches of an erased person stay
        # under a pseudonym, with their ids: nobody is to find them by trying.
        signed = self._signing_key.sign(f"punch {one.person_id} {one.at.isoformat()}").hex()
        return Punch(
            punch_id=new_punch_id(one.at, signed),
            person_id=one.person_id,
            at=one.at,
            recorded_at=self._now,
            work_day=work_day,
            zone=self._schedule.calendar(work_day).zone,
            direction=one.row.direction,
            source="import",
            device=one.row.device,
            reason=one.row.reason,
            by=self._by,
        )


def _new(number: int, status: Status, made: Punch) -> PunchRowResult:
    return PunchRowResult(
        row=number,
        status=status,
        person_id=made.person_id,
        punch_id=made.punch_id,
        at=made.local_at(),
        work_day=made.work_day,
    )


def _invalid(one: _Known, field: str, message: str) -> PunchRowResult:
    return PunchRowResult(row=one.row.row, status="invalid", problems=[CellError(field, message)])


def _of_nobody(rows: list[_Known]) -> _Plan:
    results = {one.row.row: _invalid(one, "person_id", NOBODY) for one in rows}
    return _Plan(rows[0].person_id, rows, results, {}, {})


def _at_instant(day: DayRecord, at: datetime) -> TimeEvent | None:
    """Find the punch of an instant, also one that was corrected or removed since: it is not to come back."""
    return next((event for event in day.events if event.at == at and not event.void), None)


def _without(plan: _Plan, there: Mapping[str, Punch]) -> _Plan:
    """Leave out of a plan the punches that are there, on a work day that they would no longer get."""
    found = {number: punch for number, punch in plan.punches.items() if punch.punch_id in there}
    duplicates = {number: _new(number, "duplicate", there[punch.punch_id]) for number, punch in found.items()}
    left = {number: punch for number, punch in plan.punches.items() if number not in found}
    return replace(plan, results=plan.results | duplicates, punches=left)


def _write(attendance_store: AttendanceStore, plans: Iterable[_Plan]) -> dict[int, Punch]:
    """Write what was planned, as far as nothing gets in the way; returns the punches created, by row."""
    groups = dict(enumerate((plan, group) for plan in plans for group in _groups(plan)))
    lost = attendance_store.add_punches(
        (number, [plan.punches[row] for row in group], list(plan.days.values()))
        for number, (plan, group) in groups.items()
    )
    return {
        row: plan.punches[row]
        for number, (plan, group) in groups.items()
        if number not in lost
        for row in group
    }


def _groups(plan: _Plan) -> Iterator[list[int]]:
    """Divide the new punches of a person into groups, each for one transaction, by whole days if they fit.

    The rest is planned again afterwards. With the check of the person, two groups in a row never fit into the
    same transaction, which may name the person once only.
    """
    by_day: dict[date, list[int]] = {}
    for number, punch in plan.punches.items():
        by_day.setdefault(punch.work_day, []).append(number)
    group: list[int] = []
    room = TRANSACTION - 1
    for _, numbers in sorted(by_day.items()):
        some = numbers[: TRANSACTION - 2]
        if len(some) + 1 > room:
            yield group
            group, room = [], TRANSACTION - 1
        group += some
        room -= len(some) + 1
        if len(some) < len(numbers):
            break
    if group:
        yield group

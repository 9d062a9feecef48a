"""Maintenance of a stage by an administrator: `rebuild-days`, `sweep`, `retain`, `reindex`."""

import argparse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from infra.progress import counted, say
from infra.stage import Failure, use

PARALLEL = 8
"""How many people are processed at a time."""

ATTEMPTS = 30
"""Attempts per person while AWS throttles; together they take about half a minute."""


def rebuild_days(options: argparse.Namespace) -> None:
    """Recompute everybody's work days from the punches and rewrite those that differ. Raises Failure."""
    use(options.stage, options.state)
    from chalicelib import wiring
    from chalicelib.domain.dates import date_range
    from chalicelib.domain.errors import InvalidRequest
    from chalicelib.services import corrections

    try:
        days = len(date_range(options.since, options.until))
    except InvalidRequest as error:
        raise Failure(str(error).replace("`", "")) from None
    attendance = wiring.attendance_store()
    people = sorted(person.person_id for person in wiring.directory().all_people())
    say(f"{len(people)} people, {days} days each")

    def rebuild(person_id: str) -> int:
        return corrections.rebuild(attendance, person_id, options.since, options.until)

    changed = 0
    with ThreadPoolExecutor(PARALLEL) as pool:
        for found in counted(pool.map(rebuild, people), len(people), "people"):
            changed += found
    print(f"{changed} work days differed and are rewritten.")


def sweep(options: argparse.Namespace) -> None:
    """Complete or undo interrupted operations, as the schedule does each minute. Raises Failure."""
    use(options.stage, options.state)
    from chalicelib import wiring
    from chalicelib.services import sweep as sweeping

    gateways = wiring.directory(), wiring.personal_data(), wiring.collection(), wiring.bucket()
    found = sweeping.sweep(*gateways, now=wiring.now())
    print(
        f"Completed or undone: {found['swept']} enrolments and removals, {found['erasures']} erasures, "
        f"{found['uploads']} uploads, {found['exports']} exports."
    )


def retain(options: argparse.Namespace) -> None:
    """Delete data whose retention period is over; with `--dry-run` only count it. Raises Failure."""
    use(options.stage, options.state)
    from chalicelib import wiring
    from chalicelib.services.retention import apply_retention

    gateways = (
        wiring.directory(),
        wiring.audit_log(),
        wiring.personal_data(),
        wiring.collection(),
        wiring.bucket(),
    )
    plan = apply_retention(*gateways, dry_run=options.dry_run, now=wiring.now())
    print("Would be deleted:" if options.dry_run else "Deleted:")
    for name, count in plan.counts().items():
        print(f"  {count:>8} {name.replace('_', ' ')}")


def reindex(options: argparse.Namespace) -> None:
    """Index the faces that the collection lacks again, from their photos. Raises Failure."""
    use(options.stage, options.state)
    from chalicelib import wiring
    from chalicelib.aws.backoff import attempts
    from chalicelib.aws.client_events import is_busy
    from chalicelib.domain.errors import Busy
    from chalicelib.services import restore_collection

    directory, collection, bucket = wiring.directory(), wiring.collection(), wiring.bucket()
    collection.create_collection()
    people = [person for person in directory.all_people() if person.face_ids]
    say(f"{len(people)} people with faces")

    def of_one(person_id: str) -> restore_collection.Reindexed:
        for _ in attempts(ATTEMPTS):  # many at a time exceed Rekognition's quota
            try:
                return restore_collection.reindex(directory, collection, bucket, person_id)
            except Exception as error:
                if not (isinstance(error, Busy) or is_busy(error)):
                    raise
        raise Failure("AWS keeps throttling; run the command again later, it continues from here")

    total = restore_collection.Reindexed()
    with ThreadPoolExecutor(PARALLEL) as pool:
        done: Iterator[restore_collection.Reindexed] = pool.map(
            of_one, [person.person_id for person in people]
        )
        for found in counted(done, len(people), "people"):
            total += found
            for lost in found.lost:
                say(f"  lost: {lost}")
    print(f"{total.kept} faces were present, {total.restored} were restored, {len(total.lost)} are lost.")
    if total.lost:
        raise Failure("people whose faces are lost must be enrolled again")

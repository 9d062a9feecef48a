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
    from chalicelib.domain.errors import InvalidRequest
    from chalicelib.domain.periods import period
    from chalicelib.services import corrections

    try:
        days = len(period(options.since, options.until))
    except InvalidRequest as error:
        raise Failure(str(error).replace("`", "")) from None
    ledger = wiring.ledger()
    people = sorted(person.person_id for person in wiring.store().everybody())
    say(f"{len(people)} people, {days} days each")

    def rebuild(person_id: str) -> int:
        return corrections.rebuild(ledger, person_id, options.since, options.until)

    changed = 0
    with ThreadPoolExecutor(PARALLEL) as pool:
        for found in counted(pool.map(rebuild, people), len(people), "people"):
            changed += found
    print(f"{changed} work days differed and are rewritten.")


def sweep(options: argparse.Namespace) -> None:
    """Complete or undo interrupted operations, as the schedule does each minute. Raises Failure."""
    use(options.stage, options.state)
    from chalicelib import wiring
    from chalicelib.services import privacy

    gateways = wiring.store(), wiring.traces(), wiring.faces(), wiring.photos()
    found = privacy.sweep(*gateways, now=wiring.now())
    print(
        f"Completed or undone: {found['swept']} enrolments and removals, {found['erasures']} erasures, "
        f"{found['uploads']} uploads, {found['exports']} exports."
    )


def retain(options: argparse.Namespace) -> None:
    """Delete data whose retention period is over; with `--dry-run` only count it. Raises Failure."""
    use(options.stage, options.state)
    from chalicelib import wiring
    from chalicelib.services import privacy

    gateways = wiring.store(), wiring.access(), wiring.traces(), wiring.faces(), wiring.photos()
    plan = privacy.retain(*gateways, dry_run=options.dry_run, now=wiring.now())
    print("Would be deleted:" if options.dry_run else "Deleted:")
    for name, count in plan.counts().items():
        print(f"  {count:>8} {name.replace('_', ' ')}")


def reindex(options: argparse.Namespace) -> None:
    """Index the faces that the collection lacks again, from their photos. Raises Failure."""
    use(options.stage, options.state)
    from chalicelib import wiring
    from chalicelib.aws.table import pause
    from chalicelib.domain.errors import Busy
    from chalicelib.services import reindexing

    store, faces, photos = wiring.store(), wiring.faces(), wiring.photos()
    faces.make_collection()
    people = [person for person in store.everybody() if person.face_ids]
    say(f"{len(people)} people with faces")

    def of_one(person_id: str) -> reindexing.Reindexed:
        for attempt in range(ATTEMPTS):
            try:
                return reindexing.reindex(store, faces, photos, person_id)
            except Exception as error:
                if not (isinstance(error, Busy) or wiring.is_busy(error)):
                    raise
                pause(attempt)  # many at a time exceed Rekognition's quota
        raise Failure("AWS keeps throttling; run the command again later, it continues from here")

    total = reindexing.Reindexed()
    with ThreadPoolExecutor(PARALLEL) as pool:
        done: Iterator[reindexing.Reindexed] = pool.map(of_one, [person.person_id for person in people])
        for found in counted(done, len(people), "people"):
            total += found
            for lost in found.lost:
                say(f"  lost: {lost}")
    print(f"{total.kept} faces were present, {total.restored} were restored, {len(total.lost)} are lost.")
    if total.lost:
        raise Failure("people whose faces are lost must be enrolled again")

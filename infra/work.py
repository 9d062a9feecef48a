"""What an administrator has a stage do from outside: rebuild, sweep, index anew."""

import argparse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from infra.progress import counted, say
from infra.stage import Failure, use

PARALLEL = 8
"""How many people are worked on at a time."""

PATIENCE = 30
"""How often a person whom AWS is too busy for is tried: half a minute."""


def rebuild_days(options: argparse.Namespace) -> None:
    """Write everybody's work days anew from the punches where they differ. Raises Failure."""
    use(options.stage, options.state)
    from chalicelib import wiring
    from chalicelib.domain.dates import date_range
    from chalicelib.domain.errors import InvalidRequest
    from chalicelib.services import corrections

    try:
        days = len(date_range(options.since, options.until))
    except InvalidRequest as error:
        raise Failure(str(error).replace("`", "")) from None
    attendance_store = wiring.attendance_store()
    people = sorted(person.person_id for person in wiring.directory().everybody())
    say(f"{len(people)} people, {days} days each")

    def rebuild(person_id: str) -> int:
        return corrections.rebuild(attendance_store, person_id, options.since, options.until)

    changed = 0
    with ThreadPoolExecutor(PARALLEL) as pool:
        for found in counted(pool.map(rebuild, people), len(people), "people"):
            changed += found
    print(f"{changed} days of people were wrong and are rewritten.")


def sweep(options: argparse.Namespace) -> None:
    """Undo and finish what a crash left half-done, as the schedule does each minute. Raises Failure."""
    use(options.stage, options.state)
    from chalicelib import wiring
    from chalicelib.services import sweep as sweeping

    gateways = wiring.directory(), wiring.personal_data(), wiring.collection(), wiring.bucket()
    found = sweeping.sweep(*gateways, now=wiring.now())
    print(f"{found['swept']} unfinished enrolments and removals were undone or finished,")
    print(f"{found['erasures']} erasures, {found['uploads']} uploads and {found['exports']} exports too.")


def retain(options: argparse.Namespace) -> None:
    """Remove what has been kept for as long as the settings say, or say what that is. Raises Failure."""
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
    print("This would go:" if options.dry_run else "This is gone:")
    for name, count in plan.counts().items():
        print(f"  {count:>8} {name.replace('_', ' ')}")


def reindex(options: argparse.Namespace) -> None:
    """Put everybody's faces that the collection lacks back into it, from their photos. Raises Failure."""
    use(options.stage, options.state)
    from chalicelib import wiring
    from chalicelib.aws.client_events import is_busy
    from chalicelib.domain.errors import Busy
    from chalicelib.services import restore_collection
    from chalicelib.services.retries import pause

    store, faces, photos = wiring.directory(), wiring.collection(), wiring.bucket()
    faces.make_collection()
    people = [person for person in store.everybody() if person.face_ids]
    say(f"{len(people)} people with faces")

    def of_one(person_id: str) -> restore_collection.Reindexed:
        for attempt in range(PATIENCE):
            try:
                return restore_collection.reindex(store, faces, photos, person_id)
            except Exception as error:
                if not (isinstance(error, Busy) or is_busy(error)):
                    raise
                pause(attempt)  # many at once are over Rekognition's quota
        raise Failure("AWS is too busy; run the command again later, it goes on from here")

    total = restore_collection.Reindexed()
    with ThreadPoolExecutor(PARALLEL) as pool:
        done: Iterator[restore_collection.Reindexed] = pool.map(
            of_one, [person.person_id for person in people]
        )
        for found in counted(done, len(people), "people"):
            total += found
            for lost in found.lost:
                say(f"  lost: {lost}")
    print(f"{total.kept} faces were there, {total.restored} are back, {len(total.lost)} are lost.")
    if total.lost:
        raise Failure("the people of the lost faces must be enrolled anew")

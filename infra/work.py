"""Maintenance of a stage by an administrator, from `rebuild-days` to `migrate`."""

import argparse
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from infra.progress import counted, say
from infra.stage import Failure, use

T = TypeVar("T")

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
    from chalicelib.services import restore_collection

    directory, collection, bucket = wiring.directory(), wiring.collection(), wiring.bucket()
    collection.create_collection()
    people = [person for person in directory.all_people() if person.face_ids]
    say(f"{len(people)} people with faces")

    def of_one(person_id: str) -> restore_collection.Reindexed:
        return _patiently(lambda: restore_collection.reindex(directory, collection, bucket, person_id))

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


def reconcile(options: argparse.Namespace) -> None:
    """Bring collection and bucket in line with a restored table; with `--dry-run` only count. Raises Failure.

    Each step may be repeated, so that a command that was interrupted is run again.
    """
    use(options.stage, options.state)
    from chalicelib import wiring
    from chalicelib.services import reconciliation
    from chalicelib.services.enrolment import withdraw_consent
    from chalicelib.services.erasure import erase

    directory, collection, bucket = wiring.directory(), wiring.collection(), wiring.bucket()
    personal_data, dry_run = wiring.personal_data(), options.dry_run
    verb = "would be" if dry_run else "were"

    erased = reconciliation.erased_people(directory, bucket)
    for person_id, attendance in counted(erased, len(erased), "erasures") if not dry_run else ():
        again = partial(erase, directory, personal_data, collection, bucket, person_id, attendance)
        _patiently(partial(again, now=wiring.now()))
    print(f"{len(erased)} people who had been erased {verb} erased again.")

    gone = {person_id for person_id, _ in erased}
    withdrawn = [one for one in reconciliation.withdrawn_consents(directory, bucket) if one not in gone]
    for person_id in counted(withdrawn, len(withdrawn), "withdrawals") if not dry_run else ():
        _patiently(partial(withdraw_consent, directory, collection, bucket, person_id, now=wiring.now()))
    print(f"{len(withdrawn)} people who had withdrawn their consent {verb} without it again.")

    faces = strays = 0
    for page in collection.pages():
        stray = reconciliation.stray_faces(directory, page, without={person_id for person_id, _ in erased})
        if not dry_run:
            _patiently(partial(collection.delete_faces, stray))
        faces, strays = faces + len(page), strays + len(stray)
        say(f"{faces} faces of the collection checked")
    print(f"{strays} of {faces} faces of the collection were nobody's and {verb} deleted.")

    keys = bucket.list_keys("photos/")
    strays = 0
    for start in range(0, len(keys), 1000):
        stray = reconciliation.stray_photos(
            directory, keys[start : start + 1000], without={person_id for person_id, _ in erased}
        )
        for key in stray if not dry_run else ():
            bucket.delete_all(key)
        strays += len(stray)
        say(f"{min(start + 1000, len(keys))} of {len(keys)} photos checked")
    print(f"{strays} of {len(keys)} photos were nobody's and {verb} deleted.")


def migrate(options: argparse.Namespace) -> None:
    """Upgrade the items that an earlier version wrote; with `--dry-run` only count them. Raises Failure.

    A command that was interrupted is run again; it continues from there.
    """
    use(options.stage, options.state)
    from chalicelib import wiring
    from chalicelib.services import migration

    items = wiring.outdated_items()
    found = migration.find_outdated(items)
    if options.dry_run:
        print(f"{found.settings} items of the settings and {len(found.people)} people would be upgraded.")
        return
    _patiently(partial(migration.upgrade_settings, items))

    def upgrade(person_id: str) -> bool:
        return _patiently(partial(migration.upgrade_person, items, person_id))

    with ThreadPoolExecutor(PARALLEL) as pool:
        done = pool.map(upgrade, found.people)
        upgraded = sum(counted(done, len(found.people), "people"))
    print(f"{found.settings} items of the settings and {upgraded} people were upgraded.")


def _patiently(action: Callable[[], T]) -> T:
    """Call `action` again while AWS throttles. Raises Failure."""
    from chalicelib.aws.backoff import attempts
    from chalicelib.aws.client_events import is_busy
    from chalicelib.domain.errors import Busy

    for _ in attempts(ATTEMPTS):  # many at a time exceed Rekognition's quota
        try:
            return action()
        except Exception as error:
            if not (isinstance(error, Busy) or is_busy(error)):
                raise
    raise Failure("AWS keeps throttling; run the command again later, it continues from here")

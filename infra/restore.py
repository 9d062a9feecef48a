"""`restore-day`: bring the punches of one person's day back from a restored copy of the table.

Punches are never overwritten: those that the table has stay, those that it lacks are added, and the day is
computed from all of them.
"""

import argparse

from infra.stage import Failure, find, use_cloud


def restore_day(options: argparse.Namespace) -> None:
    """Copy a person's punches of a day that the stage's table lacks from another table. Raises Failure."""
    stage = find(options.stage)
    use_cloud(stage)
    from chalicelib import wiring
    from chalicelib.aws import items
    from chalicelib.aws.dynamodb import Table, insert
    from chalicelib.domain.errors import PersonNotFound, WriteConflict
    from chalicelib.services import corrections
    from chalicelib.web import audit
    from chalicelib.web.request import Reply

    if options.from_table == stage.prefix:
        raise Failure(f"{stage.prefix} is the stage's own table; name the restored copy of it")
    client = stage.client("dynamodb")
    try:
        client.describe_table(TableName=options.from_table)
    except client.exceptions.ResourceNotFoundException:
        raise Failure(f"there is no table {options.from_table} in {stage.region}") from None
    person, day = options.person, options.day
    partition, table = f"PERSON#{person}", wiring.table()
    try:
        wiring.directory().person(person)
    except PersonNotFound as error:
        raise Failure(f"{error} Nobody who was erased is brought back") from None

    copy = Table(client, options.from_table)
    wanted = [
        item for item in copy.query_all(partition, prefix="PUNCH#") if item["work_day"] == day.isoformat()
    ]
    present = {item["sk"] for item in table.query_all(partition, prefix="PUNCH#")}
    lacking = [item for item in wanted if item["sk"] not in present]
    print(f"{len(wanted)} punches of {day} in {options.from_table}, {len(lacking)} of them are lacking.")
    if options.dry_run:
        return
    ids = {"person_id": person}
    now = wiring.now()
    with audit.audited(
        wiring.audit_log(), wiring.signing_key(), audit.OUTSIDE, "infra restore-day", ids, now=now
    ) as done:
        try:
            for item in lacking:
                table.write(insert(item), items.require_person(person))
        except WriteConflict:
            raise Failure("the person is being erased, or their punches change; run it again") from None
        changed = corrections.rebuild(wiring.attendance_store(), person, day, day)
        done(Reply(200, None))
    print(f"{len(lacking)} punches are restored; {changed} work days are computed anew.")

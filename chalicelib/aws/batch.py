"""Many groups of writes, each group atomic, in as few transactions as possible."""

from collections.abc import Iterable
from functools import partial
from typing import TypeVar

from chalicelib.aws.backoff import pause
from chalicelib.aws.dynamodb import TRANSACTION, Table, Write
from chalicelib.domain.errors import Busy, WriteConflict

T = TypeVar("T")


ATTEMPTS = 5
"""How often a transaction is tried while DynamoDB throttles: adding 5,000 people does for seconds."""


def write_groups(table: Table, groups: Iterable[tuple[T, list[Write]]]) -> list[list[T] | Exception]:
    """Write the group of each key, in parallel transactions.

    Returns for each transaction the keys whose conditions did not hold, or the exception it failed with.
    """
    batches: list[list[tuple[T, list[Write]]]] = []
    room = 0
    for name, writes in groups:
        if len(writes) > room:
            batches.append([])
            room = TRANSACTION
        batches[-1].append((name, writes))
        room -= len(writes)
    return table.gather([partial(_write_batch, table, batch) for batch in batches])


def _write_batch(table: Table, batch: list[tuple[T, list[Write]]]) -> list[T] | Exception:
    lost: list[T] = []
    failures = 0
    while batch:
        owners = [place for place, (_, writes) in enumerate(batch) for _ in writes]
        try:
            table.write(*(write for _, writes in batch for write in writes))
        except WriteConflict as conflict:  # write the others again without them
            losers = {owners[position] for position in conflict.failed}
            lost += [batch[place][0] for place in sorted(losers)]
            batch = [entry for place, entry in enumerate(batch) if place not in losers]
        except Exception as error:  # the caller raises it when all transactions have ended
            failures += 1
            if not isinstance(error, Busy) or failures == ATTEMPTS:
                return error
            pause(failures)
        else:
            break
    return lost

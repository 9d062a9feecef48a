"""Many groups of writes, each of them whole or not at all, in as few transactions as hold them."""

from collections.abc import Iterable
from functools import partial
from typing import TypeVar

from chalicelib.aws.backoff import pause
from chalicelib.aws.dynamodb import TRANSACTION, Table, Write
from chalicelib.domain.errors import Busy, WriteConflict

T = TypeVar("T")


ATTEMPTS = 5
"""How often AWS may be too busy for a transaction: 5,000 people at once throttle a new table for seconds."""


def write_groups(table: Table, groups: Iterable[tuple[T, list[Write]]]) -> list[list[T] | Exception]:
    """Write what goes with each thing, in transactions at the same time.

    Gives of each transaction the things of which a condition did not hold, or why it failed.
    """
    packs: list[list[tuple[T, list[Write]]]] = []
    room = 0
    for thing, writes in groups:
        if len(writes) > room:
            packs.append([])
            room = TRANSACTION
        packs[-1].append((thing, writes))
        room -= len(writes)
    return table.gather([partial(_write_batch, table, pack) for pack in packs])


def _write_batch(table: Table, pack: list[tuple[T, list[Write]]]) -> list[T] | Exception:
    lost: list[T] = []
    failures = 0
    while pack:
        whose = [place for place, (_, writes) in enumerate(pack) for _ in writes]
        try:
            table.write(*(write for _, writes in pack for write in writes))
        except WriteConflict as conflict:  # only theirs: the others are tried again without them
            losers = {whose[position] for position in conflict.failed}
            lost += [pack[place][0] for place in sorted(losers)]
            pack = [entry for place, entry in enumerate(pack) if place not in losers]
        except Exception as error:  # raised by the caller, once nothing runs any more
            failures += 1
            if not isinstance(error, Busy) or failures == ATTEMPTS:
                return error
            pause(failures)
        else:
            break
    return lost

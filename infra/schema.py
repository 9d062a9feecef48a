"""The schema of the table: which one this code writes, and which one the table has.

Code reads older items and writes the newest form, so the table moves on with the first write of new code.
A deploy notes that before it switches the functions over; from then on, neither an older clone nor an older
release is deployed on the table. `python -m infra migrate` rewrites the older items, at any time afterwards.
"""

from chalicelib.aws import upgrades
from infra.progress import say
from infra.stage import Failure, Stage

SCHEMA = upgrades.SCHEMA

_KEY = {"pk": {"S": "SCHEMA"}, "sk": {"S": "-"}}


def of_table(stage: Stage) -> int:
    """Return the table's schema: 1 where none is noted."""
    found = stage.client("dynamodb").get_item(TableName=stage.prefix, Key=_KEY, ConsistentRead=True)
    return int(found["Item"]["version"]["N"]) if "Item" in found else 1


def require(stage: Stage, schema: int, what: str) -> None:
    """Check that `what`, which knows a schema, can read the table. Raises Failure."""
    found = of_table(stage)
    if found > schema:
        raise Failure(
            f"the table of {stage.name} has schema {found} and {what} knows {schema}: "
            "it would misread the table. Deploy a newer commit instead"
        )


def advance(stage: Stage) -> None:
    """Note that the table is of this code's schema from now on. Raises Failure if it is ahead."""
    require(stage, SCHEMA, "this code")
    if of_table(stage) < SCHEMA:
        item = {**_KEY, "version": {"N": str(SCHEMA)}}
        stage.client("dynamodb").put_item(TableName=stage.prefix, Item=item)
    say(f"  schema {SCHEMA}")

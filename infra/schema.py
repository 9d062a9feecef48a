"""The schema of the table: which one this code needs, and which one the table has.

Code and table must agree, so a deploy migrates the table before it switches the functions over, and
neither an older clone nor an older release is deployed on a table that has moved on.
"""

from infra.progress import say
from infra.stage import Failure, Stage

SCHEMA = 1
"""The schema that this code reads and writes. A change that older code cannot read raises it."""

_KEY = {"pk": {"S": "SCHEMA"}, "sk": {"S": "-"}}


def of_table(stage: Stage) -> int:
    """Return the table's schema: 1 where none is recorded."""
    found = stage.client("dynamodb").get_item(TableName=stage.prefix, Key=_KEY, ConsistentRead=True)
    return int(found["Item"]["version"]["N"]) if "Item" in found else 1


def require(stage: Stage, schema: int, what: str) -> None:
    """Check that the table has not moved on from what `what` can read. Raises Failure."""
    found = of_table(stage)
    if found > schema:
        raise Failure(
            f"the table of {stage.name} has schema {found} and {what} knows {schema}: "
            "it would misread the table. Deploy a newer commit instead"
        )


def migrate(stage: Stage) -> None:
    """Bring the table to this code's schema; safe to repeat. Raises Failure if the table is ahead."""
    require(stage, SCHEMA, "this code")
    if of_table(stage) == SCHEMA:
        say(f"  the table has schema {SCHEMA}")

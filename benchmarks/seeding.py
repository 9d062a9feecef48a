"""A site with people and work days, written directly to the table to save the time of the API."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

from chalicelib.aws import items
from chalicelib.aws.dynamodb import Item, to_attributes
from chalicelib.domain.ids import new_id, new_punch_id
from chalicelib.domain.person import Person
from chalicelib.domain.punch import DayRecord
from chalicelib.domain.timeline import Stint, always
from chalicelib.domain.workday import TimeEvent

ZONE = "Asia/Ho_Chi_Minh"
PUNCHES = (0, 240, 300, 545)
"""When everybody punches, in minutes from 08:00: in, out for lunch, back, out."""

_BATCH = 25


def people(count: int, groups: int = 20) -> list[Person]:
    """Make people who belong to the site since 2020."""
    now = datetime(2020, 1, 1, tzinfo=UTC)
    return [
        Person(
            person_id=new_id(),
            name=f"Nguyễn Văn Ánh {n}",
            code=f"NV-{n:05}",
            groups=always(f"Group {n % groups}"),
            face_ids=(f"{n:08x}-1111-4222-8333-444444444444", f"{n:08x}-5555-4666-8777-888888888888"),
            stints=(Stint(now.date()),),
            created_at=now,
            updated_at=now,
            version=1,
        )
        for n in range(count)
    ]


def day(person: Person, on: date) -> DayRecord:
    """Make a work day with four punches."""
    begins = datetime(on.year, on.month, on.day, 1, tzinfo=UTC)
    times = [begins + timedelta(minutes=minutes) for minutes in PUNCHES]
    events = tuple(TimeEvent(new_punch_id(at), at, on, ZONE) for at in times)
    return DayRecord(person_id=person.person_id, work_day=on, events=events, version=len(events))


def seed(client: Any, table: str, site: Sequence[Person], days: Iterable[date], shards: int) -> None:
    """Write people and their days through a boto3 DynamoDB client."""
    rows: list[Item] = [items.person(person, shards) for person in site]
    rows += [items.day(day(person, on), shards) for on in days for person in site]
    batches = [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]

    def write(batch: list[Item]) -> None:
        puts = [{"PutRequest": {"Item": to_attributes(row)}} for row in batch]
        reply = client.batch_write_item(RequestItems={table: puts})
        if reply["UnprocessedItems"]:
            raise RuntimeError("the table did not accept a whole batch")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, batches))

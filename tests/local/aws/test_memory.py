"""What the embedded AWS keeps in memory: what is stored, nothing of what was replaced, deleted or ended."""

import gc
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.core.common_models import BaseModel

from chalicelib import wiring
from local.aws.embedded import Embedded
from local.liveness.judge import Picture, Verdict
from local.liveness.sessions import Session, Sessions
from tests.conftest import Clock, Finish, Http

TABLE = BUCKET = "rollcall-local"
KEY = {"pk": {"S": "a"}, "sk": {"S": "b"}}

Boto = Callable[[str], Any]


def held() -> Counter[str]:
    """Count moto's models and liveness sessions, whoever holds them."""
    gc.collect()
    kinds = (type(found) for found in gc.get_objects())
    return Counter(kind.__qualname__ for kind in kinds if issubclass(kind, BaseModel | Session))


def keys(boto: Boto) -> set[str]:
    return {item["pk"]["S"] for item in boto("dynamodb").scan(TableName=TABLE)["Items"]}


def test_what_is_replaced_or_deleted_goes_at_once(boto: Boto) -> None:
    dynamodb, s3 = boto("dynamodb"), boto("s3")
    before = held()
    for number in "12345":
        dynamodb.put_item(TableName=TABLE, Item=KEY | {"n": {"N": number}})
        s3.put_object(Bucket=BUCKET, Key="photo", Body=number.encode())
    assert held() - before == {"Item": 1, "FakeKey": 1}
    dynamodb.delete_item(TableName=TABLE, Key=KEY)
    s3.delete_object(Bucket=BUCKET, Key="photo")
    assert not held() - before


def test_sessions_leave_their_records_for_a_day_and_nothing_else(
    http: Http, aws: Embedded, boto: Boto, clock: Clock, finish: Finish
) -> None:
    kiosk = http.as_("kiosk")
    aws.sweep(clock.now + timedelta(hours=25))  # what other tests left
    stored, before = keys(boto), held()
    for number in range(9):
        session_id = kiosk.post("/v1/liveness-sessions").json_body["session_id"]
        if number % 3:
            finish(session_id, b"nobody's photo", enough=number % 3 == 1)
    aws.sweep(clock.now + timedelta(minutes=17))
    assert held() - before == {"Item": 10}, "nine sessions, and their number in this minute"
    aws.sweep(clock.now + timedelta(hours=25))
    assert keys(boto) == stored
    assert not held() - before


def test_credentials_are_forgotten_when_they_end(aws: Embedded, boto: Boto) -> None:
    role, now = "arn:aws:iam::123456789012:role/rollcall-local-streaming", datetime.now(UTC)
    lend = boto("sts").assume_role
    short, long = (
        lend(RoleArn=role, RoleSessionName="kiosk", DurationSeconds=seconds)["Credentials"]["AccessKeyId"]
        for seconds in (900, 3600)
    )
    aws.sweep(now + timedelta(minutes=14))
    assert aws.credentials_for(short)
    aws.sweep(now + timedelta(minutes=16))
    assert aws.credentials_for(long)
    assert aws.credentials_for(short) is None


def test_counts_and_locks_go_when_they_are_over(http: Http, aws: Embedded, boto: Boto) -> None:
    limits, now = wiring.rate_limits(), datetime.now(UTC)
    limits.count("session", "door", 60, now)
    limits.lock("kiosk", "door", 120, now)
    aws.sweep(now + timedelta(seconds=119))
    assert {"LIMIT#session#door", "LOCK#kiosk#door"} <= keys(boto)
    aws.sweep(now + timedelta(seconds=122))
    assert "LOCK#kiosk#door" not in keys(boto)
    aws.sweep(now + timedelta(seconds=3662))
    assert "LIMIT#session#door" not in keys(boto)


def test_a_sessions_images_go_after_three_minutes_though_nobody_asks() -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    sessions = Sessions(lambda: now)
    session_id = sessions.create({})["SessionId"]
    image = bytes(range(100))
    free = sys.getrefcount(image)
    sessions.finish(session_id, Verdict(True, True, 99.0, "live", reference=Picture(image, (0, 0, 1, 1))))
    sessions.sweep(now + timedelta(seconds=179))
    assert sys.getrefcount(image) > free
    sessions.sweep(now + timedelta(seconds=180))
    assert sys.getrefcount(image) == free

"""The lock of a stage: one command at a time deploys, returns or removes it.

The lock is an object in the stage's bucket that only the first can create (`If-None-Match: *`). On a first
deploy there is no bucket yet; there CloudFormation keeps two apart, and the lock is taken after it.
"""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from uuid import uuid4

from infra.progress import say
from infra.stage import Failure, Stage

KEY = "deploy/lock.json"


@contextmanager
def held(stage: Stage, command: str, *, break_lock: bool) -> Iterator[None]:
    """Hold the stage's lock; with `break_lock`, take it from whoever has it.

    Raises Failure, which says who has it and since when. A machine that dies leaves the lock behind.
    """
    client = stage.client("s3")
    mine = {
        "id": uuid4().hex,
        "command": command,
        "by": stage.client("sts").get_caller_identity()["Arn"],
        "host": socket.gethostname(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if break_lock and (other := _read(stage)):
        say(f"  the lock is broken: {_described(other)}")
        client.delete_object(Bucket=stage.bucket, Key=KEY)
    try:
        client.put_object(Bucket=stage.bucket, Key=KEY, Body=json.dumps(mine).encode(), IfNoneMatch="*")
    except client.exceptions.ClientError as error:
        if error.response["Error"]["Code"] not in {"PreconditionFailed", "ConditionalRequestConflict"}:
            raise
        other = _read(stage)
        who = _described(other) if other else "another command has just taken it"
        raise Failure(
            f"stage {stage.name} is locked: {who}. Wait for it; if it is dead, --break-lock takes the lock"
        ) from None
    try:
        yield
    finally:
        _release(stage, mine["id"])


def _release(stage: Stage, own: str) -> None:
    """Remove the lock if it is still ours: somebody may have broken it, and `down` removes the bucket."""
    if (_read(stage) or {}).get("id") == own:
        stage.client("s3").delete_object(Bucket=stage.bucket, Key=KEY)


def _read(stage: Stage) -> dict[str, str] | None:
    client = stage.client("s3")
    with suppress(client.exceptions.NoSuchKey, client.exceptions.NoSuchBucket):
        body = client.get_object(Bucket=stage.bucket, Key=KEY)["Body"].read()
        found: dict[str, str] = json.loads(body)
        return found
    return None


def _described(lock: dict[str, str]) -> str:
    return f"`{lock['command']}` by {lock['by']} on {lock['host']}, since {lock['since']}"

"""What the app asks AWS for, as IAM sees it: an action on a resource; noted when botocore signs."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from boto3.session import Session

from local.aws.embedded import ACCOUNT, REGION


class Call(NamedTuple):
    """An action of IAM and the ARN that it is on, `*` where the action knows no ARN.

    `key` is the kind of a table's item, such as `AUDIT#`, where the action names one.
    """

    action: str
    resource: str
    key: str = ""


_MEMBERS: Final = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}
_S3_ACTIONS: Final = {
    "HeadObject": "GetObject",
    "HeadBucket": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
}

calls: set[Call] = set()
"""All calls of this process's suite, but for those that somebody else recorded."""

_taken = [calls]


@contextmanager
def recording() -> Iterator[set[Call]]:
    """Collect the calls from now on apart from the suite's."""
    apart: set[Call] = set()
    _taken.append(apart)
    try:
        yield apart
    finally:
        _taken.remove(apart)


def listen(session: Session) -> None:
    """Note the calls of all clients that the session makes from now on; signed forms and links too."""
    session.events.register("before-sign", _note)


def _note(event_name: str, request: Any, **unused: Any) -> None:
    _, service, operation = event_name.split(".")
    found = {"dynamodb": _dynamodb, "rekognition": _rekognition, "s3": _s3, "sts": _sts}[service]
    _taken[-1].update(found(operation, request))


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def _dynamodb(operation: str, request: Any) -> Iterator[Call]:
    asked = json.loads(request.data)
    if operation in {"TransactGetItems", "TransactWriteItems"}:
        for entry in asked["TransactItems"]:
            [(kind, member)] = entry.items()
            place = _arn("dynamodb", f"table/{member['TableName']}")
            yield Call(f"dynamodb:{_MEMBERS[kind]}", place, _kind(member))
        return
    for table in asked.get("RequestItems", [asked.get("TableName")]):
        place = f"table/{table}" + (f"/index/{asked['IndexName']}" if "IndexName" in asked else "")
        yield Call(f"dynamodb:{operation}", _arn("dynamodb", place), _kind(asked))


def _kind(asked: dict[str, Any]) -> str:
    pk: str = asked.get("Key", asked.get("Item", {})).get("pk", {}).get("S", "")
    head, mark, _ = pk.partition("#")
    return head + mark


def _rekognition(operation: str, request: Any) -> Iterator[Call]:
    asked = json.loads(request.data)
    collection = asked.get("CollectionId")
    place = _arn("rekognition", f"collection/{collection}") if collection else "*"
    yield Call(f"rekognition:{operation}", place)
    if stored := asked.get("Image", {}).get("S3Object"):  # read with the caller's own rights
        yield Call("s3:GetObject", f"arn:aws:s3:::{stored['Bucket']}/{stored['Name']}")


def _s3(operation: str, request: Any) -> Iterator[Call]:
    action = f"s3:{_S3_ACTIONS.get(operation, operation)}"
    bucket, _, key = unquote(urlsplit(request.url).path).lstrip("/").partition("/")
    keys = [key]
    if form := request.context.get("s3-presign-post-policy"):
        keys = [rule["key"] for rule in form["conditions"] if isinstance(rule, dict) and "key" in rule]
    elif operation == "DeleteObjects":
        body = request.data.decode()
        keys = re.findall("<Key>(.*?)</Key>", body)
        action = "s3:DeleteObjectVersion" if "<VersionId>" in body else "s3:DeleteObject"
    for key in keys:
        yield Call(action, f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}")


def _sts(operation: str, request: Any) -> Iterator[Call]:
    asked = request.data if isinstance(request.data, dict) else parse_qs(request.data)
    role = asked["RoleArn"]
    yield Call(f"sts:{operation}", role if isinstance(role, str) else role[0])

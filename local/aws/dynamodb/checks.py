"""Checks of a request that DynamoDB makes and moto leaves out."""

import hashlib
import re
from typing import Any

import msgspec
from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table

BATCH_WRITES = 25

_PLACEHOLDER = re.compile(r"[#:][A-Za-z0-9_\-]+")
_EXPRESSIONS = (
    "ConditionExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "ProjectionExpression",
    "UpdateExpression",
)


def check(operation: str, params: dict[str, Any]) -> None:
    """Check a request by itself, without the tables. Raises MockValidationException."""
    if operation == "BatchWriteItem":
        _check_batch(params.get("RequestItems", {}))
    if operation == "TransactWriteItems":
        if not params.get("TransactItems"):
            raise MockValidationException(
                "1 validation error detected: Value '[]' at 'transactItems' failed to satisfy constraint: "
                "Member must have length greater than or equal to 1"
            )
        for item in params["TransactItems"]:
            for part in item.values():
                _check_placeholders(part)
    elif any(name in params for name in _EXPRESSIONS):
        _check_placeholders(params)


def _check_placeholders(params: dict[str, Any]) -> None:
    used = set(_PLACEHOLDER.findall(" ".join(str(params.get(name) or "") for name in _EXPRESSIONS)))
    values = params.get("ExpressionAttributeValues") or {}
    unused = sorted(set(values) - used)
    if unused:
        keys = ", ".join(unused)
        raise MockValidationException(
            f"Value provided in ExpressionAttributeValues unused in expressions: keys: {{{keys}}}"
        )


def _check_batch(tables: dict[str, list[dict[str, Any]]]) -> None:
    writes = sum(len(requests) for requests in tables.values())
    if writes > BATCH_WRITES:
        raise MockValidationException("Too many items requested for the BatchWriteItem call")
    if not writes:
        raise MockValidationException("The batch write request list for a table cannot be null or empty")


def check_keys(backend: DynamoDBBackend, tables: dict[str, list[dict[str, Any]]]) -> None:
    """Refuse a batch that names an item twice. Raises MockValidationException."""
    for name, requests in tables.items():
        table = backend.get_table(name)
        parts = [part for request in requests for part in request.values()]
        keys = [fingerprint(_key(table, part.get("Item") or part.get("Key") or {})) for part in parts]
        if len(set(keys)) < len(keys):
            raise MockValidationException("Provided list of item keys contains duplicates")


def _key(table: Table, attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: attributes.get(name) for name in table.table_key_attrs}


def fingerprint(params: dict[str, Any]) -> bytes:
    """Return a digest of a request or a key that does not depend on the order of its members."""
    rest = {name: value for name, value in params.items() if name != "ClientRequestToken"}
    return hashlib.sha256(msgspec.json.encode(rest, order="deterministic")).digest()

"""One DynamoDB table: items in and out, conditional writes, transactions, pages.

This module knows DynamoDB and nothing about attendance. The gateways (Directory, AttendanceStore, ...) know
what the items mean.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from chalicelib.aws.backoff import attempts
from chalicelib.domain.errors import Busy, WriteConflict

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]
"""An item: JSON-like values by attribute name, including `pk` and `sk`."""


T = TypeVar("T")


BATCH_GET = 100
"""Most keys of one BatchGetItem (DynamoDB's limit)."""


TRANSACTION = 100
"""Most writes of one TransactWriteItems (DynamoDB's limit)."""


ATTEMPTS = 8
"""How often DynamoDB may throttle a call, or cancel it for another transaction, before it counts as busy."""


_NEW = {"ConditionExpression": "attribute_not_exists(pk)"}


def key(pk: str, sk: str) -> dict[str, str]:
    """Return the primary key of an item."""
    return {"pk": pk, "sk": sk}


def _to_attribute(value: Any) -> dict[str, Any]:
    match value:
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case float():
            return {"N": repr(round(value, 4))}  # DynamoDB's numbers have 38 digits, not any exponent
        case bytes():
            return {"B": value}
        case None:
            return {"NULL": True}
        case list() | tuple():
            return {"L": [_to_attribute(element) for element in value]}
        case dict():
            return {"M": {name: _to_attribute(element) for name, element in value.items()}}
    raise TypeError(f"no DynamoDB type for {type(value).__name__}")


def _from_attribute(attribute: Mapping[str, Any]) -> Any:
    for kind, value in attribute.items():
        match kind:
            case "S" | "BOOL" | "B":
                return value
            case "N":
                return float(value) if "." in value or "e" in value.lower() else int(value)
            case "L":
                return [_from_attribute(element) for element in value]
            case "M":
                return {name: _from_attribute(element) for name, element in value.items()}
            case "NULL":
                return None
    raise TypeError(f"no type of ours for a DynamoDB {sorted(attribute)}")


def to_attributes(item: Item) -> dict[str, Any]:
    """Encode an item for DynamoDB; attributes that are None are left out."""
    return {name: _to_attribute(value) for name, value in item.items() if value is not None}


def from_attributes(attributes: Mapping[str, Any]) -> Item:
    """Decode an item that DynamoDB sent."""
    return {name: _from_attribute(value) for name, value in attributes.items()}


class Write(msgspec.Struct, frozen=True):
    """One write of a transaction, with the condition under which it may happen."""

    operation: str
    arguments: dict[str, Any]


def insert(item: Item) -> Write:
    """Put an item that must not exist yet."""
    return Write("Put", {"Item": to_attributes(item), **_NEW})


def put(item: Item) -> Write:
    """Put an item unconditionally."""
    return Write("Put", {"Item": to_attributes(item)})


def replace(item: Item, *, version: int) -> Write:
    """Replace the item if it has this `version`; version 0 means that it must not exist."""
    if version == 0:
        return insert(item)
    return Write(
        "Put",
        {
            "Item": to_attributes(item),
            "ConditionExpression": "version = :version",
            "ExpressionAttributeValues": {":version": {"N": str(version)}},
        },
    )


def require(pk: str, sk: str) -> Write:
    """Write nothing; fail the transaction unless the item exists."""
    return Write(
        "ConditionCheck",
        {"Key": to_attributes(key(pk, sk)), "ConditionExpression": "attribute_exists(pk)"},
    )


def require_without(pk: str, sk: str, attribute: str, *, must_exist: bool) -> Write:
    """Write nothing; fail the transaction if the item has an `attribute` (or does not exist, if it must)."""
    there = "attribute_exists(pk) AND " if must_exist else ""
    return Write(
        "ConditionCheck",
        {
            "Key": to_attributes(key(pk, sk)),
            "ConditionExpression": f"{there}attribute_not_exists(#attribute)",
            "ExpressionAttributeNames": {"#attribute": attribute},
        },
    )


def require_less(pk: str, sk: str, attribute: str, value: str | int) -> Write:
    """Write nothing; fail the transaction if the item's `attribute` is `value` or greater."""
    return Write(
        "ConditionCheck",
        {
            "Key": to_attributes(key(pk, sk)),
            "ConditionExpression": "attribute_not_exists(#attribute) OR #attribute < :value",
            "ExpressionAttributeNames": {"#attribute": attribute},
            "ExpressionAttributeValues": {":value": _to_attribute(value)},
        },
    )


def replace_if(item: Item, *, attribute: str, value: str) -> Write:
    """Replace the item if its `attribute` (a string) has this `value`."""
    return Write(
        "Put",
        {
            "Item": to_attributes(item),
            "ConditionExpression": "#attribute = :value",
            "ExpressionAttributeNames": {"#attribute": attribute},
            "ExpressionAttributeValues": {":value": {"S": value}},
        },
    )


def delete(pk: str, sk: str, *, must_exist: bool = False) -> Write:
    """Delete an item; fail if it does not exist but `must_exist`."""
    condition = {"ConditionExpression": "attribute_exists(pk)"} if must_exist else {}
    return Write("Delete", {"Key": to_attributes(key(pk, sk)), **condition})


def delete_version(pk: str, sk: str, version: int) -> Write:
    """Delete the item if it has this `version`."""
    return Write(
        "Delete",
        {
            "Key": to_attributes(key(pk, sk)),
            "ConditionExpression": "version = :version",
            "ExpressionAttributeValues": {":version": {"N": str(version)}},
        },
    )


_LISTS = {"Query": "Items", "BatchGetItem": "Responses"}
"""The member of a long reply that has the items, by operation."""


def _decode_items(
    member: str, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    """Decode the items of a reply before botocore parses it.

    The JSON already has the shape that botocore would return, but botocore checks ten possible types for each
    attribute, which took most of the time of a report. Items with bytes are left to botocore.
    """
    body = response_dict["body"]
    if response_dict["status_code"] != 200 or b'"B":' in body:
        return
    try:
        reply = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return  # the reply is truncated
    if member in reply:
        customized_response_dict[member] = reply.pop(member)
        response_dict["body"] = msgspec.json.encode(reply)


class Page(msgspec.Struct, frozen=True):
    """Some items of a query, and the key to go on from (None at the end)."""

    items: list[Item]
    last: dict[str, str] | None


class Table:
    """The table, through a boto3 DynamoDB client."""

    def __init__(self, client: "DynamoDBClient", name: str, *, readers: int = 16) -> None:
        self._client = client
        for operation, member in _LISTS.items():
            place = f"before-parse.dynamodb.{operation}"
            client.meta.events.register(place, partial(_decode_items, member), unique_id=member)
        self._name = name
        self._pool = ThreadPoolExecutor(readers, thread_name_prefix="table")

    def get(self, pk: str, sk: str) -> Item | None:
        """Return one item, read consistently; None if it does not exist."""
        reply = self._client.get_item(
            TableName=self._name, Key=to_attributes(key(pk, sk)), ConsistentRead=True
        )
        return from_attributes(reply["Item"]) if "Item" in reply else None

    def get_many(
        self, keys: Iterable[tuple[str, str]], *, consistent: bool = True
    ) -> dict[tuple[str, str], Item]:
        """Return the items that exist, by key.

        One call per 100 keys, in parallel. A read that is not `consistent` may miss what was just written,
        and costs half. Raises Busy.
        """
        wanted = list(dict.fromkeys(keys))
        chunks = [wanted[start : start + BATCH_GET] for start in range(0, len(wanted), BATCH_GET)]
        found = self.gather([partial(self._get_batch, chunk, consistent) for chunk in chunks])
        return {(item["pk"], item["sk"]): item for batch in found for item in batch}

    def _get_batch(self, keys: Sequence[tuple[str, str]], consistent: bool) -> list[Item]:
        wanted = [to_attributes(key(pk, sk)) for pk, sk in keys]
        todo: Any = {self._name: {"Keys": wanted, "ConsistentRead": consistent}}
        items: list[Item] = []
        for _ in attempts(ATTEMPTS):
            reply = self._client.batch_get_item(RequestItems=todo)
            items += map(from_attributes, reply["Responses"].get(self._name, []))
            todo = reply.get("UnprocessedKeys")
            if not todo:
                return items
        raise Busy

    def gather(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Make several calls in parallel; returns their results in order.

        Calls may be nested. The caller itself makes the calls that no thread has started, so it only waits
        for running ones, and threads that wait for each other cannot fill the pool.
        """
        # Each call has a copy of the context, so that it is measured as part of the request.
        futures = [self._pool.submit(copy_context().run, call) for call in calls[1:]]
        results = [call() for call in calls[:1]]
        later: list[T] = []
        for call, future in zip(reversed(calls[1:]), reversed(futures), strict=True):
            later.append(call() if future.cancel() else future.result())
        return results + later[::-1]

    def query(
        self,
        pk: str,
        *,
        prefix: str = "",
        between: tuple[str, str] | None = None,
        index: str | None = None,
        limit: int | None = None,
        after: dict[str, str] | None = None,
        descending: bool = False,
        consistent: bool = True,
    ) -> Page:
        """Return one page of a partition in sort-key order: at most `limit` items or 1 MB.

        `prefix` or `between` (both ends included) narrow the sort key. On an index,
        reads are eventually consistent (DynamoDB has no other there).
        """
        names = {"#pk": "listing_pk" if index else "pk"}
        values = {":pk": {"S": pk}}
        condition = "#pk = :pk"
        if between:
            condition += " AND #sk BETWEEN :low AND :high"
            values |= {":low": {"S": between[0]}, ":high": {"S": between[1]}}
        elif prefix:
            condition += " AND begins_with(#sk, :prefix)"
            values |= {":prefix": {"S": prefix}}
        if between or prefix:
            names["#sk"] = "listing_sk" if index else "sk"
        arguments: dict[str, Any] = {
            "TableName": self._name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ScanIndexForward": not descending,
        }
        if index:
            arguments["IndexName"] = index
        else:
            arguments["ConsistentRead"] = consistent
        if limit:
            arguments["Limit"] = limit
        if after:
            arguments["ExclusiveStartKey"] = to_attributes(after)
        reply = self._client.query(**arguments)
        last = reply.get("LastEvaluatedKey")
        return Page(list(map(from_attributes, reply["Items"])), from_attributes(last) if last else None)

    def query_all(self, pk: str, **narrowing: Any) -> Iterator[Item]:
        """Yield a partition's items in sort-key order, however many pages they fill."""
        after = None
        while True:
            page = self.query(pk, after=after, **narrowing)
            yield from page.items
            after = page.last
            if after is None:
                return

    def write(self, *writes: Write) -> None:
        """Make all writes or none.

        Raises WriteConflict with the positions of the writes whose conditions did not hold. Conflicts with
        other transactions are tried again; raises Busy in the end.
        """
        if len(writes) == 1:  # half the price of a transaction
            return self._write_one(writes[0])
        operations: Any = [
            {write.operation: {"TableName": self._name, **write.arguments}} for write in writes
        ]
        for _ in attempts(ATTEMPTS):
            try:
                self._client.transact_write_items(TransactItems=operations)
            except self._client.exceptions.TransactionCanceledException as error:
                reasons = [reason.get("Code", "None") for reason in error.response["CancellationReasons"]]
                failed = frozenset(i for i, code in enumerate(reasons) if code == "ConditionalCheckFailed")
                if failed:
                    raise WriteConflict(failed) from None
                if not set(reasons) <= _RETRIABLE:
                    raise
            else:
                return None
        raise Busy

    def count(self, pk: str, sk: str, expires: int) -> int:
        """Add 1 to the `count` of an item, which is created if necessary; returns the new count."""
        reply = self._client.update_item(
            TableName=self._name,
            Key=to_attributes(key(pk, sk)),
            UpdateExpression="ADD #count :one SET #expires = :expires",
            ExpressionAttributeNames={"#count": "count", "#expires": "expires"},
            ExpressionAttributeValues={":one": {"N": "1"}, ":expires": {"N": str(expires)}},
            ReturnValues="UPDATED_NEW",
        )
        return int(reply["Attributes"]["count"]["N"])

    def set(self, pk: str, sk: str, attributes: Item) -> bool:
        """Set attributes of an item if it exists; returns whether it does."""
        names = {f"#{name}": name for name in attributes}
        try:
            self._client.update_item(
                TableName=self._name,
                Key=to_attributes(key(pk, sk)),
                UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in attributes),
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeNames=names,
                ExpressionAttributeValues={
                    f":{name}": _to_attribute(attributes[name]) for name in attributes
                },
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _write_one(self, write: Write) -> None:
        call = self._client.put_item if write.operation == "Put" else self._client.delete_item
        try:
            call(TableName=self._name, **write.arguments)
        except self._client.exceptions.ConditionalCheckFailedException:
            raise WriteConflict(frozenset({0})) from None


_RETRIABLE = {"None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}

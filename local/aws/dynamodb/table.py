"""moto's DynamoDB table, with its items in key order. Stored items are replaced and never changed."""

import base64
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import RESULT_SIZE_LIMIT, Table

from local.aws.dynamodb.index import Index, comparable

Place = tuple[Any, tuple[Any, ...]]
"""An item's position: its partition, then the rest of its key, as values that Python sorts correctly."""


class _Shown(NamedTuple):
    """Takes an item's place in the result of moto's Query, with its JSON already encoded."""

    attrs: msgspec.Raw


def wire(value: DynamoType) -> dict[str, Any]:
    """Turn a stored attribute into DynamoDB JSON, binary as base64 text."""
    kind, held = value.type, value.value
    if kind == "M":
        return {kind: {name: wire(element) for name, element in held.items()}}
    if kind == "L":
        return {kind: [wire(element) for element in held]}
    if kind == "B" and isinstance(held, bytes):
        return {kind: base64.b64encode(held).decode()}
    if kind == "BS":
        return {kind: [base64.b64encode(v).decode() if isinstance(v, bytes) else v for v in held]}
    return {kind: held}


def text(item: Item) -> bytes:
    """Return a stored item as DynamoDB JSON, which is encoded once because stored items never change."""
    known: bytes | None = item.__dict__.get("rollcall_text")
    if known is None:
        known = msgspec.json.encode({name: wire(value) for name, value in item.attrs.items()})
        item.__dict__["rollcall_text"] = known
    return known


def _size(item: Item) -> int:
    known: int | None = item.__dict__.get("rollcall_size")
    if known is None:
        known = item.__dict__["rollcall_size"] = item.size()
    return known


class OrderedTable(Table):
    """moto's table with its items also in key order, and a record of the changes to be saved.

    Items are replaced, never changed. Made from a plain table by `convert`.
    """

    order: Index
    orders: dict[str, Index]
    changes: dict[Place, Item | None]
    detached: bool = False  # moto is at work on a copy, which no index must see

    @classmethod
    def convert(cls, table: Table) -> "OrderedTable":
        """Turn one of moto's tables into an ordered one, in place."""
        table.__class__ = cls
        assert isinstance(table, cls)  # noqa: S101 - for the type checker
        table.changes = {}
        table.rebuild()
        return table

    def rebuild(self) -> None:
        """Rebuild the indexes, as is needed when secondary indexes are added or removed."""
        own = [self.hash_key_attr] + ([self.range_key_attr] if self.range_key_attr else [])
        self.order = Index(self.hash_key_attr, self.range_key_attr, ())
        self.orders = {}
        for index in self.all_indexes():
            parts = [k["AttributeName"] for k in index.schema if k["KeyType"] == "HASH"]
            sorts = [k["AttributeName"] for k in index.schema if k["KeyType"] == "RANGE"]
            if len(parts) == 1 and len(sorts) <= 1:
                unique = own if sorts else own[::-1]
                self.orders[index.name] = Index(parts[0], sorts[0] if sorts else None, unique)
        entries = [(item.attrs, item) for item in self.every_item()]
        for order in (self.order, *self.orders.values()):
            order.fill(entries)

    def every_item(self) -> Iterator[Item]:
        """Yield the items in no order; moto's all_items sorts them."""
        items: Any = self.items
        for held in items.values():
            if self.range_key_attr:
                yield from held.values()
            else:
                yield held

    def _enter(self, item: Item) -> None:
        for index in (self.order, *self.orders.values()):
            if place := index.place(item.attrs):
                index.add(place, item)

    def _leave(self, item: Item) -> None:
        for index in (self.order, *self.orders.values()):
            if place := index.place(item.attrs):
                index.remove(place)

    def stored(self, hash_key: DynamoType, range_key: DynamoType | None) -> Item | None:
        """Return an item; None if there is none."""
        items: Any = self.items
        found: Item | None = items.get(hash_key)
        if range_key is not None and found is not None:
            found = items[hash_key].get(range_key)
        return found

    def replace(self, old: Item | None, new: Item | None) -> None:
        """Make `new` the stored item in the place of `old`; either may be None."""
        if old is not None:
            self._leave(old)
        item = new if new is not None else old
        if item is None:
            return
        if new is not None:
            self._enter(new)
        self.put_raw(item.hash_key, item.range_key, new)
        if place := self.order.place(item.attrs):
            self.changes[place] = new

    def check_index_keys(self, attributes: Mapping[str, Any]) -> None:
        """Refuse an item whose index key has another type than the index; `attributes` as DynamoDB JSON."""
        types = {a["AttributeName"]: a["AttributeType"] for a in self.attr}
        for index in self.all_indexes():
            for name in index.schema_key_attrs:
                kind = next(iter(attributes.get(name, {types[name]: None})))
                if kind != types[name]:
                    raise MockValidationException(
                        "One or more parameter values were invalid: Type mismatch for Index Key "
                        f"{name} Expected: {types[name]} Actual: {kind} IndexName: {index.name}"
                    )

    def put_item(self, item_attrs: dict[str, Any], *args: Any, **kwargs: Any) -> Item:
        """Store an item after moto's checks, and add it to the indexes."""
        old = None
        if all(name in item_attrs for name in self.table_key_attrs):
            self.check_index_keys(item_attrs)
            sort = DynamoType(item_attrs[self.range_key_attr]) if self.range_key_attr else None
            old = self.stored(DynamoType(item_attrs[self.hash_key_attr]), sort)
        item = super().put_item(item_attrs, *args, **kwargs)
        if not self.detached:
            self.replace(old, item)
        return item

    def put_raw(self, hash_key: DynamoType, range_key: DynamoType | None, item: Item | None) -> None:
        """Store an item under a key, or None to remove it, without touching indexes and recorded changes."""
        items: Any = self.items
        if item is not None and range_key is not None:
            items[hash_key][range_key] = item
        elif item is not None:
            items[hash_key] = item
        elif range_key is None:
            items.pop(hash_key, None)
        elif hash_key in items:
            items[hash_key].pop(range_key, None)
            if not items[hash_key]:
                del items[hash_key]

    def delete_item(self, hash_key: DynamoType, range_key: DynamoType | None) -> Item | None:
        """Remove an item and return it; None if there was none."""
        item = self.stored(hash_key, range_key)
        if item is not None:
            self.replace(item, None)
            if self.stream_shard is not None:
                self.stream_shard.add(item, None)
        return item

    def get_item(
        self,
        hash_key: DynamoType,
        range_key: DynamoType | None = None,
        projection_expression: list[list[str]] | None = None,
    ) -> Item | None:
        """Find an item without leaving an empty partition behind, as moto's default dictionary does."""
        if self.has_range_key and not range_key:
            return super().get_item(hash_key, range_key, projection_expression)
        item = self.stored(hash_key, range_key)
        return item.project(projection_expression) if item and projection_expression else item

    def query(self, *args: Any, **kwargs: Any) -> tuple[list[Any], int, dict[str, Any] | None]:
        """Run a query on the index; legacy filters and keys of several parts are left to moto."""
        page = self._page(*args, **kwargs)
        return page if page is not None else super().query(*args, **kwargs)

    def _page(
        self,
        hash_key: DynamoType | None,
        range_comparison: str | None,
        range_objs: list[DynamoType],
        limit: int | None,
        exclusive_start_key: dict[str, Any] | None,
        scan_index_forward: bool,
        projection_expressions: list[list[str]] | None,
        index_name: str | None = None,
        consistent_read: bool = False,
        filter_expression: Any = None,
        hash_key_conditions: Any = None,
        range_key_conditions: Any = None,
        **filter_kwargs: Any,
    ) -> tuple[list[Any], int, dict[str, Any] | None] | None:
        order = self.orders.get(index_name) if index_name else self.order
        if order is None or filter_kwargs or hash_key is None or (range_comparison and not order.order):
            return None
        if consistent_read and any(index.name == index_name for index in self.global_indexes):
            return None
        types = {a["AttributeName"]: a["AttributeType"] for a in self.attr}
        if any(value.type != types[order.order or ""] for value in range_objs):
            raise MockValidationException(
                "One or more parameter values were invalid: "
                "Condition parameter type does not match schema type"
            )
        partition = comparable(hash_key.type, hash_key.value)
        values = [comparable(value.type, value.value) for value in range_objs]
        keys, low, high = order.select(partition, range_comparison, values)
        if exclusive_start_key is not None:
            start = order.place({name: DynamoType(value) for name, value in exclusive_start_key.items()})
            if start is None or start[0] != partition:
                raise MockValidationException("The provided starting key is invalid")
            try:
                if scan_index_forward:
                    low = max(low, bisect_right(keys, start[1]))
                else:
                    high = min(high, bisect_left(keys, start[1]))
            except TypeError:
                raise MockValidationException("The provided starting key is invalid") from None
        steps = range(low, high) if scan_index_forward else range(high - 1, low - 1, -1)
        found: list[Item] = []
        weight = 0
        more = False
        for position in steps:
            item = order.item(partition, keys[position])
            weight += _size(item)
            if len(found) == limit or (found and weight > RESULT_SIZE_LIMIT):
                more = True
                break
            found.append(item)
        if limit and len(found) == limit and not more:
            # A full page at the end of a key range, but inside the partition, names its last key (as in AWS).
            more = steps.stop < len(keys) if scan_index_forward else steps.stop >= 0
        last = self._get_last_evaluated_key(found[-1], index_name) if more and found else None
        return self._shown(found, index_name, filter_expression, projection_expressions), len(found), last

    def _shown(
        self, items: list[Item], index_name: str | None, keep: Any, projection: list[list[str]] | None
    ) -> list[_Shown]:
        if index_name:
            index = self.get_index(index_name)
            if index.projection and index.projection.get("ProjectionType") != "ALL":
                items = [index.project(item) for item in items]
        if keep is not None:
            items = [item for item in items if keep.expr(item)]
        if projection:
            items = [item.project(projection) for item in items]
        return [_Shown(msgspec.Raw(text(item))) for item in items]

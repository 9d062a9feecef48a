"""A table's items in key order, by partition, so that a page costs as much as a page and not as the table."""

import base64
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

Key = tuple[Any, ...]
Attributes = Mapping[str, Any]


class Slice(NamedTuple):
    """Items `start` to `stop` (exclusive) of a partition, in key order."""

    keys: Sequence[Key]
    start: int
    stop: int


def comparable(kind: str, value: Any) -> Any:
    """Turn a key attribute's value into one that Python orders as DynamoDB does.

    Strings by code point, which is the order of their UTF-8 bytes; numbers by value; binary by its bytes,
    not by its base64 text as moto does.
    """
    if kind == "N":
        return Decimal(value)
    if kind == "B":
        return value if isinstance(value, bytes) else base64.b64decode(value)
    return value


class Index:
    """The order of a table's items, or of those of a secondary index.

    `partition` and `order` name the key attributes; `unique` adds the table's own key for a secondary
    index, where several items may share a key. `read` takes an attribute out of an item as a comparable.
    """

    def __init__(self, partition: str, order: str | None, unique: Sequence[str]) -> None:
        self.partition = partition
        self.order = order
        self._attributes = ([order] if order else []) + list(unique)
        self._partitions: dict[Any, list[Key]] = {}
        self._items: dict[tuple[Any, Key], Any] = {}

    def __len__(self) -> int:
        return len(self._items)

    def place(self, attributes: Attributes) -> tuple[Any, Key] | None:
        """Return an item's position; None if it lacks a key attribute and so is not in the index."""
        if self.partition not in attributes or any(name not in attributes for name in self._attributes):
            return None
        found = attributes[self.partition]
        key = tuple(comparable(attributes[n].type, attributes[n].value) for n in self._attributes)
        return comparable(found.type, found.value), key

    def add(self, place: tuple[Any, Key], item: Any) -> None:
        """Insert an item at its position, or replace the one there."""
        if place not in self._items:
            insort(self._partitions.setdefault(place[0], []), place[1])
        self._items[place] = item

    def fill(self, items: Iterable[tuple[Attributes, Any]]) -> None:
        """Put many items in at once, given as their attributes and what is to be kept of them."""
        for attributes, item in items:
            if place := self.place(attributes):
                if place not in self._items:
                    self._partitions.setdefault(place[0], []).append(place[1])
                self._items[place] = item
        for keys in self._partitions.values():
            keys.sort()

    def remove(self, place: tuple[Any, Key]) -> None:
        """Remove the item at a position."""
        if self._items.pop(place, None) is None:
            return
        keys = self._partitions[place[0]]
        del keys[bisect_left(keys, place[1])]
        if not keys:
            del self._partitions[place[0]]

    def item(self, partition: Any, key: Key) -> Any:
        """Return the item at a position."""
        return self._items[partition, key]

    def keys(self, partition: Any) -> list[Key]:
        """Return a partition's keys in order. The caller must not change the list."""
        return self._partitions.get(partition, [])

    def select(self, partition: Any, comparison: str | None, values: Sequence[Any]) -> Slice:
        """Find the items whose sort key satisfies a condition (`=`, `<`, `BETWEEN`, `BEGINS_WITH`, ...)."""
        keys = self.keys(partition)
        if not comparison:
            return Slice(keys, 0, len(keys))
        low, high = _BOUNDS[comparison.upper()](keys, *values)
        return Slice(keys, low, max(low, high))


def _first(key: Key) -> Any:
    return key[0]


def _below(keys: Sequence[Key], value: Any) -> int:
    return bisect_left(keys, value, key=_first)


def _upto(keys: Sequence[Key], value: Any) -> int:
    return bisect_right(keys, value, key=_first)


def _prefixed(keys: Sequence[Key], prefix: Any) -> tuple[int, int]:
    low = _below(keys, prefix)
    past = bisect_left(keys, True, lo=low, key=lambda key: key[0] > prefix and not key[0].startswith(prefix))
    return low, past


_BOUNDS: dict[str, Callable[..., tuple[int, int]]] = {
    "=": lambda keys, value: (_below(keys, value), _upto(keys, value)),
    "<": lambda keys, value: (0, _below(keys, value)),
    "<=": lambda keys, value: (0, _upto(keys, value)),
    ">": lambda keys, value: (_upto(keys, value), len(keys)),
    ">=": lambda keys, value: (_below(keys, value), len(keys)),
    "BETWEEN": lambda keys, low, high: (_below(keys, low), _upto(keys, high)),
    "BEGINS_WITH": _prefixed,
}
_BOUNDS |= {
    "EQ": _BOUNDS["="],
    "LT": _BOUNDS["<"],
    "LE": _BOUNDS["<="],
    "GT": _BOUNDS[">"],
    "GE": _BOUNDS[">="],
}

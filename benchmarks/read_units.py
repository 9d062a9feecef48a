"""Read units as DynamoDB charges them, counted from the items that are read.

The size of an item is that of its attribute names and values. A query adds up the items of a page; GetItem
and BatchGetItem count each item alone. Every sum is rounded up to a multiple of 4 KB, and each 4 KB costs
one unit, or half a unit for an eventually consistent read.
"""

import threading
from collections.abc import Mapping
from typing import Any

_UNIT_BYTES = 4096


class Meter:
    """A boto3 DynamoDB client that counts its reads: `units`, `calls`, and `bytes` of items."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Set all counts to zero."""
        self.units, self.calls, self.bytes = 0.0, 0, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def query(self, **arguments: Any) -> Any:
        """Query, and count the page as a whole."""
        reply = self.client.query(**arguments)
        self._count([sum(map(size, reply["Items"]))], arguments.get("ConsistentRead", False))
        return reply

    def get_item(self, **arguments: Any) -> Any:
        """Get, and count the item; a missing item costs the minimum."""
        reply = self.client.get_item(**arguments)
        self._count([size(reply.get("Item", {}))], arguments.get("ConsistentRead", False))
        return reply

    def batch_get_item(self, **arguments: Any) -> Any:
        """Get, and count each requested item; a missing one costs the minimum."""
        reply = self.client.batch_get_item(**arguments)
        for table, request in arguments["RequestItems"].items():
            sizes = [size(item) for item in reply["Responses"].get(table, [])]
            sizes += [0] * (len(request["Keys"]) - len(sizes))
            self._count(sizes, request.get("ConsistentRead", False))
        return reply

    def _count(self, sizes: list[int], consistent: bool) -> None:
        chunks = sum(max(-(-number // _UNIT_BYTES), 1) for number in sizes)
        with self._lock:
            self.units += chunks * (1.0 if consistent else 0.5)
            self.calls += 1
            self.bytes += sum(sizes)


def size(item: Mapping[str, Any]) -> int:
    """Return the size of an item as DynamoDB counts it, in bytes."""
    return sum(len(name.encode()) + _value(attribute) for name, attribute in item.items())


def _value(attribute: Mapping[str, Any]) -> int:
    value: Any
    [(kind, value)] = attribute.items()
    match kind:
        case "S":
            return len(value.encode())
        case "N":
            digits = len(value.lstrip("-").replace(".", "").strip("0"))
            return 1 + (digits + 1) // 2 + int(value.startswith("-"))
        case "B":
            return len(value)
        case "L":
            return 3 + sum(1 + _value(element) for element in value)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value(element) for name, element in value.items())
    return 1  # a boolean, or null

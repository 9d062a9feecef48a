"""Types that several modules share: percentages, instants, pages of lists, links."""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

Language = Literal["vi", "en"]


Percent = Annotated[float, Meta(ge=0, le=100)]


Instant = Annotated[datetime, Meta(tz=True)]


UploadId = Annotated[str, Meta(max_length=64)]


Limit = Annotated[int, Meta(ge=1, le=1000)]


Query = Annotated[str, Meta(max_length=100)]


Cursor = Annotated[str, Meta(max_length=2000)]


T = TypeVar("T")


class Page(Struct, Generic[T], frozen=True):
    """One page of a list; `next_cursor` is the cursor of the next page, null on the last."""

    items: list[T]
    next_cursor: str | None


class SignedLink(Struct, frozen=True):
    """A signed URL that is valid until `expires_at`."""

    url: str
    expires_at: datetime


def to_builtins(value: Struct) -> dict[str, Any]:
    """Convert a Struct to JSON-like values, with instants and dates as RFC 3339 text."""
    plain: dict[str, Any] = msgspec.to_builtins(value)
    return plain

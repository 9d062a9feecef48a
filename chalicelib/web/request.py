"""A request and an answer to it: what is said in each, how a body is read, and how an error is told.

Nothing of Chalice: what use cases say of HTTP they say in these.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from chalicelib.config import JSON_BYTES
from chalicelib.domain import errors
from chalicelib.domain.token import Caller

MUTATIONS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


STATUS = {
    errors.InvalidRequest: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Gone: 410,
    errors.TooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.Refused: 422,
    errors.TooMany: 429,
    errors.Unavailable: 503,
}


ErrorBody = tuple[int, Any]
"""A status and a body that msgspec can encode (None: no body)."""


class Reply(msgspec.Struct, frozen=True):
    """What a view returns when the status depends on what happened, or headers matter.

    `body` is encoded as JSON unless it is text, which goes out as it is.
    """

    status: int
    body: Any = None
    headers: dict[str, str] = {}


OnReplay = Literal["replay", "refuse", "redo"]
"""How a repeated mutation (same Idempotency-Key) is handled.

`replay` returns the stored response. `refuse` returns 409, because the response contained a secret that is
shown once. `redo` runs the view again: its response contains a secret, and `Request.idempotent_id` makes the
view create the same thing.
"""


RecordOutcome = Callable[[Reply], None]
"""Hears what came of what is audited."""


class Request(msgspec.Struct, frozen=True):
    """What a request says besides its path and query."""

    method: str
    path: str
    route: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    request_id: str
    address: str = ""
    caller: Caller | None = None

    def __repr__(self) -> str:
        """Keep tokens, names and photos out of logs and traces."""
        return f"Request({self.method} {self.route}, {self.request_id})"

    @property
    def idempotent_id(self) -> str | None:
        """Give 96 bits that are the same whenever this caller sends this request with this Idempotency-Key.

        What is made under an id of them is made once, also when the answer to the first time was lost and
        nothing else remembers it. None without a key.
        """
        key = self.headers.get("idempotency-key")
        if key is None:
            return None
        said = (self.caller and self.caller.token_id, key, self.fingerprint)
        return hashlib.sha256(repr(said).encode()).hexdigest()[:24]

    @property
    def fingerprint(self) -> str:
        """Give a digest of what is asked for: method, path, query and body."""
        said = (self.method, self.path, sorted(self.query.items()), self.body)
        return hashlib.sha256(repr(said).encode()).hexdigest()

    @property
    def content_type(self) -> str:
        """The media type, in lower case and without parameters; JSON when none is said."""
        return self.headers.get("content-type", "application/json").partition(";")[0].strip().lower()

    @property
    def language(self) -> str:
        """`vi` when the caller would rather read Vietnamese than English, otherwise `en`."""
        ranked = []
        for wish in self.headers.get("accept-language", "").split(","):
            tag, _, weight = wish.partition(";q=")
            ranked.append((-quality(weight, 1.0), tag.strip().lower()[:2]))
        return next((tag for weight, tag in sorted(ranked) if tag in ("en", "vi") and weight < 0), "en")


def error_body(error: errors.RollcallError, request: Request) -> ErrorBody:
    """Turn a refusal into the one error shape of the API."""
    body = {"Code": type(error).__name__, "Message": str(error), "RequestId": request.request_id}
    return status_of(error), body | ({"Details": error.details} if error.details else {})


def status_of(error: errors.RollcallError) -> int:
    """Find the status of the family that an error belongs to."""
    return next(STATUS[family] for family in type(error).__mro__ if family in STATUS)


def decode(body: bytes, into: type[Any], *, limit: int = JSON_BYTES) -> Any:
    """Read a JSON body; raises InvalidRequest with the place and the reason, or TooLarge."""
    if len(body) > limit:
        raise errors.TooLarge(f"The body is larger than {limit // 1000} kB.", limit_bytes=limit)
    try:
        decoded = msgspec.json.decode(body, type=into)
        # msgspec takes the last of two. A body with one colon has one key at most: photos are not read twice.
        if body.count(b":") > 1:
            _KEYS.decode(body.decode())
    except RecursionError:
        raise errors.InvalidRequest("The body is nested too deeply.") from None
    except UnicodeDecodeError:
        raise errors.InvalidRequest("The body is not UTF-8.") from None
    except json.JSONDecodeError:
        raise errors.InvalidRequest("JSON is malformed.") from None
    except msgspec.DecodeError as error:  # ValidationError is one of these
        raise invalid_request(error) from None
    return decoded


def _refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise errors.InvalidRequest(f"The key `{repeated[:100]}` is given more than once.")


_KEYS = json.JSONDecoder(object_pairs_hook=_refuse_repeated_keys, parse_int=len, parse_float=len)
"""Reads nothing but keys; numbers are not made, for some are longer than Python takes."""


def invalid_request(error: msgspec.MsgspecError) -> errors.InvalidRequest:
    """Make msgspec's refusal one of ours; its `$` means the whole body and tells callers nothing."""
    said = str(error).replace(" - at `$.", " - at `").replace(" - at `$`", "")
    return errors.InvalidRequest(f"{said}.")


def quality(text: str, default: float = 0.0) -> float:
    """Read the weight of a wish in an Accept header; 0 for what is no number, `default` for none."""
    try:
        return float(text) if text else default
    except ValueError:
        return 0.0

"""Requests and replies, independent of Chalice; decoding of JSON bodies, and the format of errors."""

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


class Error(msgspec.Struct, frozen=True, omit_defaults=True, rename="pascal"):
    """Why a request failed. Programs use `Code` and `Details` (facts by name), people read `Message`."""

    code: str
    message: str
    request_id: str
    details: Mapping[str, Any] | msgspec.UnsetType = msgspec.UNSET


class Reply(msgspec.Struct, frozen=True):
    """What a view returns if the status depends on the outcome, or headers are needed.

    `body` is encoded as JSON, unless it is a str, which is sent unchanged. `about` are the people whom the
    response is about, by id: it is erased with any of them. None stands for the `person_id` of the body or of
    the path; a view whose response names somebody without showing an id has to say whom.
    """

    status: int
    body: Any = None
    headers: dict[str, str] = {}
    about: tuple[str, ...] | None = None


OnReplay = Literal["replay", "refuse", "redo"]
"""How a repeated mutation (same Idempotency-Key) is handled.

`replay` returns the stored response. `refuse` returns 409, because the response contained a secret that is
shown once. `redo` runs the view again: its response contains a secret, and `Request.idempotent_id` makes the
view create the same thing.
"""


RecordOutcome = Callable[[Reply], None]
"""Receives the reply of an audited request."""


class Request(msgspec.Struct, frozen=True):
    """A request; `route` is the template of its path, `address` the IP address of the caller."""

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
        """Keep tokens, names and photos out of logs and tracebacks."""
        return f"Request({self.method} {self.route}, {self.request_id})"

    @property
    def idempotent_id(self) -> str | None:
        """Return 96 bits that are equal whenever this caller sends this request with this Idempotency-Key.

        A resource with an id of these bits is created once, even if the first response was lost. None without
        a key.
        """
        key = self.headers.get("idempotency-key")
        if key is None:
            return None
        parts = (self.caller and self.caller.token_id, key, self.fingerprint)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]

    @property
    def fingerprint(self) -> str:
        """Return a digest of method, path, query and body."""
        parts = (self.method, self.path, sorted(self.query.items()), self.body)
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters; JSON by default."""
        return self.headers.get("content-type", "application/json").partition(";")[0].strip().lower()

    @property
    def language(self) -> str:
        """`vi` if the caller prefers Vietnamese to English, otherwise `en`."""
        ranked = []
        for choice in self.headers.get("accept-language", "").split(","):
            tag, _, weight = choice.partition(";q=")
            ranked.append((-quality(weight, 1.0), tag.strip().lower()[:2]))
        return next((tag for weight, tag in sorted(ranked) if tag in ("en", "vi") and weight < 0), "en")


def error_body(error: errors.RollcallError, request: Request) -> tuple[int, Error]:
    """Give an error its status and the body that all errors of the API have."""
    details = error.details or msgspec.UNSET
    return status_of(error), Error(type(error).__name__, str(error), request.request_id, details)


def status_of(error: errors.RollcallError) -> int:
    """Return the status of the family that an error belongs to."""
    return next(STATUS[family] for family in type(error).__mro__ if family in STATUS)


def decode(body: bytes, into: type[Any], *, limit: int = JSON_BYTES) -> Any:
    """Decode a JSON body; raises TooLarge, or InvalidRequest with the place and the reason."""
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
    """Convert an error of msgspec, without its `$` for the whole body, which means nothing to callers."""
    message = str(error).replace(" - at `$.", " - at `").replace(" - at `$`", "")
    return errors.InvalidRequest(f"{message}.")


def quality(text: str, default: float = 0.0) -> float:
    """Parse a quality value of an Accept header; 0 if it is not a number, `default` if it is missing."""
    try:
        return float(text) if text else default
    except ValueError:
        return 0.0

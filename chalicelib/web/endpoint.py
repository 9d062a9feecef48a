"""The seam between Chalice and the rest: decode -> call -> encode, scopes, errors, CORS.

With app.py the only importer of chalice. A view is a typed function; everything it takes is checked
against its annotations before it runs:

    body      a Struct (JSON), or any type with a classmethod `from_request(Request)`
    request   the Request itself, for what is neither path, query nor body
    caller    who is asking: the Caller that the token stands for
    others    path parameters, then the query string; one that the view does not name is a 400
"""

import functools
import hashlib
import inspect
import types
import typing
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from time import perf_counter
from typing import Any
from urllib.parse import unquote

import msgspec
from chalice.app import Chalice, Response
from chalice.app import Request as ChaliceRequest

from chalicelib.aws import metrics
from chalicelib.domain import errors
from chalicelib.domain.token import Caller
from chalicelib.web.request import (
    MUTATIONS,
    ErrorBody,
    OnReplay,
    RecordOutcome,
    Reply,
    Request,
    decode,
    error_body,
    invalid_request,
)

PARAMETER_CHARS = 2000
"""Most characters of a value in the path or the query; a cursor may have so many."""


SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


DEADLINE_S = 18.0
"""When to stop beginning calls to AWS: one attempt takes 10 s at most, and API Gateway gives up at 29 s."""


_serving: ContextVar[ChaliceRequest] = ContextVar("request")
"""What this thread serves; Chalice's own `current_request` is one for all threads."""


_default_format = error_body
"""Chalice refuses media types itself where all are of one kind; it knows no other shape."""


View = Callable[..., Any]


Authenticate = Callable[[Request, str], Caller | None]
"""Says who is asking, given the scope that is needed; raises Unauthenticated, Forbidden or TooMany."""


class Hooks(msgspec.Struct, frozen=True):
    """What every endpoint needs of the service.

    `admit` lets callers in; `once` runs a mutation that came with an Idempotency-Key at most once, or what
    else its route says of one that is repeated; `audited` notes what managers do, before and after (given the
    route and the ids in its path), and `refused` what limits refuse; `seal` and `unseal` make cursors that
    only we can make; `report` writes down what was measured of a request (and its milliseconds); `is_busy`
    says of an unexpected exception whether it is AWS being slow, throttled or down; `advise` says, in a
    language, what a caller may do about a refusal.
    """

    authenticate: Authenticate
    once: Callable[[Request, Callable[[], Reply], OnReplay], Reply]
    audited: Callable[[Request, str, Mapping[str, str]], AbstractContextManager[RecordOutcome]]
    refused: Callable[[Request, str, errors.TooMany], None]
    sign_cursor: Callable[[Request, str], str]
    verify_cursor: Callable[[Request, str], str]
    log_request: Callable[[metrics.Meter, float, dict[str, Any]], None]
    is_busy: Callable[[Exception], bool]
    advise: Callable[[errors.RollcallError, str], list[str]]


class Endpoints:
    """Makes `@endpoint(...)` for the views of one Chalice app."""

    def __init__(self, app: Chalice, hooks: Hooks) -> None:
        self._app = app
        self._hooks = hooks
        app.register_middleware(self._finish, "http")

    def __call__(
        self,
        *,
        scope: str,
        status: int = 200,
        responses: Mapping[int, Any] | None = None,
        raises: tuple[type[errors.RollcallError], ...] = (),
        error_format: Callable[[errors.RollcallError, Request], ErrorBody] = error_body,
        consumes: Sequence[str] = ("application/json",),
        authenticate: Authenticate | None = None,
        audit: bool | None = None,
        on_replay: OnReplay = "replay",
    ) -> Callable[[View], View]:
        """Wrap a view: check what it takes, run it, encode what it returns (None is a 204).

        For the OpenAPI document, `answers` says what a view that returns a Reply sends by status (a
        type, a media type such as "text/csv", or a tuple of those), and `refuses` which errors it has.
        `takes` are the media types of the body. `problem` gives refusals their shape, `admit` replaces the
        service's own. What managers and admins do is audited if it is a mutation, or as `audit` says.
        `repeated` is what becomes of a mutation that comes again with its Idempotency-Key.
        """
        hooks = self._hooks

        def decorate(view: View) -> View:
            arguments = _Arguments(view)

            def run(request: Request, path: Mapping[str, str]) -> Reply:
                _require_media(request, consumes)
                given = arguments.read(path, request, hooks.verify_cursor)
                caller, what = request.caller, f"{request.method} {request.route}"
                noted = request.method in MUTATIONS if audit is None else audit
                if not (noted and caller and caller.may("manager")):
                    return answered(request, view(**given))
                with hooks.audited(request, what, path) as done:
                    reply = answered(request, view(**given))
                    done(reply)
                return reply

            def answered(request: Request, result: Any) -> Reply:
                if isinstance(result, Reply):
                    return result
                if next_cursor := getattr(result, "next_cursor", None):
                    sealed = hooks.sign_cursor(request, next_cursor)
                    result = msgspec.structs.replace(result, next_cursor=sealed)
                return Reply(204 if result is None else status, result)

            @functools.wraps(view)
            def handle(**path: str) -> Response:
                request = self._request()
                try:
                    if scope != "public":
                        caller = (authenticate or hooks.authenticate)(request, scope)
                        request = msgspec.structs.replace(request, caller=caller)
                    reply = hooks.once(request, lambda: run(request, path), on_replay)
                except errors.RollcallError as error:
                    metrics.record_metric(type(error).__name__)
                    if isinstance(error, errors.TooMany):
                        hooks.refused(request, f"{request.method} {request.route}", error)
                    shape = (
                        _default_format if isinstance(error, errors.UnsupportedMediaType) else error_format
                    )
                    return _refusal(shape, error, request, hooks.advise(error, request.language))
                except Exception as error:
                    if not hooks.is_busy(error):
                        raise
                    metrics.record_metric("Busy")
                    self._app.log.warning("AWS is busy: %s", type(error).__name__)
                    return _refusal(error_format, errors.Busy(), request)
                return _response(reply, request)

            handle.endpoint = Endpoint(  # type: ignore[attr-defined]
                scope,
                status,
                responses,
                raises,
                error_format,
                on_replay,
                authenticate is not None,
                tuple(consumes),
            )
            return handle

        return decorate

    def _request(self) -> Request:
        request = _serving.get()
        params = request.query_params
        raw = request.raw_body
        return Request(
            method=request.method,
            path=request.context.get("path", request.path),
            route=request.path,  # what Chalice calls its path is the route's template
            query={name: params.getlist(name) for name in params} if params else {},
            headers=request.headers,
            body=raw.encode() if isinstance(raw, str) else raw,
            request_id=_request_id(request),
            address=request.context.get("identity", {}).get("sourceIp") or "",
        )

    def _finish(self, request: ChaliceRequest, get_response: Callable[[Any], Response]) -> Response:
        """Give every answer, Chalice's own 405, 415 and 500 too, headers and the error shape; measure it."""
        request_id = _request_id(request)
        _serving.set(request)
        with metrics.measuring(DEADLINE_S) as meter:
            response = get_response(request)
            said = {"route": f"{request.method} {request.path}", "status": response.status_code}
            self._hooks.log_request(
                meter, 1000 * (perf_counter() - meter.began), said | {"RequestId": request_id}
            )
        if isinstance(response.body, dict) and "Code" in response.body:
            response.body["RequestId"] = request_id
            response.headers.setdefault("Content-Type", "application/json")
        cors = self._app.api.cors
        extra = SECURITY_HEADERS | {"X-Request-Id": request_id}
        if not isinstance(cors, bool) and cors is not None:
            extra |= cors.get_access_control_headers()
        for name, value in extra.items():
            response.headers.setdefault(name, value)
        return response


class Endpoint(msgspec.Struct, frozen=True):
    """What a route says of itself besides its signature."""

    scope: str
    status: int
    responses: Mapping[int, Any] | None
    raises: tuple[type[errors.RollcallError], ...]
    error_format: Callable[[errors.RollcallError, Request], ErrorBody]
    on_replay: OnReplay
    may_be_open: bool
    consumes: tuple[str, ...]


OF_THE_REQUEST = ("body", "request", "caller")
"""What a view may take that is neither in the path nor in the query."""


class _Arguments:
    """What a view takes, worked out once from its signature."""

    def __init__(self, view: View) -> None:
        self._hints = typing.get_type_hints(view, include_extras=True)
        self._parameters = inspect.signature(view).parameters
        fields: list[Any] = []
        for name, parameter in self._parameters.items():
            if name not in OF_THE_REQUEST:
                required = parameter.default is inspect.Parameter.empty
                kind = without_none(self._hints[name])
                fields.append((name, kind) if required else (name, kind, parameter.default))
        # A struct, so that a misspelt query parameter is refused and not silently ignored.
        self._struct = msgspec.defstruct(
            "Parameters",
            fields,
            forbid_unknown_fields=True,
            kw_only=True,
            rename=lambda name: name.rstrip("_"),  # `from_` is how Python can say `from`
        )

    def read(
        self, path: Mapping[str, str], request: Request, verify_cursor: Callable[[Request, str], str]
    ) -> dict[str, Any]:
        given: dict[str, Any] = {name: unquote(value) for name, value in path.items()}
        for name, values in request.query.items():
            if name in given or len(values) > 1:
                raise errors.InvalidRequest(f"Parameter `{name}` was given more than once.")
            given[name] = values[0]
        for name, value in given.items():
            if len(value) > PARAMETER_CHARS:
                raise errors.InvalidRequest(
                    f"Parameter `{name}` is longer than {PARAMETER_CHARS} characters."
                )
        try:
            struct = msgspec.convert(given, self._struct, strict=False)
        except msgspec.ValidationError as error:
            raise invalid_request(error) from None
        arguments = msgspec.structs.asdict(struct)
        if arguments.get("cursor") is not None:
            arguments["cursor"] = verify_cursor(request, arguments["cursor"])
        if "request" in self._parameters:
            arguments["request"] = request
        if "caller" in self._parameters:
            arguments["caller"] = request.caller
        if "body" in self._parameters:
            arguments["body"] = self._body(request)
        return arguments

    def _body(self, request: Request) -> Any:
        into = self._hints["body"]
        if hasattr(into, "from_request"):
            return into.from_request(request)
        return decode(request.body, into)


def _require_media(request: Request, consumes: Sequence[str]) -> None:
    if request.method in MUTATIONS and request.content_type not in consumes:
        raise errors.UnsupportedMediaType(request.content_type)


def without_none(kind: Any) -> Any:
    """Take None out of a parameter's type: a caller leaves it out, the text `null` is a mistake."""
    if typing.get_origin(kind) not in (types.UnionType, typing.Union):
        return kind
    return typing.Union[tuple(one for one in typing.get_args(kind) if one is not types.NoneType)]  # noqa: UP007


def _response(reply: Reply, request: Request) -> Response:
    headers: dict[str, str | list[str]] = {**reply.headers}
    if reply.body is None:
        return Response("", status_code=reply.status, headers=headers)
    if isinstance(reply.body, str):
        text = reply.body
    else:
        # Chalice would encode with the standard library, seven times slower on a long list.
        text = msgspec.json.encode(reply.body).decode()
        headers["Content-Type"] = "application/json"
    if request.method == "GET" and reply.status == 200:
        etag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
        headers["ETag"] = etag
        if _matches(request.headers.get("if-none-match", ""), etag):
            return Response("", status_code=304, headers=headers)
    return Response(text, status_code=reply.status, headers=headers)


def _refusal(
    error_format: Callable[[errors.RollcallError, Request], ErrorBody],
    error: errors.RollcallError,
    request: Request,
    advice: Sequence[str] = (),
) -> Response:
    if advice:
        error.details = {**error.details, "advice": advice}
    status, body = error_format(error, request)
    headers = {"Retry-After": "1"} if status == 503 else {}
    if isinstance(error, errors.TooMany):
        headers["Retry-After"] = str(error.details["retry_after_s"])
    if isinstance(error, errors.Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if advice:
        headers["Vary"] = "Accept-Language"
    return _response(Reply(status, body, headers), request)


def _matches(wanted: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in wanted.split(",")]
    return etag in tags or "*" in tags


def _request_id(request: ChaliceRequest | None) -> str:
    """API Gateway's id of the request, or one of our own where there is no gateway."""
    if request is None:
        return str(uuid.uuid4())
    return str(request.context.setdefault("requestId", str(uuid.uuid4())))

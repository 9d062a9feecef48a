"""The adapter between Chalice and the views: decoding, authentication, encoding, errors, headers.

Apart from app.py, this is the only module that imports chalice. A view is a typed function; its arguments
are validated against its annotations before it runs:

    body      a Struct (JSON), or any type with a classmethod `from_request(Request)`
    request   the Request itself, for anything that is neither path, query nor body
    caller    the Caller that the token stands for
    others    path parameters, then query parameters; one that the view does not declare is a 400
"""

import functools
import hashlib
import inspect
import types
import typing
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from datetime import date, datetime
from time import perf_counter
from typing import Any
from urllib.parse import unquote

import msgspec
from chalice.app import Chalice, CORSConfig, Response
from chalice.app import Request as ChaliceRequest

from chalicelib.aws import metrics
from chalicelib.aws.audit_log import AuditLog
from chalicelib.aws.client_events import busy
from chalicelib.aws.rate_limits import RateLimits
from chalicelib.aws.signing_key import SigningKey
from chalicelib.aws.stored_replies import StoredReplies
from chalicelib.aws.visibility import limited_to
from chalicelib.config import ANY
from chalicelib.domain import errors
from chalicelib.domain.photo_advice import photo_advice
from chalicelib.domain.token import Caller
from chalicelib.web import cursors
from chalicelib.web.audit import DENIED, audited, refused, seen
from chalicelib.web.idempotency import run_once
from chalicelib.web.request import (
    MUTATIONS,
    OnReplay,
    Reply,
    Request,
    decode,
    error_body,
    invalid_request,
    status_of,
)

PARAMETER_CHARS = 2000
"""The most characters of a path or query parameter, which is also the limit of a cursor."""


SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


WATCHED = {401: "Unauthenticated", 403: "Forbidden", 429: "TooMany"}
"""The metrics, by status, that have an alarm on bursts."""


DEADLINE_S = 18.0
"""No call to AWS is started after this: an attempt takes up to 10 s, and API Gateway gives up at 29 s."""


_serving: ContextVar[ChaliceRequest] = ContextVar("request")
"""The request of this thread; Chalice's own `current_request` is shared by all threads."""


View = Callable[..., Any]


Authenticate = Callable[[Request, str], Caller | None]
"""Authenticates a request for a scope; raises Unauthenticated, Forbidden or TooMany."""


ErrorFormat = Callable[[errors.RollcallError, Request], tuple[int, Any]]
"""Turns an error into a status and a body. Its return annotation gives the schema of the route's errors."""


class Endpoints:
    """Makes `@endpoint(...)` for the views of one Chalice app.

    The clock, the log and the gateways are handed over by the composition root as functions, so that a
    request makes the clients that it needs and no others.
    """

    def __init__(
        self,
        app: Chalice,
        *,
        now: Callable[[], datetime],
        authenticate: Authenticate,
        log_request: Callable[[metrics.Meter, float, dict[str, Any]], None],
        audit_log: Callable[[], AuditLog],
        rate_limits: Callable[[], RateLimits],
        signing_key: Callable[[], SigningKey],
        stored_replies: Callable[[], StoredReplies],
        today: Callable[[], date],
        origins: Sequence[str] = (ANY,),
    ) -> None:
        self._app = app
        self.now = now
        self._authenticate = authenticate
        self._log_request = log_request
        self._audit_log = audit_log
        self._rate_limits = rate_limits
        self._signing_key = signing_key
        self._stored_replies = stored_replies
        self._today = today
        self._origins = origins
        app.register_middleware(self._finish, "http")

    def __call__(
        self,
        *,
        scope: str,
        status: int = 200,
        responses: Mapping[int, Any] | None = None,
        raises: tuple[type[errors.RollcallError], ...] = (),
        error_format: ErrorFormat = error_body,
        consumes: Sequence[str] = ("application/json",),
        authenticate: Authenticate | None = None,
        audit: bool = False,
        on_replay: OnReplay = "replay",
        safe: bool = True,
    ) -> Callable[[View], View]:
        """Wrap a view: decode its arguments, run it, encode its result (None becomes 204).

        `scope` is what the caller's role must have; `public` needs no token. `consumes` are the media types
        of the body. `authenticate` and `error_format` replace the service's own. Mutations by managers and
        admins are audited, and with `audit` also what a GET shows to anybody. `on_replay` says how a repeated
        Idempotency-Key is handled. A GET that changes something is not `safe`, and has no HEAD.

        For the OpenAPI document, `responses` gives by status what a view that returns a Reply sends (a type,
        a media type such as "text/csv", or a tuple of these), and `raises` which errors it has.
        """

        def decorate(view: View) -> View:
            arguments = _Arguments(view)

            def run(request: Request, path: Mapping[str, str]) -> Reply:
                _require_media(request, consumes)
                given = arguments.read(path, request, self._verify_cursor)
                if request.method not in MUTATIONS:
                    reply = reply_of(request, view(**given))
                    if audit and request.caller:
                        noted = self._audit_log(), self._signing_key(), request, _name(request), path, reply
                        seen(*noted, now=self.now())
                    return reply
                if not (request.caller and request.caller.may("manager")):
                    return about(reply_of(request, view(**given)), given)
                gateways = self._audit_log(), self._signing_key()
                with audited(*gateways, request, _name(request), path, now=self.now()) as record_outcome:
                    reply = about(reply_of(request, view(**given)), given)
                    record_outcome(reply)
                return reply

            def about(reply: Reply, given: Mapping[str, Any]) -> Reply:
                if reply.about is not None:
                    return reply
                person_id = getattr(reply.body, "person_id", None) or given.get("person_id")
                return msgspec.structs.replace(reply, about=(person_id,) if person_id else ())

            def reply_of(request: Request, result: Any) -> Reply:
                if isinstance(result, Reply):
                    return result
                if next_cursor := getattr(result, "next_cursor", None):
                    signed = cursors.sign(self._signing_key(), request, next_cursor)
                    result = msgspec.structs.replace(result, next_cursor=signed)
                return Reply(204 if result is None else status, result)

            @functools.wraps(view)
            def handle(**path: str) -> Response:
                request = self._request()
                try:
                    if scope != "public":
                        caller = (authenticate or self._authenticate)(request, scope)
                        request = msgspec.structs.replace(request, caller=caller)
                    with limited_to(request.caller.groups if request.caller else None, self._today()):
                        reply = run_once(
                            self._stored_replies, self.now(), request, lambda: run(request, path), on_replay
                        )
                except errors.RollcallError as error:
                    return self._refuse(error, request, error_format)
                except Exception as error:
                    is_busy = busy(error)
                    if is_busy is None:
                        raise
                    metrics.record_metric("Busy")
                    self._app.log.error("%s: %s", type(error).__name__, is_busy)  # noqa: TRY400 - one line
                    return _error_response(error_format, is_busy, request)
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
                safe,
            )
            return handle

        return decorate

    def add_heads(self) -> None:
        """Declare HEAD beside every safe GET; API Gateway does not derive one from the other."""
        for path, method, entry in list(declared_routes(self._app)):
            view: Any = entry.view_function
            if method == "GET" and view.endpoint.safe:
                self._app.route(path, methods=["HEAD"], content_types=entry.content_types)(view)

    def _verify_cursor(self, request: Request, cursor: str) -> str:
        return cursors.verify(self._signing_key(), request, cursor)

    def _refuse(self, error: errors.RollcallError, request: Request, error_format: ErrorFormat) -> Response:
        metrics.record_metric(type(error).__name__)
        if family := WATCHED.get(status_of(error)):
            metrics.record_metric(family)
        if isinstance(error, (errors.TooMany, *DENIED)):
            gateways = self._audit_log(), self._signing_key(), self._rate_limits()
            refused(*gateways, request, _name(request), error, now=self.now())
        if isinstance(error, errors.UnsupportedMediaType):
            error_format = error_body  # as in the 415 that Chalice itself sends
        return _error_response(error_format, error, request, photo_advice(error, request.language))

    def _request(self) -> Request:
        request = _serving.get()
        params = request.query_params
        raw = request.raw_body
        return Request(
            method="GET" if request.method == "HEAD" else request.method,
            path=request.context.get("path", request.path),
            route=request.path,  # Chalice's `path` is the template of the route
            query={name: params.getlist(name) for name in params} if params else {},
            headers=request.headers,
            body=raw.encode() if isinstance(raw, str) else raw,
            request_id=_request_id(request),
            address=request.context.get("identity", {}).get("sourceIp") or "",
        )

    def _finish(self, request: ChaliceRequest, get_response: Callable[[Any], Response]) -> Response:
        """Add headers to every response and log it, including the 405, 415 and 500 of Chalice itself."""
        request_id = _request_id(request)
        _serving.set(request)
        with metrics.measuring(DEADLINE_S) as meter:
            response = get_response(request)
            fields = {"route": f"{request.method} {request.path}", "status": response.status_code}
            ms = 1000 * (perf_counter() - meter.began)
            self._log_request(meter, ms, fields | {"RequestId": request_id})
        if isinstance(response.body, dict) and "Code" in response.body:
            response.body["RequestId"] = request_id
            response.headers.setdefault("Content-Type", "application/json")
        if len(self._origins) > 1:  # Chalice itself knows one origin only
            response.headers["Access-Control-Allow-Origin"] = self._shared_with(request)
            varies = response.headers.get("Vary")
            response.headers["Vary"] = f"{varies}, Origin" if varies else "Origin"
        extra = SECURITY_HEADERS | {"X-Request-Id": request_id, **self._sharing()}
        for name, value in extra.items():
            response.headers.setdefault(name, value)
        if request.method == "HEAD":
            response.body = ""
        return response

    def _sharing(self) -> dict[str, str]:
        cors = self._app.api.cors
        return cors.get_access_control_headers() if isinstance(cors, CORSConfig) else {}

    def _shared_with(self, request: ChaliceRequest) -> str:
        """Return the origin whose pages may read a response: the caller's, if it is one of the allowed."""
        asked = request.headers.get("origin", "")
        return asked if asked in self._origins else self._origins[0]


def declared_routes(app: Chalice) -> Iterator[tuple[str, str, Any]]:
    """Yield path, method and entry of what the views declare, which is all but the HEAD of a GET."""
    for path, methods in app.routes.items():
        for method, entry in methods.items():
            if method != "HEAD":
                yield path, method, entry


class Endpoint(msgspec.Struct, frozen=True):
    """The properties of a route that its signature does not show."""

    scope: str
    status: int
    responses: Mapping[int, Any] | None
    raises: tuple[type[errors.RollcallError], ...]
    error_format: ErrorFormat
    on_replay: OnReplay
    may_be_open: bool
    consumes: tuple[str, ...]
    safe: bool


OF_THE_REQUEST = ("body", "request", "caller")
"""Parameters of views that are neither in the path nor in the query."""


class _Arguments:
    """The arguments of a view, derived once from its signature."""

    def __init__(self, view: View) -> None:
        self._hints = typing.get_type_hints(view, include_extras=True)
        self._parameters = inspect.signature(view).parameters
        fields: list[Any] = []
        for name, parameter in self._parameters.items():
            if name not in OF_THE_REQUEST:
                required = parameter.default is inspect.Parameter.empty
                kind = without_none(self._hints[name])
                fields.append((name, kind) if required else (name, kind, parameter.default))
        # A Struct refuses a misspelt query parameter instead of ignoring it.
        self._struct = msgspec.defstruct(
            "Parameters",
            fields,
            forbid_unknown_fields=True,
            kw_only=True,
            rename=lambda name: name.rstrip("_"),  # a parameter named by a keyword, such as `from_`
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


def _name(request: Request) -> str:
    return f"{request.method} {request.route}"


def _require_media(request: Request, consumes: Sequence[str]) -> None:
    if request.method in MUTATIONS and request.content_type not in consumes:
        raise errors.UnsupportedMediaType(request.content_type)


def without_none(kind: Any) -> Any:
    """Remove None from a parameter's type: a caller omits the parameter, and the text `null` is invalid."""
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
        # Chalice would use the standard library's json, which is seven times slower on a long list.
        text = msgspec.json.encode(reply.body).decode()
        headers["Content-Type"] = "application/json"
    if request.method == "GET" and reply.status == 200:
        etag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
        headers["ETag"] = etag
        if _matches(request.headers.get("if-none-match", ""), etag):
            return Response("", status_code=304, headers=headers)
    return Response(text, status_code=reply.status, headers=headers)


def _error_response(
    error_format: ErrorFormat,
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
    """Return API Gateway's id of the request, or a new one where there is no gateway."""
    if request is None:
        return str(uuid.uuid4())
    return str(request.context.setdefault("requestId", str(uuid.uuid4())))

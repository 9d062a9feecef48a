"""The OpenAPI 3.1 document, built from an app's routes, their signatures and the Structs of their bodies."""

import inspect
import re
import types
import typing
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import msgspec
from chalice.app import Chalice

from chalicelib.config import VERSION
from chalicelib.domain import errors
from chalicelib.domain.token import SCOPES
from chalicelib.web.endpoint import OF_THE_REQUEST, Endpoint, declared_routes, without_none
from chalicelib.web.request import MUTATIONS, Error, Request, error_body
from infra.openapi import descriptions, error_examples, examples
from infra.openapi.schemas import Schemas

Json = dict[str, Any]


_HEADERS: Json = {
    "X-Request-Id": {"description": "Id of this request in the logs.", "schema": {"type": "string"}},
    "ETag": {"description": "Version of the response body.", "schema": {"type": "string"}},
    "Location": {"description": "Where to go on.", "schema": {"type": "string", "format": "uri-reference"}},
    "Retry-After": {
        "description": "Seconds to wait before the next attempt.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "WWW-Authenticate": {
        "description": "The authentication scheme.",
        "schema": {"type": "string", "const": "Bearer"},
    },
    "Idempotency-Replayed": {
        "description": "The response of an earlier request with the same key.",
        "schema": {"type": "string", "const": "true"},
    },
}


_SHARED_PARAMETERS: Json = {
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The `ETag` of the response you have.",
        "schema": {"type": "string"},
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A unique key for this request, which makes it safe to retry.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    },
    "AcceptLanguage": {
        "name": "Accept-Language",
        "in": "header",
        "description": "Language of `Details.advice`: English (`en`) or Vietnamese (`vi`).",
        "schema": {"type": "string", "default": "en"},
    },
}


# Responses of Chalice itself; all others are described by our error classes.
_CHALICE_ERRORS = {
    415: ("UnsupportedMediaType", "Unsupported media type: text/plain"),
    500: ("InternalServerError", "An internal server error occurred."),
}


@cache
def build(app: Chalice) -> Json:
    """Build the document of an app; once, because its routes do not change."""
    schemas = Schemas()
    paths: dict[str, Json] = {}
    for path, method, entry in declared_routes(app):
        paths.setdefault(path, {})[method.lower()] = _operation(schemas, path, method, entry)
    used = {operation["tags"][0] for item in paths.values() for operation in item.values()}
    schemas.of(Error)
    components = schemas.components()
    made = {
        "openapi": "3.1.0",
        "info": {
            "title": "Rollcall",
            "version": VERSION,
            "summary": "Face attendance.",
            "description": descriptions.ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        # Relative to this document, so that it holds under a gateway's stage too.
        "servers": [{"url": ".", "description": "The service that sent this document."}],
        "tags": [
            {"name": name, "description": text} for name, text in descriptions.TAGS.items() if name in used
        ]
        + [{"name": name} for name in sorted(used - set(descriptions.TAGS))],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "parameters": _SHARED_PARAMETERS,
            "headers": _HEADERS,
            "responses": _shared_responses(),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "An access token, `rc_...`."}
            },
        },
    }
    _add_links(paths, components)
    return made


def _operation(schemas: Schemas, path: str, method: str, entry: Any) -> Json:
    endpoint: Endpoint = entry.view_function.endpoint
    view = inspect.unwrap(entry.view_function)
    hints = typing.get_type_hints(view, include_extras=True)
    summary, _, description = inspect.cleandoc(view.__doc__ or "").partition("\n\n")
    made: Json = {
        "operationId": view.__name__,
        "summary": summary.replace("\n", " "),
        "tags": [_tag(path, endpoint)],
        "x-scope": endpoint.scope,
        "x-roles": sorted(role for role, scopes in SCOPES.items() if endpoint.scope in scopes),
        "security": _security(endpoint),
    }
    if description:
        made["description"] = description
    shared = ["IdempotencyKey" if method in MUTATIONS else "IfNoneMatch"]
    if errors.NoFaceFound in endpoint.raises:
        shared.append("AcceptLanguage")
    made["parameters"] = _parameters(schemas, path, view, hints)
    made["parameters"] += [{"$ref": f"#/components/parameters/{name}"} for name in shared]
    if "body" in hints:
        takes = getattr(hints["body"], "TAKES", {"application/json": hints["body"]})
        content = {media: schemas.content(media, kind) for media, kind in takes.items()}
        made["requestBody"] = {"required": True, "content": content}
    made["responses"] = _responses(schemas, method, endpoint, hints)
    return made


def _security(endpoint: Endpoint) -> list[Json]:
    """Require a token; the alternative `{}` means none, for routes that a stage may open."""
    if endpoint.scope == "public":
        return []
    return [{"token": []}, {}] if endpoint.may_be_open else [{"token": []}]


def _tag(path: str, endpoint: Endpoint) -> str:
    if endpoint.error_format is not error_body:
        return "lab"
    words = path.strip("/").split("/")
    return words[1] if words[0] == "v1" else "service"


def _parameters(schemas: Schemas, path: str, view: Any, hints: Mapping[str, Any]) -> list[Json]:
    made = []
    for field, parameter in inspect.signature(view).parameters.items():
        if field in OF_THE_REQUEST:
            continue
        name = field.rstrip("_")
        in_path = f"{{{name}}}" in path
        schema = schemas.of(without_none(hints[field]))
        given = parameter.default
        if given not in (inspect.Parameter.empty, None, ""):
            schema["default"] = msgspec.to_builtins(given)
        one: Json = {"name": name, "in": "path" if in_path else "query", "schema": schema}
        if in_path or given is inspect.Parameter.empty:
            one["required"] = True
        one["description"] = _written(descriptions.PARAMETERS, name, "descriptions.py", '"What it chooses."')
        example = _written(examples.PARAMETERS, name, "examples.py", "<a value that it takes>")
        one["example"] = msgspec.to_builtins(example)
        made.append(one)
    return made


def _written(of_parameters: Mapping[str, Any], name: str, file: str, entry: str) -> Any:
    """Look up what was written about a parameter; raises LookupError with the line that is missing."""
    if name not in of_parameters:
        raise LookupError(f"add to PARAMETERS in infra/openapi/{file}:  {name!r}: {entry},".replace("'", '"'))
    return of_parameters[name]


def _responses(schemas: Schemas, method: str, endpoint: Endpoint, hints: Mapping[str, Any]) -> Json:
    by_status, returned = endpoint.responses, hints["return"]
    if by_status is None:
        by_status = {} if returned is typing.NoReturn else {endpoint.status: returned}
    made: dict[int, Json] = {}
    for status, kinds in by_status.items():
        made[status] = {"description": _STATUS_TEXTS.get(status, "OK"), "headers": _headers("X-Request-Id")}
        if kinds is not types.NoneType:
            made[status]["content"] = schemas.contents(_members(kinds), status)
        if method == "GET" and status == 200:
            made[status]["headers"] |= _headers("ETag")
            made[304] = {"$ref": "#/components/responses/NotModified"}
        if status == 303:
            made[status]["headers"] |= _headers("Location")
        if method in MUTATIONS and endpoint.on_replay == "replay":
            made[status]["headers"] |= _headers("Idempotency-Replayed")
    _add_errors(schemas, made, method, endpoint, "body" in hints)
    return {str(status): made[status] for status in sorted(made)}


_STATUS_TEXTS = {201: "Created.", 204: "Done; no content.", 303: "It is at `Location`."}


def _members(kinds: Any) -> tuple[Any, ...]:
    """Split the types of a response: a tuple, or a union as in the annotations of views."""
    if isinstance(kinds, tuple):
        return kinds
    return typing.get_args(kinds) if isinstance(kinds, types.UnionType) else (kinds,)


def _errors_of(method: str, endpoint: Endpoint, has_body: bool) -> Iterable[type[errors.RollcallError]]:
    yield errors.InvalidRequest
    if has_body:
        yield errors.TooLarge
    yield from endpoint.raises
    if method in MUTATIONS:
        yield errors.RequestInProgress
        yield errors.IdempotencyKeyReused
        if endpoint.on_replay == "refuse":
            yield errors.AnswerNotKept
    if endpoint.scope != "public":
        yield errors.TokenMissing
        yield errors.InvalidToken
        if endpoint.scope != "any":
            yield errors.RoleNotAllowed
        yield errors.TooManyRequests
        yield errors.Busy


_REQUEST = Request("GET", "/", "/", {}, {}, b"", examples.REQUEST)


def _add_errors(
    schemas: Schemas, made: dict[int, Json], method: str, endpoint: Endpoint, has_body: bool
) -> None:
    """Add the errors by status, in the format of the route."""
    families: dict[int, dict[type[errors.RollcallError], Any]] = {}
    for kind in _errors_of(method, endpoint, has_body):
        status, body = endpoint.error_format(error_examples.of(kind, endpoint.scope), _REQUEST)
        families.setdefault(status, {})[kind] = msgspec.to_builtins(body)
    for status, bodies in families.items():
        codes = sorted(kind.__name__ for kind in bodies)
        if endpoint.error_format is error_body:
            schema: Json = _error_with(codes)
        else:
            schema = schemas.of(_error_type(endpoint))
        if status in made:  # the lab sends some errors with a 200
            schemas.widen(made[status]["content"]["application/json"], schema)
            continue
        lines = sorted(f"- `{kind.__name__}`: {_first_line(kind)}" for kind in bodies)
        shown = {kind.__name__: {"value": bodies[kind]} for kind in bodies}
        made[status] = {
            "description": "\n".join(lines),
            "headers": _headers("X-Request-Id", *_ERROR_HEADERS.get(status, ())),
            "content": {"application/json": {"schema": schema, "examples": dict(sorted(shown.items()))}},
        }
    for status, (code, _) in _CHALICE_ERRORS.items():
        made[status] = {"$ref": f"#/components/responses/{code}"}


def _error_type(endpoint: Endpoint) -> Any:
    """Find the type of a route's errors: an error format returns a status and a body."""
    _, body = typing.get_args(typing.get_type_hints(endpoint.error_format)["return"])
    return body


_ERROR_HEADERS = {401: ["WWW-Authenticate"], 429: ["Retry-After"], 503: ["Retry-After"]}


def _error_with(codes: list[str]) -> Json:
    narrowed = {
        "type": "object",
        "properties": {"Code": {"type": "string", "enum": codes}},
        "required": ["Code"],
    }
    return {"allOf": [{"$ref": "#/components/schemas/Error"}, narrowed]}


def _first_line(kind: type) -> str:
    return inspect.cleandoc(kind.__doc__ or "").partition("\n")[0]


def _headers(*names: str) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _shared_responses() -> Json:
    not_modified = {
        "description": "Not modified: your copy is current.",
        "headers": _headers("X-Request-Id", "ETag"),
    }
    made: Json = {"NotModified": not_modified}
    for code, message in _CHALICE_ERRORS.values():
        example = {"Code": code, "Message": message, "RequestId": _REQUEST.request_id}
        made[code] = {
            "description": f"- `{code}`",
            "headers": _headers("X-Request-Id"),
            "content": {"application/json": {"schema": _error_with([code]), "example": example}},
        }
    return made


def _add_links(paths: Mapping[str, Json], components: Mapping[str, Json]) -> None:
    """Link the ids that a POST returns to the operations that take them."""
    for path, item in paths.items():
        made = item.get("post", {}).get("responses", {}).get("201")
        if not made:
            continue
        fields = _fields(made["content"]["application/json"]["schema"], components)
        known = {name: f"$request.path.{name}" for name in re.findall(r"{(\w+)}", path)}
        known |= {name: f"$response.body#/{name}" for name in fields if name.endswith("_id")}
        links = {}
        for target, operations in paths.items():
            needed = re.findall(r"{(\w+)}", target)
            if fields & set(needed) and set(needed) <= known.keys():
                parameters = {name: known[name] for name in needed}
                for operation in operations.values():
                    links[operation["operationId"]] = {
                        "operationId": operation["operationId"],
                        "parameters": parameters,
                    }
        if links:
            made["links"] = links


def _fields(schema: Json, components: Mapping[str, Json]) -> set[str]:
    component = components.get(schema.get("$ref", "").rpartition("/")[2], schema)
    return set(component.get("properties", {}))

"""Plausible values for schemas and errors: the examples of the OpenAPI document."""

import inspect
from collections.abc import Mapping
from typing import Any

from chalicelib.domain.errors import RollcallError

Schema = Mapping[str, Any]


_PERSON = "3f9d0c5be7a1426c98b0d2f4"


_UUID = "8c0f2f5e-5d0b-4c3e-9f0e-3b6a4c1d7e21"


_JPEG = "/9j/4AAQSkZJRgABAQAAAQABAAD/2Q=="


# By the name of the field or parameter, for those whose type does not say enough.
_NAMED: dict[str, Any] = {
    "access_key_id": "ASIAEXAMPLE",
    "break_minutes": 60,
    "brightness": 78.4,
    "by": None,
    "checkinDay": "2026-11-23",
    "checkinTime": "07:58:12",
    "code": "HS-0042",
    "Code": "PersonNotFound",
    "confidence": 99.8,
    "cursor": None,
    "device": "front door",
    "email": "anh@example.com",
    "endpoint": None,
    "ExternalImageId": f"{_PERSON}_Nguyễn Văn Ánh",
    "externalImageId": f"{_PERSON}_Nguyễn Văn Ánh",
    "face_id": _UUID,
    "FaceId": _UUID,
    "faceId": _UUID,
    "fileBase64": _JPEG,
    "fileName": "anh.jpg",
    "fileType": "image/jpeg",
    "group": "12A1",
    "half": None,
    "holiday": None,
    "id": "01KAQ4S8D2-7b1e",
    "kind": "annual",
    "lab": "off",
    "leave": None,
    "leave_half": None,
    "leave_id": _PERSON,
    "limit": 10,
    "liveness_session_id": _UUID,
    "Message": "There is no such person.",
    "model": "7.0",
    "month": "2026-11",
    "name": "Nguyễn Văn Ánh",
    "next_cursor": None,
    "outcome": "Recognised",
    "person_days": 12,
    "person_id": _PERSON,
    "previewUrl": None,
    "problems": ["default_shift: there is no shift 'night'"],
    "punch_id": "01KAQ4S8D2-7b1e",
    "q": "anh",
    "reason": "The camera was out of order.",
    "reasons": ["too_dark"],
    "region": "ap-southeast-1",
    "RequestId": _UUID,
    "s3Key": f"faces/{_PERSON}_Nguyễn Văn Ánh.jpg",
    "secret_access_key": "…",
    "session_id": _UUID,
    "session_token": "…",
    "sessionId": _UUID,
    "sharpness": 92.1,
    "shift": "day",
    "similarity": 99.4,
    "similarity_threshold": 99,
    "stage": "prod",
    "superseded_by": None,
    "supersedes": None,
    "timestamp": "2026-11-23T00:58:12.000Z",
    "total": 1,
    "until": None,
    "upload_id": _PERSON,
    "url": "https://example.com/signed",
    "version": 1,
    "zone": "Asia/Ho_Chi_Minh",
}


# What callers are likely to send, where it is less than everything that can be sent.
BODIES: dict[str, dict[str, Any]] = {
    "NewPerson": {"name": "Nguyễn Văn Ánh", "code": "HS-0042", "group": "12A1"},
    "PersonChange": {"group": "12A2", "email": None},
    "PhotoJson": {"photo": _JPEG},
    "ManualPunch": {
        "person_id": _PERSON,
        "at": "2026-11-23T17:02:00+07:00",
        "direction": "out",
        "reason": "The camera was out of order.",
    },
    "NewLeave": {"since": "2026-11-23", "until": "2026-11-24", "kind": "annual"},
}


_FORMATS = {"date": "2026-11-23", "date-time": "2026-11-23T07:58:12+07:00", "binary": "…"}


def value(schema: Schema, components: Mapping[str, Schema], name: str = "") -> Any:
    """Make a value that fits a schema; `name` is the field's."""
    if "$ref" in schema:
        return value(components[schema["$ref"].rpartition("/")[2]], components, name)
    if schema.get("examples"):
        return schema["examples"][0]
    options = schema.get("anyOf") or schema.get("oneOf")
    if options and "type" not in schema:
        null = {"type": "null"} in options
        if null and name in _NAMED and _NAMED[name] is None:
            return None
        return value(next(option for option in options if option != {"type": "null"}), components, name)
    if "enum" in schema:
        return schema["enum"][0]
    return _of_type(schema, components, name)


def _of_type(schema: Schema, components: Mapping[str, Schema], name: str) -> Any:
    kind = schema.get("type")
    if kind == "object":
        return _object(schema, components, name)
    if kind == "array":
        if schema["items"].get("type") == "string" and name in _NAMED:
            return _NAMED[name]
        return [value(schema["items"], components, name.removesuffix("s"))]
    if kind == "string":
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
        if "contentEncoding" in schema:
            return _JPEG
        named = _NAMED.get(name)
        return named if isinstance(named, str) else schema.get("default", "…")
    if kind in ("integer", "number"):
        named = _NAMED.get(name)
        return named if isinstance(named, int | float) else schema.get("default", schema.get("minimum", 1))
    return {"boolean": schema.get("default", False), "null": None}.get(str(kind), _NAMED.get(name))


def _object(schema: Schema, components: Mapping[str, Schema], name: str) -> dict[str, Any]:
    fields = schema.get("properties", {})
    made = {field: value(inner, components, field) for field, inner in fields.items()}
    inner = schema.get("additionalProperties")
    if isinstance(inner, Mapping) and inner:
        made["day" if name == "shifts" else "key"] = value(inner, components)
    return made


def error(kind: type[RollcallError]) -> RollcallError:
    """Make an error of a kind, with plausible facts."""
    needed = [
        parameter
        for parameter in inspect.signature(kind).parameters.values()
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
    ]
    facts = _NAMED | {"message": inspect.cleandoc(kind.__doc__ or "").partition("\n")[0]}
    plain: dict[Any, Any] = {int: 2, Mapping[str, Any]: {}}
    given: Any = (facts.get(one.name, plain.get(one.annotation, "…")) for one in needed)
    return kind(*given)

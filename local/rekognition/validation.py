"""Requests and answers against botocore's own description of Rekognition.

The description ships with boto3, so what a client may send and what it can read is not written
down a second time here. A request that cannot be read is a SerializationException, one that breaks
a limit of the model is a ValidationException in the words that AWS uses.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final

import botocore.loaders
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from local.rekognition.exceptions import (
    ImageTooLargeException,
    RekognitionError,
    SerializationException,
    ValidationException,
)

TARGET_PREFIX: Final = "RekognitionService."
_MAX_SHOWN: Final = 100  # characters of a refused value that are said back


@cache
def service() -> ServiceModel:
    """Load Rekognition's model."""
    return ServiceModel(
        botocore.loaders.Loader().load_service_model("rekognition", "service-2"), "rekognition"
    )


def parse(operation: OperationModel, body: bytes) -> dict[str, Any]:
    """Read and check a request; blobs come as bytes, what the model does not know is left out.

    Raises SerializationException, ValidationException, and ImageTooLargeException for an image of
    more bytes than the model allows.
    """
    document = _json(body)
    if not isinstance(document, dict):
        raise SerializationException("The request is not a JSON object")
    if operation.input_shape is None:
        return {}
    problems: list[str] = []
    request: dict[str, Any] = _read(operation.input_shape, document, "", problems)
    if problems:
        plural = "s" if len(problems) > 1 else ""
        raise ValidationException(f"{len(problems)} validation error{plural} detected: {'; '.join(problems)}")
    return request


def render(operation: OperationModel, answer: Mapping[str, Any]) -> bytes:
    """Write an answer by the operation's output shape: bytes in base64, datetimes as seconds."""
    shape = operation.output_shape
    return json.dumps(_write(shape, answer) if shape else {}).encode()


def _json(body: bytes) -> Any:
    try:
        document = json.loads(body or b"{}", parse_constant=_refuse_constant)
        if b"\\u" in body:
            json.dumps(document, ensure_ascii=False).encode()  # a lone surrogate could not be stored
    except (ValueError, RecursionError):
        raise SerializationException("The request is not valid JSON in UTF-8") from None
    return document


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _read(shape: Shape, value: Any, at: str, problems: list[str]) -> Any:
    return _READERS[shape.type_name](shape, value, at, problems)


def _read_structure(shape: StructureShape, value: Any, at: str, problems: list[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _unreadable(at, "an object")
    for name in shape.required_members:
        if value.get(name) is None:
            _refuse(problems, None, _path(at, name), "Member must not be null")
    return {
        name: _read(member, value[name], _path(at, name), problems)
        for name, member in shape.members.items()
        if value.get(name) is not None
    }


def _read_list(shape: ListShape, value: Any, at: str, problems: list[str]) -> list[Any]:
    if not isinstance(value, list):
        raise _unreadable(at, "a list")
    _check_length(shape, len(value), f"[{len(value)} members]", at, problems)
    return [
        _read(shape.member, item, f"{at}.{number}.member", problems)
        for number, item in enumerate(value, 1)
        if item is not None
    ]


def _read_map(shape: MapShape, value: Any, at: str, problems: list[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _unreadable(at, "an object")
    _check_length(shape, len(value), f"{{{len(value)} members}}", at, problems)
    return {
        _read(shape.key, key, f"{at}.key", problems): _read(shape.value, item, f"{at}.value", problems)
        for key, item in value.items()
        if item is not None
    }


def _read_string(shape: Shape, value: Any, at: str, problems: list[str]) -> str:
    if not isinstance(value, str):
        raise _unreadable(at, "a string")
    _check_length(shape, len(value), value, at, problems)
    pattern = shape.metadata.get("pattern")
    if pattern and not _pattern(pattern).fullmatch(value):
        _refuse(problems, value, at, f"Member must satisfy regular expression pattern: {pattern}")
    enum = shape.metadata.get("enum")
    if enum and value not in enum:
        _refuse(problems, value, at, f"Member must satisfy enum value set: [{', '.join(enum)}]")
    return value


def _read_blob(shape: Shape, value: Any, at: str, problems: list[str]) -> bytes:
    if not isinstance(value, str):
        raise _unreadable(at, "a string in base64")
    try:
        content = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise _unreadable(at, "a string in base64") from None
    if shape.name == "ImageBlob" and len(content) > shape.metadata["max"]:
        raise ImageTooLargeException(
            f"Image size is too large: {len(content)} bytes, at most {shape.metadata['max']} are allowed."
        )
    _check_length(shape, len(content), f"[{len(content)} bytes]", at, problems)
    return content


def _read_integer(shape: Shape, value: Any, at: str, problems: list[str]) -> int:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole:
        raise _unreadable(at, "a whole number")
    _check_value(shape, value, at, problems)
    return int(value)


def _read_float(shape: Shape, value: Any, at: str, problems: list[str]) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _unreadable(at, "a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _unreadable(at, "a number")
    _check_value(shape, number, at, problems)
    return number


def _read_boolean(shape: Shape, value: Any, at: str, problems: list[str]) -> bool:
    if not isinstance(value, bool):
        raise _unreadable(at, "true or false")
    return value


_READERS: Final[dict[str, Callable[[Any, Any, str, list[str]], Any]]] = {
    "structure": _read_structure,
    "list": _read_list,
    "map": _read_map,
    "string": _read_string,
    "blob": _read_blob,
    "integer": _read_integer,
    "long": _read_integer,
    "float": _read_float,
    "double": _read_float,
    "boolean": _read_boolean,
}


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    """Compile a pattern of the model: Java's, whose Unicode classes Python writes otherwise."""
    return re.compile(pattern.replace(r"\p{L}", r"\w").replace(r"\p{N}", r"\d").replace(r"\p{Z}", r"\s"))


def _check_length(shape: Shape, length: int, shown: str, at: str, problems: list[str]) -> None:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and length < least:
        _refuse(problems, shown, at, f"Member must have length greater than or equal to {least}")
    if most is not None and length > most:
        _refuse(problems, shown, at, f"Member must have length less than or equal to {most}")


def _check_value(shape: Shape, value: float, at: str, problems: list[str]) -> None:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and value < least:
        _refuse(problems, str(value), at, f"Member must have value greater than or equal to {least}")
    if most is not None and value > most:
        _refuse(problems, str(value), at, f"Member must have value less than or equal to {most}")


def _refuse(problems: list[str], shown: str | None, at: str, constraint: str) -> None:
    quoted = "null" if shown is None else f"'{shown[:_MAX_SHOWN]}'"
    problems.append(f"Value {quoted} at '{at}' failed to satisfy constraint: {constraint}")


def _unreadable(at: str, wanted: str) -> RekognitionError:
    return SerializationException(f"The value at '{at}' is not {wanted}")


def _path(at: str, name: str) -> str:
    """Name a member as AWS does in its messages: image.s3Object.bucket."""
    step = name[0].lower() + name[1:]
    return f"{at}.{step}" if at else step


def _write(shape: Shape, value: Any) -> Any:
    if isinstance(shape, StructureShape):
        return {
            name: _write(member, value[name])
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if isinstance(shape, ListShape):
        return [_write(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: _write(shape.value, item) for key, item in value.items()}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return round(value.timestamp(), 3)
    return value

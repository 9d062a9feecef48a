"""JSON Schemas of our types, gathered as the components of an OpenAPI document."""

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import NODEFAULT
from msgspec.inspect import DateTimeType, Field, StructType, Type, UnionType

from infra.openapi import examples

Json = dict[str, Any]


_REF = "#/components/schemas/{name}"


_BASE64 = {"type": "string", "contentEncoding": "base64"}


_BINARY = {"type": "string", "format": "binary"}


class Schemas:
    """The schemas of a document, by name; each name stands for one type."""

    def __init__(self) -> None:
        self._components: dict[str, Json] = {}
        self._structs: dict[str, StructType] = {}
        self._requested: set[str] = set()
        self._returned: set[str] = set()

    def of(self, kind: Any, *, in_request: bool = False) -> Json:
        """Return the schema of a type and add its components; `in_request` for types of request bodies."""
        found, components = msgspec.json.schema_components([kind], ref_template=_REF)
        text = msgspec.json.encode((found[0], components)).decode()
        # A page of PersonView is called PersonViewPage and not Page_PersonView_.
        schema, components = msgspec.json.decode(re.sub(r"\bPage_(\w+?)_\"", r'\1Page"', text))
        _add_string_type(schema)
        for name, component in components.items():
            _add_string_type(component)
            self.add(name, component)
        (self._requested if in_request else self._returned).update(components)
        for struct in _structs(msgspec.inspect.type_info(kind), set()):
            self._structs[struct.cls.__name__] = struct
        return dict(schema)

    def add(self, name: str, component: Json) -> None:
        """Add a component; raises ValueError if another one has its name."""
        if self._components.setdefault(name, component) != component:
            raise ValueError(f"two types are called {name}")

    def content(self, media: str, kind: Any) -> Json:
        """Return the content of a request body in one media type."""
        if kind is bytes:
            return {"schema": _BINARY}
        if kind is str:
            return {"schema": {"type": "string"}}
        if media != "multipart/form-data":
            return {"schema": self.of(kind, in_request=True), "example": examples.body(kind)}
        form: Json = next(iter(msgspec.json.schema_components([kind], ref_template=_REF)[1].values()))
        fields = form["properties"].items()  # a form sends files as binary
        form["properties"] = {name: _BINARY if field == _BASE64 else field for name, field in fields}
        return {"schema": form}

    def contents(self, kinds: Iterable[Any], status: int) -> Json:
        """Return the content of a response; `kinds` are types (sent as JSON) or other media types."""
        made: Json = {}
        for kind in kinds:
            if isinstance(kind, str):
                text = kind.startswith("text/")
                made[kind] = {"schema": {"type": "string"} if text else _BINARY}
            elif "application/json" in made:
                self.widen(made["application/json"], self.of(kind))
            else:
                made["application/json"] = {"schema": self.of(kind)}
                if kind != dict[str, Any]:
                    made["application/json"]["example"] = examples.body(kind, status)
        return made

    @staticmethod
    def widen(media: Json, schema: Json) -> None:
        """Allow another schema for a JSON body."""
        options = media["schema"].get("anyOf", [media["schema"]])
        if schema not in options:
            media["schema"] = {"anyOf": [*options, schema]}

    def components(self) -> dict[str, Json]:
        """Return all components, with corrections of what msgspec cannot know."""
        for name, component in self._components.items():
            component.pop("title", None)
            if "description" in component:
                # The docstrings are written for Python.
                text = inspect.cleandoc(component["description"])
                component["description"] = re.sub(r"\bNone\b", "null", text)
            struct = self._structs.get(name)
            if struct is None:
                continue
            for field in struct.fields:
                _date(component["properties"][field.encode_name], field.type)
            if name not in self._returned:
                _describe_defaults(component)
            # Every field of a response is present, unless its type omits defaults, or it is unset by default.
            elif name not in self._requested and not struct.cls.__struct_config__.omit_defaults:
                component["required"] = [
                    field.encode_name for field in struct.fields if not _may_be_absent(field)
                ]
                for field_schema in component["properties"].values():
                    field_schema.pop("default", None)
        return self._components


def _may_be_absent(field: Field) -> bool:
    """Whether a field is unset by default, which is no value."""
    return not field.required and field.default is NODEFAULT and field.default_factory is NODEFAULT


def _date(schema: Json, kind: Type) -> None:
    """Mark instants as date-time, which msgspec does only if an offset is required."""
    options = kind.types if isinstance(kind, UnionType) else (kind,)
    if any(isinstance(option, DateTimeType) for option in options):
        for part in (schema, *schema.get("anyOf", [])):
            if part.get("type") == "string":
                part["format"] = "date-time"


def _add_string_type(schema: Any) -> None:
    """Give enumerations of texts their type, which generators of clients need."""
    if isinstance(schema, dict):
        words = schema.get("enum")
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            schema.setdefault("type", "string")
        for inner in schema.values():
            _add_string_type(inner)
    elif isinstance(schema, list):
        for inner in schema:
            _add_string_type(inner)


def _describe_defaults(component: Json) -> None:
    """Move defaults to the descriptions: client generators treat a field with a default as always present."""
    for field in component["properties"].values():
        default = field.pop("default", None)
        if default is not None:
            text = f"Default: `{msgspec.json.encode(default).decode()}`."
            field["description"] = " ".join(filter(None, [field.get("description"), text]))


def _structs(info: Any, seen: set[type]) -> Iterator[StructType]:
    """Yield the Structs that a type consists of."""
    if isinstance(info, StructType):
        if info.cls in seen:
            return
        seen.add(info.cls)
        yield info
    if isinstance(info, msgspec.Struct):
        for name in info.__struct_fields__:
            yield from _structs(getattr(info, name), seen)
    elif isinstance(info, tuple | list):
        for inner in info:
            yield from _structs(inner, seen)

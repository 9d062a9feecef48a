"""JSON Schemas of our types, gathered as the components of an OpenAPI document."""

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec.inspect import DateTimeType, StructType, Type, UnionType

from infra.openapi import examples

Json = dict[str, Any]


_REF = "#/components/schemas/{name}"


_BASE64 = {"type": "string", "contentEncoding": "base64"}


_BINARY = {"type": "string", "format": "binary"}


class Schemas:
    """Schemas by name; a name means one type."""

    def __init__(self) -> None:
        self._components: dict[str, Json] = {}
        self._structs: dict[str, StructType] = {}
        self._taken: set[str] = set()
        self._given: set[str] = set()

    def of(self, kind: Any, *, taken: bool = False) -> Json:
        """Give the schema of a type; `taken` in requests, not only given in answers."""
        found, components = msgspec.json.schema_components([kind], ref_template=_REF)
        text = msgspec.json.encode((found[0], components)).decode()
        # A page of PersonView is called PersonViewPage and not Page_PersonView_.
        schema, components = msgspec.json.decode(re.sub(r"\bPage_(\w+?)_\"", r'\1Page"', text))
        _say_text(schema)
        for name, component in components.items():
            _say_text(component)
            self.add(name, component)
        (self._taken if taken else self._given).update(components)
        for struct in _structs(msgspec.inspect.type_info(kind), set()):
            self._structs[struct.cls.__name__] = struct
        return dict(schema)

    def add(self, name: str, component: Json) -> None:
        """Add a schema under its name; raises ValueError when another one has it."""
        if self._components.setdefault(name, component) != component:
            raise ValueError(f"two types are called {name}")

    def content(self, media: str, kind: Any) -> Json:
        """Give the content of a request body in one media type."""
        if kind is bytes:
            return {"schema": _BINARY}
        if kind is str:
            return {"schema": {"type": "string"}}
        if media != "multipart/form-data":
            return {"schema": self.of(kind, taken=True), "example": examples.body(kind)}
        form: Json = next(iter(msgspec.json.schema_components([kind], ref_template=_REF)[1].values()))
        fields = form["properties"].items()  # files are sent as they are there
        form["properties"] = {name: _BINARY if field == _BASE64 else field for name, field in fields}
        return {"schema": form}

    def contents(self, kinds: Iterable[Any], status: int) -> Json:
        """Give the content of a response: types are JSON, texts name another media type."""
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
        """Let a JSON body be of another schema too."""
        options = media["schema"].get("anyOf", [media["schema"]])
        if schema not in options:
            media["schema"] = {"anyOf": [*options, schema]}

    def components(self) -> dict[str, Json]:
        """Give all schemas by name, put right where msgspec cannot know."""
        for name, component in self._components.items():
            component.pop("title", None)
            if "description" in component:
                # Docstrings are for readers of Python too.
                text = inspect.cleandoc(component["description"])
                component["description"] = re.sub(r"\bNone\b", "null", text)
            struct = self._structs.get(name)
            if struct is None:
                continue
            for field in struct.fields:
                _date(component["properties"][field.encode_name], field.type)
            if name not in self._given:
                _tell_defaults(component)
            # What we answer is always there, unless the type leaves defaults out.
            elif name not in self._taken and not struct.cls.__struct_config__.omit_defaults:
                component["required"] = list(component["properties"])
                for field_schema in component["properties"].values():
                    field_schema.pop("default", None)
        return self._components


def _date(schema: Json, kind: Type) -> None:
    """Say that a text is an instant; msgspec does not where it would take one without an offset."""
    options = kind.types if isinstance(kind, UnionType) else (kind,)
    if any(isinstance(option, DateTimeType) for option in options):
        for part in (schema, *schema.get("anyOf", [])):
            if part.get("type") == "string":
                part["format"] = "date-time"


def _say_text(schema: Any) -> None:
    """Say that the words of an enumeration are texts; generators of clients do not look."""
    if isinstance(schema, dict):
        words = schema.get("enum")
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            schema.setdefault("type", "string")
        for inner in schema.values():
            _say_text(inner)
    elif isinstance(schema, list):
        for inner in schema:
            _say_text(inner)


def _tell_defaults(component: Json) -> None:
    """Tell people of the defaults: a generator of clients takes one to mean that the field is there."""
    for field in component["properties"].values():
        default = field.pop("default", None)
        if default is not None:
            said = f"Left out: `{msgspec.json.encode(default).decode()}`."
            field["description"] = " ".join(filter(None, [field.get("description"), said]))


def _structs(info: Any, seen: set[type]) -> Iterator[StructType]:
    """Find the Structs that a type is made of."""
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

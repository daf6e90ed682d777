"""The types of values, taken from JSON Schemas (2020-12) as far as these say one; everything else is dynamic.

A type is found when somebody asks for it, one field at a time, so a large schema costs nothing where it is not read.
Schemas that are not sound are reported elsewhere; here they make dynamic values and no errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Protocol
from urllib.parse import unquote

from msgspec import Struct

Kind = Literal[
    "int", "double", "bool", "string", "null", "timestamp", "duration", "list", "object", "optional", "dynamic"
]

WORDS: dict[Kind, str] = {
    "int": "an integer",
    "double": "a number",
    "bool": "true or false",
    "string": "a text",
    "null": "null",
    "timestamp": "a point in time",
    "duration": "a duration",
    "list": "a list",
    "object": "an object",
    "optional": "a value that may be absent",
    "dynamic": "a value of no known type",
}
_OF_JSON: dict[str, Kind] = {
    "integer": "int",
    "number": "double",
    "boolean": "bool",
    "string": "string",
    "null": "null",
    "array": "list",
    "object": "object",
}
_WAY = 32
"""References followed in a row before a schema is taken for one that refers to itself."""


class Type(Struct, frozen=True, eq=False):
    """What is known of a value. `nullable`: it may also be null, and must be tested before it is used.

    `item` is the type of a list's elements or of what an optional holds, `shape` what an object may have.
    """

    kind: Kind
    nullable: bool = False
    item: Type | None = None
    shape: Shape | None = None

    def __str__(self) -> str:
        return WORDS[self.kind] + (" or null" if self.nullable else "")

    def element(self) -> Type:
        """The type of what a macro or an index finds in it: a list's elements, an object's keys."""
        if self.kind == "object":
            return STRING
        if self.kind == "list" and isinstance(self.shape, _Items):
            return self.shape.type()
        return self.item or DYNAMIC

    @property
    def dynamic(self) -> bool:
        """Whether nothing is known of it."""
        return self.kind == "dynamic"


class Field(Struct, frozen=True, eq=False):
    """One field of an object: `present` when no value of the type is without it."""

    type: Type
    present: bool = True
    personal: bool = False


class Shape(Protocol):
    """What an object may have."""

    def field(self, name: str) -> Field | None:
        """The field, or None when there is none of that name."""
        ...

    def names(self) -> Iterable[str]:
        """The declared fields."""
        ...


INT, DOUBLE, BOOL, STRING = Type("int"), Type("double"), Type("bool"), Type("string")
NULL, TIMESTAMP, DURATION = Type("null"), Type("timestamp"), Type("duration")
DYNAMIC = Type("dynamic")


def list_of(item: Type) -> Type:
    """The type of a list of such elements."""
    return Type("list", item=item)


class Fixed:
    """The shape of an object whose fields are all known here."""

    def __init__(self, fields: Mapping[str, Field]) -> None:
        self._fields = fields

    def field(self, name: str) -> Field | None:
        """The field, or None when there is none of that name."""
        return self._fields.get(name)

    def names(self) -> Iterable[str]:
        """All fields."""
        return self._fields


class Free:
    """The shape of an object that may have any field; `present`, when reading one is nobody's concern."""

    def __init__(self, present: bool = True) -> None:
        self._field = Field(DYNAMIC, present=present)

    def field(self, name: str) -> Field:
        """A dynamic field."""
        return self._field

    def names(self) -> Iterable[str]:
        """None is declared."""
        return ()


class Described:
    """The shape that a JSON Schema gives to an object. `fills`: absent fields get their `default`."""

    def __init__(self, schema: Mapping[str, Any], root: Any, fills: bool) -> None:
        self._schema = schema
        self._root = root
        self._fills = fills
        self._properties = _mapping(schema.get("properties"))
        required = schema.get("required")
        self._required = required if isinstance(required, list) else []

    def field(self, name: str) -> Field | None:
        """The field as the schema declares it, or as it treats undeclared ones; None where these are not foreseen."""
        if name not in self._properties:
            return self._undeclared(name)
        written = self._properties[name]
        present = name in self._required or (self._fills and "default" in _mapping(written))
        personal = _mapping(written).get("personal") is True
        return Field(type_of_schema(written, self._root, self._fills), present, personal)

    def names(self) -> Iterable[str]:
        """The declared fields."""
        return self._properties

    def _undeclared(self, name: str) -> Field | None:
        additional = self._schema.get("additionalProperties")
        if isinstance(additional, dict) and additional:
            return Field(type_of_schema(additional, self._root, fills=False), present=name in self._required)
        if additional is True or additional == {} or any(key in self._schema for key in _OPENING):
            return Field(DYNAMIC, present=name in self._required)
        if additional is None and not self._properties:
            return Field(DYNAMIC)  # nothing is declared at all, so there is nothing to be warned of
        return None


_OPENING = (
    "patternProperties",
    "unevaluatedProperties",
    "allOf",
    "anyOf",
    "oneOf",
    "if",
    "dependentSchemas",
    "$dynamicRef",
)
"""Keywords beside `properties` that may declare further fields."""


class _Items:
    """The element type of a schema's list, looked up when it is asked for."""

    def __init__(self, written: Any, root: Any) -> None:
        self._written = written
        self._root = root

    def type(self) -> Type:
        return type_of_schema(self._written, self._root, fills=False)

    def field(self, name: str) -> Field | None:
        return None

    def names(self) -> Iterable[str]:
        return ()


def object_of_schema(schema: Mapping[str, Any] | None) -> Type:
    """The type of data or a payload with that schema, which are always objects; without one, any field is possible."""
    if schema is None:
        return Type("object", shape=Free())
    resolved = _resolved(schema, schema)
    return Type("object", shape=Described(resolved, schema, fills=True))


def type_of_schema(written: Any, root: Any, fills: bool) -> Type:
    """The one type that `written` says, or the dynamic one."""
    schema = _resolved(written, root)
    kinds = _kinds(schema)
    nullable = "null" in kinds and len(kinds) > 1
    rest = kinds - {"null"} if nullable else kinds
    if rest == {"int", "double"}:
        rest = frozenset({"double"})
    if len(rest) != 1:
        return DYNAMIC
    (kind,) = rest
    if kind == "list":
        prefixed = "prefixItems" in schema
        return Type("list", nullable, shape=_Items({} if prefixed else schema.get("items"), root))
    if kind == "object":
        return Type("object", nullable, shape=Described(schema, root, fills))
    return Type(kind, nullable)


def _resolved(written: Any, root: Any) -> Mapping[str, Any]:
    """The schema behind local references; an empty one where there is none. Words beside a reference add to it."""
    schema = _mapping(written)
    for _ in range(_WAY):
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**_mapping(_at(root, reference)), **beside}
    return {}


def _at(root: Any, reference: str) -> Any:
    found = root
    for step in unquote(reference.removeprefix("#")).split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list):
            found = found[int(name)] if name.isdecimal() and len(name) < 9 and int(name) < len(found) else None
        else:
            found = _mapping(found).get(name)
    return found


def _kinds(schema: Mapping[str, Any]) -> frozenset[Kind]:
    """The kinds that a value may have as far as `type`, `const` or `enum` say; empty when they do not."""
    written = schema.get("type")
    names = [written] if isinstance(written, str) else written if isinstance(written, list) else []
    found = frozenset(_OF_JSON[name] for name in names if isinstance(name, str) and name in _OF_JSON)
    if found:
        return found
    choices = [schema["const"]] if "const" in schema else schema.get("enum")
    if not isinstance(choices, list) or not choices:
        return frozenset()
    kinds = frozenset(_kind_of(choice) for choice in choices)
    # Without `type`, 1 and 1.0 are one number to JSON Schema, so constants alone do not make an integer.
    return frozenset() if kinds & {"int", "double"} else kinds


def _kind_of(value: Any) -> Kind:
    return _OF_PYTHON.get(type(value), "dynamic")


_OF_PYTHON: dict[type, Kind] = {
    bool: "bool",
    int: "int",
    float: "double",
    str: "string",
    type(None): "null",
    list: "list",
    dict: "object",
}


def type_of_constant(value: Any) -> Type:
    """The type of a constant of the definition, such as a guard's parameter."""
    kind = _kind_of(value)
    if kind == "list":
        return list_of(joined([type_of_constant(item) for item in value]))
    if kind == "object":
        return Type("object", shape=Fixed({name: Field(type_of_constant(item)) for name, item in value.items()}))
    return Type(kind)


def joined(types: list[Type]) -> Type:
    """The one type of values that may have any of `types`; dynamic when they have none in common."""
    kinds = {each.kind for each in types}
    nullable = any(each.nullable for each in types) or ("null" in kinds and len(kinds) > 1)
    rest = [each for each in types if each.kind != "null"] if nullable else types
    if not rest or len({each.kind for each in rest}) != 1:
        return DYNAMIC
    first = rest[0]
    if first.kind == "list":
        return Type("list", nullable, item=joined([each.element() for each in rest]))
    if first.kind == "object":
        same = all(each.shape is first.shape for each in rest)
        return Type("object", nullable, shape=first.shape if same else Free())
    return Type(first.kind, nullable)


def without_null(known: Type) -> Type:
    """The type once null has been ruled out."""
    return Type(known.kind, False, known.item, known.shape) if known.nullable else known


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}

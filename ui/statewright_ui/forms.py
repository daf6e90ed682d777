"""Forms made from JSON Schemas: one input per field, and what a person typed read back as JSON.

What a schema says that no input can show is left to whoever checks what is sent: the machine says it better.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import unquote

from msgspec import Struct

from statewright.machine.faults import DEPTH, EXACT

Kind = Literal["text", "number", "checkbox", "select", "date", "email", "json"]
PREFIX = "f."
"""Stands before the names of fields in a form, so that none of them is taken for something of the page's own."""
MORE = "more"
"""The input for fields that no schema names, as one JSON object."""
_ABSENT = "–"
_TYPES: dict[str, Kind] = {"integer": "number", "number": "number", "string": "text", "boolean": "select"}


class Field(Struct, frozen=True):
    """One input. `options` are value and label of a choice; `fault` says what is wrong with what was typed."""

    name: str
    label: str
    kind: Kind
    required: bool = False
    help: str = ""
    options: tuple[tuple[str, str], ...] = ()
    value: str = ""
    attributes: dict[str, str] = {}
    fault: str = ""


class Form(Struct, frozen=True):
    """The inputs for one object, in the order of its schema."""

    fields: tuple[Field, ...]

    @property
    def faults(self) -> list[str]:
        """What is wrong with what was typed, field by field."""
        return [f"{field.label}: {field.fault}" for field in self.fields if field.fault]


def form_of(
    schema: Mapping[str, Any] | None,
    typed: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
    given: Mapping[str, Any] | None = None,
) -> Form:
    """The form of an object's schema, empty or with what was `typed`, or with the values of `given`.

    Fields that only patches may write are left out.
    """
    typed, faults, fields = typed or {}, faults or {}, []
    properties = _properties(schema)
    for name, written in properties.items():
        resolved = _resolved(schema or {}, written)
        if not resolved.get("readOnly"):
            value = typed.get(name, _typed(resolved, given[name]) if given and name in given else None)
            required = name in ((schema or {}).get("required") or ())
            fields.append(_field(name, resolved, required, value, faults.get(name, "")))
    if schema is None or schema.get("additionalProperties", True) is not False:
        rest = {name: value for name, value in (given or {}).items() if name not in properties}
        text = typed.get(MORE, json.dumps(rest, ensure_ascii=False) if rest else "")
        label = "Other fields" if properties else "What it carries"
        help = "a JSON object" if properties else 'a JSON object, such as {"amount": 5}'
        fields.append(Field(MORE, label, "json", help=help, value=text, fault=faults.get(MORE, "")))
    return Form(tuple(fields))


def typed_text(schema: Mapping[str, Any] | None, given: Mapping[str, Any]) -> dict[str, str]:
    """Values as a person would have typed them into the form of a schema."""
    return {
        field.name: field.value
        for field in form_of(schema, given=given).fields
        if field.name in given or field.name == MORE
    }


def read_form(schema: Mapping[str, Any] | None, typed: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """What was typed as an object, and what is wrong by field. An empty input leaves its field out."""
    found: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for name, written in _properties(schema).items():
        text = typed.get(name, "").strip()
        if text:
            try:
                found[name] = _value(_resolved(schema or {}, written), text)
            except ValueError as error:
                faults[name] = str(error)
    more = typed.get(MORE, "").strip()
    if more:
        try:
            rest = _json(more)
            if not isinstance(rest, dict):
                raise ValueError("write a JSON object")
            found = {**rest, **found}
        except ValueError as error:
            faults[MORE] = str(error)
    return found, faults


def typed_of(items: Sequence[tuple[str, Any]]) -> dict[str, str]:
    """The inputs of a form that was sent, by field."""
    return {name.removeprefix(PREFIX): str(value) for name, value in items if name.startswith(PREFIX)}


# --- One field ---


def _field(name: str, schema: Mapping[str, Any], required: bool, value: str | None, fault: str) -> Field:
    kind, options = _kind(schema, required)
    default = schema.get("default")
    text = value if value is not None else "" if default is None else _typed(schema, default)
    return Field(
        name,
        str(schema.get("title") or name),
        kind,
        required,
        _help(schema),
        options,
        text,
        _attributes(schema, kind),
        fault,
    )


def _kind(schema: Mapping[str, Any], required: bool) -> tuple[Kind, tuple[tuple[str, str], ...]]:
    choices = schema.get("enum")
    if "const" in schema:
        choices = [schema["const"]]
    if isinstance(choices, list):
        listed = tuple((_text(choice), _shown(choice)) for choice in choices)
        return "select", listed if required else (("", _ABSENT), *listed)
    type = _type(schema)
    if type == "boolean":
        return ("checkbox", ()) if required else ("select", (("", _ABSENT), ("true", "yes"), ("false", "no")))
    if type == "string" and schema.get("format") in ("date", "email"):
        return ("date" if schema["format"] == "date" else "email"), ()
    return _TYPES.get(type, "json"), ()


def _type(schema: Mapping[str, Any]) -> str:
    written = schema.get("type")
    named = [each for each in written if each != "null"] if isinstance(written, list) else [written]
    return str(named[0]) if len(named) == 1 else ""


def _help(schema: Mapping[str, Any]) -> str:
    said = [str(schema["description"])] if schema.get("description") else []
    if schema.get("format") == "date-time":
        said.append("such as 2026-11-23T11:30:00Z")
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None or high is not None:
        said.append(f"{low if low is not None else ''} … {high if high is not None else ''}".strip())
    if schema.get("minLength"):
        said.append(f"at least {schema['minLength']} characters")
    if _type(schema) not in _TYPES and "enum" not in schema and "const" not in schema:
        said.append("JSON")
    return ", ".join(said)


def _attributes(schema: Mapping[str, Any], kind: Kind) -> dict[str, str]:
    if kind != "number":
        return {}
    return {"step": "1" if _type(schema) == "integer" else "any"}


def _value(schema: Mapping[str, Any], text: str) -> Any:
    """The JSON value of what was typed. Raises ValueError with a sentence."""
    if "enum" in schema or "const" in schema:
        return _json(text)
    match _type(schema):
        case "integer":
            try:
                return _bearable(int(text))
            except ValueError as error:
                large = "exactly" in str(error)
                raise ValueError(str(error) if large else "write a whole number") from None
        case "number":
            try:
                return _bearable(int(text)) if text.lstrip("-").isdigit() else _finite(float(text))
            except ValueError:
                raise ValueError("write a number") from None
        case "boolean":
            return text in ("true", "on")
        case "string":
            return text
    return _json(text)


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("this number is too large")
    return value


def _bearable(value: Any, depth: int = 0) -> Any:
    """The value, if an event could carry it: whole numbers as browsers hold them, real text, and not too deep."""
    if depth > DEPTH:
        raise ValueError(f"this nests deeper than {DEPTH}")
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else ():
            _bearable(key, depth + 1)
        for inner in value.values() if isinstance(value, dict) else value:
            _bearable(inner, depth + 1)
    elif isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError("half of a surrogate pair is no text") from None
    elif isinstance(value, int) and not -EXACT <= value <= EXACT:
        raise ValueError("whole numbers beyond 2^53 cannot be held exactly")
    return value


def _json(text: str) -> Any:
    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is no JSON")

    try:
        found = json.loads(text, parse_constant=refuse, parse_float=lambda part: _finite(float(part)))
        return _bearable(found)
    except json.JSONDecodeError as error:
        raise ValueError(f"this is not JSON: {error.msg.lower()} in column {error.colno}") from None
    except RecursionError:
        raise ValueError("this nests too deep") from None


def _typed(schema: Mapping[str, Any], value: Any) -> str:
    """A value as a person would type it into its field."""
    if "enum" in schema or "const" in schema or not isinstance(value, str) or _type(schema) != "string":
        return _text(value)
    return value


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else _text(value)


def _properties(schema: Mapping[str, Any] | None) -> dict[str, Any]:
    found = (schema or {}).get("properties")
    return {name: each for name, each in found.items() if isinstance(each, dict)} if isinstance(found, dict) else {}


def _resolved(root: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema with its own `$ref` followed, a few steps at most; one that leads nowhere is left as it is."""
    for _ in range(8):
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#"):
            return schema
        target: Any = root
        for step in unquote(reference).split("/")[1:]:
            target = target.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(target, dict) else None
        if not isinstance(target, dict):
            return schema
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema

"""JSON Schemas of data and payloads: compiled once, closed to the outside, linear in time.

JSON Schema 2020-12 by `jsonschema-rs`. Only local references, no cycles; patterns run on an engine without
backtracking; `format` is asserted for a few formats and a hint otherwise.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import jsonschema_rs
import msgspec

from statewright.machine.problem import child, pointer_of

ASSERTED_FORMATS = frozenset({"date", "date-time", "email", "uuid", "uri"})
_SHOWN = 160
_FAULTS = 20
UNFOLDED = 10_000
"""How many references a schema may come to when each is followed: two in each of thirty definitions are a billion."""


class BadSchema(ValueError):
    """A schema of a definition cannot be used. `pointer` is relative to that schema."""

    def __init__(self, pointer: str, sentence: str) -> None:
        super().__init__(sentence)
        self.pointer = pointer
        self.sentence = sentence


class Schema:
    """What an object must look like. `fields` are the declared top-level ones."""

    def __init__(self, written: Mapping[str, Any]) -> None:
        """Raises BadSchema for a schema that is not one, refers to the outside or to itself."""
        _refuse_open_references(written)
        closed = {"type": "object", **_without_hints(dict(written))}
        self._validator = _compiled(closed)
        self.fits = self._validator.is_valid
        self.fields: Mapping[str, Any] = _properties(written)
        self.required: frozenset[str] = frozenset(written.get("required") or ())
        self.personal = _marked(self.fields, "personal")
        self.read_only = _marked(self.fields, "readOnly")
        self._defaults = _defaults(written)
        self.default_bytes = len(msgspec.json.encode(self._defaults)) if self._defaults else 0
        """At most how many bytes of JSON `filled` adds."""
        self._masked = _compiled(closed, mask="the whole") if self.personal else None

    def fits_erased(self, value: Mapping[str, Any]) -> bool:
        """Whether `value` fits but for personal fields that are not there, though they are required."""
        return bool(self.personal) and all(
            error.schema_path == ["required"] and self._lacks_only_personal(value)
            for error in self._validator.iter_errors(value)
        )

    def _lacks_only_personal(self, value: Mapping[str, Any]) -> bool:
        return (self.required - value.keys()) <= self.personal

    def faults(self, value: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Pointer and sentence of what in `value` does not fit, 20 things at most; empty when all does.

        No sentence shows the value of a personal field.
        """
        errors = itertools.islice(self._validator.iter_errors(value), _FAULTS)
        return [self._said(error, value) for error in errors]

    def _said(self, error: jsonschema_rs.ValidationError, value: Mapping[str, Any]) -> tuple[str, str]:
        path = list(error.instance_path)
        where = pointer_of(*path)
        if path and path[0] in self.personal:
            return where, "the value does not fit the schema (it is personal, so it is not shown)"
        if not path and self._masked is not None:  # what is said of the whole object shows all that is in it
            error = next(one for one in self._masked.iter_errors(value) if one.schema_path == error.schema_path)
        message = error.message
        return where, message if len(message) <= _SHOWN else message[: _SHOWN - 1] + "…"

    def filled(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """`value` with the schema's defaults for fields that are absent, through nested `properties`."""
        return _filled(value, self._defaults) if self._defaults else dict(value)

    def accepts_constant(self, field: str, value: Any) -> bool:
        """Whether `value` could ever stand in `field`; True for fields without a schema of their own."""
        if field not in self.fields:
            return True
        # The whole schema is asked, since references lead anywhere in it; other fields and conditions do not count.
        own = ["properties", field]
        return all(list(error.evaluation_path)[:2] != own for error in self._validator.iter_errors({field: value}))


def _compiled(written: dict[str, Any], mask: str | None = None) -> jsonschema_rs.Draft202012Validator:
    try:
        return jsonschema_rs.Draft202012Validator(
            written,
            mask=mask,
            validate_formats=True,
            pattern_options=jsonschema_rs.RegexOptions(size_limit=1_000_000),
            offline=True,
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        path = getattr(error, "instance_path", None) or []
        message = str(getattr(error, "message", error)).split("\n", 1)[0]
        raise BadSchema(pointer_of(*path), f"this is not a usable JSON Schema: {message[:_SHOWN]}") from None


def _properties(written: Mapping[str, Any]) -> dict[str, Any]:
    found = written.get("properties")
    return dict(found) if isinstance(found, dict) else {}


def _marked(fields: Mapping[str, Any], mark: str) -> frozenset[str]:
    return frozenset(name for name, field in fields.items() if isinstance(field, dict) and field.get(mark) is True)


def _defaults(written: Mapping[str, Any]) -> dict[str, Any]:
    """A tree of what to fill in: a field to `("value", …)` or to a tree below it."""
    tree: dict[str, Any] = {}
    for name, field in _properties(written).items():
        if not isinstance(field, dict):
            continue
        if "default" in field:
            tree[name] = (field["default"],)
        elif below := _defaults(field):
            tree[name] = below
    return tree


def _filled(value: Mapping[str, Any], tree: Mapping[str, Any]) -> dict[str, Any]:
    full = dict(value)
    for name, what in tree.items():
        if isinstance(what, tuple):
            full.setdefault(name, what[0])
        elif isinstance(full.get(name), dict):
            full[name] = _filled(full[name], what)
    return full


def _without_hints(written: Any) -> Any:
    """The schema without formats that are not asserted, so that no engine asserts them of its own accord."""
    if isinstance(written, list):
        return [_without_hints(item) for item in written]
    if not isinstance(written, dict):
        return written
    return {
        key: value if key in ("const", "enum", "default", "examples") else _without_hints(value)
        for key, value in written.items()
        if key != "format" or not isinstance(value, str) or value in ASSERTED_FORMATS
    }


def _references(written: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(written, list):
        for index, item in enumerate(written):
            yield from _references(item, child(pointer, index))
    elif isinstance(written, dict):
        for key, value in written.items():
            # an `$id` further down would give the references below it another root to start from
            if (key in ("$ref", "$dynamicRef") or (key == "$id" and pointer)) and isinstance(value, str):
                yield child(pointer, key), value
            elif key not in ("const", "enum", "default", "examples"):
                yield from _references(value, child(pointer, key))


def _refuse_open_references(written: Mapping[str, Any]) -> None:
    for pointer, reference in _references(written):
        if not reference.startswith("#"):
            raise BadSchema(pointer, f"{reference[:80]!r} refers outside of the document; only `#/…` is possible")
    steps: dict[int, int] = {}  # how many references a target comes to, by its identity
    for pointer, reference in _references(written):
        if _unfolded(written, reference, pointer, (), steps) > UNFOLDED:
            raise BadSchema(pointer, f"{reference[:80]!r} unfolds to more than {UNFOLDED:,} references")


def _unfolded(written: Any, reference: str, pointer: str, way: tuple[int, ...], steps: dict[int, int]) -> int:
    """How many references following this one comes to, itself included. Raises BadSchema when it never ends."""
    target = _at(written, reference)
    name = id(target)
    if name in way or len(way) > 64:
        raise BadSchema(pointer, f"{reference[:80]!r} leads back to itself; a schema may not contain a cycle")
    if name not in steps:
        onward = (_unfolded(written, below, pointer, (*way, name), steps) for _, below in _references(target))
        steps[name] = 1 + sum(onward)
    return steps[name]


def _at(written: Any, reference: str) -> Any:
    for step in unquote(reference.removeprefix("#")).split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(written, list):
            written = written[int(name)] if name.isdigit() and int(name) < len(written) else None
        else:
            written = written.get(name) if isinstance(written, dict) else None
    return written

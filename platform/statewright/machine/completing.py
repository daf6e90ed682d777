"""What may be written where the caret stands in an expression: fields, roles, states, functions.

Reads the text before the caret alone, since what is being typed seldom parses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct

from statewright.machine.definition import Definition
from statewright.machine.targets import States

Sort = Literal["guard", "field", "variable", "function", "role", "state", "value"]
MOST = 40
"""How many are offered at most."""

_PATH = re.compile(r"(?:^|[^\w.])((?:\w+\.\??)+)(\w*)$")
_WORD = re.compile(r"(?:^|[^\w.])(\w*)$")
_QUOTED = re.compile(r"['\"]([^'\"]*)$")
_COMPARED = re.compile(r"(context|event)\.\??(\w+)\s*(?:==|!=|in)\s*\[?[^\[\]]*['\"][^'\"]*$")
_VARIABLES = {
    "context": "the entity's data",
    "event": "what the event carries",
    "actor": "who sends it: id, roles",
    "now": "the time of the decision",
    "occurred_at": "when it happened",
    "entity": "type, id, version",
    "related": "entities that this one refers to",
}
_FUNCTIONS = {
    "has(": "whether a field is there",
    "in_state('": "whether a state is active",
    "size(": "how long or how many",
    "timestamp(": "a text as a time",
    "duration(": "a text as a span of time",
    "int(": "as a whole number",
    "double(": "as a number",
    "string(": "as text",
    "true": "",
    "false": "",
    "null": "",
}
_METHODS = {
    "contains(": "whether a text is in it",
    "startsWith(": "how a text begins",
    "endsWith(": "how a text ends",
    "matches(": "whether a pattern fits",
    "exists(x, ": "whether one item fits",
    "all(x, ": "whether all items fit",
    "filter(x, ": "the items that fit",
    "map(x, ": "made of each item",
}
_FIXED = {
    "actor": {"id": {"type": "string"}, "roles": {"type": "array"}},
    "entity": {"type": {"type": "string"}, "id": {"type": "string"}, "version": {"type": "integer"}},
}


class Completion(Struct, frozen=True):
    """One thing to write: it takes the place of what stands between `start` and the caret."""

    text: str
    sort: Sort
    detail: str
    start: int


def completions(definition: Definition, text: str, caret: int, event: str = "") -> list[Completion]:
    """What fits before the caret of a guard of `event` (empty: any); the likeliest first."""
    before = text[:caret]
    found = []
    for offered, start, typed in _offers(definition, before, event):
        for name, (sort, detail) in offered.items():
            if name.lower().startswith(typed.lower()) and name != typed:
                found.append(Completion(name, sort, detail, start))
    return found[:MOST]


_Offered = Mapping[str, tuple[Sort, str]]


def _offers(definition: Definition, before: str, event: str) -> Iterator[tuple[_Offered, int, str]]:
    if before.count("'") % 2 or before.count('"') % 2:
        quoted = _QUOTED.search(before)
        if quoted:
            yield _in_quotes(definition, before, event), quoted.start(1), quoted[1]
        return
    path = _PATH.search(before)
    if path:
        steps = path[1].replace("?", "").strip(".").split(".")
        yield _after_dot(definition, steps, event), path.start(2), path[2]
        return
    word = _WORD.search(before)
    if word:
        if not before[: word.start(1)].strip():
            yield dict.fromkeys(definition.guards, ("guard", "a guard with a name")), word.start(1), word[1]
        yield {name: ("variable", detail) for name, detail in _VARIABLES.items()}, word.start(1), word[1]
        yield {name: ("function", detail) for name, detail in _FUNCTIONS.items()}, word.start(1), word[1]


def _in_quotes(definition: Definition, before: str, event: str) -> _Offered:
    if re.search(r"in_state\(\s*['\"][^'\"]*$", before):
        return dict.fromkeys(States(definition).by_path, ("state", "a state"))
    compared = _COMPARED.search(before)
    if compared:
        schema = _fields(definition, [compared[1]], event).get(compared[2], {})
        return {str(value): ("value", compared[2]) for value in _listed(schema.get("enum"))}
    return {name: ("role", role.label or "a role") for name, role in definition.roles.items()}


def _after_dot(definition: Definition, steps: list[str], event: str) -> _Offered:
    fields = _fields(definition, steps, event)
    if fields or steps[0] in ("actor", "entity", "related") or steps in (["context"], ["event"]):
        return {name: ("field", _said(schema)) for name, schema in fields.items()}
    return {name: ("function", detail) for name, detail in _METHODS.items()}


def _fields(definition: Definition, steps: list[str], event: str) -> dict[str, dict[str, Any]]:
    """The fields of what the steps lead to, with their schemas; empty where it has none or they are not known."""
    first, *rest = steps
    if first == "related":
        return {name: {"description": relation.entity} for name, relation in definition.relations.items()}
    if first in _FIXED:
        return _FIXED[first] if not rest else {}
    if first == "context":
        schema: Any = definition.schemas.context or {}
    elif first == "event":
        schema = definition.schemas.events.get(event, {})
    else:
        return {}
    for step in rest:
        schema = _object(_object(schema.get("properties")).get(step))
    required = _listed(schema.get("required"))
    properties = _object(schema.get("properties"))
    return {name: _object(inner) | {"required": name in required} for name, inner in properties.items()}


def _said(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type", "")
    words = [" or ".join(kind) if isinstance(kind, list) else str(kind), str(schema.get("description", ""))]
    sure = schema.get("required", True) is True or "default" in schema
    return ", ".join(word for word in [*words, "" if sure else "may be absent: ask has() first"] if word)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []

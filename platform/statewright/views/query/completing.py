"""Completing a query where somebody is typing: names of fields, and the values that are there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from statewright.views.query.reading import read_query
from statewright.views.query.terms import FIELDS, BadQuery, Query
from statewright.views.query.writing import field_of, quoted

SHOWN = 12
_PIECE = re.compile(r'(?:[^\s"]|"(?:[^"\\]|\\.)*"?)*')
_AGES = (">1h", ">1d", ">7d", ">30d", "<1h", "<1d")


class Completion(Struct, frozen=True):
    """What may stand at the caret: `text` for what stands from `at` to `end` of the query, and what it means."""

    text: str
    says: str
    at: int
    end: int
    complete: bool = True
    """Whether a term ends with it, so that a space may follow."""


class Hints(Struct, frozen=True):
    """Where the values come from; each is asked only for what is needed.

    `types` are all there are, with labels; `states`, `fields` (paths into the data, with what they are) and `values`
    (of a path) are those of the types of a query; `actors` have moved something lately.
    """

    types: Callable[[], Iterable[tuple[str, str]]]
    states: Callable[[Query], Iterable[tuple[str, str]]]
    fields: Callable[[Query], Iterable[tuple[tuple[str, ...], str]]]
    values: Callable[[Query, tuple[str, ...]], Iterable[tuple[str, str]]]
    actors: Callable[[Query], Iterable[tuple[str, str]]]


def completions(text: str, caret: int, hints: Hints) -> list[Completion]:
    """What may stand where the caret is, the likeliest first; a dozen at most."""
    begin, end = _piece_at(text, caret)
    piece = text[begin:caret]
    rest = _readable(text[:begin] + text[end:])
    minus = 1 if piece.startswith("-") else 0
    name, colon, typed = piece[minus:].partition(":")
    if not colon:
        return _names(name, begin + minus, end, rest, hints)
    last = typed.rpartition(",")[2]
    at = caret - len(last)
    told = [(quoted(value), says) for value, says in _values(name, rest, hints)]
    if name in ("since", "moved", "created"):
        told = [(age, "ago, counted back from now") for age in _AGES]
    wanted = last.lstrip('"').casefold()
    fitting = [(value, says) for value, says in told if wanted in value.casefold() or wanted in says.casefold()]
    fitting.sort(key=lambda found: not found[0].lstrip('"').casefold().startswith(wanted))
    return [Completion(value, says, at, end) for value, says in fitting if value != last][:SHOWN]


def _piece_at(text: str, caret: int) -> tuple[int, int]:
    """The term in which the caret stands: what reaches to the next space that is not in quotes."""
    at = 0
    while at < len(text):
        found = _PIECE.match(text, at)
        end = found.end() if found else at
        if at <= caret <= end:
            return at, end
        at = end + 1
    return caret, caret


def _readable(text: str) -> Query:
    """What the rest of the query says, as far as it can be read."""
    try:
        return read_query(text)
    except BadQuery:
        return Query()


def _names(typed: str, at: int, end: int, rest: Query, hints: Hints) -> list[Completion]:
    wanted = typed.casefold()
    if wanted.startswith("data."):
        paths = [(field_of("data", path), says) for path, says in hints.fields(rest)]
        return [Completion(f"{name}:", says, at, end, False) for name, says in paths if wanted in name.casefold()][
            :SHOWN
        ]
    fields = [field for field in FIELDS.values() if field.name.startswith(wanted) and not rest.of(field.name)]
    shown = [
        Completion("data." if field.kind == "data" else f"{field.name}:", field.says, at, end, False)
        for field in fields
    ]
    if wanted:
        paths = [(field_of("data", path), says) for path, says in hints.fields(rest)]
        shown += [
            Completion(f"{name}:", says, at, end, False)
            for name, says in paths
            if wanted in name.partition(".")[2].casefold()
        ]
    return shown[:SHOWN]


def _values(name: str, rest: Query, hints: Hints) -> Iterable[tuple[str, str]]:
    match name:
        case "type":
            return hints.types()
        case "state":
            return hints.states(rest)
        case "actor":
            return hints.actors(rest)
    if name.startswith("data."):
        return hints.values(rest, _path_of(name))
    return ()


def _path_of(name: str) -> tuple[str, ...]:
    try:
        read = read_query(f"{name}:x").terms
    except BadQuery:
        return ()
    return read[0].path if read else ()


def sample_paths(schema: object, depth: int = 3) -> list[tuple[tuple[str, ...], str]]:
    """The paths of a JSON Schema's properties, those of nested objects after them, with what stands there."""
    found: list[tuple[tuple[str, ...], str]] = []
    properties = schema.get("properties") if isinstance(schema, dict) else None
    for name, inner in properties.items() if isinstance(properties, dict) else ():
        if not isinstance(inner, dict) or not name or '"' in name:
            continue
        found.append(((name,), _says(inner)))
        if depth > 1:
            found += [((name, *path), says) for path, says in sample_paths(inner, depth - 1)]
    return found


def _says(schema: dict[str, object]) -> str:
    told = [str(schema[key]) for key in ("title", "type") if isinstance(schema.get(key), str)]
    return ", ".join(told) or "data"


def listed(schema: object, path: Sequence[str]) -> list[str]:
    """The values that a JSON Schema lists for a path; empty where it lists none."""
    at = schema
    for step in path:
        properties = at.get("properties") if isinstance(at, dict) else None
        at = properties.get(step) if isinstance(properties, dict) else None
    if not isinstance(at, dict):
        return []
    if at.get("type") == "boolean":
        return ["true", "false"]
    values = at.get("enum")
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []

"""A query as SQL: what must hold of a row of the view `entities`, beside its type and state.

Type and state are not here: whoever asks has the list of configurations, which is short, and asks for each by an index.
JSON stands in the views as text; how it is looked into is the database's own way, and all that differs between them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from statewright.machine.moments import Micros
from statewright.views.query.terms import WORD, Query, Term, Value
from statewright.views.query.times import stretch_of

_encode = msgspec.json.Encoder().encode
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?", re.ASCII)
_TIMES = {"since": "since", "moved": "happened_at", "created": "created_at"}
_LITERALS = {"true": "true", "false": "false", "null": "null"}


class Condition(NamedTuple):
    """SQL with a `?` for each of `values`."""

    sql: str
    values: tuple[Any, ...] = ()


class Json(NamedTuple):
    """How a database looks into JSON that stands as text in `data`: for the type of what is at a path, for its text,
    its number, and the elements of a list. `{p}` stands for the path, which is a value."""

    kind: str
    text: str
    number: str
    kinds: dict[str, str]
    elements: str
    element: str
    path: Callable[[Sequence[str]], str]


def _sqlite_path(steps: Sequence[str]) -> str:
    return "$" + "".join(f'."{step}"' for step in steps)


def _postgres_path(steps: Sequence[str]) -> str:
    return "{" + ",".join('"' + step.replace("\\", "\\\\").replace('"', '\\"') + '"' for step in steps) + "}"


SQLITE = Json(
    kind="json_type(data, ?)",
    text="json_extract(data, ?)",
    number="json_extract(data, ?)",
    kinds={"text": "'text'", "number": "'integer', 'real'", "list": "'array'", "null": "'null'"},
    elements="json_each(data, ?) as element",
    element="cast(element.atom as text)",
    path=_sqlite_path,
)
POSTGRESQL = Json(
    kind="jsonb_typeof(data::jsonb #> ?::text[])",
    text="(data::jsonb #>> ?::text[])",
    number="(data::jsonb #>> ?::text[])::numeric",
    kinds={"text": "'string'", "number": "'number'", "list": "'array'", "null": "'null'"},
    elements="jsonb_array_elements_text(data::jsonb #> ?::text[]) as element",
    element="element",
    path=_postgres_path,
)


def conditions_of(query: Query, now: Micros, json: Json = SQLITE) -> Condition:
    """What a row must be; ages count back from `now`. Empty SQL where type and state are all that is asked."""
    parts = [_negated(_condition(term, now, json), term.negated) for term in query.without("type", "state").terms]
    return Condition(" and ".join(part.sql for part in parts), tuple(value for part in parts for value in part.values))


def _negated(condition: Condition, negated: bool) -> Condition:
    # What is not known is not so: without the coalesce, a field that is absent would be neither.
    return Condition(f"not coalesce({condition.sql}, false)", condition.values) if negated else condition


def _condition(term: Term, now: Micros, json: Json) -> Condition:
    if term.field == WORD:
        return _any([_contains(value.text) for value in term.values])
    if term.field in _TIMES:
        return _of_time(_TIMES[term.field], term, now)
    if term.field == "data":
        return _of_data(term, json)
    if term.field in ("version", "revision"):
        return _of_number(term.field, term)
    return _of_text("entity" if term.field == "id" else "actor", term)


def _any(conditions: Sequence[Condition]) -> Condition:
    if len(conditions) == 1:
        return conditions[0]
    sql = " or ".join(condition.sql for condition in conditions)
    return Condition(f"({sql})", tuple(value for condition in conditions for value in condition.values))


def _contains(text: str) -> Condition:
    return Condition("entity like ? escape '!'", (f"%{_bare(text)}%",))


def _bare(text: str) -> str:
    """Text for LIKE in which nothing stands for anything else."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _like(value: Value) -> str:
    return _bare(value.text).replace("*", "%")


def _of_text(column: str, term: Term) -> Condition:
    exact = [value.text for value in term.values if not value.wild]
    wild = [value for value in term.values if value.wild]
    parts = [Condition(f"{column} like ? escape '!'", (_like(value),)) for value in wild]
    if exact:
        parts.append(Condition(f"{column} in ({', '.join('?' * len(exact))})", tuple(exact)))
    return _any(parts)


def _of_time(column: str, term: Term, now: Micros) -> Condition:
    begin, end = stretch_of(term, now)
    parts, values = list[str](), list[Any]()
    if begin is not None:
        parts, values = [*parts, f"{column} >= ?"], [*values, begin]
    if end is not None:
        parts, values = [*parts, f"{column} < ?"], [*values, end]
    return Condition(f"({' and '.join(parts)})", tuple(values))


def _of_number(column: str, term: Term) -> Condition:
    numbers = [_number(value.text) for value in term.values]
    if term.op == "..":
        return Condition(f"{column} between ? and ?", tuple(numbers))
    if term.op == "is":
        return Condition(f"{column} in ({', '.join('?' * len(numbers))})", tuple(numbers))
    return Condition(f"{column} {term.op} ?", tuple(numbers))


def _number(text: str) -> int | float:
    return float(text) if "." in text else int(text)


# --- data


def _of_data(term: Term, json: Json) -> Condition:
    path = json.path(term.path)
    if term.op == "..":
        return _compared(term.values[0], ">=", path, json, term.values[1])
    if term.op != "is":
        return _compared(term.values[0], term.op, path, json)
    return _any([_of_value(value, path, json) for value in term.values])


def _compared(value: Value, op: str, path: str, json: Json, upto: Value | None = None) -> Condition:
    """Numbers by size; other text, days and times in RFC 3339 among it, by its characters."""
    texts = [bound.text for bound in (value, upto) if bound is not None]
    bounds: list[str | int | float] = []
    if all(_NUMBER.fullmatch(text) for text in texts) and not value.quoted:
        kind, left = json.kinds["number"], json.number
        bounds += [_number(text) for text in texts]
    else:
        kind, left = json.kinds["text"], json.text
        bounds += texts
    first = f"case when {json.kind} in ({kind}) then {left} {op} ? end"
    if upto is None:
        return Condition(first, (path, path, bounds[0]))
    second = f"case when {json.kind} in ({kind}) then {left} <= ? end"
    # A day stands for all of its times: 2026-11-23T10:00:00Z is not after 2026-11-23.
    last = bounds[1] if not isinstance(bounds[1], str) else f"{bounds[1]}\uffff"
    return Condition(f"({first} and {second})", (path, path, bounds[0], path, path, last))


def _of_value(value: Value, path: str, json: Json) -> Condition:
    if not value.quoted and value.text == "*":
        return Condition(f"{json.kind} <> 'null'", (path,))  # it is there
    if value.wild:
        like = "{left} like ? escape '!'"
        return _text_or_element(like, _like(value), path, json)
    if not value.quoted and value.text in _LITERALS:
        literal = _LITERALS[value.text]
        if json is SQLITE or literal == "null":
            return Condition(f"{json.kind} = '{literal}'", (path,))
        return Condition(f"({json.kind} = 'boolean' and {json.text} = '{literal}')", (path, path))
    found = _text_or_element("{left} = ?", value.text, path, json)
    if json is SQLITE:
        # A row whose JSON does not hold the text at all need not be parsed: five times as fast where few rows fit.
        held = _encode(value.text).decode() if value.quoted else _encode(value.text).decode()[1:-1]
        found = Condition(f"(instr(data, ?) > 0 and {found.sql})", (held, *found.values))
    if value.quoted or not _NUMBER.fullmatch(value.text):
        return found
    number = Condition(
        f"case when {json.kind} in ({json.kinds['number']}) then {json.number} = ? end",
        (path, path, _number(value.text)),
    )
    return _any([number, found])


def _text_or_element(test: str, value: str, path: str, json: Json) -> Condition:
    """A test of the text at a path, or of any element of the list there."""
    alone = test.replace("{left}", json.text)
    among = f"select 1 from {json.elements} where {test.replace('{left}', json.element)}"  # noqa: S608 - our own words
    # `case` and not `and`: what looks into a list must not be asked of anything else, and `and` promises no order.
    sql = (
        f"case when {json.kind} in ({json.kinds['text']}) then {alone}"
        f" when {json.kind} in ({json.kinds['list']}) then exists ({among}) end"
    )
    return Condition(sql, (path, path, value, path, path, value))

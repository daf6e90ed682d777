"""Writing a query: from terms to the text that would be read into them again."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from statewright.views.query.terms import WORD, Op, Query, Term, Value

_PLAIN = re.compile(r'[^\s,":<>=*\\-][^\s,"*\\]*|-\d+(\.\d+)?')
_PLAIN_STEP = re.compile(r'[^\s:",.]+')


def quoted(text: str) -> str:
    """A value as it is written: in quotes where it would be read as something else."""
    if _PLAIN.fullmatch(text) and ".." not in text:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def written(query: Query) -> str:
    """The query as text; `read_query` reads it into the same terms."""
    return " ".join(text_of(term) for term in query.terms)


def text_of(term: Term) -> str:
    """One term as text."""
    values = [_value(value) for value in term.values]
    told = "..".join(values) if term.op == ".." else ("" if term.op == "is" else term.op) + ",".join(values)
    name = "" if term.field == WORD else field_of(term.field, term.path) + ":"
    return f"{'-' if term.negated else ''}{name}{told}"


def field_of(field: str, path: Iterable[str] = ()) -> str:
    """The name of a field as it is written: `state`, `data.amount`, `data."odd field"`."""
    steps = [step if _PLAIN_STEP.fullmatch(step) else f'"{step}"' for step in path]
    return ".".join([field, *steps])


def _value(value: Value) -> str:
    if not value.quoted:
        return value.text
    return '"' + value.text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def term_of(field: str, *texts: str, op: Op = "is", negated: bool = False, path: Iterable[str] = ()) -> Term:
    """A term for values that are meant as they are: quoted where they must be."""
    bare = field == WORD  # where a minus in front means "not", and a colon ends the name of a field
    values = tuple(Value(text, quoted(text) != text or (bare and (text[:1] == "-" or ":" in text))) for text in texts)
    return Term(field, values, op, negated, tuple(path))


def narrowed(query: Query | None, type: str | None, states: Collection[str] = (), part: str | None = None) -> Query:
    """A query that also holds what was asked for by parameters: a type, any of some states, a part of the id."""
    terms = list(query.terms) if query is not None else []
    if type:
        terms.append(term_of("type", type))
    if states:
        terms.append(term_of("state", *states))
    if part:
        terms.append(term_of(WORD, part))
    return Query(tuple(terms))

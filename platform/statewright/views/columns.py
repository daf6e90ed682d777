"""The columns of a list: what is known of every entity, and fields of its data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from statewright.machine.names import nearest
from statewright.views.answers import EntityRow
from statewright.views.query.reading import read_query
from statewright.views.query.terms import BadQuery
from statewright.views.query.writing import field_of

KNOWN = {
    "type": "Type",
    "state": "State",
    "since": "For",
    "version": "Version",
    "revision": "Revision",
    "created": "Created",
    "moved": "Last moved",
    "actor": "By",
}
"""Columns that every entity has, with what stands above them."""
MOST = 30


class BadColumns(ValueError):
    """Columns that cannot be read; the message says what to write."""


class Column(Struct, frozen=True):
    """One column: `state`, or `data.amount` with its path. `label` stands above it."""

    name: str
    label: str
    path: tuple[str, ...] = ()

    def value_of(self, row: EntityRow) -> Any:
        """What stands in it: text, a number, JSON, or micros for times; None where there is nothing."""
        if not self.path:
            name = {"moved": "happened_at", "created": "created_at"}.get(self.name, self.name)
            return getattr(row, name)
        found: Any = {**(row.data or {}), **(row.personal or {})}
        for step in self.path:
            found = found.get(step) if isinstance(found, dict) else None
        return found


def read_columns(text: str) -> list[Column]:
    """The columns that `text` names, divided by commas, each once. Raises BadColumns."""
    columns: dict[str, Column] = {}
    for name in _names(text):
        if name in KNOWN:
            columns[name] = Column(name, KNOWN[name])
        else:
            path = _path(name)
            columns[field_of("data", path)] = Column(field_of("data", path), ".".join(path), path)
    if len(columns) > MOST:
        raise BadColumns(f"a list has at most {MOST} columns")
    return list(columns.values())


def columns_of(names: Iterable[str]) -> str:
    """The text that names these columns."""
    return ",".join(dict.fromkeys(names))


def _names(text: str) -> Sequence[str]:
    names, inside, begin = list[str](), False, 0
    for at, character in enumerate(text):
        inside ^= character == '"'
        if character == "," and not inside:
            names.append(text[begin:at])
            begin = at + 1
    return [name for name in (part.strip() for part in (*names, text[begin:])) if name]


def _path(name: str) -> tuple[str, ...]:
    if name.startswith("data."):
        try:
            terms = read_query(f"{name}:x").terms
        except BadQuery:
            terms = ()
        if len(terms) == 1 and terms[0].path:
            return terms[0].path
    near = nearest(name, KNOWN)
    meant = f"did you mean {near}?" if near else f"there are {', '.join(KNOWN)} and data.<field>"
    raise BadColumns(f"there is no column {name[:40]!r}; {meant}")

"""Why guards did not hold: the parts of their expressions that made them false, with the values they had."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from statewright.machine.branches import Move
from statewright.machine.expressions import STEPS, Expression, ExpressionError, Line, Moment

LINES = 20
"""How many parts an explanation names at most."""


class Explained(Struct, frozen=True, omit_defaults=True):
    """One part of a guard: `at` points to its branch, `where` holds what it read, by dotted path.

    `withheld`: something that it read is personal and was left out. `error` stands where the part has no value.
    """

    at: str
    guard: str | None
    expr: str
    value: Any
    where: dict[str, Any] = {}
    error: str | None = None
    withheld: bool = False


class Tried(Struct, gc=False):
    """The branches whose guards were asked, and on what. `hidden` are the paths whose values nobody is shown."""

    asked: tuple[tuple[Move, dict[str, Any]], ...]
    payload: dict[str, Any]
    moment: Moment
    hidden: frozenset[str]
    failed: tuple[str, Expression, dict[str, Any]] | None = None
    """An expression outside of guards that failed: its pointer, itself, and the data it was given."""

    def explained(self) -> list[Explained]:
        """At most 20 parts, in the order in which the guards were asked."""
        found: list[Explained] = []
        for move, context in self.asked:
            if move.guard is not None:
                guard = move.guard
                lines = self._lines(guard.expression, context, guard.params)
                found.extend(self._shown(move.pointer, guard.name, line) for line in lines)
        if self.failed is not None:
            pointer, expression, context = self.failed
            found.extend(self._shown(pointer, None, line) for line in self._lines(expression, context, {}))
        return found[:LINES]

    def _lines(self, expression: Expression, context: dict[str, Any], params: dict[str, Any]) -> Iterator[Line]:
        self.moment.steps_left = STEPS
        try:
            yield from expression.explain(context, self.payload, params, self.moment)
        except ExpressionError as error:
            yield Line(expression.text, None, error=error.sentence)

    def _shown(self, at: str, guard: str | None, line: Line) -> Explained:
        secret = [path for path in line.where if self._is_hidden(path)]
        if not secret:
            return Explained(at, guard, line.expr, line.value, line.where, line.error)
        where = {path: value for path, value in line.where.items() if path not in secret}
        value = line.value if isinstance(line.value, bool) else None
        return Explained(at, guard, line.expr, value, where, line.error, withheld=True)

    def _is_hidden(self, path: str) -> bool:
        parts = path.replace("[", ".").split(".")
        depth = 3 if parts[0] == "related" else 2
        return ".".join(parts[:depth]) in self.hidden or (len(parts) < depth and self._holds_hidden(parts))

    def _holds_hidden(self, parts: list[str]) -> bool:
        """Whether the whole of a variable was read, which holds what is hidden."""
        return any(path.startswith(".".join(parts) + ".") for path in self.hidden)


def body_of(explained: Explained) -> dict[str, Any]:
    """As the API writes it."""
    body: dict[str, Any] = msgspec.to_builtins(explained)
    return body

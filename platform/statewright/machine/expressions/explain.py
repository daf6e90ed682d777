"""Why an expression was false, or why it failed: its deciding parts with the values they had.

Worked out by the exact evaluator after the answer stands, from the same inputs. Of `a && b` the false parts are shown,
of `a || b` all, of `!a` what made `a` true, of `all` the first element that broke it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from statewright.machine.expressions import tree
from statewright.machine.expressions.exact import UNKNOWN, Evaluation
from statewright.machine.expressions.kinds import DYNAMIC
from statewright.machine.expressions.operations import Failure, result
from statewright.machine.expressions.tree import Path
from statewright.machine.expressions.words import STEPS, ExpressionError, Line, OutOfSteps

LINES = 20
SHOWN = 200
"""Characters of a value."""


def explained(evaluation: Evaluation, node: tree.Node) -> list[Line]:
    """The parts of `node` that made it false or made it fail, in the order written; at most 20."""
    found: list[Line] = []
    evaluation.moment.steps_left = STEPS
    try:
        for line in _Explanation(evaluation).lines(node, False):
            if line not in found:
                found.append(line)
            if len(found) == LINES:
                break
    except OutOfSteps as error:
        if not found:
            found.append(Line(_cut(evaluation.text[node.at : node.end]), None, error=error.sentence))
    return found


class _Explanation:
    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation
        self._origins: dict[str, Path] = {}
        """Where the elements of macros around come from, by the name that their paths begin with."""

    def lines(self, node: tree.Node, outcome: bool) -> Iterator[Line]:
        """Why `node` gave `outcome`, or why it failed."""
        match node:
            case tree.Not():
                yield from self._negated(node, outcome)
            case tree.And() | tree.Or():
                yield from self._parts(node, outcome)
            case tree.Conditional():
                yield from self._conditional(node, outcome)
            case tree.Macro(kind="all") if not outcome:
                yield from self._element(node, False)
            case tree.Macro(kind="exists") if outcome:
                yield from self._element(node, True)
            case _:
                yield self._line(node)

    def _truth(self, node: tree.Node) -> bool | ExpressionError:
        try:
            return bool(self._evaluation.truth(node))
        except OutOfSteps:
            raise
        except ExpressionError as error:
            return error

    def _negated(self, node: tree.Not, outcome: bool) -> Iterator[Line]:
        inner = node.of
        if isinstance(inner, (tree.And, tree.Or, tree.Not, tree.Conditional, tree.Macro)):
            yield from self.lines(inner, not outcome)
        else:
            yield self._line(node)

    def _parts(self, node: tree.And | tree.Or, outcome: bool) -> Iterator[Line]:
        truths = [(part, self._truth(part)) for part in node.parts]
        deciding = [part for part, truth in truths if truth is outcome]
        if not deciding:
            deciding = [part for part, truth in truths if isinstance(truth, ExpressionError)]
        lines = [(part, line) for part in deciding for line in self.lines(part, outcome)]
        told = {path for part, line in lines if not _asks_presence(part) for path in line.where}
        for part, line in lines:
            # That a field is there goes without saying beside another line that shows its value.
            if not (_asks_presence(part) and line.where and set(line.where) <= told):
                yield line

    def _conditional(self, node: tree.Conditional, outcome: bool) -> Iterator[Line]:
        test = self._truth(node.test)
        yield self._line(node.test)
        if not isinstance(test, ExpressionError):
            yield from self.lines(node.yes if test else node.no, outcome)

    def _element(self, node: tree.Macro, outcome: bool) -> Iterator[Line]:
        """The first element that decided; the whole macro when none did, or when it failed before."""
        evaluation = self._evaluation
        try:
            over = evaluation.over(node)
        except ExpressionError:
            yield self._line(node)
            return
        failed: int | None = None
        for position, element in enumerate(over):
            try:
                truth = evaluation.with_element(node, element, lambda: evaluation.truth(node.body))
            except OutOfSteps:
                raise
            except ExpressionError:
                failed = position if failed is None else failed
                continue
            if truth is outcome:
                yield from self._within(node, over, position, outcome)
                return
        if failed is not None:
            yield from self._within(node, over, failed, outcome)
        else:
            yield self._line(node)

    def _within(self, node: tree.Macro, over: Any, position: int, outcome: bool) -> Iterator[Line]:
        """Why the body gave `outcome` for one element, which is named by its place where it has one in the data."""
        origin = self._resolved(node.over.path)
        placed = origin is not None and isinstance(self._evaluation.value(node.over), (list, tuple))
        name = f"${node.slot}"
        if origin is not None and placed:
            self._origins[name] = (*origin, f"[{position}]")
        lines = self._evaluation.with_element(node, over[position], lambda: list(self.lines(node.body, outcome)))
        self._origins.pop(name, None)
        beside = {} if placed else self._reads(node.over)  # what it went over, since its elements have no names
        yield from (msgspec.structs.replace(line, where={**beside, **line.where}) for line in lines)

    def _line(self, node: tree.Node) -> Line:
        expr = _cut(self._evaluation.text[node.at : node.end])
        where = self._reads(node)
        try:
            value = self._evaluation.value(node)
        except OutOfSteps:
            raise
        except ExpressionError as error:
            return Line(expr, None, where, error.sentence)
        return Line(expr, value if isinstance(value, bool) else None, where)

    def _reads(self, node: tree.Node) -> dict[str, Any]:
        """The values that `node` reads, each by its path; those that are absent are left out."""
        where: dict[str, Any] = {}
        for each in _read_in(node):
            path = self._resolved(each.path)
            if path is None:
                continue
            try:
                value = self._evaluation.value(each)
            except OutOfSteps:
                raise
            except ExpressionError:
                continue
            where[".".join(path).replace(".[", "[")] = _shown(value)
        return where

    def _resolved(self, path: Path | None) -> Path | None:
        """The path from a variable on; None when it begins in a macro whose elements cannot be named."""
        if path is None or not path[0].startswith("$"):
            return path
        origin = self._origins.get(path[0])
        return None if origin is None else (*origin, *path[1:])


def _asks_presence(node: tree.Node) -> bool:
    inner = node.of if isinstance(node, tree.Not) else node
    return isinstance(inner, (tree.Has, tree.HasRelated))


def _read_in(node: tree.Node) -> Iterator[tree.Node]:
    """The largest parts of `node` that are plain reads, in the order written; a presence test reads its field."""
    if isinstance(node, tree.Has) and node.found is not None:
        yield tree.Field(at=node.at, end=node.end, type=DYNAMIC, path=node.found, of=node.of, name=node.name)
    elif isinstance(node, tree.Optional):
        yield from _read_in(node.of) if node.path is None else (_plain(node),)
    elif node.path is not None and not _whole(node):
        yield node
    else:
        for each in tree.below(node):
            yield from _read_in(each)


def _whole(node: tree.Node) -> bool:
    """Whether this is all data of an entity or an event; never shown, since fields in it may be withheld."""
    return isinstance(node, tree.Related) or (isinstance(node, tree.Variable) and node.name in ("context", "event"))


def _plain(node: tree.Optional) -> tree.Node:
    of = _plain(node.of) if isinstance(node.of, tree.Optional) else node.of
    return tree.Field(at=node.at, end=node.end, type=DYNAMIC, path=node.path, of=of, name=node.name)


def _shown(value: Any) -> Any:
    """A value as JSON has it, cut."""
    if value is UNKNOWN:
        return None
    try:
        plain = result(value)
    except Failure:
        return "…"
    if isinstance(plain, str):
        return _cut(plain)
    if isinstance(plain, (list, dict)):
        try:
            text = msgspec.json.encode(plain).decode()
        except (ValueError, OverflowError):  # no JSON can hold it
            return "…"
        return plain if len(text) <= SHOWN else _cut(text)
    return plain


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"

"""What a condition says about fields: there for certain, or for certain not null, where it has turned out one way."""

from __future__ import annotations

from functools import reduce
from typing import Literal

from statewright.machine.expressions import tree
from statewright.machine.expressions.tree import Path

Fact = tuple[Literal["there", "not null"], Path]
Facts = frozenset[Fact]
NOTHING: Facts = frozenset()


def known_after(node: tree.Node, outcome: bool) -> Facts:
    """What holds wherever `node` has given `outcome`: after `has(context.a) && …`, `context.a` is there."""
    match node:
        case tree.Has(found=path) if path is not None and outcome:
            return frozenset(("there", path[:length]) for length in range(2, len(path) + 1))
        case tree.HasRelated() if outcome:
            return frozenset({("there", ("related", node.name))})
        case tree.Not():
            return known_after(node.of, not outcome)
        case tree.And() | tree.Or():
            each = [known_after(part, outcome) for part in node.parts]
            all_of_them = isinstance(node, tree.And) == outcome
            return frozenset().union(*each) if all_of_them else reduce(frozenset.intersection, each)
        case tree.Call(name=("==" | "!=") as sign, args=(left, right)) if outcome == (sign == "!="):
            return _not_null(left, right) | _not_null(right, left)
        case _:
            return NOTHING


def _not_null(tested: tree.Node, other: tree.Node) -> Facts:
    if tested.path is None or not (isinstance(other, tree.Constant) and other.value is None):
        return NOTHING
    return frozenset({("not null", tested.path), ("there", tested.path)})

"""The checked tree: names resolved, types known, every operation chosen. What is evaluated, compiled and explained."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from statewright.machine.expressions.kinds import Type

Path = tuple[str, ...]
"""Where a value comes from: a variable and fields below it, `("context", "total")`; `$n` is variable n of a macro."""


class Node(Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """One operation with the type of its result, and the piece of the text that it stands for."""

    at: int
    end: int
    type: Type
    path: Path | None = None


class Constant(Node, frozen=True, eq=False, gc=False):
    """A value that does not depend on anything. `literal`: it was written as one."""

    value: Any
    literal: bool = False


class Variable(Node, frozen=True, eq=False, gc=False):
    """A variable or a fixed part of one: `context`, `event`, `params`, `now`, `actor.id`, `entity.version` …"""

    name: str


class Local(Node, frozen=True, eq=False, gc=False):
    """The variable of a macro."""

    slot: int
    name: str


class Field(Node, frozen=True, eq=False, gc=False):
    """`of.name`."""

    of: Node
    name: str


class Has(Node, frozen=True, eq=False, gc=False):
    """Whether `of` has the field; `found` is where its value would come from."""

    of: Node
    name: str
    found: Path | None = None


class Related(Node, frozen=True, eq=False, gc=False):
    """The data of a related entity."""

    name: str


class HasRelated(Node, frozen=True, eq=False, gc=False):
    """Whether the related entity is there."""

    name: str


class Index(Node, frozen=True, eq=False, gc=False):
    """`of[key]`, of a list, an object, or whatever it turns out to be."""

    of: Node
    key: Node


class Optional(Node, frozen=True, eq=False, gc=False):
    """`of.?name`: the field's value, or that it is absent. `of` may be such a value itself."""

    of: Node
    name: str


class OrValue(Node, frozen=True, eq=False, gc=False):
    """`of.orValue(otherwise)`."""

    of: Node
    otherwise: Node


class And(Node, frozen=True, eq=False, gc=False):
    """True when all parts are."""

    parts: tuple[Node, ...]


class Or(Node, frozen=True, eq=False, gc=False):
    """True when any part is."""

    parts: tuple[Node, ...]


class Not(Node, frozen=True, eq=False, gc=False):
    """The opposite."""

    of: Node


class Conditional(Node, frozen=True, eq=False, gc=False):
    """`test ? yes : no`."""

    test: Node
    yes: Node
    no: Node


class Call(Node, frozen=True, eq=False, gc=False):
    """A function of `operations`, by name, on values of kinds that fit it. `extra` is what is known beforehand."""

    name: str
    args: tuple[Node, ...]
    extra: Any = None


class Macro(Node, frozen=True, eq=False, gc=False):
    """`over.kind(variable, body)`; `map` may have a `test` before its body."""

    kind: str
    over: Node
    slot: int
    variable: str
    body: Node
    test: Node | None = None
    cost: int = 1
    """Steps that one element takes."""


class ListOf(Node, frozen=True, eq=False, gc=False):
    """A list made here."""

    items: tuple[Node, ...]


class MapOf(Node, frozen=True, eq=False, gc=False):
    """An object made here; keys are texts."""

    keys: tuple[Node, ...]
    values: tuple[Node, ...]


class InState(Node, frozen=True, eq=False, gc=False):
    """Whether a state is active, of this entity or of a related one."""

    state: str
    relation: str | None = None


def below(node: Node) -> tuple[Node, ...]:
    """The nodes that `node` is made of, in the order written."""
    match node:
        case Field() | Has() | Optional() | Not():
            return (node.of,)
        case Index():
            return (node.of, node.key)
        case OrValue():
            return (node.of, node.otherwise)
        case And() | Or():
            return node.parts
        case Conditional():
            return (node.test, node.yes, node.no)
        case Call():
            return node.args
        case Macro():
            return (node.over, node.body) if node.test is None else (node.over, node.test, node.body)
        case ListOf():
            return node.items
        case MapOf():
            return tuple(each for pair in zip(node.keys, node.values, strict=True) for each in pair)
        case _:
            return ()

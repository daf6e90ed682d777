"""The syntax tree of an expression as it was written: nothing resolved, nothing typed, every node with its place."""

from __future__ import annotations

from msgspec import Struct


class Node(Struct, frozen=True, kw_only=True, gc=False):
    """A piece of the text from `at` to `end`, in characters.

    `begin` and `finish` enclose the parentheses around it, too. `depth` counts the levels from here down, `size` the
    nodes.
    """

    at: int
    end: int
    depth: int = 1
    size: int = 1
    opens: int | None = None
    closes: int | None = None

    @property
    def begin(self) -> int:
        """Where it begins, parentheses included."""
        return self.at if self.opens is None else self.opens

    @property
    def finish(self) -> int:
        """Where it ends, parentheses included."""
        return self.end if self.closes is None else self.closes


class Constant(Node, frozen=True, gc=False):
    """A literal."""

    value: bool | int | float | str | None


class Name(Node, frozen=True, gc=False):
    """A variable."""

    name: str


class Select(Node, frozen=True, gc=False):
    """`of.name`, or `of.?name` when `optional`. The name begins at `name_at`."""

    of: Node
    name: str
    name_at: int
    optional: bool = False


class Index(Node, frozen=True, gc=False):
    """`of[key]`."""

    of: Node
    key: Node


class Call(Node, frozen=True, gc=False):
    """`name(args)`, or `of.name(args)` when there is a receiver."""

    name: str
    name_at: int
    args: tuple[Node, ...]
    of: Node | None = None


class Logic(Node, frozen=True, gc=False):
    """Two or more operands joined by `&&` or by `||`: a chain is one node, however long."""

    op: str
    parts: tuple[Node, ...]


class Unary(Node, frozen=True, gc=False):
    """`!of` or `-of`."""

    op: str
    of: Node


class Binary(Node, frozen=True, gc=False):
    """Two operands and an operator of arithmetic, of comparison, or `in`, which stands at `op_at`."""

    op: str
    op_at: int
    left: Node
    right: Node


class Conditional(Node, frozen=True, gc=False):
    """`test ? yes : no`."""

    test: Node
    yes: Node
    no: Node


class ListOf(Node, frozen=True, gc=False):
    """`[items]`."""

    items: tuple[Node, ...]


class MapOf(Node, frozen=True, gc=False):
    """`{key: value}`."""

    keys: tuple[Node, ...]
    values: tuple[Node, ...]

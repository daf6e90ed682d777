"""Nodes of Python's syntax tree, made without places: what `emit` writes has no text to have places in.

`compile` wants a line and a column on every node; here they are attributes of the classes, which saves a walk over
the whole tree that takes longer than everything else (`ast.fix_missing_locations`).
"""

from __future__ import annotations

import ast
from typing import Any, ClassVar


class _Placed:
    lineno: ClassVar[int] = 1
    col_offset: ClassVar[int] = 0


class Assign(_Placed, ast.Assign):  # type: ignore[misc]
    pass


class Attribute(_Placed, ast.Attribute):  # type: ignore[misc]
    pass


class BinOp(_Placed, ast.BinOp):  # type: ignore[misc]
    pass


class BoolOp(_Placed, ast.BoolOp):  # type: ignore[misc]
    pass


class Call(_Placed, ast.Call):  # type: ignore[misc]
    pass


class Compare(_Placed, ast.Compare):  # type: ignore[misc]
    pass


class Constant(_Placed, ast.Constant):  # type: ignore[misc]
    pass


class Dict(_Placed, ast.Dict):  # type: ignore[misc]
    pass


class ExceptHandler(_Placed, ast.ExceptHandler):  # type: ignore[misc]
    pass


class Expr(_Placed, ast.Expr):  # type: ignore[misc]
    pass


class For(_Placed, ast.For):  # type: ignore[misc]
    pass


class If(_Placed, ast.If):  # type: ignore[misc]
    pass


class IfExp(_Placed, ast.IfExp):  # type: ignore[misc]
    pass


class List(_Placed, ast.List):  # type: ignore[misc]
    pass


class Name(_Placed, ast.Name):  # type: ignore[misc]
    pass


class NamedExpr(_Placed, ast.NamedExpr):  # type: ignore[misc]
    pass


class Return(_Placed, ast.Return):  # type: ignore[misc]
    pass


class Starred(_Placed, ast.Starred):  # type: ignore[misc]
    pass


class Subscript(_Placed, ast.Subscript):  # type: ignore[misc]
    pass


class Try(_Placed, ast.Try):  # type: ignore[misc]
    pass


class Tuple(_Placed, ast.Tuple):  # type: ignore[misc]
    pass


class UnaryOp(_Placed, ast.UnaryOp):  # type: ignore[misc]
    pass


class Argument(_Placed, ast.arg):  # type: ignore[misc]
    pass


class Argument(_Placed, ast.arg):  # type: ignore[misc]
    pass


class FunctionDef(_Placed, ast.FunctionDef):  # type: ignore[misc]
    decorator_list: ClassVar[list[ast.expr]] = []  # type: ignore[misc]
    type_params: ClassVar[list[Any]] = []  # type: ignore[misc,assignment,unused-ignore]
    returns: ClassVar[None] = None  # type: ignore[misc]


def load(name: str) -> ast.expr:
    """A name that is read."""
    return Name(name, ast.Load())


def call(name: str, *args: ast.expr) -> ast.expr:
    """A function by name, called."""
    return Call(load(name), list(args), [])


def attribute(of: ast.expr, *names: str) -> ast.expr:
    """`of.a.b`."""
    for name in names:
        of = Attribute(of, name, ast.Load())
    return of


def item(of: ast.expr, key: ast.expr) -> ast.expr:
    """`of[key]`."""
    return Subscript(of, key, ast.Load())


def compare(left: ast.expr, op: ast.cmpop, right: ast.expr) -> ast.expr:
    """Two values compared."""
    return Compare(left, [op], [right])


def assign(name: str, value: ast.expr) -> ast.stmt:
    """`name = value`."""
    return Assign([Name(name, ast.Store())], value)


def keep(name: str, value: ast.expr) -> ast.expr:
    """`(name := value)`."""
    return NamedExpr(Name(name, ast.Store()), value)


def definition(name: str, arguments: list[str], body: list[ast.stmt]) -> ast.stmt:
    """`def name(arguments): body`."""
    given = ast.arguments([], [Argument(each) for each in arguments], None, [], [], None, [])
    return FunctionDef(name, given, body)

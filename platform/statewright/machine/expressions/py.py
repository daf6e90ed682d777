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


class Assign(_Placed, ast.Assign):
    pass


class Attribute(_Placed, ast.Attribute):
    pass


class BinOp(_Placed, ast.BinOp):
    pass


class BoolOp(_Placed, ast.BoolOp):
    pass


class Call(_Placed, ast.Call):
    pass


class Compare(_Placed, ast.Compare):
    pass


class Constant(_Placed, ast.Constant):
    pass


class Dict(_Placed, ast.Dict):
    pass


class ExceptHandler(_Placed, ast.ExceptHandler):
    pass


class Expr(_Placed, ast.Expr):
    pass


class For(_Placed, ast.For):
    pass


class If(_Placed, ast.If):
    pass


class IfExp(_Placed, ast.IfExp):
    pass


class List(_Placed, ast.List):
    pass


class Name(_Placed, ast.Name):
    pass


class NamedExpr(_Placed, ast.NamedExpr):
    pass


class Return(_Placed, ast.Return):
    pass


class Starred(_Placed, ast.Starred):
    pass


class Subscript(_Placed, ast.Subscript):
    pass


class Try(_Placed, ast.Try):
    pass


class Tuple(_Placed, ast.Tuple):
    pass


class UnaryOp(_Placed, ast.UnaryOp):
    pass


class Argument(_Placed, ast.arg):
    pass


class FunctionDef(_Placed, ast.FunctionDef):
    type_params: ClassVar[list[Any]] = []  # wanted from Python 3.12 on


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
    return FunctionDef(name, given, body, [], None)

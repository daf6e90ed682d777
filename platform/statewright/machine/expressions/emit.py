"""From checked tree to Python code: the short way of an expression, made of Python's own syntax tree and never of text.

The code sees no builtins and nothing but the values it is called with, the operations and the constants of its own
expression. Reads of declared fields, comparisons and arithmetic of known kinds are written out; everything else calls
an operation. Python's `and` and `or` are CEL's as long as nothing errs; when anything does, the code hands over to the
exact evaluator, which knows what an error means.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from statewright.machine.expressions import operations, py, times, tree
from statewright.machine.expressions.exact import made_object
from statewright.machine.expressions.kinds import Type
from statewright.machine.expressions.literals import GREATEST, LEAST
from statewright.machine.expressions.operations import OPERATIONS
from statewright.machine.expressions.times import Timestamp

Run = Callable[[dict[str, Any], dict[str, Any], dict[str, Any], Any], Any]

_ROOTS = {"context": "c", "event": "e", "params": "p"}
_ARGUMENTS = ("c", "e", "p", "m")
_PARTS = {
    "actor.id": ("actor", "id"),
    "actor.roles": ("actor", "roles"),
    "entity.type": ("type",),
    "entity.id": ("id",),
    "entity.version": ("version",),
    "event.type": ("event",),
}
_SCALARS = frozenset({"int", "double", "bool", "string", "null"})
_CLASSES = {"int": int, "double": float, "string": str, "object": dict, "list": list, "bool": bool}
_COMPARISONS: dict[str, ast.cmpop] = {
    "same_==": ast.Eq(),
    "same_!=": ast.NotEq(),
    "same_<": ast.Lt(),
    "same_<=": ast.LtE(),
    "same_>": ast.Gt(),
    "same_>=": ast.GtE(),
}
_SUMS: dict[str, ast.operator] = {"add": ast.Add(), "subtract": ast.Sub(), "multiply": ast.Mult()}
_GIVEN: dict[str, Any] = {
    **{f"op_{name}": function for name, function in OPERATIONS.items() if name.isidentifier()},
    **{f"as_{kind}": reader for kind, reader in operations.READERS.items()},
    **{f"Is_{kind}": each for kind, each in _CLASSES.items()},
    "Timestamp": Timestamp,
    "ABSENT": operations.ABSENT,
    "elements": operations.elements,
    "select": operations.select,
    "has": operations.has,
    "index": operations.index,
    "optional": operations.optional,
    "pay": operations.pay,
    "read": operations.read,
    "result": operations.result,
    "made_object": made_object,
    "timestamp_result": times.timestamp_result,
    "duration_result": times.duration_result,
    "Exception": Exception,
}
"""All that the code of any expression may name besides its own constants."""


def compiled(node: tree.Node, fallback: Callable[..., Any]) -> tuple[Run, bool]:
    """The function that evaluates `node`, and whether it does without the moment, so that any will do.

    It calls `fallback` with its arguments and the steps left when it began.
    """
    return _Writer(fallback).function(node)


class _Writer:
    """Writes the code of one expression: `run`, and a function for each macro in it."""

    def __init__(self, fallback: Callable[..., Any]) -> None:
        self._constants: dict[str, Any] = {"fallback": fallback}
        self._functions: list[ast.stmt] = []
        self._names = 0
        self._within: list[int] = []

    def function(self, node: tree.Node) -> tuple[Run, bool]:
        value = self._left(node)
        still = not any(isinstance(each, ast.Name) and each.id == "m" for each in ast.walk(value))
        steps = py.attribute(py.load("m"), "steps_left")
        arguments = [*map(py.load, _ARGUMENTS), steps if still else py.load("steps")]
        handler = py.ExceptHandler(py.load("Exception"), None, [py.Return(py.call("fallback", *arguments))])
        body: list[ast.stmt] = [py.Try([py.Return(value)], [handler], [], [])]
        if not still:
            body.insert(0, py.assign("steps", steps))
        module = ast.Module([*self._functions, py.definition("run", list(_ARGUMENTS), body)], [])
        code = compile(module, "<expression>", "exec")
        space: dict[str, Any] = {"__builtins__": {}, **_GIVEN, **self._constants}
        # Defines the functions above. The code was made here from our own checked tree: no text of anyone is run.
        exec(code, space)  # noqa: S102
        run: Run = space["run"]
        return run, still

    def _left(self, node: tree.Node) -> ast.expr:
        """The value as it leaves the expression."""
        value = self.write(node)
        if node.type.kind in _SCALARS and not node.type.nullable:
            return value
        if node.type.kind in ("timestamp", "duration") and not node.type.nullable:
            return py.call(f"{node.type.kind}_result", value)
        return py.call("result", value)

    def _name(self, prefix: str) -> str:
        self._names += 1
        return f"{prefix}{self._names}"

    def _given(self, value: Any) -> ast.expr:
        """A constant that has no literal in Python, by a name of its own."""
        name = self._name("k")
        self._constants[name] = value
        return py.load(name)

    def write(self, node: tree.Node) -> ast.expr:
        """The Python expression for `node`."""
        return _WRITERS[type(node)](self, node)

    def _constant(self, node: tree.Constant) -> ast.expr:
        value = node.value
        return py.Constant(value) if value is None or type(value) in (bool, int, float, str) else self._given(value)

    def _variable(self, node: tree.Variable) -> ast.expr:
        match node.name:
            case "context" | "params":
                return py.load(_ROOTS[node.name])
            case "now" | "occurred_at":
                return py.call("Timestamp", py.attribute(py.load("m"), node.name))
            case "event":
                return py.Dict([None, py.Constant("type")], [py.load("e"), py.attribute(py.load("m"), "event")])
            case "actor":
                roles = py.List([py.Starred(py.attribute(py.load("m"), "actor", "roles"), ast.Load())], ast.Load())
                return py.Dict(
                    [py.Constant("id"), py.Constant("roles")], [py.attribute(py.load("m"), "actor", "id"), roles]
                )
            case "entity":
                names = ("type", "id", "version")
                return py.Dict(
                    [py.Constant(each) for each in names], [py.attribute(py.load("m"), each) for each in names]
                )
        return py.attribute(py.load("m"), *_PARTS[node.name])

    def _local(self, node: tree.Local) -> ast.expr:
        return py.load(f"x{node.slot}")

    def _owner(self, node: tree.Node) -> ast.expr:
        """What a field is read from; the payload itself for `event`."""
        if isinstance(node, tree.Variable) and node.name in _ROOTS:
            return py.load(_ROOTS[node.name])
        return self.write(node)

    def _read(self, value: ast.expr, known: Type) -> ast.expr:
        """The value as its declared kind has it: its class is looked at here, and anything else is left to a reader."""
        if known.kind not in operations.READERS:
            return value
        if known.nullable:
            return py.call("read", value, py.Constant(known.kind), py.Constant(True))
        reader = f"as_{known.kind}"
        if known.kind not in _CLASSES:
            return py.call(reader, value)
        name = self._name("v")
        test = py.compare(py.attribute(py.keep(name, value), "__class__"), ast.Is(), py.load(f"Is_{known.kind}"))
        return py.IfExp(test, py.load(name), py.call(reader, py.load(name)))

    def _field(self, node: tree.Field) -> ast.expr:
        if node.of.type.kind == "object":
            return self._read(py.item(self._owner(node.of), py.Constant(node.name)), node.type)
        return self._read(py.call("select", py.load("m"), self._owner(node.of), py.Constant(node.name)), node.type)

    def _has(self, node: tree.Has) -> ast.expr:
        if node.of.type.kind == "object":
            return py.compare(py.Constant(node.name), ast.In(), self._owner(node.of))
        return py.call("has", py.load("m"), self._owner(node.of), py.Constant(node.name))

    def _related(self, node: tree.Related) -> ast.expr:
        return py.attribute(py.item(py.attribute(py.load("m"), "related"), py.Constant(node.name)), "data")

    def _has_related(self, node: tree.HasRelated) -> ast.expr:
        return py.compare(py.Constant(node.name), ast.In(), py.attribute(py.load("m"), "related"))

    def _index(self, node: tree.Index) -> ast.expr:
        return self._read(py.call("index", py.load("m"), self.write(node.of), self.write(node.key)), node.type)

    def _optional(self, node: tree.Optional) -> ast.expr:
        found = py.call("optional", py.load("m"), self._owner(node.of), py.Constant(node.name))
        if node.type.item is None or node.type.item.kind not in operations.READERS:
            return found
        name = self._name("v")
        test = py.compare(py.keep(name, found), ast.Is(), py.load("ABSENT"))
        return py.IfExp(test, py.load(name), self._read(py.load(name), node.type.item))

    def _or_value(self, node: tree.OrValue) -> ast.expr:
        name = self._name("v")
        test = py.compare(py.keep(name, self.write(node.of)), ast.Is(), py.load("ABSENT"))
        return py.IfExp(test, self.write(node.otherwise), py.load(name))

    def truth(self, node: tree.Node) -> ast.expr:
        """The value of a node that must be true or false."""
        written = self.write(node)
        return written if node.type.kind == "bool" else py.call("as_bool", written)

    def _and(self, node: tree.And) -> ast.expr:
        return py.BoolOp(ast.And(), [self.truth(part) for part in node.parts])

    def _or(self, node: tree.Or) -> ast.expr:
        return py.BoolOp(ast.Or(), [self.truth(part) for part in node.parts])

    def _not(self, node: tree.Not) -> ast.expr:
        return py.UnaryOp(ast.Not(), self.truth(node.of))

    def _conditional(self, node: tree.Conditional) -> ast.expr:
        return py.IfExp(self.truth(node.test), self.write(node.yes), self.write(node.no))

    def _call(self, node: tree.Call) -> ast.expr:
        if node.name == "in" and _among_literals(*node.args):
            value, choices = node.args
            items = py.Tuple([self.write(item) for item in tree.below(choices)], ast.Load())
            return py.compare(self.write(value), ast.In(), items)
        args = [self.write(arg) for arg in node.args]
        if node.name in _COMPARISONS:
            return py.compare(args[0], _COMPARISONS[node.name], args[1])
        name, _, kind = node.name.rpartition("_")
        if name in _SUMS and kind in ("int", "double"):
            return self._checked(py.BinOp(args[0], _SUMS[name], args[1]), kind, node)
        if node.extra is None:
            return self._operation(node.name, args)
        extra = node.extra if isinstance(node.extra, tuple) else (node.extra,)
        return self._operation(node.name, [*args, *(self._given(each) for each in extra)])

    def _operation(self, name: str, args: list[ast.expr]) -> ast.expr:
        function = py.load(f"op_{name}") if name.isidentifier() else self._given(OPERATIONS[name])
        return py.Call(function, [py.load("m"), *args], [])

    def _checked(self, value: ast.expr, kind: str, node: tree.Call) -> ast.expr:
        """A sum that must fit into 64 bits, or be finite; the operation itself says what is wrong when it is not."""
        name = self._name("v")
        if kind == "int":
            test: ast.expr = py.Compare(
                py.Constant(LEAST), [ast.LtE(), ast.LtE()], [py.keep(name, value), py.Constant(GREATEST)]
            )
        else:  # only a finite number taken from itself is 0
            test = py.compare(py.BinOp(py.keep(name, value), ast.Sub(), py.load(name)), ast.Eq(), py.Constant(0.0))
        failing = py.BinOp(py.Constant(1), ast.FloorDiv(), py.Constant(0))
        return py.IfExp(test, py.load(name), failing)

    def _macro(self, node: tree.Macro) -> ast.expr:
        over = self.write(node.over)
        if node.over.type.kind != "list":
            over = py.call("elements", over)
        name = self._name("macro")
        outer = [f"x{slot}" for slot in self._within]
        self._within.append(node.slot)
        body = self._loop(node)
        self._within.pop()
        self._functions.append(py.definition(name, ["over", *outer, *_ARGUMENTS], body))
        return py.call(name, over, *(py.load(each) for each in (*outer, *_ARGUMENTS)))

    def _loop(self, node: tree.Macro) -> list[ast.stmt]:
        variable = f"x{node.slot}"
        each: list[ast.stmt] = [py.Expr(py.call("pay", py.load("m"), py.Constant(node.cost)))]
        known = node.over.type.element()
        if known.kind in operations.READERS and node.over.type.kind == "list":
            each.append(py.assign(variable, self._read(py.load(variable), known)))
        before, inside, after = self._steps(node, variable)
        loop = py.For(py.Name(variable, ast.Store()), py.load("over"), [*each, *inside], [])
        return [*before, loop, py.Return(after)]

    def _steps(self, node: tree.Macro, variable: str) -> tuple[list[ast.stmt], list[ast.stmt], ast.expr]:
        """What stands before the loop, in it, and is given back after it."""
        empty = [py.assign("found", py.List([], ast.Load()))]
        match node.kind:
            case "all":
                test: ast.expr = py.UnaryOp(ast.Not(), self.truth(node.body))
                return [], [py.If(test, [py.Return(py.Constant(False))], [])], py.Constant(True)
            case "exists":
                return [], [py.If(self.truth(node.body), [py.Return(py.Constant(True))], [])], py.Constant(False)
            case "exists_one":
                more = py.assign("found", py.BinOp(py.load("found"), ast.Add(), py.Constant(1)))
                once = py.compare(py.load("found"), ast.Eq(), py.Constant(1))
                return [py.assign("found", py.Constant(0))], [py.If(self.truth(node.body), [more], [])], once
            case "filter":
                return list(empty), [py.If(self.truth(node.body), [_append(py.load(variable))], [])], py.load("found")
        append = _append(self.write(node.body))
        inside: list[ast.stmt] = [append] if node.test is None else [py.If(self.truth(node.test), [append], [])]
        return list(empty), inside, py.load("found")

    def _list(self, node: tree.ListOf) -> ast.expr:
        return py.List([self.write(item) for item in node.items], ast.Load())

    def _map(self, node: tree.MapOf) -> ast.expr:
        keys = py.List([self.write(key) for key in node.keys], ast.Load())
        return py.call("made_object", keys, py.List([self.write(value) for value in node.values], ast.Load()))

    def _in_state(self, node: tree.InState) -> ast.expr:
        of = py.load("m")
        if node.relation is not None:
            of = py.item(py.attribute(of, "related"), py.Constant(node.relation))
        return py.compare(py.Constant(node.state), ast.In(), py.attribute(of, "active"))


def _among_literals(value: tree.Node, choices: tree.Node) -> bool:
    """Whether Python's own `in` is CEL's here: a value and a list written out, all of one kind for certain."""
    if not isinstance(choices, tree.ListOf) or value.type.nullable or value.type.kind not in _SCALARS:
        return False
    return all(item.type.kind == value.type.kind and not item.type.nullable for item in choices.items)


def _append(value: ast.expr) -> ast.stmt:
    return py.Expr(py.Call(py.attribute(py.load("found"), "append"), [value], []))


_WRITERS: dict[type, Callable[[_Writer, Any], ast.expr]] = {
    tree.Constant: _Writer._constant,
    tree.Variable: _Writer._variable,
    tree.Local: _Writer._local,
    tree.Field: _Writer._field,
    tree.Has: _Writer._has,
    tree.Related: _Writer._related,
    tree.HasRelated: _Writer._has_related,
    tree.Index: _Writer._index,
    tree.Optional: _Writer._optional,
    tree.OrValue: _Writer._or_value,
    tree.And: _Writer._and,
    tree.Or: _Writer._or,
    tree.Not: _Writer._not,
    tree.Conditional: _Writer._conditional,
    tree.Call: _Writer._call,
    tree.Macro: _Writer._macro,
    tree.ListOf: _Writer._list,
    tree.MapOf: _Writer._map,
    tree.InState: _Writer._in_state,
}

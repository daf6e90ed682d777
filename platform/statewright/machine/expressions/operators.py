"""Which operation an operator is, by the types of its operands, and what is wrong where it is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from statewright.machine.expressions import syntax, tree
from statewright.machine.expressions.kinds import (
    BOOL,
    DOUBLE,
    DURATION,
    DYNAMIC,
    INT,
    STRING,
    TIMESTAMP,
    Kind,
    Type,
    joined,
    list_of,
)

if TYPE_CHECKING:
    from statewright.machine.expressions.check import Checker

_NAMES = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "modulo"}
_TIMES: dict[tuple[str, Kind, Kind], Type] = {
    ("+", "timestamp", "duration"): TIMESTAMP,
    ("+", "duration", "timestamp"): TIMESTAMP,
    ("+", "duration", "duration"): DURATION,
    ("-", "timestamp", "timestamp"): DURATION,
    ("-", "timestamp", "duration"): TIMESTAMP,
    ("-", "duration", "duration"): DURATION,
}
_ORDERED = frozenset({"int", "double", "bool", "string", "timestamp", "duration"})
_SCALARS = _ORDERED
_NUMBERS = {"int", "double"}


def check_binary(checker: Checker, node: syntax.Binary, left: tree.Node, right: tree.Node) -> tree.Node:
    """The operation that `left op right` is."""
    left, right = as_double_beside(left, right), as_double_beside(right, left)
    if node.op in ("==", "!="):
        return _equality(checker, node, left, right)
    if node.op == "in":
        return _membership(checker, node, left, right)
    if not (checker.usable(left) & checker.usable(right)):
        return _nothing(node)
    if node.op in ("<", "<=", ">", ">="):
        return _ordering(checker, node, left, right)
    return _arithmetic(checker, node, left, right)


def check_negation(checker: Checker, node: syntax.Unary, of: tree.Node) -> tree.Node:
    """`-of`."""
    if not checker.usable(of):
        return _nothing(node)
    names = {"int": "negate_int", "double": "negate_double", "dynamic": "negate"}
    if of.type.kind not in names:
        sentence = f"only numbers can be negated, and {checker.shown(of)} is {of.type}"
        return checker.wrong(node, "type_mismatch", of.at, sentence)
    return tree.Call(at=node.at, end=node.end, type=of.type, name=names[of.type.kind], args=(of,))


def as_double_beside(node: tree.Node, other: tree.Node) -> tree.Node:
    """An integer literal, and a list of such, read as doubles where `other` is of doubles; any other node as it is."""
    if isinstance(node, tree.Constant) and node.literal and type(node.value) is int and _of_doubles(other.type):
        return msgspec.structs.replace(node, type=DOUBLE, value=float(node.value))
    if isinstance(node, tree.ListOf) and node.type.element().kind == "int" and _of_doubles(other.type):
        items = tuple(as_double_beside(item, other) for item in node.items)
        return msgspec.structs.replace(node, items=items, type=list_of(joined([item.type for item in items])))
    return node


def _of_doubles(known: Type) -> bool:
    return known.kind == "double" or (known.kind in ("list", "optional") and known.element().kind == "double")


def _nothing(node: syntax.Node) -> tree.Node:
    return tree.Constant(at=node.at, end=node.end, type=DYNAMIC, value=None)


def _mixed(checker: Checker, node: syntax.Binary, left: tree.Node, right: tree.Node) -> tree.Node:
    """A fault of two operands that do not go together."""
    mine, other = checker.shown(left), checker.shown(right)
    if {left.type.kind, right.type.kind} == _NUMBERS:
        whole = left if left.type.kind == "int" else right
        sentence = f"{mine} is {left.type} and {other} is {right.type}; make them one kind"
        return checker.wrong(node, "type_mismatch", node.op_at, sentence, f"double({checker.shown(whole)})")
    sentence = f"{node.op} does not go between {left.type} and {right.type} ({mine} and {other})"
    return checker.wrong(node, "type_mismatch", node.op_at, sentence, _fix_of_times(checker, left, right))


def _fix_of_times(checker: Checker, left: tree.Node, right: tree.Node) -> str | None:
    """Texts beside points in time or durations are usually meant to be such."""
    for text, other in ((left, right), (right, left)):
        if text.type.kind == "string" and other.type.kind in ("timestamp", "duration"):
            return f"{other.type.kind}({checker.shown(text)})"
    return None


def _equality(checker: Checker, node: syntax.Binary, left: tree.Node, right: tree.Node) -> tree.Node:
    for side in (left, right):
        if side.type.kind == "optional":
            checker.usable(side)
            return _nothing(node)
    one, other = left.type, right.type
    kinds = {one.kind, other.kind}
    comparable = "dynamic" in kinds or one.kind == other.kind or "null" in kinds
    if not comparable:
        return _mixed(checker, node, left, right)
    typed = one.kind == other.kind and one.kind in _SCALARS and not (one.nullable or other.nullable)
    name = f"same_{node.op}" if typed else node.op
    return tree.Call(at=node.at, end=node.end, type=BOOL, name=name, args=(left, right))


def _membership(checker: Checker, node: syntax.Binary, left: tree.Node, right: tree.Node) -> tree.Node:
    if not checker.usable(right):
        return _nothing(node)
    if left.type.kind == "optional":
        checker.usable(left)
        return _nothing(node)
    if right.type.kind not in ("list", "object", "dynamic"):
        sentence = f"only lists and objects contain something, and {checker.shown(right)} is {right.type}"
        fix = f"{checker.shown(right)}.contains({checker.shown(left)})" if right.type.kind == "string" else None
        return checker.wrong(node, "type_mismatch", right.at, sentence, fix)
    sought = right.type.element()
    if right.type.kind == "object" and isinstance(left, tree.Constant) and isinstance(left.value, str):
        checker.note(right, left.value)
        path = None if right.path is None else (*right.path, left.value)
        return tree.Has(at=node.at, end=node.end, type=BOOL, of=right, name=left.value, found=path)
    fits = {left.type.kind, sought.kind}
    if right.type.kind != "dynamic" and not ("dynamic" in fits or "null" in fits or len(fits) == 1):
        sentence = f"{checker.shown(right)} holds {_plural(sought)}, and {checker.shown(left)} is {left.type}"
        return checker.wrong(node, "type_mismatch", node.op_at, sentence)
    return tree.Call(at=node.at, end=node.end, type=BOOL, name="in", args=(left, right))


def _plural(known: Type) -> str:
    words = {"int": "integers", "double": "numbers", "string": "texts", "bool": "true or false", "list": "lists"}
    return words.get(known.kind, f"values of another kind ({known})")


def _ordering(checker: Checker, node: syntax.Binary, left: tree.Node, right: tree.Node) -> tree.Node:
    kinds = {left.type.kind, right.type.kind}
    known = kinds - {"dynamic"}
    if not known <= _ORDERED:
        sentence = f"{checker.shown(left if left.type.kind not in _ORDERED else right)} has no order"
        return checker.wrong(node, "type_mismatch", node.op_at, sentence)
    if len(known) > 1:
        return _mixed(checker, node, left, right)
    name = node.op if "dynamic" in kinds else f"same_{node.op}"
    return tree.Call(at=node.at, end=node.end, type=BOOL, name=name, args=(left, right))


def _arithmetic(checker: Checker, node: syntax.Binary, left: tree.Node, right: tree.Node) -> tree.Node:
    kinds = (left.type.kind, right.type.kind)
    found = _typed(node.op, left.type, right.type)
    if found is not None:
        name, known = found
        return tree.Call(at=node.at, end=node.end, type=known, name=name, args=(left, right))
    if "dynamic" not in kinds:
        return _mixed(checker, node, left, right)
    other = left if right.type.dynamic else right
    if not other.type.dynamic and not _possible(node.op, other.type.kind):
        return _mixed(checker, node, left, right)
    return tree.Call(
        at=node.at,
        end=node.end,
        type=DYNAMIC,
        name=_NAMES[node.op],
        args=(left, right),
        extra=_literal(left, right),
    )


def _typed(op: str, left: Type, right: Type) -> tuple[str, Type] | None:
    if left.kind == right.kind == "int":
        return f"{_NAMES[op]}_int", INT
    if left.kind == right.kind == "double" and op != "%":
        return f"{_NAMES[op]}_double", DOUBLE
    if op == "+" and left.kind == right.kind == "string":
        return "add_text", STRING
    if op == "+" and left.kind == right.kind == "list":
        return "add_list", joined([left, right])
    timed = _TIMES.get((op, left.kind, right.kind))
    return (f"{_NAMES[op]}_time", timed) if timed is not None else None


def _possible(op: str, kind: Kind) -> bool:
    """Whether an operand of that kind could go with something."""
    kinds: dict[str, set[Kind]] = {
        "+": {"int", "double", "string", "list", "timestamp", "duration"},
        "-": {"int", "double", "timestamp", "duration"},
        "*": {"int", "double"},
        "/": {"int", "double"},
        "%": {"int"},
    }
    return kind in kinds[op]


def _literal(left: tree.Node, right: tree.Node) -> str | None:
    """Which side is an integer literal, to be read as a double should the other turn out to be one."""
    for side, node in (("left", left), ("right", right)):
        if isinstance(node, tree.Constant) and node.literal and type(node.value) is int:
            return side
    return None

"""A second evaluator of expressions, small and slow, written from the language definition and sharing nothing but the
syntax tree with the first: values are Python's, kinds are looked at as late as possible, times are left out."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from typing import Any

from statewright.machine.expressions import syntax


class Err(Exception):
    """CEL's error value."""


_notes: set[str] = set()


@contextmanager
def noted() -> Iterator[set[str]]:
    """The names of the places, met within, in which other engines are known to differ."""
    _notes.clear()
    yield _notes


def evaluate(node: syntax.Node, names: dict[str, Any]) -> Any:
    """The value of `node` where variables have these values. Raises Err."""
    return _EVALUATE[type(node)](node, names)


def _logic(node: syntax.Logic, names: dict[str, Any]) -> bool:
    return _absorbing([lambda part=part: evaluate(part, names) for part in node.parts], node.op == "||")


def _absorbing(parts: list[Callable[[], Any]], by: bool) -> bool:
    outcomes: list[Any] = []
    for part in parts:
        try:
            value = part()
            outcomes.append(value if isinstance(value, bool) else Err("no truth"))
        except Err as error:
            outcomes.append(error)
    if by in [each for each in outcomes if isinstance(each, bool)]:
        return by
    if errors := [each for each in outcomes if isinstance(each, Err)]:
        raise errors[0]
    return not by


def _unary(node: syntax.Unary, names: dict[str, Any]) -> Any:
    value = evaluate(node.of, names)
    if node.op == "!":
        return not _truth(value)
    if value == -(2**63):
        _notes.add("least negated")
    return _whole(-value) if _kind(value) == "int" else -value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Err("no truth")
    return value


def _whole(value: int) -> int:
    if not -(2**63) <= value < 2**63:
        raise Err("overflow")
    return value


def _kind(value: Any) -> str:
    return type(value).__name__


def _binary(node: syntax.Binary, names: dict[str, Any]) -> Any:
    left, right = evaluate(node.left, names), evaluate(node.right, names)
    match node.op:
        case "==":
            return _same(left, right)
        case "!=":
            return not _same(left, right)
        case "in":
            return any(_same(left, each) for each in right)
        case "<":
            return left < right
        case ">":
            return left > right
        case "<=":
            return left <= right
        case ">=":
            return left >= right
    return _calculated(node.op, left, right)


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def _calculated(op: str, left: Any, right: Any) -> Any:
    if isinstance(left, (datetime, timedelta)):
        try:
            found = left + right if op == "+" else left - right
        except OverflowError:
            raise Err("beyond the years") from None
        if isinstance(found, timedelta) and abs(found) > timedelta(days=292 * 365):
            _notes.add("long duration")
        return found
    if isinstance(left, (str, list)):
        return left + right
    if isinstance(left, float):
        return _calculated_double(op, left, right)
    if op in "/%":
        if right == 0:
            raise Err("division by zero")
        quotient = math.trunc(Fraction(left, right))
        return _whole(quotient) if op == "/" else left - right * quotient
    return _whole({"+": left + right, "-": left - right, "*": left * right}[op])


def _calculated_double(op: str, left: float, right: float) -> float:
    if op == "/" and right == 0:
        _notes.add("not finite")
        raise Err("division by zero")
    value = {"+": lambda: left + right, "-": lambda: left - right, "*": lambda: left * right, "/": lambda: left / right}
    found = value[op]()
    if not math.isfinite(found):
        _notes.add("not finite")
        raise Err("not finite")
    return found


def _select(node: syntax.Select, names: dict[str, Any]) -> Any:
    of = evaluate(node.of, names)
    if node.name not in of:
        raise Err("absent")
    return of[node.name]


def _index(node: syntax.Index, names: dict[str, Any]) -> Any:
    of, key = evaluate(node.of, names), evaluate(node.key, names)
    if not 0 <= key < len(of):
        raise Err("no element")
    return of[key]


def _call(node: syntax.Call, names: dict[str, Any]) -> Any:
    if node.name == "has":
        (asked,) = node.args
        assert isinstance(asked, syntax.Select)
        return asked.name in evaluate(asked.of, names)
    if node.name in ("all", "exists", "exists_one", "map", "filter"):
        return _macro(node, names)
    of = [] if node.of is None else [evaluate(node.of, names)]
    return _FUNCTIONS[node.name](*of, *(evaluate(arg, names) for arg in node.args))


def _macro(node: syntax.Call, names: dict[str, Any]) -> Any:
    assert node.of is not None
    variable, body = node.args
    assert isinstance(variable, syntax.Name)
    over = evaluate(node.of, names)

    def of(each: Any) -> Any:
        return evaluate(body, {**names, variable.name: each})

    match node.name:
        case "map":
            return [of(each) for each in over]
        case "filter":
            return [each for each in over if _truth(of(each))]
        case "exists_one":
            return sum(_truth(of(each)) for each in over) == 1
    return _absorbing([lambda each=each: of(each) for each in over], node.name == "exists")


def _int(value: Any) -> int:
    if isinstance(value, str):
        if not re.fullmatch(r"[+-]?\d+", value, re.ASCII):
            raise Err("no integer")
        return _whole(int(value))
    return _whole(math.trunc(value))


def _string(value: Any) -> str:
    if isinstance(value, datetime):
        text = value.astimezone(UTC).replace(tzinfo=None).isoformat()
        _notes.add("text of a time")
        return (text.rstrip("0") if "." in text else text) + "Z"
    if isinstance(value, bool):
        _notes.add("text of a truth")
        return str(value).lower()
    return str(value)


def _size(value: Any) -> int:
    if isinstance(value, str) and not value.isascii():
        _notes.add("size of a text")
    return len(value)


def _timestamp(text: str) -> datetime:
    if not text.endswith("Z"):
        _notes.add("zone of a text")
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def _duration(text: str) -> timedelta:
    sign = -1 if text.startswith("-") else 1
    units = {"h": "hours", "m": "minutes", "s": "seconds", "ms": "milliseconds"}
    parts = re.findall(r"([\d.]+)(ms|h|m|s)", text)
    return sign * sum((timedelta(**{units[unit]: float(number)}) for number, unit in parts), timedelta())


def _zoned(when: datetime, zone: str) -> datetime:
    _notes.add("zone by offset")
    hours, minutes = zone[1:].split(":")
    try:
        return when.astimezone(timezone(timedelta(hours=int(hours), minutes=int(minutes))))
    except OverflowError:
        raise Err("beyond the years") from None


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "size": _size,
    "contains": lambda text, part: part in text,
    "startsWith": lambda text, part: text.startswith(part),
    "endsWith": lambda text, part: text.endswith(part),
    "matches": lambda text, pattern: re.search(pattern, text) is not None,
    "int": _int,
    "double": float,
    "string": _string,
    "timestamp": _timestamp,
    "duration": _duration,
    "getHours": lambda when: when.hour,
    "getDayOfYear": lambda when: int(when.strftime("%j")) - 1,
    "getDayOfWeek": lambda when, zone: (_zoned(when, zone).weekday() + 1) % 7,
    "getMinutes": lambda length: math.trunc(Fraction(length // timedelta(microseconds=1), 60_000_000)),
}


def _conditional(node: syntax.Conditional, names: dict[str, Any]) -> Any:
    return evaluate(node.yes if _truth(evaluate(node.test, names)) else node.no, names)


_EVALUATE: dict[type, Callable[[Any, dict[str, Any]], Any]] = {
    syntax.Constant: lambda node, names: node.value,
    syntax.Name: lambda node, names: names[node.name],
    syntax.Select: _select,
    syntax.Index: _index,
    syntax.Call: _call,
    syntax.Logic: _logic,
    syntax.Unary: _unary,
    syntax.Binary: _binary,
    syntax.Conditional: _conditional,
    syntax.ListOf: lambda node, names: [evaluate(item, names) for item in node.items],
}

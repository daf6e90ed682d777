"""What the operators and functions of expressions do with values, under CEL's rules.

Each takes the moment first, from which it pays for work that grows with its operands, and raises Failure when there is
no result. No sentence of a failure shows a value: they may be personal. Inside an expression an int is a Python int, a
double a float, an object a dict; both evaluators hold to that by `READERS` wherever a value comes from outside.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from datetime import UTC, timezone
from typing import Any

from statewright.machine.expressions import times
from statewright.machine.expressions.literals import GREATEST, LEAST
from statewright.machine.expressions.times import Duration, Timestamp
from statewright.machine.expressions.words import Moment

ABSENT: Any = type("Absent", (), {"__repr__": lambda self: "ABSENT"})()
"""What `.?field` gives where there is no such field."""

LARGEST_RESULT = 512 * 1024
"""How large a result may be, in bytes of JSON, roughly: as large as a record."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,40}", re.ASCII)
_DOUBLE = re.compile(r"[+-]?([0-9]{1,400}(\.[0-9]{0,400})?|\.[0-9]{1,400})([eE][+-]?[0-9]{1,5})?", re.ASCII)
_TRUTH = dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True) | dict.fromkeys(
    ("0", "f", "F", "FALSE", "false", "False"), False
)


class Failure(Exception):
    """There is no result, for the reason in the message."""


class Absent(Failure):
    """What is read is not there."""


class Spent(Exception):
    """The expressions of this event have taken all the steps that one event may take."""


def pay(moment: Moment, steps: int) -> None:
    """Take `steps` from what is left; Spent when that is too little."""
    moment.steps_left -= steps
    if moment.steps_left < 0:
        raise Spent


# -- what comes from outside ------------------------------------------------------------------------------------------


def as_int(value: Any) -> int:
    """An integer of JSON, in which 5.0 is one too."""
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    raise Failure("the value is not an integer")


def as_double(value: Any) -> float:
    """A number of JSON, a double even when it is written 0."""
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise Failure("the number is too large for a double") from None
    raise Failure("the value is not a number")


def as_bool(value: Any) -> bool:
    """True or false, which nothing else is read as."""
    if value is True or value is False:
        return bool(value)
    raise Failure("the value is not true or false")


def as_text(value: Any) -> str:
    """A text."""
    if type(value) is str:
        return value
    raise Failure("the value is not a text")


def as_list(value: Any) -> Any:
    """A list; a caller's roles are a tuple."""
    if type(value) is list or type(value) is tuple:
        return value
    raise Failure("the value is not a list")


def as_object(value: Any) -> dict[str, Any]:
    """An object."""
    if type(value) is dict:
        return value
    raise Failure("the value is not an object")


def as_null(value: Any) -> None:
    """Null."""
    if value is not None:
        raise Failure("the value is not null")


READERS: dict[str, Callable[[Any], Any]] = {
    "int": as_int,
    "double": as_double,
    "bool": as_bool,
    "string": as_text,
    "list": as_list,
    "object": as_object,
    "null": as_null,
}
"""How a value of a declared kind is taken in."""


def read(value: Any, kind: str, nullable: bool = False) -> Any:
    """The value as its declared kind has it."""
    reader = READERS.get(kind)
    return value if reader is None or (nullable and value is None) else reader(value)


def select(moment: Moment, value: Any, name: str) -> Any:
    """A field of whatever this is."""
    if type(value) is not dict:
        raise Failure("what the field is read from is not an object")
    try:
        return value[name]
    except KeyError:
        raise Absent from None


def has(moment: Moment, value: Any, name: str) -> bool:
    """Whether there is such a field."""
    if type(value) is not dict:
        raise Failure("what the field is sought in is not an object")
    return name in value


def optional(moment: Moment, value: Any, name: str) -> Any:
    """The field, or ABSENT."""
    if value is ABSENT:
        return ABSENT
    if type(value) is not dict:
        raise Failure("what the field is read from is not an object")
    return value.get(name, ABSENT)


def index(moment: Moment, value: Any, key: Any) -> Any:
    """An element of a list, counted from 0, or a field of an object."""
    if type(value) is dict:
        if type(key) is not str:
            raise Failure("an object's fields are named by texts")
        return select(moment, value, key)
    if type(value) is not list and type(value) is not tuple:
        raise Failure("only lists and objects have elements")
    if type(key) is not int:
        raise Failure("the elements of a list are counted by integers")
    if not 0 <= key < len(value):
        raise Failure("the list has no such element")
    return value[key]


def elements(value: Any) -> Any:
    """What a macro goes over: a list's elements, an object's keys."""
    if type(value) is dict:
        return list(value)
    if type(value) is list or type(value) is tuple:
        return value
    raise Failure("macros go over lists and objects only")


# -- numbers ----------------------------------------------------------------------------------------------------------


def _int(value: int) -> int:
    if LEAST <= value <= GREATEST:
        return value
    raise Failure("the result does not fit into 64 bits")


def _double(value: float) -> float:
    if math.isfinite(value):
        return value
    raise Failure("the result is not a finite number")


def _quotient(left: int, right: int) -> int:
    if right == 0:
        raise Failure("division by zero")
    whole = abs(left) // abs(right)
    return whole if (left < 0) == (right < 0) else -whole


def add_int(moment: Moment, left: int, right: int) -> int:
    return _int(left + right)


def subtract_int(moment: Moment, left: int, right: int) -> int:
    return _int(left - right)


def multiply_int(moment: Moment, left: int, right: int) -> int:
    return _int(left * right)


def divide_int(moment: Moment, left: int, right: int) -> int:
    """Towards zero."""
    return _int(_quotient(left, right))


def modulo_int(moment: Moment, left: int, right: int) -> int:
    """With the sign of the dividend."""
    return left - right * _quotient(left, right)


def negate_int(moment: Moment, value: int) -> int:
    return _int(-value)


def add_double(moment: Moment, left: float, right: float) -> float:
    return _double(left + right)


def subtract_double(moment: Moment, left: float, right: float) -> float:
    return _double(left - right)


def multiply_double(moment: Moment, left: float, right: float) -> float:
    return _double(left * right)


def divide_double(moment: Moment, left: float, right: float) -> float:
    if right == 0:
        raise Failure("division by zero")
    return _double(left / right)


def negate_double(moment: Moment, value: float) -> float:
    return -value


# -- texts, lists and times -------------------------------------------------------------------------------------------


def add_text(moment: Moment, left: str, right: str) -> str:
    whole = left + right
    pay(moment, len(whole) >> 10)
    return whole


def add_list(moment: Moment, left: Any, right: Any) -> list[Any]:
    pay(moment, (len(left) + len(right)) >> 6)
    return [*left, *right]


def _timed(make: Callable[[int], Any], micros: int) -> Any:
    try:
        return make(micros)
    except times.OutOfRange as error:
        raise Failure(str(error)) from None


def add_time(moment: Moment, left: Any, right: Any) -> Any:
    """A point in time and a duration, in either order, or two durations."""
    make = times.timestamp if Timestamp in (type(left), type(right)) else times.duration
    return _timed(make, left.micros + right.micros)


def subtract_time(moment: Moment, left: Any, right: Any) -> Any:
    """Two points in time give a duration; otherwise the result is what the left operand is."""
    make = times.timestamp if type(left) is Timestamp and type(right) is Duration else times.duration
    return _timed(make, left.micros - right.micros)


# -- operands whose kinds are known only now --------------------------------------------------------------------------

_ARITHMETIC: dict[str, dict[tuple[type, type], Callable[[Moment, Any, Any], Any]]] = {
    "add": {
        (int, int): add_int,
        (float, float): add_double,
        (str, str): add_text,
        (list, list): add_list,
        (list, tuple): add_list,
        (tuple, list): add_list,
        (tuple, tuple): add_list,
        (Timestamp, Duration): add_time,
        (Duration, Timestamp): add_time,
        (Duration, Duration): add_time,
    },
    "subtract": {
        (int, int): subtract_int,
        (float, float): subtract_double,
        (Timestamp, Timestamp): subtract_time,
        (Timestamp, Duration): subtract_time,
        (Duration, Duration): subtract_time,
    },
    "multiply": {(int, int): multiply_int, (float, float): multiply_double},
    "divide": {(int, int): divide_int, (float, float): divide_double},
    "modulo": {(int, int): modulo_int},
}


def _arithmetic(name: str) -> Callable[..., Any]:
    table = _ARITHMETIC[name]

    def operation(moment: Moment, left: Any, right: Any, literal: str = "") -> Any:
        found = table.get((type(left), type(right)))
        if found is None and literal == "right" and type(left) is float and type(right) is int:
            return table[float, float](moment, left, float(right)) if (float, float) in table else _unfit()
        if found is None and literal == "left" and type(right) is float and type(left) is int:
            return table[float, float](moment, float(left), right) if (float, float) in table else _unfit()
        return found(moment, left, right) if found is not None else _unfit()

    return operation


def _unfit() -> Any:
    raise Failure("the operands are of kinds that do not go together")


def negate(moment: Moment, value: Any) -> Any:
    if type(value) is int:
        return _int(-value)
    if type(value) is float:
        return -value
    raise Failure("only numbers can be negated")


_NUMBERS = frozenset({int, float})
_LISTS = frozenset({list, tuple})
_ORDERED = frozenset({str, bool, Timestamp, Duration})


def equal(moment: Moment, left: Any, right: Any) -> bool:
    """Equality across kinds as CEL has it: numbers by value, lists and objects by what is in them, else never."""
    mine, other = type(left), type(right)
    if mine in _NUMBERS and other in _NUMBERS:
        return bool(left == right)
    if mine in _LISTS and other in _LISTS:
        pay(moment, len(left) >> 3)
        return len(left) == len(right) and all(equal(moment, *pair) for pair in zip(left, right, strict=True))
    if mine is not other:
        return False
    if mine is dict:
        pay(moment, len(left) >> 3)
        return left.keys() == right.keys() and all(equal(moment, left[key], right[key]) for key in left)
    return bool(left == right)


def unequal(moment: Moment, left: Any, right: Any) -> bool:
    return not equal(moment, left, right)


def _ordering(compare: Callable[[Any, Any], bool]) -> Callable[[Moment, Any, Any], bool]:
    def operation(moment: Moment, left: Any, right: Any) -> bool:
        mine, other = type(left), type(right)
        if (mine in _NUMBERS and other in _NUMBERS) or (mine is other and mine in _ORDERED):
            return compare(left, right)
        raise Failure("the operands are of kinds that have no order between them")

    return operation


def _same(compare: Callable[[Any, Any], bool]) -> Callable[[Moment, Any, Any], bool]:
    return lambda moment, left, right: compare(left, right)


def contained(moment: Moment, value: Any, within: Any) -> bool:
    """`in`: an element of a list, or a field of an object."""
    if type(within) is dict:
        return type(value) is str and value in within
    if type(within) not in _LISTS:
        raise Failure("only lists and objects contain something")
    pay(moment, len(within) >> 5)
    if type(value) is str:  # Python agrees with CEL on what equals a text
        return value in within
    return any(equal(moment, value, each) for each in within)


# -- functions --------------------------------------------------------------------------------------------------------


def size(moment: Moment, value: Any) -> int:
    """Characters of a text, elements of a list, fields of an object."""
    if type(value) not in (str, list, tuple, dict):
        raise Failure("only texts, lists and objects have a size")
    return len(value)


def contains(moment: Moment, text: Any, part: Any) -> bool:
    as_text(text), as_text(part)
    pay(moment, len(text) >> 10)
    return part in text


def starts_with(moment: Moment, text: Any, part: Any) -> bool:
    return as_text(text).startswith(as_text(part))


def ends_with(moment: Moment, text: Any, part: Any) -> bool:
    return as_text(text).endswith(as_text(part))


def matches(moment: Moment, text: Any, pattern: Any) -> bool:
    """`pattern` has been compiled when the expression was checked; a large one is slower, for each character."""
    as_text(text)
    pay(moment, len(text) * (64 + pattern.programsize) >> 12)
    try:
        return pattern.search(text) is not None
    except UnicodeEncodeError:
        raise Failure("the text holds what is no character of Unicode") from None


def to_string(moment: Moment, value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(_int(value))
        case float():
            return repr(value).removesuffix(".0")
        case Timestamp():
            return times.timestamp_text(value)
        case Duration():
            return times.duration_text(value)
    raise Failure("there is no text for a value of this kind")


def to_int(moment: Moment, value: Any) -> int:
    match value:
        case bool():
            pass
        case int():
            return _int(value)
        case float():
            return _int(int(_double(value)))
        case str():
            if not _INTEGER.fullmatch(value):
                raise Failure("the text is not an integer")
            return _int(int(value))
        case Timestamp():
            return value.micros // times.SECOND
    raise Failure("there is no integer for a value of this kind")


def to_double(moment: Moment, value: Any) -> float:
    match value:
        case bool():
            pass
        case int() | float():
            return as_double(value)
        case str():
            if not _DOUBLE.fullmatch(value):
                raise Failure("the text is not a number")
            return _double(float(value))
    raise Failure("there is no number for a value of this kind")


def to_bool(moment: Moment, value: Any) -> bool:
    if type(value) is bool:
        return value
    if type(value) is str and value in _TRUTH:
        return _TRUTH[value]
    raise Failure("the value is neither true nor false")


def to_timestamp(moment: Moment, value: Any) -> Timestamp:
    """From RFC 3339 text, or seconds since 1970."""
    if type(value) is Timestamp:
        return value
    try:
        if type(value) is str:
            return times.read_timestamp(value)
        if type(value) is int:
            return times.timestamp(value * times.SECOND)
    except times.OutOfRange as error:
        raise Failure(str(error)) from None
    except ValueError:
        raise Failure("the text is not an RFC 3339 time such as 2026-11-23T11:30:00Z") from None
    raise Failure("there is no point in time for a value of this kind")


def to_duration(moment: Moment, value: Any) -> Duration:
    if type(value) is Duration:
        return value
    try:
        if type(value) is str:
            return times.read_duration(value)
    except times.OutOfRange as error:
        raise Failure(str(error)) from None
    except ValueError:
        raise Failure("the text is not a duration such as 1h30m or PT1H30M") from None
    raise Failure("there is no duration for a value of this kind")


def part(moment: Moment, value: Any, name: str, zone: timezone | None = None) -> int:
    """One of the getters, `zone` being known beforehand."""
    if type(value) is Timestamp:
        try:
            return times.OF_TIMESTAMP[name](times.calendar(value, zone or UTC))
        except times.OutOfRange as error:
            raise Failure(str(error)) from None
    if type(value) is Duration and zone is None and name in times.OF_DURATION:
        return times.OF_DURATION[name](value)
    raise Failure(f"there is no {name}() for a value of this kind")


def part_in(moment: Moment, value: Any, zone: Any, name: str) -> int:
    """One of the getters in a zone that only the data tell."""
    offset = times.zone_of(as_text(zone))
    if offset is None:
        raise Failure("the zone is neither UTC nor an offset such as +02:00")
    return part(moment, value, name, offset)


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

OPERATIONS: dict[str, Callable[..., Any]] = {
    **{f"same_{sign}": _same(compare) for sign, compare in COMPARISONS.items()},
    **{sign: _ordering(COMPARISONS[sign]) for sign in ("<", "<=", ">", ">=")},
    **{name: _arithmetic(name) for name in _ARITHMETIC},
    "==": equal,
    "!=": unequal,
    "in": contained,
    **{
        each.__name__: each
        for each in (
            *(add_int, subtract_int, multiply_int, divide_int, modulo_int, negate_int),
            *(add_double, subtract_double, multiply_double, divide_double, negate_double, negate),
            *(add_text, add_list, add_time, subtract_time),
            *(size, contains, starts_with, ends_with, matches, part, part_in),
            *(to_string, to_int, to_double, to_bool, to_timestamp, to_duration),
        )
    },
}
"""Every operation by the name that the checker gives it; `same_` ones are for two operands known to be of one kind."""


# -- what leaves ------------------------------------------------------------------------------------------------------


def result(value: Any) -> Any:
    """The value as JSON has it: points in time and durations as texts. Failure when it is larger than data may be."""
    room = [LARGEST_RESULT]
    return _result(value, room)


def _result(value: Any, room: list[int]) -> Any:
    room[0] -= 8 + (len(value) if type(value) is str else 0)
    if room[0] < 0:
        raise Failure("the result is larger than an entity's data may be")
    match value:
        case Timestamp():
            return times.timestamp_result(value)
        case Duration():
            return times.duration_result(value)
        case list() | tuple():
            return [_result(each, room) for each in value]
        case dict():
            room[0] -= sum(map(len, value))
            return {key: _result(each, room) for key, each in value.items()}
    return value

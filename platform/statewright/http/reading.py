"""Strict reading of JSON bodies: what parsers let pass is refused here, and everything refused is named by its place.

The parser (msgspec) sees to syntax, UTF-8, types and unknown fields. What it lets pass (a key given twice, nesting
deeper than 64, whole numbers that a double cannot hold) is looked for by counting bytes, which costs next to nothing;
only a body that looks suspicious is read a second time, and only one that is refused a third time, for the place.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from functools import cache
from typing import TypeVar

import msgspec

from statewright.http.problems import Problem, ProblemFound, problem
from statewright.machine.faults import (
    DEPTH,
    Fault,
    Spot,
    first_fault,
    has_inexact_numbers,
    has_many_digits,
    is_deep,
    repeats_keys,
)
from statewright.machine.outline import outline
from statewright.machine.problem import pointer_of

T = TypeVar("T")
SMALL = 16_384
"""Up to so many bytes the place of a fault is looked for at once: it takes a millisecond for each thousand."""
_PATH = re.compile(r" - at `\$?(?P<path>.*)`$", re.DOTALL)
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>[0-9]+)\]|\[\.\.\.\]")


class Unread(ProblemFound):
    """A body that cannot be taken, and is so large that a thread should look for the place, by `explained`."""

    def __init__(self, explain: Callable[[], Problem]) -> None:
        Exception.__init__(self)
        self._explained = cache(explain)

    @property
    def problem(self) -> Problem:
        """The problem, with line, column and pointer; asked for without `explained`, it is looked for here and now."""
        return self._explained()

    def __str__(self) -> str:
        return str(self.problem.body["detail"])


async def explained(found: ProblemFound) -> Problem:
    """The problem that was found; what takes a while is done in a thread."""
    return await asyncio.to_thread(lambda: found.problem) if isinstance(found, Unread) else found.problem


def decode(text: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """`text` as what `decoder` makes of it. Raises ProblemFound (`malformed`, with line, column and pointer)."""
    value = parse(text, decoder)
    look_again(text)
    return value


def parse(text: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """The first reading alone; `look_again` must follow. Raises ProblemFound."""
    try:
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        found = str(error)
        raise _unread(text, lambda: _of_shape(text, found)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _of_syntax(text, str(error)) from None


def look_again(text: bytes, members: int = 0) -> None:
    """Refuse what the parser let pass. `members` is how many colons of `text` are known to be harmless.

    Raises ProblemFound. A text with no more colons than members, none of them written as an
    escape, cannot hold a key twice.
    """
    if (text.count(b":") > max(members, 1) or b"\\" in text) and repeats_keys(text):
        raise _of_syntax(text, "a key comes twice")
    if has_many_digits(text) and has_inexact_numbers(text):
        raise _of_syntax(text, "a number is too large to be held exactly; send it as text")
    if is_deep(text):
        raise _of_syntax(text, f"the JSON nests deeper than {DEPTH}")


def is_beyond_doubt(text: bytes, members: int) -> bool:
    """Whether nothing in a text of one value a line can be what `look_again` refuses, seen at a glance."""
    return (
        text.count(b":") <= members  # and so no object but those that were counted
        and b"\\" not in text
        and text.count(b"[") <= DEPTH // 2
        and not has_many_digits(text)
    )


def _unread(text: bytes, explain: Callable[[], Problem]) -> ProblemFound:
    return ProblemFound(explain()) if len(text) <= SMALL else Unread(explain)


def _of_syntax(text: bytes, otherwise: str) -> ProblemFound:
    """The problem of a text that is not JSON as we take it; the exact reader says where."""

    def explain() -> Problem:
        fault = first_fault(text)
        if fault is None:
            return malformed(otherwise, Spot(1, 1), "")
        return malformed(fault.sentence, fault.spot, fault.pointer)

    return _unread(text, explain)


def _of_shape(text: bytes, message: str) -> Problem:
    """The problem of JSON that is not of the shape asked for."""
    found = _PATH.search(message)
    sentence = _PATH.sub("", message).replace("`", "'")
    pointer = _pointer(found["path"]) if found else ""
    unknown = re.search(r"unknown field '(.*)'", sentence, re.DOTALL)
    if unknown:
        pointer += pointer_of(unknown[1])
    try:
        pointer, spot = outline(text).nearest(pointer)
    except Fault as fault:
        return malformed(fault.sentence, fault.spot, fault.pointer)
    return malformed(sentence[:1].lower() + sentence[1:], spot, pointer)


def _pointer(path: str) -> str:
    return "".join(pointer_of(step["name"] or step["index"] or "") for step in _STEP.finditer(path))


def malformed(sentence: str, spot: Spot, pointer: str) -> Problem:
    """The problem `malformed` at a place."""
    place = f" (in {pointer[:200]})" if pointer else ""
    detail = f"line {spot.line}, column {spot.column}{place}: {sentence[:300]}"
    return problem("malformed", detail, line=spot.line, column=spot.column, pointer=pointer[:200])

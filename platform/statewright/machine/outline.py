"""Where everything stands in a JSON text: lines and columns for problems, and the faults that parsers let pass.

Fast parsers say neither where a value stands nor that a key came twice, nest too deep or lose digits. This slow, exact
reader is asked when a definition is registered, and when a body looked suspicious.
"""

from __future__ import annotations

import bisect
import re
from json.decoder import scanstring  # type: ignore[attr-defined]  # the C scanner of the standard library, in no stub
from typing import NamedTuple

from statewright.machine.problem import child

DEPTH = 64
"""How deep JSON may nest anywhere in this system."""
EXACT = 2**53 - 1
"""The greatest whole number that a browser and a double hold exactly."""

POINTER = 300
"""Beyond this length a pointer is not carried on, or a long key above many values would fill the memory."""

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORD = re.compile(r"true|false|null")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Spot(NamedTuple):
    """A place in a text; `line` and `column` count from 1, columns in characters."""

    line: int
    column: int


class Fault(Exception):
    """The text is not JSON as this system takes it. `sentence` says what to mend, `spot` where, `pointer` in what."""

    def __init__(self, code: str, sentence: str, spot: Spot, pointer: str = "") -> None:
        super().__init__(f"line {spot.line}, column {spot.column}: {sentence}")
        self.code = code
        self.sentence = sentence
        self.spot = spot
        self.pointer = pointer


class Outline(NamedTuple):
    """`spots` says by JSON pointer where each value begins; of a member's, where its key begins.

    `lines` are the offsets at which the lines of `text` begin.
    """

    spots: dict[str, Spot]
    text: str
    lines: list[int]

    def nearest(self, pointer: str) -> tuple[str, Spot]:
        """The longest part of `pointer` that the text holds, and where that is."""
        while pointer not in self.spots:
            pointer = pointer.rpartition("/")[0]
        return pointer, self.spots[pointer]

    def inside(self, pointer: str, offset: int) -> Spot:
        """Where the character at `offset` of the text value at `pointer` stands; escapes take more room than one.

        The nearest place that the text holds, when it holds no text value at `pointer`.
        """
        found, spot = self.nearest(pointer)
        at = self._opening(self.lines[spot.line - 1] + spot.column - 1)
        if found != pointer or at is None:
            return spot
        for _ in range(offset):
            if self.text[at] == '"':
                break
            at += _width(self.text, at)
        line = bisect.bisect_right(self.lines, at)
        return Spot(line, at - self.lines[line - 1] + 1)

    def _opening(self, at: int) -> int | None:
        """Just behind the opening quote of the value whose key, or which itself, stands at `at`."""
        if self.text[at : at + 1] != '"':
            return None
        end = _skipped(self.text, scanstring(self.text, at + 1, True)[1])
        if self.text[end : end + 1] != ":":
            return at + 1
        value = _skipped(self.text, end + 1)
        return value + 1 if self.text[value : value + 1] == '"' else None


def decoded(text: bytes) -> str:
    """`text` as characters. Raises Fault at the first byte that is not UTF-8, or for a byte order mark."""
    try:
        characters = text.decode()
    except UnicodeDecodeError as error:
        before = text[: error.start].decode()
        raise Fault("malformed", f"byte {error.start} is not UTF-8", _spot(before, len(before))) from None
    if characters.startswith("\ufeff"):
        raise Fault("malformed", "the text begins with a byte order mark; send it without", Spot(1, 1))
    return characters


def outline(text: bytes) -> Outline:
    """Read a whole JSON text and say where its values stand.

    Raises Fault at the first thing wrong: syntax, UTF-8, a key that comes twice, nesting deeper than 64, a lone
    surrogate, a whole number beyond ±(2^53 - 1), a number that is not finite.
    """
    reader = _Reader(decoded(text))
    reader.read()
    lines = [0, *(found.end() for found in re.finditer("\n", reader.text))]
    return Outline(reader.spots, reader.text, lines)


def first_fault(text: bytes) -> Fault | None:
    """The first thing wrong with a JSON text, as `outline` would raise it; remembers nothing of what it reads."""
    try:
        _Reader(decoded(text), remembers=False).read()
    except Fault as fault:
        return fault
    return None


def _skipped(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _width(text: str, at: int) -> int:
    """How many characters the one at `at` takes as it is written in a JSON string."""
    if text[at] != "\\":
        return 1
    if text[at + 1] != "u":
        return 2
    pair = text[at + 2 : at + 4].lower() in ("d8", "d9", "da", "db") and text[at + 6 : at + 8] == "\\u"
    return 12 if pair else 6


def _spot(text: str, at: int) -> Spot:
    line = text.count("\n", 0, at) + 1
    return Spot(line, at - text.rfind("\n", 0, at))


class _Reader:
    def __init__(self, text: str, *, remembers: bool = True) -> None:
        self.text = text
        self.remembers = remembers
        self.spots: dict[str, Spot] = {}
        self.line = 1
        self.line_start = 0
        self.seen_to = 0

    def read(self) -> None:
        end = self.value(self.skip(0), "", 0)
        end = self.skip(end)
        if end != len(self.text):
            raise self.fault("malformed", "there is more after the end of the JSON value", end, "")

    def remember(self, pointer: str, at: int) -> None:
        if self.remembers and pointer not in self.spots:
            self.spots[pointer] = self.spot(at)

    def skip(self, at: int) -> int:
        return _skipped(self.text, at)

    def spot(self, at: int) -> Spot:
        newlines = self.text.count("\n", self.seen_to, at)
        if newlines:
            self.line += newlines
            self.line_start = self.text.rfind("\n", self.seen_to, at) + 1
        self.seen_to = at
        return Spot(self.line, at - self.line_start + 1)

    def fault(self, code: str, sentence: str, at: int, pointer: str) -> Fault:
        return Fault(code, sentence, _spot(self.text, at), pointer)

    def value(self, at: int, pointer: str, depth: int) -> int:
        self.remember(pointer, at)
        first = self.text[at : at + 1]
        if first in ("{", "["):
            if depth >= DEPTH:
                raise self.fault("malformed", f"the JSON nests deeper than {DEPTH}", at, pointer)
            return self.members(at, pointer, depth) if first == "{" else self.items(at, pointer, depth)
        if first == '"':
            return self.string(at, pointer)[1]
        word = _WORD.match(self.text, at)
        return word.end() if word else self.number(at, pointer)

    def members(self, at: int, pointer: str, depth: int) -> int:
        keys: set[str] = set()
        at = self.skip(at + 1)
        if self.text[at : at + 1] == "}":
            return at + 1
        while True:
            if self.text[at : at + 1] != '"':
                raise self.fault("malformed", "a key in double quotes is expected here", at, pointer)
            key, end = self.string(at, pointer)
            inside = below(pointer, key)
            if key in keys:
                raise self.fault("malformed", f"the key {_short(key)} comes twice", at, inside)
            keys.add(key)
            self.remember(inside, at)
            end = self.skip(end)
            if self.text[end : end + 1] != ":":
                raise self.fault("malformed", f"a colon is expected after the key {_short(key)}", end, inside)
            at = self.skip(self.value(self.skip(end + 1), inside, depth + 1))
            closing = self.text[at : at + 1]
            if closing == "}":
                return at + 1
            if closing != ",":
                raise self.fault("malformed", "a comma or a closing brace is expected here", at, pointer)
            at = self.skip(at + 1)

    def items(self, at: int, pointer: str, depth: int) -> int:
        at = self.skip(at + 1)
        if self.text[at : at + 1] == "]":
            return at + 1
        index = 0
        while True:
            at = self.skip(self.value(at, below(pointer, index), depth + 1))
            closing = self.text[at : at + 1]
            if closing == "]":
                return at + 1
            if closing != ",":
                raise self.fault("malformed", "a comma or a closing bracket is expected here", at, pointer)
            at = self.skip(at + 1)
            index += 1

    def string(self, at: int, pointer: str) -> tuple[str, int]:
        try:
            value, end = scanstring(self.text, at + 1, True)
        except ValueError as error:
            where = getattr(error, "pos", at)
            what = getattr(error, "msg", "the string is not closed")
            raise self.fault("malformed", f"{what[:1].lower()}{what[1:]}".removesuffix(" at"), where, pointer) from None
        if _SURROGATE.search(value):
            raise self.fault("malformed", "the string holds half of a surrogate pair", at, pointer)
        return value, end

    def number(self, at: int, pointer: str) -> int:
        found = _NUMBER.match(self.text, at)
        if found is None:
            what = "the text ends too early" if at >= len(self.text) else "a JSON value is expected here"
            raise self.fault("malformed", what, at, pointer)
        digits = found.group()
        whole = found.group(1) is None and found.group(2) is None
        if whole and (len(digits) > 17 or abs(int(digits)) > EXACT):
            raise self.fault("malformed", "the number is too large to be held exactly; send it as text", at, pointer)
        if not whole and abs(float(digits)) == float("inf"):
            raise self.fault("malformed", "the number is too large", at, pointer)
        return found.end()


def below(pointer: str, step: str | int) -> str:
    """The pointer one step below, or `pointer` itself where it is too long to be carried on."""
    return child(pointer, step) if len(pointer) < POINTER else pointer


def _short(key: str) -> str:
    return repr(key if len(key) <= 60 else key[:57] + "…")

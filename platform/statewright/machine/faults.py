"""JSON as this system takes it: what parsers let pass is found here, and everything found is named by its place.

Fast parsers say neither where a value stands nor that a key came twice, nest too deep or lose digits. A look of the
fast ones tells nearly every text to be sound; only of one that looks suspicious the slow, exact reader says what is
wrong, and where.
"""

from __future__ import annotations

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]  # the C scanner of the standard library, in no stub
from typing import Any, NamedTuple

import msgspec

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
_AS_NOUGHTS = bytes.maketrans(b"123456789", b"000000000")
_MANY_DIGITS = b"0" * 16
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


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


def first_fault(text: bytes) -> Fault | None:
    """The first thing wrong with a JSON text; None when nothing is.

    Wrong is: syntax, UTF-8, a key that comes twice, nesting deeper than 64, a lone surrogate, a whole number beyond
    ±(2^53 - 1), a number that is not finite.
    """
    return None if _is_sound(text) else exact_fault(text)


def exact_fault(text: bytes) -> Fault | None:
    """What `first_fault` says, by reading every character: a millisecond for each thousand of them."""
    try:
        _Reader(decoded(text)).read()
    except Fault as fault:
        return fault
    return None


# --- The quick look ----------------------------------------------------------------------------------------------


def _is_sound(text: bytes) -> bool:
    """Whether a text is surely what we take. Not so: perhaps it is all the same, where numbers are large."""
    if is_deep(text):  # before the parsers, of which some nest on the stack
        return False
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return not repeats_keys(text) and not (has_many_digits(text) and has_inexact_numbers(text))


def is_deep(text: bytes) -> bool:
    """Whether brackets nest deeper than they may: innermost pairs are taken away once for each level."""
    if text.count(b"[") + text.count(b"{") <= DEPTH:
        return False
    left = _STRINGS.sub(b"", text).translate(None, _NOT_BRACKETS)
    for _ in range(DEPTH):
        if not left:
            return False
        left = left.replace(b"[]", b"\x00").replace(b"{}", b"\x00").replace(b"\x00", b"")
    return bool(left)


def has_many_digits(text: bytes) -> bool:
    """Whether sixteen digits stand in a row: a tenth of what a regular expression takes to say so."""
    return _MANY_DIGITS in text.translate(_AS_NOUGHTS)


def repeats_keys(text: bytes) -> bool:
    """Whether some object of a JSON text has a key twice, or the text is no JSON."""
    return _refused_by(_WITHOUT_REPEATS, text)


def has_inexact_numbers(text: bytes) -> bool:
    """Whether some whole number of a JSON text is too large to be held exactly, or the text is no JSON."""
    return _refused_by(_WITH_EXACT_NUMBERS, text)


class _Suspicious(ValueError):
    """What a decoder's hook stumbled over."""


def _refused_by(decoder: json.JSONDecoder, text: bytes) -> bool:
    try:
        decoder.decode(text.decode())
    except (ValueError, RecursionError):
        return True
    return False


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Suspicious
    return found


def _exact(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) > EXACT:
        raise _Suspicious
    return int(digits)


_WITHOUT_REPEATS = json.JSONDecoder(object_pairs_hook=_once_each)
_WITH_EXACT_NUMBERS = json.JSONDecoder(parse_int=_exact)


# --- The exact reader --------------------------------------------------------------------------------------------


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


def skipped(text: str, at: int) -> int:
    """The first place from `at` on that is no white space."""
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _spot(text: str, at: int) -> Spot:
    line = text.count("\n", 0, at) + 1
    return Spot(line, at - text.rfind("\n", 0, at))


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text

    def read(self) -> None:
        end = self.value(self.skip(0), "", 0)
        end = self.skip(end)
        if end != len(self.text):
            raise self.fault("malformed", "there is more after the end of the JSON value", end, "")

    def skip(self, at: int) -> int:
        return skipped(self.text, at)

    def fault(self, code: str, sentence: str, at: int, pointer: str) -> Fault:
        return Fault(code, sentence, _spot(self.text, at), pointer)

    def value(self, at: int, pointer: str, depth: int) -> int:
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

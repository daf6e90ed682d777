"""What the literals of an expression mean: numbers within 64 bits, texts with CEL's escapes."""

from __future__ import annotations

import math
import re

LEAST, GREATEST = -(2**63), 2**63 - 1
"""The range of CEL's int."""

_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\?\"'`])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.?))", re.DOTALL
)
_PLAIN = dict(zip("abfnrtv\\?\"'`", "\a\b\f\n\r\t\v\\?\"'`", strict=True))


class BadLiteral(ValueError):
    """A literal without a meaning; `offset` is where in it, and the message says why."""

    def __init__(self, offset: int, sentence: str) -> None:
        super().__init__(sentence)
        self.offset = offset


def integer_of(written: str) -> int:
    """The number that decimal or hexadecimal digits mean; one above the range is possible, for a minus before it."""
    value = int(written, 16) if written[:2] in ("0x", "0X") else int(written)
    if value > GREATEST + 1:
        raise BadLiteral(0, "this number does not fit into 64 bits")
    return value


def double_of(written: str) -> float:
    """The double nearest to what is written, which must be finite."""
    value = float(written)
    if not math.isfinite(value):
        raise BadLiteral(0, "this number is too large for a double")
    return value


def text_of(written: str) -> str:
    """The text inside of the quotation marks, with its escapes resolved unless it is raw."""
    raw = written[0] in "rR"
    start = 1 if raw else 0
    marks = 3 if written[start : start + 3] in ('"""', "'''") and len(written) - start >= 6 else 1
    inside = written[start + marks : -marks]
    if raw or "\\" not in inside:
        return inside
    return _ESCAPE.sub(lambda found: _unescaped(found, start + marks), inside)


def _unescaped(found: re.Match[str], before: int) -> str:
    plain, two, four, eight, octal, _ = found.groups()
    if plain is not None:
        return _PLAIN[plain]
    digits = two or four or eight
    if digits is None and octal is None:
        raise BadLiteral(before + found.start(), f"the escape {found.group()[:2]} does not exist")
    code = int(digits, 16) if digits is not None else int(octal, 8)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise BadLiteral(before + found.start(), f"{found.group()} is no character of Unicode")
    return chr(code)

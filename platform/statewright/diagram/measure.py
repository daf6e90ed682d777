"""How wide a text will be, without any font: the advance widths of Inter, and good guesses for other scripts.

Boxes are sized with these, so a picture comes out the same on every server. Painted texts carry the width as
`textLength`, so a reader without Inter sees them fitted instead of spilled over the edge.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from typing import Literal

Weight = Literal[400, 500, 600]

_WIDE = 1.0
_GUESS = 0.66
_BREAK_AFTER = re.compile(r"[^\s_\-./:,;()&|=<>]*[\s_\-./:,;()&|=<>]*")


@lru_cache(maxsize=1)
def _tables() -> dict[str, dict[str, float]]:
    tables: dict[str, dict[str, float]] = json.loads(files(__package__).joinpath("inter_metrics.json").read_text())
    return tables


def width_of(text: str, size: float, weight: Weight) -> float:
    """The width in pixels of `text` set in Inter at `size` pixels."""
    table = _tables()[str(weight)]
    return size * sum(table.get(character) or _guess(character) for character in text)


def _guess(character: str) -> float:
    """The width of a character outside the table, in ems: nothing for marks, a full em for East Asian and emoji."""
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0.0
    return _WIDE if unicodedata.east_asian_width(character) in "WF" else _GUESS


def wrapped(text: str, size: float, weight: Weight, width: float, lines: int) -> tuple[str, ...]:
    """`text` in at most `lines` lines of at most `width` pixels; what does not fit ends in an ellipsis.

    Breaks after spaces and after the signs that names are made of; a longer run is broken where it must.
    White space is collapsed. Empty when there is nothing to read.
    """
    found: list[str] = []
    line = ""
    for piece in _pieces(" ".join(text.split()), size, weight, width):
        if line and width_of((line + piece).rstrip(), size, weight) > width:
            found.append(line.rstrip())
            line = ""
        line += piece
    if line.strip():
        found.append(line.rstrip())
    if len(found) <= lines:
        return tuple(found)
    return (*found[: lines - 1], _cut(found[lines - 1], size, weight, width))


def _pieces(text: str, size: float, weight: Weight, width: float) -> Iterator[str]:
    for piece in _BREAK_AFTER.findall(text):
        rest = piece
        while width_of(rest.rstrip(), size, weight) > width:
            fits = next(n for n in range(len(rest), 0, -1) if n == 1 or width_of(rest[:n], size, weight) <= width)
            yield rest[:fits]
            rest = rest[fits:]
        if rest:
            yield rest


def _cut(line: str, size: float, weight: Weight, width: float) -> str:
    while line and width_of(line + "…", size, weight) > width:
        line = line[:-1]
    return line.rstrip() + "…"

"""Two people's changes of one text put together, line by line, where they touch different ones."""

from __future__ import annotations

import itertools
from difflib import SequenceMatcher
from typing import NamedTuple


class _Hunk(NamedTuple):
    """Lines `start` to `end` of the text both began with, and what one of them put there."""

    start: int
    end: int
    lines: list[str]


def merged(base: str, mine: str, theirs: str) -> str | None:
    """The text with both changes; None where they touch the same lines or neighbouring ones."""
    lines = base.splitlines(keepends=True)
    hunks = sorted([*_hunks(lines, mine), *_hunks(lines, theirs)], key=lambda hunk: hunk[:2])
    for one, other in itertools.pairwise(hunks):
        if one.end >= other.start:
            return None
    found, at = [], 0
    for hunk in hunks:
        found += [*lines[at : hunk.start], *hunk.lines]
        at = hunk.end
    return "".join([*found, *lines[at:]])


def _hunks(base: list[str], text: str) -> list[_Hunk]:
    lines = text.splitlines(keepends=True)
    matcher = SequenceMatcher(None, base, lines, autojunk=False)
    return [_Hunk(a, b, lines[c:d]) for what, a, b, c, d in matcher.get_opcodes() if what != "equal"]

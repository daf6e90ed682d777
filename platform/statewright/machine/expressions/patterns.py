"""Patterns for `matches`, compiled by RE2: linear in the text, whatever the pattern."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

_MEMORY = 1 << 20
"""Bytes that one pattern and its automaton may take; a counted repetition that needs more is refused."""
LARGEST = 20_000
"""What counts as the size of a pattern that RE2 does not take, and another engine may."""


class BadPattern(ValueError):
    """RE2 does not take the pattern; the message is its own."""


def size_of(pattern: str) -> int:
    """How large an automaton of the pattern is, in RE2's instructions; the limit's own size where RE2 makes none."""
    try:
        return int(compiled(pattern).programsize)
    except BadPattern:
        return LARGEST


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Any:
    """The pattern, whose `search` looks for it anywhere in a text. Raises BadPattern."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    options.never_capture = True
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0] if error.args else "not a pattern"
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise BadPattern(text) from None

"""Patterns for `matches`, compiled by RE2: linear in the text, whatever the pattern."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

_MEMORY = 1 << 20
"""Bytes that one pattern and its automaton may take; a counted repetition that needs more is refused."""


class BadPattern(ValueError):
    """RE2 does not take the pattern; the message is its own."""


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

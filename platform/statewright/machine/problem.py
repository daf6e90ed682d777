"""What is wrong with a definition, said so that its author can mend it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Severity = Literal["malformed", "error", "warning"]


class Problem(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One fault of a definition.

    `malformed` documents are refused outright, an `error` is kept with the draft and forbids activation, a `warning`
    forbids nothing. `pointer` is a JSON pointer (RFC 6901) into the document; `line` and `column` count from 1 and are
    there when the text was at hand.
    """

    code: str
    severity: Severity
    pointer: str
    sentence: str
    fix: str | None = None
    line: int | None = None
    column: int | None = None


def pointer_of(*steps: str | int) -> str:
    """The JSON pointer (RFC 6901) made of `steps`; the empty pointer is the whole document."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def child(pointer: str, step: str | int) -> str:
    """The pointer one step below `pointer`."""
    return pointer + pointer_of(step)

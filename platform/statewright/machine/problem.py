"""What is wrong with a definition, said so that its author can mend it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Severity = Literal["malformed", "error", "warning"]


class Problem(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One fault of a definition.

    `malformed` documents are refused outright, an `error` is kept with the draft and forbids activation, a `warning`
    forbids nothing. `pointer` is a JSON pointer (RFC 6901) into the document; `offset` counts the characters before
    the fault in the text that stands there, for an expression. `line` and `column` count from 1 and are there when
    the text was at hand. What each `code` means and what to do is in `machine.codes`.
    """

    code: str
    severity: Severity
    pointer: str
    sentence: str
    fix: str | None = None
    offset: int | None = None
    line: int | None = None
    column: int | None = None


def error(code: str, pointer: str, sentence: str, fix: str | None = None, offset: int | None = None) -> Problem:
    """A problem that forbids activation."""
    return Problem(code=code, severity="error", pointer=pointer, sentence=sentence, fix=fix, offset=offset)


def warning(code: str, pointer: str, sentence: str, fix: str | None = None, offset: int | None = None) -> Problem:
    """A problem that forbids nothing."""
    return Problem(code=code, severity="warning", pointer=pointer, sentence=sentence, fix=fix, offset=offset)


def malformed(code: str, pointer: str, sentence: str, fix: str | None = None) -> Problem:
    """A problem for which the document is refused, and not even kept as a draft."""
    return Problem(code=code, severity="malformed", pointer=pointer, sentence=sentence, fix=fix)


def pointer_of(*steps: str | int) -> str:
    """The JSON pointer (RFC 6901) made of `steps`; the empty pointer is the whole document."""
    pointer = ""
    for step in steps:
        pointer = child(pointer, step)
    return pointer


def child(pointer: str, step: str | int) -> str:
    """The pointer one step below `pointer`."""
    name = str(step)
    if "~" in name or "/" in name:
        name = name.replace("~", "~0").replace("/", "~1")
    return f"{pointer}/{name}"


def shown(name: str) -> str:
    """A name as sentences show it: quoted, and cut when it is long."""
    return repr(name if len(name) <= 60 else name[:57] + "…")

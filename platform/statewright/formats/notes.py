"""What came of carrying a definition over from another notation, or to one: the text, and what it cost."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from statewright.machine.reading import Reading

Severity = Literal["rewritten", "lost"]
"""`rewritten`: said in another way that means the same, or nearly, as the sentence tells. `lost`: not carried."""


class Note(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One thing that is not the same on the other side, and where it stands in the text that was read.

    `pointer` is a JSON pointer (RFC 6901) into a JSON text, or the way of elements to a place in XML, such as
    `/scxml/state[2]/transition[1]`. `line` and `column` count from 1, and are absent on exports, which have no text.
    """

    severity: Severity
    pointer: str
    sentence: str
    line: int | None = None
    column: int | None = None


class Imported(Struct, frozen=True):
    """A document in our language, what was done to make it one, and what is still to be mended in it.

    `document` keeps the order of the text it was read from. `reading` is what our own reader says of it.
    """

    document: dict[str, Any]
    notes: tuple[Note, ...]
    reading: Reading


class Exported(Struct, frozen=True):
    """A definition in another notation, and what that notation has no place for, by pointers into the definition."""

    text: str
    notes: tuple[Note, ...] = ()


class Unreadable(Exception):
    """A text is not of the notation it was said to be, or is refused. `sentence` says why, `line` and `column` where.

    The two count from 1. Nothing was taken from the text; mend it and import it again.
    """

    def __init__(self, sentence: str, line: int = 1, column: int = 1) -> None:
        super().__init__(f"line {line}, column {column}: {sentence}")
        self.sentence = sentence
        self.line = line
        self.column = column


class Ledger:
    """The notes made while one text is carried over, in the order in which they are made."""

    def __init__(self) -> None:
        self.notes: list[Note] = []

    def rewritten(self, pointer: str, sentence: str) -> None:
        """Something is said in another way."""
        self.notes.append(Note(severity="rewritten", pointer=pointer, sentence=sentence))

    def lost(self, pointer: str, sentence: str) -> None:
        """Something is not carried."""
        self.notes.append(Note(severity="lost", pointer=pointer, sentence=sentence))

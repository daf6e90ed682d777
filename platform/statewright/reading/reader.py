"""The one place where a server reads documents: small ones here, large ones in a process beside it."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from threading import Lock
from typing import Literal

import msgspec

from statewright.formats.notes import Imported, Unreadable
from statewright.machine.problem import malformed
from statewright.machine.reading import SIZE, Reading
from statewright.machine.surroundings import ALONE, Surroundings
from statewright.reading.apart import Answered, Apart, Asked, Ended, answered

LARGE = 32 * 1024
"""From so many bytes on, a document is read in the process beside; smaller ones take a few hundredths of a second."""
_REMEMBERED = 4
"""How many readings are kept: registering, activating and compiling read the same text one after the other."""
_TRIES = 2
"""Whoever ended the process may not have meant this text."""
_TOO_MUCH = "reading this text took more time or memory than any document may"


class Reader:
    """Reads documents and machines of other tools. For any number of threads; each waits while its text is read.

    `apart` is for servers: large texts are read in a process of its own, started at once, so that this interpreter
    serves others meanwhile. A text that takes that process more than its time or its memory is refused.
    """

    def __init__(self, *, apart: bool = False) -> None:
        self._turn = Lock()
        self._remembering = Lock()
        self._remembered: OrderedDict[tuple[bytes, bytes], Reading] = OrderedDict()
        self._process: Apart | None = None
        self._is_apart = apart
        if apart:
            self._begin()

    def definition(self, text: bytes, around: Surroundings = ALONE) -> Reading:
        """What `read_definition` says of a document."""
        asked = Asked(text, around)
        if not self._goes_apart(text):
            return _reading(answered(asked))
        key = (text, msgspec.msgpack.encode(around))
        with self._remembering:
            known = self._remembered.get(key)
        if known is None:
            answer = self._ask(asked)
            known = _reading(answer)
            with self._remembering:
                if answer.reading is None:
                    return known
                self._remembered[key] = known
                while len(self._remembered) > _REMEMBERED:
                    self._remembered.popitem(last=False)
        return known

    def foreign(self, text: bytes, source: Literal["xstate", "scxml"], *, name: str = "machine") -> Imported:
        """What `read_foreign` makes of a machine of another tool. Raises Unreadable."""
        asked = Asked(text, source=source, name=name)
        found = self._ask(asked) if self._goes_apart(text) else answered(asked)
        if found.imported is None:
            why = found.unread
            raise Unreadable(_TOO_MUCH) if why is None else Unreadable(why.sentence, why.line, why.column)
        return found.imported

    def close(self) -> None:
        """End the process beside; whoever waits for it is told that the text took too much."""
        self._is_apart = False
        if self._process is not None:
            self._process.kill()
            with self._turn:
                self._end()

    def _goes_apart(self, text: bytes) -> bool:
        return self._is_apart and LARGE <= len(text) <= SIZE

    def _ask(self, asked: Asked) -> Answered:
        """The answer of the process beside, an empty one when it took too much; of this one, where none can be made."""
        with self._turn:
            for _ in range(_TRIES):
                if self._process is None:
                    self._begin()
                if self._process is None:
                    return answered(asked)
                try:
                    found = self._process.ask(asked)
                except Ended as ended:
                    self._renew()
                    if ended.late:
                        break
                else:
                    if found.last:
                        self._renew()
                    return found
            return Answered()

    def _renew(self) -> None:
        """Have another process, ready before the next large text comes."""
        self._end()
        if self._is_apart:
            self._begin()

    def _begin(self) -> None:
        with contextlib.suppress(OSError):  # out of processes or memory: better slow than not at all
            self._process = Apart()

    def _end(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None


def _reading(found: Answered) -> Reading:
    if found.reading is not None:
        return found.reading
    fix = "make several definitions of it, related to each other"
    return Reading(None, (malformed("too_costly", "", _TOO_MUCH, fix),), "")

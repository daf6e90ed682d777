"""The lines of an export: NDJSON that any engine's log can be written as, and read from, without a byte lost.

The first line says what the file is. Then come all definitions with all their revisions, then the transitions in the
order of the log, each as it is stored and with its `recorded_at`, and last a line that says how many they are, with a
chain over all lines before it: the hash of the chain so far and the line. Positions are the order of the lines; a log
that begins empty gives the same ones again.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from statewright.catalog.moving import KeptType
from statewright.machine.record import Record
from statewright.machine.upcasting import UnknownFormat, record_of
from statewright.stores.words import Place

VERSION = 1
_encode = msgspec.json.Encoder().encode


class Header(Struct, frozen=True, omit_defaults=True):
    """The first line. `after` is the place behind which the export begins, where that is not the log's start."""

    statewright_export: int
    after: Place | None = None


class End(Struct, frozen=True):
    """The last line's content."""

    transitions: int
    chain: str


class _Typed(Struct, frozen=True):
    definitions: KeptType


class _Ended(Struct, frozen=True):
    end: End


Line = Header | KeptType | Record | End


class BadLine(ValueError):
    """A line is none of an export; the sentence says why."""


_BEGINNINGS: tuple[tuple[bytes, Any], ...] = (
    (b'{"statewright_export":', msgspec.json.Decoder(Header).decode),
    (b'{"definitions":', lambda line: msgspec.json.decode(line, type=_Typed).definitions),
    (b'{"end":', lambda line: msgspec.json.decode(line, type=_Ended).end),
)


def written(line: Line) -> bytes:
    """The line as the file holds it, its end included."""
    if isinstance(line, Record):
        return _encode(replace(line, position=0, partition=0)) + b"\n"
    if isinstance(line, KeptType):
        return _encode(_Typed(line)) + b"\n"
    return _encode(_Ended(line) if isinstance(line, End) else line) + b"\n"


def read(line: bytes) -> Line:
    """What a line says. Raises BadLine."""
    try:
        for beginning, decode in _BEGINNINGS:
            if line.startswith(beginning):
                found: Line = decode(line)
                return found
        record = record_of(line)
    except UnknownFormat as error:
        raise BadLine(str(error)) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadLine(f"it is no line of an export ({error})") from None
    if not (record.type and record.entity and record.version):
        raise BadLine("it is no line of an export: it names no entity")
    return record


class Chain:
    """The chain over the lines of a file so far; `value` goes on where another process left it."""

    def __init__(self, value: str = "") -> None:
        self._value = bytes.fromhex(value) if value else hashlib.sha256(b"statewright export").digest()

    def add(self, line: bytes) -> None:
        """One more line."""
        self._value = hashlib.sha256(self._value + line).digest()

    @property
    def value(self) -> str:
        """The chain, in hex."""
        return self._value.hex()

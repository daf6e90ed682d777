"""Every entity's versions without a gap, each beginning where the one before it ended; in bounded memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import apsw

from statewright.keeping.findings import Finding, Findings
from statewright.machine.record import Leaves, Record

IN_MEMORY = 200_000
"""How many lives are known at once; more of them wait in a temporary file."""


class _Standing(NamedTuple):
    version: int
    leaves: bytes


class Lives:
    """Follows all lives through a log that is handed over in its order."""

    def __init__(self, findings: Findings, in_memory: int = IN_MEMORY) -> None:
        self.entities = 0
        self._findings = findings
        self._in_memory = in_memory
        self._known: dict[bytes, _Standing] = {}
        self._file: apsw.Connection | None = None

    def take(self, records: Iterable[Record]) -> None:
        """The next transitions of the log."""
        for record in records:
            key = _key_of(record)
            stands = self._known.get(key)
            if stands is None and self._file is not None:
                row = self._file.execute("select version, leaves from life where entity = ?", (key,)).fetchone()
                stands = _Standing(*row) if row else None
            self.entities += stands is None
            self._compare(stands, record)
            self._known[key] = _Standing(record.version, _digest_of(record.to))
            if len(self._known) >= self._in_memory:
                self._put_away()

    def _compare(self, stands: _Standing | None, record: Record) -> None:
        after = 0 if stands is None else stands.version
        if record.version != after + 1:
            said = f"version {record.version} follows version {after}" if after else f"begins with {record.version}"
            self._add(record, f"the life of {record.type}/{record.entity} has a gap: {said}")
        elif stands is None:
            if record.from_ is not None and record.kind == "created":
                self._add(record, f"{record.type}/{record.entity} is created, yet comes from {_named(record.from_)}")
        elif record.from_ is None or _digest_of(record.from_) != stands.leaves:
            came = "from nowhere" if record.from_ is None else f"from {_named(record.from_)}"
            self._add(record, f"it comes {came}, where version {stands.version} of its entity did not lead")

    def _add(self, record: Record, sentence: str) -> None:
        self._findings.add(Finding.at(record, "life", sentence))

    def _put_away(self) -> None:
        if self._file is None:
            self._file = apsw.Connection("")  # a temporary file, which goes when it is closed
            self._file.pragma("cache_size", -32_768)
            self._file.execute("create table life (entity blob primary key, version int, leaves blob) without rowid")
        rows = sorted((key, *stands) for key, stands in self._known.items())
        with self._file:
            self._file.executemany("insert or replace into life values (?, ?, ?)", rows)
        self._known.clear()

    def close(self) -> None:
        """Let go of the temporary file."""
        if self._file is not None:
            self._file.close()


def _key_of(record: Record) -> bytes:
    return hashlib.blake2b(f"{record.type}/{record.entity}".encode(), digest_size=16).digest()


def _digest_of(leaves: Leaves) -> bytes:
    return hashlib.blake2b("\0".join(leaves).encode(), digest_size=8).digest()


def _named(leaves: Leaves) -> str:
    return " + ".join(leaves) or "nowhere"

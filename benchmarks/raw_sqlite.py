"""The floor of the log: the same JSON in plain SQLite through the standard module, durable, and nothing else done.

One table (position, entity, version, type, data, meta) with unique (entity, version), WAL, synchronous FULL.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.stopwatch import Stopwatch
from statewright.machine.record import Record
from statewright.stores.words import Append

Row = tuple[int, str, int, str, str, str]
DATA = ("changes", "removed", "payload", "sealed")
COLUMNS = ("position", "entity", "version", "type")


class RawLog:
    """A log as bare as SQLite allows."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path)
        self.connection.execute("pragma journal_mode = wal")
        self.connection.execute("pragma synchronous = full")
        self.connection.execute(
            "create table if not exists log (position integer primary key, entity text not null,"
            " version integer not null, type text not null, data text not null, meta text not null,"
            " unique (entity, version))"
        )

    def append(self, rows: Sequence[Row]) -> None:
        """Write the rows and commit."""
        with self.connection:
            self.connection.executemany("insert into log values (?, ?, ?, ?, ?, ?)", rows)

    def timed(self, groups: Sequence[Sequence[Append]]) -> float:
        """Seconds to write the groups, one a commit; their rows are made before the clock runs."""
        ready = [rows_of(group) for group in groups]
        with Stopwatch() as watch:
            for each in ready:
                self.append(each)
        return watch.seconds

    def scan(self) -> int:
        """Read every row in a Python loop, none of them decoded; how many there were."""
        count = 0
        for _row in self.connection.execute(
            "select position, entity, version, type, data, meta from log order by position"
        ):
            count += 1
        return count

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()


def rows(records: Iterable[Record], first: int) -> list[Row]:
    """The records' JSON as rows, numbered from `first`: what they carried as `data`, everything else as `meta`."""
    return [row(record, position) for position, record in enumerate(records, first)]


def rows_of(group: Sequence[Append]) -> list[Row]:
    """What a group of the workload would write; its commands are numbered in order, and so are its rows."""
    first = int(group[0].command.rpartition("-")[2]) + 1
    return rows([each.steps[0].record for each in group], first)


def row(record: Record, position: int) -> Row:
    """One record's JSON as a row; nothing of it is left out and nothing said twice."""
    fields: dict[str, Any] = msgspec.to_builtins(record)
    data = {name: fields.pop(name) for name in DATA if name in fields}
    meta = {name: value for name, value in fields.items() if name not in COLUMNS}
    encode = msgspec.json.encode
    return position, record.entity, record.version, record.type, encode(data).decode(), encode(meta).decode()

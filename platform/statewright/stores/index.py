"""An index of a log that is kept elsewhere, in a SQLite file of its own: for a log that is no query engine.

It holds every record at the position it has in that log, so heads, commands and reads come from here as from a log in
SQLite. Nothing is lost with the file: it is made again from the log, and so its commits wait for no disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import apsw
import msgspec
from msgspec import Struct

from statewright.machine.record import Head, Record
from statewright.machine.upcasting import record_of
from statewright.stores import sqlite_rows
from statewright.stores.sqlite import SqliteStore
from statewright.stores.words import Append, LogDamaged, Outcome, Ref, StoreUnavailable

_KEYS_KEPT = 100_000
_SCHEMA = """
create table if not exists indexed (one integer primary key check (one = 1), upto integer not null);
insert or ignore into indexed values (1, 0);
"""
_UPTO = "select upto from indexed"
_MOVE = "update indexed set upto = ?"
_NAMED = "update log set id = ?"
_AT = "select position, recorded_at, record, sum from transition where position between ? and ? order by position"
_STAMPS = "select recorded_at from transition where position between ? and ? order by position"
_STANDING = (
    "select version, position from transition where entity = (select key from entity where type = ? and id = ?)"
    " order by version desc limit 1"
)
_VERSION = (
    "select position, recorded_at, record, sum from transition"
    " where entity = (select key from entity where type = ? and id = ?) and version = ?"
)


class _Brief(Struct, gc=False):
    """What must be known of a record to put it in its place."""

    version: int
    type: str = ""
    entity: str = ""
    recorded_at: int = 0


_brief = msgspec.json.Decoder(_Brief).decode


class LogIndex(SqliteStore):
    """The index of one partition of a log, in the file at `path`. `take` is called by one process, the others read.

    Whatever is asked is answered as of `upto`, the last position that was taken.
    """

    def __init__(self, path: Path, log_id: str) -> None:
        """Raises StoreUnavailable where the file is the index of another log."""
        super().__init__(path, sole_writer=False)
        self._gapless = False  # a message of a stream may be none of ours
        self._writer.pragma("synchronous", "normal")
        self._writer.execute(_SCHEMA)
        if self.upto == 0:
            self._writer.execute(_NAMED, (log_id,))
            self.log_id = log_id
        if self.log_id != log_id:
            raise StoreUnavailable(f"{path} is the index of another log; delete it, and it is made again")
        self._keys: dict[tuple[str, str], int] = {}

    @classmethod
    def made(cls, path: Path, log_id: str) -> LogIndex:
        """The index at `path`, begun anew where there is none, or none of this log, or none that can be read."""
        try:
            return cls(path, log_id)
        except (apsw.Error, StoreUnavailable):
            delete(path)
        try:
            return cls(path, log_id)
        except apsw.Error as error:
            raise StoreUnavailable(f"the index {path} cannot be made: {error}") from error

    async def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        """An index takes what its log holds, and nothing else."""
        raise StoreUnavailable("this is the index of a log; append to the log itself")

    async def adopt(self, records: Sequence[Record]) -> None:
        """An index takes what its log holds, and nothing else."""
        raise StoreUnavailable("this is the index of a log; have the log itself adopt them")

    @property
    def upto(self) -> int:
        """The last position that was taken, also where no record stands at it."""
        return cast(int, sqlite_rows.one(self._writer, _UPTO)[0])

    def take(self, first: int, lines: Sequence[bytes]) -> None:
        """Add the records at positions `first`, `first + 1` … as the log holds them; an empty line is none.

        A line's `recorded_at` is its committer's clock: the stamp is that or the last stamp, whichever is greater, and
        so it is the same whoever reads the log from its beginning. What was taken already is passed over. Raises
        LogDamaged for a line that is no record or not its entity's next.
        """
        self._writer.execute("begin immediate")
        try:
            upto = self.upto
            if first > upto + 1:
                raise LogDamaged(upto + 1, "the index was handed positions that do not follow")
            fresh = lines[upto + 1 - first :]
            if fresh:
                self._insert(upto + 1, fresh)
                self._writer.execute(_MOVE, (upto + len(fresh),))
            self._writer.execute("commit")
        except BaseException:
            self._keys.clear()
            self._writer.execute("rollback")
            raise
        self.waking.wake()

    def _insert(self, first: int, lines: Sequence[bytes]) -> None:
        stamp = self.stamp
        entities: list[tuple[int, str, str]] = []
        rows: list[tuple[int, int, int, int, str, int]] = []
        due: dict[int, Ref] = {}
        position = first
        try:
            for position, line in enumerate(lines, first):
                if not line:
                    continue
                brief = _brief(line)
                key = self._key_for(brief, entities)
                text = line.decode()
                if brief.recorded_at < stamp:
                    text = _noting_its_clock(line)
                else:
                    stamp = brief.recorded_at
                sum = sqlite_rows.sum_of(position, stamp, text.encode())
                rows.append((position, key, brief.version, stamp, text, sum))
                if brief.version % sqlite_rows.SNAPSHOT_EVERY == 0:
                    due[key] = Ref(brief.type, brief.entity)
            sqlite_rows.insert(self._writer, sqlite_rows.NEW_ENTITIES, entities)
            sqlite_rows.insert(self._writer, sqlite_rows.NEW_TRANSITIONS, rows)
        except (ValueError, apsw.ConstraintError) as error:
            raise LogDamaged(
                position, f"what stands there is not the next transition of an entity ({error})"
            ) from error
        for key, ref in due.items():
            head = sqlite_rows.head_of(self._writer, ref)
            assert head is not None
            sqlite_rows.insert(self._writer, sqlite_rows.NEW_SNAPSHOTS, [sqlite_rows.snapshot(key, head)])

    def _key_for(self, brief: _Brief, entities: list[tuple[int, str, str]]) -> int:
        name = (brief.type, brief.entity)
        key = self._keys.get(name)
        if key is not None:
            return key
        key = sqlite_rows.key_of(self._writer, Ref(*name))
        if key is None:
            key = (entities[-1][0] if entities else sqlite_rows.one(self._writer, sqlite_rows.LAST_KEY)[0] or 0) + 1
            entities.append((key, *name))
        if len(self._keys) >= _KEYS_KEPT:
            self._keys.clear()
            self._keys.update(((kind, id), made) for made, kind, id in entities)
        self._keys[name] = key
        return key

    # --- what a writer asks to settle a group, without a turn of the event loop

    def standing(self, ref: Ref) -> tuple[int, int]:
        """An entity's version and the position of it; zeros where there is none."""
        return sqlite_rows.one(self._writer, _STANDING, ref) or (0, 0)

    @property
    def stamp(self) -> int:
        """When the last transition was recorded; 0 where there is none."""
        return cast(int, (sqlite_rows.one(self._writer, sqlite_rows.LAST) or (0, 0))[1])

    def head(self, ref: Ref) -> Head | None:
        """Where an entity stands."""
        return sqlite_rows.head_of(self._writer, ref)

    def made_by(self, ref: Ref, command: str) -> list[Record]:
        """The transitions of a command whose first entity is `ref`, oldest first."""
        return sqlite_rows.made_by(self._writer, ref, command)

    def version_of(self, ref: Ref, version: int) -> Record | None:
        """The transition that made a version of an entity."""
        found = sqlite_rows.records(self._writer, _VERSION, (*ref, version))
        return found[0] if found else None

    def stamps(self, first: int, last: int) -> list[int]:
        """When each transition from one position to another was recorded, in their order."""
        return [row[0] for row in self._writer.execute(_STAMPS, (first, last))]

    def line_at(self, position: int) -> Record | None:
        """The transition at a position."""
        found = sqlite_rows.records(self._writer, _AT, (position, position))
        return found[0] if found else None


def _noting_its_clock(line: bytes) -> str:
    record = record_of(line.decode())
    record.now, record.recorded_at = record.recorded_at, 0
    return sqlite_rows.encode(record).decode()


def delete(path: Path) -> None:
    """Remove the files of an index; whoever has them open keeps what he has."""
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        (path.parent / name).unlink(missing_ok=True)

"""The log in one SQLite file: one writer, group commit, durable before acknowledged.

A transition is a row of position, entity, version, time and the record as JSON; nothing else is written for most
transitions. A head is a snapshot taken every sixteenth version and the few transitions after it: writing each head
with its transition halves the rate (81,000 against 263,000 a second in groups of 500), and to load one costs at most
fifteen more rows.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import re
import statistics
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar, cast

import apsw
import msgspec

from statewright.machine.record import FORMAT, Head, Record, fold
from statewright.stores import sqlite_rows
from statewright.stores.waking import Waking
from statewright.stores.words import (
    Append,
    BadPlace,
    Batch,
    Conflict,
    Duplicate,
    Limits,
    LogDamaged,
    Outcome,
    Place,
    Recorded,
    Ref,
    Step,
    Stored,
    StoreFailed,
    StoreUnavailable,
    StoreUncertain,
)

OLDEST_SQLITE = (3, 51, 3)
"""Earlier releases have a bug that can corrupt a database when its WAL is reset."""
SLOW_COMMIT_S = 0.002
"""Above this median a commit is handed to a thread, so that the event loop can go on while the disk works."""
HAND_OFF_FROM = 8
"""A group of so many commands is written and committed in the thread at any speed: the hand-off is shared by many, and
the next group is read and parsed meanwhile (64 callers: 14,900 a second against 11,600)."""
_WAL_PAGES = 8_000
_BUSY_MS = 5_000

# Positions are handed out under SQLite's one write lock, so they rise in the order in which they become visible.
_BEGIN = "begin immediate"
T = TypeVar("T")
_encode = msgspec.json.Encoder().encode
_PLACE = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)


class SqliteStore:
    """An EventStore in a file, for one writing process; other processes may open it to read.

    `open` makes the file when it is not there. Methods are to be called from one event loop. A second writer is held
    off by the lock on the data folder; where that is not taken, open with `sole_writer=False`.
    """

    def __init__(self, path: Path, *, read_only: bool = False, sole_writer: bool = True) -> None:
        if tuple(map(int, apsw.sqlite_lib_version().split("."))) < OLDEST_SQLITE:
            raise StoreUnavailable(f"SQLite {apsw.sqlite_lib_version()} may corrupt a log; 3.51.3 or later is needed")
        self.path = path
        self._gapless = True
        self.limits = Limits(transitions_per_command=sqlite_rows.TRANSITIONS_PER_COMMAND, sole_writer=sole_writer)
        self.waking = Waking()
        self._read_only = read_only
        self._writer = self._connect(writing=not read_only)
        if not read_only:
            self._writer.execute(sqlite_rows.SCHEMA)
            self._writer.execute("insert or ignore into log values (1, ?, ?)", (uuid.uuid4().hex, FORMAT))
        self.log_id: str = self._log_id(upgrade=not read_only)
        self._heads = self._connect(writing=False)
        self._readers: queue.SimpleQueue[apsw.Connection] = queue.SimpleQueue()
        self._appending = asyncio.Lock()
        self._commit_thread = ThreadPoolExecutor(1, "commit")
        self._commit_s: deque[float] = deque([0.0], maxlen=25)
        self._slow = False
        self._broken = self._failed = False
        self._checkpoints = None if read_only else _Checkpoints(self)

    @classmethod
    def open(cls, path: Path | str, *, read_only: bool = False, sole_writer: bool = True) -> SqliteStore:
        """Open the log at `path`. Raises StoreUnavailable, with what to do, when that cannot be."""
        try:
            return cls(Path(path), read_only=read_only, sole_writer=sole_writer)
        except apsw.Error as error:
            raise StoreUnavailable(f"the log {path} cannot be opened: {error}") from error

    def _log_id(self, upgrade: bool) -> str:
        """The log's id, once it is certain that this release reads all that may be in it."""
        id, format = sqlite_rows.one(self._writer, "select id, format from log")
        if format > FORMAT:
            raise StoreUnavailable(
                f"the log {self.path} is of format {format}, and this release of Statewright knows formats up to"
                f" {FORMAT}: run the release that wrote it, or a later one"
            )
        for table in ("transition", "head"):
            if not any(column[1] == "sum" for column in self._writer.execute(f"pragma table_info({table})")):
                if not upgrade:
                    raise StoreUnavailable(
                        f"the log {self.path} was made by an earlier release: run `statewright serve` on it once"
                    )
                self._writer.execute(f"alter table {table} add column sum integer")
        return cast(str, id)

    def _connect(self, *, writing: bool) -> apsw.Connection:
        flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if writing else 0)
        connection = apsw.Connection(str(self.path), flags=flags)
        connection.set_busy_timeout(_BUSY_MS)
        connection.pragma("cache_size", -65_536 if writing else -16_384)
        connection.pragma("mmap_size", 0)
        if not writing:
            connection.pragma("query_only", True)
            return connection
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "full")
        # Copying the WAL back into the file takes milliseconds; a thread does it, never a commit.
        connection.wal_autocheckpoint(0)
        connection.set_wal_hook(self._wal_grew)
        return connection

    def _wal_grew(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        if pages > _WAL_PAGES and self._checkpoints is not None:
            self._checkpoints.wanted.set()
        return apsw.SQLITE_OK

    # --- writing

    async def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        async with self._appending:
            rows = self._begin(group)
            # The rows are made here, and written where the commit is: each statement writes many of them and lets go
            # of the interpreter once, while one row at a time would have to win it back from the event loop each time.
            if self._slow or len(group) >= HAND_OFF_FROM:
                loop = asyncio.get_running_loop()
                writing = loop.run_in_executor(self._commit_thread, self._write_and_commit, group, rows)
                outcomes = await _to_its_end(writing)
            else:
                outcomes = self._write_and_commit(group, rows)
            self._slow = statistics.median(self._commit_s) > SLOW_COMMIT_S
        self.waking.wake()
        return outcomes

    def _begin(self, group: Sequence[Append]) -> _Rows | None:
        """Take SQLite's write lock and make the rows of a group; None where another writer was first."""
        self._mend()
        with self._or_nothing():
            self._writer.execute(_BEGIN)
            try:
                return _Rows(self._writer, group)
            except apsw.ConstraintError:
                return None

    def _write_and_commit(self, group: Sequence[Append], rows: _Rows | None) -> Sequence[Outcome]:
        with self._or_nothing():
            outcomes = self._write(group, rows)
        self._commit()
        return outcomes

    def _write(self, group: Sequence[Append], rows: _Rows | None) -> Sequence[Outcome]:
        if rows is not None:
            with contextlib.suppress(apsw.ConstraintError):
                rows.write(self._writer)
                return [Recorded([step.record for step in command.steps]) for command in group]
        # Another writer was there first, for some of the group: once more, one command at a time.
        self._writer.execute("rollback")
        self._writer.execute(_BEGIN)
        return self._one_by_one(group)

    @contextlib.contextmanager
    def _or_nothing(self) -> Iterator[None]:
        """Whatever fails in here leaves no trace in the log."""
        try:
            yield
        except apsw.Error as error:
            self._roll_back()
            raise StoreUnavailable(f"nothing was recorded: {error}") from error
        except BaseException:
            self._roll_back()
            raise

    async def adopt(self, records: Sequence[Record]) -> None:
        async with self._appending:
            await asyncio.to_thread(self._adopt, records)
        self.waking.wake()

    def _adopt(self, records: Sequence[Record]) -> None:
        self._mend()
        with self._or_nothing():
            self._writer.execute(_BEGIN)
            sqlite_rows.adopt(self._writer, records)
        self._commit()

    def _commit(self) -> None:
        started = time.perf_counter()
        try:
            self._writer.execute("commit")
        except (apsw.FullError, apsw.BusyError) as error:
            self._roll_back()
            raise StoreUnavailable(f"nothing was recorded: {error}") from error
        except apsw.Error as error:
            self._broken = True
            if _is_failed_fsync(error):
                self._failed = True  # what is not on the disk may look as if it were: nothing may build upon it
                raise StoreFailed("the disk failed to make a commit durable; start again from what it holds") from error
            raise StoreUncertain(f"the commit may or may not have been recorded: {error}") from error
        self._commit_s.append(time.perf_counter() - started)

    def _roll_back(self) -> None:
        with contextlib.suppress(apsw.Error):
            self._writer.execute("rollback")
        self._broken = self._writer.in_transaction

    def _mend(self) -> None:
        """Begin on a fresh connection after one that failed, and keep the WAL from growing without end."""
        if self._failed:
            raise StoreFailed("the disk failed to make an earlier commit durable; start again from what it holds")
        if self._broken:
            with contextlib.suppress(apsw.Error):
                self._writer.close(True)
            try:
                self._writer = self._connect(writing=True)
            except apsw.Error as error:
                raise StoreUnavailable(f"the log cannot be opened again: {error}") from error
            self._broken = False
        if self._checkpoints is not None and self._checkpoints.done:
            self._checkpoints.done = False
            self._begin_wal_anew()

    def _begin_wal_anew(self) -> None:
        """Let the next commit write at the WAL's beginning again, now that all but its last pages are copied back.

        A WAL that only ever grows makes every commit allocate; one that is used again does not. A reader in the
        midst of a batch puts it off until the next time.
        """
        self._writer.set_busy_timeout(0)
        with contextlib.suppress(apsw.Error):
            self._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        self._writer.set_busy_timeout(_BUSY_MS)

    def _one_by_one(self, group: Sequence[Append]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        moved: set[Ref] = set()
        for command in group:
            conflict = self._conflict(command, moved)
            if conflict is None:
                try:
                    with self._writer:
                        _Rows(self._writer, [command]).write(self._writer)
                    outcomes.append(Recorded([step.record for step in command.steps]))
                    continue
                except apsw.ConstraintError:
                    conflict = Ref(command.steps[0].record.type, command.steps[0].record.entity)
            moved.update(Ref(step.record.type, step.record.entity) for step in command.steps)
            outcomes.append(self._outcome_of_loser(command, conflict))
        return outcomes

    def _conflict(self, command: Append, moved: set[Ref]) -> Ref | None:
        """The first entity of a command that does not stand where the command was decided."""
        versions: dict[Ref, int] = {}
        for step in command.steps:
            ref = Ref(step.record.type, step.record.entity)
            key = sqlite_rows.key_of(self._writer, ref)
            if ref not in versions:
                found = sqlite_rows.one(self._writer, sqlite_rows.LAST_VERSION, (key,)) if key is not None else (0,)
                versions[ref] = found[0] or 0
            if ref in moved or versions[ref] != step.record.version - 1:
                return ref
            versions[ref] += 1
        return None

    def _outcome_of_loser(self, command: Append, ref: Ref) -> Outcome:
        first = Ref(command.steps[0].record.type, command.steps[0].record.entity)
        made = sqlite_rows.made_by(self._writer, first, command.command)
        return Duplicate(made) if made else Conflict(ref, sqlite_rows.head_of(self._writer, ref))

    # --- reading

    async def heads(self, refs: Sequence[Ref]) -> Sequence[Head | None]:
        with self._reading():
            return [sqlite_rows.head_of(self._heads, ref) for ref in refs]

    async def find_command(self, ref: Ref, command: str) -> Sequence[Record]:
        with self._reading():
            return sqlite_rows.made_by(self._heads, ref, command)

    async def late_commands(self, asked: Sequence[tuple[Ref, str]]) -> set[tuple[Ref, str]]:
        with self._reading():
            return sqlite_rows.late_commands(self._heads, asked)

    async def read_entity(self, ref: Ref, after_version: int = 0, limit: int | None = None) -> Sequence[Record]:
        most = -1 if limit is None else limit
        return await self._in_thread(lambda connection: sqlite_rows.life_of(connection, ref, after_version, most))

    async def read(self, after: Place, limit: int) -> Batch:
        position = _position(after)
        records = await self._in_thread(
            lambda connection: sqlite_rows.next_of_log(connection, position, limit, self._gapless)
        )
        return Batch(records, str(records[-1].position) if records else after)

    async def skim(
        self,
        after: Place,
        limit: int,
        shape: type[T],
        kind: str,
        take: Callable[[Iterator[T]], None],
        part: tuple[int, int] = (0, 1),
    ) -> Place:
        first = _position(after)
        upto = min(first + limit, _position(await self.latest_place()))
        if upto <= first:
            return after
        decode = sqlite_rows.decoder_of(cast(Any, shape))

        def read(connection: apsw.Connection) -> None:
            several = any(sqlite_rows.one(connection, sqlite_rows.OTHER_TYPES, (kind,)))
            sql = sqlite_rows.SKIM + (sqlite_rows.OF_TYPE if several else "") + sqlite_rows.STRETCH
            found = connection.execute(sql, (first, upto, kind if several else None, *part))
            take(sqlite_rows.skimmed(cast("Iterator[tuple[int, int, str, int | None]]", found), decode))

        await asyncio.to_thread(self._with_reader, read)
        return str(upto)

    async def stored(self, after: Place, limit: int) -> tuple[Sequence[Stored], Place]:
        first = _position(after)
        last = await asyncio.to_thread(self._with_reader, sqlite_rows.last_position)
        upto = min(first + limit, last)
        if upto <= first:
            return [], after
        found = await asyncio.to_thread(
            self._with_reader, lambda connection: sqlite_rows.stored(connection, first, upto)
        )
        return found, str(upto)

    async def faults(self) -> Sequence[str]:
        return await asyncio.to_thread(self._with_reader, sqlite_rows.faults)

    async def latest_place(self) -> Place:
        with self._reading():
            last = sqlite_rows.one(self._heads, sqlite_rows.LAST)
        return str(last[0]) if last else "0"

    async def wait(self, place: Place, timeout_s: float) -> bool:
        position = _position(place)

        async def beyond() -> bool:
            return int(await self.latest_place()) > position

        return await self.waking.until(beyond, timeout_s)

    def compare_places(self, one: Place, other: Place) -> int:
        return _position(one) - _position(other)

    async def _in_thread(self, read: Callable[[apsw.Connection], list[Record]]) -> list[Record]:
        return await asyncio.to_thread(self._with_reader, read)

    def _with_reader(self, read: Callable[[apsw.Connection], T]) -> T:
        """`read` on a connection that no other thread holds; no read transaction outlives it."""
        with self._reading():
            try:
                connection = self._readers.get_nowait()
            except queue.Empty:
                connection = self._connect(writing=False)
            found = read(connection)
        self._readers.put(connection)
        return found

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError) as error:
            raise LogDamaged(0, str(error)) from error
        except apsw.Error as error:
            raise StoreUnavailable(f"the log cannot be read just now: {error}") from error

    async def close(self) -> None:
        if self._checkpoints is not None:
            self._checkpoints.stop()
        self._commit_thread.shutdown()
        while not self._readers.empty():
            self._readers.get_nowait().close()
        self._heads.close()
        self._writer.close()


class _Rows:
    """The rows of one transaction, made before they are written so that SQLite gets them in a few calls."""

    def __init__(self, connection: apsw.Connection, group: Sequence[Append]) -> None:
        """Fills positions and times of the group's records and heads. Raises ConstraintError, as `write` does."""
        self.connection = connection
        last: tuple[int, int] = sqlite_rows.one(connection, sqlite_rows.LAST) or (0, 0)
        self.position, self.recorded_at = last
        self.next_key: int | None = None
        self.entities: list[tuple[int, str, str]] = []
        self.transitions: list[tuple[int, int, int, int, str, int]] = []
        self.snapshots: dict[int, tuple[int, int, str, str | None, int]] = {}
        for command in group:
            stamp = max(command.now, self.recorded_at)
            self.recorded_at = stamp
            for step in command.steps:
                self.step(step, stamp, command.now)

    def write(self, connection: apsw.Connection) -> None:
        sqlite_rows.insert(connection, sqlite_rows.NEW_ENTITIES, self.entities)
        sqlite_rows.insert(connection, sqlite_rows.NEW_TRANSITIONS, self.transitions)
        sqlite_rows.insert(connection, sqlite_rows.NEW_SNAPSHOTS, list(self.snapshots.values()))

    def step(self, step: Step, stamp: int, now: int) -> None:
        record, before, after = step.record, step.before, step.after
        key = before.key if before is not None and before.key else self.key(step)
        record.position = record.recorded_at = 0  # they have columns of their own
        if stamp != now:
            record.now = now
        text = sqlite_rows.encode(record)
        self.position += 1
        record.position = after.position = self.position
        record.recorded_at = after.recorded_at = stamp
        if stamp != now:
            _keep_time(after, fold(step.before, record))
        after.key = key
        self.transitions.append(
            (self.position, key, record.version, stamp, text.decode(), sqlite_rows.sum_of(self.position, stamp, text))
        )
        if record.version % sqlite_rows.SNAPSHOT_EVERY == 0:
            self.snapshots[key] = sqlite_rows.snapshot(key, after)

    def key(self, step: Step) -> int:
        if step.before is None:
            if self.next_key is None:
                self.next_key = sqlite_rows.one(self.connection, sqlite_rows.LAST_KEY)[0] or 0
            self.next_key += 1
            self.entities.append((self.next_key, step.record.type, step.record.entity))
            return self.next_key
        for key, kind, name in self.entities:  # made a moment ago, by a head that was not handed on
            if (kind, name) == (step.record.type, step.record.entity):
                return key
        key_found = sqlite_rows.key_of(self.connection, Ref(step.record.type, step.record.entity))
        if key_found is None:
            raise apsw.ConstraintError("the entity does not exist")
        found = sqlite_rows.one(self.connection, sqlite_rows.LAST_VERSION, (key_found,))
        if found[0] != step.record.version - 1 and not self.follows(key_found, step.record.version):
            raise apsw.ConstraintError("the entity stands at another version")
        return key_found

    def follows(self, key: int, version: int) -> bool:
        return any(row[1] == key and row[2] == version - 1 for row in self.transitions)


class _Checkpoints:
    """A thread that copies the WAL back into the database file while commits go on; `done` when it has just done so."""

    def __init__(self, store: SqliteStore) -> None:
        self.wanted = threading.Event()
        self.done = False
        self._path = str(store.path)
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="wal-checkpoints", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while True:
            self.wanted.wait()
            if self._stopping:
                return
            # A connection that failed once is not tried again, a checkpoint is: the WAL would grow for ever.
            with contextlib.suppress(apsw.Error), contextlib.closing(apsw.Connection(self._path)) as connection:
                connection.set_busy_timeout(_BUSY_MS)
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
                self.done = True
            time.sleep(0.05)
            self.wanted.clear()

    def stop(self) -> None:
        self._stopping = True
        self.wanted.set()
        self._thread.join(10)


async def _to_its_end(commit: asyncio.Future[T]) -> T:
    """Wait for a commit even when the caller gives up: the connection is the thread's until it is done."""
    try:
        return await asyncio.shield(commit)
    except asyncio.CancelledError:
        await asyncio.wait((commit,))
        raise


def _keep_time(head: Head, folded: Head) -> None:
    """Give a head the times of its record's stamp, where it was made with the committer's clock."""
    head.since, head.happened_at, head.created_at = folded.since, folded.happened_at, folded.created_at


def _position(place: Place) -> int:
    if not _PLACE.fullmatch(place):
        raise BadPlace(f"{place[:40]!r} is not a place of this log; hand places back as they came")
    return int(place)


def _is_failed_fsync(error: apsw.Error) -> bool:
    code = getattr(error, "extendedresult", 0)
    return code in (apsw.SQLITE_IOERR_FSYNC, apsw.SQLITE_IOERR_DIR_FSYNC)

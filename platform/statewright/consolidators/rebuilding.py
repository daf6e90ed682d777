"""A view built anew beside the live one: read from the log into a file of its own, then copied in little by little.

Loading a file of its own needs no care for others: no secondary index, no durability, one transaction. What is copied
into the views database goes in transactions short enough that the live consolidators and everybody who writes there
hardly notice; readers never wait in any case. A server, which takes many writers at a time, needs no such file: there
the tables of the new generation are filled directly.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, Table

from statewright.consolidators.database import Checkpoint, writing
from statewright.consolidators.handling import Parking, handle
from statewright.consolidators.words import Consolidator, Rebuilds
from statewright.feed import Feed
from statewright.machine.record import Record
from statewright.stores.driver import engine_at
from statewright.stores.words import EventStore, Place

COPY_S = 0.030
"""How long a transaction that copies should take; the next one is cut to that measure, and stays under 50 ms."""

BATCH = 500
"""Transitions read at once: few enough to be folded while they are still in the processor's cache."""

_FIRST_ROWS = 500
_ROWS_AT_MOST = 20_000
_PRAGMAS = ("journal_mode = MEMORY", "synchronous = OFF", "locking_mode = EXCLUSIVE", "cache_size = -65536")


class RebuildStopped(Exception):
    """The process ends before the rebuild did; it begins anew with the next process."""


class RebuildFeed:
    """The log from its start to `goal` for a rebuild: without parked entities, keeping the checkpoint."""

    def __init__(self, store: EventStore, goal: Place, stopping: Callable[[], bool]) -> None:
        self.parking = Parking()
        self.checkpoint = Checkpoint(store.log_id)
        self._feed = Feed(store, limit=BATCH)
        self._goal = goal
        self._stopping = stopping

    async def __aiter__(self) -> AsyncIterator[Sequence[Record]]:
        """Batches in log order, without the transitions of entities that were parked."""
        async for batch in self._feed.until(self._goal):
            yield self.parking.sift(batch.records)
            # Counted when it was handled: an entity parked by this very batch has its transitions in it held too.
            self.parking.count(batch.records)
            self.checkpoint = self.checkpoint.after(len(batch.records), batch.records[-1], batch.place)
            if self._stopping():
                raise RebuildStopped

    def park(self, record: Record, reason: str) -> None:
        """Hold `record` and its entity's later transitions."""
        self.parking.park(record, reason)


def building_file(views: Engine, name: str, generation: int) -> Path:
    """Where a generation is built before it is copied: beside the views database."""
    return Path(f"{views.url.database}.{name}_{generation}.building")


async def build(consolidator: Consolidator, feed: RebuildFeed, file: Path) -> None:
    """Fill the file with the consolidator's tables, as `feed` has them."""
    remove(file)
    engine = engine_at(f"sqlite:///{file}", _PRAGMAS)
    try:
        with writing(engine) as connection:
            for table in consolidator.tables.sorted_tables:
                table.to_metadata(bare := MetaData())
                bare.tables[table.name].indexes.clear()
                bare.create_all(connection)
            if isinstance(consolidator, Rebuilds):
                await consolidator.rebuild(feed, connection)
            else:
                await _batch_by_batch(consolidator, feed, connection)
    finally:
        engine.dispose()


async def build_in_place(consolidator: Consolidator, feed: RebuildFeed, views: Engine) -> None:
    """Fill the consolidator's tables, made and empty, in the views database itself, where that has many writers.

    Every statement, or batch, is a transaction of its own: one open for as long as a rebuild takes would hold back what
    all others write. For the same reason the secondary indexes are there from the beginning: to make one afterwards
    would be one such transaction.
    """
    if isinstance(consolidator, Rebuilds):
        with views.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            await consolidator.rebuild(feed, connection)
    else:
        async for batch in feed:
            await asyncio.to_thread(_handle_alone, consolidator, batch, views, feed)


def _handle_alone(consolidator: Consolidator, batch: Sequence[Record], views: Engine, feed: RebuildFeed) -> None:
    with writing(views) as connection:
        handle(consolidator, batch, connection, feed.parking)


async def _batch_by_batch(consolidator: Consolidator, feed: RebuildFeed, connection: Connection) -> None:
    async for batch in feed:
        await asyncio.to_thread(handle, consolidator, batch, connection, feed.parking)


async def copy(tables: MetaData, file: Path, views: Engine, writer: asyncio.Lock, stopping: Callable[[], bool]) -> None:
    """Copy all rows of `tables` from the file into the views database, where they exist and are empty.

    Holds `writer` for one short transaction at a time. Raises RebuildStopped when `stopping` says so.
    """
    pooled = await asyncio.to_thread(views.raw_connection)
    pooled.detach()  # it has a second file attached, which nobody else is to meet
    connection: Any = pooled.dbapi_connection
    try:
        connection.apsw.execute("attach database ? as building", (str(file),))
        for table in tables.sorted_tables:
            await _copy_table(table, connection.apsw, writer, stopping)
    finally:
        pooled.close()


async def _copy_table(table: Table, connection: Any, writer: asyncio.Lock, stopping: Callable[[], bool]) -> None:
    copying = _Copying(table, connection)
    while not copying.done:
        if stopping():
            raise RebuildStopped
        async with writer:
            await asyncio.to_thread(copying.copy_some)
        await asyncio.sleep(0)  # the live consolidators may have waited for their turn


class _Copying:
    """One table on its way from the file attached as `building`, in order of its primary key."""

    def __init__(self, table: Table, connection: Any) -> None:
        self.done = False
        self._connection = connection
        self._name = table.name
        self._key = ", ".join(column.name for column in table.primary_key)
        self._marks = ", ".join("?" for _ in table.primary_key)
        self._after: tuple[Any, ...] = ()
        self._rows = _FIRST_ROWS

    def copy_some(self) -> None:
        """Copy the next rows in one short transaction."""
        started = time.perf_counter()
        beyond, values = self._beyond()
        rest = f"from building.{self._name} where {beyond} order by {self._key}"
        last = self._connection.execute(f"select {self._key} {rest} limit 1 offset ?", (*values, self._rows)).fetchone()
        self._connection.execute("begin immediate")
        try:
            upto, bound = (f"({self._key}) <= ({self._marks})", last) if last else ("1 = 1", ())
            some = f"select * from building.{self._name} where {beyond} and {upto} order by {self._key}"  # noqa: S608
            self._connection.execute(f"insert into main.{self._name} {some}", (*values, *bound))
            self._connection.execute("commit")
        except BaseException:
            self._connection.execute("rollback")
            raise
        self.done = last is None
        self._after = last or ()
        took = time.perf_counter() - started
        self._rows = max(50, min(_ROWS_AT_MOST, int(self._rows * min(2.0, COPY_S / took))))

    def _beyond(self) -> tuple[str, tuple[Any, ...]]:
        return (f"({self._key}) > ({self._marks})", self._after) if self._after else ("1 = 1", ())


def remove(file: Path) -> None:
    """Remove the file and its journal, if they are there."""
    for leftover in file.parent.glob(f"{file.name}*"):
        leftover.unlink(missing_ok=True)


def remove_all(views: Engine, name: str) -> None:
    """Remove what a process left that was killed while it rebuilt the consolidator `name`."""
    database = views.url.database
    if views.dialect.name == "sqlite" and database:
        for leftover in Path(database).parent.glob(f"{Path(database).name}.{name}_*.building*"):
            leftover.unlink(missing_ok=True)

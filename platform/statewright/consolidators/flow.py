"""The consolidator `flow`: how often each transition happened, per business hour and revision."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, Table, Text

from statewright.consolidators.folding import MEMORY_BYTES, sentence_of
from statewright.consolidators.words import Building, Unhandled, text_of_state
from statewright.machine.record import FORMAT, Record

HOUR = 3_600_000_000
"""An hour in microseconds."""

_Bucket = tuple[str, int, str, str, str, int]
"""Type, revision, from, event, to, hour."""

_ROW_BYTES = 300


class Flow:
    """Counts per type, revision, from, event, to and hour in `flow_<n>`.

    `hour` is the beginning, in microseconds, of the hour of the transition's own business time: a late one counts where
    it belongs. `from_state` and `event` are empty for a creation.
    """

    name: ClassVar[str] = "flow"
    number: ClassVar[int] = 1

    def __init__(self, generation: int) -> None:
        self.tables = MetaData()
        table = Table(
            f"flow_{generation}",
            self.tables,
            Column("type", Text, primary_key=True),
            Column("hour", BigInteger, primary_key=True, autoincrement=False),
            Column("revision", Integer, primary_key=True, autoincrement=False),
            Column("from_state", Text, primary_key=True),
            Column("event", Text, primary_key=True),
            Column("to_state", Text, primary_key=True),
            Column("transitions", Integer, nullable=False),
        )
        self._upsert = (
            f"insert into {table.name} (type, revision, from_state, event, to_state, hour, transitions)"  # noqa: S608
            " values (?, ?, ?, ?, ?, ?, ?) on conflict (type, hour, revision, from_state, event, to_state)"
            f" do update set transitions = {table.name}.transitions + excluded.transitions"
        )

    def consolidate(self, batch: Sequence[Record], connection: Connection) -> None:
        """Add the counts of `batch`."""
        counts: Counter[_Bucket] = Counter()
        for record in batch:
            counts[_bucket(record)] += 1
        self._write(counts, connection)

    def forget(self) -> None:
        """Nothing is kept beside the table."""

    async def rebuild(self, feed: Building, connection: Connection) -> None:
        """Count the whole of `feed`, then write."""
        counts: Counter[_Bucket] = Counter()
        async for batch in feed:
            _count(batch, counts, feed)
            if len(counts) * _ROW_BYTES > MEMORY_BYTES:
                await asyncio.to_thread(self._write, counts, connection)
                counts.clear()
        await asyncio.to_thread(self._write, counts, connection)

    def _write(self, counts: Counter[_Bucket], connection: Connection) -> None:
        if counts:
            connection.exec_driver_sql(self._upsert, [(*bucket, count) for bucket, count in counts.items()])


def _count(batch: Sequence[Record], counts: Counter[_Bucket], feed: Building) -> None:
    parked: set[tuple[str, str]] = set()
    for record in batch:
        if parked and (record.type, record.entity) in parked:
            continue
        try:
            counts[_bucket(record)] += 1
        except Exception as error:
            feed.park(record, sentence_of(error))
            parked.add((record.type, record.entity))


def _bucket(record: Record) -> _Bucket:
    if record.format > FORMAT:
        raise Unhandled(record, f"its format {record.format} is newer than this program's {FORMAT}")
    at = record.recorded_at if record.occurred_at is None else record.occurred_at
    from_ = text_of_state(record.from_) if record.from_ else ""
    return record.type, record.revision, from_, record.event or "", text_of_state(record.to), at - at % HOUR

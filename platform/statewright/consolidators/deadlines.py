"""The consolidator `deadlines`: one row per timer that runs, with the moment at which it is due."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from sqlalchemy import BigInteger, Column, Connection, Index, Integer, MetaData, Table, Text

from statewright.consolidators.words import Unhandled
from statewright.machine.record import FORMAT, Record

_Timer = tuple[str, str, str, str]
"""Type, entity, state, and the key of `after`."""
_Values = tuple[int, int, int]
"""The version that started it, where it stood among those that this version started, and when it is due."""


class Deadlines:
    """The running timers in `deadlines_<n>`. A timer goes when it fires, when its state is left, or with the entity.

    `due` is in microseconds; `ordinal` numbers the timers that one version started, in document order.
    """

    name: ClassVar[str] = "deadlines"
    number: ClassVar[int] = 1

    def __init__(self, generation: int) -> None:
        self.tables = MetaData()
        name = f"deadlines_{generation}"
        Table(
            name,
            self.tables,
            Column("type", Text, primary_key=True),
            Column("entity", Text, primary_key=True),
            Column("state", Text, primary_key=True),
            Column("key", Text, primary_key=True),
            Column("version", Integer, nullable=False),
            Column("ordinal", Integer, nullable=False),
            Column("due", BigInteger, nullable=False),
            Index(f"{name}_by_due", "due"),
        )
        self._start = (
            f"insert into {name} (type, entity, state, key, version, ordinal, due) values (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - our own names
            " on conflict (type, entity, state, key)"
            " do update set version = excluded.version, ordinal = excluded.ordinal, due = excluded.due"
        )
        self._stop = f"delete from {name} where type = ? and entity = ? and state = ? and key = ?"  # noqa: S608

    def consolidate(self, batch: Sequence[Record], connection: Connection) -> None:
        """Start and stop what the batch's records say; what started and stopped within it is never written."""
        timers: dict[_Timer, _Values | None] = {}
        for record in batch:
            if record.format > FORMAT:
                raise Unhandled(record, f"its format {record.format} is newer than this program's {FORMAT}")
            for state, key in record.timers_stopped:
                timers[record.type, record.entity, state, key] = None
            for ordinal, timer in enumerate(record.timers_started):
                timers[record.type, record.entity, timer.state, timer.key] = timer.version, ordinal, timer.due
        stopped = [timer for timer, values in timers.items() if values is None]
        started = [(*timer, *values) for timer, values in timers.items() if values is not None]
        if stopped:
            connection.exec_driver_sql(self._stop, stopped)
        if started:
            connection.exec_driver_sql(self._start, started)

    def forget(self) -> None:
        """Nothing is kept beside the table."""

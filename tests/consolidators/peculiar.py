"""Consolidators as strangers might write them, some with faults that can be switched on and off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from sqlalchemy import Column, Connection, Integer, MetaData, Table, Text

from statewright.consolidators import Unhandled
from statewright.machine.record import Record


class Tally:
    """How many transitions each entity has had. It cannot handle the events in `poison`, nor any while `broken`."""

    name: ClassVar[str] = "tally"
    number: ClassVar[int] = 1
    poison: ClassVar[set[str]] = set()
    broken: ClassVar[bool] = False

    def __init__(self, generation: int) -> None:
        self.tables = MetaData()
        self._table = Table(
            f"tally_{generation}",
            self.tables,
            Column("type", Text, primary_key=True),
            Column("entity", Text, primary_key=True),
            Column("transitions", Integer, nullable=False),
        )

    def consolidate(self, batch: Sequence[Record], connection: Connection) -> None:
        if self.broken:
            raise RuntimeError("the tally is out of order")
        for record in batch:
            connection.exec_driver_sql(
                f"insert into {self._table.name} values (?, ?, 1)"
                f" on conflict (type, entity) do update set transitions = {self._table.name}.transitions + 1",
                (record.type, record.entity),
            )
            self.look_at(record)

    def look_at(self, record: Record) -> None:
        if record.event in self.poison:
            raise Unhandled(record, f"{record.event} is poison")

    def forget(self) -> None: ...


class Clumsy(Tally):
    """Fails without saying at which transition."""

    name: ClassVar[str] = "clumsy"

    def look_at(self, record: Record) -> None:
        if record.event in self.poison:
            raise KeyError(record.event)


class Later(Tally):
    """The same consolidator in a later version of the program."""

    number: ClassVar[int] = 2

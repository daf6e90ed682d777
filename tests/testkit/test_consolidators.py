"""The built-in consolidators keep the contract, and the contract bites those that do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
import pytest
from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, Text, delete, insert

from statewright.consolidators import BUILT_IN, Building, Consolidator
from statewright.machine.record import FORMAT, Record
from statewright.testkit.consolidator import PROMISES, Promise, broken_promises, keep
from tests.postgresql import Server


class Latest:
    """The plainest consolidator there is: which configuration each entity is in."""

    name: ClassVar[str] = "latest"
    number: ClassVar[int] = 1
    breaks: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, generation: int) -> None:
        self.tables = MetaData()
        self.table = Table(
            f"latest_{generation}",
            self.tables,
            Column("type", Text, primary_key=True),
            Column("entity", Text, primary_key=True),
            Column("state", Text),
            Column("version", BigInteger),
        )

    def consolidate(self, batch: Sequence[Record], connection: Connection) -> None:
        for record in batch:
            if record.format > FORMAT:
                raise ValueError(f"format {record.format} is not known here")
            self.write(record, connection)

    def write(self, record: Record, connection: Connection) -> None:
        table = self.table
        row = {"type": record.type, "entity": record.entity, "state": ", ".join(record.to), "version": record.version}
        connection.execute(delete(table).where(table.c.type == record.type, table.c.entity == record.entity))
        connection.execute(insert(table).values(row))

    def forget(self) -> None:
        """Nothing is kept beside the tables."""


class KeepsNothing(Latest):
    """Is silent."""

    breaks = frozenset(
        {
            "a_history_leaves_something_behind",
            "what_it_does_not_understand_it_does_not_pass_over",
            "one_bad_transition_holds_up_its_entity_alone",
        }
    )

    def consolidate(self, batch: Sequence[Record], connection: Connection) -> None:
        return


class SharesItsTable(Latest):
    """Has one table for all generations."""

    breaks = frozenset(
        {
            "tables_carry_their_generation_and_have_keys",
            "generations_leave_each_other_alone",
        }
    )

    def __init__(self, generation: int) -> None:
        super().__init__(1)


class SeesTheLastOfABatch(Latest):
    """Writes one row a batch."""

    breaks = frozenset(
        {
            "any_cut_into_batches_gives_the_same_rows",
            "a_new_process_goes_on_from_what_the_tables_say",
            "what_was_undone_leaves_no_trace",
            "a_rebuild_gives_the_rows_that_keeping_up_gives",
            "a_rebuilt_view_is_kept_up_like_any_other",
            "generations_leave_each_other_alone",
            "one_bad_transition_holds_up_its_entity_alone",
        }
    )

    def consolidate(self, batch: Sequence[Record], connection: Connection) -> None:
        super().consolidate(batch[-1:], connection)


class CountsInMemory(Latest):
    """Gives each row the number of transitions that it has seen since it was made."""

    breaks = frozenset(
        {
            "a_new_process_goes_on_from_what_the_tables_say",
            "what_was_undone_leaves_no_trace",
            "a_rebuilt_view_is_kept_up_like_any_other",
        }
    )

    def __init__(self, generation: int) -> None:
        super().__init__(generation)
        self.seen = 0

    def write(self, record: Record, connection: Connection) -> None:
        self.seen += 1
        super().write(msgspec.structs.replace(record, version=self.seen), connection)


class Meddles(Latest):
    """Tidies up the records that it is handed."""

    breaks = frozenset(
        {
            "records_are_left_as_they_were",
        }
    )

    def write(self, record: Record, connection: Connection) -> None:
        super().write(record, connection)
        record.payload = {}


class TakesAnything(Latest):
    """Reads a record of any format as if it knew it."""

    breaks = frozenset(
        {
            "what_it_does_not_understand_it_does_not_pass_over",
            "one_bad_transition_holds_up_its_entity_alone",
        }
    )

    def consolidate(self, batch: Sequence[Record], connection: Connection) -> None:
        for record in batch:
            self.write(record, connection)


class RebuildsOtherwise(Latest):
    """Has a quicker way to begin anew, which leaves out the parcels."""

    breaks = frozenset(
        {
            "a_rebuild_gives_the_rows_that_keeping_up_gives",
        }
    )

    async def rebuild(self, feed: Building, connection: Connection) -> None:
        async for batch in feed:
            self.consolidate([record for record in batch if record.type != "parcel"], connection)


BROKEN = (KeepsNothing, SharesItsTable, SeesTheLastOfABatch, CountsInMemory, Meddles, TakesAnything, RebuildsOtherwise)


def as_read(table: str, row: dict[str, Any]) -> dict[str, Any] | None:
    """The built-in tables as readers see them: without rows that count nobody, and without what serves a restart."""
    if table == "entities_states" and row["entities"] == 0:
        return None
    return {name: value for name, value in row.items() if name not in ("last_version", "last_at")}


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("kind", BUILT_IN, ids=lambda kind: kind.name)
async def test_a_built_in_consolidator_keeps_its_promise(kind: type[Consolidator], promise: Promise):
    await keep(promise, kind, as_read)


@pytest.mark.parametrize("kind", [*BUILT_IN, Latest], ids=lambda kind: kind.name)
async def test_a_consolidator_keeps_its_promises_on_postgresql_too(kind: type[Consolidator], postgresql: Server):
    assert await broken_promises(kind, as_read, postgresql.schema) == {}


async def test_a_plain_consolidator_keeps_every_promise():
    assert await broken_promises(Latest) == {}


@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.__name__)
async def test_a_broken_consolidator_fails_exactly_the_promises_it_breaks(kind: type[Latest]):
    assert set(await broken_promises(kind)) == kind.breaks


def test_every_promise_is_broken_by_some_consolidator():
    assert {name for kind in BROKEN for name in kind.breaks} == {promise.__name__ for promise in PROMISES}

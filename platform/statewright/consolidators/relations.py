"""The consolidator `relations`: which entities name which others by a key in their data, as their definitions say.

The log holds the data, the definitions say which of it are keys: they are asked, by type and revision, through what
`inform` hands in. Whether the entity named exists is no column: it may come later, and whoever reads looks for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, Connection, Index, MetaData, Table, Text

from statewright.consolidators.folding import MEMORY_BYTES, sentence_of
from statewright.consolidators.tallies import text_keys
from statewright.consolidators.words import Building, Definitions, Unhandled
from statewright.machine.definition import Relation
from statewright.machine.record import FORMAT, Record

_Held = tuple[str, str, str]
"""Type and id of an entity, and the name of a relation of it."""

_Named = tuple[str, tuple[str, ...], int, int]
"""The type of the entities named, their ids, and the business time and position of the transition that named them."""

_HELD_BYTES = 500
_ID_BYTES = 100


class Relations:
    """One row per reference in `relations_<n>`: the entity, the relation's name, and the entity that it names.

    `since` is the business time, in microseconds, of the transition that wrote the key last. What no definition was
    asked about has no relations. Moved to another revision, an entity keeps what the relations of that revision say.
    """

    name: ClassVar[str] = "relations"
    number: ClassVar[int] = 1

    def __init__(self, generation: int) -> None:
        self.tables = MetaData()
        name = f"relations_{generation}"
        Table(
            name,
            self.tables,
            *text_keys("type", "entity", "relation", "to_entity"),
            Column("to_type", Text, nullable=False),
            Column("since", BigInteger, nullable=False),
            Column("position", BigInteger, nullable=False),
            Index(f"{name}_inverse", "to_type", "to_entity", "type", "relation", "entity"),
            sqlite_with_rowid=False,
        )
        self._definitions: Definitions | None = None
        self._keys: dict[tuple[str, int], dict[str, Relation]] = {}
        self._clear = f"delete from {name} where type = ? and entity = ? and relation = ?"  # noqa: S608 - our own names
        self._insert = (
            f"insert into {name} (type, entity, relation, to_type, to_entity, since, position)"  # noqa: S608
            " values (?, ?, ?, ?, ?, ?, ?)"
        )
        self._leave = f"delete from {name} where type = ? and entity = ? and relation not in "  # noqa: S608

    def inform(self, definitions: Definitions) -> None:
        """Whom to ask for the relations of a revision."""
        self._definitions = definitions

    def consolidate(self, batch: Sequence[Record], connection: Connection) -> None:
        """Write what the batch's records name."""
        named: dict[_Held, _Named] = {}
        for record in batch:
            if record.kind == "migrated":  # rare, and what came before it must be in the table
                self._write(named, connection)
                self._migrate(record, connection)
            named.update(self._named_by(record))
        self._write(named, connection)

    def forget(self) -> None:
        """Nothing is kept beside the table."""

    async def rebuild(self, feed: Building, connection: Connection) -> None:
        """Gather what the whole of `feed` names, then write."""
        named: dict[_Held, _Named] = {}
        weight = 0
        empty = True
        async for batch in feed:
            parked: set[tuple[str, str]] = set()
            for record in batch:
                if parked and (record.type, record.entity) in parked:
                    continue
                try:
                    if record.kind == "migrated":
                        self._write(named, connection, into_nothing=empty)
                        self._migrate(record, connection)
                        empty = False
                    for held, found in self._named_by(record):
                        named[held] = found
                        weight += _HELD_BYTES + _ID_BYTES * len(found[1])
                except Unhandled as unhandled:
                    feed.park(record, unhandled.reason)
                    parked.add((record.type, record.entity))
            if weight > MEMORY_BYTES:
                await asyncio.to_thread(self._write, named, connection, into_nothing=empty)
                weight, empty = 0, False
        await asyncio.to_thread(self._write, named, connection, into_nothing=empty)

    def _named_by(self, record: Record) -> Iterator[tuple[_Held, _Named]]:
        """The relations whose key `record` writes, with the ids that it holds from then on."""
        if record.format > FORMAT:
            raise Unhandled(record, f"its format {record.format} is newer than this program's {FORMAT}")
        keys = self._keys.get((record.type, record.revision))
        if keys is None:
            keys = self._keys_of(record)
        for name, relation in keys.items():
            key = relation.key or ""
            if key in record.changes or key in record.removed or record.version == 1:
                ids = tuple(_ids_in(record.changes.get(key), relation))
                yield (record.type, record.entity, name), (relation.entity, ids, record.own_time, record.position)

    def _keys_of(self, record: Record) -> dict[str, Relation]:
        """The relations of the record's definition that have a key of their own; asked once."""
        if self._definitions is None:
            return {}
        try:
            relations = self._definitions.relations(record.type, record.revision)
        except LookupError as error:
            raise Unhandled(record, sentence_of(error)) from error
        found = {name: relation for name, relation in relations.items() if relation.key is not None}
        self._keys[record.type, record.revision] = found
        return found

    def _migrate(self, record: Record, connection: Connection) -> None:
        """Drop the references that the revision an entity has come to knows nothing of."""
        names = tuple(self._keys.get((record.type, record.revision)) or self._keys_of(record))
        marks = ", ".join("?" * len(names))
        connection.exec_driver_sql(f"{self._leave} ({marks})", (record.type, record.entity, *names))

    def _write(self, named: dict[_Held, _Named], connection: Connection, *, into_nothing: bool = False) -> None:
        """`into_nothing`: the table is empty, so there is nothing to clear first."""
        if named and not into_nothing:
            connection.exec_driver_sql(self._clear, sorted(named))
        rows: list[tuple[Any, ...]] = [
            (*held, to_type, to_entity, since, position)
            for held, (to_type, ids, since, position) in sorted(named.items())
            for to_entity in ids
        ]
        if rows:
            connection.exec_driver_sql(self._insert, rows)
        named.clear()


def _ids_in(value: object, relation: Relation) -> Iterator[str]:
    """The ids in a key's value, each once; what is no id names nobody."""
    values = value if relation.cardinality == "many" and isinstance(value, list) else [value]
    yield from dict.fromkeys(each for each in values if isinstance(each, str) and each)

"""The consolidator `entities`: one row per entity, as it is now, and how many rest in each configuration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, ClassVar

import msgspec
from msgspec import Struct
from sqlalchemy import BigInteger, Column, Connection, Index, Integer, MetaData, Table, Text, UniqueConstraint

from statewright.consolidators.folding import Folding, Key, rows_of
from statewright.consolidators.words import text_of_state
from statewright.machine.record import Leaves, Record

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.decode
_decode_leaves = msgspec.json.Decoder(Leaves).decode
_ROWS_AT_ONCE = 10_000
_POSITION_BITS = 48
"""Above a position in the key of a row stands its partition, since each partition has its own positions."""


class _Entity(Struct, gc=False):
    """An entity in memory. `born` is where its first transition stands, and the key of its row.

    What follows `created_at` is known once a transition was folded, and that is before the row is written.
    """

    born: int
    type: str
    id: str
    version: int
    leaves: Leaves
    data: dict[str, Any] | None  # None while `text` says it all
    text: str
    personal: dict[str, Any]
    since: int
    happened_at: int
    created_at: int = 0
    revision: int = 0
    recorded_at: int = 0
    position: int = 0
    actor: str = ""
    changed: bool = False
    counted: str | None = None  # the configuration that the table counts it under
    stored: bool = False


class Entities(Folding[_Entity]):
    """One row per entity in `entities_<n>`; `entities_states_<n>` counts them per configuration."""

    name: ClassVar[str] = "entities"
    number: ClassVar[int] = 2

    def __init__(self, generation: int) -> None:
        super().__init__()
        self.tables = MetaData()
        entities = _entities_table(generation, self.tables)
        states = _states_table(generation, self.tables)
        self._changed: list[_Entity] = []
        self._sql = _Sql(str(entities.name), str(states.name))

    def _born(self, record: Record) -> _Entity:
        at = record.own_time
        entity = _Entity(
            born=record.position + (record.partition << _POSITION_BITS),
            type=record.type,
            id=record.entity,
            version=1,
            leaves=record.to,
            data=dict(record.changes),  # the record is others' too
            text="",
            personal=dict(record.sealed.get("changes", {})) if record.sealed else {},
            since=at,
            happened_at=at,
            created_at=at,
            revision=record.revision,
            recorded_at=record.recorded_at,
            position=record.position,
            actor=record.actor.id,
            changed=True,
        )
        self._changed.append(entity)
        return entity

    def _fold(self, life: _Entity, record: Record) -> None:
        at = record.recorded_at if record.occurred_at is None else record.occurred_at
        if at > life.happened_at:
            life.happened_at = at
        if record.to != life.leaves:
            life.leaves = record.to
            life.since = life.happened_at
        if record.changes:
            if life.data is None:
                life.data = _decode(life.text)
            life.data.update(record.changes)
        if record.removed or record.sealed or life.personal:
            _remember(life, record)
        # Copied, though to keep the record would be shorter: it would be freed when it has long left the cache.
        life.version = record.version
        life.revision = record.revision
        life.recorded_at = record.recorded_at
        life.position = record.position
        life.actor = record.actor.id
        if not life.changed:
            life.changed = True
            self._changed.append(life)

    def _read(self, keys: Sequence[Key], connection: Connection) -> Iterable[tuple[Key, _Entity]]:
        for row in rows_of(connection, self._sql.read, keys):
            born, type_, id_, state, leaves, data, personal, version, since, happened_at = row
            kept = _decode(personal) if personal else {}
            active = _decode_leaves(leaves)
            entity = _Entity(born, type_, id_, version, active, None, data, kept, since, happened_at)
            entity.counted = state
            entity.stored = True
            yield (type_, id_), entity

    def _write(self, connection: Connection) -> None:
        moved: Counter[tuple[str, str]] = Counter()
        # In the order of the keys, so that rows on one page are written together; in pieces, so that a rebuild does
        # not hold every row twice.
        self._changed.sort(key=attrgetter("born"))
        for start in range(0, len(self._changed), _ROWS_AT_ONCE):
            self._write_some(self._changed[start : start + _ROWS_AT_ONCE], moved, connection)
        self._changed.clear()
        counts = [(type_, state, count) for (type_, state), count in moved.items() if count]
        if counts:
            connection.exec_driver_sql(self._sql.count, counts)

    def _write_some(self, entities: Sequence[_Entity], moved: Counter[tuple[str, str]], connection: Connection) -> None:
        new: list[tuple[Any, ...]] = []
        old: list[tuple[Any, ...]] = []
        for entity in entities:
            state = text_of_state(entity.leaves)
            if state != entity.counted:
                moved[entity.type, state] += 1
                if entity.counted is not None:
                    moved[entity.type, entity.counted] -= 1
                entity.counted = state
            values = _values(entity, state)
            if entity.stored:
                old.append((*values, entity.born))
            else:
                new.append((entity.born, entity.type, entity.id, entity.created_at, *values))
                entity.stored = True
            entity.changed = False
        if new:
            connection.exec_driver_sql(self._sql.insert, new)
        if old:
            connection.exec_driver_sql(self._sql.update, old)

    def _drop(self) -> None:
        self._changed.clear()


def _remember(entity: _Entity, record: Record) -> None:
    """What `machine.record.fold` does besides setting the changes: fields go, personal values are kept apart."""
    data = entity.data if entity.data is not None else _decode(entity.text)
    for field in record.changes:
        entity.personal.pop(field, None)
    for field, value in record.sealed.get("changes", {}).items():
        data.pop(field, None)
        entity.personal[field] = value
    for field in record.removed:
        data.pop(field, None)
        entity.personal.pop(field, None)
    entity.data = data


def _values(entity: _Entity, state: str) -> tuple[Any, ...]:
    """The columns that change, in the order of `_CHANGING`."""
    return (
        state,
        _encode(entity.leaves).decode(),
        entity.text if entity.data is None else _encode(entity.data).decode(),
        _encode(entity.personal).decode() if entity.personal else None,
        entity.version,
        entity.revision,
        entity.since,
        entity.happened_at,
        entity.recorded_at,
        entity.position,
        entity.actor,
    )


_CHANGING = (
    *("state", "leaves", "data", "personal", "version", "revision"),
    *("since", "happened_at", "recorded_at", "position", "actor"),
)


class _Sql:
    """The statements, with the names of this generation's tables in them."""

    def __init__(self, entities: str, states: str) -> None:
        columns = ("born", "type", "entity", "created_at", *_CHANGING)
        marks = ", ".join("?" * len(columns))
        self.insert = f"insert into {entities} ({', '.join(columns)}) values ({marks})"  # noqa: S608 - our own names
        self.update = f"update {entities} set {', '.join(f'{name} = ?' for name in _CHANGING)} where born = ?"  # noqa: S608
        self.count = (
            f"insert into {states} (type, state, entities) values (?, ?, ?)"  # noqa: S608
            f" on conflict (type, state) do update set entities = {states}.entities + excluded.entities"
        )
        self.read = (
            "select born, type, entity, state, leaves, data, personal, version, since, happened_at"  # noqa: S608
            f" from {entities} where (type, entity) in (?)"
        )


def _entities_table(generation: int, tables: MetaData) -> Table:
    """Times are microseconds; `since`, `created_at` and `happened_at` are business time. JSON stands in Text."""
    name = f"entities_{generation}"
    return Table(
        name,
        tables,
        Column("born", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
        Column("type", Text, nullable=False),
        Column("entity", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("leaves", Text, nullable=False),
        Column("data", Text, nullable=False),
        Column("personal", Text),
        Column("version", Integer, nullable=False),
        Column("revision", Integer, nullable=False),
        Column("since", BigInteger, nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("happened_at", BigInteger, nullable=False),
        Column("recorded_at", BigInteger, nullable=False),
        Column("position", BigInteger, nullable=False),
        Column("actor", Text, nullable=False),
        UniqueConstraint("type", "entity"),
        # Lists by state, newest or oldest first, at any depth. One without the state would cost as much again on every
        # transition; lists of all states are merged from their few pieces instead.
        Index(f"{name}_by_state", "type", "state", "position"),
        # Lists by state, stuck longest or shortest first.
        Index(f"{name}_by_since", "type", "state", "since", "born"),
    )


def _states_table(generation: int, tables: MetaData) -> Table:
    return Table(
        f"entities_states_{generation}",
        tables,
        Column("type", Text, primary_key=True),
        Column("state", Text, primary_key=True),
        Column("entities", Integer, nullable=False),
    )

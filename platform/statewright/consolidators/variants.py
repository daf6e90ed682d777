"""The consolidator `variants`: which ways entities went, what they came back to, who handed over to whom.

Entities that began on one day (of business time, in UTC) under one revision are a *cohort*, and most counts are kept by
the cohort's day, so that a period or a revision can be asked for. What is counted when it happens, and not when the
entity began, is arrivals in configurations and hand-overs.

An entity that comes back to a state after it had left it, or takes an event that it took before, is rework. A hand-over
is two transitions of one entity, one after the other, by two different actors that are known; the platform itself (role
`system`) and `anonymous` are nobody that work is handed to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, ClassVar

from msgspec import Struct, field
from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, Table, Text

from statewright.consolidators.flow import HOUR
from statewright.consolidators.folding import MEMORY_BYTES, Folding, Key, rows_of
from statewright.consolidators.paths import Step, Trail, Trails
from statewright.consolidators.tallies import (
    DAY,
    WIDE_SPANS,
    Counts,
    SpannedCounts,
    Spread,
    Tallies,
    day_of,
    number_keys,
    text_keys,
)
from statewright.machine.record import ANONYMOUS, Actor, Record

_LIFE_BYTES = 900
_TRAIL_BYTES = 2_000
_COUNT_BYTES = 350
_TRAILS_KEPT = 50_000
_ROWS_AT_ONCE = 10_000


class _Cohort(Struct, eq=False):
    """Entities of a type that began on one day under one revision, and what happened to them since the last write."""

    key: tuple[str, int, int]
    steps: dict[Step, int] = field(default_factory=dict)
    reached: dict[str, Spread] = field(default_factory=dict)


class _Life(Struct, gc=False):
    """An entity in memory. `counted` is the path that it is counted under, None while it is not, and `lasted` how many
    microseconds it is counted with."""

    type: str
    id: str
    version: int
    trail: Trail
    cohort: _Cohort
    began_at: int
    happened_at: int
    actor: str
    counted: int | None = None
    lasted: int = 0
    changed: bool = False
    stored: bool = False


class Variants(Folding[_Life]):
    """One row per entity in `variants_<n>`; paths, states, events, cohorts, arrivals, hand-overs in tables beside."""

    name: ClassVar[str] = "variants"
    number: ClassVar[int] = 1

    def __init__(self, generation: int) -> None:
        super().__init__()
        self.tables = MetaData()
        tables, n = self.tables, generation
        self._entities = _Entities(str(_entities_table(n, tables).name))
        self._paths = str(_paths_table(n, tables).name)
        self._ways = SpannedCounts(
            f"variants_ways_{n}",
            tables,
            number_keys("path"),
            ("entities", "microseconds"),
            spans=WIDE_SPANS,
            falls=True,
        )
        self._begun = Tallies(f"variants_begun_{n}", tables, (), ("begun", "returned", "repeated"))
        self._states = Tallies(f"variants_states_{n}", tables, text_keys("state"), ("reached", "again", "entered"))
        self._events = SpannedCounts(f"variants_events_{n}", tables, text_keys("event"), ("entities", "again", "times"))
        self._handovers = SpannedCounts(
            f"variants_handovers_{n}", tables, text_keys("from_actor", "to_actor"), ("times",), spans=WIDE_SPANS
        )
        self._arrivals = Counts(
            f"variants_arrivals_{n}",
            tables,
            [*text_keys("type", "step"), *number_keys("start", "revision"), *text_keys("state")],
            ("times",),
        )
        self._sums = (self._ways, self._begun, self._states, self._events, self._handovers, self._arrivals)
        self._trails = Trails()
        self._cohorts: dict[tuple[str, int, int], _Cohort] = {}
        self._changed: list[_Life] = []
        self._arrived: dict[tuple[str, int, int, str], int] = {}

    def _born(self, record: Record) -> _Life:
        at = record.own_time
        cohort = self._cohort(record.type, day_of(at), record.revision)
        life = _Life(record.type, record.entity, 1, self._trails.root(record.type), cohort, at, at, "")
        self._move(life, record)
        return life

    def _fold(self, life: _Life, record: Record) -> None:
        at = record.recorded_at if record.occurred_at is None else record.occurred_at
        if at > life.happened_at:
            life.happened_at = at
        life.version = record.version
        self._move(life, record)

    def _move(self, life: _Life, record: Record) -> None:
        step = life.trail.next.get((record.event, record.to)) or self._trails.step(life.trail, record.event, record.to)
        steps = life.cohort.steps
        steps[step] = steps.get(step, 0) + 1
        if step.reached:
            self._reach(life, step)
        if step.arrives is not None:
            self._arrive(life, step, record.revision)
        self._hand_over(life, record)
        life.trail = step.to
        if not life.changed:
            life.changed = True
            self._changed.append(life)

    def _reach(self, life: _Life, step: Step) -> None:
        took = life.happened_at - life.began_at
        for leaf in step.reached:
            spread = life.cohort.reached.get(leaf)
            if spread is None:
                spread = life.cohort.reached[leaf] = Spread()
            spread.add(took)

    def _arrive(self, life: _Life, step: Step, revision: int) -> None:
        hour = life.happened_at // HOUR
        arrived = self._arrived
        if step.born:
            key = (life.type, hour, revision, BEGUN)
            arrived[key] = arrived.get(key, 0) + 1
        key = (life.type, hour, revision, step.arrives or "")
        arrived[key] = arrived.get(key, 0) + 1

    def _hand_over(self, life: _Life, record: Record) -> None:
        actor = _known(record.actor)
        if actor and life.actor and actor != life.actor:
            self._handovers.add((life.type, day_of(life.happened_at), record.revision, life.actor, actor), 1)
        life.actor = actor

    def _cohort(self, type: str, day: int, revision: int) -> _Cohort:
        key = (type, day, revision)
        cohort = self._cohorts.get(key)
        if cohort is None:
            cohort = self._cohorts[key] = _Cohort(key)
        return cohort

    def _read(self, keys: Sequence[Key], connection: Connection) -> Iterable[tuple[Key, _Life]]:
        for row in rows_of(connection, self._entities.read, keys):
            type_, id_, version, path, length, leaves, states, events, revision, began_at, happened_at, actor = row
            trail = self._trails.read(type_, path, length, leaves, states, events)
            cohort = self._cohort(type_, day_of(began_at), revision)
            life = _Life(type_, id_, version, trail, cohort, began_at, happened_at, actor)
            life.counted, life.lasted, life.stored = path, happened_at - began_at, True
            yield (type_, id_), life

    def _write(self, connection: Connection) -> None:
        self._write_entities(connection)
        self._add_cohorts()
        self._add_arrivals()
        for table in self._sums:
            table.write(connection)
        if self._trails.new:
            rows = [(row.path, row.type, row.before, row.event, row.length) for row in self._trails.new]
            connection.exec_driver_sql(_INSERT_PATH.format(name=self._paths), rows)
            self._trails.new.clear()
        if len(self._trails) > _TRAILS_KEPT:
            self._trails.forget()

    def _write_entities(self, connection: Connection) -> None:
        self._changed.sort(key=_KEY)
        for start in range(0, len(self._changed), _ROWS_AT_ONCE):
            some = self._changed[start : start + _ROWS_AT_ONCE]
            self._entities.write(some, connection)
            for life in some:
                self._count(life)
        self._changed.clear()

    def _count(self, life: _Life) -> None:
        """Have an entity counted under the path that it has come to, and no more under the one before."""
        path, lasted = life.trail.path, life.happened_at - life.began_at
        cohort = life.cohort.key
        lengths = self._begun.at(cohort).spread
        if life.counted is not None:
            self._ways.add((*cohort, life.counted), -1, -life.lasted)
            lengths.add(life.lasted, -1)
        self._ways.add((*cohort, path), 1, lasted)
        lengths.add(lasted)
        life.counted, life.lasted = path, lasted
        life.changed, life.stored = False, True

    def _add_cohorts(self) -> None:
        for cohort in self._cohorts.values():
            if not cohort.steps:
                continue
            sums = self._begun.at(cohort.key).sums
            for step, times in cohort.steps.items():
                sums[0] += times * step.born
                sums[1] += times * step.returned
                sums[2] += times * step.repeated
                self._add_step(cohort.key, step, times)
            for leaf, spread in cohort.reached.items():
                self._states.at((*cohort.key, leaf)).spread.merge(spread)
            cohort.steps.clear()
            cohort.reached.clear()

    def _add_step(self, cohort: tuple[str, int, int], step: Step, times: int) -> None:
        for leaf in step.entered:
            sums = self._states.at((*cohort, leaf)).sums
            sums[0] += times * (leaf in step.reached)
            sums[1] += times * (leaf in step.again)
            sums[2] += times
        if step.event is not None:
            self._events.add((*cohort, step.event), times * step.first, times * step.second, times)

    def _add_arrivals(self) -> None:
        for (type_, hour, revision, state), times in self._arrived.items():
            self._arrivals.add((type_, "hour", hour * HOUR, revision, state), times)
            self._arrivals.add((type_, "day", hour * HOUR // DAY * DAY, revision, state), times)
        self._arrived.clear()

    def _drop(self) -> None:
        for table in self._sums:
            table.pending.clear()
        self._changed.clear()
        self._arrived.clear()
        self._cohorts.clear()
        self._trails.forget()

    def _is_too_heavy(self, batch: Sequence[Record]) -> bool:
        counts = len(self._arrived) + len(self._handovers.pending)
        weight = _LIFE_BYTES * len(self._lives) + _TRAIL_BYTES * len(self._trails) + _COUNT_BYTES * counts
        return weight > MEMORY_BYTES


BEGUN = ""
"""Stands for the state in arrivals that are beginnings: an entity's first transition, whatever it leads to."""


def _known(actor: Actor) -> str:
    """Who acted; empty for nobody that is known, and for the platform itself."""
    return "" if actor.id == ANONYMOUS.id or "system" in actor.roles else actor.id


_KEY = attrgetter("type", "id")
_CHANGING = ("version", "path", "length", "leaves", "states", "events", "happened_at", "actor")
_INSERT_PATH = (
    "insert into {name} (path, type, before, event, length) values (?, ?, ?, ?, ?) on conflict (path) do nothing"
)


class _Entities:
    """The rows of entities, with the name of this generation's table in the statements."""

    def __init__(self, name: str) -> None:
        columns = ("type", "entity", "revision", "began_at", *_CHANGING)
        self._insert = f"insert into {name} ({', '.join(columns)}) values ({', '.join('?' * len(columns))})"  # noqa: S608
        changes = ", ".join(f"{column} = ?" for column in _CHANGING)
        self._update = f"update {name} set {changes} where type = ? and entity = ?"  # noqa: S608
        self.read = (
            "select type, entity, version, path, length, leaves, states, events, revision, began_at, happened_at, actor"  # noqa: S608
            f" from {name} where (type, entity) in (?)"
        )

    def write(self, lives: Sequence[_Life], connection: Connection) -> None:
        new = [
            (life.type, life.id, life.cohort.key[2], life.began_at, *_values(life)) for life in lives if not life.stored
        ]
        old = [(*_values(life), life.type, life.id) for life in lives if life.stored]
        if new:
            connection.exec_driver_sql(self._insert, new)
        if old:
            connection.exec_driver_sql(self._update, old)


def _values(life: _Life) -> tuple[Any, ...]:
    """The columns of `_CHANGING`."""
    trail = life.trail
    return life.version, trail.path, trail.length, *trail.written, life.happened_at, life.actor


def _entities_table(generation: int, tables: MetaData) -> Table:
    """`revision` is the one under which the entity began; times are microseconds of business time.

    `leaves`, `states`, `events` and `actor` serve the consolidator: what it must know when the next transition comes.
    """
    return Table(
        f"variants_{generation}",
        tables,
        *text_keys("type", "entity"),
        Column("version", Integer, nullable=False),
        Column("revision", Integer, nullable=False),
        Column("path", BigInteger, nullable=False),
        Column("length", Integer, nullable=False),
        Column("leaves", Text, nullable=False),
        Column("states", Text, nullable=False),
        Column("events", Text, nullable=False),
        Column("began_at", BigInteger, nullable=False),
        Column("happened_at", BigInteger, nullable=False),
        Column("actor", Text, nullable=False),
        sqlite_with_rowid=False,
    )


def _paths_table(generation: int, tables: MetaData) -> Table:
    """A path is the one `before` it and an event; the beginning of a type's paths has neither."""
    return Table(
        f"variants_paths_{generation}",
        tables,
        *number_keys("path"),
        Column("type", Text, nullable=False),
        Column("before", BigInteger),
        Column("event", Text, nullable=False),
        Column("length", Integer, nullable=False),
    )

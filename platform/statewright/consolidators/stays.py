"""The consolidator `stays`: one row per stay of an entity in a leaf, from the transition into it to the one out of it.

A stay is a maximal visit: transitions that leave the leaf active do not end it. The stay in a final state stays open.
What an entity was in before its first transition (with implicit creation the initial state) nobody rested in, and it
makes no stay. Where an entity has several leaves at once, its configurations have rows of their own in a second table.

Rows lie by entity, so that the end of one stay and the beginning of the next are written to one page, and there is no
other index: at ten thousand transitions a second it is the pages touched that cost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, ClassVar

from msgspec import Struct, field
from sqlalchemy import BigInteger, Column, Connection, Float, Integer, MetaData, Table, Text

from statewright.consolidators.dwell import Dwells
from statewright.consolidators.folding import Folding, Key, rows_of
from statewright.consolidators.lengths import class_of
from statewright.consolidators.words import leaves_of_state, text_of_state
from statewright.machine.record import Leaves, Record

SECOND = 1_000_000


class _Stay(Struct, gc=False):
    """A stay that goes on. `last_version` and `last_at` are of the latest transition that is known to have found it."""

    state: str
    from_version: int
    from_position: int
    from_recorded_at: int
    from_at: int
    last_version: int
    last_at: int
    stored: bool = False
    touched: bool = False


class _Life(Struct, gc=False):
    """An entity in memory: where it rests, its stays that go on, and the configuration's if that has several leaves."""

    type: str
    id: str
    version: int
    happened_at: int
    leaves: Leaves = ()
    stays: dict[str, _Stay] = field(default_factory=dict)
    combined: _Stay | None = None


class _Tally(Struct, gc=False):
    """What changed about one state: more stays open, more ended, how long these lasted together, and the longest."""

    open: int = 0
    ended: int = 0
    seconds: float = 0.0
    longest: float | None = None


class _Pending:
    """What is to be written to one table: stays that began, that ended, that did both since the last time."""

    def __init__(self, table: Table) -> None:
        name = str(table.name)
        self.over: list[tuple[Any, ...]] = []
        self._began: dict[int, tuple[_Life, _Stay]] = {}
        self._touched: list[tuple[_Life, _Stay]] = []
        self._ended: list[tuple[Any, ...]] = []
        self.read = f"select {', '.join(_READ)} from {name} where (type, entity) in (?) and to_version is null"  # noqa: S608
        self._insert_open = _insert(name, _BEGIN)
        self._insert_over = _insert(name, (*_BEGIN, *_END))
        self._end = _update(name, _END)
        self._touch = _update(name, ("last_version", "last_at"))

    def begin(self, life: _Life, state: str, record: Record) -> _Stay:
        version, at = record.version, life.happened_at
        stay = _Stay(state, version, record.position, record.recorded_at, at, version, at)
        self._began[id(stay)] = life, stay
        return stay

    def end(self, life: _Life, stay: _Stay, record: Record) -> tuple[float, int]:
        """Have a stay ended; how many seconds it lasted, and the class of that length."""
        at = life.happened_at
        length_us = at - stay.from_at
        length = length_us / SECOND, class_of(length_us)
        end = (record.version, record.position, record.recorded_at, at, *length)
        if stay.stored:
            stay.touched = False
            self._ended.append((*end, life.type, life.id, stay.from_version, stay.state))
        else:
            del self._began[id(stay)]
            self.over.append((*_beginning(life, stay), *end))
        return length

    def touch(self, life: _Life, stay: _Stay) -> None:
        """Have the latest transition remembered with a stay that it did not end."""
        if stay.stored and not stay.touched:
            stay.touched = True
            self._touched.append((life, stay))

    def write(self, connection: Connection) -> None:
        # By entity, so that rows on one page are written together.
        self.write_over(connection)
        if self._began:
            rows = [_beginning(life, stay) for life, stay in self._began.values()]
            connection.exec_driver_sql(self._insert_open, sorted(rows, key=_KEY_FIRST))
            for _, stay in self._began.values():
                stay.stored = True
        if self._ended:
            connection.exec_driver_sql(self._end, sorted(self._ended, key=_KEY_LAST))
        touched = [
            (stay.last_version, stay.last_at, life.type, life.id, stay.from_version, stay.state)
            for life, stay in self._touched
            if stay.touched
        ]
        if touched:
            connection.exec_driver_sql(self._touch, sorted(touched, key=_KEY_LAST))
            for _, stay in self._touched:
                stay.touched = False
        self.drop()

    def write_over(self, connection: Connection) -> None:
        """Write the stays that began and ended: they need never be read again."""
        if self.over:
            connection.exec_driver_sql(self._insert_over, sorted(self.over, key=_KEY_FIRST))
            self.over.clear()

    def drop(self) -> None:
        for pending in (self.over, self._began, self._touched, self._ended):
            pending.clear()


class _Sums:
    """What is to be added per state: how many stays, how long together, and how many of each length."""

    def __init__(self, states: Table, lengths: Table) -> None:
        self._tallies: dict[tuple[str, str], _Tally] = {}
        self._lengths: Counter[tuple[str, str, int]] = Counter()
        self._add_tallies = _TALLY.format(name=states.name)
        self._add_lengths = _LENGTHS.format(name=lengths.name)

    def began(self, life: _Life, state: str) -> None:
        self._tally(life.type, state).open += 1

    def ended(self, life: _Life, state: str, seconds: float, length_class: int) -> None:
        tally = self._tally(life.type, state)
        tally.open -= 1
        tally.ended += 1
        tally.seconds += seconds
        if tally.longest is None or seconds > tally.longest:
            tally.longest = seconds
        self._lengths[life.type, state, length_class] += 1

    def _tally(self, type: str, state: str) -> _Tally:
        tally = self._tallies.get((type, state))
        if tally is None:
            tally = self._tallies[type, state] = _Tally()
        return tally

    def write(self, connection: Connection) -> None:
        if self._tallies:
            tallies = [
                (*key, tally.open, tally.ended, tally.seconds, tally.longest) for key, tally in self._tallies.items()
            ]
            connection.exec_driver_sql(self._add_tallies, tallies)
        if self._lengths:
            connection.exec_driver_sql(self._add_lengths, [(*key, count) for key, count in self._lengths.items()])
        self.drop()

    def drop(self) -> None:
        self._tallies.clear()
        self._lengths.clear()


class Stays(Folding[_Life]):
    """Stays in leaves in `stays_<n>`, stays in configurations of several leaves in `stays_combined_<n>`.

    `stays_states_<n>` says per state how many stays there are and how long the ended ones lasted together,
    `stays_lengths_<n>` how many ended ones there are of each class of length, `stays_spans_<n>` the same by the day and
    the transition that ended them.
    """

    name: ClassVar[str] = "stays"
    number: ClassVar[int] = 2

    def __init__(self, generation: int) -> None:
        super().__init__()
        self.tables = MetaData()
        self._stays = _Pending(_table(f"stays_{generation}", self.tables))
        self._combined = _Pending(_table(f"stays_combined_{generation}", self.tables))
        states = _states_table(f"stays_states_{generation}", self.tables)
        self._sums = _Sums(states, _lengths_table(f"stays_lengths_{generation}", self.tables))
        self._dwells = Dwells(generation, self.tables)

    def _born(self, record: Record) -> _Life:
        life = _Life(record.type, record.entity, 1, record.own_time)
        self._move(life, record)
        return life

    def _fold(self, life: _Life, record: Record) -> None:
        at = record.recorded_at if record.occurred_at is None else record.occurred_at
        if at > life.happened_at:
            life.happened_at = at
        life.version = record.version
        if record.to != life.leaves:
            self._move(life, record)
        # One of the stays remembers the latest transition, so that it is known again after a restart.
        stay = life.stays[life.leaves[0]]
        if stay.last_version != record.version:
            stay.last_version = record.version
            stay.last_at = life.happened_at
            self._stays.touch(life, stay)

    def _move(self, life: _Life, record: Record) -> None:
        to, stays = record.to, life.stays
        for leaf in life.leaves:
            if leaf not in to:
                stay = stays.pop(leaf)
                self._sums.ended(life, leaf, *self._stays.end(life, stay, record))
                self._dwells.ended(record, leaf, life.happened_at, life.happened_at - stay.from_at)
        for leaf in to:
            if leaf not in stays:
                stays[leaf] = self._stays.begin(life, leaf, record)
                self._sums.began(life, leaf)
        if life.combined is not None:
            self._combined.end(life, life.combined, record)
            life.combined = None
        if len(to) > 1:
            life.combined = self._combined.begin(life, text_of_state(to), record)
        life.leaves = to

    def _read(self, keys: Sequence[Key], connection: Connection) -> Iterable[tuple[Key, _Life]]:
        lives: dict[Key, _Life] = {}
        for type_, id_, *columns in rows_of(connection, self._stays.read, keys):
            stay = _Stay(*columns)
            stay.stored = True
            life = lives.setdefault((type_, id_), _Life(type_, id_, 0, stay.last_at))
            life.stays[stay.state] = stay
            life.version = max(life.version, stay.last_version)
            life.happened_at = max(life.happened_at, stay.last_at)
            life.leaves = (stay.state,)
        for type_, id_, *columns in rows_of(connection, self._combined.read, keys):
            stay = _Stay(*columns)
            stay.stored = True
            life = lives[type_, id_]
            life.combined = stay
            life.leaves = leaves_of_state(stay.state)
        return lives.items()

    def _write(self, connection: Connection) -> None:
        self._stays.write(connection)
        self._combined.write(connection)
        self._sums.write(connection)
        self._dwells.write(connection)

    def _drop(self) -> None:
        for pending in (self._stays, self._combined, self._sums, self._dwells):
            pending.drop()

    def _holds_much(self) -> bool:
        return len(self._stays.over) + len(self._combined.over) > _HELD_AT_MOST or len(self._dwells) > _SPREADS_AT_MOST

    def _tidy(self, connection: Connection) -> None:
        self._stays.write_over(connection)
        self._combined.write_over(connection)
        if len(self._dwells) > _SPREADS_AT_MOST:
            self._dwells.write(connection)


_HELD_AT_MOST = 50_000
"""How many stays that are over a rebuild holds before it writes them."""

_SPREADS_AT_MOST = 100_000
"""How many days and transitions a rebuild keeps lengths of before it writes them."""

_KEY = ("type", "entity", "from_version", "state")
_BEGIN = (*_KEY, "from_position", "from_recorded_at", "from_at", "last_version", "last_at")
_END = ("to_version", "to_position", "to_recorded_at", "to_at", "seconds", "length_class")
_READ = (
    *("type", "entity", "state", "from_version", "from_position"),
    *("from_recorded_at", "from_at", "last_version", "last_at"),
)
_KEY_FIRST = itemgetter(0, 1, 2)
_KEY_LAST = itemgetter(-4, -3, -2)
_TALLY = (
    "insert into {name} (type, state, open, ended, seconds, longest) values (?, ?, ?, ?, ?, ?)"
    " on conflict (type, state) do update set open = {name}.open + excluded.open,"
    " ended = {name}.ended + excluded.ended, seconds = {name}.seconds + excluded.seconds,"
    " longest = case when {name}.longest is null or excluded.longest > {name}.longest"
    " then excluded.longest else {name}.longest end"
)
_LENGTHS = (
    "insert into {name} (type, state, length_class, stays) values (?, ?, ?, ?)"
    " on conflict (type, state, length_class) do update set stays = {name}.stays + excluded.stays"
)


def _beginning(life: _Life, stay: _Stay) -> tuple[Any, ...]:
    """The columns of `_BEGIN`."""
    return (
        life.type,
        life.id,
        stay.from_version,
        stay.state,
        stay.from_position,
        stay.from_recorded_at,
        stay.from_at,
        stay.last_version,
        stay.last_at,
    )


def _insert(name: str, columns: Sequence[str]) -> str:
    return f"insert into {name} ({', '.join(columns)}) values ({', '.join('?' * len(columns))})"  # noqa: S608


def _update(name: str, columns: Sequence[str]) -> str:
    changes = ", ".join(f"{column} = ?" for column in columns)
    return f"update {name} set {changes} where {' and '.join(f'{column} = ?' for column in _KEY)}"  # noqa: S608


def _table(name: str, tables: MetaData) -> Table:
    """Times are microseconds, `…_at` business time; what is of the end is NULL while the stay goes on.

    `last_version` and `last_at` serve the consolidator: the latest transition known to have found an open stay.
    """
    return Table(
        name,
        tables,
        Column("type", Text, primary_key=True),
        Column("entity", Text, primary_key=True),
        Column("from_version", Integer, primary_key=True, autoincrement=False),
        Column("state", Text, primary_key=True),
        Column("to_version", Integer),
        Column("from_position", BigInteger, nullable=False),
        Column("to_position", BigInteger),
        Column("from_recorded_at", BigInteger, nullable=False),
        Column("to_recorded_at", BigInteger),
        Column("from_at", BigInteger, nullable=False),
        Column("to_at", BigInteger),
        Column("seconds", Float),
        Column("length_class", Integer),
        Column("last_version", Integer, nullable=False),
        Column("last_at", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _states_table(name: str, tables: MetaData) -> Table:
    return Table(
        name,
        tables,
        Column("type", Text, primary_key=True),
        Column("state", Text, primary_key=True),
        Column("open", Integer, nullable=False),
        Column("ended", Integer, nullable=False),
        Column("seconds", Float, nullable=False),
        Column("longest", Float),
    )


def _lengths_table(name: str, tables: MetaData) -> Table:
    return Table(
        name,
        tables,
        Column("type", Text, primary_key=True),
        Column("state", Text, primary_key=True),
        Column("length_class", Integer, primary_key=True, autoincrement=False),
        Column("stays", Integer, nullable=False),
    )

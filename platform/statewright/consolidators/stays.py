"""The consolidator `stays`: one row per stay of an entity in a leaf, from the transition into it to the one out of it.

A stay is a maximal visit: transitions that leave the leaf active do not end it. The stay in a final state stays open.
What an entity was in before its first transition (with implicit creation the initial state) nobody rested in, and it
makes no stay. Where an entity has several leaves at once, its configurations have rows of their own in a second table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from msgspec import Struct, field
from sqlalchemy import BigInteger, Column, Connection, Float, Index, Integer, MetaData, Table, Text, text

from statewright.consolidators.folding import Folding, Key, rows_of
from statewright.consolidators.words import leaves_of_state, text_of_state
from statewright.machine.record import Leaves, Record

SECOND = 1_000_000

LEAVES_AT_MOST = 1_000
"""A stay's key is the position that began it times this, plus the place of its leaf in the configuration."""


class _Stay(Struct, gc=False):
    """A stay that goes on. `last_version` and `last_at` are of the latest transition that is known to have found it."""

    key: int
    leaf: str
    from_version: int
    from_position: int
    from_recorded_at: int
    from_at: int
    last_version: int
    last_at: int
    stored: bool = False


class _Life(Struct, gc=False):
    """An entity in memory: where it rests, its stays that go on, and the configuration's if that has several leaves."""

    type: str
    id: str
    version: int
    happened_at: int
    leaves: Leaves = ()
    stays: dict[str, _Stay] = field(default_factory=dict)
    combination: _Stay | None = None


class _Tally(Struct, gc=False):
    """What changed about one state: more stays open, more ended, how long these lasted together, and the longest."""

    open: int = 0
    ended: int = 0
    seconds: float = 0.0
    longest: float | None = None


class _Pending:
    """What is to be written to one table: stays that began, that ended, that did both since the last time."""

    def __init__(self, table: Table, states: Table | None = None) -> None:
        name = table.name
        self.tallies: dict[tuple[str, str], _Tally] = {}
        self._states = states.name if states is not None else None
        self.began: dict[int, tuple[_Life, _Stay]] = {}
        self.touched: dict[int, _Stay] = {}
        self._ended: list[tuple[Any, ...]] = []
        self._whole: list[tuple[Any, ...]] = []
        self.read = f"select {', '.join(_READ)} from {name} where (type, entity) in (?) and to_version is null"  # noqa: S608
        self._begin = _insert(name, _BEGIN)
        self._insert = _insert(name, (*_BEGIN, *_END))
        self._end = f"update {name} set {', '.join(f'{column} = ?' for column in _END)} where key = ?"  # noqa: S608
        self._touch = f"update {name} set last_version = ?, last_at = ? where key = ?"  # noqa: S608

    def begin(self, life: _Life, leaf: str, index: int, record: Record) -> _Stay:
        at = life.happened_at
        key = record.position * LEAVES_AT_MOST + index
        version = record.version
        stay = _Stay(key, leaf, version, record.position, record.recorded_at, at, version, at)
        self.began[key] = (life, stay)
        self._tally(life, leaf).open += 1
        return stay

    def end(self, life: _Life, stay: _Stay, record: Record) -> None:
        at = life.happened_at
        seconds = (at - stay.from_at) / SECOND
        end = (record.version, record.position, record.recorded_at, at, seconds)
        tally = self._tally(life, stay.leaf)
        tally.open -= 1
        tally.ended += 1
        tally.seconds += seconds
        if tally.longest is None or seconds > tally.longest:
            tally.longest = seconds
        if stay.stored:
            self.touched.pop(stay.key, None)
            self._ended.append((*end, stay.key))
        else:
            del self.began[stay.key]
            self._whole.append((*_beginning(life, stay), *end))

    def _tally(self, life: _Life, state: str) -> _Tally:
        tally = self.tallies.get((life.type, state))
        if tally is None:
            tally = self.tallies[life.type, state] = _Tally()
        return tally

    def write(self, connection: Connection) -> None:
        if self._states and self.tallies:
            tallies = [
                (type_, state, tally.open, tally.ended, tally.seconds, tally.longest)
                for (type_, state), tally in self.tallies.items()
            ]
            connection.exec_driver_sql(_TALLY.format(name=self._states), tallies)
        if self._whole:
            connection.exec_driver_sql(self._insert, self._whole)
        if self.began:
            connection.exec_driver_sql(self._begin, [_beginning(life, stay) for life, stay in self.began.values()])
            for _, stay in self.began.values():
                stay.stored = True
        if self._ended:
            connection.exec_driver_sql(self._end, sorted(self._ended, key=_by_key))
        if self.touched:
            touched = [(stay.last_version, stay.last_at, key) for key, stay in sorted(self.touched.items())]
            connection.exec_driver_sql(self._touch, touched)
        self.drop()

    def write_whole(self, connection: Connection) -> None:
        """Write only the stays that are over: they need never be read again."""
        connection.exec_driver_sql(self._insert, self._whole)
        self._whole.clear()

    @property
    def rows_over(self) -> int:
        return len(self._whole)

    def drop(self) -> None:
        for pending in (self.began, self.touched, self._ended, self._whole, self.tallies):
            pending.clear()


class Stays(Folding[_Life]):
    """Stays in leaves in `stays_<n>`, stays in configurations of several leaves in `stays_combined_<n>`.

    `stays_states_<n>` says per state how many stays there are and how long the ended ones lasted together.
    """

    name: ClassVar[str] = "stays"
    number: ClassVar[int] = 1

    def __init__(self, generation: int) -> None:
        super().__init__()
        self.tables = MetaData()
        states = _states_table(f"stays_states_{generation}", self.tables)
        self._stays = _Pending(_table(f"stays_{generation}", self.tables), states)
        self._combined = _Pending(_table(f"stays_combined_{generation}", self.tables))

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
            if stay.stored:
                self._stays.touched[stay.key] = stay

    def _move(self, life: _Life, record: Record) -> None:
        to = record.to
        stays = life.stays
        for leaf in [leaf for leaf in stays if leaf not in to]:
            self._stays.end(life, stays.pop(leaf), record)
        for index, leaf in enumerate(to):
            if leaf not in stays:
                stays[leaf] = self._stays.begin(life, leaf, index, record)
        if life.combination is not None:
            self._combined.end(life, life.combination, record)
            life.combination = None
        if len(to) > 1:
            life.combination = self._combined.begin(life, text_of_state(to), 0, record)
        life.leaves = to

    def _read(self, keys: Sequence[Key], connection: Connection) -> Iterable[tuple[Key, _Life]]:
        lives: dict[Key, _Life] = {}
        for type_, id_, *columns in rows_of(connection, self._stays.read, keys):
            stay = _Stay(*columns)
            stay.stored = True
            life = lives.setdefault((type_, id_), _Life(type_, id_, 0, stay.last_at))
            life.stays[stay.leaf] = stay
            life.version = max(life.version, stay.last_version)
            life.happened_at = max(life.happened_at, stay.last_at)
            life.leaves = (stay.leaf,)
        for type_, id_, *columns in rows_of(connection, self._combined.read, keys):
            stay = _Stay(*columns)
            stay.stored = True
            life = lives[type_, id_]
            life.combination = stay
            life.version = max(life.version, stay.last_version)
            life.happened_at = max(life.happened_at, stay.last_at)
            life.leaves = leaves_of_state(stay.leaf)
        return lives.items()

    def _write(self, connection: Connection) -> None:
        self._stays.write(connection)
        self._combined.write(connection)

    def _drop(self) -> None:
        self._stays.drop()
        self._combined.drop()

    def _tidy(self, connection: Connection) -> None:
        for pending in (self._stays, self._combined):
            if pending.rows_over > _ROWS_OVER:
                pending.write_whole(connection)


_ROWS_OVER = 50_000
"""How many stays that are over a rebuild holds before it writes them."""

_BEGIN = (
    *("key", "type", "entity", "state", "from_version", "from_position"),
    *("from_recorded_at", "from_at", "last_version", "last_at"),
)
_TALLY = (
    "insert into {name} (type, state, open, ended, seconds, longest) values (?, ?, ?, ?, ?, ?)"
    " on conflict (type, state) do update set open = {name}.open + excluded.open,"
    " ended = {name}.ended + excluded.ended, seconds = {name}.seconds + excluded.seconds,"
    " longest = case when {name}.longest is null or excluded.longest > {name}.longest"
    " then excluded.longest else {name}.longest end"
)
_END = ("to_version", "to_position", "to_recorded_at", "to_at", "seconds")
_READ = (
    *("type", "entity", "key", "state", "from_version", "from_position"),
    *("from_recorded_at", "from_at", "last_version", "last_at"),
)


def _beginning(life: _Life, stay: _Stay) -> tuple[Any, ...]:
    """The columns of `_BEGIN`."""
    return (
        stay.key,
        life.type,
        life.id,
        stay.leaf,
        stay.from_version,
        stay.from_position,
        stay.from_recorded_at,
        stay.from_at,
        stay.last_version,
        stay.last_at,
    )


def _insert(name: str, columns: Sequence[str]) -> str:
    return f"insert into {name} ({', '.join(columns)}) values ({', '.join('?' * len(columns))})"  # noqa: S608


def _by_key(ended: tuple[Any, ...]) -> int:
    key: int = ended[-1]
    return key


def _table(name: str, tables: MetaData) -> Table:
    """Times are microseconds, `…_at` business time; all of `to_…` and `seconds` are NULL while the stay goes on.

    `last_version` and `last_at` serve the consolidator: the latest transition known to have found an open stay.
    """
    return Table(
        name,
        tables,
        Column("key", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
        Column("type", Text, nullable=False),
        Column("entity", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("from_version", Integer, nullable=False),
        Column("to_version", Integer),
        Column("from_position", BigInteger, nullable=False),
        Column("to_position", BigInteger),
        Column("from_recorded_at", BigInteger, nullable=False),
        Column("to_recorded_at", BigInteger),
        Column("from_at", BigInteger, nullable=False),
        Column("to_at", BigInteger),
        Column("seconds", Float),
        Column("last_version", Integer, nullable=False),
        Column("last_at", BigInteger, nullable=False),
        Index(f"{name}_of_entity", "type", "entity"),
        # Sorted by length, so that a percentile is counted off and nothing is sorted when it is asked.
        Index(
            f"{name}_ended",
            "type",
            "state",
            "seconds",
            sqlite_where=text("seconds is not null"),
            postgresql_where=text("seconds is not null"),
        ),
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

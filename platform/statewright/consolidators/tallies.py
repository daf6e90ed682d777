"""Sums per key that are kept in a table: counts, and lengths of time in fine classes.

What a batch adds is gathered in memory and added to what the table says when it is written, so a row that many
transitions concern is read and written once. Lengths of a day stand in one row, as counts per class in JSON: a row for
every class would be nearly one for every length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct, field
from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, Table, Text

from statewright.consolidators.lengths import fine_class_of

DAY = 86_400_000_000
"""A day in microseconds."""

DAYS_IN_BLOCK = 32
"""How many days stand together in a row of their own where long periods are asked for."""

_KEYS_AT_ONCE = 200
_decode_classes = msgspec.json.Decoder(dict[int, int]).decode
_encode_classes = msgspec.json.Encoder().encode

Key = tuple[Any, ...]
_Stored = tuple[Key, Sequence[int], int, int, dict[int, int]]
"""A row: its key, its sums, and the three parts of its spread."""


def day_of(at: int) -> int:
    """The number of the day in UTC, counted from 1970-01-01, that holds the moment `at`."""
    return at // DAY


class Spread(Struct, gc=False):
    """Lengths of time: how long together, the longest, and how many of each fine class; all in microseconds."""

    total: int = 0
    longest: int = 0
    classes: dict[int, int] = field(default_factory=dict)

    def add(self, length_us: int, times: int = 1) -> None:
        """Count a length, or take one back that was counted (`times` is -1); the longest only ever grows."""
        self.total += times * length_us
        self.longest = max(self.longest, length_us)
        found = fine_class_of(length_us)
        self.classes[found] = self.classes.get(found, 0) + times

    def merge(self, total: int, longest: int, classes: dict[int, int]) -> None:
        """Count what another one counted."""
        self.total += total
        self.longest = max(self.longest, longest)
        mine = self.classes
        for each, times in classes.items():
            mine[each] = mine.get(each, 0) + times


class Tally(Struct, gc=False):
    """What is to be added to one row."""

    sums: list[int]
    spread: Spread = field(default_factory=Spread)


class Tallies:
    """A table of sums: `keys` name a row, `sums` are counted in it, beside the lengths of time that belong to it."""

    def __init__(self, name: str, tables: MetaData, keys: Sequence[Column[Any]], sums: Sequence[str]) -> None:
        Table(
            name,
            tables,
            *keys,
            *(Column(each, BigInteger, nullable=False) for each in sums),
            Column("microseconds", BigInteger, nullable=False),
            Column("longest", BigInteger, nullable=False),
            Column("lengths", Text, nullable=False),
            sqlite_with_rowid=False,
        )
        self.pending: dict[Key, Tally] = {}
        self._sums = len(sums)
        named = [key.name for key in keys]
        values = [*sums, "microseconds", "longest", "lengths"]
        columns = ", ".join([*named, *values])
        self._wide = len(named)
        self._read = f"select {columns} from {name} where ({', '.join(named)}) in "  # noqa: S608 - our own names
        self._write = (
            f"insert into {name} ({columns}) values ({', '.join('?' * (len(named) + len(values)))})"  # noqa: S608
            f" on conflict ({', '.join(named)})"
            f" do update set {', '.join(f'{each} = excluded.{each}' for each in values)}"
        )

    def at(self, key: Key) -> Tally:
        """What is to be added to the row `key`."""
        tally = self.pending.get(key)
        if tally is None:
            tally = self.pending[key] = Tally([0] * self._sums)
        return tally

    def write(self, connection: Connection) -> None:
        """Add what is pending to the table."""
        keys = sorted(self.pending)
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            some = keys[start : start + _KEYS_AT_ONCE]
            for key, sums, total, longest, classes in self._stored(some, connection):
                tally = self.pending[key]
                tally.sums = [mine + theirs for mine, theirs in zip(tally.sums, sums, strict=True)]
                tally.spread.merge(total, longest, classes)
            connection.exec_driver_sql(self._write, [self._row(key) for key in some])
        self.pending.clear()

    def _stored(
        self, keys: Sequence[Key], connection: Connection
    ) -> Iterator[tuple[Key, Sequence[int], int, int, Any]]:
        marks = ", ".join(["(" + ", ".join("?" * self._wide) + ")"] * len(keys))
        sql = f"{self._read} (values {marks})"
        for row in connection.exec_driver_sql(sql, tuple(part for key in keys for part in key)).fetchall():
            key, sums = tuple(row[: self._wide]), row[self._wide : -3]
            yield key, sums, row[-3], row[-2], _decode_classes(row[-1])

    def _row(self, key: Key) -> tuple[Any, ...]:
        tally = self.pending[key]
        spread = tally.spread
        classes = {each: times for each, times in sorted(spread.classes.items()) if times}
        return (*key, *tally.sums, spread.total, spread.longest, _encode_classes(classes).decode())


class Counts:
    """A table that only counts: `keys` name a row, `sums` are added to."""

    def __init__(
        self, name: str, tables: MetaData, keys: Sequence[Column[Any]], sums: Sequence[str], *, falls: bool = False
    ) -> None:
        """`falls`: counts may go down, and a row whose first sum has come to nothing goes."""
        Table(name, tables, *keys, *(Column(s, BigInteger, nullable=False) for s in sums), sqlite_with_rowid=False)
        self.pending: dict[Key, list[int]] = {}
        self._none = [0] * len(sums)
        named = [key.name for key in keys]
        marks = ", ".join("?" * (len(named) + len(sums)))
        self._write = (
            f"insert into {name} ({', '.join([*named, *sums])}) values ({marks})"  # noqa: S608 - our own names
            f" on conflict ({', '.join(named)})"
            f" do update set {', '.join(f'{each} = {name}.{each} + excluded.{each}' for each in sums)}"
        )
        where = " and ".join(f"{each} = ?" for each in named)
        self._clear = f"delete from {name} where {where} and {sums[0]} = 0" if falls else None  # noqa: S608

    def add(self, key: Key, *sums: int) -> None:
        """Have `sums` added to the row `key`."""
        found = self.pending.get(key)
        if found is None:
            self.pending[key] = list(sums)
        else:
            for at, more in enumerate(sums):
                found[at] += more

    def write(self, connection: Connection) -> None:
        """Add what is pending to the table."""
        rows = [(*key, *sums) for key, sums in sorted(self.pending.items()) if sums != self._none]
        if rows:
            connection.exec_driver_sql(self._write, rows)
        if self._clear:
            fallen = [key for key, sums in self.pending.items() if sums[0] < 0]
            if fallen:
                connection.exec_driver_sql(self._clear, fallen)
        self.pending.clear()


def text_keys(*names: str) -> Iterator[Column[Any]]:
    """Columns of text in a primary key."""
    return (Column(name, Text, primary_key=True) for name in names)


def number_keys(*names: str) -> Iterable[Column[Any]]:
    """Columns of whole numbers in a primary key."""
    whole = BigInteger().with_variant(Integer, "sqlite")
    return [Column(name, whole, primary_key=True, autoincrement=False) for name in names]

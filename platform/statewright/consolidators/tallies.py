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

SPANS = (1_024, 32, 1)
"""How many days stand together in one row: the same is counted by era, by block and by day, so that a long period is
asked for by a few rows and not by hundreds."""

WIDE_SPANS = (1_024, 1)
"""The same where keys are so many that a block would hold hardly fewer rows than its days."""

_KEYS_AT_ONCE = 200
_decode_classes = msgspec.json.Decoder(dict[int, int]).decode
_encode_classes = msgspec.json.Encoder().encode

Key = tuple[Any, ...]


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
        if length_us > self.longest:
            self.longest = length_us
        found, classes = fine_class_of(length_us), self.classes
        classes[found] = classes.get(found, 0) + times

    def merge(self, other: Spread) -> None:
        """Count what another one counted."""
        self.total += other.total
        self.longest = max(self.longest, other.longest)
        mine = self.classes
        for each, times in other.classes.items():
            mine[each] = mine.get(each, 0) + times


class Tally(Struct, gc=False):
    """Sums, and lengths of time beside them."""

    sums: list[int]
    spread: Spread = field(default_factory=Spread)

    def merge(self, other: Tally) -> None:
        """Add another one."""
        self.sums = [mine + more for mine, more in zip(self.sums, other.sums, strict=True)]
        self.spread.merge(other.spread)


class Tallies:
    """A table of sums by span of days, type, revision and what else `keys` say, with the lengths that belong to them.

    A key begins with type, day and revision; what is added to it counts in every span that holds the day.
    """

    def __init__(self, name: str, tables: MetaData, keys: Iterable[Column[Any]], sums: Sequence[str]) -> None:
        columns = [*_span_keys(), *keys]
        named = [key.name for key in columns]
        values = [*sums, "microseconds", "longest", "lengths"]
        Table(
            name,
            tables,
            *columns,
            *_sums_of(*sums, "microseconds", "longest"),
            Column("lengths", Text, nullable=False),
            sqlite_with_rowid=False,
        )
        self.pending: dict[Key, Tally] = {}
        self._sums = len(sums)
        self._wide = len(named)
        all_names = ", ".join([*named, *values])
        self._read = f"select {all_names} from {name} where ({', '.join(named)}) in "  # noqa: S608 - our own names
        self._write = (
            f"insert into {name} ({all_names}) values ({', '.join('?' * (len(named) + len(values)))})"  # noqa: S608
            f" on conflict ({', '.join(named)})"
            f" do update set {', '.join(f'{each} = excluded.{each}' for each in values)}"
        )

    def at(self, key: Key) -> Tally:
        """What is to be added under `key`."""
        tally = self.pending.get(key)
        if tally is None:
            tally = self.pending[key] = Tally([0] * self._sums)
        return tally

    def write(self, connection: Connection) -> None:
        """Add what is pending to the table."""
        rows = self._by_span()
        keys = sorted(rows)
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            some = keys[start : start + _KEYS_AT_ONCE]
            for key, stored in self._stored(some, connection):
                rows[key].merge(stored)
            connection.exec_driver_sql(self._write, [(*key, *_values(rows[key])) for key in some])
        self.pending.clear()

    def _by_span(self) -> dict[Key, Tally]:
        rows: dict[Key, Tally] = {}
        for (type_, day, *rest), tally in self.pending.items():
            for span in SPANS:
                key = (type_, span, day - day % span, *rest)
                found = rows.get(key)
                if found is None:
                    found = rows[key] = Tally([0] * self._sums)
                found.merge(tally)
        return rows

    def _stored(self, keys: Sequence[Key], connection: Connection) -> Iterator[tuple[Key, Tally]]:
        marks = ", ".join(["(" + ", ".join("?" * self._wide) + ")"] * len(keys))
        sql = f"{self._read} (values {marks})"
        for row in connection.exec_driver_sql(sql, tuple(part for key in keys for part in key)).fetchall():
            *sums, total, longest, lengths = row[self._wide :]
            yield tuple(row[: self._wide]), Tally(sums, Spread(total, longest, _decode_classes(lengths)))


def _values(tally: Tally) -> tuple[Any, ...]:
    spread = tally.spread
    classes = {each: times for each, times in sorted(spread.classes.items()) if times}
    return (*tally.sums, spread.total, spread.longest, _encode_classes(classes).decode())


class Counts:
    """A table that only counts: `keys` name a row, `sums` are added to."""

    def __init__(
        self, name: str, tables: MetaData, keys: Sequence[Column[Any]], sums: Sequence[str], *, falls: bool = False
    ) -> None:
        """`falls`: counts may go down, and a row whose first sum has come to nothing goes."""
        Table(name, tables, *keys, *_sums_of(*sums), sqlite_with_rowid=False)
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
        """Have `sums` added under `key`."""
        found = self.pending.get(key)
        if found is None:
            self.pending[key] = list(sums)
        else:
            for at, more in enumerate(sums):
                found[at] += more

    def write(self, connection: Connection) -> None:
        """Add what is pending to the table."""
        counted = self._rows()
        rows = [(*key, *sums) for key, sums in sorted(counted.items()) if sums != self._none]
        if rows:
            connection.exec_driver_sql(self._write, rows)
        fallen = [key for key, sums in counted.items() if sums[0] < 0] if self._clear else ()
        if self._clear and fallen:
            connection.exec_driver_sql(self._clear, fallen)
        self.pending.clear()

    def _rows(self) -> dict[Key, list[int]]:
        return self.pending


class SpannedCounts(Counts):
    """Counts by span of days, type, revision and what else `keys` say. A key begins with type, day and revision."""

    def __init__(
        self,
        name: str,
        tables: MetaData,
        keys: Iterable[Column[Any]],
        sums: Sequence[str],
        *,
        spans: Sequence[int] = SPANS,
        falls: bool = False,
    ) -> None:
        super().__init__(name, tables, [*_span_keys(), *keys], sums, falls=falls)
        self._spans = spans

    def _rows(self) -> dict[Key, list[int]]:
        rows: dict[Key, list[int]] = {}
        for (type_, day, *rest), sums in self.pending.items():
            for span in self._spans:
                key = (type_, span, day - day % span, *rest)
                found = rows.get(key)
                rows[key] = sums if found is None else [mine + more for mine, more in zip(found, sums, strict=True)]
        return rows


def _span_keys() -> list[Column[Any]]:
    """`span` is a number of days, `start` the first of them, counted from 1970-01-01."""
    return [*text_keys("type"), *number_keys("span", "start", "revision")]


def _sums_of(*names: str) -> Iterator[Column[Any]]:
    return (Column(name, BigInteger, nullable=False) for name in names)


def text_keys(*names: str) -> Iterator[Column[Any]]:
    """Columns of text in a primary key."""
    return (Column(name, Text, primary_key=True) for name in names)


def number_keys(*names: str) -> Iterable[Column[Any]]:
    """Columns of whole numbers in a primary key."""
    whole = BigInteger().with_variant(Integer, "sqlite")
    return [Column(name, whole, primary_key=True, autoincrement=False) for name in names]

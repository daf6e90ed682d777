"""What consolidators that fold each entity's transitions have in common: entities in memory, rows written per batch.

Live, a batch is folded into the entities it touches and what changed of them is written. A rebuild folds the whole log
and writes once; where the entities would outgrow the memory allowed, they are written out and read back when needed.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from sqlalchemy import Connection

from statewright.consolidators.words import Building, Unhandled
from statewright.machine.record import FORMAT, Record

Key = tuple[str, str]
"""An entity: type and id."""

KEPT = 50_000
"""How many entities are kept in memory between batches, so that they need not be read back."""

MEMORY_BYTES = 256 * 1024 * 1024
"""What a rebuild may hold in memory before it writes out, as far as can be estimated."""

_ENTITY_BYTES = 2_000
"""What an entity takes in memory besides its data."""

_DATA_FACTOR = 6
"""How much more room data takes in memory than as JSON."""

_SAMPLE = 32
_encode = msgspec.json.Encoder().encode


class Versioned(Protocol):
    """Anything that knows which version of an entity it has seen last."""

    version: int


Life = TypeVar("Life", bound=Versioned)


class Folding(ABC, Generic[Life]):
    """A consolidator that folds. `_lives` are the entities it has in memory, those untouched for longest first."""

    def __init__(self) -> None:
        self._lives: dict[Key, Life] = {}
        self._weight = 0

    @abstractmethod
    def _born(self, record: Record) -> Life:
        """The entity after its first transition."""

    @abstractmethod
    def _fold(self, life: Life, record: Record) -> None:
        """Bring `life` up by its next transition, or raise and leave it as it was."""

    @abstractmethod
    def _read(self, keys: Sequence[Key], connection: Connection) -> Iterable[tuple[Key, Life]]:
        """Those of `keys` that the tables know."""

    @abstractmethod
    def _write(self, connection: Connection) -> None:
        """Write what changed since the last time."""

    @abstractmethod
    def _drop(self) -> None:
        """Forget what changed and was not written."""

    def _holds_much(self) -> bool:
        """Whether there is much to write that need not be held during a rebuild."""
        return False

    def _tidy(self, connection: Connection) -> None:
        """Write what need not be held."""
        return

    def consolidate(self, batch: Sequence[Record], connection: Connection) -> None:
        """Fold `batch` and write what it changed."""
        self._read_missing(batch, connection)
        for fault in self._fold_all(batch):
            raise fault
        self._write(connection)
        if len(self._lives) > KEPT:
            self._lives = dict(islice(self._lives.items(), KEPT // 2, None))

    def forget(self) -> None:
        """Know only what the tables say."""
        self._lives.clear()
        self._drop()

    async def rebuild(self, feed: Building, connection: Connection) -> None:
        """Fold the whole of `feed`, then write."""
        spilled = False
        async for batch in feed:
            if spilled:
                await asyncio.to_thread(self._read_missing, batch, connection)
            # On the loop: the batches are small, and to hand each to a thread would cost as much as to fold it.
            for fault in self._fold_all(batch):
                feed.park(fault.record, fault.reason)
            if self._holds_much():
                await asyncio.to_thread(self._tidy, connection)
            if self._is_too_heavy(batch):
                await asyncio.to_thread(self._write, connection)
                self._lives.clear()
                self._weight = 0
                spilled = True
        await asyncio.to_thread(self._write, connection)
        self._lives.clear()

    def _is_too_heavy(self, batch: Sequence[Record]) -> bool:
        """Whether what is held, after `batch`, takes more memory than is allowed, as far as can be estimated."""
        # Weighing every change would cost as much as folding it; every so many tell enough about the others.
        self._weight += _SAMPLE * _DATA_FACTOR * sum(len(_encode(record.changes)) for record in batch[::_SAMPLE])
        return self._weight + _ENTITY_BYTES * len(self._lives) > MEMORY_BYTES

    def _fold_all(self, batch: Sequence[Record]) -> Iterator[Unhandled]:
        """Fold all of `batch`; whoever goes on after a fault has the rest of its entity skipped."""
        lives = self._lives
        parked: Collection[Key] = ()
        fold = self._fold
        records = iter(batch)
        while True:
            try:
                for record in records:
                    key = (record.type, record.entity)
                    if parked and key in parked:
                        continue
                    life = lives.get(key)
                    if record.format > FORMAT:
                        raise ValueError(f"its format {record.format} is newer than this program's {FORMAT}")
                    if life is None:
                        if record.version != 1:
                            raise ValueError("the transitions before it are not known here")
                        lives[key] = self._born(record)
                    elif record.version == life.version + 1:
                        fold(life, record)
                    else:
                        raise ValueError(f"it does not follow version {life.version}, the last one known here")
                return
            except Exception as error:
                parked = {*parked, key}
                yield Unhandled(record, sentence_of(error))

    def _read_missing(self, batch: Sequence[Record], connection: Connection) -> None:
        lives = self._lives
        born: set[Key] = set()
        missing: dict[Key, None] = {}
        for record in batch:
            key = (record.type, record.entity)
            if key in lives:
                continue
            if record.version == 1:
                born.add(key)
            elif key not in born:
                missing[key] = None
        keys = list(missing)
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            lives.update(self._read(keys[start : start + _KEYS_AT_ONCE], connection))


_KEYS_AT_ONCE = 500


def sentence_of(error: Exception) -> str:
    """What an exception says, and what it is where that alone would not be understood."""
    return str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"


def rows_of(connection: Connection, sql: str, keys: Sequence[Key]) -> Sequence[Any]:
    """The rows of `sql`, in which `(?)` stands for a list of pairs of type and id."""
    pairs = ", ".join(["(?, ?)"] * len(keys))
    parameters = tuple(part for key in keys for part in key)
    return connection.exec_driver_sql(sql.replace("(?)", f"(values {pairs})"), parameters).fetchall()

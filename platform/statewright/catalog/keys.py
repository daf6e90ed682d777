"""The keys of personal data, one for each entity that has any: made, kept wrapped by a master key, and destroyed.

They lie in a database of their own, never beside the log: a copy of the log then reads as nothing once a key is gone.
A copy of this database brings keys back, so its backups must end before what was erased may be called so.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    delete,
    select,
    tuple_,
    update,
)
from sqlalchemy.exc import DBAPIError

from statewright.catalog.master import BadMasterKey, MasterKeys
from statewright.machine.moments import Micros
from statewright.stores.driver import engine_at
from statewright.stores.sealing import Key, KeysUnavailable
from statewright.stores.words import Ref

KNOWN_FOR_S = 2.0
"""How long a process goes by what it knows of an entity's keys; another may have destroyed them meanwhile."""
_AT_ONCE = 200
_KNOWN = 20_000

_TABLES = MetaData()
_key = Table(
    "entity_key",
    _TABLES,
    Column("type", Text, primary_key=True),
    Column("entity", Text, primary_key=True),
    Column("since", Integer, primary_key=True),  # the version that first used it
    Column("wrapped", LargeBinary, nullable=False),
    Column("master", Text, nullable=False),  # the name of the master key
    Column("made_at", BigInteger, nullable=False),
    Column("ending", Boolean, nullable=False),  # an erasure was begun, and may have been recorded
)


class KeyRing:
    """The keys of entities. Safe to be used from several threads. Every method raises KeysUnavailable."""

    def __init__(
        self,
        engine: Engine,
        master: MasterKeys,
        clock: Callable[[], Micros] = lambda: time.time_ns() // 1_000,
    ) -> None:
        self._engine = engine
        self._master = master
        self._clock = clock
        self._known: dict[Ref, tuple[float, tuple[Key, ...]]] = {}

    @classmethod
    def open(cls, url: str, master: MasterKeys) -> KeyRing:
        """The keys in the database at `url`, made where it is missing.

        Raises BadMasterKey when keys in there are wrapped by a master key that is not given.
        """
        # What is deleted is overwritten with zeroes, also in the write-ahead log, which is emptied after it.
        engine = engine_at(url, ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"))
        with engine.connect().execution_options(writes=True) as connection, connection.begin():
            _TABLES.create_all(connection)
            used = set(connection.execute(select(_key.c.master).distinct()).scalars())
        unknown = sorted(used - master.names)
        if unknown:
            engine.dispose()
            raise BadMasterKey(
                f"keys of personal data are wrapped by the master key {unknown[0]}, which is not among those given: "
                "add its line to the file of master keys"
            )
        return cls(engine, master)

    async def of(self, refs: Collection[Ref]) -> Mapping[Ref, Sequence[Key]]:
        """The keys of entities, those that were destroyed left out; as they were two seconds ago or later."""
        found, missing = self._remembered(refs)
        if missing:
            found.update(await asyncio.to_thread(self._load, missing))
        return found

    def known(self, refs: Collection[Ref]) -> Mapping[Ref, Sequence[Key]]:
        """As `of`, for a thread."""
        found, missing = self._remembered(refs)
        if missing:
            found.update(self._load(missing))
        return found

    def _remembered(self, refs: Collection[Ref]) -> tuple[dict[Ref, Sequence[Key]], list[Ref]]:
        found: dict[Ref, Sequence[Key]] = {}
        missing: list[Ref] = []
        soonest = time.monotonic() - KNOWN_FOR_S
        for ref in refs:
            known = self._known.get(ref)
            if known is not None and known[0] >= soonest:
                found[ref] = known[1]
            else:
                missing.append(ref)
        return found, missing

    def _load(self, refs: Sequence[Ref]) -> dict[Ref, Sequence[Key]]:
        begun = time.monotonic()
        loaded: dict[Ref, list[Key]] = {ref: [] for ref in refs}
        with _answering(), self._engine.connect() as connection:
            for first in range(0, len(refs), _AT_ONCE):
                some = [tuple(ref) for ref in refs[first : first + _AT_ONCE]]
                asked = select(_key).where(tuple_(_key.c.type, _key.c.entity).in_(some)).order_by(_key.c.since)
                for row in connection.execute(asked):
                    loaded[Ref(row.type, row.entity)].append(self._unwrapped(row))
        if len(self._known) > _KNOWN:
            self._known.clear()
        for ref, keys in loaded.items():
            self._known[ref] = begun, tuple(keys)
        return {**loaded}

    def _unwrapped(self, row: Any) -> Key:
        ref = Ref(row.type, row.entity)
        return Key(row.since, AESGCM(self._master.unwrap(row.master, row.wrapped, _bound_to(ref, row.since))))

    async def make(self, wanted: Sequence[tuple[Ref, int]]) -> Sequence[Key]:
        """A key for each entity, to be used from the version given on; durable before it is returned."""
        return await asyncio.to_thread(self._make, wanted)

    def _make(self, wanted: Sequence[tuple[Ref, int]]) -> Sequence[Key]:
        made: list[Key] = []
        with _answering(), self._writing() as connection:
            for ref, since in wanted:
                whose = (_key.c.type == ref.type) & (_key.c.entity == ref.id) & (_key.c.since == since)
                there = connection.execute(select(_key).where(whose)).first()
                if there is not None:  # made for an attempt that came to nothing, here or in another process
                    made.append(self._unwrapped(there))
                    continue
                key = os.urandom(32)
                connection.execute(
                    _key.insert().values(
                        type=ref.type,
                        entity=ref.id,
                        since=since,
                        wrapped=self._master.wrap(key, _bound_to(ref, since)),
                        master=self._master.current,
                        made_at=self._clock(),
                        ending=False,
                    )
                )
                made.append(Key(since, AESGCM(key)))
        self._forget(ref for ref, _ in wanted)
        return made

    def begin(self, ref: Ref) -> None:
        """Take note that an erasure of an entity is under way, so that it is finished whatever happens."""
        with _answering(), self._writing() as connection:
            connection.execute(update(_key).where(_whose(ref)).values(ending=True))

    def leave(self, ref: Ref) -> None:
        """Take note that an erasure that was begun came to nothing."""
        with _answering(), self._writing() as connection:
            connection.execute(update(_key).where(_whose(ref)).values(ending=False))

    def begun(self) -> list[Ref]:
        """The entities whose erasure is under way, or was when a process ended."""
        with _answering(), self._engine.connect() as connection:
            asked = select(_key.c.type, _key.c.entity).where(_key.c.ending).distinct()
            return [Ref(row.type, row.entity) for row in connection.execute(asked)]

    async def destroy(self, ref: Ref, before: int) -> None:
        """Destroy the keys that an entity began to use before a version; for good when it returns."""
        await asyncio.to_thread(self._destroy, ref, before)

    def _destroy(self, ref: Ref, before: int) -> None:
        self._forget([ref])
        with _answering(), self._writing() as connection:
            connection.execute(delete(_key).where(_whose(ref) & (_key.c.since < before)))
        self._forget([ref])
        if self._engine.dialect.name == "sqlite":
            with _answering(), self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()

    def rewrap(self) -> int:
        """Wrap every key by the current master key; how many were wrapped by another."""
        done = 0
        while True:
            with _answering(), self._writing() as connection:
                others = _key.c.master != self._master.current
                rows = connection.execute(select(_key).where(others).limit(_AT_ONCE)).all()
                for row in rows:
                    ref = Ref(row.type, row.entity)
                    bound_to = _bound_to(ref, row.since)
                    wrapped = self._master.wrap(self._master.unwrap(row.master, row.wrapped, bound_to), bound_to)
                    changed = update(_key).where(_whose(ref) & (_key.c.since == row.since))
                    connection.execute(changed.values(wrapped=wrapped, master=self._master.current))
            if not rows:
                return done
            done += len(rows)

    def _forget(self, refs: Iterable[Ref]) -> None:
        for ref in refs:
            self._known.pop(ref, None)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction that writes: durable when the block is left, undone when it is left by an exception."""
        with self._engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection

    def close(self) -> None:
        """Let go of the database and forget all keys."""
        self._known.clear()
        self._engine.dispose()


@contextmanager
def _answering() -> Iterator[None]:
    """What the database or the master keys say instead of an answer, as KeysUnavailable."""
    try:
        yield
    except DBAPIError as error:
        raise KeysUnavailable("the keys of personal data cannot be read just now; try again in a moment") from error
    except BadMasterKey as error:
        raise KeysUnavailable(str(error)) from error


def _whose(ref: Ref) -> Any:
    return (_key.c.type == ref.type) & (_key.c.entity == ref.id)


def _bound_to(ref: Ref, since: int) -> bytes:
    return msgspec.json.encode((ref.type, ref.id, since))

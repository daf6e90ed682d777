"""The views database: how it is opened, and the tables that say which consolidator stands where.

`consolidator` names the generation of tables that is live, so switching to a rebuilt one is one update; `generation`
is the checkpoint: it is saved in the transaction that saves the rows, and names the log, the place, and the record
there, so that a log that was restored or exchanged is noticed. Everything in here can be made again from the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import NamedTuple

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    Text,
    insert,
    select,
)

from statewright.machine.record import Record
from statewright.stores.driver import engine_at, make_tables
from statewright.stores.words import START, Place

_PRAGMAS = (
    "journal_mode = WAL",
    # A power cut may take the last transactions, rows and checkpoint together: they are made again from the log.
    "synchronous = NORMAL",
    "cache_size = -8192",
    # A page that many batches touch is copied back once for all of them.
    "wal_autocheckpoint = 8000",
)

_WRITERS_CACHE = "PRAGMA cache_size = -65536"
"""In KiB; for the connections that write, since SQLite drops the cache of all others whenever one has written."""

SYSTEM = MetaData()

consolidator = Table(
    "consolidator",
    SYSTEM,
    Column("name", Text, primary_key=True),
    Column("number", Integer, nullable=False),  # of the code that made the live tables
    Column("live", Integer),
    Column("error", Text),  # why it stopped altogether, None while it runs
    Column("failed_at", BigInteger),
    Column("attempts", Integer, nullable=False, default=0),
)

generation = Table(
    "generation",
    SYSTEM,
    Column("name", Text, primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("phase", Text, nullable=False),  # live, reading, copying, catching_up, retired
    Column("log", Text, nullable=False),
    Column("place", Text, nullable=False),
    # The last transition that was consolidated, and a digest of it:
    Column("type", Text),
    Column("entity", Text),
    Column("version", Integer),
    Column("digest", Text),
    Column("recorded_at", BigInteger, nullable=False, default=0),
    Column("transitions", BigInteger, nullable=False, default=0),
    Column("goal", Text),  # of a rebuild: where the log ended when it began
    Column("tables", Text, nullable=False),  # their names, as JSON
    Column("started_at", BigInteger, nullable=False),
    Column("error", Text),
)

parked = Table(
    "parked",
    SYSTEM,
    Column("name", Text, primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("type", Text, primary_key=True),
    Column("entity", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("held", Integer, nullable=False),
    Column("parked_at", BigInteger, nullable=False),
)

request = Table(
    "request",
    SYSTEM,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),  # rebuild, or retry of one parked entity
    Column("type", Text),
    Column("entity", Text),
    Column("reason", Text),
    Column("asked_at", BigInteger, nullable=False),
)

lease = Table(
    "lease",
    SYSTEM,
    Column("name", Text, primary_key=True),  # of a consolidator, or of what else one process does at a time
    Column("holder", Text),  # None while it is free
    Column("fence", BigInteger, nullable=False),  # counts the takings
    Column("until", BigInteger, nullable=False),  # milliseconds on the database's clock
    Column("generation", Integer, nullable=False),  # the last number given to a generation; none is given twice
)

process = Table(
    "process",
    SYSTEM,
    Column("holder", Text, primary_key=True),
    Column("until", BigInteger, nullable=False),  # when it is taken to be gone, unless it shows up again
)


def opened(url: str) -> Engine:
    """An engine on the views database at `url`, its own tables made where they are missing."""
    # Last in, first out: the runner's one writer at a time then keeps one connection and its cache.
    engine = engine_at(url, _PRAGMAS, may_lose_last=True, pool_use_lifo=True, pool_size=10, max_overflow=50)
    with writing(engine, alone=True) as connection:
        make_tables(connection, SYSTEM)
    return engine


@contextmanager
def writing(engine: Engine, *, alone: bool = False) -> Iterator[Connection]:
    """A transaction that writes: kept when the block is left, undone when it is left by an exception.

    `alone`: no other such one goes on meanwhile. On SQLite nobody else writes in any case.
    """
    with engine.connect().execution_options(writes=True, alone=alone) as connection, connection.begin():
        if engine.dialect.name == "sqlite" and not connection.info.get("writes"):
            connection.exec_driver_sql(_WRITERS_CACHE)
            connection.info["writes"] = True
        yield connection


class Checkpoint(NamedTuple):
    """How far a generation of tables is: the log, the place in it, and the transition before that place."""

    log: str
    place: Place = START
    type: str | None = None
    entity: str | None = None
    version: int | None = None
    digest: str | None = None
    recorded_at: int = 0
    transitions: int = 0

    def after(self, records: int, last: Record, place: Place) -> Checkpoint:
        """The checkpoint after `records` more transitions, the last of which is `last`."""
        return Checkpoint(
            self.log,
            place,
            last.type,
            last.entity,
            last.version,
            digest_of(last),
            last.recorded_at,
            self.transitions + records,
        )


_encode = msgspec.json.Encoder(order="deterministic").encode


def digest_of(record: Record) -> str:
    """What tells `record` from any other that could stand in its place: a hash of its canonical encoding.

    Without its personal values, which an erasure makes unreadable without changing the log.
    """
    told = msgspec.structs.replace(record, sealed={}) if record.sealed else record
    return blake2b(_encode(told), digest_size=16).hexdigest()


class UnknownConsolidator(LookupError):
    """No consolidator has this name; `known` are those there are."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"there is no consolidator {name!r}; there are {', '.join(known)}")
        self.name = name
        self.known = known


def ask_for_rebuild(engine: Engine, name: str, now: int) -> None:
    """Have `name` rebuilt beside its live tables; one that was asked for already is not asked for again.

    The runner sees it when it is woken. `now` in microseconds. Raises UnknownConsolidator.
    """
    with writing(engine, alone=True) as connection:
        _require(connection, name)
        waiting = select(request.c.id).where(request.c.name == name, request.c.kind == "rebuild")
        if connection.execute(waiting).first() is None:
            connection.execute(insert(request).values(name=name, kind="rebuild", asked_at=now))


def ask_for_retry(engine: Engine, name: str, type: str, entity: str, now: int) -> None:
    """Have a parked entity's held transitions tried again. Raises UnknownConsolidator, LookupError if not parked."""
    with writing(engine, alone=True) as connection:
        _require(connection, name)
        row = select(parked.c.entity).where(parked.c.name == name, parked.c.type == type, parked.c.entity == entity)
        if connection.execute(row).first() is None:
            raise LookupError(f"{type}/{entity} is not parked by {name}")
        asked = insert(request).values(name=name, kind="retry", type=type, entity=entity, asked_at=now)
        connection.execute(asked)


def _require(connection: Connection, name: str) -> None:
    known = list(connection.scalars(select(consolidator.c.name).order_by(consolidator.c.name)))
    if name not in known:
        raise UnknownConsolidator(name, known)

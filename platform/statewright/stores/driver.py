"""SQLAlchemy on apsw, so that every database of ours runs on the one SQLite that apsw carries.

The `sqlite3` of many Pythons is built on a SQLite before 3.51.3, whose WAL can be corrupted by two processes that write
at once. `engine_at("sqlite:////data/views.sqlite")` opens through this driver, and `postgresql://…` through
`stores.postgres`. Transactions are SQLAlchemy's: BEGIN comes from us, IMMEDIATE for connections with the execution
option `writes`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakSet

import apsw
from sqlalchemy import Connection, Engine, MetaData, create_engine, event, make_url
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import URL
from sqlalchemy.util import VersionInfo

# What PEP 249 asks of a driver's module; SQLAlchemy is handed this module as it would be handed sqlite3.
apilevel = "2.0"
threadsafety = 1
paramstyle = "qmark"
sqlite_version = apsw.sqlite_lib_version()
sqlite_version_info = tuple(int(part) for part in sqlite_version.split("."))

BUSY_MS = 10_000
"""How long a connection waits for another process's write lock before it gives up."""


class Error(Exception):
    """Anything SQLite refused; SQLAlchemy turns it into its own exception of the same name."""


class InterfaceError(Error):
    """A fault of the driver itself."""


class DatabaseError(Error):
    """A fault of the database."""


class DataError(DatabaseError):
    """A value that does not fit."""


class OperationalError(DatabaseError):
    """Locked, full, missing, or SQL that SQLite cannot run."""


class IntegrityError(DatabaseError):
    """A constraint was broken."""


class InternalError(DatabaseError):
    """SQLite lost its footing."""


class ProgrammingError(DatabaseError):
    """A call that makes no sense, such as the wrong number of parameters."""


class NotSupportedError(DatabaseError):
    """Something this driver does not do."""


_KINDS: tuple[tuple[tuple[type[apsw.Error], ...], type[DatabaseError]], ...] = (
    ((apsw.ConstraintError,), IntegrityError),
    ((apsw.TooBigError, apsw.MismatchError), DataError),
    ((apsw.BindingsError, apsw.MisuseError, apsw.RangeError), ProgrammingError),
    ((apsw.InternalError, apsw.CorruptError), InternalError),
)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        kind = next((kind for classes, kind in _KINDS if isinstance(error, classes)), OperationalError)
        raise kind(str(error)) from error


class Cursor:
    """A cursor as PEP 249 wants it. Statements answer `description` even when they find no row."""

    arraysize = 1

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self.description: Sequence[Any] | None = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    def _describe(self, cursor: apsw.Cursor, _sql: str, _parameters: Any) -> bool:
        # apsw forgets the columns once the last row was read, and a statement without rows is read at once.
        self.description = cursor.get_description() or None
        return True

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Cursor:
        """Run one statement."""
        self.description = None
        self._cursor.exec_trace = self._describe
        before = self._connection.total_changes()
        with _translated():
            self._cursor.execute(sql, tuple(parameters))
        self.lastrowid = self._connection.last_insert_rowid()
        self.rowcount = self._connection.total_changes() - before if self.description is None else -1
        return self

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> Cursor:
        """Run one statement for each of `rows`, in a loop of C."""
        self.description = None
        self._cursor.exec_trace = None
        before = self._connection.total_changes()
        with _translated():
            self._cursor.executemany(sql, rows)
        self.rowcount = self._connection.total_changes() - before
        return self

    def fetchone(self) -> Any:
        """The next row, or None."""
        with _translated():
            return self._cursor.fetchone()

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """The next `size` rows, or fewer at the end."""
        with _translated():
            return [row for _, row in zip(range(size or self.arraysize), self._cursor, strict=False)]

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        with _translated():
            return self._cursor.fetchall()

    def close(self) -> None:
        """Let go of the statement."""
        self._cursor.close(True)


class DriverConnection:
    """A connection as PEP 249 wants it; `apsw` is the connection under it."""

    def __init__(self, filename: str) -> None:
        with _translated():
            self.apsw = apsw.Connection(filename)
        self.apsw.set_busy_timeout(BUSY_MS)
        self._cursors: WeakSet[Cursor] = WeakSet()

    def cursor(self) -> Cursor:
        """A new cursor."""
        cursor = Cursor(self.apsw)
        self._cursors.add(cursor)
        return cursor

    def commit(self) -> None:
        """End the transaction, if one was begun, and keep what it did."""
        if self.apsw.in_transaction:
            with _translated():
                self.apsw.execute("COMMIT")

    def rollback(self) -> None:
        """End the transaction, if one was begun, and undo what it did.

        Cursors that were not read to their end are closed: each would go on holding its snapshot of the database, from
        a connection back in the pool, and no writer could go past it.
        """
        for cursor in list(self._cursors):
            cursor.close()
        if self.apsw.in_transaction:
            with _translated():
                self.apsw.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self.apsw.close(True)


def connect(filename: str) -> DriverConnection:
    """Open a database file, or ":memory:"."""
    return DriverConnection(filename)


class Dialect(SQLiteDialect_pysqlite):
    """SQLAlchemy's SQLite dialect with apsw underneath."""

    driver = "apsw"
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> Any:
        """This module."""
        return sys.modules[__name__]

    def retrieve_dbapi_version(self, dbapi: Any) -> VersionInfo:
        """apsw's own version."""
        return VersionInfo(tuple(int(part) for part in apsw.apsw_version().split(".")))

    def create_connect_args(self, url: URL) -> Any:
        """The file's path; this driver takes no options in the URL."""
        database = url.database or ":memory:"
        return [database if database == ":memory:" else str(Path(database).absolute())], {}

    def on_connect(self) -> Any:
        """Nothing: `regexp` and `floor` are not used here."""
        return None

    def set_isolation_level(self, dbapi_connection: Any, level: Any) -> None:
        """Nothing: SQLite's transactions are serializable, and BEGIN is ours."""

    def detect_autocommit_setting(self, dbapi_conn: Any) -> bool:
        """False: between two transactions nothing is run."""
        return False

    def is_disconnect(self, e: Any, connection: Any, cursor: Any) -> bool:
        """Whether the connection is of no more use."""
        return "closed" in str(e) and isinstance(e, OperationalError)


registry.register("sqlite.apsw", __name__, "Dialect")
registry.register("postgresql.statewright", "statewright.stores.postgres", "Dialect")


CLOCK_MS = {
    "sqlite": "cast(unixepoch('subsec') * 1000 as integer)",
    "postgresql": "cast(extract(epoch from clock_timestamp()) * 1000 as bigint)",
}
"""SQL for the database's own clock, in milliseconds since 1970, by the name of the dialect."""


def engine_at(url: str, pragmas: Sequence[str] = (), *, may_lose_last: bool = False, **options: Any) -> Engine:
    """An engine on the database at `url`; on SQLite each connection first runs `pragmas` ("synchronous = FULL").

    `may_lose_last`: a commit need not be durable before it returns, since what a power cut takes is made again; on a
    server alone, pragmas say it on SQLite. `options` are for the pool of SQLite: connections to a server are few.
    """
    address = make_url(url)
    if address.get_backend_name() == "postgresql":
        from statewright.stores import postgres

        return postgres.engine_at(address, may_lose_last=may_lose_last)
    if address.get_backend_name() != "sqlite":
        raise ValueError(f"{address.get_backend_name()} is not known here; name a database of SQLite or PostgreSQL")
    engine = create_engine(address.set(drivername="sqlite+apsw"), **options)
    _begin_ourselves(engine, pragmas)
    return engine


def make_tables(connection: Connection, tables: MetaData) -> None:
    """Make those of `tables` that are missing, and the schema that the URL names. To be called `alone` (see there)."""
    if connection.dialect.name == "postgresql":
        from statewright.stores import postgres

        postgres.make_schema(connection)
    tables.create_all(connection)


def _begin_ourselves(engine: Engine, pragmas: Sequence[str]) -> None:
    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
            cursor.fetchall()
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # IMMEDIATE takes the one write lock before we look, so that what a writer has read still holds when it writes.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

"""The catalogue's database: how it is opened, how it is written to, and how a change by another process is seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session

from statewright.catalog.tables import Table
from statewright.stores.driver import engine_at, make_tables


def opened(url: str) -> Engine:
    """An engine on the database at `url`, its tables made where they are missing."""
    engine = engine_at(url, ("journal_mode = WAL", "synchronous = FULL"))
    with writing(engine) as session:
        make_tables(session.connection(), Table.metadata)
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """One transaction that writes; durable when the block is left, undone when it is left by an exception."""
    with Session(engine) as session:
        # Alone, since what is written often depends on what was read: a name not taken yet, the next number.
        session.connection(execution_options={"writes": True, "alone": True})
        yield session
        session.commit()


class Watch:
    """Tells whether the database may have changed since the last look: about a microsecond on SQLite.

    On a server it is one short question whose answer changes with the active revisions. To be asked by one thread at a
    time.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._seen: Any = None
        self._connection: Any = None

    def changed(self) -> bool:
        """Whether anyone committed since this was last asked; True the first time."""
        seen = self._seen
        self._seen = self._commits() if self._engine.dialect.name == "sqlite" else self._active()
        return bool(self._seen != seen)

    def _commits(self) -> Any:
        if self._connection is None:
            # A connection of its own: SQLite counts for each the commits of all others, those of our pool too.
            self._connection = self._engine.raw_connection()
            self._connection.detach()
        return self._connection.dbapi_connection.apsw.execute("PRAGMA data_version").get

    def _active(self) -> Any:
        """A digest of what is active. Past SQLAlchemy, since it is asked for every group of events."""
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            return self._connection.connection.driver_connection.execute(_ACTIVE).fetchone()
        except Exception:
            # The server may have started again; once more, and what fails then is told as SQLAlchemy tells it.
            self.close()
            with self._engine.connect() as connection:
                return connection.exec_driver_sql(_ACTIVE).fetchone()

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            if self._engine.dialect.name != "sqlite":
                connection.invalidate()
            connection.close()


_ACTIVE = "select md5(string_agg(type || ':' || revision, ',' order by type)) from revision where status = 'active'"

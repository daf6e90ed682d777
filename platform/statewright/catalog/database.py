"""The catalogue's database: how it is opened, how it is written to, and how a change by another process is seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session

from statewright.catalog.tables import Table
from statewright.stores.driver import engine_at


def opened(url: str) -> Engine:
    """An engine on the database at `url`, its tables made where they are missing."""
    engine = engine_at(url, ("journal_mode = WAL", "synchronous = FULL"))
    with writing(engine) as session:
        Table.metadata.create_all(session.connection())
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """One transaction that writes; durable when the block is left, undone when it is left by an exception."""
    with Session(engine) as session:
        session.connection(execution_options={"writes": True})
        yield session
        session.commit()


class Watch:
    """Tells whether the database may have changed since the last look: about a microsecond on SQLite.

    Elsewhere it cannot tell so cheaply and answers yes. To be asked by one thread at a time.
    """

    def __init__(self, engine: Engine) -> None:
        self._seen: int | None = None
        self._connection: Any = None
        if engine.dialect.name == "sqlite":
            # A connection of its own: SQLite counts for each the commits of all others, those of our pool too.
            self._connection = engine.raw_connection()
            self._connection.detach()

    def changed(self) -> bool:
        """Whether anyone committed since this was last asked; True the first time."""
        if self._connection is None:
            return True
        seen = self._seen
        self._seen = self._connection.dbapi_connection.apsw.execute("PRAGMA data_version").get
        return bool(self._seen != seen)

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()

"""Statewright's log in PostgreSQL. `open_store` is what the entry points of this package name."""

from __future__ import annotations

from pathlib import Path

from statewright_postgres.address import Address
from statewright_postgres.store import PostgresStore

__all__ = ["PostgresStore", "open_store"]


async def open_store(url: str, *, data: Path, read_only: bool = False) -> PostgresStore:
    """The log in the database at `url`, made where there is none. All of it lies there: nothing is kept in `data`.

    `?schema=` at the end of the URL names another schema than `statewright`. Raises StoreRefused for a URL, a server
    or settings that will not do, StoreUnavailable when the server cannot be reached.
    """
    return await PostgresStore.open(Address.of(url), read_only=read_only)

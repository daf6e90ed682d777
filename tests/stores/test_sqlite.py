"""The log in a SQLite file keeps every promise, also when opened again and when two write it."""

from __future__ import annotations

from pathlib import Path

import pytest

from statewright.stores.sqlite import SqliteStore
from statewright.stores.words import EventStore
from statewright.testkit.store import Promise, Stores, keep, name_of, promises_for


def stores_in(folder: Path, *, sole_writer: bool) -> Stores:
    """Logs in files of their own in a folder; a second writer is a second connection to the same file."""
    numbers = iter(range(1_000_000))

    async def empty() -> EventStore:
        return SqliteStore.open(folder / f"{next(numbers)}.db", sole_writer=sole_writer)

    def open_again(store: EventStore) -> EventStore:
        assert isinstance(store, SqliteStore)
        return SqliteStore.open(store.path, sole_writer=sole_writer)

    async def reopen(store: EventStore) -> EventStore:
        await store.close()
        return open_again(store)

    async def second_writer(store: EventStore) -> EventStore:
        return open_again(store)

    return Stores(empty, reopen, None if sole_writer else second_writer)


def promises(*, sole_writer: bool) -> list[Promise]:
    return promises_for(stores_in(Path(), sole_writer=sole_writer))


@pytest.fixture
def alone(tmp_path: Path) -> Stores:
    return stores_in(tmp_path, sole_writer=True)


@pytest.fixture
def shared(tmp_path: Path) -> Stores:
    return stores_in(tmp_path, sole_writer=False)


@pytest.mark.parametrize("promise", promises(sole_writer=True), ids=name_of)
async def test_the_sqlite_store_keeps_its_promise(promise: Promise, alone: Stores):
    await keep(promise, alone)


@pytest.mark.parametrize("promise", promises(sole_writer=False), ids=name_of)
async def test_a_sqlite_log_with_two_writers_keeps_its_promise(promise: Promise, shared: Stores):
    await keep(promise, shared)

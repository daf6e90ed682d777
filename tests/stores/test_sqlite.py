"""The log in a SQLite file keeps every promise, also when opened again and when two write it."""

from __future__ import annotations

from pathlib import Path

import pytest

from statewright.stores.sqlite import SqliteStore
from statewright.stores.words import START, EventStore, Ref
from statewright.testkit.store import Promise, Stores, keep, name_of, promises_for
from statewright.testkit.store.writing import command, move


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


@pytest.mark.parametrize("size", [1, 7, 8, 499, 501, 777])
async def test_a_group_of_any_size_is_written_whole_and_in_order(size: int, alone: Stores):
    store = await alone.empty()
    group = [command(f"c-{number}", move(Ref("cart", str(number)), None)) for number in range(size)]
    await store.append(group)
    read = (await store.read(START, 1_000)).records
    await store.close()

    assert [(record.position, record.entity) for record in read] == [(n + 1, str(n)) for n in range(size)]

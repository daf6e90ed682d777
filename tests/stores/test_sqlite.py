"""The log in a SQLite file keeps every promise, also when opened again and when two write it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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


def all_but(*known: str, sole_writer: bool) -> list[Any]:
    """The promises, those that the store is known to break marked so that mending one is noticed."""
    broken = pytest.mark.xfail(strict=True, reason="a snapshot is taken before the stamp is known")
    promises = promises_for(stores_in(Path(), sole_writer=sole_writer))
    return [pytest.param(one, marks=broken) if one.name in known else one for one in promises]


@pytest.fixture
def alone(tmp_path: Path) -> Stores:
    return stores_in(tmp_path, sole_writer=True)


@pytest.fixture
def shared(tmp_path: Path) -> Stores:
    return stores_in(tmp_path, sole_writer=False)


@pytest.mark.parametrize("promise", all_but("a_head_keeps_time_when_the_clock_falls", sole_writer=True), ids=name_of)
async def test_the_sqlite_store_keeps_its_promise(promise: Promise, alone: Stores):
    await keep(promise, alone)


@pytest.mark.parametrize("promise", all_but("a_head_keeps_time_when_the_clock_falls", sole_writer=False), ids=name_of)
async def test_a_sqlite_log_with_two_writers_keeps_its_promise(promise: Promise, shared: Stores):
    await keep(promise, shared)

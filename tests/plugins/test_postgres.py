"""The log in PostgreSQL keeps every promise, also when opened again and when several write it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from statewright.stores.words import EventStore
from statewright.testkit.store import Promise, Stores, keep, name_of, promises_for
from statewright_postgres import PostgresStore, open_store


def stores_at(new_log: Callable[[], str]) -> Stores:
    """Logs in schemas of their own; a second writer has connections of its own to the same one."""
    urls: dict[str, str] = {}

    async def empty() -> EventStore:
        url = new_log()
        store = await open_store(url, data=Path())
        urls[store.log_id] = url
        return store

    async def second_writer(store: EventStore) -> EventStore:
        assert isinstance(store, PostgresStore)
        return await open_store(urls[store.log_id], data=Path())

    async def reopen(store: EventStore) -> EventStore:
        await store.close()
        return await second_writer(store)

    return Stores(empty, reopen, second_writer)


@pytest.mark.parametrize("promise", promises_for(stores_at(str)), ids=name_of)
async def test_the_postgres_store_keeps_its_promise(promise: Promise, new_log: Callable[[], str]) -> None:
    await keep(promise, stores_at(new_log))

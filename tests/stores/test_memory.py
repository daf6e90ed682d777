"""The log in memory keeps every promise that does not need a disk."""

from __future__ import annotations

import pytest

from statewright.stores.memory import MemoryStore
from statewright.stores.words import EventStore
from statewright.testkit.store import Promise, Stores, keep, name_of, promises_for


async def empty() -> EventStore:
    return MemoryStore()


async def empty_and_shared() -> EventStore:
    return MemoryStore(sole_writer=False)


async def the_same(store: EventStore) -> EventStore:
    """In memory the one store serves both writers."""
    return store


ALONE = Stores(empty)
SHARED = Stores(empty_and_shared, second_writer=the_same)


@pytest.mark.parametrize("promise", promises_for(ALONE), ids=name_of)
async def test_the_memory_store_keeps_its_promise(promise: Promise):
    await keep(promise, ALONE)


@pytest.mark.parametrize("promise", promises_for(SHARED), ids=name_of)
async def test_a_memory_store_with_two_writers_keeps_its_promise(promise: Promise):
    await keep(promise, SHARED)

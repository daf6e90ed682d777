from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from statewright.stores.words import EventStore
from statewright.testkit.store import Stores
from tests.plugins.nats.cluster import Cluster, binary

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three servers that stay as they are; who kills one has his own."""
    if binary() is None:
        pytest.skip("there is no nats-server: install the development tools")
    with Cluster(tmp_path_factory.mktemp("nats")) as running:
        yield running


@pytest.fixture
def log_name() -> str:
    """The name of a log that nobody has used."""
    return f"log{next(_numbers)}"


def stores_on(cluster: Cluster, folder: Path, **settings: object) -> Stores:
    """New logs on a cluster; a second writer is a second machine: an index of its own."""
    from statewright_nats import open_store

    urls: dict[str, str] = {}
    folders: dict[str, Path] = {}

    async def opened(url: str, data: Path) -> EventStore:
        store = await open_store(url, data=data)
        urls[store.log_id] = url
        folders.setdefault(store.log_id, data)
        return store

    async def empty() -> EventStore:
        name = f"log{next(_numbers)}"
        return await opened(cluster.url(name, **settings), folder / name)

    async def reopen(store: EventStore) -> EventStore:
        await store.close()
        return await opened(urls[store.log_id], folders[store.log_id])

    async def second_writer(store: EventStore) -> EventStore:
        return await opened(urls[store.log_id], folders[store.log_id] / "elsewhere")

    return Stores(empty, reopen, second_writer)

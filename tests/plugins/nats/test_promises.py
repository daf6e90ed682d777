"""The log on a cluster of three keeps every promise, in one stream and spread over several."""

from __future__ import annotations

from pathlib import Path

import pytest

from statewright.testkit.store import Promise, keep, name_of, promises_for
from tests.plugins.nats.cluster import Cluster
from tests.plugins.nats.conftest import stores_on


def promises() -> list[Promise]:
    return promises_for(stores_on(Cluster(Path()), Path()))


@pytest.mark.parametrize("promise", promises(), ids=name_of)
async def test_a_log_in_one_stream_keeps_its_promise(promise: Promise, cluster: Cluster, tmp_path: Path):
    await keep(promise, stores_on(cluster, tmp_path))


@pytest.mark.parametrize("promise", promises(), ids=name_of)
async def test_a_spread_log_keeps_its_promise(promise: Promise, cluster: Cluster, tmp_path: Path):
    await keep(promise, stores_on(cluster, tmp_path, streams=3))

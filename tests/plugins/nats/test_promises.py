"""The log on a cluster of three keeps every promise, in one stream and spread over several."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from statewright.testkit.store import Promise, keep, name_of, promises_for
from statewright.testkit.store.moving import PROMISES as MOVING
from statewright.testkit.store.order import PROMISES as ORDER
from tests.plugins.nats.cluster import Cluster
from tests.plugins.nats.conftest import stores_on

EVERY = os.environ.get("STATEWRIGHT_NATS_EVERY_PROMISE") == "1"
"""Whether a spread log is asked for all of the contract, or for what differs there: moving, order, places."""
ABOUT_PLACES = {check.__name__ for check in (*MOVING, *ORDER)}


def promises() -> list[Promise]:
    return promises_for(stores_on(Cluster(Path()), Path()))


@pytest.mark.parametrize("promise", promises(), ids=name_of)
async def test_a_log_in_one_stream_keeps_its_promise(promise: Promise, cluster: Cluster, tmp_path: Path):
    await keep(promise, stores_on(cluster, tmp_path))


@pytest.mark.parametrize("promise", [one for one in promises() if EVERY or one.name in ABOUT_PLACES], ids=name_of)
async def test_a_spread_log_keeps_its_promise(
    promise: Promise, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """With the contract's entities in one stream, since some of its commands are over several of them."""
    monkeypatch.setattr("statewright_nats.spread.partition_of", lambda _ref, count: count - 1)
    await keep(promise, stores_on(cluster, tmp_path, streams=2))

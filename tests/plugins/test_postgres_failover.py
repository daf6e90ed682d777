"""A synchronous standby takes over from a primary that is killed: what was acknowledged is there, and nothing twice.

The primary's sender is stalled first. Otherwise the standby has all there is when the primary is killed, and no commit
stands between the two: a store that acknowledges before the standby has heard of it would pass.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from statewright.catalog import Catalog
from statewright.commands import Committer
from statewright.testkit.store.writing import whole_log
from statewright_postgres import open_store
from tests.acceptance.lamp import LAMP
from tests.plugins.callers import Caller, require_acknowledged, require_one_history
from tests.postgresql import Server, programs

PATIENCE_S = 60.0


@pytest.fixture
def primary() -> Iterator[Server]:
    if programs() is None:
        pytest.skip("no PostgreSQL server on this machine; on Debian: apt-get install postgresql")
    server = Server.make()
    yield server
    server.discard()


@pytest.fixture
def standby(primary: Server) -> Iterator[Server]:
    server = primary.standby()
    primary.set("synchronous_standby_names = 'follower'")
    yield server
    server.discard()


async def test_what_was_acknowledged_survives_a_primary_whose_sender_had_stalled(
    primary: Server, standby: Server, tmp_path: Path
) -> None:
    catalog = Catalog.open(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    catalog.register(LAMP, activate=True)
    await _until(primary, "select count(*) from pg_stat_replication where sync_state = 'sync'")
    hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
    store = await open_store(f"postgresql://statewright@{hosts}/postgres", data=tmp_path)
    committer = Committer(store, catalog)
    callers = [Caller(committer, name) for name in range(12)]
    async with asyncio.timeout(PATIENCE_S):
        while sum(len(caller.told) for caller in callers) < 100:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    for sender in primary.session("walsender"):
        os.kill(sender, signal.SIGSTOP)
    await _until(primary, _WAITING)
    told = sum(len(caller.told) for caller in callers)
    # A hand that breaks off the wait: the server commits, with a warning, what the standby has not heard of.
    await _ask(primary, f"select pg_cancel_backend(pid) from ({_WAITERS}) as waiters")
    await asyncio.sleep(0.5)
    assert sum(len(caller.told) for caller in callers) == told, "acknowledged, though no standby has it"
    primary.kill()
    standby.promote()
    async with asyncio.timeout(PATIENCE_S):
        while sum(len(caller.told) for caller in callers) < told + 100:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    for caller in callers:
        await caller.stop()
    log = await whole_log(store)
    await committer.close()
    await store.close()
    catalog.close()

    require_one_history(log)
    assert require_acknowledged(callers, log) >= 200


_WAITERS = "select pid from pg_stat_activity where wait_event = 'SyncRep'"
_WAITING = f"select count(*) from ({_WAITERS}) as waiters"


async def _until(server: Server, asked: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await _ask(server, asked):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def _ask(server: Server, asked: str) -> Any:
    connection = await asyncpg.connect(server.url())
    try:
        return await connection.fetchval(asked)
    finally:
        await connection.close()

"""Servers with all they keep in one PostgreSQL decide as others do, and share one history while they are killed."""

from __future__ import annotations

import asyncio
import gzip
import os
import random
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from statewright.machine.record import Record
from statewright.testkit.store.writing import whole_log
from statewright_postgres import open_store
from tests.acceptance.serving import Ledger, Serving, callers_of
from tests.acceptance.test_kill import require_one_history, require_views_that_add_up
from tests.acceptance.test_logs import latest_place, replay, views_agree
from tests.postgresql import Server
from tests.views.incidents import oracle_of
from tests.views.test_oracle import LOGS

ROUNDS = int(os.environ.get("STATEWRIGHT_KILLS", "2"))
LAMPS = 60
CALLERS = 12
ALL_LOGS = os.environ.get("STATEWRIGHT_ALL_LOGS") == "1"


def store_of(server: Server, tmp_path: Path) -> str:
    """The URL of a log that this test alone has."""
    return server.url(query=f"?schema=of_{abs(hash(tmp_path)) % 10**9}")


@pytest.mark.parametrize(("log", "name"), LOGS if ALL_LOGS else LOGS[:1], ids=lambda value: str(value))
async def test_a_log_posted_to_a_server_on_postgres_is_decided_and_shown_as_the_oracle_says(
    logs: Path, tmp_path: Path, postgresql: Server, log: str, name: str
) -> None:
    decisions = tmp_path / "decisions"
    with Serving(tmp_path / "data", "--store", store_of(postgresql, tmp_path)) as serving:
        replay(serving.url, logs / f"{log}.ndjson.gz", sorted((logs / "definitions").glob(f"{name}.*.json")), decisions)
        async with aiohttp.ClientSession(serving.url) as session:
            place = await latest_place(session)
            for type, expected in oracle_of(logs, name).items():
                await views_agree(session, type, expected, f"min_place={place}&wait=30")
        assert serving.stop() == 0

    assert decisions.read_bytes() == gzip.decompress((logs / "oracle" / f"{name}.decisions.gz").read_bytes())


async def test_servers_that_are_killed_in_turn_share_one_history(tmp_path: Path, postgresql: Server) -> None:
    store, ledger, chance = store_of(postgresql, tmp_path), Ledger(LAMPS), random.Random(3)
    with Serving(tmp_path / "stays", "--store", store) as stays:
        async with callers_of(stays) as staying:
            for number in range(ROUNDS):
                with Serving(tmp_path / "killed", "--store", store) as killed:
                    await _load_both(stays, staying, killed, ledger, number, chance.uniform(0.5, 1.0))
            for command in sorted(ledger.unanswered):
                await ledger.send(staying, command, ledger.asked[command])
            records = await _whole_log(store)
            require_one_history(records, ledger)
            require_told(records, ledger)
            await require_views_that_add_up(staying, records)
        assert stays.stop() == 0
    assert len(ledger.told) > 30 * ROUNDS, "there was too little load for this to mean anything"


async def _load_both(
    stays: Serving, staying: aiohttp.ClientSession, killed: Serving, ledger: Ledger, number: int, after_s: float
) -> None:
    """Load on both servers until one is killed; the callers of the other one go on, and are then called off."""
    async with AsyncExitStack() as stack:
        dying = await stack.enter_async_context(callers_of(killed))
        on_one = [asyncio.create_task(ledger.keep_switching(dying, f"{number}-a-{one}")) for one in range(CALLERS)]
        on_other = [asyncio.create_task(ledger.keep_switching(staying, f"{number}-b-{one}")) for one in range(CALLERS)]
        await asyncio.sleep(after_s)
        killed.kill(all_of_it=number % 2 == 0)
        await asyncio.gather(*on_one)
        await asyncio.sleep(0.2)
        for task in on_other:
            task.cancel()
        await asyncio.gather(*on_other, return_exceptions=True)


def require_told(records: list[Record], ledger: Ledger) -> None:
    """What callers were told stands in the log as they were told it."""
    stands = {record.command: (record.position, record.version) for record in records}
    told = {command: (document["position"], document["version"]) for command, document in ledger.told.items()}
    assert told.items() <= stands.items()


async def _whole_log(url: str) -> list[Record]:
    store = await open_store(url, data=Path(), read_only=True)
    try:
        return await whole_log(store, page=10_000)
    finally:
        await store.close()

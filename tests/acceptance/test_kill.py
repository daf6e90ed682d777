"""`kill -9` under load, over and over: what was acknowledged is there, and the views are what the log adds up to.

`STATEWRIGHT_KILLS` sets how often (8).
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from statewright.machine.record import Record
from statewright.stores.sqlite import SqliteStore
from statewright.stores.words import START, Place
from tests.acceptance.adding_up import counts_of, entities_of, flow_of, stays_of, whole_log
from tests.acceptance.serving import Ledger, Serving, callers_of, get

ROUNDS = int(os.environ.get("STATEWRIGHT_KILLS", "8"))
LAMPS = 60
SINGLE_CALLERS, MANY_CALLERS = 16, 2


async def test_what_was_acknowledged_survives_kill_9_over_and_over(tmp_path: Path):
    data, ledger, place = tmp_path / "data", Ledger(LAMPS), START
    chance = random.Random(9)
    for number in range(ROUNDS):
        await _load_until_killed(data, ledger, number, chance.uniform(0.1, 0.6))
        place = await _require_what_was_acknowledged(data, ledger, place)

    assert len(ledger.told) > 100 * ROUNDS, "there was too little load for this to mean anything"
    with Serving(data) as serving:
        async with callers_of(serving) as session:
            for command in sorted(ledger.unanswered):
                await ledger.send(session, command, ledger.asked[command])
            records = await whole_log(data)
            _require_one_history(records, ledger)
            await _require_views_that_add_up(session, records)
        assert serving.stop() == 0


async def _load_until_killed(data: Path, ledger: Ledger, number: int, after_s: float) -> None:
    with Serving(data) as serving:
        async with callers_of(serving) as session:
            load = asyncio.gather(
                *(ledger.keep_switching(session, f"{number}-one-{caller}") for caller in range(SINGLE_CALLERS)),
                *(ledger.keep_sending_many(session, f"{number}-many-{caller}") for caller in range(MANY_CALLERS)),
            )
            await asyncio.sleep(after_s)
            # The machine goes down, or only the API does: then the other process must see to its own end.
            serving.kill(all_of_it=number % 2 == 0)
            await load


async def _require_what_was_acknowledged(data: Path, ledger: Ledger, place: Place) -> Place:
    """All that callers were told of transitions after `place` stands in the log, as they were told it."""
    store = SqliteStore.open(data / "log.sqlite", read_only=True)
    try:
        while (batch := await store.read(place, 10_000)).records:
            for record in batch.records:
                told = ledger.told.get(record.command)
                if told is not None:
                    assert (told["position"], told["version"]) == (record.position, record.version), record.command
                    told["stands"] = True
            place = batch.place
    finally:
        await store.close()
    lost = [command for command, told in ledger.told.items() if "stands" not in told]
    assert not lost, f"{len(lost)} acknowledged transitions are gone, {lost[:5]} among them"
    return place


def _require_one_history(records: Sequence[Record], ledger: Ledger) -> None:
    """Every command once, every version once and without gap, positions and times that rise."""
    commands = Counter(record.command for record in records)
    assert commands.keys() == ledger.asked.keys()
    assert set(commands.values()) == {1}
    assert not ledger.turned_away
    assert all(one.position < next.position and one.recorded_at <= next.recorded_at for one, next in pairwise(records))
    versions: dict[str, int] = {}
    for record in records:
        assert record.version == versions.get(record.entity, 0) + 1, f"{record.entity} at position {record.position}"
        versions[record.entity] = record.version


async def _require_views_that_add_up(session: aiohttp.ClientSession, records: Sequence[Record]) -> None:
    last = records[-1].position
    counts = await get(session, f"/api/v1/views/counts?type=lamp&min_place={last}&wait=30")
    stays = await get(session, f"/api/v1/views/stays?type=lamp&min_place={last}&wait=30")
    flow = await get(session, f"/api/v1/views/flow?type=lamp&min_place={last}&wait=30")
    listed = await get(session, "/api/v1/entities/lamp?limit=1000")

    assert counts["states"] == counts_of(records)
    assert {one["entity"]: _as_folded(one) for one in listed["items"]} == entities_of(records)
    assert {(one["from"], one["event"], one["to"]): one["count"] for one in flow["transitions"]} == flow_of(records)
    assert {one["state"]: _as_added_up(one) for one in stays["items"]} == {
        state: pytest.approx(figures) for state, figures in stays_of(records).items()
    }
    assert not any(one["parked"] for one in (await get(session, "/api/v1/consolidators"))["items"])


def _as_folded(listed: dict[str, Any]) -> tuple[Any, ...]:
    return listed["state"], listed["data"], listed["version"], listed["since"]


def _as_added_up(stays: dict[str, Any]) -> tuple[Any, ...]:
    seconds = stays["seconds"] or {}
    return stays["ended"], stays["open"], seconds.get("p50"), seconds.get("p99"), seconds.get("longest")

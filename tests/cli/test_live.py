"""What `statewright demo --live` moves, and what it leaves alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from statewright import consolidators
from statewright.cli.bundled import bundled_definitions
from statewright.cli.demo import fill
from statewright.cli.embedded import embedded
from statewright.cli.live import Mover, made_by_the_demo
from statewright.cli.replaying import register
from statewright.cli.servers import Server, once
from statewright.settings import Settings
from statewright.stores.sqlite import SqliteStore

ORDER = next(file for file in bundled_definitions() if file.stem == "order")


@asynccontextmanager
async def viewed(settings: Settings) -> AsyncGenerator[consolidators.Runner, None]:
    """Consolidators at work on the installation, as a running server has them."""
    store, engine = SqliteStore.open(settings.log, read_only=True), consolidators.opened(settings.views_url)
    runner = consolidators.Runner(store, engine)
    task = asyncio.create_task(runner.run())
    try:
        yield runner
    finally:
        runner.stop()
        await task
        await store.close()
        engine.dispose()


async def move_often(server: Server, runner: consolidators.Runner) -> None:
    """Let the demo move orders until the views have shown it what there is, and it has moved some of it."""
    mover = Mover(server, Random(1))
    async with asyncio.timeout(60):
        while not await has_views(server):
            runner.waker.ring_from_thread()
            await asyncio.sleep(0.02)
    for _ in range(60):
        runner.waker.ring_from_thread()
        await asyncio.sleep(0.02)
        await mover.move("order")


async def has_views(server: Server) -> bool:
    async with server.get("/entities/order?limit=1") as answer:
        assert answer.status in (200, 504)
        return answer.status == 200


async def moved(server: Server) -> dict[str, int]:
    """How many transitions each order has."""
    async with server.get("/transitions?type=order&limit=10000") as answer:
        items: list[dict[str, Any]] = msgspec.json.decode(await answer.text())["items"]
    entities = [item["entity"] for item in items]
    return {entity: entities.count(entity) for entity in entities}


async def test_orders_of_the_user_are_left_alone(tmp_path: Path):
    theirs = ["42", "tour-1", "order-7", "order-mine"]
    settings = Settings(data=tmp_path)
    async with embedded(settings) as server, viewed(settings) as runner:
        await register(server, ORDER.read_bytes(), "order")
        for entity in theirs:
            body = {"id": entity, "data": {"customer": "C-1042", "total": 4900}}
            async with server.post("/entities/order", "application/json", once(msgspec.json.encode(body))) as answer:
                assert answer.status == 201
        await move_often(server, runner)
        transitions = await moved(server)

    assert {entity: transitions.pop(entity) for entity in theirs} == dict.fromkeys(theirs, 1)
    assert max(transitions.values()) > 1


async def test_the_histories_that_the_demo_made_go_on(tmp_path: Path):
    settings = Settings(data=tmp_path)
    await fill(settings, [ORDER], entities=12, days=3, seed=1)
    async with embedded(settings) as server, viewed(settings) as runner:
        before = await moved(server)
        await move_often(server, runner)
        after = await moved(server)

    assert any(after[entity] > count for entity, count in before.items())


@pytest.mark.parametrize(
    ("entity", "made"),
    [("order-00001", True), ("order-a1b2c3", True), ("42", False), ("order-7", False), ("permit-00001", False)],
)
def test_an_id_says_whether_the_demo_made_it(entity: str, made: bool):
    assert made_by_the_demo("order", entity) is made

"""Timers over `kill -9`: each fires once, late after a time without a server, and never one too many."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp

from tests.acceptance.serving import Serving, callers_of, get, register

ENTITIES = 40
OFFER = {
    "id": "offer",
    "creation": "implicit",
    "initial": "open",
    "states": {
        "open": {"on": {"NOTE": {}, "ASK": {"target": "open", "reenter": True}}, "after": {"PT1S": "reminded"}},
        "reminded": {"after": {"PT1S": "lapsed"}},
        "lapsed": {"type": "final"},
    },
}
LIFE = ["ASK", "after.PT1S.open", "after.PT1S.reminded"]


async def test_every_timer_fires_once_whatever_is_killed_in_between(tmp_path: Path):
    data = tmp_path / "data"
    with Serving(data) as serving:
        async with callers_of(serving) as session:
            await register(session, json.dumps(OFFER).encode())
            await asyncio.gather(*(ask(session, id) for id in range(ENTITIES)))
            serving.kill()
    await asyncio.sleep(1.2)  # the first timers come due while nobody is there

    for _ in range(4):  # and the second ones while servers come and go
        with Serving(data) as serving:
            await asyncio.sleep(1.5)
            serving.kill()

    with Serving(data) as serving:
        async with callers_of(serving) as session:
            histories = await until_all_have_lapsed(session)
        assert serving.stop() == 0
    assert all([step["event"] for step in history] == LIFE for history in histories)
    assert all(step["occurred_at"] <= step["recorded_at"] for history in histories for step in history[1:])


async def ask(session: aiohttp.ClientSession, id: int) -> None:
    async with session.post(f"/api/v1/entities/offer/{id}/transitions", json={"event": "ASK"}) as answer:
        assert answer.status == 201, await answer.text()


async def until_all_have_lapsed(session: aiohttp.ClientSession) -> list[list[dict[str, Any]]]:
    async with asyncio.timeout(60):
        while True:
            async with session.get("/api/v1/views/counts?type=offer") as answer:  # 504 until the views are there
                if answer.status == 200 and (await answer.json())["states"] == {"lapsed": ENTITIES}:
                    break
            await asyncio.sleep(0.1)
    pages = [await get(session, f"/api/v1/entities/offer/{id}/transitions") for id in range(ENTITIES)]
    return [page["items"] for page in pages]

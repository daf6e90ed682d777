"""A whole API in memory, behind its front door."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from litestar import Litestar
from litestar.exceptions import HTTPException
from msgspec import Struct
from sqlalchemy import Engine

from statewright import consolidators
from statewright.catalog import Catalog
from statewright.commands import Committer
from statewright.consolidators import Runner, ask_for_rebuild
from statewright.http.heads import Heads
from statewright.http.hot import HotPath
from statewright.http.rooms import Rooms
from statewright.http.routes import answer_problem, api
from statewright.stores.memory import MemoryStore
from statewright.views import Views

HOUSE = Path(__file__).parents[2]
ORDER = (HOUSE / "definitions" / "order.json").read_bytes()
LIGHT = b"""{
  "id": "light", "creation": "implicit", "initial": "red", "keep": "*", "roles": {"mechanic": {}},
  "states": {
    "red": {"tags": ["waiting"], "on": {"NEXT": "green", "STAY": {}}},
    "green": {"tags": ["active"], "on": {"NEXT": "red", "BREAK": {"target": "broken", "allow": ["mechanic"]}}},
    "broken": {"type": "final", "tags": ["danger"]}
  }
}"""
"""A definition that asks for little: no schemas, entities that come to be with their first event."""


class Server(Struct):
    """The API as a caller sees it, and the rooms behind it."""

    client: httpx.AsyncClient
    rooms: Rooms
    engine: Engine

    async def get(self, path: str, **how: object) -> httpx.Response:
        return await self.client.get(f"/api/v1{path}", **how)  # type: ignore[arg-type]  # what httpx takes

    async def post(self, path: str, body: object = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(f"/api/v1{path}", json=body, headers=named)

    async def register(self, document: bytes, *, activate: bool = True) -> httpx.Response:
        return await self.client.post(
            f"/api/v1/definitions?activate={str(activate).lower()}",
            content=document,
            headers={"Content-Type": "application/json"},
        )

    async def send(self, type: str, entity: str, event: str, **body: object) -> httpx.Response:
        return await self.post(f"/entities/{type}/{entity}/transitions", {"event": event, **body})


def front_door(rooms: Rooms) -> HotPath:
    """The application as `app` builds it, without the pages."""
    handlers = {HTTPException: answer_problem, Exception: answer_problem}
    framework = Litestar(api(rooms), exception_handlers=handlers, openapi_config=None, logging_config=None)
    return HotPath(Heads(framework), rooms.committer)  # type: ignore[arg-type]  # its scopes are narrower


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """An API over a log in memory, with `light` registered and active."""
    catalog = Catalog.open(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    engine = consolidators.opened(f"sqlite:///{tmp_path / 'views.sqlite'}")
    store = MemoryStore()
    committer = Committer(store, catalog)

    def rebuild(name: str) -> None:
        ask_for_rebuild(engine, name, time.time_ns() // 1_000)

    rooms = Rooms(store, catalog, committer, Views(engine), rebuild)
    transport = httpx.ASGITransport(front_door(rooms), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://statewright.test") as client:
        server = Server(client, rooms, engine)
        assert (await server.register(LIGHT)).status_code == 201
        yield server
    rooms.close()
    await committer.close()
    catalog.close()
    engine.dispose()


@pytest.fixture
async def consolidated(server: Server) -> AsyncIterator[Server]:
    """The same with its consolidators running."""
    runner = Runner(server.rooms.store, server.engine)
    running = asyncio.create_task(runner.run())
    yield server
    runner.stop()
    await running

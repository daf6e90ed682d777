"""The pages in memory, with a catalogue, a log and consolidators behind them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar
from msgspec import Struct

from statewright import consolidators
from statewright.catalog import Catalog
from statewright.commands import Answer, Asking, Committer, Done, SendEvent, Timers, digest_of
from statewright.consolidators import Runner
from statewright.machine.record import Actor
from statewright.stores.memory import MemoryStore
from statewright.stores.words import Ref
from statewright.views import Views
from statewright_ui import Needs, no_such_page, pages
from statewright_ui.pulse import Pulse

HOUSE = Path(__file__).parents[2]
ROLES = ("customer", "payments", "accounts", "warehouse", "carrier", "desk")


class Site(Struct):
    """The pages as a browser asks for them, and the rooms behind them."""

    client: httpx.AsyncClient
    needs: Needs
    committer: Committer
    runner: Runner

    async def page(self, path: str) -> httpx.Response:
        return await self.client.get(path)

    async def part(self, path: str, id: str) -> httpx.Response:
        """What htmx gets when it fills the element with `id`."""
        return await self.client.get(path, headers={"HX-Request-Type": "partial", "HX-Target": f"div#{id}"})

    async def send(self, entity: str, event: str | None, type: str = "order", **data: Any) -> int:
        """Send an event (None creates) and give its position; it must be recorded."""
        answer = await self.ask(entity, event, type, **data)
        assert isinstance(answer, Done), answer
        return answer.record.position

    async def ask(self, entity: str, event: str | None, type: str = "order", **data: Any) -> Answer:
        """Send an event that may be refused."""
        send = SendEvent(Ref(type, entity), event, data, actor=Actor("anna", ROLES))
        send.digest = digest_of(send)
        return await self.committer.send(send)

    async def order(self, entity: str = "42") -> None:
        """An order with a payment awaited."""
        await self.send(entity, None, customer="C-1042", total=9900)
        await self.send(entity, "SUBMIT", address="Lindenallee 4, Bremen")

    async def consolidate(self) -> None:
        """Wait until the views show all that is in the log."""
        place = await self.needs.store.latest_place()
        for name in [made.name for made in consolidators.BUILT_IN]:
            assert await self.needs.views.wait_for(name, place, 60)


class NeverDue:
    """Deadlines for timers that no test of a page wants to fire."""

    def due(self, before: int, after: Any, limit: int) -> list[Any]:
        return []

    def next_due(self, after: int) -> None:
        return None


@pytest.fixture
async def bare(tmp_path: Path) -> AsyncIterator[Site]:
    """Pages over an installation in which nothing was registered and no view was ever built."""
    catalog = Catalog.open(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    engine = consolidators.opened(f"sqlite:///{tmp_path / 'views.sqlite'}")
    store = MemoryStore()
    views = Views(engine)
    runner = Runner(store, engine)
    committer = Committer(store, catalog, recorded=runner.waker.ring)
    timers = Timers(committer, NeverDue(), look_s=3600)
    needs = Needs(catalog, store, Asking(store, catalog), views, Pulse(store, views), timers)
    app = Litestar(
        [pages(needs)], exception_handlers={Exception: no_such_page}, openapi_config=None, logging_config=None
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)  # type: ignore[arg-type]  # its scopes are narrower
    async with httpx.AsyncClient(transport=transport, base_url="http://statewright.test") as client:
        yield Site(client, needs, committer, runner)
    needs.pulse.close()
    await committer.close()
    views.close()
    catalog.close()
    engine.dispose()


@pytest.fixture
async def site(bare: Site) -> AsyncIterator[Site]:
    """The same with `order` registered and the consolidators running."""
    bare.needs.catalog.register((HOUSE / "definitions" / "order.json").read_bytes(), activate=True)
    running = asyncio.create_task(bare.runner.run())
    yield bare
    bare.runner.stop()
    await running

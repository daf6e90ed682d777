"""Timers: what is due is fired once, in order, late rather than never; what fails stays due and is told."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from statewright import consolidators
from statewright.catalog import Catalog
from statewright.commands import Committer, SendEvent, Timers
from statewright.consolidators import Runner, Turn
from statewright.machine.record import Record
from statewright.stores.memory import MemoryStore
from statewright.stores.words import Append, Outcome, Ref, StoreUnavailable
from statewright.views import BEGINNING, Cursor, Deadline, Views

HOUR = 3_600_000_000
NOON = 1_800_000_000_000_000
OFFER = {
    "id": "offer",
    "creation": "implicit",
    "initial": "open",
    "keep": "*",
    "states": {
        "open": {
            "after": {"PT1H": {"context": {"reminded": True}}, "PT2H": [{"target": "lapsed", "guard": "unpaid"}]},
            "on": {"TAKE": "taken", "NOTE": {"keep": "*"}},
        },
        "taken": {"type": "final"},
        "lapsed": {"type": "final"},
    },
    "guards": {"unpaid": {"when": {"@expr": "context.paid == false"}}},
}


class Clock(Struct):
    """The time, which moves when it is told to."""

    now: int = NOON

    def __call__(self) -> int:
        return self.now


class FlakyStore(MemoryStore):
    """A log that cannot be written while `away`."""

    away = False

    async def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        if self.away:
            raise StoreUnavailable("gone for a moment")
        return await super().append(group)


class World:
    """A log, a committer and the views, all by one clock."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.store = FlakyStore()
        self.catalog = Catalog.open(f"sqlite:///{folder / 'catalog.sqlite'}")
        self.catalog.register(json.dumps(OFFER).encode(), activate=True)
        self.committer = Committer(self.store, self.catalog, clock=self.clock)
        self.engine = consolidators.opened(f"sqlite:///{folder / 'views.sqlite'}")
        self.views = Views(self.engine)

    def timers(self) -> Timers:
        return Timers(self.committer, self, clock=self.clock)

    def due(self, before: int, after: Cursor | None, limit: int) -> Sequence[Deadline]:
        return self.views.deadlines(before, after=after or BEGINNING, limit=limit).items

    def next_due(self, after: int) -> int | None:
        return self.views.next_due(after)

    async def send(self, id: str, event: str, **data: Any) -> None:
        await self.committer.send(SendEvent(Ref("offer", id), event, data))

    async def seen(self) -> None:
        """Return when the views show the whole log."""
        for view in ("entities", "deadlines"):
            assert await self.views.wait_for(view, await self.store.latest_place(), 60)

    async def history(self, id: str) -> list[Record]:
        return list(await self.store.read_entity(Ref("offer", id)))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    runner = Runner(world.store, world.engine)
    running = asyncio.create_task(runner.run())
    yield world
    runner.stop()
    await running
    await world.committer.close()
    world.views.close()
    world.catalog.close()


async def test_a_timer_fires_when_it_is_due_and_not_before(world: World) -> None:
    await world.send("1", "NOTE", paid=False)
    await world.seen()
    timers = world.timers()

    world.clock.now = NOON + HOUR - 1
    assert await timers.look() == 0
    world.clock.now = NOON + HOUR + 500
    assert await timers.look() == 1

    fired = (await world.history("1"))[-1]
    assert (fired.kind, fired.event, fired.occurred_at) == ("timer", "after.PT1H.open", NOON + HOUR)
    assert (fired.actor.id, fired.actor.roles) == ("statewright:timer", ("system",))
    assert fired.changes == {"reminded": True}


async def test_a_timer_fires_once_however_many_look_and_whatever_restarts(world: World) -> None:
    await world.send("1", "NOTE", paid=False)
    await world.seen()
    world.clock.now = NOON + HOUR
    one, other = world.timers(), world.timers()

    await asyncio.gather(one.look(), other.look())
    await world.timers().look()  # as after a restart, with the view still behind or not
    await world.seen()
    await world.timers().look()

    assert [record.kind for record in await world.history("1")] == ["event", "timer"]


async def test_what_came_due_while_nobody_looked_is_fired_late_and_in_order(world: World) -> None:
    await world.send("1", "NOTE", paid=False)
    await world.seen()
    world.clock.now = NOON + 30 * HOUR

    await world.timers().look()

    history = await world.history("1")
    assert [record.event for record in history] == ["NOTE", "after.PT1H.open", "after.PT2H.open"]
    assert [record.occurred_at for record in history[1:]] == [NOON + HOUR, NOON + 2 * HOUR]
    assert history[-1].to == ("lapsed",)


async def test_a_timer_of_a_state_that_was_left_is_dropped_without_a_trace(world: World) -> None:
    await world.send("1", "NOTE", paid=False)
    await world.seen()
    stale = world.views.deadlines(NOON + HOUR).items
    await world.send("1", "TAKE")
    world.clock.now = NOON + 3 * HOUR

    class Stale:
        def due(self, before: int, after: Any, limit: int) -> Sequence[Deadline]:
            return stale if after is None else []

        def next_due(self, after: int) -> int | None:
            return None

    await Timers(world.committer, Stale(), clock=world.clock).look()

    assert [record.event for record in await world.history("1")] == ["NOTE", "TAKE"]
    assert world.catalog.refusals.counts("offer") == []
    await world.seen()
    assert world.views.deadlines(2**60).items == []


async def test_a_timer_that_fails_is_stuck_until_its_entity_changes(world: World) -> None:
    await world.send("1", "NOTE")  # `paid` is not there, and the guard reads it
    await world.send("2", "NOTE", paid=False)
    await world.seen()
    world.clock.now = NOON + 2 * HOUR
    timers = world.timers()

    await timers.look()
    await world.seen()
    (stuck,) = timers.stuck()
    assert (stuck.ref, stuck.timer.key, stuck.why) == (Ref("offer", "1"), "PT2H", "guard_error")
    assert (await world.history("2"))[-1].to == ("lapsed",)
    assert await timers.look() == 0

    await world.send("1", "NOTE", paid=False)
    await world.seen()
    await timers.look()
    assert (await world.history("1"))[-1].to == ("lapsed",)
    assert timers.stuck() == []


async def test_a_stuck_timer_is_tried_again_when_asked_to(world: World) -> None:
    await world.send("1", "NOTE")
    await world.seen()
    world.clock.now = NOON + 2 * HOUR
    timers = world.timers()
    await timers.look()
    await world.seen()

    assert await timers.look() == 0
    assert timers.try_again(Ref("offer", "1")) == 1
    assert await timers.look() == 1
    assert len(timers.stuck("offer")) == 1


async def test_what_could_not_be_recorded_stays_due(world: World) -> None:
    await world.send("1", "NOTE", paid=False)
    await world.seen()
    world.clock.now = NOON + HOUR
    timers = world.timers()

    world.store.away = True
    await timers.look()
    world.store.away = False
    await timers.look()

    assert [record.kind for record in await world.history("1")] == ["event", "timer"]


async def test_running_timers_fire_by_themselves_and_stop_when_told(world: World) -> None:
    await world.send("1", "NOTE", paid=False)
    world.clock.now = NOON + HOUR
    timers = world.timers()
    running = asyncio.create_task(timers.run())
    assert await world.store.wait("1", 10)
    timers.stop()

    await asyncio.wait_for(running, 60)


async def test_nobody_may_send_what_a_timer_sends(world: World) -> None:
    await world.send("1", "NOTE", paid=False)
    await world.send("1", "after.PT1H.open")

    assert len(await world.history("1")) == 1


async def test_of_two_processes_one_fires_what_is_due_and_the_other_when_it_is_gone(world: World) -> None:
    one, other = (
        Timers(world.committer, world, clock=world.clock, turn=Turn(world.engine, "timers", sole=False))
        for _ in range(2)
    )
    await world.send("1", "NOTE", paid=False)
    await world.seen()
    world.clock.now += HOUR + 1_000_000

    assert (await one.look(), await other.look()) == (1, 0)
    one.stop()
    await one.run()
    await world.send("2", "NOTE", paid=False)
    await world.seen()
    world.clock.now += HOUR + 1_000_000
    deadline = time.monotonic() + 60
    while not await other.look():
        assert time.monotonic() < deadline, "nobody fires"
        await asyncio.sleep(0.1)

    assert [record.kind for record in await world.history("2")] == ["event", "timer"]

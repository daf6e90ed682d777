"""The feed: everything once, in order, from any place on, and woken when there is more."""

from __future__ import annotations

import asyncio
import os
import time

from statewright.feed import Feed, Waker, wait_beyond
from statewright.stores.memory import MemoryStore
from statewright.stores.words import Ref
from tests.consolidators.histories import Chronicle


async def chronicle_of(transitions: int) -> Chronicle:
    chronicle = Chronicle(MemoryStore())
    await add(chronicle, transitions)
    return chronicle


async def add(chronicle: Chronicle, transitions: int) -> None:
    for number in range(transitions):
        chronicle.add(Ref("order", str(number % 3)), ("open",))
    await chronicle.write()


async def test_a_feed_gives_every_transition_once_and_in_order():
    chronicle = await chronicle_of(25)
    positions: list[int] = []

    async for batch in Feed(chronicle.store, limit=10):
        positions += [record.position for record in batch.records]
        if len(positions) == 25:
            break

    assert positions == list(range(1, 26))


async def test_a_feed_goes_on_from_the_place_that_was_kept():
    chronicle = await chronicle_of(5)
    feed = Feed(chronicle.store, limit=3)
    await feed.next()

    again = Feed(chronicle.store, feed.place)

    assert [record.position for record in (await again.next()).records] == [4, 5]


async def test_a_feed_up_to_a_goal_ends_there():
    chronicle = await chronicle_of(7)

    batches = [batch async for batch in Feed(chronicle.store, limit=3).until("7")]

    assert [len(batch.records) for batch in batches] == [3, 3, 1]


async def test_a_reader_at_the_end_is_woken_by_an_append_of_its_own_process():
    chronicle = await chronicle_of(1)
    reading = asyncio.create_task(Feed(chronicle.store, "1").next())
    await asyncio.sleep(0.05)

    await add(chronicle, 1)
    batch = await reading

    assert [record.position for record in batch.records] == [2]


LONG_S = 60.0
"""A reader that nobody wakes sleeps for as long; one that is woken is back long before, on the slowest machine."""


async def test_a_reader_is_woken_by_a_byte_on_a_pipe_and_told_when_it_is_closed():
    chronicle = await chronicle_of(1)
    read_end, write_end = os.pipe()
    waker, ended = Waker(), asyncio.Event()
    waker.listen(read_end, ended.set)
    waiting = asyncio.create_task(wait_beyond(chronicle.store, "1", waker, LONG_S))
    await asyncio.sleep(0.05)

    started = time.monotonic()
    os.write(write_end, b"!")
    await waiting
    os.close(write_end)
    await wait_beyond(chronicle.store, "1", waker, LONG_S)

    assert time.monotonic() - started < LONG_S
    assert ended.is_set()
    assert not await waker.sleep(0.01)
    os.close(read_end)


async def test_bytes_that_came_while_the_reader_was_awake_wake_it_once():
    read_end, write_end = os.pipe()
    waker = Waker()
    waker.listen(read_end)
    os.write(write_end, b"!!!")

    assert await waker.sleep(10)
    assert not await waker.sleep(0.01)
    os.close(write_end)
    os.close(read_end)


async def test_a_ring_that_came_before_the_sleep_is_not_lost():
    waker = Waker()
    waker.ring()

    assert await waker.sleep(10)
    assert not await waker.sleep(0.01)


async def test_a_ring_from_a_thread_wakes_the_sleeper():
    waker = Waker()
    sleeping = asyncio.create_task(waker.sleep(10))
    await asyncio.sleep(0.02)

    await asyncio.to_thread(waker.ring_from_thread)

    assert await sleeping

"""Waiting for news, and being given up on in the middle of things."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from time import monotonic
from typing import TypeVar

from statewright.stores.words import START, EventStore, Recorded, Ref
from statewright.testkit.store.moving import a_life_elsewhere
from statewright.testkit.store.writing import ORDER, bytes_of, command, move, record, standing, turn, whole_log

T = TypeVar("T")
AT_ONCE_S = 2.0
"""Generous for a busy machine, far below the timeouts that the waiting here is given."""
LONG_S = 30.0


async def who_is_behind_need_not_wait(store: EventStore) -> None:
    """Something stands after the place already."""
    await turn(store, ORDER, 2)

    assert await _at_once(store.wait(START, LONG_S)) is True


async def waiting_ends_when_the_time_is_up(store: EventStore) -> None:
    """Not before, and with False; also at once, when there is no time at all."""
    await turn(store, ORDER, 1)
    place = await store.latest_place()
    began = monotonic()

    assert await store.wait(place, 0.05) is False
    assert 0.04 < monotonic() - began < AT_ONCE_S
    assert await store.wait(place, 0) is False


async def an_append_wakes_all_who_wait(store: EventStore) -> None:
    """At once, each of them, and what they then read is there."""
    place = await store.latest_place()
    waiting = [asyncio.create_task(store.wait(place, LONG_S)) for _ in range(5)]
    await asyncio.sleep(0.02)
    assert not any(task.done() for task in waiting), "wait() returned while there was nothing new"
    await turn(store, ORDER, 1)

    assert await _at_once(asyncio.gather(*waiting)) == [True] * 5
    assert len((await store.read(place, 10)).records) == 1


async def an_adoption_wakes_who_waits(store: EventStore) -> None:
    """What another log recorded is news here."""
    await turn(store, ORDER, 1)
    waiting = asyncio.create_task(store.wait(await store.latest_place(), LONG_S))
    await asyncio.sleep(0.02)
    await store.adopt(await a_life_elsewhere())

    assert await _at_once(waiting) is True


async def nobody_is_woken_for_what_was_not_recorded(store: EventStore) -> None:
    """A conflict and a repeat are no news."""
    await turn(store, ORDER, 1)
    waiting = asyncio.create_task(store.wait(await store.latest_place(), 0.05))
    await asyncio.sleep(0)
    await store.append([command("stale", move(ORDER, None)), command("turn-1", move(ORDER, None))])

    assert await waiting is False


async def who_stops_waiting_disturbs_no_one(store: EventStore) -> None:
    """A reader that has gone away takes nothing from those who stayed."""
    place = await store.latest_place()
    goes, stays = (asyncio.create_task(store.wait(place, LONG_S)) for _ in range(2))
    await asyncio.sleep(0.02)
    goes.cancel()
    await asyncio.gather(goes, return_exceptions=True)
    await turn(store, ORDER, 1)

    assert await _at_once(stays) is True


async def an_append_that_is_given_up_is_whole_or_not_at_all(store: EventStore) -> None:
    """A cancelled caller may not know what became of his commands, but the log does, and goes on."""
    for number in range(12):
        refs = [Ref("order", f"{number}-{one}") for one in range(12 if number % 2 else 1)]
        group = [command(f"c-{ref.id}", move(ref, None), move(Ref("parcel", ref.id), None)) for ref in refs]
        task = asyncio.create_task(store.append(group))
        for _ in range(number // 2):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        made = [[line.type for line in await store.find_command(ref, f"c-{ref.id}")] for ref in refs]
        assert all(one in ([], ["order", "parcel"]) for one in made)
        assert task.cancelled() or all(made), "answered, yet not recorded"

    await turn(store, ORDER, 1)
    log = await whole_log(store, page=1_000)
    assert [line.type for line in log[:-1]] == ["order", "parcel"] * (len(log) // 2)
    heads = await store.heads([Ref(line.type, line.entity) for line in log])
    assert [head and head.version for head in heads] == [1] * len(log)


async def a_reader_that_is_given_up_leaves_the_log_usable(store: EventStore) -> None:
    """Whatever was being read when its caller went away."""
    await turn(store, ORDER, 3)
    for steps in range(4):
        reads = [
            asyncio.ensure_future(store.read(START, 10)),
            asyncio.ensure_future(store.heads([ORDER])),
            asyncio.ensure_future(store.read_entity(ORDER)),
            asyncio.ensure_future(store.find_command(ORDER, "turn-1")),
        ]
        for _ in range(steps):
            await asyncio.sleep(0)
        for task in reads:
            task.cancel()
        await asyncio.gather(*reads, return_exceptions=True)

    await record(store, command("c-4", move(ORDER, await standing(store, ORDER))))
    assert [line.version for line in await whole_log(store)] == [1, 2, 3, 4]


async def appends_at_the_same_time_all_come_through(store: EventStore) -> None:
    """Forty callers, an entity each, and reading meanwhile."""
    asked = [command(f"c-{number}", move(Ref("order", str(number)), None)) for number in range(40)]
    reading = asyncio.create_task(whole_log(store))
    outcomes = await asyncio.gather(*(store.append([one]) for one in asked))
    await reading

    assert all(isinstance(outcome, Recorded) for (outcome,) in outcomes)
    assert sorted(bytes_of(await whole_log(store))) == sorted(bytes_of([one.steps[0].record for one in asked]))


async def _at_once(answer: Awaitable[T]) -> T:
    try:
        return await asyncio.wait_for(answer, AT_ONCE_S)
    except TimeoutError:
        raise AssertionError(f"wait() slept on for {AT_ONCE_S} seconds though there was something to read") from None


PROMISES = (
    who_is_behind_need_not_wait,
    waiting_ends_when_the_time_is_up,
    an_append_wakes_all_who_wait,
    an_adoption_wakes_who_waits,
    nobody_is_woken_for_what_was_not_recorded,
    who_stops_waiting_disturbs_no_one,
    an_append_that_is_given_up_is_whole_or_not_at_all,
    a_reader_that_is_given_up_leaves_the_log_usable,
    appends_at_the_same_time_all_come_through,
)

"""What only a shared log can promise: another process may write behind one's back, and nobody is the worse for it."""

from __future__ import annotations

import asyncio

from statewright.stores.words import Duplicate, EventStore, Recorded
from statewright.testkit.store.writing import (
    NOON,
    ORDER,
    PARCEL,
    bytes_of,
    command,
    conflicting,
    head_of,
    move,
    record,
    standing,
    turn,
    whole_log,
    without_notes,
)

AT_THE_LATEST_S = 0.5


async def both_see_one_log(store: EventStore, other: EventStore) -> None:
    """The same id, and what either records the other reads, to the byte."""
    await turn(store, ORDER, 2)
    await turn(other, PARCEL, 2)

    assert store.log_id == other.log_id
    assert bytes_of(await whole_log(store)) == bytes_of(await whole_log(other))
    assert await store.latest_place() == await other.latest_place()
    assert (await standing(store, PARCEL)).version == (await standing(other, ORDER)).version == 2


async def neither_says_it_writes_alone(store: EventStore, other: EventStore) -> None:
    """A committer must know that its cached heads can be stale."""
    assert not store.limits.sole_writer
    assert not other.limits.sole_writer


async def heads_are_current_whoever_moved_them(store: EventStore, other: EventStore) -> None:
    """Also those that were asked for, or made here, before."""
    await turn(store, ORDER, 1)
    await turn(other, ORDER, 1)

    assert (await standing(store, ORDER)).version == 2


async def who_was_overtaken_is_told_so(store: EventStore, other: EventStore) -> None:
    """The conflict brings the head that the other one made."""
    stale = await turn(store, ORDER, 1)
    await turn(other, ORDER, 1)
    (outcome,) = await store.append([command("late", move(ORDER, stale))])

    assert without_notes(conflicting(outcome).head) == without_notes(await head_of(other, ORDER))
    assert [line.version for line in await store.read_entity(ORDER)] == [1, 2]


async def a_command_the_other_recorded_is_a_repeat(store: EventStore, other: EventStore) -> None:
    """A caller may be sent to any process when it tries again."""
    head = await turn(store, ORDER, 1)
    made = await record(other, command("c-2", move(ORDER, head)))
    (outcome,) = await store.append([command("c-2", move(ORDER, head))])

    assert isinstance(outcome, Duplicate)
    assert bytes_of(outcome.records) == bytes_of(made)
    assert bytes_of(await store.find_command(ORDER, "c-2")) == bytes_of(made)


async def news_of_the_other_is_noticed(store: EventStore, other: EventStore) -> None:
    """When the time to wait is up at the latest; a store that is told of the other's appends will know before."""
    waiting = asyncio.create_task(store.wait(await store.latest_place(), AT_THE_LATEST_S))
    await asyncio.sleep(0.02)
    await turn(other, ORDER, 1)

    assert await waiting is True


async def stamps_do_not_fall_between_writers(store: EventStore, other: EventStore) -> None:
    """Their clocks may differ; along positions `recorded_at` rises or stays."""
    await record(store, command("c-1", move(ORDER, None), now=NOON + 5))
    await record(other, command("c-2", move(PARCEL, None), now=NOON))

    assert [line.recorded_at for line in await whole_log(store)] == [NOON + 5, NOON + 5]


async def racing_from_both_sides_leaves_one_history(store: EventStore, other: EventStore) -> None:
    """Every version won once, by one of them; positions and versions rise together."""
    won = await asyncio.gather(*(_race(side, name) for name, side in (("a", store), ("b", other))))
    lines = await store.read_entity(ORDER)

    assert [line.version for line in lines] == list(range(1, sum(won) + 1))
    assert [line.position for line in lines] == sorted({line.position for line in lines})
    assert bytes_of(lines) == bytes_of(await whole_log(other))


async def _race(store: EventStore, name: str) -> int:
    won = 0
    for number in range(25):
        head = await head_of(store, ORDER)
        await asyncio.sleep(0)  # let the other one in between reading and writing
        (outcome,) = await store.append([command(f"{name}-{number}", move(ORDER, head))])
        won += isinstance(outcome, Recorded)
    return won


PROMISES = (
    both_see_one_log,
    neither_says_it_writes_alone,
    heads_are_current_whoever_moved_them,
    who_was_overtaken_is_told_so,
    a_command_the_other_recorded_is_a_repeat,
    news_of_the_other_is_noticed,
    stamps_do_not_fall_between_writers,
    racing_from_both_sides_leaves_one_history,
)

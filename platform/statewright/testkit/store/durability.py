"""What only a durable store can promise: acknowledged means that it is there when the log is opened again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from statewright.machine.record import COMMANDS_KEPT
from statewright.stores.words import Duplicate, EventStore, Recorded, Ref
from statewright.testkit.store.moving import placeless, what_another_log_recorded
from statewright.testkit.store.writing import (
    NOON,
    ORDER,
    PARCEL,
    bytes_of,
    command,
    folded,
    move,
    record,
    standing,
    turn,
    whole_log,
    without_notes,
)

Reopen = Callable[[EventStore], Awaitable[EventStore]]


async def what_was_acknowledged_is_there_after_reopening(store: EventStore, reopen: Reopen) -> None:
    """The same log by its id, every record to the byte, every head, the same place."""
    await turn(store, ORDER, COMMANDS_KEPT + 2)
    sealed = {"changes": {"name": "Anna"}}
    await record(store, command("c-1", move(PARCEL, None, changes={"ä": None}, sealed=sealed)))
    log, log_id, place = bytes_of(await whole_log(store)), store.log_id, await store.latest_place()
    heads = [without_notes(await standing(store, ref)) for ref in (ORDER, PARCEL)]
    store = await reopen(store)

    assert store.log_id == log_id
    assert bytes_of(await whole_log(store)) == log
    assert await store.latest_place() == place
    assert [without_notes(head) for head in await store.heads([ORDER, PARCEL])] == heads


async def an_empty_log_is_the_same_log_after_reopening(store: EventStore, reopen: Reopen) -> None:
    """Its id was made with it, not with its first transition."""
    log_id = store.log_id
    store = await reopen(store)

    assert store.log_id == log_id
    assert await whole_log(store) == []


async def recording_goes_on_where_it_stopped(store: EventStore, reopen: Reopen) -> None:
    """Versions without a gap, positions above all there were, stale writers told so."""
    stale = await turn(store, ORDER, 1)
    await turn(store, ORDER, 1)
    last = (await whole_log(store))[-1].position
    store = await reopen(store)
    outcomes = await store.append([command("stale", move(ORDER, stale)), command("new", move(PARCEL, None))])
    await turn(store, ORDER, 1, "reopened")

    assert [type(outcome).__name__ for outcome in outcomes] == ["Conflict", "Recorded"]
    assert [line.version for line in await store.read_entity(ORDER)] == [1, 2, 3]
    assert min(line.position for line in await whole_log(store) if line.command in ("new", "reopened-3")) > last


async def a_repeat_is_a_repeat_after_reopening(store: EventStore, reopen: Reopen) -> None:
    """Commands among the first 64 versions and beyond them."""
    await turn(store, ORDER, COMMANDS_KEPT + 2)
    store = await reopen(store)
    lines = await store.read_entity(ORDER)
    for version in (1, COMMANDS_KEPT, COMMANDS_KEPT + 2):
        then, decided_on = lines[version - 1 : version], folded(lines[: version - 1])
        (outcome,) = await store.append([command(f"turn-{version}", move(ORDER, decided_on))])

        assert isinstance(outcome, Duplicate)
        assert bytes_of(outcome.records) == bytes_of(then)
        assert bytes_of(await store.find_command(ORDER, f"turn-{version}")) == bytes_of(then)
    assert (await standing(store, ORDER)).version == COMMANDS_KEPT + 2


async def recorded_at_does_not_fall_over_a_reopening(store: EventStore, reopen: Reopen) -> None:
    """The machine may come back with its clock set back."""
    await record(store, command("c-1", move(ORDER, None), now=NOON))
    store = await reopen(store)
    await record(store, command("c-2", move(PARCEL, None), now=NOON - 3_600_000_000))

    assert [line.recorded_at for line in await whole_log(store)] == [NOON, NOON]


async def places_outlive_the_process(store: EventStore, reopen: Reopen) -> None:
    """A reader goes on from the place it noted before."""
    await turn(store, ORDER, 2)
    noted = await store.latest_place()
    await turn(store, ORDER, 2)
    store = await reopen(store)

    assert [line.version for line in (await store.read(noted, 10)).records] == [3, 4]
    assert await store.wait(noted, 0) is True


async def closing_finishes_what_was_accepted(store: EventStore, reopen: Reopen) -> None:
    """Of appends under way at the close, those answered are there, and those turned away are not."""
    asked = [command(f"c-{number}", move(Ref("order", str(number)), None)) for number in range(20)]
    appending = [asyncio.create_task(store.append([one])) for one in asked]
    await asyncio.sleep(0)
    store = await reopen(store)
    answers = await asyncio.gather(*appending, return_exceptions=True)
    answered = {f"c-{n}" for n, one in enumerate(answers) if isinstance(one, list) and isinstance(one[0], Recorded)}

    assert {line.command for line in await whole_log(store)} == answered


async def what_was_adopted_is_there_after_reopening(store: EventStore, reopen: Reopen) -> None:
    """An import may be told that it is done."""
    given = await what_another_log_recorded()
    await store.adopt(given)
    store = await reopen(store)

    assert placeless(await whole_log(store)) == placeless(given)
    assert without_notes(await standing(store, ORDER)) == folded(await store.read_entity(ORDER))


PROMISES = (
    what_was_adopted_is_there_after_reopening,
    what_was_acknowledged_is_there_after_reopening,
    an_empty_log_is_the_same_log_after_reopening,
    recording_goes_on_where_it_stopped,
    a_repeat_is_a_repeat_after_reopening,
    recorded_at_does_not_fall_over_a_reopening,
    places_outlive_the_process,
    closing_finishes_what_was_accepted,
)

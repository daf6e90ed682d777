"""A log can be moved into any other: what one store recorded, another adopts as it stands."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from statewright.machine.record import COMMANDS_KEPT, Actor, Record
from statewright.stores.memory import MemoryStore
from statewright.stores.words import CannotAdopt, Duplicate, EventStore, Ref
from statewright.testkit.store.writing import (
    CART,
    NOON,
    ORDER,
    PARCEL,
    bytes_of,
    command,
    folded,
    head_of,
    move,
    record,
    standing,
    turn,
    whole_log,
    without_notes,
)


async def what_another_log_recorded(lives: int = 3) -> list[Record]:
    """A log as an import brings it: several lives, a command over two entities, personal values, a clock that fell."""
    log = MemoryStore()
    for number in range(lives):
        await turn(log, Ref("order", str(number)), 2)
    written = {
        "changes": {"lines": [{"sku": "ä", "n": 1.0}], "note": None},
        "sealed": {"changes": {"name": "Anna"}},
        "actor": Actor("anna", ("clerk",)),
        "correlation": "visit-1",
        "occurred_at": NOON - 5,
        "definition": "0" * 64,
    }
    both = [move(ORDER, None, **written), move(PARCEL, None), move(ORDER, None)]
    await record(log, command("both", *both, now=NOON + 9))
    await record(log, command("late", move(PARCEL, await standing(log, PARCEL)), now=NOON + 1))
    await turn(log, CART, COMMANDS_KEPT + 2, "cart")
    return await whole_log(log)


async def a_life_elsewhere() -> list[Record]:
    """The one transition of a parcel, as another log recorded it."""
    log = MemoryStore()
    return list(await record(log, command("elsewhere", move(PARCEL, None))))


async def what_another_log_recorded_is_adopted_as_it_stands(store: EventStore) -> None:
    """Every byte of it and in its order, but for the position; each head is the fold of its records."""
    given = await what_another_log_recorded()
    await store.adopt(given)
    stands = await whole_log(store)

    assert placeless(stands) == placeless(given)
    assert [line.position for line in stands] == sorted({line.position for line in stands})
    for ref in (ORDER, PARCEL, CART, Ref("order", "0")):
        assert placeless(await store.read_entity(ref)) == placeless([line for line in given if of(line) == ref])
        assert without_notes(await head_of(store, ref)) == folded(await store.read_entity(ref))


async def a_log_is_adopted_piece_by_piece(store: EventStore) -> None:
    """Each piece goes on where the one before it ended, also where the entities of both are the same."""
    given = await what_another_log_recorded()
    for first in range(6):
        await store.adopt(given[first : first + 1])
    await store.adopt(given[6:])

    assert placeless(await whole_log(store)) == placeless(given)


async def what_is_adopted_is_left_as_it_was(store: EventStore) -> None:
    """The records handed over may be handed on, to another store or to a file."""
    given = await what_another_log_recorded()
    before = bytes_of(given)
    await store.adopt(given)

    assert bytes_of(given) == before


async def adopting_nothing_is_nothing(store: EventStore) -> None:
    """No trace of it."""
    await store.adopt([])

    assert await whole_log(store) == []


async def a_life_goes_on_after_it_was_adopted(store: EventStore) -> None:
    """Its next version, at a time that does not fall below the last one adopted."""
    await store.adopt(await what_another_log_recorded())
    (made,) = await record(store, command("next", move(PARCEL, await standing(store, PARCEL)), now=NOON))

    assert (made.version, made.recorded_at) == (3, NOON + 9)
    assert bytes_of(await whole_log(store))[-1:] == bytes_of([made])
    assert without_notes(await head_of(store, PARCEL)) == folded(await store.read_entity(PARCEL))


async def an_adopted_command_is_a_repeat(store: EventStore) -> None:
    """Sent again to the log that was moved, it gets the answer that it got from the old one."""
    given = await what_another_log_recorded()
    await store.adopt(given)
    both = [line for line in given if line.command == "both"]
    early, late = f"cart-{COMMANDS_KEPT}", f"cart-{COMMANDS_KEPT + 2}"
    (again,) = await store.append([command("both", move(ORDER, None), move(PARCEL, None))])

    assert isinstance(again, Duplicate)
    assert placeless(again.records) == placeless(both)
    assert placeless(await store.find_command(ORDER, "both")) == placeless(both)
    assert [line.command for line in await store.find_command(CART, late)] == [late]
    assert set(await store.late_commands([(CART, early), (CART, late)])) == {(CART, late)}


async def what_does_not_follow_is_not_adopted(store: EventStore) -> None:
    """A gap, what stands there already, a time before the last one: it is said, and nothing of the call is recorded."""
    given = await what_another_log_recorded()
    await store.adopt(given)
    stands = bytes_of(await whole_log(store))
    new = replace(given[0], entity="new", recorded_at=NOON + 20, command="new")
    for stranger in (
        replace(given[-1], version=given[-1].version + 2, recorded_at=NOON + 20),
        replace(given[-1], recorded_at=NOON + 20),
        replace(new, entity="newer", version=2),
        replace(new, entity="newer", recorded_at=NOON + 8),
    ):
        refused = await _refused(store, [new, stranger])
        assert refused is not None, f"version {stranger.version} of {stranger.entity} does not follow, yet was adopted"
        assert refused.entity == stranger.entity, "another record is named than the one that does not follow"

    assert bytes_of(await whole_log(store)) == stands
    assert await head_of(store, Ref(new.type, new.entity)) is None
    await store.adopt([new])
    assert placeless((await whole_log(store))[-1:]) == placeless([new])


async def _refused(store: EventStore, records: Sequence[Record]) -> Record | None:
    """The record for which an adoption is refused."""
    try:
        await store.adopt(records)
    except CannotAdopt as error:
        return error.record
    return None


def of(line: Record) -> Ref:
    """Whose transition it is."""
    return Ref(line.type, line.entity)


def placeless(records: Sequence[Record]) -> list[bytes]:
    """The records as they would be written, without the place that each log gives for itself."""
    return bytes_of([replace(record, position=0, partition=0) for record in records])


PROMISES = (
    what_another_log_recorded_is_adopted_as_it_stands,
    a_log_is_adopted_piece_by_piece,
    what_is_adopted_is_left_as_it_was,
    adopting_nothing_is_nothing,
    a_life_goes_on_after_it_was_adopted,
    an_adopted_command_is_a_repeat,
    what_does_not_follow_is_not_adopted,
)

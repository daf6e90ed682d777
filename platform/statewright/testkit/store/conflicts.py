"""Who decided on a head that no longer stands is told so, and leaves no trace."""

from __future__ import annotations

from statewright.stores.words import Conflict, EventStore, Ref
from statewright.testkit.store.writing import (
    CART,
    ORDER,
    PARCEL,
    bytes_of,
    command,
    conflicting,
    head_of,
    move,
    record,
    recorded,
    standing,
    turn,
    whole_log,
    without_notes,
)


async def a_stale_writer_is_told_so_and_leaves_no_trace(store: EventStore) -> None:
    """The conflict names the entity and brings the head that stands."""
    stale = await turn(store, ORDER, 1)
    await turn(store, ORDER, 1)
    before, place = bytes_of(await whole_log(store)), await store.latest_place()
    (outcome,) = await store.append([command("late", move(ORDER, stale))])
    conflict = conflicting(outcome)

    assert conflict.ref == ORDER
    assert without_notes(conflict.head) == without_notes(await head_of(store, ORDER))
    assert bytes_of(await whole_log(store)) == before
    assert await store.latest_place() == place
    assert (await standing(store, ORDER)).version == 2
    assert list(await store.find_command(ORDER, "late")) == []


async def the_head_of_a_conflict_can_be_decided_on(store: EventStore) -> None:
    """The loser decides again on what he was handed, and wins if nobody comes in between."""
    stale = await turn(store, ORDER, 1)
    await turn(store, ORDER, 1)
    (outcome,) = await store.append([command("late", move(ORDER, stale))])
    (again,) = await store.append([command("late", move(ORDER, conflicting(outcome).head))])

    assert [line.version for line in recorded(again).records] == [3]


async def an_entity_is_created_once(store: EventStore) -> None:
    """A second creation conflicts with the entity that is there."""
    await turn(store, ORDER, 1)
    (outcome,) = await store.append([command("again", move(ORDER, None))])

    assert without_notes(conflicting(outcome).head) == without_notes(await head_of(store, ORDER))


async def what_does_not_exist_cannot_be_moved(store: EventStore) -> None:
    """A conflict without a head."""
    unrecorded = command("unrecorded", move(ORDER, None)).steps[0].after
    (outcome,) = await store.append([command("c-1", move(ORDER, unrecorded))])

    assert conflicting(outcome).ref == ORDER
    assert conflicting(outcome).head is None
    assert await head_of(store, ORDER) is None


async def a_conflict_takes_with_it_nothing_but_itself(store: EventStore) -> None:
    """The group's other commands, before and after it, are recorded; the outcomes come in the order of the commands."""
    await turn(store, ORDER, 2)
    outcomes = await store.append(
        [command("c-1", move(CART, None)), command("c-2", move(ORDER, None)), command("c-3", move(PARCEL, None))]
    )

    assert [isinstance(outcome, Conflict) for outcome in outcomes] == [False, True, False]
    assert [line.entity for line in recorded(outcomes[2]).records] == [PARCEL.id]
    assert [line.command for line in await whole_log(store)] == ["turn-1", "turn-2", "c-1", "c-3"]


async def of_two_on_the_same_head_in_one_group_the_first_wins(store: EventStore) -> None:
    """The second is handed the head that the first made."""
    head = await turn(store, ORDER, 1)
    first, second = await store.append([command("c-1", move(ORDER, head)), command("c-2", move(ORDER, head))])

    assert [line.version for line in recorded(first).records] == [2]
    assert without_notes(conflicting(second).head) == without_notes(await head_of(store, ORDER))
    assert (await standing(store, ORDER)).version == 2


async def later_commands_of_a_group_build_on_earlier_ones(store: EventStore) -> None:
    """A creation and what follows can come in one group."""
    first = command("c-1", move(ORDER, None, changes={"a": 1}))
    second = command("c-2", move(ORDER, first.steps[0].after, changes={"b": 2}))
    third = command("c-3", move(ORDER, second.steps[0].after), move(PARCEL, None))
    await record(store, first, second, third)

    assert (await standing(store, ORDER)).data == {"a": 1, "b": 2}
    assert [(line.version, line.command) for line in await store.read_entity(ORDER)] == [
        (1, "c-1"),
        (2, "c-2"),
        (3, "c-3"),
    ]


async def what_was_decided_on_a_conflict_conflicts_too(store: EventStore) -> None:
    """Even where the version fits: the head it was decided on never came to be, another of that version did."""
    stale = await turn(store, ORDER, 1)
    await turn(store, ORDER, 1)
    lost = command("lost", move(ORDER, stale, changes={"from": "lost"}))
    built_on_it = command("built-on-it", move(ORDER, lost.steps[0].after))
    outcomes = await store.append([lost, built_on_it])

    assert [conflicting(outcome).ref for outcome in outcomes] == [ORDER, ORDER]
    assert (await standing(store, ORDER)).version == 2


async def what_was_decided_on_a_creation_that_conflicts_conflicts_too(store: EventStore) -> None:
    """Also when the entity that was to be created is not there at all, because its command failed elsewhere."""
    await turn(store, ORDER, 1)
    lost = command("lost", move(PARCEL, None), move(ORDER, None))
    built_on_it = command("built-on-it", move(PARCEL, lost.steps[0].after))
    outcomes = await store.append([lost, built_on_it])

    assert [conflicting(outcome).ref for outcome in outcomes] == [ORDER, PARCEL]
    assert await head_of(store, PARCEL) is None


async def a_command_over_several_entities_is_all_or_nothing(store: EventStore) -> None:
    """When the last of its entities has moved, no other shows a sign of it; then, decided anew, all move together."""
    await turn(store, ORDER, 1)
    stale = await turn(store, PARCEL, 1)
    await turn(store, PARCEL, 1)
    before = bytes_of(await whole_log(store))
    moves = [move(CART, None), move(ORDER, await standing(store, ORDER)), move(PARCEL, stale)]
    (outcome,) = await store.append([command("together", *moves)])

    assert conflicting(outcome).ref == PARCEL
    assert bytes_of(await whole_log(store)) == before
    assert [head and head.version for head in await store.heads([CART, ORDER, PARCEL])] == [None, 1, 2]
    assert list(await store.find_command(CART, "together")) == []

    moves[2] = move(PARCEL, conflicting(outcome).head)
    await record(store, command("together", *moves))
    assert [head and head.version for head in await store.heads([CART, ORDER, PARCEL])] == [1, 2, 3]


async def a_command_of_the_largest_size_goes_in_whole(store: EventStore) -> None:
    """As many transitions as the store declares (a thousand are tried at most), over as many entities; or none."""
    size = min(store.limits.transitions_per_command, 1_000)
    refs = [Ref("order", str(number)) for number in range(size)]
    assert size >= 1
    await turn(store, refs[-1], 1)
    (outcome,) = await store.append([command("all", *[move(ref, None) for ref in refs])])
    assert conflicting(outcome).ref == refs[-1]
    assert len(await whole_log(store)) == 1

    head = await standing(store, refs[-1])
    await record(store, command("all", *[move(ref, None) for ref in refs[:-1]], move(refs[-1], head)))
    assert [line.entity for line in (await whole_log(store))[1:]] == [ref.id for ref in refs]


PROMISES = (
    a_stale_writer_is_told_so_and_leaves_no_trace,
    the_head_of_a_conflict_can_be_decided_on,
    an_entity_is_created_once,
    what_does_not_exist_cannot_be_moved,
    a_conflict_takes_with_it_nothing_but_itself,
    of_two_on_the_same_head_in_one_group_the_first_wins,
    later_commands_of_a_group_build_on_earlier_ones,
    what_was_decided_on_a_conflict_conflicts_too,
    what_was_decided_on_a_creation_that_conflicts_conflicts_too,
    a_command_over_several_entities_is_all_or_nothing,
    a_command_of_the_largest_size_goes_in_whole,
)

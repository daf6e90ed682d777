"""A command can be sent again: it is answered from the log, for good, and makes nothing new.

A store is asked to see a repeat where it was decided on a head that no longer stands. Who decides on the latest head
has looked there, and by `find_command`, before; so a store need not look again at every append.
"""

from __future__ import annotations

from collections.abc import Sequence

from statewright.machine.record import COMMANDS_KEPT, Head, Record
from statewright.stores.words import Append, Duplicate, EventStore, Outcome, Ref
from statewright.testkit.store.writing import (
    CART,
    ORDER,
    PARCEL,
    bytes_of,
    command,
    folded,
    head_of,
    move,
    record,
    recorded,
    standing,
    turn,
    whole_log,
)


async def a_command_sent_again_is_answered_from_the_log(store: EventStore) -> None:
    """Decided on the same head as the first time; the answer is what was recorded then, to the byte."""
    head = await turn(store, ORDER, 1)
    first = await record(store, command("c-2", move(ORDER, head, changes={"a": 1})))
    await turn(store, ORDER, 2, "later")

    await _is_answered_with(store, command("c-2", move(ORDER, head, changes={"a": 1})), first)


async def a_repeat_with_another_digest_brings_the_first_one(store: EventStore) -> None:
    """It is for the committer to compare: the record that comes back carries the digest of what was asked then."""
    await record(store, command("c-1", move(ORDER, None), digest="what was asked"))
    (outcome,) = await store.append([command("c-1", move(ORDER, None), digest="something else")])

    assert [line.digest for line in _made(outcome)] == ["what was asked"]


async def a_repeat_in_the_same_group_is_a_repeat(store: EventStore) -> None:
    """The second of two, decided on the same head, is answered with what the first made."""
    first, again = await store.append([command("c-1", move(ORDER, None)), command("c-1", move(ORDER, None))])

    assert bytes_of(_made(again)) == bytes_of(recorded(first).records)
    assert len(await whole_log(store)) == 1


async def early_and_late_commands_are_found_alike(store: EventStore) -> None:
    """Among the first 64 versions and beyond them, by asking and by sending again."""
    await turn(store, ORDER, COMMANDS_KEPT + 6)
    lines = await store.read_entity(ORDER)
    for version in (1, 2, COMMANDS_KEPT - 1, COMMANDS_KEPT, COMMANDS_KEPT + 1, COMMANDS_KEPT + 6):
        then, decided_on = lines[version - 1 : version], folded(lines[: version - 1])

        assert bytes_of(await store.find_command(ORDER, f"turn-{version}")) == bytes_of(then)
        await _is_answered_with(store, command(f"turn-{version}", move(ORDER, decided_on)), then)


async def late_commands_are_known_by_one_look(store: EventStore) -> None:
    """Beyond the first 64 versions, whatever else is asked about; each at its own entity, and no other."""
    await turn(store, ORDER, COMMANDS_KEPT + 6)
    await turn(store, PARCEL, COMMANDS_KEPT + 2, "parcel")
    late = {(ORDER, f"turn-{version}") for version in range(COMMANDS_KEPT + 1, COMMANDS_KEPT + 7)}
    late |= {(PARCEL, f"parcel-{version}") for version in range(COMMANDS_KEPT + 1, COMMANDS_KEPT + 3)}
    others = [(ORDER, "turn-1"), (ORDER, "parcel-66"), (PARCEL, "turn-66"), (CART, "turn-66"), (ORDER, "")]
    never = [(ref, f"never-{number}") for number in range(300) for ref in (ORDER, PARCEL)]

    assert set(await store.late_commands([*never, *others, *late])) == late
    assert set(await store.late_commands([(ORDER, f"turn-{COMMANDS_KEPT + 3}")])) == {
        (ORDER, f"turn-{COMMANDS_KEPT + 3}")
    }
    assert set(await store.late_commands([])) == set()


async def a_repeat_over_several_entities_brings_all_of_it(store: EventStore) -> None:
    """Every transition the command made, in the order it made them, looked up at its first entity."""
    await turn(store, PARCEL, COMMANDS_KEPT + 2)
    moves = [move(ORDER, None), move(PARCEL, await head_of(store, PARCEL)), move(CART, None), move(ORDER, None)]
    first = await record(store, command("together", *moves))
    await turn(store, PARCEL, 1, "later")

    assert [(line.type, line.version) for line in first] == [("order", 1), ("parcel", 67), ("cart", 1), ("order", 2)]
    assert bytes_of(await store.find_command(ORDER, "together")) == bytes_of(first)
    await _is_answered_with(store, command("together", *moves), first)


async def the_same_id_on_another_entity_is_another_command(store: EventStore) -> None:
    """Also when the two stand side by side in the log."""
    refs = [Ref("order", "1"), Ref("order", "2"), Ref("parcel", "1")]
    await record(store, *[command("c-1", move(ref, None)) for ref in refs])

    for ref in refs:
        assert [(line.type, line.entity) for line in await store.find_command(ref, "c-1")] == [ref]


async def an_unknown_command_made_nothing(store: EventStore) -> None:
    """Nor did one that looks like one that is known."""
    await turn(store, ORDER, 2)
    await turn(store, PARCEL, 1, "parcel")

    for name in ("turn-3", "TURN-1", "turn-", "turn-1 ", "", "parcel-1"):
        assert list(await store.find_command(ORDER, name)) == [], f"found a command {name!r} that nobody sent"


async def a_refused_append_can_be_sent_again(store: EventStore) -> None:
    """What conflicted was not recorded, so it is no repeat when it comes decided anew."""
    await turn(store, ORDER, 1)
    await store.append([command("c-1", move(ORDER, None))])
    lines = await record(store, command("c-1", move(ORDER, await standing(store, ORDER))))

    assert [line.version for line in lines] == [2]


async def _is_answered_with(store: EventStore, again: Append, first: Sequence[Record]) -> None:
    before = await _whole(store, again)
    (outcome,) = await store.append([again])

    assert bytes_of(_made(outcome)) == bytes_of(first)
    assert await _whole(store, again) == before, "a repeat has left a trace"


async def _whole(store: EventStore, asked: Append) -> tuple[list[bytes], Sequence[Head | None]]:
    refs = [Ref(step.record.type, step.record.entity) for step in asked.steps]
    return bytes_of(await whole_log(store)), await store.heads(refs)


def _made(outcome: Outcome) -> Sequence[Record]:
    assert isinstance(outcome, Duplicate), f"should have been a repeat, but the outcome is {outcome}"
    return outcome.records


PROMISES = (
    a_command_sent_again_is_answered_from_the_log,
    a_repeat_with_another_digest_brings_the_first_one,
    a_repeat_in_the_same_group_is_a_repeat,
    early_and_late_commands_are_found_alike,
    late_commands_are_known_by_one_look,
    a_repeat_over_several_entities_brings_all_of_it,
    the_same_id_on_another_entity_is_another_command,
    an_unknown_command_made_nothing,
    a_refused_append_can_be_sent_again,
)

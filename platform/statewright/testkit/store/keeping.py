"""What was recorded is kept: every byte of it, whatever it is, under the entity it belongs to."""

from __future__ import annotations

from typing import Any

from statewright.machine.record import COMMANDS_KEPT, Actor
from statewright.stores.words import START, EventStore, Ref
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
    standing,
    turn,
    whole_log,
    without_notes,
)

SPEAKING: dict[str, Any] = {
    "accents": "Grüße, naïve façade",
    "scripts": "日本語 العربية עברית हिन्दी ไทย",
    "beyond the basic plane": "🧾👩🏽‍🚀 𝕊",
    "composed and decomposed": ["\u00e9", "e\u0301"],
    "quotes and escapes": "'\"\\/\b\f\n\r\t;--",
    "controls": "\x00\x01\x1f\x7f\u2028\u2029\ufeff",
    "": "a field without a name",
}
COUNTING: dict[str, Any] = {
    "largest": 2**63 - 1,
    "smallest": -(2**63),
    "unsigned": 2**64 - 1,
    "beyond floats": 2**53 + 1,
    "tenth": 0.1,
    "tiny": 5e-324,
    "huge": 1.7976931348623157e308,
    "minus nothing": -0.0,
    "whole": 1.0,
    "one": 1,
    "yes": True,
}


async def an_empty_log_says_so(store: EventStore) -> None:
    """Nothing stands in it, nobody is known, and its place is the start."""
    batch = await store.read(START, 10)

    assert (list(batch.records), batch.place) == ([], START)
    assert await store.latest_place() == START
    assert list(await store.heads([ORDER, CART])) == [None, None]
    assert list(await store.read_entity(ORDER)) == []
    assert list(await store.find_command(ORDER, "c-1")) == []


async def a_log_has_an_id_that_stays(store: EventStore) -> None:
    """Checkpoints name the log by it."""
    before = store.log_id
    await turn(store, ORDER, 2)

    assert before
    assert store.log_id == before


async def an_empty_group_is_nothing(store: EventStore) -> None:
    """No outcomes, no trace."""
    assert list(await store.append([])) == []
    assert await store.latest_place() == START


async def a_record_is_read_back_byte_for_byte(store: EventStore) -> None:
    """By whichever way it is read: as the outcome, from the log, of its entity, of its command."""
    full = command(
        "c-2",
        move(
            ORDER,
            await turn(store, ORDER, 1),
            event="PAY",
            to=("fulfilment.warehouse.picking", "fulfilment.invoice.open"),
            changes={"paid": 9900, "lines": [{"sku": "A", "n": 1}, {}], "note": None},
            removed=("offer",),
            payload={"amount": 9900, "deep": {"er": [[[]]]}},
            sealed={"changes": {"name": "Anna"}, "payload": {"iban": "DE00"}},
            actor=Actor("anna", ("clerk", "lead")),
            correlation="visit-1",
            causation="mail-7",
            occurred_at=1_600_000_000_000_001,
            definition="sha256:0000",
        ),
    )
    written = bytes_of(await record(store, full))

    assert bytes_of([step.record for step in full.steps]) == written
    assert bytes_of((await whole_log(store))[-1:]) == written
    assert bytes_of(await store.read_entity(ORDER, 1)) == written
    assert bytes_of(await store.find_command(ORDER, "c-2")) == written


async def any_text_is_kept_as_it_is(store: EventStore) -> None:
    """Every script, controls and quotes, composed and decomposed forms."""
    await _keeps(store, SPEAKING)


async def any_number_is_kept_as_it_is(store: EventStore) -> None:
    """64 bits of integers, all floats, and 1 is neither 1.0 nor true."""
    await _keeps(store, COUNTING)


async def a_large_record_is_kept_whole(store: EventStore) -> None:
    """A record may have 512 KB, of which the payload 128 and the data 256."""
    await _keeps(store, {f"field {n}": "ä" * 4_000 for n in range(30)}, {"letter": "x" * 130_000})


async def deep_values_are_kept(store: EventStore) -> None:
    """Lists in lists, a hundred deep."""
    deep: list[Any] = []
    for _ in range(100):
        deep = [deep]
    await _keeps(store, {"deep": deep})


async def _keeps(store: EventStore, changes: dict[str, Any], payload: dict[str, Any] | None = None) -> None:
    asked = command("c-1", move(ORDER, None, changes=changes, payload=changes if payload is None else payload))
    wanted = bytes_of(await record(store, asked))

    assert bytes_of(await store.read_entity(ORDER)) == wanted
    assert bytes_of(await whole_log(store)) == wanted
    assert repr((await standing(store, ORDER)).data) == repr(changes), "the head's data differ from what was recorded"


async def absent_and_null_stay_apart(store: EventStore) -> None:
    """A field may be set to null, set to nothing, or removed; three different things."""
    created = command("c-1", move(ORDER, None, changes={"null": None, "gone": 1, "text": "", "list": [], "map": {}}))
    await record(store, created)
    await record(
        store, command("c-2", move(ORDER, await standing(store, ORDER), removed=("gone",), changes={"new": None}))
    )
    first, second = await store.read_entity(ORDER)

    assert first.changes == {"null": None, "gone": 1, "text": "", "list": [], "map": {}}
    assert (second.changes, second.removed) == ({"new": None}, ("gone",))
    assert (await standing(store, ORDER)).data == {"null": None, "text": "", "list": [], "map": {}, "new": None}


async def what_a_record_leaves_out_stays_out(store: EventStore) -> None:
    """No event is not an empty event, no business time is not the start of 1970, coming from nowhere not from []."""
    created = command("c-1", move(ORDER, None))
    await record(store, created)
    await record(
        store, command("c-2", move(ORDER, await standing(store, ORDER), event="", correlation="", occurred_at=0))
    )
    bare, empty = await store.read_entity(ORDER)

    assert (bare.event, bare.from_, bare.correlation, bare.occurred_at) == (None, None, None, None)
    assert (empty.event, empty.correlation, empty.occurred_at) == ("", "", 0)


async def personal_values_stay_apart_from_the_rest(store: EventStore) -> None:
    """They come back under `sealed` and nowhere else in the record; the head has them in its data and says which."""
    sealed = {"changes": {"name": "Anna"}, "payload": {"iban": "DE00"}}
    asked = command("c-1", move(ORDER, None, changes={"total": 1}, payload={"total": 1}, sealed=sealed))
    await record(store, asked)
    (line,) = await store.read_entity(ORDER)
    head = await standing(store, ORDER)

    assert (line.changes, line.payload, line.sealed) == ({"total": 1}, {"total": 1}, sealed)
    assert (head.data, head.personal) == ({"total": 1, "name": "Anna"}, ("name",))


async def names_that_look_alike_are_different_entities(store: EventStore) -> None:
    """Case, composition, spaces inside and the cut between type and id all count."""
    alike = [
        Ref("order", "a"),
        Ref("order", "A"),
        Ref("order", "a b"),
        Ref("order", "a  b"),
        Ref("order", "%"),
        Ref("order", "_"),
        Ref("order", "ß"),
        Ref("order", "ss"),
        Ref("order", "1"),
        Ref("order", "01"),
        Ref("order", "1.0"),
        Ref("order", "order"),
        Ref("orde", "ra"),
        Ref("order_a", "a"),
        Ref("order", "🧾" * 50),
        Ref("order", "🧾" * 49 + "🧿"),
    ]
    await record(store, *[command(f"c-{n}", move(ref, None, changes={"n": n})) for n, ref in enumerate(alike)])

    for n, ref in enumerate(alike):
        assert (await standing(store, ref)).data == {"n": n}, f"{ref} holds another entity's data"
        assert [(line.type, line.entity) for line in await store.read_entity(ref)] == [ref]


async def heads_come_in_the_order_asked(store: EventStore) -> None:
    """Unknown ones as None, one asked twice twice, none for none."""
    await turn(store, ORDER, 2)
    await turn(store, PARCEL, 1)
    heads = await store.heads([PARCEL, CART, ORDER, PARCEL])

    assert [head and head.version for head in heads] == [1, None, 2, 1]
    assert list(await store.heads([])) == []


async def many_heads_are_given_at_once(store: EventStore) -> None:
    """As many as a group may touch, and more."""
    refs = [Ref("order", str(n)) for n in range(2_000)]
    await record(store, *[command(f"c-{ref.id}", move(ref, None, changes={"n": ref.id})) for ref in refs[::2]])
    heads = await store.heads(refs)

    assert [head and head.data["n"] for head in heads] == [ref.id if not n % 2 else None for n, ref in enumerate(refs)]


async def a_head_equals_the_fold_of_its_records(store: EventStore) -> None:
    """In every field that means something to others, at whatever version it is looked at."""
    for number in range(8):
        head = await head_of(store, ORDER)
        written = {
            "to": ("open",) if number % 3 else ("open.a", "open.b"),
            "changes": {f"f{number % 3}": number},
            "removed": ("f1",) if number == 5 else (),
            "sealed": {"changes": {"name": f"Anna {number}"}} if number % 2 else {},
            "occurred_at": 1_600_000_000_000_000 - number if number % 2 else None,
        }
        await record(store, command(f"c-{number}", move(ORDER, head, **written)))

        assert without_notes(await head_of(store, ORDER)) == folded(await store.read_entity(ORDER))


async def the_heads_given_are_filled_in(store: EventStore) -> None:
    """After an append the caller's own head equals the stored one, so it can be decided on without a read."""
    asked = command("c-1", move(ORDER, None), move(ORDER, None, to=("open",)), move(PARCEL, None))
    await record(store, asked)
    _, order, parcel = (step.after for step in asked.steps)

    assert without_notes(order) == without_notes(await head_of(store, ORDER))
    assert without_notes(parcel) == without_notes(await head_of(store, PARCEL))


async def a_head_remembers_the_first_commands_and_no_more(store: EventStore) -> None:
    """One for each of the first 64 versions, so that a repeat is seen without a read."""
    await turn(store, ORDER, COMMANDS_KEPT + 3)
    head = await standing(store, ORDER)

    assert head.version == COMMANDS_KEPT + 3
    assert head.commands.split() == [f"turn-{n}" for n in range(1, COMMANDS_KEPT + 1)]


async def what_was_given_can_be_changed_without_harm(store: EventStore) -> None:
    """The log holds what was recorded, whatever callers do to their own copies afterwards."""
    asked = command("c-1", move(ORDER, None, changes={"list": [1]}))
    await record(store, asked)
    asked.steps[0].record.changes["list"].append("mine")
    for read in await store.read_entity(ORDER):
        read.changes["list"].append("mine too")

    assert [line.changes for line in await store.read_entity(ORDER)] == [{"list": [1]}]


PROMISES = (
    an_empty_log_says_so,
    a_log_has_an_id_that_stays,
    an_empty_group_is_nothing,
    a_record_is_read_back_byte_for_byte,
    any_text_is_kept_as_it_is,
    any_number_is_kept_as_it_is,
    a_large_record_is_kept_whole,
    deep_values_are_kept,
    absent_and_null_stay_apart,
    what_a_record_leaves_out_stays_out,
    personal_values_stay_apart_from_the_rest,
    names_that_look_alike_are_different_entities,
    heads_come_in_the_order_asked,
    many_heads_are_given_at_once,
    a_head_equals_the_fold_of_its_records,
    the_heads_given_are_filled_in,
    a_head_remembers_the_first_commands_and_no_more,
    what_was_given_can_be_changed_without_harm,
)

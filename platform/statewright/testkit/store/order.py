"""Position order is commit order, and whoever reads along it misses nothing and sees nothing twice."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from statewright.stores.words import START, BadPlace, EventStore, Place, Recorded, Ref
from statewright.testkit.store.writing import (
    NOON,
    ORDER,
    PARCEL,
    bytes_of,
    command,
    head_of,
    move,
    record,
    recorded,
    standing,
    turn,
    whole_log,
)

NO_PLACES = ("", "x", "-1", "1.5", " 1", "1 ", "1\n", "+1", "1e3", "0x1", "\x00", "٣", "²", "1;2", "9" * 5_000)


async def positions_rise_in_the_order_of_recording(store: EventStore) -> None:
    """Within a command, a group, and from group to group; the log is read in that order."""
    first = await record(
        store, command("c-1", move(ORDER, None), move(PARCEL, None)), command("c-2", move(Ref("cart", "7"), None))
    )
    second = await record(store, command("c-3", move(PARCEL, await standing(store, PARCEL))))
    positions = [line.position for line in (*first, *second)]

    assert positions[0] > 0
    assert all(earlier < later for earlier, later in pairwise(positions))
    assert [line.position for line in await whole_log(store)] == positions


async def versions_of_an_entity_have_no_gap(store: EventStore) -> None:
    """1, 2, 3 … oldest first, however the recording was grouped and whatever conflicted in between."""
    head = await turn(store, ORDER, 3)
    await store.append([command("stale", move(ORDER, None))])
    chain = command("c-4", move(ORDER, head), move(ORDER, None), move(ORDER, None))
    await record(store, chain, command("c-5", move(ORDER, chain.steps[-1].after)))

    assert [line.version for line in await store.read_entity(ORDER)] == [1, 2, 3, 4, 5, 6, 7]


async def reading_in_pages_of_any_size_gives_the_whole_log(store: EventStore) -> None:
    """Nothing twice, nothing left out, never more than asked for."""
    for number in range(10):
        await turn(store, Ref("order", str(number % 4)), 2, f"round-{number}")
    whole = bytes_of(await whole_log(store, page=1_000))

    assert len(whole) == 20
    for page in (1, 2, 3, 7, 19, 20, 21):
        assert bytes_of(await whole_log(store, page=page)) == whole


async def a_batch_ends_where_its_place_says(store: EventStore) -> None:
    """Reading on from there gives the next transition; from the end nothing, and the place stays."""
    await turn(store, ORDER, 3)
    first = await store.read(START, 2)
    second = await store.read(first.place, 2)
    end = await store.read(second.place, 2)

    assert [[line.version for line in batch.records] for batch in (first, second, end)] == [[1, 2], [3], []]
    assert second.place == end.place == await store.latest_place()


async def what_comes_later_stands_after_the_end(store: EventStore) -> None:
    """A reader who waited at the end goes on with exactly what is new."""
    await turn(store, ORDER, 2)
    end = (await store.read(await store.latest_place(), 10)).place
    await turn(store, PARCEL, 2)

    assert [line.type for line in (await store.read(end, 10)).records] == ["parcel", "parcel"]


async def places_compare_as_they_follow(store: EventStore) -> None:
    """The start before all, each append after the last, a place at itself."""
    places: list[Place] = [START]
    for _ in range(12):  # so that places with more digits come in: "9" is before "10"
        await turn(store, ORDER, 1)
        places.append(await store.latest_place())

    for earlier, later in pairwise(places):
        assert store.compare_places(earlier, later) < 0
        assert store.compare_places(later, earlier) > 0
        assert store.compare_places(later, later) == 0
    assert store.compare_places(START, places[-1]) < 0


async def what_is_no_place_is_refused(store: EventStore) -> None:
    """BadPlace, by whoever is handed it; the log goes on."""
    await turn(store, ORDER, 2)
    latest = await store.latest_place()
    for text in NO_PLACES:
        try:
            batch = await store.read(text, 10)
        except BadPlace:
            pass
        else:
            raise AssertionError(f"read({text[:20]!r}) should raise BadPlace, but gave {batch}")
        for one, other in ((text, latest), (latest, text)):
            try:
                store.compare_places(one, other)
            except BadPlace:
                continue
            raise AssertionError(f"compare_places({one[:20]!r}, {other[:20]!r}) should raise BadPlace")

    assert len(await whole_log(store)) == 2


async def an_entity_is_read_from_any_version_on(store: EventStore) -> None:
    """Above a version, up to a limit, oldest first; nothing above the last."""
    await turn(store, ORDER, 5)
    await turn(store, PARCEL, 2)

    assert [line.version for line in await store.read_entity(ORDER, 2)] == [3, 4, 5]
    assert [line.version for line in await store.read_entity(ORDER, 1, 2)] == [2, 3]
    assert [line.version for line in await store.read_entity(ORDER, 0, 100)] == [1, 2, 3, 4, 5]
    assert list(await store.read_entity(ORDER, 5)) == []
    assert list(await store.read_entity(ORDER, 99)) == []


async def recorded_at_never_falls_even_when_the_clock_does(store: EventStore) -> None:
    """The greater of the clock and the last stamp, across groups and within one."""
    clocks = [NOON, NOON - 5_000_000, NOON + 7, NOON - 1, NOON + 9, NOON + 8]
    await record(store, command("c-0", move(ORDER, None), now=clocks[0]))
    await record(store, command("c-1", move(PARCEL, None), now=clocks[1]))
    await record(store, *[command(f"c-{n}", move(Ref("cart", str(n)), None), now=clocks[n]) for n in range(2, 6)])

    stamps = [line.recorded_at for line in await whole_log(store)]
    assert stamps == [NOON, NOON, NOON + 7, NOON + 7, NOON + 9, NOON + 9]


async def a_record_notes_the_clock_where_it_differs(store: EventStore) -> None:
    """`now` is what the decision saw; it is left out where the stamp is the same."""
    await record(store, command("c-1", move(ORDER, None), now=NOON))
    await record(store, command("c-2", move(PARCEL, None), now=NOON - 5))

    assert [line.now for line in await whole_log(store)] == [None, NOON - 5]


async def a_head_keeps_time_when_the_clock_falls(store: EventStore) -> None:
    """At any version its times are those of the records as stamped, not of the clock that was wrong."""
    for number in range(20):
        right = NOON + number
        await record(store, command(f"right-{number}", move(PARCEL, await head_of(store, PARCEL)), now=right))
        wrong = command(f"wrong-{number}", move(ORDER, await head_of(store, ORDER)), now=NOON - 5_000_000)
        await record(store, wrong)
        head = await standing(store, ORDER)

        assert (head.recorded_at, head.happened_at, head.since) == (right,) * 3, f"at version {head.version}"
        assert wrong.steps[0].after.recorded_at == right


async def one_command_has_one_time(store: EventStore) -> None:
    """All its transitions are recorded at the same moment."""
    lines = await record(store, command("c-1", move(ORDER, None), move(PARCEL, None), move(ORDER, None)))

    assert {line.recorded_at for line in lines} == {NOON}


async def readers_never_see_a_position_below_one_they_saw(store: EventStore) -> None:
    """Three readers follow the log while six writers race on a few entities; each ends with the very same log."""
    writers = [asyncio.create_task(_write_on(store, number, 12)) for number in range(6)]
    writing = asyncio.gather(*writers)
    followers = [asyncio.create_task(_follow(store, writing, page)) for page in (1, 3, 50)]
    made = sum(await writing)
    whole = bytes_of(await whole_log(store))

    assert len(whole) == made
    for seen in await asyncio.gather(*followers):
        assert seen == whole


async def _write_on(store: EventStore, writer: int, times: int) -> int:
    """Try `times` moves on entities that others move too; how many were recorded."""
    made = 0
    for number in range(times):
        ref = Ref("order", str(number % 3))
        asked = command(f"w{writer}-{number}", move(ref, await head_of(store, ref)))
        (outcome,) = await store.append([asked])
        made += isinstance(outcome, Recorded)
        await asyncio.sleep(0)
    return made


async def _follow(store: EventStore, writing: asyncio.Future[list[int]], page: int) -> list[bytes]:
    """Read along until the writers are done and nothing more is there."""
    seen: list[bytes] = []
    place, last = START, 0
    while True:
        done = writing.done()
        batch = await store.read(place, page)
        for line in batch.records:
            assert line.position > last, f"position {line.position} came after {last}"
            last = line.position
        seen += bytes_of(batch.records)
        place = batch.place
        if done and not batch.records:
            return seen
        await asyncio.sleep(0)


async def of_many_racing_on_one_head_exactly_one_wins(store: EventStore) -> None:
    """Thirty appends at once, all decided on the same head."""
    head = await turn(store, ORDER, 1)
    asked = [command(f"racer-{number}", move(ORDER, head)) for number in range(30)]
    outcomes = await asyncio.gather(*(store.append([one]) for one in asked))
    winners = [outcome for (outcome,) in outcomes if isinstance(outcome, Recorded)]

    assert len(winners) == 1
    assert bytes_of(await store.read_entity(ORDER, 1)) == bytes_of(recorded(winners[0]).records)


PROMISES = (
    positions_rise_in_the_order_of_recording,
    versions_of_an_entity_have_no_gap,
    reading_in_pages_of_any_size_gives_the_whole_log,
    a_batch_ends_where_its_place_says,
    what_comes_later_stands_after_the_end,
    places_compare_as_they_follow,
    what_is_no_place_is_refused,
    an_entity_is_read_from_any_version_on,
    recorded_at_never_falls_even_when_the_clock_does,
    a_record_notes_the_clock_where_it_differs,
    a_head_keeps_time_when_the_clock_falls,
    one_command_has_one_time,
    readers_never_see_a_position_below_one_they_saw,
    of_many_racing_on_one_head_exactly_one_wins,
)

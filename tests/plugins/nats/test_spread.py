"""A log over several streams: each entity in its own, places that tell how far one is in each."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from statewright.stores.words import START, BadPlace, EventStore, Recorded, Ref, StoreUnavailable
from statewright.testkit.store.writing import NOON, bytes_of, command, head_of, move, record, whole_log
from statewright_nats import open_store
from statewright_nats.spread import SpreadStore
from tests.plugins.nats.cluster import Cluster

STREAMS = 3
LAMPS = [Ref("lamp", str(number)) for number in range(30)]


@pytest.fixture
async def spread(cluster: Cluster, tmp_path: Path, log_name: str):
    store = await open_store(cluster.url(log_name, streams=STREAMS), data=tmp_path)
    yield store
    await store.close()


async def test_a_group_is_recorded_in_all_the_streams_that_its_entities_have(spread: EventStore):
    outcomes = await spread.append([command(f"c-{ref.id}", move(ref, None)) for ref in LAMPS])

    assert isinstance(spread, SpreadStore)
    for ref, outcome in zip(LAMPS, outcomes, strict=True):
        assert isinstance(outcome, Recorded)
        assert outcome.records[0].partition == spread.partition_of(ref)
    assert [head and (head.version, head.partition) for head in await spread.heads(LAMPS)] == [
        (1, spread.partition_of(ref)) for ref in LAMPS
    ]
    assert len({record.partition for record in await whole_log(spread)}) == STREAMS


async def test_a_reader_by_pages_of_any_size_sees_everything_once(spread: EventStore):
    for turn in range(3):
        await record(
            spread,
            *[command(f"c-{turn}-{ref.id}", move(ref, await head_of(spread, ref)), now=NOON + turn) for ref in LAMPS],
        )
    whole = await whole_log(spread, page=1_000)

    assert len(whole) == 90
    assert all(one.recorded_at <= after.recorded_at for one, after in pairwise(whole))
    for partition in range(STREAMS):
        assert all(
            one.position < after.position
            for one, after in pairwise(record for record in whole if record.partition == partition)
        )
    for page in (1, 7, 89):
        assert sorted(bytes_of(await whole_log(spread, page=page))) == sorted(bytes_of(whole))


async def test_a_place_says_how_far_one_is_in_each_stream(spread: EventStore):
    places = [START]
    for ref in LAMPS[:6]:
        await record(spread, command(f"c-{ref.id}", move(ref, None)))
        places.append(await spread.latest_place())

    for number, place in enumerate(places):
        reached = [part.split(":") for part in place.split(",")] if place != START else []
        assert sum(int(position) for _, position in reached) == number
        assert [partition for partition, _ in reached] == sorted(partition for partition, _ in reached)
    for earlier, later in pairwise(places):
        assert spread.compare_places(earlier, later) < 0 < spread.compare_places(later, earlier)


async def test_who_is_behind_in_one_stream_has_not_reached_a_place(spread: EventStore):
    assert spread.compare_places("0:5,1:1", "0:1,1:2") < 0
    assert spread.compare_places("0:1,1:2", "0:5,1:1") < 0
    assert spread.compare_places("0:5,1:2", "0:5,1:2") == 0
    assert spread.compare_places("0:5,1:2", "1:2") > 0


@pytest.mark.parametrize(
    "text", ["1207", "0:0", "3:1", "0:1,0:2", "1:1,0:1", "0:01", "00:1", "0:1,", ",0:1", "0:1;1:1", "0:-1", "0", "0:٣"]
)
async def test_what_is_no_place_of_a_spread_log_is_refused(spread: EventStore, text: str):
    if text == START:
        assert (await spread.read(text, 1)).place == START
        return
    with pytest.raises(BadPlace):
        await spread.read(text, 1)


async def test_news_in_any_stream_wakes_who_waits(spread: EventStore):
    for ref in LAMPS[:5]:
        waiting = asyncio.create_task(spread.wait(await spread.latest_place(), 30))
        await asyncio.sleep(0.01)
        await record(spread, command(f"c-{ref.id}", move(ref, None)))
        async with asyncio.timeout(20):
            assert await waiting is True
    assert await spread.wait(await spread.latest_place(), 0.01) is False


async def test_a_command_keeps_to_one_stream(spread: EventStore):
    assert isinstance(spread, SpreadStore)
    one = LAMPS[0]
    near = next(ref for ref in LAMPS[1:] if spread.partition_of(ref) == spread.partition_of(one))
    far = next(ref for ref in LAMPS[1:] if spread.partition_of(ref) != spread.partition_of(one))
    with pytest.raises(StoreUnavailable, match="several partitions"):
        await spread.append([command("far", move(one, None), move(far, None))])
    assert await whole_log(spread) == []

    await record(spread, command("near", move(one, None), move(near, None)))
    assert [record.command for record in await spread.find_command(one, "near")] == ["near", "near"]


async def test_a_spread_log_is_the_same_log_when_it_is_opened_again(cluster: Cluster, tmp_path: Path, log_name: str):
    url = cluster.url(log_name, streams=STREAMS)
    store = await open_store(url, data=tmp_path)
    await record(store, *(command(f"c-{ref.id}", move(ref, None)) for ref in LAMPS))
    before = (store.log_id, await store.latest_place(), bytes_of(await whole_log(store)))
    await store.close()

    again = await open_store(url, data=tmp_path / "elsewhere")
    assert (again.log_id, await again.latest_place(), bytes_of(await whole_log(again))) == before
    await again.close()

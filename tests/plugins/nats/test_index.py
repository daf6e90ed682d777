"""The index is made from the stream alone, and made again whenever it is not what the stream says."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from statewright.machine.record import COMMANDS_KEPT
from statewright.stores.index import LogIndex
from statewright.stores.words import EventStore, LogDamaged, Ref, StoreUnavailable
from statewright.testkit.store.writing import NOON, ORDER, bytes_of, command, head_of, move, record, turn, whole_log
from statewright_nats import open_store
from statewright_nats.store import StreamStore
from tests.plugins.nats.cluster import Cluster


async def a_small_log(url: str, data: Path) -> EventStore:
    """A log with one entity beyond its early commands, several of one command, and a clock that falls."""
    store = await open_store(url, data=data)
    head, group = None, []
    for number in range(1, COMMANDS_KEPT + 4):
        group.append(command(f"turn-{number}", move(ORDER, head)))
        head = group[-1].steps[0].after
    await record(store, *group)
    lamps = [move(Ref("lamp", str(number)), None, changes={"ä": number}) for number in range(40)]
    await record(store, command("all", *lamps, now=NOON + 10))
    await record(store, command("behind", move(Ref("lamp", "late"), None), now=NOON - 5))
    return store


async def everything(store: EventStore) -> object:
    """All that a log can be asked."""
    refs = [ORDER, Ref("lamp", "7"), Ref("lamp", "late"), Ref("lamp", "none")]
    return (
        bytes_of(await whole_log(store)),
        [head and (head.version, head.position, head.recorded_at, head.data) for head in await store.heads(refs)],
        [
            bytes_of(await store.find_command(ref, name))
            for ref, name in ((ORDER, "turn-66"), (Ref("lamp", "0"), "all"))
        ],
        await store.late_commands([(ORDER, "turn-66"), (ORDER, "turn-6")]),
        await store.latest_place(),
    )


async def test_an_index_that_was_deleted_is_made_again(cluster: Cluster, tmp_path: Path, log_name: str):
    store = await a_small_log(cluster.url(log_name), tmp_path)
    before = await everything(store)
    await store.close()
    for file in (tmp_path / "nats").iterdir():
        file.unlink()

    again = await open_store(cluster.url(log_name), data=tmp_path)
    assert await everything(again) == before
    await again.close()


@pytest.mark.parametrize("damage", ["garbage", "another log's", "ahead", "another history", "damaged"])
async def test_an_index_that_is_not_the_streams_is_made_again(
    cluster: Cluster, tmp_path: Path, log_name: str, damage: str
):
    store = await a_small_log(cluster.url(log_name), tmp_path)
    before = await everything(store)
    await store.close()
    path = tmp_path / "nats" / f"{log_name}.sqlite"
    if damage == "garbage":
        path.write_bytes(b"no database" * 1_000)
    else:
        with sqlite3.connect(path) as database:
            database.execute(
                {
                    "another log's": "update log set id = 'other'",
                    "ahead": "update indexed set upto = upto + 1",
                    "another history": "update transition set record = replace(record, 'behind', 'beside'), sum = null",
                    "damaged": "update transition set record = replace(record, 'behind', 'beside')",
                }[damage]
            )
        database.close()

    again = await open_store(cluster.url(log_name), data=tmp_path)
    assert await everything(again) == before
    await again.close()


async def test_a_reader_beside_the_writer_shares_its_index(cluster: Cluster, tmp_path: Path, log_name: str):
    store = await a_small_log(cluster.url(log_name), tmp_path)
    reader = await open_store(cluster.url(log_name), data=tmp_path, read_only=True)
    assert await everything(reader) == await everything(store)

    waiting = asyncio.create_task(reader.wait(await reader.latest_place(), 30))
    await asyncio.sleep(0.05)
    head = await turn(store, ORDER, 1)
    async with asyncio.timeout(20):
        assert await waiting is True
    assert [record.version for record in await reader.read_entity(ORDER, head.version - 1)] == [head.version]
    with pytest.raises(StoreUnavailable, match="opened to read"):
        await reader.append([command("c-1", move(ORDER, head))])

    await store.close()
    other = await open_store(cluster.url(log_name), data=tmp_path / "other")
    await turn(other, ORDER, 1)
    await other.close()
    assert [record.version for record in await reader.read_entity(ORDER, head.version)] == [head.version + 1]
    await reader.close()


async def test_two_processes_of_one_folder_both_write(cluster: Cluster, tmp_path: Path, log_name: str):
    one = await open_store(cluster.url(log_name), data=tmp_path)
    two = await open_store(cluster.url(log_name), data=tmp_path)
    for number in range(6):
        writer = (one, two)[number % 2]
        await record(writer, command(f"c-{number}", move(ORDER, await head_of(writer, ORDER))))

    assert [record.version for record in await two.read_entity(ORDER)] == [1, 2, 3, 4, 5, 6]
    assert bytes_of(await whole_log(one)) == bytes_of(await whole_log(two))
    await one.close()
    await two.close()


async def test_what_somebody_else_published_into_the_stream_is_named(cluster: Cluster, tmp_path: Path, log_name: str):
    store = await open_store(cluster.url(log_name), data=tmp_path)
    await turn(store, ORDER, 1)
    assert isinstance(store, StreamStore)
    await store.link.ask(f"{log_name}.order.43", b'{"hello": "world"}')

    with pytest.raises(LogDamaged, match="position 2"):
        await store.heads([ORDER])
    await store.close()


def test_positions_must_follow(tmp_path: Path):
    index = LogIndex.made(tmp_path / "index.sqlite", "a-log")
    with pytest.raises(LogDamaged, match="position 1"):
        index.take(2, [b"{}"])

    assert index.upto == 0


def test_an_index_takes_nothing_twice(tmp_path: Path):
    lines = [b'{"type":"lamp","entity":"%d","version":1,"recorded_at":5,"revision":1}' % number for number in range(4)]
    index = LogIndex.made(tmp_path / "index.sqlite", "a-log")
    index.take(1, lines[:3])
    index.take(2, lines[1:])

    assert index.upto == 4
    assert index.stamps(1, 4) == [5, 5, 5, 5]

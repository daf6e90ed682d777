"""Whatever fails between a writer and the stream: what was acknowledged is there, and nothing is there twice."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from statewright.machine.record import Record
from statewright.stores.words import (
    Duplicate,
    EventStore,
    Recorded,
    Ref,
    StoreUnavailable,
    StoreUncertain,
)
from statewright.testkit.store.writing import ORDER, command, head_of, move, recorded, turn, whole_log
from statewright_nats import appending, link, open_store
from statewright_nats.store import StreamStore
from tests.plugins.nats.between import Between
from tests.plugins.nats.cluster import Cluster, binary

ROUNDS = int(os.environ.get("STATEWRIGHT_NATS_ROUNDS", "2"))
"""How often the leader is killed; fifty make a proof, two a test."""


async def test_what_was_acknowledged_survives_the_death_of_the_leader(tmp_path: Path):
    if binary() is None:
        pytest.skip("there is no nats-server: install the development tools")
    with Cluster(tmp_path / "servers") as cluster:
        writers = [await open_store(cluster.url("log"), data=tmp_path / str(number)) for number in range(2)]
        ledger = Ledger()
        for number in range(ROUNDS):
            await _load_while_the_leader_dies(cluster, writers, ledger, number)
        records = await whole_log(writers[0], page=1_000)
        assert [record.command for record in await whole_log(writers[1], page=1_000)] == [
            one.command for one in records
        ]
        for writer in writers:
            await writer.close()
        fresh = await open_store(cluster.url("log"), data=tmp_path / "fresh")
        again = await whole_log(fresh, page=1_000)
        await fresh.close()

    require_one_history(records, ledger)
    assert again == records
    assert len(ledger.acknowledged) > 20 * ROUNDS, "there was too little load for this to mean anything"


class Ledger:
    """What callers were told."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, int] = {}
        self.unknown: set[str] = set()
        self.turned_away: set[str] = set()


async def keep_turning(store: EventStore, name: str, ledger: Ledger, stopping: asyncio.Event) -> None:
    """Turn a few entities that others turn too, until stopped."""
    number = 0
    while not stopping.is_set():
        number += 1
        ref = Ref("lamp", str(random.randrange(8)))
        try:
            asked = command(f"{name}-{number}", move(ref, await head_of(store, ref)), now=time.time_ns() // 1_000)
        except StoreUnavailable:
            continue
        try:
            (outcome,) = await store.append([asked])
        except StoreUncertain:
            ledger.unknown.add(asked.command)
        except StoreUnavailable:
            ledger.turned_away.add(asked.command)
        else:
            if isinstance(outcome, Recorded | Duplicate):
                ledger.acknowledged[asked.command] = outcome.records[0].position
            else:
                ledger.turned_away.add(asked.command)


async def _load_while_the_leader_dies(cluster: Cluster, writers: list[EventStore], ledger: Ledger, number: int) -> None:
    stopping = asyncio.Event()
    load = [
        asyncio.create_task(keep_turning(writer, f"{number}-{which}-{caller}", ledger, stopping))
        for which, writer in enumerate(writers)
        for caller in range(2)
    ]
    await _grown_by(ledger, 15)
    leader = await asyncio.to_thread(cluster.leader_of, "log")
    cluster.kill(leader)
    await _grown_by(ledger, 10)
    cluster.start(leader)
    stopping.set()
    await asyncio.gather(*load)
    await asyncio.to_thread(cluster.wait_ready)


async def _grown_by(ledger: Ledger, count: int) -> None:
    """Until so many more were acknowledged."""
    goal = len(ledger.acknowledged) + count
    async with asyncio.timeout(60):
        while len(ledger.acknowledged) < goal:  # noqa: ASYNC110  # the callers know nothing of goals
            await asyncio.sleep(0.02)


def require_one_history(records: list[Record], ledger: Ledger) -> None:
    """All that was acknowledged, where it was said to be; nothing twice; versions without gap, times that rise."""
    stands = {record.command: record.position for record in records}
    assert stands.items() >= ledger.acknowledged.items()
    assert set(Counter(record.command for record in records).values()) == {1}
    assert stands.keys().isdisjoint(ledger.turned_away)
    assert stands.keys() <= ledger.acknowledged.keys() | ledger.unknown
    assert all(
        one.position < after.position and one.recorded_at <= after.recorded_at for one, after in pairwise(records)
    )
    versions: dict[str, int] = {}
    for record in records:
        assert record.version == versions.get(record.entity, 0) + 1, f"{record.entity} at {record.position}"
        versions[record.entity] = record.version


async def test_a_publish_whose_answer_is_lost_is_found_in_the_log(
    cluster: Cluster, tmp_path: Path, log_name: str, monkeypatch: pytest.MonkeyPatch
):
    async with Between(_any_port(cluster)) as between:
        store = await open_store(between.url(log_name, "sync=always"), data=tmp_path)
        head = await turn(store, ORDER, 1)
        asked = [command("c-2", move(ORDER, head)), command("p-1", move(Ref("parcel", "1"), None))]
        _lose_the_answer(between, monkeypatch)
        outcomes = await store.append(asked)
        log = await whole_log(store)
        await store.close()

    assert [record.command for record in log] == ["turn-1", "c-2", "p-1"]
    assert [recorded(outcome).records[0].position for outcome in outcomes] == [record.position for record in log[1:]]


async def test_a_publish_that_was_cut_off_is_sent_again_once(
    cluster: Cluster, tmp_path: Path, log_name: str, monkeypatch: pytest.MonkeyPatch
):
    """The connection ends after the cluster was given everything, and before it said anything."""
    async with Between(_any_port(cluster)) as between:
        store = await open_store(between.url(log_name, "sync=always"), data=tmp_path)
        head = await turn(store, ORDER, 1)

        def cut(said: bytes) -> bytes:
            if b'"seq":' in said:
                between.change = lambda said: said
                between.cut()
                return b""
            return said

        between.change = cut
        (outcome,) = await store.append([command("c-2", move(ORDER, head))])
        log = await whole_log(store)
        await store.close()

    assert [record.command for record in log] == ["turn-1", "c-2"]
    assert recorded(outcome).records[0].position == log[1].position


@pytest.mark.parametrize("messages", [1, 2])
async def test_a_publish_that_comes_late_is_not_stored_once_it_was_answered_for(
    cluster: Cluster, tmp_path: Path, log_name: str, messages: int
):
    """It sat in a buffer while its writer found out that it was not there; its entities stand where they stood."""
    store = await open_store(cluster.url(log_name), data=tmp_path)
    assert isinstance(store, StreamStore)
    await store.settle("late")
    with pytest.raises(link.Rejected):
        for number in range(1, messages + 1):
            headers = {"Nats-Expected-Last-Subject-Sequence": "0"}
            if number == 1:
                headers["Nats-Msg-Id"] = "late"
            if messages > 1:
                headers |= {"Nats-Batch-Id": "late", "Nats-Batch-Sequence": str(number)}
            if number < messages:
                await store.link.say(f"{log_name}.lamp.{number}", b"{}", headers)
            elif messages > 1:
                await store.link.ask(f"{log_name}.lamp.{number}", b"{}", {**headers, "Nats-Batch-Commit": "1"})
            else:
                answer = await store.link.ask(f"{log_name}.lamp.{number}", b"{}", headers)
                raise link.Rejected(0, "known for a repeat") if answer.get("duplicate") else AssertionError(answer)
    await turn(store, ORDER, 1)
    log = await whole_log(store)
    await store.close()

    assert [record.position for record in log] == [2]


async def test_where_nobody_can_be_asked_the_outcome_stays_unknown(
    cluster: Cluster, tmp_path: Path, log_name: str, monkeypatch: pytest.MonkeyPatch
):
    """And the next question is answered once the cluster is back, with what became of it."""
    monkeypatch.setattr(appending, "PATIENCE_S", 0.3)
    monkeypatch.setattr("statewright_nats.store.PATIENCE_S", 0.3)
    async with Between(_any_port(cluster)) as between:
        store = await open_store(between.url(log_name, "sync=always"), data=tmp_path)
        head = await turn(store, ORDER, 1)
        between.change = lambda said: b"" if b'"seq":' in said or b'"state":' in said else said
        monkeypatch.setattr("statewright_nats.link.ANSWER_S", 0.2)
        monkeypatch.setattr(link.Link.ask, "__defaults__", (None, 0.2))
        with pytest.raises(StoreUncertain):
            await store.append([command("c-2", move(ORDER, head))])
        with pytest.raises(StoreUnavailable):
            await store.find_command(ORDER, "c-2")
        between.change = lambda said: said
        monkeypatch.undo()
        made = await store.find_command(ORDER, "c-2")
        log = await whole_log(store)
        await store.close()

    assert [record.version for record in made] == [2]
    assert [record.command for record in log] == ["turn-1", "c-2"]


async def test_what_is_settled_and_cannot_be_read_is_not_called_unrecorded(
    cluster: Cluster, tmp_path: Path, log_name: str, monkeypatch: pytest.MonkeyPatch
):
    """The cluster said what became of it, and then nothing more: it may well be in the log."""
    store = await open_store(cluster.url(log_name), data=tmp_path)
    assert isinstance(store, StreamStore)
    await turn(store, ORDER, 1)
    ask = link.Link.ask

    async def lose(self: link.Link, subject: str, payload: bytes, *rest: dict[str, str]) -> object:
        answer = await ask(self, subject, payload, *rest)
        if payload and not subject.startswith("$JS"):
            raise link.Unanswered("it was lost")
        return answer

    async def unreadable() -> None:
        raise StoreUnavailable("nobody answers")

    with monkeypatch.context() as broken:
        broken.setattr(link.Link, "ask", lose)
        broken.setattr(store, "current", unreadable)
        with pytest.raises(StoreUncertain):
            await store.append([command("p-1", move(Ref("parcel", "1"), None))])
    made = await store.find_command(Ref("parcel", "1"), "p-1")
    await store.close()

    assert [record.version for record in made] == [1]


async def test_a_group_goes_in_without_the_command_that_another_writer_overtook(
    cluster: Cluster, tmp_path: Path, log_name: str
):
    store = await open_store(cluster.url(log_name), data=tmp_path / "one")
    other = await open_store(cluster.url(log_name), data=tmp_path / "other")
    lamps = [Ref("lamp", str(number)) for number in range(40)]
    made = [command(f"make-{ref.id}", move(ref, None)) for ref in lamps]
    await store.append(made)
    overtaken = {7, 8, 31}
    for number in overtaken:
        await other.append([command(f"o-{number}", move(lamps[number], made[number].steps[0].after))])
    outcomes = await store.append(
        [command(f"c-{ref.id}", move(ref, one.steps[0].after)) for ref, one in zip(lamps, made, strict=True)]
    )
    await store.close()
    await other.close()

    assert {number for number, outcome in enumerate(outcomes) if not isinstance(outcome, Recorded)} == overtaken
    positions = [outcome.records[0].position for outcome in outcomes if isinstance(outcome, Recorded)]
    assert positions == sorted(positions)


async def test_a_group_of_any_size_goes_in(cluster: Cluster, tmp_path: Path, log_name: str):
    """Over several batches, some of which build on others and some of which do not."""
    store = await open_store(cluster.url(log_name), data=tmp_path)
    before = {}
    group = []
    for number in range(2_400):
        ref = Ref("lamp", str(number % 1_500))
        asked = command(f"c-{number}", move(ref, before.get(ref)))
        before[ref] = asked.steps[0].after
        group.append(asked)
    outcomes = await store.append(group)
    log = await whole_log(store, page=1_000)
    await store.close()

    assert all(isinstance(outcome, Recorded) for outcome in outcomes)
    assert {record.command for record in log} == {asked.command for asked in group}
    assert Counter(record.version for record in log) == {1: 1_500, 2: 900}


def _any_port(cluster: Cluster) -> int:
    return cluster.ports[cluster.names[0]]


def _lose_the_answer(between: Between, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep back the next acknowledgement, and shorten the wait for it."""
    monkeypatch.setattr(link.Link.ask, "__defaults__", (None, 0.5))

    def change(said: bytes) -> bytes:
        if b'"seq":' in said:
            between.change = lambda said: said
            return b""
        return said

    between.change = change

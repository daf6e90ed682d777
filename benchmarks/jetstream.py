"""The log in NATS: groups into the store, against as many clients that publish one message each.

Both on three servers on loopback that sync each write, of what the committer's own functions made beforehand. A naive
publisher has a connection of its own and publishes through the client's JetStream API, each message with the sequence
that it expects of its entity, and waits for the answer. What so many callers wait for goes into our store as one group.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import nats
import uvloop
from nats.aio.client import Client

from benchmarks.lives import Lives
from benchmarks.report import Row, compared
from benchmarks.stopwatch import Stopwatch
from statewright.stores.words import Append, EventStore, Recorded, Ref
from statewright_nats import open_store
from statewright_nats.naming import subject_of
from tests.plugins.nats.cluster import Cluster, binary

ASKED = {1: None, 64: 3.0, 1_000: None}
"""The numbers of callers, and how many times the naive rate is asked of us."""
ROUND = {1: 300, 64: 6_400, 1_000: 10_000}
"""How many transitions make one round."""


def measure(folder: Path, rounds: int) -> list[Row]:
    """One row for each number of callers; none where there is no server to measure with."""
    if binary() is None:
        return []
    with Cluster(folder / "nats") as cluster:
        return uvloop.run(_measure(cluster, folder, rounds))


async def _measure(cluster: Cluster, folder: Path, rounds: int) -> list[Row]:
    store = await open_store(cluster.url("ours"), data=folder)
    await (await open_store(cluster.url("naive"), data=folder)).close()  # makes a stream just like ours
    servers = [f"nats://127.0.0.1:{port}" for port in cluster.ports.values()]
    clients = [await nats.connect(servers) for _ in range(64)]
    lives, other_lives, stands_at = Lives(), Lives(), dict[Ref, int]()
    rows = []
    for callers, asked in ASKED.items():
        mine, floor = [], []
        for _ in range(rounds):
            floor.append(await _naive(clients[:callers], other_lives.groups(1, ROUND[callers])[0], stands_at))
            mine.append(await _ours(store, lives.groups(ROUND[callers] // callers, callers)))
        what = f"{callers} caller{'s' if callers > 1 else ''}, three replicas, sync always"
        rows.append(compared("nats", what, mine, floor, f"naive publish, {min(callers, 64)} clients", asked))
    for client in clients:
        await client.close()
    await store.close()
    return rows


async def _ours(store: EventStore, groups: Sequence[Sequence[Append]]) -> float:
    with Stopwatch() as watch:
        outcomes = [outcome for group in groups for outcome in await store.append(group)]
    if not all(isinstance(outcome, Recorded) for outcome in outcomes):
        raise RuntimeError("the store did not record what it was given")
    return len(outcomes) / watch.seconds


async def _naive(clients: Sequence[Client], commands: Sequence[Append], stands_at: dict[Ref, int]) -> float:
    """Each client its own entities, in their order: nobody overtakes anybody."""
    shares: list[list[tuple[Ref, bytes]]] = [[] for _ in clients]
    for command in commands:
        record = command.steps[0].record
        ref = Ref(record.type, record.entity)
        shares[hash(ref) % len(clients)].append((ref, msgspec.json.encode(record)))

    async def publish(client: Client, share: Sequence[tuple[Ref, bytes]]) -> None:
        stream = client.jetstream(timeout=30)
        for ref, line in share:
            expected = {"Nats-Expected-Last-Subject-Sequence": str(stands_at.get(ref, 0))}
            stands_at[ref] = (await stream.publish(subject_of("naive", ref), line, headers=expected)).seq

    with Stopwatch() as watch:
        await asyncio.gather(*(publish(client, share) for client, share in zip(clients, shares, strict=True)))
    return len(commands) / watch.seconds

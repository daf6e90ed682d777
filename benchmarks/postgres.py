"""PostgreSQL: our process against pgbench, batches against COPY, catching up against a raw scan, four against one.

The server is one of the tests' own, as durable as in production; all of it lies on the disk that the benchmarks use.
"""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import uvloop
from msgspec.structs import replace

from benchmarks import workload
from benchmarks.lives import Lives
from benchmarks.report import Row, compared
from benchmarks.stopwatch import Stopwatch
from statewright.catalog import Catalog
from statewright.commands import Committer
from statewright.commands.words import Done, SendEvent, digest_of
from statewright.stores.words import Append, Recorded, Ref
from statewright_postgres import PostgresStore, open_store
from tests.postgresql import Server, programs

ASKED = {1: 0.6, 16: 1.0, 64: 1.3}
"""Clients of one process, and the least share of pgbench's commits with as many."""
BATCH = 100
PROCESSES = 4
SHARED = 1_000
"""Entities that the processes share, so that they often want to move one at the same time."""
_BARE = "create table {} (position bigserial primary key, entity bigint, version integer, at bigint, record text)"
_COLUMNS = ("entity", "version", "at", "record")


def measure(folder: Path, rounds: int, seconds: float, length: int) -> list[Row]:
    """The rows of this part; none where there is no PostgreSQL."""
    if programs() is None:
        return []
    server = Server.make("max_wal_size = 4GB")
    try:
        rows = uvloop.run(_one_process(server, folder, rounds, seconds))
        rows += uvloop.run(_batches_and_scans(server, rounds, length))
        return [*rows, _processes(server, folder, rounds, seconds)]
    finally:
        server.discard()


async def _opened(server: Server, schema: str) -> PostgresStore:
    return await open_store(server.url(query=f"?schema={schema}"), data=Path())


def _sends(first: int, entities: int = workload.ENTITIES) -> Iterator[SendEvent]:
    """Events under ids of their own, scattered over so many entities."""
    for number in itertools.count(first):
        asked = workload.command(number)
        entity = workload.name(int(asked["entity"].removeprefix("p-")) % entities)
        send = SendEvent(Ref(asked["type"], entity), asked["event"], asked["data"], asked["id"])
        send.digest = digest_of(send)
        yield send


# --- one process


async def _one_process(server: Server, folder: Path, rounds: int, seconds: float) -> list[Row]:
    catalog = _catalog(folder / "one.sqlite")
    store = await _opened(server, "one")
    committer = Committer(store, catalog)
    sends = _sends(0)
    for _ in range(40):  # nearly all entities are there, and known
        await committer.submit(list(itertools.islice(sends, 500)))
    await _sql(server, _BARE.format("single"), "create unique index on single (entity, version)")
    rows = []
    for clients, asked in ASKED.items():
        ours, floor = list[float](), list[float]()
        for _ in range(rounds):
            floor.append(_pgbench(server, folder, clients, seconds))
            ours.append(await _rate(committer, sends, clients, seconds))
        rows.append(compared("postgres", f"{clients} clients, one process", ours, floor, "pgbench, one insert", asked))
    await committer.close()
    await store.close()
    catalog.close()
    return rows


def _catalog(file: Path) -> Catalog:
    catalog = Catalog.open(f"sqlite:///{file}")
    catalog.register(msgspec.json.encode(workload.definition()), activate=True)
    return catalog


async def _rate(committer: Committer, sends: Iterator[SendEvent], clients: int, seconds: float) -> float:
    """Events a second that so many clients get recorded, one after the other each; made before the clock runs."""
    sends = itertools.chain(list(itertools.islice(sends, int(seconds * 5_000))), sends)
    ends, recorded = time.perf_counter() + seconds, 0

    async def client() -> None:
        nonlocal recorded
        while time.perf_counter() < ends:
            answer = await committer.send(next(sends))
            if not isinstance(answer, Done):
                raise RuntimeError(f"an event was not recorded: {answer}")
            recorded += 1

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return recorded / (time.perf_counter() - began)


def _pgbench(server: Server, folder: Path, clients: int, seconds: float) -> float:
    """Commits a second of pgbench's, one insert each of what a record of ours has in bytes, into two indexes."""
    script = folder / "insert.sql"
    script.write_text(
        "\\set entity random(1, 1000000000)\n\\set version random(1, 1000000000)\n"
        "insert into single (entity, version, at, record) values (:entity, :version, 1, repeat('x', 330));\n"
    )
    found = programs()
    assert found is not None
    options = ("-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(max(1, round(seconds))))
    where = ("-h", "127.0.0.1", "-p", str(server.port), "-U", "statewright", "-f", str(script), "postgres")
    said = subprocess.run([found / "pgbench", *options, *where], capture_output=True, text=True, check=True).stdout
    return next(float(line.split()[2]) for line in said.splitlines() if line.startswith("tps"))


# --- batches, and reading


async def _batches_and_scans(server: Server, rounds: int, length: int) -> list[Row]:
    store, lives = await _opened(server, "many"), Lives()
    bare: Any = await asyncpg.connect(server.url())
    await _sql(server, _BARE.format("many_bare"), "create unique index on many_bare (entity, version)")
    await _append(store, lives.groups(length // 1_000, 1_000))
    texts = await _copy_all(store, bare)
    appended, copied = list[float](), list[float]()
    for round in range(rounds):
        groups = lives.groups(100, BATCH)
        with Stopwatch() as watch:
            await _append(store, groups)
        appended.append(100 * BATCH / watch.seconds)
        copied.append(await _copied(bare, texts, round))
    caught_up, scanned = list[float](), list[float]()
    for _ in range(rounds):
        scanned.append(await _scanned(bare))
        caught_up.append(await _caught_up(store))
    await bare.close()
    await store.close()
    reading = compared("postgres", "catch-up, decoded", caught_up, scanned, "raw scan, not decoded", 0.4)
    return [
        compared("postgres", f"{BATCH} a commit", appended, copied, f"COPY, {BATCH} rows a commit", 0.8),
        reading,
        replace(reading, what="catch-up, by itself", floor=None, floor_name="", ratio=None, asked=400_000.0, of="ours"),
    ]


async def _append(store: PostgresStore, groups: list[list[Append]]) -> None:
    for group in groups:
        if not all(isinstance(outcome, Recorded) for outcome in await store.append(group)):
            raise RuntimeError("the store did not record what it was given")


async def _copy_all(store: PostgresStore, bare: Any) -> list[tuple[int, int, int, str]]:
    """The same rows in a table without more; some of them, to be copied once more."""
    rows = await bare.fetch("select entity, version, recorded_at, record from many.transition order by position")
    rows = [tuple(row) for row in rows]
    await bare.copy_records_to_table("many_bare", records=rows, columns=_COLUMNS)
    return rows[: 100 * BATCH]


async def _copied(bare: Any, rows: list[tuple[int, int, int, str]], round: int) -> float:
    new = [(entity, version + 1_000_000 * (round + 1), at, record) for entity, version, at, record in rows]
    with Stopwatch() as watch:
        for first in range(0, len(new), BATCH):
            await bare.copy_records_to_table("many_bare", records=new[first : first + BATCH], columns=_COLUMNS)
    return len(new) / watch.seconds


async def _scanned(bare: Any) -> float:
    scan = "select position, at, record from many_bare where position > $1 order by position limit 10000"
    position, count = 0, 0
    with Stopwatch() as watch:
        while rows := await bare.fetch(scan, position):
            position, count = rows[-1][0], count + len(rows)
    return count / watch.seconds


async def _caught_up(store: PostgresStore) -> float:
    place, count = "0", 0
    with Stopwatch() as watch:
        while (batch := await store.read(place, 10_000)).records:
            place, count = batch.place, count + len(batch.records)
    return count / watch.seconds


async def _sql(server: Server, *statements: str) -> None:
    connection = await asyncpg.connect(server.url())
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


# --- processes


def _processes(server: Server, folder: Path, rounds: int, seconds: float) -> Row:
    """Four processes over shared entities against one over the same, with 64 clients in all."""
    several, one = list[float](), list[float]()
    for _ in range(rounds):
        one.append(_together(server, folder, 1, 64, seconds))
        several.append(_together(server, folder, PROCESSES, 64 // PROCESSES, seconds))
    what = f"{PROCESSES} processes, {SHARED} shared entities"
    return compared("postgres", what, several, one, "one process", 0.6)


def _together(server: Server, folder: Path, processes: int, clients: int, seconds: float) -> float:
    command = [sys.executable, "-m", "benchmarks.postgres", server.url(query="?schema=shared"), str(folder)]
    arguments = [[str(number), str(clients), str(seconds)] for number in range(processes)]
    running = [
        subprocess.Popen([*command, *some], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for some in arguments
    ]
    for process in running:
        assert process.stdout is not None
        process.stdout.readline()  # it is ready
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return sum(float(process.communicate()[0].splitlines()[-1]) for process in running)


async def _alone(url: str, folder: str, number: str, clients: str, seconds: str) -> None:
    """One of the processes: says when it is ready, and how many events a second it had recorded."""
    catalog = _catalog(Path(folder) / f"shared-{number}.sqlite")
    store = await open_store(url, data=Path(folder))
    committer = Committer(store, catalog)
    sends = _sends(int(number) * 100_000_000 + time.time_ns() % 50_000_000, SHARED)
    await committer.submit(list(itertools.islice(sends, 500)))
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    print(await _rate(committer, sends, int(clients), float(seconds)), flush=True)
    await committer.close()
    await store.close()
    catalog.close()


if __name__ == "__main__":
    uvloop.run(_alone(*sys.argv[1:]))

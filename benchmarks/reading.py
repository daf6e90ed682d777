"""Reading a long log: catch-up, rebuild, one entity in process and as a page, bytes a transition, memory."""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import uvloop
from msgspec.structs import replace

from benchmarks import backtesting, keeping, posting, processes, raw_sqlite, workload
from benchmarks.processes import CHECKOUT, Server
from benchmarks.rebuild import Rebuilt
from benchmarks.report import Row, compared
from benchmarks.stopwatch import Stopwatch
from statewright.feed import Feed
from statewright.settings import Settings
from statewright.stores.sqlite import SqliteStore
from statewright.stores.words import Ref

LOOKED_AT = 200
"""How many entities are loaded, and how many pages fetched, each of them once."""


def measure(folder: Path, parts: Sequence[str], transitions: int, rounds: int) -> list[Row]:
    """The rows of those `parts` that read, over one log filled through the front door."""
    data, result = folder / "long", []
    with processes.statewright(data) as server:
        fill(server, transitions)
        late = posting.lag(server, "catchup", transitions)
        if "page" in parts:
            result += pages(server)
        if "memory" in parts:
            result += memory(server, transitions)
    with_bare = {"catchup", "rebuild", "backtest", "keeping"} & set(parts)
    if with_bare:
        bare = raw_sqlite.RawLog(folder / "long.raw.db")
        uvloop.run(copy(data, bare))
        if "catchup" in parts:
            result += [*uvloop.run(catch_up(data, bare, rounds)), late[-1]]
        if "rebuild" in parts:
            result += rebuilds(data, bare, rounds)
        if "backtest" in parts:
            result += backtesting.measure(data, rounds, lambda rates: scanned(bare, rates))
        if "keeping" in parts:
            result += keeping.measure(data, rounds, lambda rates: scanned(bare, rates))
        bare.close()
    if "page" in parts:
        result += uvloop.run(loads(data))
    if "memory" in parts:
        result.append(bytes_each(data, transitions))
    return sorted(result, key=lambda row: parts.index(row.part))


def fill(server: Server, transitions: int) -> None:
    """Post until the log holds so many transitions: 10,000 entities created, the rest their events."""
    subject = posting.Subject(server)
    while (left := transitions - workload.ENTITIES - subject.next_event) > 0:
        subject.load("ndjson", connections=2, seconds=600, minimal=True, count=min(left, 100_000) // 500)


async def copy(data: Path, bare: raw_sqlite.RawLog) -> None:
    """The same JSON into the bare log."""
    store = SqliteStore.open(log_of(data))
    async for batch in Feed(store).until(await store.latest_place()):
        bare.append(raw_sqlite.rows(batch.records, batch.records[0].position))
    await store.close()


async def catch_up(data: Path, bare: raw_sqlite.RawLog, rounds: int) -> list[Row]:
    """Decoded records out of the feed, batch by batch, against the bare scan."""
    store, ours, floor = SqliteStore.open(log_of(data)), list[float](), list[float]()
    for _ in range(rounds):
        count = scanned(bare, floor)
        seen, goal = 0, await store.latest_place()
        with Stopwatch() as watch:
            async for batch in Feed(store).until(goal):
                seen += len(batch.records)
        ours.append(seen / watch.seconds)
        if seen != count:
            raise RuntimeError(f"the log holds {seen} transitions, its bare copy {count}")
    await store.close()
    return [compared("catchup", f"{seen:,} decoded records", ours, floor, "raw scan, not decoded", 0.35)]


def scanned(bare: raw_sqlite.RawLog, rates: list[float]) -> int:
    """Scan the bare log once and note the rate; how many rows there were."""
    with Stopwatch() as watch:
        count = bare.scan()
    rates.append(count / watch.seconds)
    return count


def rebuilds(data: Path, bare: raw_sqlite.RawLog, rounds: int) -> list[Row]:
    """Each built-in consolidator rebuilt in a process of its own, against the bare scan."""
    result = []
    for name in ("entities", "stays", "flow", "variants", "relations"):
        ours, floor, peaks_mb = list[float](), list[float](), list[float]()
        for _ in range(rounds):
            scanned(bare, floor)
            line = [sys.executable, "-m", "benchmarks.rebuild", str(data.resolve()), name]
            answer = subprocess.run(line, cwd=CHECKOUT, check=True, stdout=subprocess.PIPE).stdout
            done = msgspec.json.decode(answer, type=Rebuilt)
            ours.append(done.transitions / done.seconds)
            peaks_mb.append(done.peak_mb)
        asked = 0.15 if name == "entities" else None
        result.append(compared("rebuild", name, ours, floor, "raw scan, not decoded", asked))
        peak = Row(part="rebuild", what=f"{name}, peak memory", ours=max(peaks_mb), unit="MB")
        result.append(replace(peak, asked=512.0, of="ours", at_most=True) if asked else peak)
    return result


async def loads(data: Path) -> list[Row]:
    """One entity's head and its history, out of a store just opened, each entity once."""
    store, heads_ms, history_ms = SqliteStore.open(log_of(data)), [], []
    for ref in some_entities():
        began = time.perf_counter()
        head = (await store.heads([ref]))[0]
        heads_ms.append((time.perf_counter() - began) * 1000)
        began = time.perf_counter()
        history = await store.read_entity(ref)
        history_ms.append((time.perf_counter() - began) * 1000)
        if head is None or head.version != len(history):
            raise RuntimeError(f"{ref} is not as long as its version says")
    await store.close()
    return [
        within("page", "an entity loads in process", heads_ms, 1.0),
        within("page", "and its whole history", history_ms, None),
    ]


def pages(server: Server) -> list[Row]:
    """The page of an entity over HTTP and the same entity as JSON, each entity once."""
    page_ms, json_ms = [], []
    server.fetch("GET", f"/entities/{workload.TYPE}/{workload.name(0)}")
    for ref in some_entities():
        began = time.perf_counter()
        server.fetch("GET", f"/entities/{ref.type}/{ref.id}")
        page_ms.append((time.perf_counter() - began) * 1000)
        began = time.perf_counter()
        server.fetch("GET", f"/api/v1/entities/{ref.type}/{ref.id}")
        json_ms.append((time.perf_counter() - began) * 1000)
    return [
        within("page", "the entity's page over HTTP", page_ms, 50.0),
        within("page", "the entity as JSON over HTTP", json_ms, None),
    ]


def within(part: str, what: str, took_ms: list[float], asked: float | None) -> Row:
    """A row of the median time, with the slow end told."""
    slow = statistics.quantiles(took_ms, n=100)[98]
    return Row(
        part=part,
        what=what,
        ours=statistics.median(took_ms),
        unit="ms",
        asked=asked,
        of="ours",
        at_most=True,
        note=f"median of {len(took_ms)}, p99 {slow:.2f} ms",
    )


def some_entities() -> list[Ref]:
    """The same entities in every run, spread over all."""
    numbers = random.Random(2026).sample(range(workload.ENTITIES), LOOKED_AT)
    return [Ref(workload.TYPE, workload.name(number)) for number in numbers]


def memory(server: Server, transitions: int) -> list[Row]:
    """Resident memory of the server's processes after all that was posted and read."""
    now = [processes.resident_mb(pid) for pid in server.processes()]
    peaks = [processes.resident_mb(pid, "VmHWM") for pid in server.processes()]
    after = f"after {transitions:,} transitions over {workload.ENTITIES:,} entities"
    return [
        Row(part="memory", what="resident, API", ours=now[0], unit="MB", note=f"{after}; peak {peaks[0]:.0f} MB"),
        Row(
            part="memory",
            what="resident, its other processes",
            ours=sum(now[1:]),
            unit="MB",
            note=f"of {len(now) - 1}; peaks {', '.join(f'{peak:.0f}' for peak in peaks[1:])} MB",
        ),
    ]


def bytes_each(data: Path, transitions: int) -> Row:
    """What the log takes on disk for one transition, heads and indexes included, once the server has stopped."""
    log = log_of(data)
    size = sum(file.stat().st_size for file in data.iterdir() if file.name.startswith(log.name))
    return Row(part="memory", what="log on disk", ours=size / transitions, unit="bytes a transition")


def log_of(data: Path) -> Path:
    """The file of the log in a data folder."""
    return Settings(data=data).log

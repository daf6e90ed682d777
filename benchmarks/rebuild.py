"""One rebuild in a process of its own, so that its peak memory is its own: `python -m benchmarks.rebuild DATA NAME`.

Runs as the consolidators' process would: the live view stands at the end of the log, a rebuild is asked for, and the
clock stops when readers see the new tables. Prints what was measured as JSON.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import msgspec
import uvloop
from msgspec import Struct

from benchmarks.processes import resident_mb
from statewright import consolidators
from statewright.settings import Settings
from statewright.stores.sqlite import SqliteStore
from statewright.views import Views


class Rebuilt(Struct):
    """What a rebuild took."""

    transitions: int
    seconds: float
    peak_mb: float


async def rebuild(data: Path, name: str) -> Rebuilt:
    """Rebuild the view `name` of the installation in `data` while nobody serves it."""
    settings = Settings(data=data)
    store = SqliteStore.open(settings.log, read_only=True)
    engine = consolidators.opened(settings.views_url)
    views = Views(engine)
    made = [each for each in consolidators.BUILT_IN if each.name == name]
    definitions = consolidators.Registered(settings.catalog_url)
    runner = consolidators.Runner(store, engine, made, definitions=definitions)
    running = asyncio.create_task(runner.run())
    await views.wait_for(name, await store.latest_place(), 60)
    before, transitions = generation(views, name)
    began = time.perf_counter()
    consolidators.ask_for_rebuild(engine, name, time.time_ns() // 1000)
    runner.waker.ring()
    while (await asyncio.to_thread(generation, views, name))[0] == before:  # noqa: ASYNC110 - a table rings no bell
        await asyncio.sleep(0.02)
    seconds = time.perf_counter() - began
    runner.stop()
    await running
    await store.close()
    definitions.close()
    return Rebuilt(transitions, seconds, resident_mb(os.getpid(), "VmHWM"))


def generation(views: Views, name: str) -> tuple[int | None, int]:
    """Which tables of a view are live, and how many transitions are in them."""
    standing = next(each for each in views.standing() if each.name == name)
    return standing.generation, standing.transitions


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(rebuild(Path(sys.argv[1]), sys.argv[2]))))

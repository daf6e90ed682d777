"""A revision tried on a long log: as a backtest's process does it, alone and shared by several."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from benchmarks import workload
from benchmarks.report import Row, compared
from benchmarks.stopwatch import Stopwatch
from statewright.backtests import run
from statewright.backtests.sharing import shared, workers
from statewright.catalog import Catalog
from statewright.plugins import open_log
from statewright.settings import Settings

ASKED = 200_000.0


def measure(data: Path, rounds: int, scanned: Callable[[list[float]], int]) -> list[Row]:
    """The rows of this part, over the log in `data`; `scanned` scans its bare copy once and notes the rate."""
    settings = Settings(data=data)
    catalog = Catalog.open(settings.catalog_url)
    rows = []
    try:
        for spread in (False, True)[: 2 if workers() > 1 else 1]:
            ours, floor = list[float](), list[float]()
            for _ in range(rounds):
                scanned(floor)
                ours.append(asyncio.run(_tried(settings, catalog, spread)))
            what = f"transitions decided again, {workers()} processes" if spread else "transitions decided again"
            row = compared("backtest", what, ours, floor, "raw scan, not decoded")
            rows.append(replace(row, asked=ASKED, of="ours"))
    finally:
        catalog.close()
    return rows


async def _tried(settings: Settings, catalog: Catalog, spread: bool) -> float:
    """Transitions a second of one backtest of the active revision; all of it must conform."""
    machine = catalog.active(workload.TYPE)
    if machine is None:
        raise RuntimeError("the log's definition is not active")
    asked = catalog.backtests.ask(workload.TYPE, machine.revision, machine.digest)
    store = await open_log(settings, read_only=True)
    whole = shared(partial(open_log, settings, read_only=True), settings.catalog_url, lambda: False) if spread else None
    try:
        with Stopwatch() as watch:
            await run(store, catalog, asked.id, whole=whole)
    finally:
        await store.close()
    tally = catalog.backtests.one(workload.TYPE, machine.revision, asked.id).tally
    if not tally.transitions or tally.accepted != tally.transitions:
        raise RuntimeError(f"of {tally.transitions} transitions {tally.accepted} went where the log says")
    return tally.transitions / watch.seconds

"""Append: commands into the store, one and 500 a commit, against the same JSON into bare SQLite."""

from __future__ import annotations

from pathlib import Path

import uvloop

from benchmarks import raw_sqlite
from benchmarks.lives import Lives
from benchmarks.report import Row, compared
from benchmarks.stopwatch import Stopwatch
from statewright.stores.sqlite import SqliteStore
from statewright.stores.words import Append, Recorded

ALREADY_THERE = 100_000
"""Transitions in both before the clock runs: an index that fits a few pages would flatter either side."""
GROUPS_OF = {1: 4_000, 500: 100}
"""How many groups of each size make one round: about a second."""


def measure(folder: Path, rounds: int) -> list[Row]:
    """One row for each size of group."""
    return uvloop.run(in_turns(folder, rounds))


async def in_turns(folder: Path, rounds: int) -> list[Row]:
    """Store and floor in turns, both equally long at each turn."""
    lives, bare = Lives(), raw_sqlite.RawLog(folder / "raw.db")
    store = SqliteStore.open(folder / "store.db")
    ours: dict[int, list[float]] = {size: [] for size in GROUPS_OF}
    floor: dict[int, list[float]] = {size: [] for size in GROUPS_OF}
    for _ in range(ALREADY_THERE // 10_000):
        await in_turn(store, bare, lives.groups(20, 500))
    for _ in range(rounds):
        for size, count in GROUPS_OF.items():
            ours_s, floor_s = await in_turn(store, bare, lives.groups(count, size))
            ours[size].append(size * count / ours_s)
            floor[size].append(size * count / floor_s)
    await store.close()
    bare.close()
    return [compared("append", f"{size} a commit", ours[size], floor[size], "raw SQLite") for size in GROUPS_OF]


async def in_turn(store: SqliteStore, bare: raw_sqlite.RawLog, groups: list[list[Append]]) -> tuple[float, float]:
    """Seconds that the store takes for the groups, one after the other, and the bare log for the same."""
    floor_s = bare.timed(groups)
    with Stopwatch() as watch:
        outcomes = [await store.append(group) for group in groups]
    if not all(isinstance(outcome, Recorded) for of_group in outcomes for outcome in of_group):
        raise RuntimeError("the store did not record what it was given")
    return watch.seconds, floor_s

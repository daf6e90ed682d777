"""A consolidators' process that is killed at any moment, while it rebuilds too, leaves views that go on exactly."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from pathlib import Path

from statewright.consolidators import ask_for_rebuild, opened
from statewright.stores.sqlite import SqliteStore
from statewright.stores.words import Ref
from statewright.views import Views
from tests.consolidators.histories import VIEWS, Chronicle, all_of, flow_of, running, stays_of
from tests.consolidators.test_histories import caught_up, entities_in, flow_in, head_of, heads_of, stays_in

PROGRAM = """
import asyncio, sys
from statewright.consolidators import Runner, opened
from statewright.stores.sqlite import SqliteStore
store = SqliteStore.open(sys.argv[1], read_only=True)
print("running", flush=True)
asyncio.run(Runner(store, opened(f"sqlite:///{sys.argv[2]}"), batch=20, pace_s=0).run())
"""


async def test_the_views_are_a_fold_of_the_log_however_often_their_process_was_killed(tmp_path: Path):
    log, database = tmp_path / "log.sqlite", tmp_path / "views.sqlite"
    store = SqliteStore.open(log)
    chronicle, chance = Chronicle(store), random.Random(7)
    engine = opened(f"sqlite:///{database}")

    for attempt in range(6):
        for _ in range(1_500):
            leaves = chance.choice([("a",), ("b",), ("b", "x"), ("c", "x")])
            chronicle.add(Ref("order", str(chance.randrange(60))), leaves, changes={"n": chance.randrange(9)})
        await chronicle.write()
        if attempt > 2:
            ask_for_rebuild(engine, chance.choice(VIEWS), 0)
        await asyncio.to_thread(run_and_kill, log, database, chance.random() * 0.3)

    views = Views(engine)
    async with running(store, engine):
        await caught_up(views, store)
        mark = ""
        while any(standing.rebuild for standing in views.standing()):
            mark = await views.changed(mark, 1)
        await caught_up(views, store)
    records = await all_of(store)
    assert entities_in(views) == {ref: head_of(head) for ref, head in heads_of(records).items()}
    assert stays_in(engine, views) == stays_of(records)
    assert flow_in(engine, views) == dict(flow_of(records))
    assert leftovers(tmp_path) == []
    views.close()
    await store.close()


def leftovers(folder: Path) -> list[Path]:
    return list(folder.glob("*.building*"))


def run_and_kill(log: Path, database: Path, after_s: float) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(log), str(database)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(after_s)
        process.kill()

"""Leases: one process does what one may do at a time, another goes on when it is gone, and who slept does no harm."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from statewright.consolidators import Leases, Turn, ask_for_rebuild, opened
from statewright.consolidators.database import request, writing
from statewright.consolidators.leases import Lapsed, guard
from statewright.stores.memory import MemoryStore
from statewright.stores.sqlite import SqliteStore
from statewright.stores.words import Ref
from statewright.views import Views
from tests.consolidators.histories import VIEWS, Chronicle, all_of, flow_of, running, stays_of
from tests.consolidators.peculiar import Tally
from tests.consolidators.test_histories import entities_in, flow_in, head_of, heads_of, stays_in
from tests.postgresql import on_both

pytestmark = on_both
NAMES = ("a", "b", "c", "d", "e", "f")
ROUNDS = int(os.environ.get("STATEWRIGHT_KILL_ROUNDS", "3"))
LEASE_S = float(os.environ.get("STATEWRIGHT_KILL_LEASE_S", "2"))


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = opened(database)
    yield engine
    engine.dispose()


def leases(engine: Engine, *names: str, share: bool = True) -> Leases:
    """Those of another process; they end when `let_end` says so, and never of themselves."""
    return Leases(engine, names or NAMES, share=share, sole=False, lease_s=3_600)


def let_end(engine: Engine, of: Leases) -> None:
    """As if the process had been gone for the length of a lease."""
    with writing(engine) as connection:
        for table in ("lease", "process"):
            connection.exec_driver_sql(f"update {table} set until = 1 where holder = ?", (of.holder,))


def test_a_lease_is_another_s_once_it_has_ended_and_not_before(engine: Engine):
    one, other = leases(engine, "a", share=False), leases(engine, "a", share=False)

    assert (one.renew(), other.renew(), one.renew()) == (True, False, False)
    assert (one.held, other.held) == ({"a": 1}, {})
    let_end(engine, one)
    assert other.renew()
    assert other.held == {"a": 2}
    assert one.renew()
    assert one.held == {}


def test_a_lease_that_ended_and_was_wanted_by_nobody_goes_on(engine: Engine):
    one = leases(engine)
    one.renew()

    let_end(engine, one)

    assert not one.renew()
    assert set(one.held.values()) == {1}


def test_processes_divide_the_leases_among_them_and_again_when_one_goes(engine: Engine):
    three = [leases(engine) for _ in range(3)]

    settle(three)
    assert sorted(len(each.held) for each in three) == [2, 2, 2]
    let_end(engine, three[0])
    settle(three[1:])
    assert sorted(len(each.held) for each in three[1:]) == [3, 3]
    three[1].leave()
    settle(three[2:])
    assert set(three[2].held) == set(NAMES)


def settle(those: list[Leases]) -> None:
    for _ in range(4):
        for each in those:
            each.renew()
            for name in list(each.held)[: each.surplus]:
                each.give_back(name)


def test_what_is_written_under_a_lease_that_went_to_another_is_not_kept(engine: Engine):
    one, other = leases(engine, "a"), leases(engine, "a")
    one.renew()
    let_end(engine, one)
    other.renew()

    with pytest.raises(Lapsed, match="a is run by another process now"), writing(engine) as connection:
        connection.execute(request.insert().values(name="a", kind="rebuild", asked_at=0))
        guard(connection, "a", one.held["a"])

    with engine.connect() as connection:
        assert connection.execute(request.select()).all() == []


async def test_a_runner_whose_lease_went_to_another_leaves_the_tables_alone_and_takes_it_up_again(engine: Engine):
    chronicle = Chronicle(MemoryStore())
    views = Views(engine)
    chronicle.add(Ref("order", "1"), ("open",))
    await chronicle.write()
    mine, thief = leases(engine, "tally"), leases(engine, "tally")
    async with running(chronicle.store, engine, Tally, leases=mine) as runner:
        assert await views.wait_for("tally", "1", 60)
        let_end(engine, mine)
        thief.renew()
        chronicle.add(Ref("order", "1"), ("open",))
        await chronicle.write()
        runner.waker.ring()
        await until(lambda: not mine.held)
        assert [(each.place, each.error) for each in views.standing()] == [("1", None)]

        thief.leave()
        await until(mine.renew)
        runner.waker.ring()
        assert await views.wait_for("tally", "2", 60)

    with engine.connect() as connection:
        assert connection.exec_driver_sql("select transitions from tally_1").scalar() == 2
    views.close()


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited a minute"
        await asyncio.sleep(0.02)


async def test_a_turn_is_one_process_s_and_the_next_one_s_when_it_is_given_back(engine: Engine):
    one, other = Turn(engine, "timers", sole=False), Turn(engine, "timers", sole=False)

    assert await one.is_mine()
    assert not await other.is_mine()
    assert str(os.getpid()) in str(Views(engine).holder("timers"))
    await one.give_back()
    deadline = time.monotonic() + 60
    while not await other.is_mine():
        assert time.monotonic() < deadline, "waited a minute"
        await asyncio.sleep(0.05)


PROGRAM = """
import asyncio, sys
from statewright.consolidators import BUILT_IN, Leases, Runner, opened
from statewright.stores.sqlite import SqliteStore
store, engine = SqliteStore.open(sys.argv[1], read_only=True), opened(sys.argv[2])
lease_s = float(sys.argv[3])
leases = Leases(engine, [made.name for made in BUILT_IN], sole=False, lease_s=lease_s, renew_s=0.3 * lease_s)
asyncio.run(Runner(store, engine, batch=40, pace_s=0, leases=leases).run())
"""


async def test_views_are_a_fold_of_the_log_though_holders_of_leases_are_killed_and_paused_under_load(
    engine: Engine, database: str, tmp_path: Path
):
    """Killed with -9, or stopped until others have taken over and then let go on, while events come and views rebuild.

    `STATEWRIGHT_KILL_ROUNDS` and `STATEWRIGHT_KILL_LEASE_S` (10 in earnest) make more of it.
    """
    store = SqliteStore.open(tmp_path / "log.sqlite")
    chronicle, chance, views = Chronicle(store), random.Random(5), Views(engine)
    processes = Processes(tmp_path / "log.sqlite", database)
    with processes:
        for attempt in range(ROUNDS):
            for _ in range(8):
                for _ in range(30):
                    leaves = chance.choice([("a",), ("b",), ("b", "x"), ("c", "x")])
                    chronicle.add(Ref("order", str(chance.randrange(40))), leaves, changes={"n": chance.randrange(9)})
                await chronicle.write()
                await asyncio.sleep(0.02)
            await held_by(views, processes.awake)
            if attempt % 2:
                ask_for_rebuild(engine, chance.choice(VIEWS), 0)
            # One that is stopped while it writes holds up everybody in an embedded database, lease or not.
            how = signal.SIGSTOP if attempt % 3 == 1 and "postgres" in database else signal.SIGKILL
            victim = processes.lose(how, runners(views))
            began = time.monotonic()
            await held_by(views, processes.awake)
            print(f"round {attempt}: taken over {time.monotonic() - began:.1f} s later, with a lease of {LEASE_S} s")
            processes.wake(victim)

        for name in VIEWS:
            assert await views.wait_for(name, await store.latest_place(), 60)
        await until(lambda: not any(standing.rebuild for standing in views.standing()))
    records = await all_of(store)
    assert entities_in(views) == {ref: head_of(head) for ref, head in heads_of(records).items()}
    assert stays_in(engine, views) == stays_of(records)
    assert flow_in(engine, views) == dict(flow_of(records))
    assert {standing.transitions for standing in views.standing()} == {len(records)}
    views.close()
    await store.close()


class Processes:
    """Two processes of consolidators, and as many again as are lost."""

    def __init__(self, log: Path, database: str) -> None:
        self._command = [sys.executable, "-c", PROGRAM, str(log), database, str(LEASE_S)]
        self._all: list[subprocess.Popen[bytes]] = []
        self.awake: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        process = subprocess.Popen(self._command)
        self._all.append(process)
        self.awake.append(process)

    def lose(self, how: signal.Signals, runners: set[str]) -> subprocess.Popen[bytes]:
        """Kill or stop one that runs something, and start another."""
        process = next(process for process in self.awake if f"process {process.pid}" in runners)
        process.send_signal(how)
        self.awake.remove(process)
        self.start()
        return process

    def wake(self, process: subprocess.Popen[bytes]) -> None:
        """Have a stopped one go on; a dead one stays dead."""
        process.send_signal(signal.SIGCONT)
        if process.poll() is None:
            self.awake.append(process)

    def __enter__(self) -> None:
        self.start()
        self.start()

    def __exit__(self, *_: object) -> None:
        for process in self._all:
            process.kill()
            process.wait()


async def held_by(views: Views, processes: list[subprocess.Popen[bytes]]) -> None:
    """Return when every consolidator is run by one of `processes`."""
    names = {f"process {process.pid}" for process in processes}

    await until(lambda: len(views.standing()) == len(VIEWS) and runners(views) <= names)


def runners(views: Views) -> set[str]:
    """The processes that run consolidators, and "" where one is run by none."""
    return {(standing.held_by or "").rpartition(", ")[2] for standing in views.standing()}

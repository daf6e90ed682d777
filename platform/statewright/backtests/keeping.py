"""Sees to it that backtests are run: one at a time, each in a process of its own that gives way to everything else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.context import SpawnProcess

from statewright.backtests.running import run
from statewright.backtests.sharing import LARGE, OpenLog, begin_quietly, shared, workers
from statewright.catalog import Catalog
from statewright.catalog.backtests import Backtest
from statewright.turns import Alone, Turn

_AGAIN_S = 1.0
LOOK_S = 2.0
"""How long at most between two looks at what was asked for."""
_log = logging.getLogger("statewright.backtests")


class Keeper:
    """Runs the backtests that the catalogue has, those first that an earlier process began and did not end.

    `beside` runs each in a process of its own; without it they run in threads, for tests.
    """

    def __init__(self, catalog: Catalog, log: OpenLog, catalog_url: str, *, beside: bool = True) -> None:
        self._catalog = catalog
        self._log = log
        self._url = catalog_url
        self._beside = beside
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False
        self._process: SpawnProcess | None = None
        self._turn: Turn = Alone()

    def take_turns(self, turn: Turn) -> None:
        """Run backtests only while it is this process's turn; for several processes with one catalogue."""
        self._turn = turn

    def wake(self) -> None:
        """Look for one that was asked for, or cancelled; from any thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and so are we
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Run until `stop`."""
        self._loop = asyncio.get_running_loop()
        keeping = asyncio.create_task(self._keep_turn(), name="turn")
        try:
            await self._run_all()
        finally:
            keeping.cancel()
            with contextlib.suppress(Exception):  # a turn that cannot be given back ends by itself
                await self._turn.give_back()

    async def _run_all(self) -> None:
        while not self._stopping:
            self._woken.clear()
            try:
                mine = await self._turn.is_mine()
                asked = await asyncio.to_thread(self._catalog.backtests.next) if mine else None
                if asked is None:
                    await self._until_woken()
                elif self._beside:
                    await self._run_beside(asked)
                else:
                    await asyncio.to_thread(_run, self._log, self._url, asked.id, self._stops)
                if asked is not None and self._stops():
                    await asyncio.to_thread(self._catalog.backtests.put_back, asked.id)
            except Exception as error:
                _log.exception("backtests wait: %s", error)
                await asyncio.sleep(_AGAIN_S)

    async def _until_woken(self) -> None:
        """Return soon in any case: another process may have been asked, or be gone."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await self._woken.wait()

    async def _keep_turn(self) -> None:
        """Ask for the turn again and again, so that it stays ours."""
        while True:
            await asyncio.sleep(LOOK_S)
            with contextlib.suppress(Exception):  # what is under way goes on, and the next look says what is wrong
                await self._turn.is_mine()

    def stop(self) -> None:
        """Have `run` return soon; what is under way begins anew with the next start."""
        self._stopping = True
        self._woken.set()
        if self._process is not None:
            self._process.terminate()

    def _stops(self) -> bool:
        return self._stopping

    async def _run_beside(self, asked: Backtest) -> None:
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=_alone, args=(self._log, self._url, asked.id, os.getpid()), name="backtest")
        process.start()
        self._process = process
        try:
            if self._stopping:
                process.terminate()
            await self._end_of(process)
        finally:
            self._process = None
        if process.exitcode and not self._stopping:
            _log.error("the process of backtest %s ended with %s", asked.id, process.exitcode)
            await asyncio.sleep(_AGAIN_S)

    async def _end_of(self, process: SpawnProcess) -> None:
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        loop.add_reader(process.sentinel, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(process.sentinel)
        await asyncio.to_thread(process.join)


def _alone(log: OpenLog, catalog_url: str, id: int, parent: int) -> None:
    """The whole life of a backtest's process."""
    begin_quietly()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    _run(log, catalog_url, id, lambda: os.getppid() != parent, spread=True)


def _run(log: OpenLog, catalog_url: str, id: int, stopping: Callable[[], bool], spread: bool = False) -> None:
    asyncio.run(_on_its_own(log, catalog_url, id, stopping, spread))


async def _on_its_own(log: OpenLog, catalog_url: str, id: int, stopping: Callable[[], bool], spread: bool) -> None:
    """A backtest with a store and a catalogue of its own, since neither is to be shared between loops."""
    catalog = Catalog.open(catalog_url)
    store = await log()
    try:
        large = spread and workers() > 1 and store.compare_places(await store.latest_place(), LARGE) > 0
        whole = shared(log, catalog_url, stopping) if large else None
        await run(store, catalog, id, stopping, whole=whole)
    finally:
        await store.close()
        catalog.close()

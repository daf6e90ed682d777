"""Waiting for the views to move, whatever process moves them: one look every few milliseconds for all who wait."""

from __future__ import annotations

import asyncio
from threading import Lock
from typing import Any

from sqlalchemy import Engine

LOOK_S = 0.005
"""Between two looks at SQLite's count of commits, which cost two microseconds each."""

LOOK_ELSEWHERE_S = 0.1

_MARK = (
    "select consolidator.name, generation.generation, generation.place from consolidator join generation"
    " on generation.name = consolidator.name and generation.generation = consolidator.live order by consolidator.name"
)


class Watching:
    """For one event loop. `mark` is a text that changes whenever a view's place does."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._counter: Any = None
        self._commits: int | None = None
        self._mark = ""
        self._moved = asyncio.Event()
        self._waiting = 0
        self._looking: asyncio.Task[None] | None = None
        self._reading = Lock()
        self._closed = False

    async def moved(self, since: str, timeout_s: float) -> str:
        """The mark as soon as it differs from `since`; `since` when it has not within `timeout_s` seconds."""
        self._waiting += 1
        try:
            async with asyncio.timeout(timeout_s):
                if self._looking is None or self._looking.done():
                    await self._look()
                    self._looking = asyncio.create_task(self._keep_looking())
                while self._mark == since:
                    await self._moved.wait()
        except TimeoutError:
            return since
        finally:
            self._waiting -= 1
        return self._mark

    async def _keep_looking(self) -> None:
        pause = LOOK_S if self._engine.dialect.name == "sqlite" else LOOK_ELSEWHERE_S
        while self._waiting:
            await asyncio.sleep(pause)
            await self._look()

    async def _look(self) -> None:
        if not self._committed():
            return
        mark = await asyncio.to_thread(self._read_mark)
        if mark != self._mark:
            self._mark = mark
            moved, self._moved = self._moved, asyncio.Event()
            moved.set()

    def _committed(self) -> bool:
        """Whether anybody committed since the last look; yes where that cannot be told cheaply."""
        if self._engine.dialect.name != "sqlite":
            return True
        if self._counter is None:
            # A connection of its own: SQLite counts for each the commits of all the others.
            self._counter = self._engine.raw_connection()
            self._counter.detach()
        commits = self._counter.dbapi_connection.apsw.pragma("data_version")
        changed: bool = commits != self._commits
        self._commits = commits
        return changed

    def _read_mark(self) -> str:
        with self._reading:
            if self._closed:
                return self._mark
            with self._engine.connect() as connection:
                return " ".join(":".join(map(str, row)) for row in connection.exec_driver_sql(_MARK))

    def close(self) -> None:
        """Let go of the connections; a look that is under way is finished first."""
        with self._reading:
            self._closed = True
        if self._counter is not None:
            self._counter.close()
            self._counter = None

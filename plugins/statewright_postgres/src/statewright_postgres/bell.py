"""News of what other processes append: a session that listens, and tells of our own appends after their commit.

`NOTIFY` inside an append would serialize every commit of the database behind one lock. In a session of its own, at most
once in a while, it costs next to nothing; who misses one looks for himself within `POLL_S`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from statewright_postgres.statements import RING

PAUSE_S = 0.02
"""The least time between two notices."""
_AGAIN_S = 1.0


class Bell:
    """`heard` is called with a position that the log has reached, whoever appended; `ring` says how far we appended."""

    def __init__(
        self, connect: Callable[[], Awaitable[Any]], channel: str, heard: Callable[[int], None], speaks: bool
    ) -> None:
        self._connect = connect
        self._channel = channel
        self._heard = heard
        self._speaks = speaks
        self._reached = 0
        self._rung = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen; a second call does nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="bell")

    def ring(self, position: int) -> None:
        """Tell the others, soon."""
        self._reached = position
        self._rung.set()
        self.start()

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(Exception):  # whatever it is, readers look for themselves meanwhile
                await self._session()
            await asyncio.sleep(_AGAIN_S)

    async def _session(self) -> None:
        connection = await self._connect()
        try:
            connection.add_termination_listener(lambda _: self._rung.set())
            await connection.execute("set synchronous_commit = off")  # a notice is worth no fsync
            await connection.add_listener(self._channel, self._hear)
            while not connection.is_closed():
                await self._rung.wait()
                self._rung.clear()
                if self._speaks and self._reached and not connection.is_closed():
                    await connection.execute(RING, self._channel, str(self._reached))
                    await asyncio.sleep(PAUSE_S)
        finally:
            connection.terminate()

    def _hear(self, _connection: Any, _pid: int, _channel: str, told: object) -> None:
        self._heard(int(str(told)))

    async def close(self) -> None:
        """Fall silent."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError, asyncpg.PostgresError):
                await self._task

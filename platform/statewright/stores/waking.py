"""Waking those who wait for the log to grow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Waking:
    """A bell: `wake` rings it, `until` sleeps between rings. For one event loop."""

    def __init__(self) -> None:
        self._sleepers: set[asyncio.Future[None]] = set()

    def wake(self) -> None:
        """Ring. Costs nothing when nobody sleeps."""
        if self._sleepers:
            sleepers, self._sleepers = self._sleepers, set()
            for sleeper in sleepers:
                if not sleeper.done():
                    sleeper.set_result(None)

    async def until(self, condition: Callable[[], Awaitable[bool]], timeout_s: float) -> bool:
        """Whether `condition` came true within `timeout_s` seconds; it is asked at once and after every ring."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            # To bed before the look: a ring between the two would be missed the other way round.
            sleeper = loop.create_future()
            self._sleepers.add(sleeper)
            try:
                if await condition():
                    return True
                async with asyncio.timeout_at(deadline):
                    await sleeper
            except TimeoutError:
                return await condition()
            finally:
                self._sleepers.discard(sleeper)

"""The log read in order from a place: in batches, to the end and then on as it grows, woken and never polling.

Who appends in the same process wakes a reader through the store itself; another process does it with a byte on a pipe.
Neither wake says what happened, only that it is worth a look, so a wake too many or one come twice does no harm.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable

from statewright.stores.words import START, Batch, EventStore, Place

BATCH = 10_000
"""How many transitions are read at most in one piece; the more, the less each costs, and the longer a read lasts."""

UNTOLD_S = 1.0
"""How long a reader sleeps at most; only a push that was lost is found out by this."""


class Waker:
    """A bell for one sleeping reader. `ring` from the event loop, `ring_from_thread` from elsewhere."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pipe: int | None = None
        self._ended: Callable[[], None] = lambda: None
        self._hears = False

    def ring(self) -> None:
        """Wake the reader; one that is awake will look once more before it sleeps."""
        self._rung.set()

    def ring_from_thread(self) -> None:
        """Wake the reader from a thread of its process."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._rung.set)
        else:
            self._rung.set()  # nobody has slept yet, so there is no loop to disturb

    def listen(self, pipe: int, ended: Callable[[], None] = lambda: None) -> None:
        """Have a byte through `pipe`, a readable file descriptor, wake the reader; `ended` is called when it is closed.

        Only a sleeper hears: bytes that come while the reader is awake stay in the pipe, and cost it nothing.
        """
        os.set_blocking(pipe, False)
        self._pipe = pipe
        self._ended = ended

    async def sleep(self, timeout_s: float) -> bool:
        """Sleep until rung, at most `timeout_s` seconds; True when rung. A ring since the last sleep counts."""
        self._loop = asyncio.get_running_loop()
        if self._pipe is not None and not self._hears:
            self._hears = True
            self._loop.add_reader(self._pipe, self._hear, self._loop, self._pipe)
        try:
            async with asyncio.timeout(timeout_s):
                await self._rung.wait()
        except TimeoutError:
            return False
        self._rung.clear()
        return True

    def _hear(self, loop: asyncio.AbstractEventLoop, pipe: int) -> None:
        try:
            heard = os.read(pipe, 65_536)
        except BlockingIOError:
            return
        loop.remove_reader(pipe)
        self._hears = False
        self._rung.set()
        if not heard:  # the other end is closed: it would be readable for ever
            self._pipe = None
            self._ended()


async def wait_beyond(store: EventStore, place: Place, waker: Waker, timeout_s: float = UNTOLD_S) -> None:
    """Return when the log has grown beyond `place`, the waker was rung, or `timeout_s` seconds are over."""
    tasks = [asyncio.create_task(store.wait(place, timeout_s)), asyncio.create_task(waker.sleep(timeout_s))]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()  # a log that cannot be read says so here


class Feed:
    """The transitions after `place`, batch by batch, for ever: `async for batch in Feed(store, place)`.

    `place` is where the next batch begins, so it can be kept and gone on from. No read of the log outlasts a batch.
    """

    def __init__(
        self, store: EventStore, place: Place = START, *, limit: int = BATCH, waker: Waker | None = None
    ) -> None:
        self.store = store
        self.place = place
        self.limit = limit
        self.waker = waker or Waker()

    async def read(self) -> Batch:
        """What stands after `place`, at most `limit` transitions; empty at the end of the log."""
        batch = await self.store.read(self.place, self.limit)
        self.place = batch.place
        return batch

    async def next(self) -> Batch:
        """The next batch, as soon as there is one."""
        while not (batch := await self.read()).records:
            await wait_beyond(self.store, self.place, self.waker)
        return batch

    async def __aiter__(self) -> AsyncIterator[Batch]:
        while True:
            yield await self.next()

    async def until(self, goal: Place) -> AsyncIterator[Batch]:
        """The batches up to `goal`, a place that the log has reached; the last may go a little beyond it."""
        while self.store.compare_places(self.place, goal) < 0:
            batch = await self.read()
            if not batch.records:
                return
            yield batch

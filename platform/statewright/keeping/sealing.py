"""The task that seals a log as it grows, beside whoever writes it: every few seconds, off the hot path."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from statewright.keeping.bare import bare
from statewright.keeping.seals import ENTRY, SealWriter, chained, entry_of
from statewright.machine.moments import Micros
from statewright.stores.words import EventStore

EVERY_S = 5.0
"""How long a transition waits for its seal at most, in seconds, while there is time to seal."""
AT_ONCE = 10_000
"""How many transitions one seal covers at most."""
_log = logging.getLogger("statewright.keeping")


class NotTheLog(Exception):
    """The log is not the one that was sealed: it ends before its seals do, or holds something else there."""


class Sealing:
    """Seals what stands in `store` behind what is sealed already."""

    def __init__(
        self,
        store: EventStore,
        writer: SealWriter,
        clock: Callable[[], Micros] = lambda: time.time_ns() // 1_000,
        *,
        at_once: int = AT_ONCE,
    ) -> None:
        self._store = store
        self._writer = writer
        self._clock = clock
        self._at_once = at_once
        self._agrees = False
        self._stopping = asyncio.Event()

    async def seal(self) -> int:
        """Seal all there is; how many transitions that was. Raises NotTheLog, and what the store raises."""
        await self._require_agreement()
        sealed = 0
        while True:
            stored, place = await bare(self._store, self._writer.place, self._at_once)
            if not stored:
                return sealed
            faulty = next((one for one in stored if one.fault), None)
            if faulty is not None:
                raise NotTheLog(
                    f"what stands at position {faulty.position} is damaged, and is not sealed: {faulty.fault}"
                )
            await asyncio.to_thread(self._writer.write, stored, place, self._clock())
            sealed += len(stored)

    async def _require_agreement(self) -> None:
        """Once: never seal on where the log is another than the one sealed (an older one was restored, say)."""
        last, before = self._writer.last, self._writer.stretches_before
        if self._agrees or last is None:
            return
        if self._store.compare_places(await self._store.latest_place(), last.place) < 0:
            raise NotTheLog("the log ends before what was sealed of it; `statewright verify` tells what is missing")
        place = self._writer.before_last
        found: dict[str, bytearray] = {}
        while self._store.compare_places(place, last.place) < 0:
            stored, place = await bare(self._store, place, self._at_once)
            for one in stored:
                found.setdefault(str(one.partition), bytearray()).extend(entry_of(one))
            if not stored:
                break
        for partition, stretch in last.partitions.items():
            count = stretch.count - (before[partition].count if partition in before else 0)
            entries = bytes(found.get(partition, b""))[: count * ENTRY]
            if chained(self._writer.chain_of(partition, before=True), entries).hex() != stretch.chain:
                raise NotTheLog(
                    f"between positions {stretch.first} and {stretch.last} the log holds something else than was"
                    " sealed; `statewright verify` tells what"
                )
        self._agrees = True

    async def run(self, every_s: float = EVERY_S) -> None:
        """Seal until `stop`, and once more then. What is wrong is said in the server's log, and tried again."""
        said = ""
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(every_s):
                    await self._stopping.wait()
            try:
                await self.seal()
                said = ""
            except Exception as error:
                if str(error) != said:  # once, not every five seconds
                    said = str(error)
                    _log.critical("the log is not sealed on: %s", error)
        self._writer.close()

    def stop(self) -> None:
        """End `run`, after a last seal."""
        self._stopping.set()

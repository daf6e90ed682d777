"""One backtest from beginning to end: the log read in stretches, decided again, and what was found kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from statewright.catalog import Catalog, CatalogError
from statewright.catalog.backtests import Backtest as Asked
from statewright.machine.backtesting import Backtest, Past, RelatedAt, Tally, past_of
from statewright.machine.compile import Machine
from statewright.machine.expressions import Related
from statewright.machine.record import Head, Record, fold
from statewright.stores.words import START, EventStore, Place, Ref, Skims

BATCH = 5_000
"""Transitions looked at in one read: some tens of milliseconds, which no checkpoint of the WAL minds."""
HELD = 96 * 1024 * 1024
"""Bytes of data, as JSON, that lives under way may hold; as Python's objects they are some four times that. More, and
the log is read again in twice as many parts, each with a share of the entities."""
LIFE = 250
"""What a life holds beside its data, counted as its bytes are."""
NOTE_S = 0.5
"""How often progress is kept, and it is looked whether to go on."""
_RELATED = 2_000


class Stopped(Exception):
    """The backtest was cancelled, or its process is to end."""


class _TooMuch(Exception):
    """More is held than may be."""


Note = Callable[[Place, float, Tally], Awaitable[bool]]
"""Keeps how far a backtest is, from 0 to 1, and what it found so far; False when it is to end."""


async def run(
    store: EventStore,
    catalog: Catalog,
    id: int,
    stopping: Callable[[], bool] = lambda: False,
    held: int = HELD,
    whole: Callable[[Asked, Note], Awaitable[Tally]] | None = None,
) -> None:
    """Run the backtest `id`, unless it was cancelled. Its result, or why there is none, is in the catalogue then.

    `whole` does the work where it is not to be done here. Raises whatever else the log or the catalogue raise: it is
    then begun again.
    """
    backtests = catalog.backtests
    asked = await asyncio.to_thread(backtests.begin, id, await store.latest_place())
    if asked is None:
        return
    try:
        await asyncio.to_thread(catalog.machine_of, asked.type, asked.revision)
    except CatalogError as error:
        await asyncio.to_thread(backtests.fail, id, f"no machine can be made of it: {error}")
        return

    async def note(place: Place, share: float, tally: Tally) -> bool:
        return await asyncio.to_thread(backtests.note, id, place, share, tally)

    try:
        if whole is not None:
            tally = await whole(asked, note)
        else:
            tally = await tried(store, catalog, asked, note, stopping, held=held)
    except Stopped:
        return
    await asyncio.to_thread(backtests.finish, id, asked.goal or START, tally)


async def tried(
    store: EventStore,
    catalog: Catalog,
    asked: Asked,
    note: Note,
    stopping: Callable[[], bool],
    *,
    held: int = HELD,
    of: tuple[int, int] = (0, 1),
) -> Tally:
    """Replay the log up to the goal of `asked`, for the entities of group k of n where `of` is (k, n).

    Raises Stopped.
    """
    machine = await asyncio.to_thread(catalog.machine_of, asked.type, asked.revision)
    running = _Running(store, catalog, asked, machine, note, stopping, held, of)
    parts = 1
    while True:
        try:
            return await running.in_parts(parts)
        except _TooMuch:
            parts *= 2


class _Running:
    def __init__(
        self,
        store: EventStore,
        catalog: Catalog,
        asked: Asked,
        machine: Machine,
        note: Note,
        stopping: Callable[[], bool],
        held: int,
        of: tuple[int, int],
    ) -> None:
        self.store = store
        self.catalog = catalog
        self.asked = asked
        self.machine = machine
        self.note = note
        self.stopping = stopping
        self.held = held
        self.of = of
        self.goal = asked.goal or START
        self._noted = time.monotonic()

    async def in_parts(self, parts: int) -> Tally:
        """The log read once for each of so many parts of the entities. Raises _TooMuch, and Stopped."""
        backtest = Backtest(self.machine, self._then(), self._related())
        group, groups = self.of
        for part in range(parts):
            place: Place = START
            while self.store.compare_places(place, self.goal) < 0:
                after = await self._read(backtest, place, (group + groups * part, groups * parts))
                if after == place:
                    break
                place = after
                if backtest.held + LIFE * backtest.lives > self.held and parts < 4_096:
                    raise _TooMuch
                await self._note(backtest, place, part, parts)
            backtest.finish()
        return backtest.so_far()

    async def _read(self, backtest: Backtest, place: Place, part: tuple[int, int]) -> Place:
        """Replay the next stretch of the log, in the thread that reads it."""
        limit = BATCH * part[1]  # the more parts, the fewer of them are ours
        if isinstance(self.store, Skims):
            return await self.store.skim(place, limit, Past, self.asked.type, backtest.replay, part)
        batch = await self.store.read(place, BATCH)
        ours = [past_of(record) for record in batch.records if self._is_ours(record, *part)]
        await asyncio.to_thread(backtest.replay, ours)
        return batch.place

    def _is_ours(self, record: Record, part: int, parts: int) -> bool:
        return record.type == self.asked.type and (parts == 1 or sum(record.entity.encode()) % parts == part)

    async def _note(self, backtest: Backtest, place: Place, part: int, parts: int) -> None:
        if self.stopping():
            raise Stopped
        if time.monotonic() - self._noted < NOTE_S:
            return
        self._noted = time.monotonic()
        if not await self.note(place, (part + _share(place, self.goal)) / parts, backtest.so_far()):
            raise Stopped

    def _then(self) -> Callable[[int], Machine | None]:
        known: dict[int, Machine | None] = {}

        def then(revision: int) -> Machine | None:
            if revision not in known:
                try:
                    known[revision] = self.catalog.machine_of(self.asked.type, revision)
                except CatalogError:
                    known[revision] = None  # a log from elsewhere
            return known[revision]

        return then

    def _related(self) -> RelatedAt:
        """Related entities as they stood before a position, read from the log by the thread that replays."""
        loop, store, catalog, relations = asyncio.get_running_loop(), self.store, self.catalog, self.machine.relations

        @lru_cache(maxsize=_RELATED)
        def history(ref: Ref) -> Sequence[Record]:
            return asyncio.run_coroutine_threadsafe(_history(store, ref), loop).result()

        def related(data: Mapping[str, Any], position: int) -> dict[str, Related]:
            found = {}
            for name, relation in relations.items():
                id = data.get(relation.key or "")
                if isinstance(id, str) and id:
                    head: Head | None = None
                    for record in history(Ref(relation.entity, id)):
                        if record.position < position:
                            head = fold(head, record)
                    if head is not None:
                        place = catalog.machine_of(relation.entity, head.revision).places.at(head.leaves)
                        found[name] = Related(head.version, head.data, place.active)
            return found

        return related


async def _history(store: EventStore, ref: Ref) -> Sequence[Record]:
    return await store.read_entity(ref)


def _share(place: Place, goal: Place) -> float:
    """How far that is; a log of several partitions has no single position, and then nothing can be said."""
    return int(place) / int(goal) if place.isdigit() and goal.isdigit() and int(goal) else 0.0

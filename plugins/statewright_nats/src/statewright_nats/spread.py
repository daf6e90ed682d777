"""The log as a whole: one stream, or several among which entities are spread by a hash of their type and id.

Each stream is a partition with positions of its own, so a place in a spread log is a place in each: `0:1207,3:88`.
Partitions of which nothing was read are left out, and the start is `0` as in any log.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Sequence
from heapq import merge
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from statewright.machine.record import Head, Record
from statewright.stores.adopting import commands_of
from statewright.stores.words import (
    START,
    Append,
    BadPlace,
    Batch,
    CannotAdopt,
    EventStore,
    Limits,
    Outcome,
    Place,
    Recorded,
    Ref,
    StoreUnavailable,
    StoreUncertain,
)
from statewright_nats.address import Address
from statewright_nats.link import Link
from statewright_nats.naming import partition_of
from statewright_nats.store import StreamStore
from statewright_nats.streams import opened

_PLACE = re.compile(r"(0|[1-9][0-9]?):([1-9][0-9]{0,17})", re.ASCII)
T = TypeVar("T")


async def opened_log(link: Link, address: Address, folder: Path, *, read_only: bool) -> EventStore:
    """The log at an address. Raises StoreRefused, StoreUnavailable."""
    found = await opened(link, address, making=not read_only)
    parts: list[StreamStore] = []
    try:
        for partition, one in enumerate(found):
            parts.append(await StreamStore.open(link, one, partition, folder, read_only=read_only))
    except BaseException:
        for part in parts:
            await part.close()
        raise
    return parts[0] if len(parts) == 1 else SpreadStore(parts)


class SpreadStore(EventStore):
    """An EventStore over several, each with the entities that the hash gives it. A command keeps to one of them."""

    def __init__(self, parts: Sequence[StreamStore]) -> None:
        self._parts = parts

    @property
    def log_id(self) -> str:
        """An id made with the log."""
        return self._parts[0].log_id

    @property
    def limits(self) -> Limits:
        """As of one stream."""
        return self._parts[0].limits

    def partition_of(self, ref: Ref) -> int:
        """Where an entity is; the entities of one command must be in one partition."""
        return partition_of(ref, len(self._parts))

    def place_of(self, record: Record) -> Place:
        """How far a reader of one partition is who has seen a transition; nothing is said of the others."""
        return f"{record.partition}:{record.position}"

    async def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        """Record each command whole or not at all, those of one partition after each other."""
        mine: list[list[int]] = [[] for _ in self._parts]
        for index, command in enumerate(group):
            mine[self._partition_of(command)].append(index)
        busy = [(part, indexes) for part, indexes in zip(self._parts, mine, strict=True) if indexes]
        done = await _all(part.append([group[index] for index in indexes]) for part, indexes in busy)
        outcomes: dict[int, Outcome] = {}
        for (_, indexes), found in zip(busy, done, strict=True):
            if not isinstance(found, BaseException):
                outcomes.update(zip(indexes, found, strict=True))
        _raise_worst(done, recorded=any(isinstance(outcome, Recorded) for outcome in outcomes.values()))
        return [outcomes[index] for index in range(len(group))]

    def _partition_of(self, command: Append) -> int:
        partitions = {self.partition_of(Ref(step.record.type, step.record.entity)) for step in command.steps}
        if len(partitions) > 1:
            raise StoreUnavailable(
                f"the command {command.command!r} is over several partitions, and nothing was recorded"
            )
        return partitions.pop()

    async def adopt(self, records: Sequence[Record]) -> None:
        """Append what another log recorded, each partition's part in its order. Nothing, where anything is refused."""
        mine: list[list[Record]] = [[] for _ in self._parts]
        for command in commands_of(records):
            partitions = {self.partition_of(Ref(record.type, record.entity)) for record in command}
            if len(partitions) > 1:
                raise CannotAdopt(
                    command[0], "its command is over several partitions of this log; choose one of a single stream"
                )
            mine[partitions.pop()] += command
        busy = [(part, of_it) for part, of_it in zip(self._parts, mine, strict=True) if of_it]
        for part, of_it in busy:
            await part.require_following(of_it)
        _raise_worst(await _all(part.adopt(of_it) for part, of_it in busy), recorded=False)

    async def heads(self, refs: Sequence[Ref]) -> Sequence[Head | None]:
        """The heads of `refs` as of now, in their order."""
        asked: list[list[Ref]] = [[] for _ in self._parts]
        for ref in refs:
            asked[self.partition_of(ref)].append(ref)
        found = await self._of_each(lambda part, of_it: part.heads(of_it), asked)
        heads = {
            ref: head for of_it, some in zip(asked, found, strict=True) for ref, head in zip(of_it, some, strict=True)
        }
        return [heads[ref] for ref in refs]

    async def late_commands(self, asked: Sequence[tuple[Ref, str]]) -> Collection[tuple[Ref, str]]:
        """Those of many commands that made a version of their entity beyond the first 64."""
        parted: list[list[tuple[Ref, str]]] = [[] for _ in self._parts]
        for one in asked:
            parted[self.partition_of(one[0])].append(one)
        return {
            one for some in await self._of_each(lambda part, of_it: part.late_commands(of_it), parted) for one in some
        }

    async def _of_each(
        self, ask: Callable[[StreamStore, list[T]], Awaitable[Collection[Any]]], asked: Sequence[list[T]]
    ) -> list[Collection[Any]]:
        """What each partition answers to its share; nothing from those that have none."""

        async def answer(part: StreamStore, of_it: list[T]) -> Collection[Any]:
            return await ask(part, of_it) if of_it else ()

        return await asyncio.gather(*(answer(part, of_it) for part, of_it in zip(self._parts, asked, strict=True)))

    async def read_entity(self, ref: Ref, after_version: int = 0, limit: int | None = None) -> Sequence[Record]:
        """One entity's transitions above `after_version`, oldest first."""
        return await self._parts[self.partition_of(ref)].read_entity(ref, after_version, limit)

    async def find_command(self, ref: Ref, command: str) -> Sequence[Record]:
        """The transitions that `command` made, looked up at its first entity."""
        return await self._parts[self.partition_of(ref)].find_command(ref, command)

    async def read(self, after: Place, limit: int) -> Batch:
        """Up to `limit` transitions after a place, by time; those of a partition in position order. Raises BadPlace."""
        positions = self._positions(after)
        batches = await asyncio.gather(
            *(part.read(str(position), limit) for part, position in zip(self._parts, positions, strict=True))
        )
        # `recorded_at` never falls along a partition, so the merge keeps its order.
        merged = merge(*(batch.records for batch in batches), key=lambda record: record.recorded_at)
        records = list(islice(merged, limit))
        for record in records:
            positions[record.partition] = record.position
        return Batch(records, _place(positions))

    async def latest_place(self) -> Place:
        """The place after the last transition there is in each partition."""
        return _place([int(place) for place in await asyncio.gather(*(part.latest_place() for part in self._parts))])

    async def wait(self, place: Place, timeout_s: float) -> bool:
        """Return True as soon as something stands after `place` in any partition, False after `timeout_s` seconds."""
        positions = self._positions(place)
        waits = [
            asyncio.create_task(part.wait(str(position), timeout_s))
            for part, position in zip(self._parts, positions, strict=True)
        ]
        try:
            for first in asyncio.as_completed(waits):
                if await first:
                    return True
            return False
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def compare_places(self, one: Place, other: Place) -> int:
        """Negative where something stands between `one` and `other`, zero where they are the same, else positive.

        Of two places of which each is ahead in some partition, either is before the other: a reader at the one has
        still to read on to reach the other.
        """
        differences = [mine - theirs for mine, theirs in zip(self._positions(one), self._positions(other), strict=True)]
        behind = sum(difference for difference in differences if difference < 0)
        return behind or sum(differences)

    def _positions(self, place: Place) -> list[int]:
        positions = [0] * len(self._parts)
        if place == START:
            return positions
        last = -1
        for each in place.split(","):
            found = _PLACE.fullmatch(each)
            if found is None or not last < int(found[1]) < len(positions):
                raise BadPlace(f"{place[:40]!r} is not a place of this log; hand places back as they came")
            last = int(found[1])
            positions[last] = int(found[2])
        return positions

    async def close(self) -> None:
        """Finish what was accepted, and let go of everything."""
        for part in self._parts:
            await part.close()


def _place(positions: Sequence[int]) -> Place:
    return ",".join(f"{partition}:{position}" for partition, position in enumerate(positions) if position) or START


async def _all(asked: Iterator[Coroutine[Any, Any, T]]) -> list[T | BaseException]:
    return await asyncio.gather(*asked, return_exceptions=True)


def _raise_worst(done: Sequence[object], *, recorded: bool) -> None:
    """Unavailable only where no partition recorded anything; otherwise it must be asked what became of the group."""
    failures = [one for one in done if isinstance(one, BaseException)]
    if not failures:
        return
    worst = next((failure for failure in failures if not isinstance(failure, StoreUnavailable)), failures[0])
    if recorded and isinstance(worst, StoreUnavailable):
        raise StoreUncertain(f"a part of the group was recorded: {worst}") from worst
    raise worst

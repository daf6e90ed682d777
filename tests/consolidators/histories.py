"""Histories for tests of the views: written into a log one transition at a time, folded again by the plainest means."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, NamedTuple

from msgspec.structs import replace
from sqlalchemy import Engine

from statewright.consolidators import BUILT_IN, Consolidator, Runner
from statewright.machine.record import Head, Leaves, Record, fold
from statewright.stores.words import START, Append, EventStore, Recorded, Ref, Step

HOUR = 3_600_000_000
VIEWS = tuple(made.name for made in BUILT_IN)
"""The names of all that are kept."""


class Chronicle:
    """Writes transitions into a log as the committer would, without asking any definition."""

    def __init__(self, store: EventStore, now: int = 1_700_000_000_000_000) -> None:
        self.store = store
        self.now = now
        self._heads: dict[Ref, Head] = {}
        self._waiting: list[Append] = []
        self._commands = count(1)

    def add(self, ref: Ref, to: Leaves, event: str | None = "GO", *, took: int = 1_000, **fields: Any) -> None:
        """One more transition of `ref` into the configuration `to`, `took` microseconds after the last one."""
        self.now += took
        head = self._heads.get(ref)
        record = Record(
            type=ref.type,
            entity=ref.id,
            version=1 if head is None else head.version + 1,
            command=f"c-{next(self._commands)}",
            from_=fields.pop("from_", head.leaves if head else None),
            to=to,
            revision=fields.pop("revision", 1),
            event=event,
            kind="created" if event is None else "event",
            **fields,
        )
        stamped = replace(record, recorded_at=self.now)
        after = fold(head, stamped)
        self._waiting.append(Append(record.command, "", self.now, [Step(record, head, after)]))
        self._heads[ref] = after

    def data_of(self, ref: Ref) -> dict[str, Any]:
        """What `ref` remembers."""
        head = self._heads.get(ref)
        return head.data if head else {}

    async def write(self) -> None:
        """Append what was added."""
        outcomes = await self.store.append(self._waiting)
        assert all(isinstance(outcome, Recorded) for outcome in outcomes)
        self._waiting = []


async def all_of(store: EventStore) -> Sequence[Record]:
    """The whole log."""
    return (await store.read(START, 1_000_000)).records


@asynccontextmanager
async def running(store: EventStore, views: Engine, *made: type[Consolidator], **options: Any) -> AsyncIterator[Runner]:
    """A runner over `store` that is stopped when the block is left."""
    runner = Runner(store, views, made, pace_s=0.0, **options) if made else Runner(store, views, pace_s=0.0, **options)
    task = asyncio.create_task(runner.run())
    try:
        yield runner
    finally:
        runner.stop()
        await task


class Stay(NamedTuple):
    """A stay as the plain fold has it."""

    type: str
    entity: str
    state: str
    from_version: int
    to_version: int | None
    from_at: int
    to_at: int | None


def heads_of(records: Iterable[Record]) -> dict[Ref, Head]:
    """Where every entity stands after `records`."""
    heads: dict[Ref, Head] = {}
    for record in records:
        ref = Ref(record.type, record.entity)
        heads[ref] = fold(heads.get(ref), record)
    return heads


def stays_of(records: Iterable[Record]) -> set[Stay]:
    """Every stay in `records`, each leaf for itself."""
    lives: dict[Ref, list[Record]] = defaultdict(list)
    for record in records:
        lives[Ref(record.type, record.entity)].append(record)
    return {stay for ref, life in lives.items() for stay in _stays(ref, life)}


def _stays(ref: Ref, life: Sequence[Record]) -> Iterable[Stay]:
    times = [max(record.own_time for record in life[: index + 1]) for index in range(len(life))]
    for leaf in {leaf for record in life for leaf in record.to}:
        entered: int | None = None
        for index, record in enumerate(life):
            if entered is None and leaf in record.to:
                entered = index
            elif entered is not None and leaf not in record.to:
                yield Stay(*ref, leaf, entered + 1, index + 1, times[entered], times[index])
                entered = None
        if entered is not None:
            yield Stay(*ref, leaf, entered + 1, None, times[entered], None)


def flow_of(records: Iterable[Record]) -> Counter[tuple[Any, ...]]:
    """How often each transition happened in each hour."""
    return Counter(
        (record.type, record.revision, record.from_, record.event, record.to, record.own_time // HOUR * HOUR)
        for record in records
    )

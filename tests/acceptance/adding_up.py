"""What the views must say, worked out from the log alone and in the plainest way: no code of the views is used."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from statewright.machine.moments import text_of
from statewright.machine.record import Head, Record, fold
from statewright.stores.sqlite import SqliteStore
from statewright.stores.words import START

SECOND = 1_000_000


async def whole_log(data: Path) -> list[Record]:
    """Every transition in the data folder's log, in order."""
    store = SqliteStore.open(data / "log.sqlite", read_only=True)
    records: list[Record] = []
    try:
        place = START
        while (batch := await store.read(place, 10_000)).records:
            records += batch.records
            place = batch.place
    finally:
        await store.close()
    return records


def heads_of(records: Iterable[Record]) -> dict[str, Head]:
    """Where each entity stands, by its id."""
    heads: dict[str, Head] = {}
    for record in records:
        heads[record.entity] = fold(heads.get(record.entity), record)
    return heads


def counts_of(records: Iterable[Record]) -> dict[str, int]:
    """How many entities rest in each state."""
    return dict(Counter(head.leaves[0] for head in heads_of(records).values()))


def entities_of(records: Iterable[Record]) -> dict[str, tuple[Any, ...]]:
    """State, data, version and since when, by id."""
    heads = heads_of(records).items()
    return {id: (head.leaves[0], head.data, head.version, text_of(head.since)) for id, head in heads}


def flow_of(records: Iterable[Record]) -> dict[tuple[str | None, str | None, str], int]:
    """How often each event led from where to where."""
    return dict(Counter((line.from_[0] if line.from_ else None, line.event, line.to[0]) for line in records))


def stays_of(records: Iterable[Record]) -> dict[str, tuple[Any, ...]]:
    """Per state: stays that ended, stays that go on, and median, ninety-ninth percentile and longest in seconds."""
    ended: dict[str, list[float]] = defaultdict(list)
    going_on: Counter[str] = Counter()
    for life in _lives(records):
        visits = [next(visit) for _, visit in groupby(life, key=lambda line: line.to)]
        for visit, following in pairwise(visits):
            ended[visit.to[0]].append((following.own_time - visit.own_time) / SECOND)
        going_on[visits[-1].to[0]] += 1
    states = sorted({*ended, *going_on})
    return {state: (len(ended[state]), going_on[state], *_spread(sorted(ended[state]))) for state in states}


def _lives(records: Iterable[Record]) -> Iterable[Sequence[Record]]:
    lives: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        lives[record.entity].append(record)
    return lives.values()


def _spread(seconds: Sequence[float]) -> tuple[float, float, float] | tuple[None, None, None]:
    if not seconds:
        return None, None, None
    return _at(seconds, 0.5), _at(seconds, 0.99), seconds[-1]


def _at(ordered: Sequence[float], share: float) -> float:
    """The percentile by nearest rank."""
    return ordered[math.ceil(share * len(ordered)) - 1]

"""An entity's life as a ribbon: one bar per stay, wide as it was long, with long stretches of nothing folded up."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from statewright.machine.moments import Micros
from statewright.machine.record import Record

_FOLDED_SHARE = 9.0
"""How much of the width, in per cent, a folded stretch takes, however long it was."""
_FOLDED_AT_MOST = 5
_TOWERS = 8
"""Stretches are folded that are more than this many times as long as the longest of the others."""
_WORTH_IT = 0.001
"""Nothing is folded for the sake of stretches that are together less than this share of the whole: mere moments."""
_ENDED_SHARE = 4.0
"""A life that is over ends in a stub of this width: nothing more will happen, so its length says nothing."""
_FINGER = 4.0
"""So many per cent of the width are more than the 24 pixels that a finger or an unsteady hand needs."""
_APART = 8.0
"""How many per cent of the width lie between two words on the axis at least."""


class Stay(Struct, frozen=True):
    """A visit to a leaf, from `version` on until the version `left`; `until` and `left` are None while it goes on."""

    leaf: str
    version: int
    since: Micros
    until: Micros | None
    left: int | None = None

    def covers(self, version: int) -> bool:
        """Whether the entity was in this leaf at a version."""
        return self.version <= version and (self.left is None or version < self.left)


class Bar(Struct, frozen=True):
    """A stay as it is drawn: place and width in per cent, the row of its leaf, whether it is folded.

    `crowded`: it is too small to be hit beside another of its row (WCAG 2.2, target size), so it leads nowhere.
    """

    stay: Stay
    lane: int
    x: float
    width: float
    seconds: float
    folded: bool
    crowded: bool = False


class Tick(Struct, frozen=True):
    """A word on the axis: how many seconds after the beginning."""

    x: float
    seconds: float


class Fold(Struct, frozen=True):
    """A folded stretch, in per cent of the width."""

    x: float
    width: float


class Ribbon(Struct, frozen=True):
    """The whole ribbon. `lanes` are the leaves in the order of their first stay, those of a region together; `seconds`
    is how long it all took. `marks` are the places of the moments that were asked for, None for one outside.
    """

    lanes: list[str]
    bars: list[Bar]
    ticks: list[Tick]
    folds: list[Fold]
    seconds: float
    marks: list[float | None] = []


def stays_of(records: Sequence[Record]) -> list[Stay]:
    """The stays that these transitions of one entity tell of, oldest first; a self-transition does not end one.

    When the first record is not the entity's first, what it came from is left out: nothing here says since when.
    """
    stays: list[Stay] = []
    under_way: dict[str, int] = {}
    clock = 0
    for record in records:
        clock = max(clock, record.own_time)
        for leaf in [leaf for leaf in under_way if leaf not in record.to]:
            at = under_way.pop(leaf)
            stays[at] = replace(stays[at], until=clock, left=record.version)
        for leaf in record.to:
            if leaf not in under_way:
                under_way[leaf] = len(stays)
                stays.append(Stay(leaf, record.version, clock, None))
    return stays


def clocks_of(records: Iterable[Record]) -> dict[int, Micros]:
    """The business time of each version: the greatest so far."""
    clocks: dict[int, Micros] = {}
    clock = 0
    for record in records:
        clock = clocks[record.version] = max(clock, record.own_time)
    return clocks


def ribbon_of(
    stays: Sequence[Stay],
    now: Micros,
    ended: bool,
    folding: bool = True,
    order: Sequence[str] = (),
    moments: Sequence[Micros] = (),
) -> Ribbon:
    """Draw stays up to `now`, or up to the last change of an entity whose life is over.

    Leaves in `order`, the document's, stand beside those of their region; others follow as they came. `moments` are
    those whose places are wanted.
    """
    if not stays:
        return Ribbon([], [], [], [], 0, [None for _ in moments])
    lanes = list(dict.fromkeys(stay.leaf for stay in stays))
    beside = _beside(lanes, order)
    lanes.sort(key=beside.__getitem__)
    begin = stays[0].since
    end = max([stay.since for stay in stays] + ([] if ended else [now]))
    bounds = sorted({stay.since for stay in stays} | {stay.until for stay in stays if stay.until is not None} | {end})
    scale = _Scale(bounds, ended, folding)
    bars = spaced([_bar(stay, lanes, scale, end) for stay in stays])
    marks = [scale.x(moment) if begin <= moment <= end else None for moment in moments]
    return Ribbon(lanes, bars, _ticks(bounds, scale, begin), scale.folds, (end - begin) / 1e6, marks)


def _beside(lanes: Sequence[str], order: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Where each lane stands: with the first that shares its state at the top, there in the order of the document."""
    place = {path: at for at, path in enumerate(order)}
    first: dict[str, int] = {}
    for at, leaf in enumerate(lanes):
        first.setdefault(leaf.partition(".")[0], at)
    return {leaf: (first[leaf.partition(".")[0]], place.get(leaf, 0)) for leaf in lanes}


def _bar(stay: Stay, lanes: list[str], scale: _Scale, end: Micros) -> Bar:
    x = scale.x(stay.since)
    until = end if stay.until is None else stay.until
    width = (100.0 if stay.until is None else scale.x(until)) - x
    folded = any(fold.x < x + width and fold.x + fold.width > x for fold in scale.folds)
    return Bar(stay, lanes.index(stay.leaf), x, width, max(until - stay.since, 0) / 1e6, folded)


def spaced(bars: Sequence[Bar]) -> list[Bar]:
    """The same, knowing which are too small to be hit beside another of their row."""
    rows: dict[int, list[Bar]] = {}
    for bar in bars:
        rows.setdefault(bar.lane, []).append(bar)
    return [replace(bar, crowded=any(_crowds(other, bar) for other in rows[bar.lane])) for bar in bars]


def _crowds(other: Bar, bar: Bar) -> bool:
    """Whether a finger for a small `bar` would hit `other`."""
    gap = max(other.x - bar.x - bar.width, bar.x - other.x - other.width)
    return other is not bar and bar.width < _FINGER and gap < _FINGER


def _ticks(bounds: Iterable[Micros], scale: _Scale, begin: Micros) -> list[Tick]:
    """Words for the moments at which something changed, as many as there is room for."""
    ticks = [Tick(0.0, 0.0)]
    for bound in bounds:
        x = scale.x(bound)
        if ticks[-1].x + _APART <= x <= 100.0 - 2 * _APART:  # the last word is a long one
            ticks.append(Tick(x, (bound - begin) / 1e6))
    return ticks


class _Scale:
    """From moments to per cent of the width: straight, but for the stretches that are folded."""

    def __init__(self, bounds: Sequence[Micros], ended: bool, folding: bool) -> None:
        self._bounds = bounds
        lengths = [after - before for before, after in pairwise(bounds)]
        folded = _towering(lengths) if folding else frozenset()
        room = 100.0 - _FOLDED_SHARE * len(folded) - (_ENDED_SHARE if ended else 0.0)
        straight = sum(length for at, length in enumerate(lengths) if at not in folded)
        self._xs = [0.0]
        self.folds = []
        for at, length in enumerate(lengths):
            share = _FOLDED_SHARE if at in folded else room * (length / straight if straight else 1 / len(lengths))
            if at in folded:
                self.folds.append(Fold(self._xs[-1], share))
            self._xs.append(min(self._xs[-1] + share, 100.0))

    def x(self, moment: Micros) -> float:
        """Where a moment between the first bound and the last lies; within a stretch, straight."""
        at = min(bisect_right(self._bounds, moment), len(self._bounds) - 1)
        before, after = self._bounds[at - 1] if at else moment, self._bounds[at]
        if at == 0 or after == before:
            return self._xs[at]
        share = (moment - before) / (after - before)
        return self._xs[at - 1] + share * (self._xs[at] - self._xs[at - 1])


def _towering(lengths: Sequence[int]) -> frozenset[int]:
    """The few stretches so long that all others would shrink to hairlines beside them; at least two are left alone."""
    order = sorted(range(len(lengths)), key=lambda at: lengths[at], reverse=True)
    for folded in range(1, min(_FOLDED_AT_MOST, len(lengths) - 2) + 1):
        rest = [lengths[at] for at in order[folded:]]
        if lengths[order[folded - 1]] > _TOWERS * rest[0] and sum(rest) >= _WORTH_IT * sum(lengths):
            return frozenset(order[:folded])
    return frozenset()

"""Several entities on one time axis: a lane each, with its stays as bars."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from statewright.machine.compile import Machine
from statewright.machine.moments import Micros
from statewright.machine.record import Head, Record
from statewright.stores.words import Ref
from statewright.views import Reference
from statewright_ui import shown
from statewright_ui.entity.ribbon import Bar, Ribbon, Stay, ribbon_of, spaced, stays_of

_MARK = "\n"
"""Stands between the number of a lane and the leaf while the ribbon is laid out; no name has a line's end in it."""

STUB = 4.0
"""How wide the end of a life is drawn, in per cent."""


class Life(Struct, frozen=True):
    """An entity in the picture. `reference` is how it belongs to the one asked about, None for that one itself.

    `head` is None when there is no such entity (yet).
    """

    ref: Ref
    kind: shown.Kind
    reference: Reference | None
    head: Head | None = None
    machine: Machine | None = None
    records: Sequence[Record] = ()

    @property
    def ended(self) -> bool:
        """Whether its life is over."""
        return self.head is not None and self.machine is not None and self.machine.is_final(self.head.leaves)

    @property
    def whole(self) -> bool:
        """Whether `records` is its whole life."""
        return not self.records or self.records[0].version == 1


class Piece(Struct, frozen=True):
    """A bar in a lane, and the state it stands for; the bar's own lane is the row within this one, from 0."""

    bar: Bar
    state: shown.State


class Lane(Struct, frozen=True):
    """One entity's row. `rows` is how many parts it has: as many as states it was ever in at once."""

    life: Life
    states: list[shown.State]
    pieces: list[Piece]
    rows: int


class Picture(Struct, frozen=True):
    """All lanes, and the axis they share."""

    lanes: list[Lane]
    axis: Ribbon


def picture_of(lives: Sequence[Life], now: Micros) -> Picture:
    """Lay out all stays of all lives on one axis up to `now`, or up to the last change if all lives are over."""
    stays = [
        replace(stay, leaf=f"{at}{_MARK}{stay.leaf}")
        for at, life in enumerate(lives)
        for stay in stays_of(life.records)
    ]
    stays.sort(key=lambda stay: stay.since)
    over = all(life.ended for life in lives if life.head is not None)
    axis = ribbon_of(stays, now, over)
    return Picture([_lane(at, life, axis) for at, life in enumerate(lives)], axis)


def _lane(at: int, life: Life, axis: Ribbon) -> Lane:
    bars: list[Bar] = []
    busy: list[Stay] = []  # per row, the latest stay in it
    for bar in axis.bars:
        if not bar.stay.leaf.startswith(f"{at}{_MARK}"):
            continue
        stay = replace(bar.stay, leaf=bar.stay.leaf.partition(_MARK)[2])
        row = next((n for n, last in enumerate(busy) if last.until is not None and last.until <= stay.since), len(busy))
        busy[row : row + 1] = [stay]
        # what comes after the end of a life says nothing, so it is a stub, as where that life stands alone
        width = min(bar.width, STUB) if life.ended and stay.until is None else bar.width
        bars.append(replace(bar, stay=stay, lane=row, width=width))
    pieces = [Piece(bar, shown.state(life.machine, bar.stay.leaf)) for bar in spaced(bars)]
    states = shown.states(life.machine, life.head.leaves) if life.head is not None else []
    return Lane(life, states, pieces, max(len(busy), 1))

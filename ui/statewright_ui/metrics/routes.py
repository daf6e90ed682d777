"""What the entities of one type did: throughput, dwell, funnel, paths, rework, hand-overs; two choices side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, TypeVar

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Struct

from statewright.views import (
    Dwell,
    Funnel,
    HandOvers,
    Rework,
    Throughput,
    Variants,
    ended_by,
)
from statewright_ui import shown
from statewright_ui.metrics.bars import Chart, chart_of, highest
from statewright_ui.metrics.chosen import Choice, Side, chosen, presets
from statewright_ui.needs import AskedFor, Needs, ask
from statewright_ui.rendering import part_of, rendered

ROWS = 12
"""How many paths, transitions and hand-overs are shown."""
LOOKED_AT = 60
"""How many of each side's most frequent paths are looked through for one that the other side shows."""
PAIRS_LOOKED_AT = 1_000

R = TypeVar("R")


class Found(Struct, frozen=True):
    """The answers about one side."""

    side: Side
    throughput: Throughput
    dwell: Dwell
    funnel: Funnel
    variants: Variants
    rework: Rework
    hand_overs: HandOvers


class Line(Struct, frozen=True):
    """A row of a table: what it is about, and what each side says of it, None where it says nothing."""

    key: Any
    state: shown.State | None
    sides: list[Any]


class Metrics(Struct, frozen=True):
    """The whole page: what each side found, and rows that set the sides beside each other."""

    found: list[Found]
    charts: list[Chart]
    states: list[Line]
    transitions: list[Line]
    transitions_left_out: int
    funnel: list[Line]
    variants: list[Line]
    reentered: list[Line]
    repeated: list[Line]
    hand_overs: list[Line]

    @property
    def none(self) -> bool:
        """Whether nothing was found at all."""
        return not any(
            each.throughput.begun or each.throughput.ended or each.dwell.states or each.hand_overs.times
            for each in self.found
        )

    @property
    def longest_s(self) -> float:
        """The longest of the percentiles shown for states, in seconds; the measure of their bars."""
        sides = [side for line in self.states for side in line.sides if side is not None and side.seconds]
        return max((side.seconds.p95 for side in sides), default=0.0) or 1.0


def metrics(needs: Needs) -> list[HTTPRouteHandler]:
    """The handlers of these pages."""

    @get("/metrics/{type:str}", include_in_schema=False)
    async def page(request: AskedFor, type: FromPath[str]) -> Response[str]:
        revisions = await ask(needs.catalog.revisions, type)
        choice = chosen(request.query_params)
        found = await ask(_metrics, needs, type, choice)
        template = "metrics/_metrics.html" if part_of(request, "metrics") else "metrics/page.html"
        return rendered(
            request,
            template,
            here="metrics",
            live=f"/live?type={type}",
            kind=shown.kind(needs.catalog, type),
            revisions=[revision for revision in revisions if revision.status != "draft"],
            choice=choice,
            presets=presets(time.time_ns() // 1000),
            metrics=found,
        )

    @get("/metrics-by-type", include_in_schema=False)
    async def index(request: AskedFor) -> Response[str]:
        kinds = [shown.kind(needs.catalog, entry.type) for entry in await ask(needs.catalog.types)]
        return rendered(request, "metrics/index.html", here="metrics", kinds=kinds)

    return [page, index]


def _metrics(needs: Needs, type: str, choice: Choice) -> Metrics:
    machine = shown.kind(needs.catalog, type).machine
    order = {path: at for at, path in enumerate(machine.states)} if machine else {}
    found = [_found(needs, type, side) for side in choice.sides]
    most = max(highest(each.throughput.items) for each in found)

    def lines(
        items: Callable[[Found], Iterable[R]], key: Callable[[R], Any], state: Callable[[Any], str]
    ) -> list[Line]:
        return [
            Line(each, shown.state(machine, state(each)), sides) for each, sides in _beside(found, items, key).items()
        ]

    states = lines(lambda each: each.dwell.states, lambda item: item.state, str)
    states.sort(key=lambda line: order.get(line.key, len(order)))
    transitions = lines(
        lambda each: sorted(each.dwell.transitions, key=lambda item: -item.ended),
        lambda item: (item.from_, item.event, item.to),
        lambda key: str(key[0]),
    )
    return Metrics(
        found=found,
        charts=[chart_of(each.throughput, most) for each in found],
        states=states,
        transitions=transitions[:ROWS],
        transitions_left_out=max(len(transitions) - ROWS, 0),
        funnel=lines(lambda each: each.funnel.items, lambda item: item.state, str),
        variants=_lines(found, lambda each: each.variants.items, lambda item: tuple(item.events))[:ROWS],
        reentered=[
            line
            for line in lines(lambda each: each.rework.states, lambda item: item.state, str)
            if any(side is not None and side.again for side in line.sides)
        ],
        repeated=[
            line
            for line in _lines(found, lambda each: each.rework.events, lambda item: item.event)
            if any(side is not None and side.again for side in line.sides)
        ],
        hand_overs=_lines(found, lambda each: each.hand_overs.items, lambda item: (item.from_, item.to))[:ROWS],
    )


def _found(needs: Needs, type: str, side: Side) -> Found:
    views, asked = needs.views, side.asked
    return Found(
        side,
        views.throughput(type, ended_by(needs.catalog, type), **asked),
        views.dwell(type, **asked),
        views.funnel(type, **asked),
        views.variants(type, limit=LOOKED_AT, **asked),
        views.rework(type, **asked),
        views.hand_overs(type, limit=PAIRS_LOOKED_AT, **asked),
    )


def _lines(found: Sequence[Found], items: Callable[[Found], Iterable[R]], key: Callable[[R], Any]) -> list[Line]:
    return [Line(each, None, sides) for each, sides in _beside(found, items, key).items()]


def _beside(
    found: Sequence[Found], items: Callable[[Found], Iterable[R]], key: Callable[[R], Any]
) -> dict[Any, list[R | None]]:
    """What each side says under the same key; keys in the order of the first side, then what only the second has."""
    tables = [{key(item): item for item in items(each)} for each in found]
    return {name: [table.get(name) for table in tables] for name in dict.fromkeys(chain.from_iterable(tables))}

"""The first page: every entity type at a glance."""

from __future__ import annotations

import time
from collections.abc import Sequence

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from statewright.machine.moments import Micros
from statewright.views import EntityRow, HourCount, NotBuiltYet, TypeOverview
from statewright_ui import shown
from statewright_ui.needs import AskedFor, Needs, ask
from statewright_ui.rendering import part_of, rendered
from statewright_ui.standing import Behind, behind

_DAY = 86_400_000_000
_STALLED = 10
"""How many of those that have waited longest are listed, of all types together."""


class Line(Struct, frozen=True):
    """One type in the table: where its entities are, how busy the last day was, who has waited longest."""

    kind: shown.Kind
    total: int
    mix: list[tuple[shown.State, int]]
    last_24h: int
    refused_24h: int
    trend: str
    area: str
    stalled: list[Waiting]


class Waiting(Struct, frozen=True):
    """An entity that has not moved for long."""

    kind: shown.Kind
    row: EntityRow
    states: list[shown.State]


class Glance(Struct, frozen=True):
    """The whole page. `building`: the views are being built for the first time."""

    lines: list[Line]
    behind: Behind
    building: bool = False

    @property
    def stalled(self) -> list[Waiting]:
        """Those of all types that have been in their state for longest, the longest first."""
        found = [waiting for line in self.lines for waiting in line.stalled]
        return sorted(found, key=lambda waiting: waiting.row.since)[:_STALLED]

    @property
    def total(self) -> int:
        """Entities of all types."""
        return sum(line.total for line in self.lines)

    @property
    def last_24h(self) -> int:
        """Transitions in the last 24 hours, business time."""
        return sum(line.last_24h for line in self.lines)

    @property
    def refused_24h(self) -> int:
        """Refusals in the last 24 hours."""
        return sum(line.refused_24h for line in self.lines)


def overview(needs: Needs) -> HTTPRouteHandler:
    """The handler of the first page."""

    @get("/", include_in_schema=False)
    async def page(request: AskedFor) -> Response[str]:
        standing = await behind(needs)
        glance = await ask(_glance, needs, standing)
        template = "overview/_types.html" if part_of(request, "types") else "overview/page.html"
        base = str(request.base_url).rstrip("/")
        return rendered(request, template, here="overview", live="/live", glance=glance, base=base)

    return page


def _glance(needs: Needs, standing: Behind) -> Glance:
    now = time.time_ns() // 1000
    kinds = {entry.type: shown.kind(needs.catalog, entry.type) for entry in needs.catalog.types()}
    rest = {type: shown.resting(kind.machine) for type, kind in kinds.items()}
    try:
        seen = {found.type: found for found in needs.views.overview(now, rest, stalled=_STALLED).types}
    except NotBuiltYet:
        return Glance([_line(needs, kind, None, now) for kind in kinds.values()], standing, building=True)
    for type in seen.keys() - kinds.keys():  # a log whose definitions were not brought along
        kinds[type] = shown.kind(needs.catalog, type)
    return Glance([_line(needs, kinds[type], seen.get(type), now) for type in sorted(kinds)], standing)


def _line(needs: Needs, kind: shown.Kind, seen: TypeOverview | None, now: Micros) -> Line:
    refused = sum(found.count for found in needs.catalog.refusals.counts(kind.type, since=now - _DAY))
    if seen is None:
        return Line(kind, 0, [], 0, refused, "", "", [])
    trend = spark(seen.trend)
    return Line(
        kind,
        seen.total,
        shown.by_tone(kind.machine, seen.states),
        seen.last_24h,
        refused,
        trend,
        f"{trend}V28H0Z" if trend else "",
        [_waiting(needs, kind, row) for row in seen.stalled],
    )


def _waiting(needs: Needs, kind: shown.Kind, row: EntityRow) -> Waiting:
    return Waiting(kind, row, shown.states(shown.machine_of(needs.catalog, row.type, row.revision), row.leaves))


def spark(trend: Sequence[HourCount]) -> str:
    """A line through the hours as an SVG path in a box of 100 by 28; empty when nothing happened."""
    most = max((hour.count for hour in trend), default=0)
    if not most:
        return ""
    across = 100 / max(len(trend) - 1, 1)
    return "M" + "L".join(f"{at * across:.1f} {26 - hour.count / most * 24:.1f}" for at, hour in enumerate(trend))

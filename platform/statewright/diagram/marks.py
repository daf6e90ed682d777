"""What is painted over a diagram: counts, heat, where an entity stands, the path it walked, what is selected."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from msgspec import Struct

from statewright.machine.chart import ROOT, Arrow, Chart
from statewright.machine.record import Leaves

_SECOND_HYPHEN = re.compile("(?<=-)-")
_TRIGGERS = {"always": "statewright.always", "done": "statewright.done", "default": "statewright.default"}


class Walk(Struct, frozen=True):
    """A recorded move, `count` times: a record, or a row of the `flow` view. A creation has no `source`."""

    source: Leaves | None
    event: str | None
    target: Leaves
    count: int = 1


class Marks(Struct, frozen=True, kw_only=True):
    """What to paint over the layout. Paths and moves that the definition does not know are passed over.

    `counts`: entities by state. `heat`: from 0 to 1 by state. `current`: the active leaves. `walked`: the moves of one
    entity, emphasised. `traffic`: the moves of all, as numbers and widths of lines. `selected`: a state's path or a
    transition's id without its `t-`.
    """

    counts: Mapping[str, int] = {}
    heat: Mapping[str, float] = {}
    current: Leaves = ()
    walked: tuple[Walk, ...] = ()
    traffic: tuple[Walk, ...] = ()
    selected: str | None = None


def state_id(path: str) -> str:
    """The id of a state's element, the same in every picture: `s-` and the path, percent-encoded."""
    return f"s-{_safe(path)}"


def transition_key(arrow: Arrow) -> str:
    """`<source>--<trigger>-<index>`, percent-encoded; its element's id is that after `t-`. The root's source is `*`."""
    trigger = _TRIGGERS.get(arrow.kind) or (f"after.{arrow.trigger}" if arrow.kind == "after" else arrow.trigger)
    source = arrow.source if arrow.origin is None else arrow.origin
    return f"{_safe(source) if source else '*'}--{_safe(trigger)}-{arrow.index}"


def _safe(text: str) -> str:
    # A second hyphen is encoded too, so that the pair between source and trigger can only be the separator.
    return _SECOND_HYPHEN.sub("%2D", quote(text, safe=""))


def taken(chart: Chart, walks: Iterable[Walk]) -> dict[str, int]:
    """How often each transition was taken, by its key; a move that several would explain counts for the first."""
    arrows: dict[str, list[Arrow]] = {}
    for arrow in chart.arrows:
        arrows.setdefault(arrow.source, []).append(arrow)
    times: dict[str, int] = {}
    for walk in walks:
        found = _arrow_of(chart, arrows, walk)
        if found is not None:
            key = transition_key(found)
            times[key] = times.get(key, 0) + walk.count
    return times


def visited(walks: Iterable[Walk]) -> set[str]:
    """The leaves that were entered or left."""
    return {leaf for walk in walks for leaf in (*(walk.source or ()), *walk.target)}


def _arrow_of(chart: Chart, arrows: Mapping[str, list[Arrow]], walk: Walk) -> Arrow | None:
    if walk.source is None or walk.event is None:
        return None
    for leaf in walk.source:
        for holder in chart.line_up(leaf) if leaf in chart.boxes else ():
            found = [arrow for arrow in arrows.get(holder, ()) if _explains(chart, arrow, walk)]
            if found:
                return max(found, key=lambda arrow: (not arrow.trigger.endswith("*"), len(arrow.trigger)))
    return None


def _explains(chart: Chart, arrow: Arrow, walk: Walk) -> bool:
    event = walk.event or ""
    if arrow.kind == "after":
        named = event.startswith(f"after.{arrow.trigger}.")
    else:
        prefix = arrow.trigger.removesuffix("*") if arrow.trigger.endswith("*") else None
        named = arrow.kind == "event" and (event == arrow.trigger or (prefix is not None and event.startswith(prefix)))
    if not named or arrow.forbids:
        return False
    if not arrow.targets:
        return walk.source == walk.target
    return any(target == ROOT or _under(leaf, target) for target in arrow.targets for leaf in walk.target)


def _under(leaf: str, path: str) -> bool:
    return leaf == path or leaf.startswith(f"{path}.")

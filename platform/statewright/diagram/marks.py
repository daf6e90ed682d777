"""What is painted over a diagram: counts, heat, where an entity stands, the path it walked, what is selected."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from urllib.parse import quote

from msgspec import Struct

from statewright.machine.chart import ROOT, Arrow, ArrowKind, Chart
from statewright.machine.record import Leaves, Record

_SECOND_HYPHEN = re.compile("(?<=-)-")
_KEYS: dict[str, ArrowKind] = {"on": "event", "always": "always", "after": "after", "onDone": "done"}
_TRIGGERS = {"always": "statewright.always", "done": "statewright.done", "default": "statewright.default"}


class Walk(Struct, frozen=True):
    """A recorded move, `count` times: a record, or a row of the `flow` view. A creation has no `source`.

    `branches` are the JSON pointers of the branches that were taken, and `passed` the states that were entered on the
    way, where the record names them; a row of `flow` does not, and what followed of itself is found by where it led.
    """

    source: Leaves | None
    event: str | None
    target: Leaves
    count: int = 1
    branches: tuple[str, ...] = ()
    passed: Leaves = ()


class Marks(Struct, frozen=True, kw_only=True):
    """What to paint over the layout. Paths and moves that the definition does not know are passed over.

    `counts`: entities by state, those around others among them. `heat`: from 0 to 1 by state. `current`: the active
    leaves. `earlier`: those at another moment, with which that one is compared. `walked`: the moves of one entity,
    emphasised. `traffic`: the moves of all, as numbers and widths of lines. `selected`: a state's path or a
    transition's id without its `t-`.
    """

    counts: Mapping[str, int] = {}
    heat: Mapping[str, float] = {}
    current: Leaves = ()
    earlier: Leaves = ()
    walked: tuple[Walk, ...] = ()
    traffic: tuple[Walk, ...] = ()
    selected: str | None = None


def walks_of(records: Iterable[Record]) -> tuple[Walk, ...]:
    """The moves that transitions of one entity made."""
    return tuple(
        Walk(
            record.from_,
            record.event,
            record.to,
            branches=tuple(branch for step in record.steps for branch in step.branches),
            passed=tuple(path for step in record.steps for path in step.entered),
        )
        for record in records
    )


def state_id(path: str) -> str:
    """The id of a state's element, the same in every picture: `s-` and the path, percent-encoded."""
    return f"s-{_safe(path)}"


def transition_key(arrow: Arrow) -> str:
    """`<source>--<trigger>-<index>`, percent-encoded; its element's id is that after `t-`. The root's source is `*`."""
    trigger = _TRIGGERS.get(arrow.kind) or (f"after.{arrow.trigger}" if arrow.kind == "after" else arrow.trigger)
    source = arrow.source if arrow.origin is None else arrow.origin
    return f"{_safe(source) if source else '*'}--{_safe(trigger)}-{arrow.index}"


@lru_cache(maxsize=4_096)  # a picture of many arrows asks for each name a dozen times
def _safe(text: str) -> str:
    # A second hyphen is encoded too, so that the pair between source and trigger can only be the separator.
    return _SECOND_HYPHEN.sub("%2D", quote(text, safe=""))


def taken(chart: Chart, walks: Iterable[Walk]) -> dict[str, int]:
    """How often each transition was taken, by its key; a move that several would explain counts for the first."""
    times: dict[str, int] = {}
    for walk, keys in ways(chart, walks):
        for key in keys:
            times[key] = times.get(key, 0) + walk.count
    return times


def ways(chart: Chart, walks: Iterable[Walk]) -> Iterator[tuple[Walk, list[str]]]:
    """Each walk with the keys of the transitions that it took, in the order in which they were taken."""
    arrows: dict[str, list[Arrow]] = {}
    for arrow in chart.arrows:
        arrows.setdefault(arrow.source, []).append(arrow)
    for walk in walks:
        found = _named(arrows, walk.branches) if walk.branches else _found(chart, arrows, walk)
        yield walk, [transition_key(arrow) for arrow in found]


def visited(walks: Iterable[Walk]) -> set[str]:
    """The leaves that were entered or left."""
    return {leaf for walk in walks for leaf in (*(walk.source or ()), *walk.target, *walk.passed)}


def _named(arrows: Mapping[str, list[Arrow]], branches: Iterable[str]) -> list[Arrow]:
    """The arrows of branches by their pointers; what another revision had and this one has not is passed over."""
    wanted = [_way_of(pointer) for pointer in branches]
    return [
        arrow
        for way in wanted
        if way is not None
        for arrow in arrows.get(way[0], ())
        if (arrow.source, arrow.kind, arrow.trigger, arrow.index) == way
    ]


def _way_of(pointer: str) -> tuple[str, ArrowKind, str, int] | None:
    """Source, kind, trigger and index of the branch at a pointer such as `/states/a/on/GO/1`."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    states = []
    while len(steps) > 1 and steps[0] == "states":
        states.append(steps[1])
        steps = steps[2:]
    kind = _KEYS.get(steps[0]) if steps else None
    if kind is None:
        return None
    named = kind in ("event", "after")
    trigger = steps[1] if named and len(steps) > 1 else ""
    last = steps[1 + named :]
    return ".".join(states), kind, trigger, int(last[0]) if last and last[0].isdecimal() else 0


def _found(chart: Chart, arrows: Mapping[str, list[Arrow]], walk: Walk) -> list[Arrow]:
    """The arrow of the event, and those that followed of themselves, where the first does not lead to the end."""
    if walk.source is None or walk.event is None:
        return []
    for leaf in walk.source:
        for holder in chart.line_up(leaf) if leaf in chart.boxes else ():
            named = [arrow for arrow in arrows.get(holder, ()) if _is_named(arrow, walk.event)]
            direct = [arrow for arrow in named if _explains(chart, arrow, walk)]
            if direct:
                return [_closest(direct)]
            for arrow in named:
                if (further := _what_followed(chart, arrow, walk)) is not None:
                    return [arrow, further]
    return []


def _closest(found: list[Arrow]) -> Arrow:
    return max(found, key=lambda arrow: (not arrow.trigger.endswith("*"), len(arrow.trigger)))


def _what_followed(chart: Chart, first: Arrow, walk: Walk) -> Arrow | None:
    """The one `always` or `onDone` by which a move ended elsewhere than its own arrow leads."""
    within = {above for target in first.targets if target in chart.boxes for above in chart.line_up(target)}
    within.update(above for leaf in walk.source or () if leaf in chart.boxes for above in chart.line_up(leaf))
    return next(
        (
            arrow
            for arrow in chart.arrows
            if arrow.kind in ("always", "done")
            and arrow.source in within
            and arrow.targets
            and _reaches(chart, arrow, walk)
        ),
        None,
    )


def _is_named(arrow: Arrow, event: str) -> bool:
    if arrow.forbids:
        return False
    if arrow.kind == "after":
        return event.startswith(f"after.{arrow.trigger}.")
    prefix = arrow.trigger.removesuffix("*") if arrow.trigger.endswith("*") else None
    return arrow.kind == "event" and (event == arrow.trigger or (prefix is not None and event.startswith(prefix)))


def _explains(chart: Chart, arrow: Arrow, walk: Walk) -> bool:
    return _reaches(chart, arrow, walk) if arrow.targets else walk.source == walk.target


def _reaches(chart: Chart, arrow: Arrow, walk: Walk) -> bool:
    targets = (_landing(chart, target) for target in arrow.targets)
    return all(target == ROOT or any(_under(leaf, target) for leaf in walk.target) for target in targets)


def _landing(chart: Chart, target: str) -> str:
    """Where a target leads at least: a history state gives back something of the state that it is in."""
    box = chart.boxes.get(target)
    return box.parent if box is not None and box.kind == "history" else target


def _under(leaf: str, path: str) -> bool:
    return leaf == path or leaf.startswith(f"{path}.")

"""A definition as boxes and arrows, whatever is still wrong with it: what pictures and exports are made from.

Unlike `compile` this never refuses. A draft under way has targets that lead nowhere and states without an `initial`,
and its author wants to see it all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct

from statewright.machine.definition import TONES, Branch, Branches, Definition, Guard, State, branches_of
from statewright.machine.targets import States

ROOT = ""
"""The path of the definition itself: an arrow from here may be taken in any state."""

BoxKind = Literal["atomic", "compound", "parallel", "final", "history", "missing"]
ArrowKind = Literal["event", "after", "always", "done", "default"]
Change = Literal["added", "removed", "changed"]
"""What became of a box or an arrow, where two definitions are drawn as one."""

_DURATION = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?")
_UNITS = ("wk", "d", "h", "min", "s")


class Box(Struct, frozen=True, kw_only=True):
    """One state. `missing` is a target that no state answers to; its path begins with `?`."""

    path: str
    label: str
    kind: BoxKind
    tone: str = "neutral"
    parent: str = ROOT
    children: tuple[str, ...] = ()
    initial: str | None = None
    description: str = ""
    change: Change | None = None

    @property
    def composite(self) -> bool:
        """Whether there are states inside."""
        return bool(self.children)


class Arrow(Struct, frozen=True, kw_only=True):
    """One branch: from where, on what, to where. Without targets the state is kept.

    `trigger` is the descriptor as written, the duration of an `after`, or empty. `guard` is words for people;
    `otherwise` says that the branches before this one have guards and this one has none. `index` counts the branches
    of one trigger in one state.
    """

    source: str
    trigger: str
    kind: ArrowKind
    index: int
    targets: tuple[str, ...] = ()
    guard: str = ""
    otherwise: bool = False
    allow: tuple[str, ...] = ()
    forbids: bool = False
    label: str = ""
    description: str = ""
    change: Change | None = None

    @property
    def stays(self) -> bool:
        """Whether it leads nowhere else: no target, or the state itself."""
        return not self.targets or self.targets == (self.source,)

    @property
    def words(self) -> str:
        """What sets it off, for people."""
        match self.kind:
            case "after":
                return f"after {spoken(self.trigger)}"
            case "always":
                return "always"
            case "done":
                return "done"
            case "default":
                return "by default"
            case _:
                return "any other event" if self.trigger == "*" else self.trigger.strip() or "(no name)"


class Chart(Struct, frozen=True):
    """All boxes by path, parents before children in document order, and all arrows in document order."""

    label: str
    parallel: bool
    initial: str | None
    boxes: Mapping[str, Box]
    arrows: tuple[Arrow, ...]

    @property
    def roots(self) -> tuple[Box, ...]:
        """The boxes that lie in no other."""
        return tuple(box for box in self.boxes.values() if box.parent == ROOT)

    def line_up(self, path: str) -> tuple[str, ...]:
        """The path, its parent and so on; the root, as the empty path, last."""
        found = [path]
        while found[-1] != ROOT:
            found.append(self.boxes[found[-1]].parent)
        return tuple(found)


def chart_of(definition: Definition) -> Chart:
    """Draw up the chart of a definition, finished or not."""
    states = States(definition)
    boxes = {path: _box(path, state) for path, state in states.by_path.items()}
    finder = _Finder(states)
    arrows = [*_arrows_of_root(definition, finder)]
    for path, state in states.by_path.items():
        arrows.extend(_arrows_of_state(path, state, finder))
    return Chart(
        label=definition.label or spaced(definition.id),
        parallel=definition.type == "parallel",
        initial=_initial(definition.initial, definition.states, ROOT, definition.type),
        boxes=boxes | finder.missing,
        arrows=tuple(arrows),
    )


def spaced(name: str) -> str:
    """A name as words: `awaiting_payment` reads Awaiting payment. A name with capitals of its own is left alone."""
    return name.replace("_", " ").capitalize() if name.islower() else name


def spoken(duration: str) -> str:
    """An ISO 8601 duration in short words, `P1DT12H` as 1 d 12 h; anything else (a named delay) as it is."""
    found = _DURATION.fullmatch(duration)
    if not found or not any(found.groups()):
        return duration
    return " ".join(f"{amount} {unit}" for amount, unit in zip(found.groups(), _UNITS, strict=True) if amount)


def guard_words(guard: Guard | None) -> str:
    """A guard for people: its name with its parameters, or its expression; empty without one."""
    if guard is None:
        return ""
    if isinstance(guard, str):
        return guard
    if isinstance(guard.get("@expr"), str):
        return str(guard["@expr"])
    if not isinstance(guard.get("type"), str):
        return _json(guard)
    params = guard.get("params")
    inside = ", ".join(f"{key}: {_json(value)}" for key, value in params.items()) if isinstance(params, dict) else ""
    return f"{guard['type']}({inside})" if inside else str(guard["type"])


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _joined(parent: str, name: str) -> str:
    return f"{parent}.{name}" if parent else name


def _box(path: str, state: State) -> Box:
    return Box(
        path=path,
        label=state.label or _default_label(path, state),
        kind=state.type or ("compound" if state.states else "atomic"),
        tone=next((tag for tag in state.tags if tag in TONES), "neutral"),
        parent=path.rpartition(".")[0],
        children=tuple(_joined(path, inner) for inner in state.states),
        initial=_initial(state.initial, state.states, path, state.type),
        description=state.description or "",
    )


def _default_label(path: str, state: State) -> str:
    if state.type == "history":
        return "H*" if state.history == "deep" else "H"
    return spaced(path.rpartition(".")[2])


def _initial(written: str | None, states: Mapping[str, State], path: str, kind: str | None) -> str | None:
    """Where a stay in `path` begins. A draft without `initial` begins at its first state, so that it can be drawn."""
    if kind == "parallel" or not states:
        return None
    first = written.split(".")[0] if written else ""
    return _joined(path, first if first in states else next(iter(states)))


class _Finder:
    """Finds what a target means, and keeps the ones that mean nothing."""

    def __init__(self, states: States) -> None:
        self.states = states
        self.missing: dict[str, Box] = {}

    def find(self, target: str, holder: str) -> str:
        found = self.states.resolve(target, holder)
        if found is not None:
            return found
        lost = Box(path=f"?{target}", label=target, kind="missing")
        return self.missing.setdefault(lost.path, lost).path


def _arrows_of_root(definition: Definition, finder: _Finder) -> Iterator[Arrow]:
    for event, written in definition.on.items():
        yield from _branches(ROOT, event, "event", written, finder)
    yield from _branches(ROOT, "", "always", definition.always, finder)
    for delay, written in definition.after.items():
        yield from _branches(ROOT, delay, "after", written, finder)
    yield from _branches(ROOT, "", "done", definition.on_done, finder)


def _arrows_of_state(path: str, state: State, finder: _Finder) -> Iterator[Arrow]:
    for event, written in state.on.items():
        yield from _branches(path, event, "event", written, finder)
    yield from _branches(path, "", "always", state.always, finder)
    for delay, written in state.after.items():
        yield from _branches(path, delay, "after", written, finder)
    yield from _branches(path, "", "done", state.on_done, finder)
    if state.type == "history" and state.target:
        yield from _branches(path, "", "default", Branch(target=state.target), finder)


def _branches(source: str, trigger: str, kind: ArrowKind, written: Branches, finder: _Finder) -> Iterator[Arrow]:
    branches = branches_of(written)
    for index, branch in enumerate(branches):
        yield Arrow(
            source=source,
            trigger=trigger,
            kind=kind,
            index=index,
            targets=_targets(branch, source, finder),
            guard=guard_words(branch.guard),
            otherwise=branch.guard is None and any(earlier.guard is not None for earlier in branches[:index]),
            allow=tuple(branch.allow or ()),
            forbids=branch.forbids,
            label=branch.label or "",
            description=branch.description or "",
        )


def _targets(branch: Branch, source: str, finder: _Finder) -> tuple[str, ...]:
    written = [branch.target] if isinstance(branch.target, str) else branch.target or []
    return tuple(dict.fromkeys(finder.find(target, source) for target in written))

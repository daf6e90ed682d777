"""What the checks look at: a definition laid out flat, every state, branch and action with its place."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from statewright.machine import names
from statewright.machine.definition import (
    Action,
    Actions,
    Branch,
    Branches,
    Definition,
    Guard,
    State,
    branches_of,
)
from statewright.machine.problem import Problem, child, error, pointer_of
from statewright.machine.schemas import BadSchema, Schema
from statewright.machine.targets import Path, States

Cause = Literal["on", "always", "after", "onDone"]
Kind = Literal["atomic", "compound", "parallel", "final", "history"]
Node = State | Definition
ACTIONS = 64
"""How many actions one list may hold, since one event may carry out no more."""
COMPARED = 4_000
"""How many comparisons of names one check may spend on suggestions: four wrong names against a thousand."""


class Site(Struct, frozen=True, gc=False):
    """One branch where it stands. `key` is its event descriptor or its delay, empty for `always` and `onDone`."""

    holder: Path
    cause: Cause
    key: str
    index: int
    branch: Branch
    pointer: str

    @property
    def event(self) -> str | None:
        """The one event that this branch takes; None when it takes none or any of several."""
        return self.key if self.cause == "on" and "*" not in self.key else None

    @property
    def targets(self) -> Sequence[str]:
        """The targets as they are written."""
        return targets_of(self.branch)


class Doing(Struct, frozen=True, gc=False):
    """One action where it stands; `site` is None for those of `entry` and `exit`."""

    holder: Path
    when: Literal["entry", "exit", "transition"]
    action: Action
    pointer: str
    site: Site | None = None


class Survey:
    """A definition laid out flat, with what several checks ask. Its size has been checked: see `limits`."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.states = States(definition)
        self.nodes: dict[Path, Node] = {"": definition, **self.states.by_path}
        self.pointers: dict[Path, str] = {"": ""}
        self.children: dict[Path, list[Path]] = {path: [] for path in self.nodes}
        for path in self.states.by_path:
            parent = parent_of(path)
            name = path[len(parent) + 1 :] if parent else path
            self.pointers[path] = self.pointers[parent] + pointer_of("states", name)
            self.children[parent].append(path)
        self.kinds: dict[Path, Kind] = {path: _kind(node) for path, node in self.nodes.items()}
        self.schema_problems: list[Problem] = []
        self.context = self._schema(definition.schemas.context, "/schemas/context")
        self.events = {
            event: self._schema(written, pointer_of("schemas", "events", event))
            for event, written in definition.schemas.events.items()
        }
        self.sites = [site for path, node in self.nodes.items() for site in self._sites_of(path, node)]
        self._comparisons = COMPARED
        self._beside: dict[Path | None, list[str]] = {}

    def _schema(self, written: Mapping[str, Any] | None, pointer: str) -> Schema | None:
        if written is None:
            return None
        if written.get("type", "object") != "object":
            at = child(pointer, "type")
            self.schema_problems.append(
                error("bad_schema", at, "data and payloads are always objects", "leave `type` out")
            )
            return None
        try:
            return Schema(written)
        except BadSchema as bad:
            self.schema_problems.append(error("bad_schema", pointer + bad.pointer, bad.sentence))
            return None

    def _sites_of(self, path: Path, node: Node) -> Iterator[Site]:
        pointer = self.pointers[path]
        for event, written in node.on.items():
            yield from _spread(path, "on", event, written, pointer + pointer_of("on", event))
        yield from _spread(path, "always", "", node.always, pointer + "/always")
        for delay, written in node.after.items():
            yield from _spread(path, "after", delay, written, pointer + pointer_of("after", delay))
        yield from _spread(path, "onDone", "", node.on_done, pointer + "/onDone")

    @functools.cached_property
    def sites_of(self) -> dict[Path, list[Site]]:
        """The branches of each state, in document order."""
        found: dict[Path, list[Site]] = {path: [] for path in self.nodes}
        for site in self.sites:
            found[site.holder].append(site)
        return found

    @functools.cached_property
    def doings(self) -> list[Doing]:
        """Every action, those of `entry` and `exit` first."""
        found: list[Doing] = []
        for path, node in self.nodes.items():
            pointer = self.pointers[path]
            found += [Doing(path, "entry", action, at) for action, at in _actions(node.entry, f"{pointer}/entry")]
            found += [Doing(path, "exit", action, at) for action, at in _actions(node.exit, f"{pointer}/exit")]
        for site in self.sites:
            listed = _actions(site.branch.actions, child(site.pointer, "actions"))
            found += [Doing(site.holder, "transition", action, at, site) for action, at in listed]
        return found

    @functools.cached_property
    def targets(self) -> dict[str, tuple[Path, ...]]:
        """By a branch's pointer, the states that its targets name; those that name none are left out."""
        return {
            site.pointer: tuple(
                found for target in site.targets if (found := self.resolve(target, site.holder)) is not None
            )
            for site in self.sites
        }

    @functools.cached_property
    def defaults(self) -> dict[Path, list[Path]]:
        """By history state the states that its `target` names."""
        return {
            path: [found for target in targets_of(node) if (found := self.resolve(target, path)) is not None]
            for path, node in self.nodes.items()
            if isinstance(node, State) and node.type == "history"
        }

    def resolve(self, target: str, holder: Path) -> Path | None:
        """The state that `target` means where it is written in `holder`."""
        if not target.strip(".#"):
            return None
        return self.states.resolve(target, holder)

    @functools.cached_property
    def descriptors(self) -> frozenset[str]:
        """Every event descriptor under some `on`."""
        return frozenset(site.key for site in self.sites if site.cause == "on")

    @functools.cached_property
    def events_taken(self) -> list[str]:
        """The events that some state names, each once, in document order."""
        return list(dict.fromkeys(site.key for site in self.sites if site.event))

    def meant(self, name: str, known: Iterable[str]) -> str | None:
        """The sentence that proposes the known name nearest to `name`; None when there is none or time is up."""
        if self._comparisons <= 0:
            return None
        known = list(known)
        self._comparisons -= len(known)
        near = names.nearest(name, known)
        return f"did you mean {near!r}?" if near else None

    def beside(self, holder: Path) -> list[str]:
        """The targets of one step that could be written in `holder`: its siblings, or the root's children."""
        parent = parent_of(holder) if holder else None
        if parent not in self._beside:
            dot = "." if parent is None else ""
            self._beside[parent] = [dot + path.rpartition(".")[2] for path in self.children[parent or ""]]
        return self._beside[parent]

    @functools.cached_property
    def by_name(self) -> dict[str, list[Path]]:
        """The states by the last step of their paths."""
        found: dict[str, list[Path]] = {}
        for path in self.states.by_path:
            found.setdefault(path.rpartition(".")[2], []).append(path)
        return found

    def above(self, path: Path) -> Iterator[Path]:
        """The state's ancestors, innermost first, the root (the empty path) last."""
        while path:
            path = parent_of(path)
            yield path

    def initial_of(self, path: Path) -> Path | None:
        """The child in which a compound state begins, when `initial` names one."""
        name = self.nodes[path].initial
        found = f"{path}.{name}" if path else name
        return found if found in self.nodes and found else None

    def region_of(self, path: Path, parallel: Path) -> Path:
        """The child of `parallel` that is or holds `path`."""
        start = len(parallel) + 1 if parallel else 0
        end = path.find(".", start)
        return path if end < 0 else path[:end]

    def is_below(self, path: Path, ancestor: Path) -> bool:
        """Whether `path` lies somewhere below `ancestor`."""
        return path != ancestor and (not ancestor or path.startswith(ancestor + "."))

    def common(self, one: Path, other: Path) -> Path:
        """The innermost state that is or holds both."""
        steps = []
        for here, there in zip(one.split("."), other.split("."), strict=False):
            if here != there:
                break
            steps.append(here)
        return ".".join(steps)


def parent_of(path: Path) -> Path:
    """The path of the state that holds `path`."""
    return path.rpartition(".")[0]


def targets_of(node: Branch | State) -> Sequence[str]:
    """The targets of a branch, or the defaults of a history state, as they are written."""
    return () if node.target is None else [node.target] if isinstance(node.target, str) else node.target


def guard_name(guard: Guard | None) -> str | None:
    """The named guard that is asked; None for an expression, or no guard at all."""
    if isinstance(guard, str):
        return guard
    name = guard.get("type") if guard is not None else None
    return name if isinstance(name, str) else None


def expressions_in(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """Text and pointer of every `{"@expr": "…"}` at any depth of a value."""
    if isinstance(value, dict):
        if isinstance(value.get("@expr"), str):
            yield value["@expr"], child(pointer, "@expr")
            return
        for key, item in value.items():
            yield from expressions_in(item, child(pointer, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from expressions_in(item, child(pointer, index))


def action_type(action: Action) -> str | None:
    """What an action is called, without v6's prefix; None when it has no name."""
    name = action if isinstance(action, str) else action.get("type")
    return name.removeprefix("@xstate.") if isinstance(name, str) else None


def assigned(action: Action) -> Mapping[str, Any]:
    """The fields that an `assign` writes; empty for every other action."""
    if isinstance(action, dict) and action_type(action) == "assign":
        context = action.get("context")
        return context if isinstance(context, dict) else {}
    return {}


def actions_of(written: Actions) -> list[Action]:
    """The actions in the order written, a single one as a list of one."""
    return written if isinstance(written, list) else [written]


def _actions(written: Actions, pointer: str) -> Iterator[tuple[Action, str]]:
    if isinstance(written, list):
        listed = written[:ACTIONS]  # that there are more is told by `limits`
        yield from ((action, child(pointer, index)) for index, action in enumerate(listed))
    else:
        yield written, pointer


def _spread(path: Path, cause: Cause, key: str, written: Branches, pointer: str) -> Iterator[Site]:
    listed = isinstance(written, list)
    for index, branch in enumerate(branches_of(written)):
        yield Site(path, cause, key, index, branch, child(pointer, index) if listed else pointer)


def _kind(node: Node) -> Kind:
    if node.type is not None:
        return node.type
    return "compound" if node.states or isinstance(node, Definition) else "atomic"

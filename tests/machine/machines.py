"""Random machines and events for tests: every construct of a chart, in a form that is neither ours nor anybody's.

A document is written like a definition of ours, but guards, computed values and raised events stand in small forms of
their own, which `written` turns into our language and `tests/differential/translation.py` into XState's:

    guards    {"flag": [field, value]}  {"less": [field, value]}  {"event": [field, value]}  {"in": path}
              {"not": g}  {"all": […]}  {"any": […]}
    values    a constant, {"plus": [field, more]}, {"unset": true}
    actions   {"patch": {field: value}}  {"raise": event}

Transitions and branches are always lists. `trace` in the data grows by a letter with each action, so that equal data
mean that all actions ran, once and in the same order. Mostly each region of a parallel state writes fields of its own
(`trace1`, `p1`, …), else nearly every event would be a conflict. What could go round in a circle of itself burns fuel:
it counts in `f`, and stops.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from msgspec import Struct

ROOT = "thing"
EVENTS = ("A", "B", "a", "a.b")
DESCRIPTORS = (*EVENTS, *EVENTS, *EVENTS, "*", "a.*")
INTERNAL = ("R", "S")
FLAGS = ("p", "q")
BEGINS: dict[str, Any] = {"p": 0, "q": 0, "n": 0, "u": 0, "f": 0, "trace": ""}
"""What the data begin with; a region's fields have its number at the end."""
FUEL = 6
"""How often at most what happens of itself may happen, in each region."""
STATES = 9
"""About how many states a machine has at most."""
T = TypeVar("T")


class Sizes(Struct, frozen=True):
    """What a random machine may hold."""

    nested: bool = True
    guards: bool = True
    actions: bool = True
    timers: bool = True


FLAT = Sizes(nested=False, guards=False, actions=False, timers=False)
GUARDED = Sizes(nested=False, actions=False, timers=False)
WHOLE = Sizes()


@functools.cache  # they are drawn from some hundred times for one machine, and cost more to make than to draw from
def _whole(low: int, high: int) -> st.SearchStrategy[int]:
    return st.integers(low, high)


class _Making:
    """Draws one machine: first the tree of its states, then what stands in each."""

    def __init__(self, draw: DrawFn, sizes: Sizes) -> None:
        self.draw = draw
        self.sizes = sizes
        self.names = (f"s{number}" for number in itertools.count(1))
        self.letters = itertools.cycle("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
        self.budget = STATES
        self.states: dict[str, dict[str, Any]] = {}
        self.parallel: list[str] = []
        self.regions: dict[str, str] = {}
        """By path, what the names of the fields end with that a state writes."""

    def document(self) -> dict[str, Any]:
        kind = self.pick(("compound", "compound", "parallel")) if self.sizes.nested else "compound"
        document: dict[str, Any] = {"id": ROOT, "context": {}, **self.inner(kind, 0)}
        self.states = paths_of(document)
        self.regions = {"": "", **(dict.fromkeys(self.states, "") if self.chance(10) else self.own_regions(kind))}
        document["context"] = {field + end: value for end in _once(self.regions) for field, value in BEGINS.items()}
        self.parallel = [path for path, state in self.states.items() if len(_regions(state)) > 1]
        for number, state in enumerate(self.states.values()):
            if self.sizes.nested and self.chance(6):
                state["id"] = f"i{number}"
        self.fill(document, root=True)
        for state in self.states.values():
            self.fill(state)
        return document

    def own_regions(self, kind: str) -> dict[str, str]:
        """By path, the number of the innermost region that a state lies in; empty outside of all."""
        found, numbers = {"": ""}, itertools.count(1)
        for path in self.states:
            above = path.rpartition(".")[0]
            within = self.states[above].get("type") if above else kind
            found[path] = str(next(numbers)) if within == "parallel" else found[above]
        return found

    # --- draws

    def number(self, low: int, high: int) -> int:
        return self.draw(_whole(low, high))

    def pick(self, items: Sequence[T]) -> T:
        return items[self.number(0, len(items) - 1)]

    def chance(self, of: int) -> bool:
        """True once in so many cases; simpler machines have fewer of these."""
        return self.number(0, of - 1) == of - 1

    def several(self, items: Sequence[T], low: int, high: int) -> list[T]:
        """Different ones of the items, in an order of their own."""
        return list(dict.fromkeys(self.pick(items) for _ in range(self.number(low, high))))

    # --- the tree

    def inner(self, kind: str, depth: int) -> dict[str, Any]:
        """A state with children; the first of them is an ordinary one."""
        children: dict[str, dict[str, Any]] = {}
        for number in range(self.number(2, 4 if depth == 0 else 3)):
            self.budget -= 1
            children[next(self.names)] = self.state(self.pick(self.kinds(kind, depth, number)), depth)
        ordinary = [name for name, child in children.items() if child.get("type") != "history"]
        for child in children.values():
            if child.get("type") == "history" and (kind == "parallel" or self.chance(2)):
                child["target"] = self.pick(ordinary)
        if kind == "parallel":
            return {"type": "parallel", "states": children}
        begins = [name for name in ordinary if children[name].get("type") != "final"]
        return {"initial": self.pick([*begins, *begins, *begins, *ordinary]), "states": children}

    def kinds(self, parent: str, depth: int, number: int) -> list[str]:
        found = ["atomic", "atomic"]
        if self.sizes.nested and self.budget > 1 and depth < 3:
            found += ["compound", "compound", "parallel"] if parent == "compound" else ["compound"] * 4
        if number > (depth == 0) and parent == "compound":  # or most lives would be over soon
            found += ["history"] if self.sizes.nested else []
            found += ["final"] if depth or self.chance(2) else []
        if number > 1 and parent == "parallel":
            found.append("history")
        return found

    def state(self, kind: str, depth: int) -> dict[str, Any]:
        if kind == "history":
            return {"type": "history", "history": self.pick(("shallow", "deep"))}
        if kind == "final":
            return {"type": "final"}
        return {} if kind == "atomic" else self.inner(kind, depth + 1)

    # --- what stands in a state

    def fill(self, state: dict[str, Any], root: bool = False) -> None:
        kind, holder = state.get("type"), "" if root else next(p for p, each in self.states.items() if each is state)
        if kind == "history":
            return
        for key in ("entry", "exit"):
            if self.sizes.actions and not root and self.chance(2):
                state[key] = [self.action(holder)]
        if kind == "final":
            return
        descriptors = self.several(DESCRIPTORS, 0 if root else 3, 5)
        if descriptors:
            endless = self.sizes.nested and not self.chance(12)  # where `*` takes what a machine sends to itself
            state["on"] = {
                descriptor: self.branches(holder, events=True, fueled=endless and descriptor == "*")
                for descriptor in descriptors
            }
        if self.sizes.actions and self.chance(6):
            state.setdefault("on", {})[self.pick(INTERNAL)] = self.branches(holder, fueled=True)
        if root or not self.sizes.nested:
            return
        if self.chance(5):
            state["always"] = self.always(holder)
        if self.sizes.timers and self.chance(5):
            state["after"] = {f"PT{self.number(1, 4)}S": self.branches(holder)}
        finals = any(child.get("type") == "final" for child in state.get("states", {}).values())
        if "states" in state and (finals or kind == "parallel") and self.chance(2):
            state["onDone"] = self.branches(holder, fueled=True)

    def always(self, holder: str) -> list[dict[str, Any]]:
        """Mostly one that a flag enables and that takes the flag away; else one that burns fuel."""
        if self.chance(3):
            return self.branches(holder, fueled=True)
        flag, branch = self.field(holder, FLAGS), self.branch(holder)
        guard = {"all": [{"flag": [flag, self.number(1, 2)]}, self.fuel_left(holder)]}
        return [self.burning(holder, {**branch, "guard": guard, "context": {**branch.get("context", {}), flag: 0}})]

    def branches(self, holder: str, *, events: bool = False, fueled: bool = False) -> list[dict[str, Any]]:
        if events and self.chance(16):
            return [{}]
        number = self.pick((1, 1, 1, 2, 3)) if self.sizes.guards else 1
        made = [self.branch(holder) for _ in range(number)]
        for index, branch in enumerate(made):
            if self.sizes.guards and (index < number - 1 or self.chance(3)):
                branch["guard"] = self.guard(holder, events)
            if fueled and not self.chance(30):
                left = self.fuel_left(holder)
                branch["guard"] = {"all": [branch["guard"], left]} if "guard" in branch else left
                made[index] = self.burning(holder, branch)
            if events and self.chance(6):  # elsewhere our events carry nothing that could be kept
                branch["keep"] = ["x"]
        return made

    def fuel_left(self, holder: str) -> dict[str, Any]:
        return {"less": ["f" + self.regions[holder], self.number(2, FUEL)]}

    def burning(self, holder: str, branch: dict[str, Any]) -> dict[str, Any]:
        fuel = "f" + self.regions[holder]
        return {**branch, "context": {**branch.get("context", {}), fuel: {"plus": [fuel, 1]}}}

    def field(self, holder: str, fields: Sequence[str]) -> str:
        return self.pick(fields) + self.regions[holder]

    def branch(self, holder: str) -> dict[str, Any]:
        made: dict[str, Any] = {}
        if not self.chance(8):
            made["target"] = self.targets(holder)
            if self.chance(4):
                made["reenter"] = True
        if self.chance(2):
            made["context"] = self.patch(holder)
        if self.sizes.actions and self.chance(3):
            made["actions"] = [self.action(holder)]
        return made or {"context": {"p" + self.regions[holder]: 1}}

    def targets(self, holder: str) -> list[str]:
        others = [path for path in self.states if path != holder]
        living = [path for path in others if self.states[path].get("type") != "final"]
        goals = [self.pick([*living, *living, *others, *self.states])]
        if self.parallel and self.chance(5):
            within = self.pick(self.parallel)
            regions = [f"{within}.{name}" for name in self.several(_regions(self.states[within]), 2, 3)]
            goals = [self.pick([p for p in self.states if f"{p}.".startswith(region + ".")]) for region in regions]
        return [self.pick(spellings(self.states, holder, goal)) for goal in goals]

    def patch(self, holder: str) -> dict[str, Any]:
        end = self.regions[holder]
        fields = self.several(("trace", "p", "q", "n", "u"), 1, 2) if self.sizes.actions else [self.pick(FLAGS)]
        return {field + end: self.value(field, end) for field in fields}

    def value(self, field: str, end: str) -> Any:
        match field:
            case "trace":
                return {"plus": ["trace" + end, next(self.letters)]}
            case "n":
                return {"plus": ["n" + end, 1]}
            case "u":
                return self.pick((1, {"unset": True}))
            case _:
                return self.pick((0, 0, 1, 2))

    def action(self, holder: str) -> dict[str, Any]:
        if self.chance(12):
            return {"raise": self.pick((*INTERNAL * 5, "A"))}
        return {"patch": self.patch(holder)}

    def guard(self, holder: str, events: bool) -> dict[str, Any]:
        """Mostly one that holds."""
        kind = self.pick(("leaf", "leaf", "leaf", "not", "all", "any", "any"))
        if kind == "leaf":
            return self.question(holder, events)
        if kind == "not":
            return {"not": self.question(holder, events, likely=False)}
        return {kind: [self.question(holder, events) for _ in range(2)]}

    def question(self, holder: str, events: bool, likely: bool = True) -> dict[str, Any]:
        kind = self.pick(("flag", "flag", "in", "event" if events else "flag"))
        if kind == "in":
            return {"in": self.pick(self.beside(holder, likely))}
        if kind == "event":
            return {"event": ["x", self.number(0, 1)]}
        values = (0, 0, 0, 1) if likely else (0, 1, 1, 2)
        return {"flag": [self.pick(FLAGS) + self.pick(_once(self.regions)), self.pick(values)]}

    def beside(self, holder: str, likely: bool) -> list[str]:
        """The states that a guard asks for: mostly those that are active more often than not."""
        asked = [path for path, state in self.states.items() if state.get("type") != "history"]
        above = [path for path in asked if f"{holder}.".startswith(f"{path}.")]
        return [*above, *above, *asked] if likely and not self.chance(2) else asked


def _once(regions: dict[str, str]) -> list[str]:
    return list(dict.fromkeys(regions.values()))


def _regions(state: dict[str, Any]) -> list[str]:
    """The regions of a parallel state; of others none."""
    children = state.get("states", {}).items() if state.get("type") == "parallel" else ()
    return [name for name, child in children if child.get("type") != "history"]


def paths_of(document: dict[str, Any], above: str = "") -> dict[str, dict[str, Any]]:
    """All states by path, in document order."""
    found: dict[str, dict[str, Any]] = {}
    for name, state in document.get("states", {}).items():
        path = f"{above}.{name}" if above else name
        found[path] = state
        found.update(paths_of(state, path))
    return found


def spellings(states: dict[str, dict[str, Any]], holder: str, target: str) -> list[str]:
    """The ways to write a target in a state (the empty path is the root)."""
    found = [f"#{ROOT}.{target}"]
    parent = holder.rpartition(".")[0]
    if holder and (not parent or target.startswith(parent + ".")):
        found.insert(0, target[len(parent) + 1 :] if parent else target)
    if not holder or target.startswith(holder + "."):
        found.insert(0, "." + (target[len(holder) + 1 :] if holder else target))
    for path, state in states.items():
        if "id" in state and (target == path or target.startswith(path + ".")):
            found.append(f"#{state['id']}{target[len(path) :]}")
    return found


@st.composite
def documents(draw: DrawFn, sizes: Sizes = WHOLE) -> dict[str, Any]:
    """A random machine. Some hold what registration calls an error; whoever wants none of those filters them."""
    return _Making(draw, sizes).document()


# --- In our language ---


def written(document: dict[str, Any]) -> bytes:
    """The document as a definition of ours."""
    return json.dumps(_ours(document)).encode()


def _ours(state: dict[str, Any]) -> dict[str, Any]:
    made = dict(state)
    for key in ("on", "after"):
        if key in state:
            made[key] = {name: [_our_branch(each) for each in branches] for name, branches in state[key].items()}
    for key in ("always", "onDone"):
        if key in state:
            made[key] = [_our_branch(each) for each in state[key]]
    for key in ("entry", "exit"):
        if key in state:
            made[key] = [_our_action(each) for each in state[key]]
    if "states" in state:
        made["states"] = {name: _ours(child) for name, child in state["states"].items()}
    return made


def _our_branch(branch: dict[str, Any]) -> dict[str, Any]:
    made = dict(branch)
    if "guard" in branch:
        made["guard"] = {"@expr": expression(branch["guard"])}
    if "context" in branch:
        made["context"] = _our_patch(branch["context"])
    if "actions" in branch:
        made["actions"] = [_our_action(each) for each in branch["actions"]]
    return made


def _our_action(action: dict[str, Any]) -> dict[str, Any]:
    if "raise" in action:
        return {"type": "raise", "event": {"type": action["raise"]}}
    return {"type": "assign", "context": _our_patch(action["patch"])}


def _our_patch(patch: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for field, value in patch.items():
        if isinstance(value, dict) and "unset" in value:
            made[field] = {"@unset": True}
        elif isinstance(value, dict):
            of, more = value["plus"]
            made[field] = {"@expr": f"context.{of} + {json.dumps(more)}"}
        else:
            made[field] = value
    return made


def expression(guard: dict[str, Any]) -> str:
    """A guard as an expression of ours."""
    ((kind, rest),) = guard.items()
    match kind:
        case "flag":
            return f"context.{rest[0]} == {json.dumps(rest[1])}"
        case "less":
            return f"context.{rest[0]} < {json.dumps(rest[1])}"
        case "event":
            return f"has(event.{rest[0]}) && event.{rest[0]} == {json.dumps(rest[1])}"
        case "in":
            return f"in_state('{rest}')"
        case "not":
            return f"!({expression(rest)})"
        case _:
            return {"all": " && ", "any": " || "}[kind].join(f"({expression(each)})" for each in rest)

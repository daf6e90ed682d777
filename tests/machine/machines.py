"""Random machines and events for tests: every construct of a chart, in a form that is neither ours nor anybody's.

A document is written like a definition of ours, but guards, computed values and raised events stand in small forms of
their own, which `written` turns into our language and `tests/differential/translation.py` into XState's:

    guards    {"flag": [field, value]}  {"event": [field, value]}  {"in": path}  {"not": g}  {"all": […]}  {"any": […]}
    values    a constant, {"plus": [field, more]}, {"unset": true}
    actions   {"patch": {field: value}}  {"raise": event}

Transitions and branches are always lists. `trace` in the data grows by a letter with each action, so that equal data
mean that all actions ran, once and in the same order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from msgspec import Struct

ROOT = "thing"
EVENTS = ("A", "B", "a.b", "a.b.c")
DESCRIPTORS = (*EVENTS, "*", "a.*")
INTERNAL = ("R", "S")
FLAGS = ("p", "q")
BEGINS: dict[str, Any] = {"p": 0, "q": 0, "n": 0, "u": 0, "trace": ""}
STATES = 12


class Sizes(Struct, frozen=True):
    """What a random machine may hold. `shares`: parallel states and what is in them may take the same event."""

    nested: bool = True
    guards: bool = True
    actions: bool = True
    timers: bool = True


FLAT = Sizes(nested=False, guards=False, actions=False, timers=False)
WHOLE = Sizes()


# --- The tree of states ---


@st.composite
def _tree(draw: DrawFn, sizes: Sizes) -> dict[str, Any]:
    """A document without transitions."""
    names = iter(f"s{number}" for number in range(1, 100))
    budget = [STATES]
    root = draw(_inner(names, budget, 0, sizes, draw(st.sampled_from(["compound", "compound", "parallel"]))))
    return {"id": ROOT, "context": dict(BEGINS), **root}


@st.composite
def _inner(draw: DrawFn, names: Iterator[str], budget: list[int], depth: int, sizes: Sizes, kind: str) -> dict[str, Any]:
    """A state with children: the first of them is an ordinary one, and `initial` names it or another."""
    if not sizes.nested:
        kind = "compound"
    made: dict[str, Any] = {"states": {}} if kind == "compound" else {"type": "parallel", "states": {}}
    for number in range(draw(st.integers(2, 4 if depth == 0 else 3))):
        budget[0] -= 1
        kinds = ["atomic", "atomic"]
        if sizes.nested and budget[0] > 2 and depth < 3:
            kinds += ["compound", "compound", "parallel"] if kind != "parallel" else ["compound"] * 4
        if number and kind == "compound":
            kinds += ["final", *(["history"] if sizes.nested else [])]
        if number >= 2 and kind == "parallel":
            kinds += ["history"]
        made["states"][next(names)] = draw(_state(names, budget, depth, sizes, draw(st.sampled_from(kinds))))
    ordinary = [name for name, state in made["states"].items() if state.get("type") != "history"]
    for state in made["states"].values():
        if state.get("type") == "history" and (kind == "parallel" or draw(st.booleans())):
            state["target"] = draw(st.sampled_from(ordinary))
    if kind == "compound":
        made["initial"] = draw(st.sampled_from([ordinary[0], *ordinary]))
    return made


@st.composite
def _state(draw: DrawFn, names: Iterator[str], budget: list[int], depth: int, sizes: Sizes, kind: str) -> dict[str, Any]:
    if kind == "history":
        return {"type": "history", "history": draw(st.sampled_from(["shallow", "deep"]))}
    if kind == "final":
        return {"type": "final"}
    made = draw(_inner(names, budget, depth + 1, sizes, kind)) if kind in ("compound", "parallel") else {}
    if sizes.nested and draw(st.integers(0, 4)) == 0:
        made["id"] = f"i{draw(st.integers(0, 10**6))}"
    return made


def paths_of(document: dict[str, Any], above: str = "") -> dict[str, dict[str, Any]]:
    """All states by path, in document order."""
    found: dict[str, dict[str, Any]] = {}
    for name, state in document.get("states", {}).items():
        path = f"{above}.{name}" if above else name
        found[path] = state
        found.update(paths_of(state, path))
    return found


# --- Transitions ---


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


class _Filling:
    """Puts transitions and actions into a tree."""

    def __init__(self, draw: DrawFn, document: dict[str, Any], sizes: Sizes) -> None:
        self.draw = draw
        self.document = document
        self.sizes = sizes
        self.states = paths_of(document)
        self.letters = iter("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" * 40)
        self.parallel = [
            path
            for path, state in self.states.items()
            if state.get("type") == "parallel" and sum(s.get("type") != "history" for s in state["states"].values()) > 1
        ]

    def fill(self) -> None:
        for path, state in [("", self.document), *self.states.items()]:
            kind = state.get("type")
            if kind == "history":
                continue
            if self.sizes.actions and path:
                self.actions_of(state)
            if kind == "final":
                continue
            descriptors = self.draw(st.lists(st.sampled_from([*EVENTS, *DESCRIPTORS]), min_size=1 if path else 0, max_size=4, unique=True))
            if self.sizes.actions and self.chance(6):
                descriptors.append(self.draw(st.sampled_from(INTERNAL)))
            on = {descriptor: self.branches(path, events=True) for descriptor in descriptors}
            if on:
                state["on"] = on
            if not self.sizes.nested:
                continue
            if path and self.chance(5):
                state["always"] = self.always(path)
            finals = any(child.get("type") == "final" for child in state.get("states", {}).values())
            if path and "states" in state and (finals or kind == "parallel") and self.chance(2):
                state["onDone"] = self.branches(path, events=False)

    def chance(self, of: int) -> bool:
        return self.draw(st.integers(0, of - 1)) == of - 1

    def actions_of(self, state: dict[str, Any]) -> None:
        for key in ("entry", "exit"):
            if self.chance(2):
                state[key] = [self.action() for _ in range(self.draw(st.integers(1, 2)))]

    def always(self, holder: str) -> list[dict[str, Any]]:
        """Mostly one that a flag enables and that takes the flag away, or too many would never come to rest."""
        if self.chance(6):
            return self.branches(holder, events=False, guarded=not self.chance(4))
        flag, value = self.draw(st.sampled_from(FLAGS)), self.draw(st.integers(1, 2))
        branch = self.branch(holder)
        return [{**branch, "guard": {"flag": [flag, value]}, "context": {**branch.get("context", {}), flag: 0}}]

    def branches(self, holder: str, *, events: bool, guarded: bool = False) -> list[dict[str, Any]]:
        number = self.draw(st.sampled_from([1, 1, 1, 2, 3])) if self.sizes.guards else 1
        made = [self.branch(holder) for _ in range(number)]
        for index, branch in enumerate(made):
            if self.sizes.guards and (guarded or index < number - 1 or self.chance(3)):
                branch["guard"] = self.draw(_guards(tuple(self.states), events))
        if events and self.chance(8):
            made = [{}]
        return made

    def branch(self, holder: str) -> dict[str, Any]:
        made: dict[str, Any] = {}
        if not self.chance(5):
            made["target"] = self.targets(holder)
            if self.chance(4):
                made["reenter"] = True
        if self.chance(2):
            made["context"] = self.patch()
        if self.chance(5):
            made["keep"] = ["x"]
        if self.sizes.actions and self.chance(3):
            made["actions"] = [self.action() for _ in range(self.draw(st.integers(1, 2)))]
        return made or {"context": {"p": 1}}

    def targets(self, holder: str) -> list[str]:
        goals = [self.draw(st.sampled_from([*self.states]))]
        if self.parallel and self.chance(5):
            within = self.draw(st.sampled_from(self.parallel))
            regions = [n for n, s in self.states[within]["states"].items() if s.get("type") != "history"]
            goals = []
            for region in self.draw(st.lists(st.sampled_from(regions), min_size=2, max_size=3, unique=True)):
                below = [p for p in self.states if f"{p}.".startswith(f"{within}.{region}.")]
                goals.append(self.draw(st.sampled_from(below)))
        return [self.draw(st.sampled_from(spellings(self.states, holder, goal))) for goal in goals]

    def patch(self) -> dict[str, Any]:
        if not self.sizes.actions:
            return {self.draw(st.sampled_from(FLAGS)): self.draw(st.integers(0, 2))}
        choices: dict[str, Any] = {
            "p": st.integers(0, 2),
            "q": st.integers(0, 2),
            "n": st.just({"plus": ["n", 1]}),
            "u": st.sampled_from([1, {"unset": True}]),
            "trace": st.just({"plus": ["trace", next(self.letters)]}),
        }
        fields = self.draw(st.lists(st.sampled_from([*choices]), min_size=1, max_size=2, unique=True))
        return {field: self.draw(choices[field]) for field in fields}

    def action(self) -> dict[str, Any]:
        if self.chance(8):
            return {"raise": self.draw(st.sampled_from([*INTERNAL, *INTERNAL, "A"]))}
        return {"patch": self.patch()}


def _guards(paths: tuple[str, ...], events: bool) -> st.SearchStrategy[dict[str, Any]]:
    flag = st.tuples(st.sampled_from(FLAGS), st.sampled_from([0, 0, 1, 2])).map(lambda pair: {"flag": [*pair]})
    simple = [flag, flag, st.sampled_from(paths).map(lambda path: {"in": path})]
    if events:
        simple.append(st.integers(0, 1).map(lambda value: {"event": ["x", value]}))
    leaf = st.one_of(*simple)
    several = st.lists(leaf, min_size=2, max_size=2)
    return st.one_of(
        leaf,
        leaf,
        leaf.map(lambda guard: {"not": guard}),
        several.map(lambda guards: {"all": guards}),
        several.map(lambda guards: {"any": guards}),
    )


@st.composite
def documents(draw: DrawFn, sizes: Sizes = WHOLE) -> dict[str, Any]:
    """A random machine. A few hold what registration calls an error; whoever wants none of those filters them."""
    document: dict[str, Any] = draw(_tree(sizes))
    filling = _Filling(draw, document, sizes)
    ids = [state.pop("id") for state in filling.states.values() if "id" in state]
    for number, _ in enumerate(ids):  # unique, whatever was drawn
        [*filling.states.values()][number % len(filling.states)].setdefault("id", f"i{number}")
    filling.fill()
    return document


def events(at_most: int = 10) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Events from outside, some of which no machine knows, each with what it carries."""
    name = st.sampled_from([*EVENTS, *EVENTS, *EVENTS, "Z"])
    payload = st.sampled_from([{"x": 0}, {"x": 0}, {"x": 1}, {}])
    sent = st.builds(lambda event, data: {"event": event, "data": data}, name, payload)
    return st.lists(sent, min_size=at_most // 2, max_size=at_most)


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
        case "event":
            return f"has(event.{rest[0]}) && event.{rest[0]} == {json.dumps(rest[1])}"
        case "in":
            return f"in_state('{rest}')"
        case "not":
            return f"!({expression(rest)})"
        case _:
            return {"all": " && ", "any": " || "}[kind].join(f"({expression(each)})" for each in rest)

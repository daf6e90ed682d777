"""Random well-formed definitions: every key of the language, with contents that sometimes fit and often do not."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

NAMES = ["a", "b", "c", "h", "x y", "e\u0301", "a" * 120]
FIELDS = ["n", "s", "mail", "type", "price", "other"]
EVENTS = ["GO", "a.b", "a.*", "*", "done.x", "STOP"]
TARGETS = ["a", "b", "a.b", ".a", ".a.b", "#thing", "#thing.a.b", "#c", "c", "h", "#x", "", ".", "a.h"]
TEXTS = [
    "true", "context.n > 1", "context.s == event.s", "event.n", "has(context.mail)", "context.mail", "params.k > 1",
    "in_state('a.b')", "related.r.n > 1", "now - occurred_at", "context.?s.orValue('')", "1 +", "event",
]  # fmt: skip
DURATIONS = ["PT1H", "P1M", "later", "1000", "P", "nothing"]
KINDS = ["atomic", "compound", "parallel", "final", "history"]
ACTION_TYPES = ["assign", "raise", "@xstate.emit", "log", "send", "notify", ""]


class Documents:
    """A source of random documents; the same seed gives the same one."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def one(self) -> dict[str, Any]:
        """A definition that msgspec takes for one."""
        pick, some, maybe = self.pick, self.some, self.maybe
        optional: dict[str, Callable[[], Any]] = {
            "initial": lambda: pick(NAMES[:3]),
            "type": lambda: pick(["compound", "parallel"]),
            "on": lambda: self.keyed(EVENTS, self.branches),
            "always": self.branches,
            "after": lambda: self.keyed(DURATIONS, self.branches),
            "entry": self.actions,
            "onDone": self.branches,
            "context": self.patch,
            "creation": lambda: pick(["explicit", "implicit"]),
            "keep": self.keep,
            "partition_by": lambda: pick(FIELDS),
            "schemas": self.schemas,
            "roles": lambda: {"clerk": {}},
            "guards": lambda: self.keyed(["g", "empty", "more"], self.guard_definition),
            "delays": lambda: self.keyed(DURATIONS, lambda: pick([self.value(), {"duration": pick(DURATIONS)}])),
            "relations": lambda: self.keyed(["r", "q"], self.relation),
            "internalEvents": lambda: some(lambda: pick(EVENTS)),
            "migrations": lambda: some(self.migration),
        }
        found = {"id": "thing", "states": self.keyed(NAMES, lambda: self.state(3), 4)}
        return {**found, **{key: make() for key, make in optional.items() if maybe()}}

    def state(self, depth: int) -> dict[str, Any]:
        pick, maybe = self.pick, self.maybe
        optional: dict[str, Callable[[], Any]] = {
            "type": lambda: pick(KINDS),
            "id": lambda: pick(NAMES),
            "initial": lambda: pick(NAMES[:3]),
            "states": lambda: self.keyed(NAMES, lambda: self.state(depth - 1), 3) if depth else {},
            "on": lambda: self.keyed(EVENTS, self.branches),
            "always": self.branches,
            "after": lambda: self.keyed(DURATIONS, self.branches),
            "entry": self.actions,
            "exit": self.actions,
            "onDone": self.branches,
            "history": lambda: pick(["deep", "shallow"]),
            "target": lambda: pick([pick(TARGETS), self.some(lambda: pick(TARGETS))]),
            "sla": lambda: {key: pick(DURATIONS) for key in ("warn", "breach") if maybe()},
        }
        return {key: make() for key, make in optional.items() if maybe()}

    def branches(self) -> Any:
        return self.pick([self.branch(), self.some(self.branch)])

    def branch(self) -> Any:
        optional: dict[str, Callable[[], Any]] = {
            "target": lambda: self.pick([self.pick(TARGETS), self.some(lambda: self.pick(TARGETS))]),
            "guard": lambda: self.pick(
                ["g", "none", {"type": "g", "params": self.patch()}, self.expression(), {"type": 1}]
            ),
            "allow": lambda: self.some(lambda: self.pick(["clerk", "system", "nobody"])),
            "context": self.patch,
            "keep": self.keep,
            "actions": self.actions,
            "reenter": self.maybe,
        }
        whole = {key: make() for key, make in optional.items() if self.maybe()}
        return self.pick([self.pick(TARGETS), whole, whole])

    def actions(self) -> Any:
        return self.pick([self.action(), self.some(self.action)])

    def action(self) -> Any:
        optional: dict[str, Callable[[], Any]] = {
            "type": lambda: self.pick(ACTION_TYPES),
            "context": self.patch,
            "to": lambda: self.pick(["r", "x"]),
            "event": lambda: self.pick([{"type": self.pick(EVENTS), **self.patch()}, self.value()]),
            "args": self.value,
            "params": self.value,
            "delay": lambda: 1,
        }
        return self.pick(["notify", "assign", "x;y", {key: make() for key, make in optional.items() if self.maybe()}])

    def keep(self) -> Any:
        return self.pick(["*", self.some(lambda: self.pick(FIELDS))])

    def patch(self) -> dict[str, Any]:
        return self.keyed(FIELDS, self.value)

    def value(self, depth: int = 2) -> Any:
        plain = [None, True, 1, "x", {"@unset": True}, self.expression(), {"@exp": 1}, {"@expr": 5}]
        if depth and self.maybe():
            return self.pick([[self.value(depth - 1)], {"k": self.value(depth - 1)}])
        return self.pick(plain)

    def expression(self) -> dict[str, Any]:
        return {"@expr": self.pick(TEXTS)}

    def guard_definition(self) -> Any:
        return self.pick([{"when": self.expression()}, {"when": None}, self.value()])

    def schemas(self) -> dict[str, Any]:
        return {"context": self.schema(), "events": self.keyed(EVENTS, self.schema)}

    def schema(self) -> dict[str, Any]:
        optional: dict[str, Callable[[], Any]] = {
            "type": lambda: self.pick(["object", "object", "string"]),
            "required": lambda: [*dict.fromkeys(self.some(lambda: self.pick(FIELDS)))],
            "properties": lambda: self.keyed(FIELDS, self.field, 4),
            "additionalProperties": self.maybe,
        }
        return {key: make() for key, make in optional.items() if self.maybe()}

    def field(self) -> dict[str, Any]:
        optional: dict[str, Callable[[], Any]] = {
            "type": lambda: self.pick(["integer", "number", "string", "string", "oops"]),
            "personal": self.maybe,
            "readOnly": self.maybe,
            "default": self.value,
        }
        return {key: make() for key, make in optional.items() if self.maybe()}

    def relation(self) -> dict[str, Any]:
        optional: dict[str, Callable[[], Any]] = {
            "key": lambda: self.pick(FIELDS),
            "inverse": lambda: "things",
            "cardinality": lambda: "many",
        }
        return {"entity": self.pick(["house", "A"]), **{k: make() for k, make in optional.items() if self.maybe()}}

    def migration(self) -> dict[str, Any]:
        moves = self.keyed(NAMES, lambda: self.pick(NAMES))
        return {"from": self.some(lambda: self.random.randint(-1, 3)), "states": moves, "context": self.patch()}

    def pick(self, choices: list[Any]) -> Any:
        return self.random.choice(choices)

    def maybe(self) -> bool:
        return self.random.random() < 0.4

    def some(self, make: Callable[[], Any]) -> list[Any]:
        return [make() for _ in range(self.random.randint(0, 3))]

    def keyed(self, keys: list[str], make: Callable[[], Any], most: int = 2) -> dict[str, Any]:
        return {self.pick(keys): make() for _ in range(self.random.randint(0, most))}


class Charts:
    """A source of random charts that can be activated: targets are paths of states that are there."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.paths: list[str] = []

    def one(self) -> dict[str, Any]:
        """A definition whose events are `a` to `d`, with guards that hold or not by what the event carries."""
        states = self.states("", 2)
        for path, state in self.paths_and_states(states, ""):
            if state.get("type") == "history":
                self.add_default(path, state)
            elif state.get("type") != "final":
                self.add_branches(path, state)
        kind = {"type": "parallel"} if self.random.random() < 0.2 else {"initial": next(iter(states))}
        return {"id": "thing", **kind, "states": states}

    def states(self, parent: str, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for index in range(self.random.randint(2, 3)):
            path = f"{parent}.s{index}" if parent else f"s{index}"
            self.paths.append(path)
            found[f"s{index}"] = self.state(path, depth)
        if parent and self.random.random() < 0.4:
            self.paths.append(f"{parent}.h")
            found["h"] = {"type": "history", "history": self.random.choice(["deep", "shallow"])}
        return found

    def state(self, path: str, depth: int) -> dict[str, Any]:
        kind = self.random.random()
        if depth and kind < 0.25:
            return {"type": "parallel", "states": self.states(path, depth - 1)}
        if depth and kind < 0.55:
            return {"initial": "s0", "states": self.states(path, depth - 1)}
        return {"type": "final"} if kind > 0.88 and not path.endswith("s0") else {}

    def paths_and_states(self, states: dict[str, Any], parent: str) -> list[tuple[str, dict[str, Any]]]:
        found = []
        for name, state in states.items():
            path = f"{parent}.{name}" if parent else name
            found += [(path, state), *self.paths_and_states(state.get("states", {}), path)]
        return found

    def add_default(self, path: str, state: dict[str, Any]) -> None:
        parent = path.removesuffix("h")
        if self.random.random() < 0.5:
            state["target"] = f"#thing.{self.random.choice([each for each in self.paths if each.startswith(parent)])}"

    def add_branches(self, path: str, state: dict[str, Any]) -> None:
        state["on"] = {event: self.branches() for event in self.random.sample("abcd", self.random.randint(0, 2))}
        if self.random.random() < 0.1:
            state["always"] = [{**self.branch(), "guard": {"@expr": "in_state('s1')"}}]
        if state.get("states") and self.random.random() < 0.5:
            state["onDone"] = self.branch()
        if self.random.random() < 0.2:
            state["after"] = {"PT1H": self.branch()}

    def branches(self) -> list[dict[str, Any]]:
        guarded = {**self.branch(), "guard": {"@expr": f"event.?x.orValue(0) > {self.random.randint(0, 2)}"}}
        return [guarded, self.branch()] if self.random.random() < 0.3 else [self.branch()]

    def branch(self) -> dict[str, Any]:
        if self.random.random() < 0.1:
            return {}
        reenter = {"reenter": True} if self.random.random() < 0.2 else {}
        return {"target": f"#thing.{self.random.choice(self.paths)}", **reenter}

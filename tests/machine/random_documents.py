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

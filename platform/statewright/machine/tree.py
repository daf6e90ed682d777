"""The states of a definition as a tree of numbers: what selection and microsteps are worked out on.

States are numbered in document order, parents before children, the root 0. So the descendants of a state are the
numbers that follow it up to its last, and document order is the order of numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from statewright.machine.definition import Definition, State
from statewright.machine.record import Leaves
from statewright.machine.targets import States

Number = int
"""A state by its place in document order; 0 is the root."""
ROOT: Number = 0
Kind = Literal["atomic", "compound", "parallel", "final", "history"]


class Tree:
    """The tree of a definition's states. All lists go by number."""

    def __init__(self, definition: Definition, states: States) -> None:
        self.paths: list[str] = ["", *states.by_path]
        self.numbers: dict[str, Number] = {path: number for number, path in enumerate(self.paths)}
        self.parent: list[Number] = [-1] * len(self.paths)
        self.children: list[list[Number]] = [[] for _ in self.paths]
        """Without history states, which are never active."""
        self.histories: list[list[Number]] = [[] for _ in self.paths]
        self.last: list[Number] = list(range(len(self.paths)))
        self.depth: list[int] = [0] * len(self.paths)
        self.kind: list[Kind] = [definition.type or "compound"]
        self.deep: list[bool] = [False]
        self._gather(states.by_path)
        self.initial: list[tuple[Number, ...]] = [self._initial(ROOT, definition.initial)]
        """Where a stay in a compound state begins."""
        self.default: list[tuple[Number, ...]] = [()]
        """Where a history state leads that remembers nothing; empty where its parent's `initial` says so."""
        for path, state in states.by_path.items():
            number = self.numbers[path]
            self.initial.append(self._initial(number, state.initial))
            written = [state.target] if isinstance(state.target, str) else state.target or []
            found = (states.resolve(target, path) for target in written) if state.type == "history" else ()
            self.default.append(tuple(self.numbers[target] for target in found if target is not None))

    def _gather(self, by_path: Mapping[str, State]) -> None:
        for path, state in by_path.items():
            number = self.numbers[path]
            parent = self.parent[number] = self.numbers[path.rpartition(".")[0]]
            self.depth[number] = self.depth[parent] + 1
            kind: Kind = state.type or ("compound" if state.states else "atomic")
            if kind in ("compound", "parallel") and not state.states:
                kind = "atomic"
            self.kind.append(kind)
            self.deep.append(state.history == "deep")
            (self.histories if kind == "history" else self.children)[parent].append(number)
        for number in range(len(self.paths) - 1, 0, -1):
            parent = self.parent[number]
            self.last[parent] = max(self.last[parent], self.last[number])

    def _initial(self, number: Number, written: str | None) -> tuple[Number, ...]:
        if self.kind[number] != "compound":
            return ()
        path = self.paths[number]
        found = self.numbers.get(f"{path}.{written}" if path else written or "")
        return (found,) if found else tuple(self.children[number][:1])

    def above(self, number: Number, top: Number = -1) -> Iterator[Number]:
        """The proper ancestors of a state, innermost first, up to `top`, which is left out."""
        number = self.parent[number]
        while number > top:
            yield number
            number = self.parent[number]

    def is_below(self, number: Number, ancestor: Number) -> bool:
        """Whether a state is a proper descendant of another."""
        return ancestor < number <= self.last[ancestor]

    def active(self, leaves: Leaves) -> set[Number]:
        """The leaves of a configuration and all their ancestors. Raises KeyError for a leaf that there is not."""
        found: set[Number] = {ROOT}
        for leaf in leaves:
            number = self.numbers[leaf]
            while number not in found:
                found.add(number)
                number = self.parent[number]
        return found

    def leaves(self, active: Iterable[Number]) -> Leaves:
        """The leaves among active states, in document order."""
        return tuple(self.paths[n] for n in sorted(active) if self.kind[n] in ("atomic", "final"))

    def is_done(self, number: Number, active: set[Number]) -> bool:
        """Whether a state has come to its end (SCXML's `isInFinalState`).

        A compound state has where one of its final children is active, a parallel one where all its regions have.
        """
        kind = self.kind[number]
        if kind == "compound":
            return any(self.kind[child] == "final" and child in active for child in self.children[number])
        if kind == "parallel":
            return all(self.is_done(child, active) for child in self.children[number])
        return kind == "final" and number in active

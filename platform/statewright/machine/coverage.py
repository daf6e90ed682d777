"""What of a definition its scenarios have shown: states entered, transitions and branches taken, refusals given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from msgspec import Struct

from statewright.machine.compile import Machine
from statewright.machine.decide import Accepted, Refused, Why
from statewright.machine.definition import Branch, Branches, Definition, branches_of
from statewright.machine.places import Chain
from statewright.machine.playing import Decided
from statewright.machine.problem import pointer_of
from statewright.machine.targets import States

What = Literal["states", "transitions", "branches", "refusals"]
_WITHIN: tuple[What, ...] = ("branches", "refusals")


class Goal(Struct, frozen=True):
    """One thing to be shown: where it stands in the definition, and what it is, in words."""

    pointer: str
    words: str


class Place(Struct, frozen=True):
    """A branch and where it stands: who holds it, under which key, and which of several it is."""

    holder: str
    key: str
    """`on`, `always`, `after` or `onDone`."""
    descriptor: str
    index: int
    pointer: str
    list_pointer: str
    branch: Branch

    @property
    def words(self) -> str:
        """`PAY in awaiting_payment`."""
        what = self.descriptor if self.key == "on" else f"{self.key} {self.descriptor}".strip()
        return f"{what} {f'in {self.holder}' if self.holder else 'of the whole definition'}"


def places_of(definition: Definition) -> Iterator[Place]:
    """All branches of a definition in document order, those of its own last."""
    for path, state in States(definition).by_path.items():
        pointer = "".join(pointer_of("states", step) for step in path.split("."))
        yield from _held(path, pointer, state.on, state.always, state.after, state.on_done)
    yield from _held("", "", definition.on, definition.always, definition.after, definition.on_done)


def _held(
    holder: str,
    pointer: str,
    on: Mapping[str, Branches],
    always: Branches,
    after: Mapping[str, Branches],
    on_done: Branches,
) -> Iterator[Place]:
    written = [
        *(("on", event, branches) for event, branches in on.items()),
        ("always", "", always),
        *(("after", delay, branches) for delay, branches in after.items()),
        ("onDone", "", on_done),
    ]
    for key, descriptor, branches in written:
        above = pointer + (pointer_of(key, descriptor) if descriptor else pointer_of(key))
        for index, branch in enumerate(branches_of(branches)):
            own = above + pointer_of(index) if isinstance(branches, list) else above
            yield Place(holder, key, descriptor, index, own, above, branch)


class Coverage:
    """What is there to be shown, and what of it has been. Goals are told apart by their pointers."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.goals: dict[What, dict[str, Goal]] = {"states": {}, "transitions": {}, "branches": {}, "refusals": {}}
        self.shown: dict[What, dict[str, None]] = {"states": {}, "transitions": {}, "branches": {}, "refusals": {}}
        self._places = {place.pointer: place for place in places_of(machine.definition)}
        self._in_list: dict[str, list[Place]] = {}
        for path, node in machine.states.items():
            if node.type != "history":
                pointer = "".join(pointer_of("states", step) for step in path.split("."))
                self._goal("states", pointer, path)
        for place in self._places.values():
            self._in_list.setdefault(place.list_pointer, []).append(place)
            self._goals_of(place)

    def _goals_of(self, place: Place) -> None:
        branch, words = place.branch, place.words
        if place.key == "on" and branch.forbids:
            self._goal("refusals", place.pointer, f"{words} is forbidden")
            return
        self._goal("transitions", place.list_pointer, words)
        several = len(self._in_list[place.list_pointer]) > 1 or place.index
        detail = branch.description or branch.label or f"branch {place.index + 1}"
        self._goal("branches", place.pointer, f"{words}: {detail}" if several or branch.description else words)
        # A false guard of `always` or `onDone` refuses nothing, and leaves no trace that could be counted.
        if branch.guard is not None and place.key not in ("always", "onDone"):
            self._goal("refusals", place.pointer + "/guard", f"{words}, when its guard is false")
        if branch.allow is not None:
            self._goal("refusals", place.pointer + "/allow", f"{words}, sent without the role it takes")

    def _goal(self, what: What, pointer: str, words: str) -> None:
        self.goals[what].setdefault(pointer, Goal(pointer, words))

    def add(self, decided: Iterable[Decided]) -> None:
        """Count what these decisions have shown."""
        for each in decided:
            for what, pointer in self.shown_by(each):
                if pointer in self.goals[what]:
                    self.shown[what].setdefault(pointer)

    def shown_by(self, decided: Decided) -> Iterator[tuple[What, str]]:
        """What one decision shows, by kind and pointer."""
        if isinstance(decided.outcome, Refused):
            yield from self._refusals(decided, decided.outcome)
            return
        for path in _states_of(decided.outcome):
            yield "states", "".join(pointer_of("states", step) for step in path.split("."))
        for pointer in branches_taken(self.machine, decided):
            place = self._places.get(pointer)
            if place is None:
                continue
            yield "branches", pointer
            yield "transitions", place.list_pointer
            for passed in self._in_list[place.list_pointer][: place.index]:
                yield "refusals", passed.pointer + "/guard"

    def _refusals(self, decided: Decided, refused: Refused) -> Iterator[tuple[What, str]]:
        if refused.why is Why.NOT_IN_THIS_STATE:
            for chain in _chains(self.machine, decided):
                yield from (("refusals", move.pointer) for move in chain if move.forbids)
        for pointer, _ in refused.at:
            yield "refusals", pointer
        if refused.why is Why.GUARD_REFUSED:
            for chain in _chains(self.machine, decided):
                yield from (("refusals", move.pointer + "/guard") for move in chain)

    def missing(self, what: What) -> list[Goal]:
        """What has not been shown yet, in document order."""
        return [goal for pointer, goal in self.goals[what].items() if pointer not in self.shown[what]]


def uncovered(coverage: Coverage) -> list[Goal]:
    """All that has not been shown, each thing once: of a transition never taken, its branches are not named besides."""
    transitions = coverage.missing("transitions")
    never = tuple(goal.pointer for goal in transitions)
    within = [
        goal
        for what in _WITHIN
        for goal in coverage.missing(what)
        if not any(goal.pointer == above or goal.pointer.startswith(above + "/") for above in never)
    ]
    return [*coverage.missing("states"), *transitions, *within]


def branches_taken(machine: Machine, decided: Decided) -> tuple[str, ...]:
    """The pointers of the branches that an accepted event took, in order."""
    outcome = decided.outcome
    if isinstance(outcome, Refused):
        return ()
    if outcome.steps:
        return tuple(pointer for step in outcome.steps for pointer in step.branches)
    # a record names no step where there was but one, along the only branch there is
    return tuple(move.pointer for chain in _chains(machine, decided) for move in chain if not move.forbids)


def _states_of(accepted: Accepted) -> Iterator[str]:
    """The states that an entity was in, before, on the way, and after."""
    passed = (path for step in accepted.steps for path in step.entered)
    for leaf in (*accepted.to, *(accepted.from_ or ()), *passed):
        path = leaf
        while path:
            yield path
            path = path.rpartition(".")[0]


def _chains(machine: Machine, decided: Decided) -> tuple[Chain, ...]:
    """The branches that compete for an event from outside where it arrived."""
    if decided.event.name is None or decided.event.timer is not None:
        return ()
    leaves = machine.initial if decided.head is None else decided.head.leaves
    return machine.choices(machine.places.at(leaves), decided.event.name).chains

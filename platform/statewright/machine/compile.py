"""Compiled definitions: what a decision looks up, worked out once for all entities.

A definition is compiled once and shared; deciding looks up, allocates little and keeps no object per entity.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from statewright.machine.branches import Branching, Move
from statewright.machine.definition import Definition, State
from statewright.machine.places import Choices, Place, Places, descriptors_of, is_ours
from statewright.machine.record import Leaves
from statewright.machine.schemas import Schema
from statewright.machine.targets import States
from statewright.machine.tree import Tree

Tone = Literal["start", "active", "waiting", "success", "danger", "neutral"]
_TONES: tuple[Tone, ...] = ("start", "active", "waiting", "success", "danger")


class Node(Struct, frozen=True):
    """One state for readers: its words, and the tone that colours it."""

    path: str
    label: str
    description: str | None
    type: str
    tags: tuple[str, ...]
    tone: Tone

    @property
    def final(self) -> bool:
        """Whether it is a final state: at the top the entity's life is over in it."""
        return self.type == "final"


class Machine:
    """A compiled definition: one revision of one type.

    `initial` is the configuration that the initial states make, before any `always`; `flat` says that there is neither
    nesting nor action, so that a decision goes a shorter way. `relations` are those that expressions read.
    """

    def __init__(self, definition: Definition, revision: int, digest: str) -> None:
        self.definition = definition
        self.type = definition.id
        self.revision = revision
        self.digest = digest
        self.implicit = definition.creation == "implicit"
        self.context = Schema(definition.schemas.context) if definition.schemas.context is not None else None
        self.events = {event: Schema(written) for event, written in definition.schemas.events.items()}
        self.personal: frozenset[str] = self.context.personal if self.context else frozenset()
        self.personal_events = any(schema.personal for schema in self.events.values())
        states = States(definition)
        self.states = {path: _node(path, state) for path, state in states.by_path.items()}
        self.tree = Tree(definition, states)
        branching = Branching(definition, states, self.tree, self.context, self.events)
        self.places = Places(definition, self.tree, branching, states.by_path)
        self.internal = frozenset(definition.internal_events)
        descriptors = {descriptor for on in self.places.on for descriptor in on if "*" not in descriptor}
        covered = (event for event in definition.schemas.events if self.places.matches_anywhere(event))
        self._named = frozenset(descriptors).union(covered)
        self.named_events = self._named - self.internal
        self.initial: Leaves = self.places.beginning.place.leaves
        self.flat = self.places.flat
        self.relations = {name: definition.relations[name] for name in branching.related}
        self._allowed: dict[Leaves, tuple[str, ...]] = {}

    def choices(self, place: Place, event: str) -> Choices:
        """The branches that compete for an event from outside, or one that was raised, in a configuration."""
        named = event in self._named
        if not named and (not self.places.wildcards or is_ours(event)):
            return _NONE  # a wildcard takes what could be an event's name, which leaves out the platform's own
        found = place.choices.get(event) if named else None
        return self.places.choices(place, event, named) if found is None else found

    def knows(self, event: str) -> bool:
        """Whether any descriptor anywhere matches `event`, and it may come from outside."""
        if event in self._named:
            return event not in self.internal
        return bool(self.places.wildcards) and not is_ours(event) and self.places.matches_anywhere(event)

    def is_final(self, leaves: Leaves) -> bool:
        """Whether an entity in this configuration has ended."""
        try:
            return self.places.at(leaves).ended
        except KeyError:
            return False

    def moves(self, leaves: Leaves, event: str) -> tuple[Move, ...]:
        """The branches that compete for `event` in a configuration, forbidding ones left out."""
        return self.choices(self.places.at(leaves), event).moves

    def leads(self, leaves: Leaves, move: Move) -> Leaves:
        """The configuration that a branch alone leads to, before anything that follows of itself."""
        return self.places.planned(self.places.at(leaves), (move,), {}).place.leaves

    def allowed(self, leaves: Leaves) -> tuple[str, ...]:
        """The events for which a configuration has a branch, innermost state first, then in document order.

        Neither guards nor roles are asked. Empty for a final configuration, or one of another revision.
        """
        found = self._allowed.get(leaves)
        if found is None:
            if len(self._allowed) >= _ALLOWED:
                self._allowed.clear()
            found = self._allowed[leaves] = self._events_of(leaves)
        return found

    def _events_of(self, leaves: Leaves) -> tuple[str, ...]:
        if self.is_final(leaves) or not all(leaf in self.states for leaf in leaves):
            return ()
        place = self.places.at(leaves)
        found: dict[str, None] = {}
        for number in sorted(self.tree.active(leaves), key=lambda number: (-self.tree.depth[number], number)):
            on = self.places.on[number]
            named = [descriptor for descriptor in on if "*" not in descriptor]
            wild = {descriptor for descriptor in on if "*" in descriptor}
            covered = [
                event for event in self.definition.schemas.events if not wild.isdisjoint(descriptors_of(event))
            ]  # fmt: skip
            for event in (*named, *covered):
                if event not in self.internal and self.choices(place, event).moves:
                    found.setdefault(event)
        return tuple(found)


_ALLOWED = 4_096
"""For how many configurations a machine remembers what may be asked of them."""
_NONE = Choices((), (), None, None, False, {}, None)


def compile_machine(definition: Definition, *, revision: int, digest: str) -> Machine:
    """Compile a definition without errors. `digest` is the document's, as reading gave it.

    Raises BadDefinition for one with errors, as far as they are in the way.
    """
    return Machine(definition, revision, digest)


def state_text(leaves: Leaves) -> str | list[str]:
    """A configuration as people write it: text for one leaf, a list for several."""
    return leaves[0] if len(leaves) == 1 else list(leaves)


def _node(path: str, state: State) -> Node:
    name = path.rpartition(".")[2]
    kind = state.type or ("compound" if state.states else "atomic")
    tone: Tone = next((tone for tone in _TONES if tone in state.tags), "neutral")
    label = state.label or (name.replace("_", " ").capitalize() if name.islower() else name)
    return Node(path, label, state.description, kind, tuple(state.tags), tone)

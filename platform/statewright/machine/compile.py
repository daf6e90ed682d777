"""Compiled definitions: tables from a state and an event to the one branch that decides.

A definition is compiled once and shared; deciding looks up, allocates little and keeps no object per entity.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct

from statewright.machine.definition import Branch, Branches, Definition, State, branches_of
from statewright.machine.names import fault_of_event_name
from statewright.machine.problem import pointer_of
from statewright.machine.record import Leaves
from statewright.machine.schemas import Schema
from statewright.machine.targets import States

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
        """Whether the entity's life is over here."""
        return self.type == "final"


class Move(Struct, frozen=True, gc=False):
    """What a selected branch does. `to` None keeps the configuration; `keep` None keeps every payload field.

    `allow` None lets anyone; `pointer` says where the branch stands in the document.
    """

    pointer: str
    to: Leaves | None
    allow: frozenset[str] | None
    keep: tuple[str, ...] | None
    patch: tuple[tuple[str, Any], ...]
    unset: tuple[str, ...]
    forbids: bool


class Machine:
    """A compiled definition: one revision of one type."""

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
        self.initial: Leaves = (definition.initial or "",)
        self._compiler = _Compiler(self, definition, states)
        self.named_events = frozenset(self._compiler.named())
        self._moves = {leaf: self._compiler.moves(leaf, self.named_events) for leaf in self.states}
        self._allowed: dict[Leaves, tuple[str, ...]] = {
            (leaf,): () if node.final else self._compiler.allowed(leaf) for leaf, node in self.states.items()
        }
        self._final = frozenset((leaf,) for leaf, node in self.states.items() if node.final)

    def move(self, leaf: str, event: str) -> Move | None:
        """The branch that decides on `event` in `leaf`; None when no descriptor there or at the root matches."""
        found = self._moves[leaf].get(event)
        if found is not None or event in self.named_events or not self._compiler.has_wildcards:
            return found
        # A wildcard takes what could be an event's name, which leaves out the platform's own.
        return None if fault_of_event_name(event) else self._compiler.first(leaf, event)

    def knows(self, event: str) -> bool:
        """Whether any descriptor anywhere matches `event`."""
        if event in self.named_events:
            return True
        return not fault_of_event_name(event) and self._compiler.matches_anywhere(event)

    def is_final(self, leaves: Leaves) -> bool:
        """Whether an entity in this configuration has ended."""
        return leaves in self._final

    def allowed(self, leaves: Leaves) -> tuple[str, ...]:
        """The events for which a configuration has a branch, innermost state first, then in document order.

        Neither guards nor roles are asked. Empty for a final configuration, or one of another revision.
        """
        return self._allowed.get(leaves, ())


def compile_machine(definition: Definition, *, revision: int, digest: str) -> Machine:
    """Compile a definition without errors. `digest` is the document's, as reading gave it."""
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


class _Compiler:
    """The way from documents to moves; kept by the machine for events that only a wildcard matches."""

    def __init__(self, machine: Machine, definition: Definition, states: States) -> None:
        self.machine = machine
        self.definition = definition
        self.states = states
        self.on: dict[str, Mapping[str, Branches]] = {"": definition.on}
        self.on.update({path: state.on for path, state in states.by_path.items()})
        self.has_wildcards = any("*" in descriptor for on in self.on.values() for descriptor in on)

    def named(self) -> Iterator[str]:
        """The events that some descriptor names, and those with a schema that a wildcard would take."""
        for on in self.on.values():
            yield from (descriptor for descriptor in on if "*" not in descriptor)
        yield from (event for event in self.definition.schemas.events if self.matches_anywhere(event))

    def matches_anywhere(self, event: str) -> bool:
        return any(descriptor in on for on in self.on.values() for descriptor in _descriptors(event))

    def holders(self, leaf: str) -> Iterator[str]:
        """The leaf, its ancestors, the root: innermost first."""
        path = leaf
        while path:
            yield path
            path = path.rpartition(".")[0]
        yield ""

    def first(self, leaf: str, event: str) -> Move | None:
        """The first candidate, which decides as long as no branch has a guard."""
        for holder in self.holders(leaf):
            for descriptor in _descriptors(event):
                written = self.on[holder].get(descriptor)
                for index, branch in enumerate(branches_of(written) if written is not None else ()):
                    return self.move(holder, descriptor, index if isinstance(written, list) else None, branch, event)
        return None

    def moves(self, leaf: str, events: frozenset[str]) -> dict[str, Move]:
        found = ((event, self.first(leaf, event)) for event in events)
        return {event: move for event, move in found if move is not None}

    def move(self, holder: str, descriptor: str, index: int | None, branch: Branch, event: str) -> Move:
        state = "".join(pointer_of("states", step) for step in holder.split(".")) if holder else ""
        pointer = state + pointer_of("on", descriptor) + ("" if index is None else pointer_of(index))
        target = branch.target[0] if isinstance(branch.target, list) else branch.target
        to = None if target is None else self.states.resolve(target, holder)
        unset = tuple(field for field, value in branch.context.items() if value == {"@unset": True})
        return Move(
            pointer=pointer,
            to=None if to is None else (to,),
            allow=None if branch.allow is None else frozenset(branch.allow),
            keep=self.kept(event, branch),
            patch=tuple((field, value) for field, value in branch.context.items() if field not in unset),
            unset=unset,
            forbids=branch.forbids,
        )

    def kept(self, event: str, branch: Branch) -> tuple[str, ...] | None:
        """Which payload fields become data; None for all, of which a patch, coming later, overwrites its own."""
        keep = branch.keep if branch.keep is not None else self.definition.keep
        if keep is None:
            return ()
        declared = self.declared(event)
        if keep != "*":
            wanted = keep if branch.keep is not None or declared is None else [f for f in keep if f in declared]
            return tuple(field for field in wanted if field not in branch.context)
        if declared is None:
            return None
        return tuple(field for field in declared if field not in branch.context)

    def declared(self, event: str) -> list[str] | None:
        """The fields that the schemas let an event keep; None where there are no schemas."""
        context, schema = self.machine.context, self.machine.events.get(event)
        if schema is not None:
            fields = [*schema.fields]
            return (
                fields if context is None else [f for f in fields if f in context.fields and f not in context.read_only]
            )
        return None if context is None else [f for f in context.fields if f not in context.read_only]

    def allowed(self, leaf: str) -> tuple[str, ...]:
        """Events named in the leaf, its ancestors and the root that are not forbidden, in that order."""
        found: dict[str, None] = {}
        declared = [event for event in self.definition.schemas.events if self.matches_anywhere(event)]
        for holder in self.holders(leaf):
            named = [descriptor for descriptor in self.on[holder] if "*" not in descriptor]
            wild = [d for d in self.on[holder] if "*" in d]
            covered = [event for event in declared if any(d in _descriptors(event) for d in wild)]
            for event in (*named, *covered):
                move = self.first(leaf, event)
                if move is not None and not move.forbids:
                    found.setdefault(event)
        return tuple(found)


def _descriptors(event: str) -> Iterator[str]:
    """The descriptors that match an event, the most exact first: `a.b`, `a.*`, `*`."""
    yield event
    prefix = event
    while "." in prefix:
        prefix = prefix.rpartition(".")[0]
        yield prefix + ".*"
    yield "*"

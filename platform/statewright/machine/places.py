"""What a machine knows of a configuration: which branches compete there for an event, and what taking them comes to.

Made when a configuration is first met and kept with the machine, up to a limit: so a decision looks up, and what it
looks up belongs to no entity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec import Struct

from statewright.machine.branches import Action, Branching, Done, EventKind, Keep, Move, pointer_of_state
from statewright.machine.definition import Branches, Definition, State, branches_of
from statewright.machine.names import fault_of_event_name
from statewright.machine.plans import Change, History, beginning_of, change_of
from statewright.machine.problem import child, pointer_of
from statewright.machine.record import Leaves, Microstep
from statewright.machine.schemas import Schema
from statewright.machine.tree import ROOT, Number, Tree

PLACES = 1_024
"""How many configurations a machine remembers; a chart with many regions has more, and works out the others anew."""
CHANGES = 8_192
"""How many microsteps it remembers over all of them."""
DONE = "done.state."
AFTER = "after."
Chain = tuple[Move, ...]
"""The branches that compete in one leaf, in the order in which they are asked, up to the first without a guard."""


class Choices(Struct, frozen=True, eq=False):
    """The branches that compete for an event in a configuration: one chain per leaf, the same chain once.

    `only` is the branch that is taken whatever its data and whoever sends it, if that is so; `moves` are all that lead
    anywhere; `roles` those of which a sender needs one, None where some branch takes anyone. `several`: more than one
    competes. `steps` are the microsteps of a flat machine's branches, where the event's name is known beforehand.
    `schema` is what the event's payload must fit, None for any.
    """

    chains: tuple[Chain, ...]
    moves: tuple[Move, ...]
    roles: frozenset[str] | None
    only: Move | None
    several: bool
    steps: Mapping[Move, tuple[Microstep]]
    schema: Schema | None


class Planned(Struct, eq=False):
    """A microstep, ready to be carried out: what is done in which order, each with the number of its transition.

    `rivals`: several transitions are taken at once, so no two may write the same field.
    """

    place: Place
    exited: Leaves
    entered: Leaves
    left: tuple[Number, ...]
    branches: tuple[str, ...]
    work: tuple[tuple[int, Action | Keep | Done], ...]
    history: dict[str, Leaves]
    rivals: bool


class Place(Struct, eq=False):
    """A configuration. `active` are the paths of its leaves and their ancestors; `always` the chains without event."""

    leaves: Leaves
    active: frozenset[str]
    numbers: tuple[Number, ...]
    ended: bool
    always: tuple[Chain, ...]
    choices: dict[str | tuple[str, ...], Choices]
    changes: dict[object, Planned]


class Places:
    """The branches of a definition by state and event, and the configurations met so far."""

    def __init__(self, definition: Definition, tree: Tree, branching: Branching, by_path: Mapping[str, State]) -> None:
        self.tree = tree
        self.definition = definition
        self._branching = branching
        holders: list[tuple[str, Definition | State]] = [("", definition), *by_path.items()]
        self.on: list[Mapping[str, Branches]] = [holder.on for _, holder in holders]
        self.wildcards = frozenset(descriptor for on in self.on for descriptor in on if "*" in descriptor)
        self._moves: dict[tuple[Number, str, str], Chain] = {}
        self._always: list[Chain] = []
        self._own: dict[str, Chain] = {}
        """The branches of events that one state alone takes: `after` and `onDone`."""
        self._entry: list[tuple[Action, ...]] = []
        self._exit: list[tuple[Action, ...]] = []
        for number, (path, holder) in enumerate(holders):
            self._compile(number, path, holder)
        self.known: dict[Leaves, Place] = {}
        """The configurations met so far; ask `at`, which adds to them."""
        self._changes = 0
        self.has_history = any(tree.histories)
        self.beginning = self._planned(beginning_of(tree))
        """How the initial configuration is entered."""

    def _compile(self, number: Number, path: str, holder: Definition | State) -> None:
        pointer, make = pointer_of_state(path), self._branching
        for descriptor in holder.on:
            self._under(number, descriptor, "" if "*" in descriptor else descriptor)
        always = self._chain(path, child(pointer, "always"), holder.always, None, "dynamic")
        self._always.append(always)
        for key, written in holder.after.items():
            at = pointer + pointer_of("after", key)
            self._own[f"{AFTER}{key}.{path}"] = self._chain(path, at, written, None, "empty")
        done = self._chain(path, child(pointer, "onDone"), holder.on_done, None, "empty")
        self._own[DONE + path] = done
        starts = (make.start(number, key, pointer + pointer_of("after", key)) for key in holder.after)
        self._entry.append((*make.actions(holder.entry, "dynamic", child(pointer, "entry")), *starts))
        self._exit.append(tuple(make.actions(holder.exit, "dynamic", child(pointer, "exit"))))

    @property
    def flat(self) -> bool:
        """Whether a decision is one branch from one state to another, and no more."""
        simple = all(kind in ("atomic", "final") for kind in self.tree.kind[1:]) and self.tree.kind[ROOT] == "compound"
        acts = any(move.actions or len(move.targets) > 1 for chain in self._moves.values() for move in chain)
        return simple and not acts and not any(self._always) and not any(self._entry) and not any(self._exit)

    # --- branches

    def _chain(self, path: str, pointer: str, written: Branches, event: str | None, kind: EventKind) -> Chain:
        items = branches_of(written)
        moves = []
        for index, branch in enumerate(items):
            at = child(pointer, index) if isinstance(written, list) else pointer
            moves.append(self._branching.move(path, at, branch, event, kind))
            if branch.guard is None:
                break
        return tuple(moves)

    def _under(self, number: Number, descriptor: str, event: str) -> Chain:
        """The branches that a state has under a descriptor, as `event` (empty: one without a schema) finds them."""
        known = event if event in self._branching.events or event == descriptor else ""
        key = (number, descriptor, known)
        found = self._moves.get(key)
        if found is None:
            path = self.tree.paths[number]
            schemas = self.definition.schemas.events
            schema = schemas.get(descriptor)
            kind: EventKind = "dynamic" if schema is None else schema
            pointer = pointer_of_state(path) + pointer_of("on", descriptor)
            found = self._moves[key] = self._chain(path, pointer, self.on[number][descriptor], known, kind)
        return found

    def _taken_by(self, number: Number, event: str) -> Iterator[Move]:
        on = self.on[number]
        for descriptor in descriptors_of(event):
            if descriptor in on:
                yield from self._under(number, descriptor, event)

    def matches_anywhere(self, event: str) -> bool:
        """Whether some descriptor of some state takes the event."""
        return any(descriptor in on for on in self.on for descriptor in descriptors_of(event))

    # --- configurations

    def at(self, leaves: Leaves) -> Place:
        """What is known of a configuration. Raises KeyError for a leaf that this revision does not have."""
        place = self.known.get(leaves)
        if place is None:
            active = self.tree.active(leaves)
            numbers = tuple(self.tree.numbers[leaf] for leaf in leaves)
            place = Place(
                leaves=leaves,
                active=frozenset(self.tree.paths[number] for number in active if number != ROOT),
                numbers=numbers,
                ended=self.tree.is_done(ROOT, active),
                always=self._chains(numbers, lambda number: self._always[number]),
                choices={},
                changes={},
            )
            if len(self.known) >= PLACES:
                self.known.clear()
            self.known[leaves] = place
        return place

    def _chains(self, leaves: Iterable[Number], of: Callable[[Number], Iterable[Move]]) -> tuple[Chain, ...]:
        """Per leaf the branches of its line of states, innermost outward, up to the first without a guard."""
        found: dict[Chain, None] = {}
        for leaf in leaves:
            chain: list[Move] = []
            for number in (leaf, *self.tree.above(leaf)):
                chain.extend(of(number))
                if chain and chain[-1].guard is None:
                    break
            for index, move in enumerate(chain):
                if move.guard is None:
                    del chain[index + 1 :]
                    break
            if chain:
                found[tuple(chain)] = None
        return tuple(found)

    def choices(self, place: Place, event: str, named: bool) -> Choices:
        """The branches that compete for an event; for one that nobody names those of the wildcards it falls under."""
        # Names that only a wildcard takes are the sender's to invent: what is kept goes by the wildcards.
        key = event if named else tuple(one for one in descriptors_of(event) if one in self.wildcards)
        found = place.choices.get(key)
        if found is None:
            chains = self._chains(place.numbers, lambda number: self._taken_by(number, event))
            schema = self._branching.events.get(event) if named else None
            found = place.choices[key] = choices_of(chains, event if named else None, place.leaves, schema)
        return found

    def own(self, place: Place, event: str) -> tuple[Chain, ...]:
        """The branches for `after.<key>.<path>` or `done.state.<path>` of the state it belongs to, while active."""
        chain = self._own.get(event)
        if not chain:
            return ()
        path = self.tree.paths[chain[0].source]
        return (chain,) if not path or path in place.active else ()

    # --- microsteps

    def planned(self, place: Place, moves: Chain, history: History) -> Planned:
        """What taking these branches at once comes to."""
        key = (moves, tuple(sorted(history.items()))) if self.has_history else moves
        found = place.changes.get(key)
        if found is None:
            self._changes += 1
            if self._changes > CHANGES:  # nobody misses them: the next decision makes what it needs
                self.known.clear()
                self._changes = 0
            found = place.changes[key] = self._planned(change_of(self.tree, place.leaves, moves, history))
        return found

    def _planned(self, change: Change) -> Planned:
        paths = self.tree.paths
        return Planned(
            place=self.at(change.to),
            exited=tuple(paths[number] for number in change.exited if number != ROOT),
            entered=tuple(paths[number] for number in change.entered if number != ROOT),
            left=change.exited,
            branches=tuple(move.pointer for move in change.moves),
            work=tuple(self._work(change)),
            history=change.history,
            rivals=len(change.moves) > 1,
        )

    def _work(self, change: Change) -> Iterator[tuple[int, Action | Keep | Done]]:
        """Exits, then what the branches say, then entries; a timer starts after its state's own actions."""
        for number in change.exited:
            for action in self._exit[number]:
                yield change.leavers[number], action
        for index, move in enumerate(change.moves):
            if move.keep != ():
                yield index, Keep(move.keep)
            if move.patch is not None:
                yield index, move.patch
            for action in move.actions:
                yield index, action
        for number in change.entered:
            for action in self._entry[number]:
                yield change.newcomers.get(number, 0), action
            for done in change.done.get(number, ()):
                yield 0, Done(DONE + self.tree.paths[done])


def choices_of(chains: tuple[Chain, ...], event: str | None, leaves: Leaves, schema: Schema | None) -> Choices:
    """Chains with what can be said of them beforehand; `event` is None where it may have any name."""
    moves = tuple(dict.fromkeys(move for chain in chains for move in chain if not move.forbids))
    allowed = [move.allow for move in moves]
    roles = None if None in allowed else frozenset().union(*(roles for roles in allowed if roles is not None))
    only = moves[0] if len(chains) == 1 and len(chains[0]) == 1 and moves and moves[0].guard is None else None
    several = len(moves) > 1 or len(chains) > 1
    steps = {} if event is None else {move: (step_of(move, event, leaves),) for move in moves}
    return Choices(chains, moves, roles, only, several, steps, schema)


def step_of(move: Move, cause: str, leaves: Leaves) -> Microstep:
    """What a branch of a flat machine does in one step. To a leaf's own state it moves only when it re-enters it."""
    if move.to is None or (move.to == leaves and move.source != ROOT and not move.reenter):
        return Microstep(cause, (), (), (move.pointer,))
    return Microstep(cause, leaves, move.to, (move.pointer,))


def descriptors_of(event: str) -> Iterator[str]:
    """The descriptors that match an event, the most exact first: of `a.b` these are `a.b`, `a.b.*`, `a.*` and `*`."""
    yield event
    prefix = event
    while prefix:
        yield prefix + ".*"
        prefix = prefix.rpartition(".")[0]
    yield "*"


def is_ours(event: str) -> bool:
    """Whether a name cannot be an event's from outside: one of the platform's own, or none at all."""
    return fault_of_event_name(event) is not None

"""Which states a microstep leaves and enters: SCXML (W3C, 2015), appendix D, with XState's domain of a transition.

Worked out once per configuration and set of transitions, and remembered by the machine: see `places`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from statewright.machine.branches import Move
from statewright.machine.record import Leaves
from statewright.machine.tree import ROOT, Number, Tree

History = Mapping[str, Leaves]
"""What history states remember, by their path: the children of their parent, or for deep ones the leaves."""
_NOWHERE: Number = -1
"""The domain of a transition that leaves even the root."""


class Change(Struct, frozen=True):
    """What a microstep does to the configuration. `moves` are those that were not preempted, in document order.

    `exited` goes innermost first and `entered` in document order; `leavers` says by which of the moves a state is left,
    `newcomers` by which it is entered. `history` is the whole of what is remembered, where that changed. `done` names
    by a final state that is entered those that come to their end with it; `ended`: the entity does.
    """

    moves: tuple[Move, ...]
    exited: tuple[Number, ...]
    entered: tuple[Number, ...]
    to: Leaves
    history: dict[str, Leaves]
    done: dict[Number, tuple[Number, ...]]
    ended: bool
    leavers: dict[Number, int]
    newcomers: dict[Number, int]


def change_of(tree: Tree, leaves: Leaves, moves: Sequence[Move], history: History) -> Change:
    """What taking `moves`, selected in this configuration, comes to."""
    active = tree.active(leaves)
    kept = _without_conflicts(tree, active, moves, history)
    leavers = {number: index for index, (_, exits) in enumerate(kept) for number in exits}
    resting = active.difference(leavers)
    remembered = {**history, **_remember(tree, leavers, active)} if leavers else history
    newcomers: dict[Number, int] = {}
    for index, (move, _) in enumerate(kept):
        if move.targets:
            entered: set[Number] = set()
            # With what this very step remembers: leaving a state for its own history comes back to where it was.
            domain = _enter_targets(tree, move, remembered, entered)
            # A branch to its own state keeps it, and does not bring it back when another branch leaves it.
            below = (number for number in entered if domain == _NOWHERE or tree.is_below(number, domain))
            newcomers.update((number, index) for number in below if number not in resting)
    return Change(
        moves=tuple(move for move, _ in kept),
        exited=tuple(sorted(leavers, reverse=True)),
        entered=tuple(sorted(newcomers)),
        to=tree.leaves(resting.union(newcomers)),
        history=dict(remembered) if remembered != history else {},
        done=_done(tree, sorted(newcomers), resting),
        ended=tree.is_done(ROOT, resting.union(newcomers)),
        leavers=leavers,
        newcomers=newcomers,
    )


def beginning_of(tree: Tree) -> Change:
    """The initial configuration, entered from nowhere."""
    entered: set[Number] = {ROOT}
    _enter(tree, ROOT, {}, entered)
    order = sorted(entered)
    done = _done(tree, order, set())
    return Change((), (), tuple(order), tree.leaves(entered), {}, done, tree.is_done(ROOT, entered), {}, {})


def _without_conflicts(
    tree: Tree, active: set[Number], moves: Sequence[Move], history: History
) -> list[tuple[Move, set[Number]]]:
    """SCXML's `removeConflictingTransitions`: the descendant wins, then document order."""
    kept: list[tuple[Move, set[Number]]] = []
    for move in moves:
        exits = _exits(tree, active, move, history)
        rivals = [one for one in kept if not exits.isdisjoint(one[1])]
        if any(not tree.is_below(move.source, rival.source) for rival, _ in rivals):
            continue
        kept = [one for one in kept if one not in rivals]
        kept.append((move, exits))
    return kept


def _exits(tree: Tree, active: set[Number], move: Move, history: History) -> set[Number]:
    if not move.targets:
        return set()
    domain = _domain(tree, move, history)
    if domain == _NOWHERE:
        return set(active)
    last = tree.last[domain]
    return {number for number in active if domain < number <= last}


def _domain(tree: Tree, move: Move, history: History) -> Number:
    """The state whose descendants a transition leaves: its source, when it stays inside and does not re-enter it.

    Else the innermost common ancestor, which may be a parallel state (in SCXML only a compound one).
    """
    goals = [goal for target in move.targets for goal in _goals(tree, target, history)]
    source = move.source
    if not move.reenter and all(goal == source or tree.is_below(goal, source) for goal in goals):
        return source
    for ancestor in tree.above(goals[0]):
        if all(tree.is_below(one, ancestor) for one in (*goals[1:], source)):
            return ancestor
    return _NOWHERE if move.reenter else ROOT


def _goals(tree: Tree, target: Number, history: History, seen: tuple[Number, ...] = ()) -> Iterable[Number]:
    """The states that a target means: of a history state those it remembers, or its default."""
    if tree.kind[target] != "history":
        return (target,)
    if target in seen:  # history states that lead to each other end where their parent begins
        parent = tree.parent[target]
        begins = [first for first in tree.initial[parent] if tree.kind[first] != "history"]
        return begins or tree.children[parent][:1]
    found = _remembered(tree, target, history)
    return [goal for one in found for goal in _goals(tree, one, history, (*seen, target))]


def _remembered(tree: Tree, number: Number, history: History) -> Sequence[Number]:
    """Where a history state leads: to what was left, else its own target, else the parent's way in."""
    left = history.get(tree.paths[number])
    if left is not None:
        return [tree.numbers[path] for path in left]
    parent = tree.parent[number]
    return tree.default[number] or tree.initial[parent] or tree.children[parent]


def _enter_targets(tree: Tree, move: Move, history: History, entered: set[Number]) -> Number:
    """Add what the targets of a transition enter, ancestors up to its domain among them; gives the domain."""
    domain = _domain(tree, move, history)
    goals = [goal for target in move.targets for goal in _goals(tree, target, history)]
    # All goals first, so that no region begins at its `initial` which a later goal is in.
    entered.update(goals)
    for goal in goals:
        _enter(tree, goal, history, entered)
    for goal in goals:
        _enter_above(tree, goal, domain, history, entered)
    return domain


def _enter_above(tree: Tree, number: Number, domain: Number, history: History, entered: set[Number]) -> None:
    """SCXML's `addAncestorStatesToEnter`; what is active still is left out later."""
    top = domain if domain == _NOWHERE or tree.kind[domain] != "parallel" else domain - 1
    for ancestor in tree.above(number, top):
        entered.add(ancestor)
        if tree.kind[ancestor] == "parallel":
            _enter_regions(tree, ancestor, history, entered)


def _enter(tree: Tree, number: Number, history: History, entered: set[Number]) -> None:
    """SCXML's `addDescendantStatesToEnter`: what lies below a state that is entered."""
    kind = tree.kind[number]
    if kind == "parallel":
        _enter_regions(tree, number, history, entered)
    elif kind == "compound" and not _holds(tree, number, entered):
        for first in tree.initial[number]:
            for goal in _goals(tree, first, history):
                entered.add(goal)
                _enter(tree, goal, history, entered)
                _enter_above(tree, goal, number, history, entered)


def _enter_regions(tree: Tree, number: Number, history: History, entered: set[Number]) -> None:
    for region in tree.children[number]:
        if not _holds(tree, region, entered):
            entered.add(region)
            _enter(tree, region, history, entered)


def _holds(tree: Tree, number: Number, entered: set[Number]) -> bool:
    last = tree.last[number]
    return any(number < one <= last for one in entered)


def _remember(tree: Tree, exits: Iterable[Number], active: set[Number]) -> dict[str, Leaves]:
    found: dict[str, Leaves] = {}
    for number in exits:
        for history in tree.histories[number]:
            if tree.deep[history]:
                left = tree.leaves(one for one in active if tree.is_below(one, number))
            else:
                left = tuple(tree.paths[child] for child in tree.children[number] if child in active)
            found[tree.paths[history]] = left
    return found


def _done(tree: Tree, entered: Sequence[Number], resting: set[Number]) -> dict[Number, tuple[Number, ...]]:
    """By final state, the states that come to their end as it is entered, each told once."""
    active = set(resting)
    found: dict[Number, tuple[Number, ...]] = {}
    told: set[Number] = {ROOT}  # the end of the whole is no event
    for number in entered:
        active.add(number)
        if tree.kind[number] != "final":
            continue
        parent = tree.parent[number]
        done = []
        if tree.kind[parent] == "compound":
            done.append(parent)
            parent = tree.parent[parent]
        while parent >= ROOT and tree.kind[parent] == "parallel" and tree.is_done(parent, active):
            done.append(parent)
            parent = tree.parent[parent]
        found[number] = tuple(one for one in done if one not in told)
        told.update(done)
    return found

"""Our machine with a rule of XState's in place of our own: what tells whether a named difference made the two part.

A difference explains what was found when our decision, made anew under XState's rule and under no other change, comes
to the very place where XState is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar
from unittest import mock

from msgspec import Struct

from statewright.machine import decide as deciding
from statewright.machine import microsteps
from statewright.machine.branches import Move
from statewright.machine.deciding import Refused, Stopped
from statewright.machine.microsteps import Run
from statewright.machine.moments import Micros
from statewright.machine.places import AFTER, DONE, Chain, Choices
from statewright.machine.plans import _domain
from statewright.machine.playing import Decided, Life
from statewright.machine.record import Microstep, Timer
from statewright.machine.tree import ROOT, Number

EVERY_LEAF_SELECTS = "every_leaf_selects"
OWN_EVENTS = "own_events"
DUE_TOGETHER = "due_together"
WRITE_CONFLICT = "write_conflict"
ALWAYS_IN_ORDER = "always_in_order"
UNSTABLE = "unstable"
STEPS = 200
"""After so many microsteps XState gives up too, as `runner.mjs` starts it."""
RULES = (EVERY_LEAF_SELECTS, OWN_EVENTS, DUE_TOGETHER, WRITE_CONFLICT, ALWAYS_IN_ORDER, UNSTABLE)
VARIED = tuple(names for count in (1, 2, 3) for names in itertools.combinations(RULES, count))
"""The rules that can be varied, each alone before several."""


class Met(Struct):
    """What was met while decisions were varied. `again`: states that XState enters without having left them."""

    again: bool = False


@contextmanager
def under(rules: Iterable[str], decided: Callable[[], Iterable[Decided]]) -> Iterator[Met]:
    """Decisions in here go by XState's rules where these differences are named, by our own elsewhere.

    `decided` gives all decisions of the life so far.
    """
    rules, met = frozenset(rules), Met()
    kind = type("VariedRun", (_Varied if rules else _Plain,), {"rules": rules, "met": met, "decided": decided})
    following = _first_started if DUE_TOGETHER in rules else Life._next
    limits = (STEPS, STEPS * 100) if UNSTABLE in rules else (microsteps.MICROSTEPS, microsteps.ACTIONS)
    with (
        mock.patch.object(deciding, "Run", kind),
        mock.patch.object(Life, "_next", following),
        mock.patch.multiple(microsteps, MICROSTEPS=limits[0], ACTIONS=limits[1]),
    ):
        yield met


def steps_of(decided: Decided) -> Sequence[Microstep]:
    """The microsteps of a decision; of a refusal none."""
    return () if isinstance(decided.outcome, Refused) else decided.outcome.steps


def _first_started(life: Life, until: Micros) -> Timer | None:
    """The timer that fires next: by due time, then in the order in which they started."""
    running = () if life.head is None else life.head.timers
    due = [timer for timer in running if timer.due <= until and timer not in life._stuck]
    return min(due, key=lambda timer: timer.due, default=None)


class _Plain(Run):
    """Our own way; only that timers stand in the order in which they started, which XState's rule asks for.

    It notes as well where a transition into the history of a state above its source keeps active what lies between:
    there XState enters states once more that were not left, which cannot be played.
    """

    rules: ClassVar[frozenset[str]] = frozenset()
    met: ClassVar[Met]
    decided: ClassVar[Callable[[], Iterable[Decided]]]

    def _step(self, moves: Chain, cause: str) -> None:
        tree = self.machine.tree
        for move in moves:
            above = [tree.parent[target] for target in move.targets if tree.kind[target] == "history"]
            if above and any(tree.is_below(_domain(tree, move, self.history), parent) for parent in above):
                type(self).met.again = True
        super()._step(moves, cause)

    def timers(self, running: tuple[Timer, ...]) -> tuple[tuple[tuple[str, str], ...], tuple[Timer, ...]]:
        stopped, started = super().timers(running)
        order = [(self.machine.tree.paths[number], key) for number, key in self.starts]
        return stopped, tuple(sorted(started, key=lambda timer: order.index((timer.state, timer.key))))


class _Varied(_Plain):
    """A run that selects state by state, as XState is written, and not leaf by leaf along chains made beforehand."""

    def take(self, choices: Choices) -> None:
        moves = self._selected(self.name)
        if not moves:
            raise Stopped(self._refusal())
        self._step(moves, self.name)
        self._settle()

    def fire(self, chains: tuple[Chain, ...]) -> None:
        moves = self._selected(self.name)
        if moves:
            self._step(moves, self.name)
            self._settle()

    def _settle(self) -> None:
        while not self.place.ended:
            moves = self._without_event()
            if moves:
                self._step(moves, "")
            elif self._queue:
                self.name, self.payload = self._queue.popleft()
                moves = self._selected(self.name)
                if moves:
                    self._step(moves, self.name)
            else:
                return

    def _write(self, fields: Iterable[str], owner: int, keeps: bool = False) -> None:
        super()._write(fields, -1 if WRITE_CONFLICT in self.rules else owner, keeps)

    def _without_event(self) -> Chain:
        """XState asks the leaves in the order in which they were entered, and of rivals keeps the first."""
        if ALWAYS_IN_ORDER not in self.rules:
            return self._choose(self.place.always)
        steps = [step for each in type(self).decided() for step in steps_of(each)]
        entered: dict[str, None] = {}
        for step in (*steps, *self.steps):
            entered = {path: None for path in entered if path not in step.exited} | dict.fromkeys(step.entered)
        found: dict[Move, None] = {}
        for leaf in sorted(self.place.leaves, key=[*entered].index):
            number = self.machine.tree.numbers[leaf]
            always = (self.machine.places._always[one] for one in (number, *self.machine.tree.above(number)))
            move = next((m for chain in always for m in chain if m.guard is None or self._holds(m)), None)
            if move is not None and not move.forbids:
                found[move] = None
        return tuple(found)

    def _selected(self, event: str) -> Chain:
        if EVERY_LEAF_SELECTS in self.rules:
            found = self._inner_first(ROOT, event)
        else:
            found = [move for leaf in self.place.numbers for move in self._outward(leaf, event)]
        return tuple(move for move in dict.fromkeys(found) if not move.forbids)

    def _outward(self, leaf: Number, event: str) -> list[Move]:
        for number in (leaf, *self.machine.tree.above(leaf)):
            if (move := self._first(number, event)) is not None:
                return [move]
        return []

    def _inner_first(self, number: Number, event: str) -> list[Move]:
        """XState's `transitionNode`: a state is asked when none of its regions takes the event."""
        tree = self.machine.tree
        inner = [child for child in tree.children[number] if tree.paths[child] in self.place.active]
        found = [move for child in inner for move in self._inner_first(child, event)]
        if found:
            return found
        move = self._first(number, event)
        return [] if move is None else [move]

    def _first(self, number: Number, event: str) -> Move | None:
        """The first branch of one state whose guard holds, forbidding ones included."""
        for move in self._candidates(number, event):
            if move.guard is None or self._holds(move):
                return move
        return None

    def _candidates(self, number: Number, event: str) -> Iterator[Move]:
        places = self.machine.places
        if not event.startswith((AFTER, DONE)):
            yield from places._taken_by(number, event)
            return
        own = places._own.get(event, ())
        yield from own if own and own[0].source == number else ()
        if OWN_EVENTS in self.rules and "*" in places.on[number]:
            yield from places._under(number, "*", "")

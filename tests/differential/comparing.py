"""One random life under ours and under XState, act by act; and how much of all that was compared."""

from __future__ import annotations

from collections import Counter
from typing import Any

from msgspec import Struct, field

from statewright.machine.compile import Machine
from statewright.machine.decide import Accepted, Refused, Why
from statewright.machine.playing import Decided
from tests.differential.node import XState
from tests.differential.playing import CREATION, Playing, Seen, theirs
from tests.differential.varying import VARIED
from tests.machine.lives import machine_of, moves

MOVES = 3
"""How often a life must move to be worth comparing; its creation does not count."""


class Comparison(Struct):
    """How far the two went together. `named` are the differences met on the way; `ends` is why it ended early."""

    acts: int = 0
    moves: int = 0
    named: set[str] = field(default_factory=set)
    ends: str | None = None

    def count(self, decided: list[Decided]) -> None:
        """One more event or wait that ended alike."""
        self.acts += 1
        accepted = [each.outcome for each in decided if isinstance(each.outcome, Accepted)]
        self.moves += sum(each.kind != "created" and moves(each) for each in accepted)


class Tally:
    """What the comparisons of one test came to, in words for the end of a run and in shares for its floor."""

    def __init__(self) -> None:
        self.lives = self.acts = self.moves = self.whole = self.moved = 0
        self.named: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()

    def add(self, one: Comparison) -> None:
        self.lives += 1
        self.acts += one.acts
        self.moves += one.moves
        self.whole += one.ends is None
        self.moved += one.moves >= MOVES
        self.named.update(one.named)
        self.ends.update([one.ends] if one.ends else [])

    def __str__(self) -> str:
        of = max(self.lives, 1)
        return (
            f"{self.lives:,} machines, {self.acts:,} events and waits; {self.whole / of:.0%} compared to the end, "
            f"{self.moved / of:.0%} moved {MOVES} times or more; met {dict(self.named)}, ended early {dict(self.ends)}"
        )


def compare(xstate: XState, document: dict[str, Any], sent: list[dict[str, Any]]) -> Comparison:
    """How far the two go together. Fails where they part and none of the named differences says why they must.

    Where a difference that can be played made them part, they go on from where both then are.
    """
    machine, problems = machine_of(document)
    assert machine is not None, problems
    seen, error = theirs(xstate, document, sent)
    playing, found = Playing(machine), Comparison()
    for number, act in enumerate([CREATION, *sent]):
        there = seen[number] if number < len(seen) else None
        earlier = playing.other()
        mine = playing.play(act)
        said = unlike(mine, there)
        if said is not None:
            varied = _as_xstate(earlier, act, there) or _all_along(machine, [CREATION, *sent], [*seen[:number], there])
            if varied is None:
                found.ends = _why_not(playing, earlier, act, mine)
                assert found.ends is not None, f"after {number} events {said} ({error})"
                return found
            playing, names = varied
            found.named.update(names)
        if there is None:
            found.ends = "endless under both"
            return found
        found.count(playing.decided)
    return found


def _as_xstate(earlier: Playing, act: dict[str, Any], seen: Seen | None) -> tuple[Playing, tuple[str, ...]] | None:
    """Our decision made anew under rules of XState's, and their names; None where none of them leads to its place."""
    for names in VARIED:
        other = earlier.other()
        if unlike(other.play(act, names), seen) is None:
            return other, names
    return None


def _all_along(
    machine: Machine, acts: list[dict[str, Any]], seen: list[Seen | None]
) -> tuple[Playing, tuple[str, ...]] | None:
    """The same for the whole life so far: what parted them may have shown in no place, as a timer that runs no more."""
    for names in VARIED:
        other = Playing(machine)
        if all(unlike(other.play(act, names), there) is None for act, there in zip(acts, seen, strict=False)):
            return other, names
    return None


def _why_not(playing: Playing, earlier: Playing, act: dict[str, Any], mine: Seen | Refused) -> str | None:
    """The difference that cannot be played, if one was met here or earlier; or the refusal that XState does not know.

    What was entered without an exit may show later: under XState its timers began anew.
    """
    if isinstance(mine, Refused):
        return mine.why.value
    tried = [earlier.other() for _ in VARIED]
    for other, names in zip(tried, VARIED, strict=True):
        other.play(act, names)
    return "entered_without_exit" if any(each.again for each in (playing, *tried)) else None


def unlike(mine: Seen | Refused, other: Seen | None) -> str | None:
    """How two places differ, in words; None when they do not. What XState's exits write at the end does not count.

    A run that never ends is refused by ours, and XState, which then gives no place, throws.
    """
    if isinstance(mine, Refused):
        endless = other is None and mine.why in (Why.UNSTABLE, Why.TOO_LARGE)
        return None if endless else f"ours refuses: {mine.detail}"
    if other is None:
        return f"ours is in {mine.leaves}, XState threw"
    if mine.leaves != other.leaves:
        return f"ours is in {mine.leaves}, XState in {other.leaves}"
    if mine.final != other.final:
        return f"ours says final: {mine.final}, XState {other.final}"
    if not mine.final and mine.data != other.data:
        return f"ours has {mine.data}, XState {other.data}"
    return None

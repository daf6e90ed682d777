"""May an event happen now? Answered without knowing what it would carry, in three values (Kleene's)."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from statewright.machine.branches import Move
from statewright.machine.compile import Machine
from statewright.machine.deciding import Event, Why, named
from statewright.machine.explaining import Explained, Tried
from statewright.machine.expressions import ExpressionError, Moment
from statewright.machine.microsteps import hidden_of, unheld
from statewright.machine.places import Chain
from statewright.machine.record import Actor, Head

_End = Literal["taken", "roles", "unheld", "forbidden", "error"]


class May(Struct, frozen=True):
    """`yes` whatever the event carries, `no` with the reason, or `depends`: on what it carries or who sends it."""

    answer: Literal["yes", "no", "depends"]
    why: Why | None = None
    detail: str | None = None
    explanation: tuple[Explained, ...] = ()


def may(machine: Machine, head: Head, event: Event, *, known: bool = True) -> May:
    """Whether the event named in `event` may happen to the entity at `head`; its payload is left out of account.

    With `known` False the sender is not known, and a branch for certain roles depends on who it is.
    """
    name = event.name or ""
    place = machine.places.at(head.leaves)
    where = named(head.leaves)
    if place.ended:
        return May("no", Why.FINAL, f"the entity ended in {where}")
    choices = machine.choices(place, name)
    if not choices.moves or name in machine.internal:
        return May("no", Why.NOT_IN_THIS_STATE, f"{name} is refused in {where}")
    if known and choices.roles is not None and choices.roles.isdisjoint(event.actor.roles):
        return May("no", Why.NOT_ALLOWED, _roles(choices.moves))
    asking = _Asking(machine, head, event, event.actor if known else None)
    ends = [asking.ends(chain) for chain in choices.chains]
    return asking.answer(ends, where)


class _Asking:
    """One question: every way in which each leaf's branches may come out."""

    def __init__(self, machine: Machine, head: Head, event: Event, actor: Actor | None) -> None:
        self.machine = machine
        self.data = head.data
        self.event = event
        self.actor = actor
        self.moment = Moment(
            actor=event.actor,
            now=event.now,
            occurred_at=event.now if event.occurred_at is None else event.occurred_at,
            type=machine.type,
            id=event.entity,
            version=head.version,
            active=machine.places.at(head.leaves).active,
            event=event.name or "",
            related=event.related,
        )
        self.false: list[Move] = []
        self.failed: list[tuple[Move, str]] = []
        self.wanted: list[Move] = []

    def ends(self, chain: Chain) -> set[_End]:
        """How the branches of one leaf may come out, whatever the event carries."""
        found: set[_End] = set()
        for move in chain:
            holds = self._holds(move)
            if holds == "error":
                return found | {"error"}
            if holds is False:
                self.false.append(move)
                continue
            found.add(self._taken(move))
            if holds:
                return found
        return found | {"unheld"}

    def _holds(self, move: Move) -> bool | Literal["error"] | None:
        guard = move.guard
        if guard is None:
            return True
        try:
            return guard.expression.without_event(self.data, guard.params, self.moment)
        except ExpressionError as error:
            self.failed.append((move, error.sentence))
            return "error"

    def _taken(self, move: Move) -> _End:
        if move.forbids:
            return "forbidden"
        if move.allow is None or (self.actor is not None and not move.allow.isdisjoint(self.actor.roles)):
            return "taken"
        self.wanted.append(move)
        return "roles"

    def answer(self, ends: list[set[_End]], where: str) -> May:
        stops: set[_End] = {"error"} if self.actor is None else {"roles", "error"}
        name = self.event.name
        if any(end <= stops for end in ends) or all(end <= {"unheld", "forbidden"} for end in ends):
            if any("error" in end for end in ends) and self.failed:
                move, sentence = self.failed[0]
                detail = f"the guard at {move.pointer} fails: {sentence}"
                return May("no", Why.GUARD_ERROR, detail, self._explained([move]))
            if self.wanted:
                return May("no", Why.NOT_ALLOWED, _roles(tuple(self.wanted)))
            false = [move for move in self.false if not move.forbids]
            if false:
                return May("no", Why.GUARD_REFUSED, unheld(false), self._explained(false))
            return May("no", Why.NOT_IN_THIS_STATE, f"{name} is refused in {where}")
        if any(end == {"taken"} for end in ends) and not any(end & {"roles", "error"} for end in ends):
            return May("yes")
        if self.wanted:
            return May("depends", Why.NOT_ALLOWED, _roles(tuple(self.wanted)))
        return May("depends", None, "it depends on what the event carries")

    def _explained(self, moves: list[Move]) -> tuple[Explained, ...]:
        hidden = hidden_of(self.machine, self.event.name or "", self.event)
        tried = Tried(tuple((move, self.data) for move in dict.fromkeys(moves)), {}, self.moment, hidden)
        return tuple(tried.explained())


def _roles(moves: tuple[Move, ...]) -> str:
    return f"it takes the role {' or '.join(sorted({role for move in moves for role in move.allow or ()}))}"

"""Random machines played by ours, and by XState, in a form in which the two can be compared."""

from __future__ import annotations

import copy
from typing import Any

from msgspec import Struct

from statewright.machine.compile import Machine
from statewright.machine.decide import Refused, Why
from statewright.machine.playing import Decided, Life
from tests.differential.node import XState
from tests.differential.translation import config_of
from tests.differential.varying import under
from tests.machine.lives import BEGINS, live

UNTAKEN = frozenset({Why.UNKNOWN_EVENT, Why.NOT_IN_THIS_STATE, Why.FINAL, Why.GUARD_REFUSED})
"""Refusals where XState ignores the event: both stay as they were."""


class Seen(Struct):
    """Where an entity stands: active leaves in document order, its data, whether its life is over."""

    leaves: list[str]
    data: dict[str, Any]
    final: bool


class Playing:
    """A life under ours, whose events may also be decided by rules of XState's."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.life = Life(machine, BEGINS)
        self.decided: list[Decided] = []
        """The decisions of the last event or wait."""
        self.before: list[Decided] = []
        """Those of all the earlier ones."""
        self.again = False
        """Whether XState would have entered states so far that were not left."""

    def other(self) -> Playing:
        """The same life, to be led on apart from this one."""
        other = copy.copy(self)
        other.life = copy.copy(self.life)
        return other

    def play(self, event: dict[str, Any], rules: tuple[str, ...] = ()) -> Seen | Refused:
        """Where an event or a wait leads under these rules of XState's, or the refusal that XState does not know."""
        self.before, self.life.decided = [*self.before, *self.decided], []
        with under(rules, lambda: (*self.before, *self.life.decided)) as met:
            live(self.life, event)
        self.decided = self.life.decided
        self.again = self.again or met.again
        for each in self.decided:
            if isinstance(each.outcome, Refused) and each.outcome.why not in UNTAKEN:
                return each.outcome
        head = self.life.head
        assert head is not None
        return Seen([*head.leaves], dict(head.data), self.machine.is_final(head.leaves))


CREATION: dict[str, Any] = {"event": None, "data": {}}


def theirs(xstate: XState, document: dict[str, Any], events: list[dict[str, Any]]) -> tuple[list[Seen], str | None]:
    """The same under XState, and what it threw."""
    sent = [event if "wait_s" in event else {"type": event["event"], **event["data"]} for event in events]
    answer = xstate.run(config_of(document), sent)
    seen = [Seen(each["leaves"], each["context"], each["status"] != "active") for each in answer["states"]]
    return seen, answer.get("error")

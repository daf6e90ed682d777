"""Random machines played by ours, and by XState, in a form in which the two can be compared."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from statewright.machine.compile import Machine, compile_machine
from statewright.machine.decide import Accepted, Event, Refused, Why
from statewright.machine.playing import Life
from statewright.machine.problem import Problem
from statewright.machine.reading import read_definition
from tests.differential.node import XState
from tests.differential.translation import config_of
from tests.machine.machines import written

BEGINS = 1_767_225_600_000_000
UNTAKEN = frozenset({Why.UNKNOWN_EVENT, Why.NOT_IN_THIS_STATE, Why.FINAL})
"""Refusals where XState ignores the event: both stay as they were."""


class Seen(Struct):
    """Where an entity stands: active leaves in document order, its data, whether its life is over."""

    leaves: list[str]
    data: dict[str, Any]
    final: bool


class Played(Struct):
    """A life under ours. `ends` is why it could not be played to its end: a refusal that XState does not know.

    `outcomes` has one for the creation and one for each event that was played.
    """

    seen: list[Seen] = []
    outcomes: list[Accepted | Refused] = []
    ends: Refused | None = None


def machine_of(document: dict[str, Any]) -> tuple[Machine | None, tuple[Problem, ...]]:
    """The compiled machine, None for a document that registration finds errors in; and all that it finds."""
    reading = read_definition(written(document))
    if reading.definition is None or not reading.activable:
        return None, reading.problems
    return compile_machine(reading.definition, revision=1, digest=reading.digest), reading.problems


def ours(machine: Machine, events: list[dict[str, Any]]) -> Played:
    """The life that the events make of an entity under our machine."""
    life, played = Life(machine, BEGINS), Played()
    for event in [{"event": None, "data": {}}, *events]:
        outcome = life.send(Event(event["event"], dict(event["data"])))
        if isinstance(outcome, Refused) and outcome.why not in UNTAKEN:
            played.ends = outcome
            return played
        assert life.head is not None, outcome
        played.outcomes.append(outcome)
        played.seen.append(Seen([*life.head.leaves], dict(life.head.data), machine.is_final(life.head.leaves)))
    return played


def theirs(xstate: XState, document: dict[str, Any], events: list[dict[str, Any]]) -> tuple[list[Seen], str | None]:
    """The same under XState, and what it threw."""
    answer = xstate.run(config_of(document), [{"type": event["event"], **event["data"]} for event in events])
    seen = [Seen(each["leaves"], each["context"], each["status"] != "active") for each in answer["states"]]
    return seen, answer.get("error")

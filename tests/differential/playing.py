"""Random machines played by ours, and by XState, in a form in which the two can be compared."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from statewright.machine.compile import Machine, compile_machine
from statewright.machine.decide import Event, Refused, Why
from statewright.machine.playing import Decided, Life
from statewright.machine.problem import Problem
from statewright.machine.reading import read_definition
from tests.differential.node import XState
from tests.differential.translation import config_of
from tests.machine.machines import written

BEGINS = 1_767_225_600_000_000
UNTAKEN = frozenset({Why.UNKNOWN_EVENT, Why.NOT_IN_THIS_STATE, Why.FINAL, Why.GUARD_REFUSED})
"""Refusals where XState ignores the event: both stay as they were."""


NOT_YET = {"no_initial"}


class Seen(Struct):
    """Where an entity stands: active leaves in document order, its data, whether its life is over."""

    leaves: list[str]
    data: dict[str, Any]
    final: bool


class Played(Struct):
    """A life under ours. `ends` is why it could not be played to its end: a refusal that XState does not know.

    `seen` and `decided` have one item for the creation and one for each event or wait that was played; during a wait
    there may be several decisions, or none.
    """

    seen: list[Seen] = []
    decided: list[list[Decided]] = []
    ends: Refused | None = None


def machine_of(document: dict[str, Any]) -> tuple[Machine | None, tuple[Problem, ...]]:
    """The compiled machine, None for a document that registration finds errors in; and all that it finds."""
    reading = read_definition(written(document))
    errors = {problem.code for problem in reading.problems if problem.severity != "warning"} - NOT_YET
    if reading.definition is None or errors:
        return None, reading.problems
    return compile_machine(reading.definition, revision=1, digest=reading.digest), reading.problems


def ours(machine: Machine, events: list[dict[str, Any]]) -> Played:
    """The life that the events make of an entity under our machine."""
    life, played = Life(machine, BEGINS), Played()
    for event in [{"event": None, "data": {}}, *events]:
        told = len(life.decided)
        live(life, event)
        decided = life.decided[told:]
        for each in decided:
            if isinstance(each.outcome, Refused) and each.outcome.why not in UNTAKEN:
                played.ends = each.outcome
                return played
        assert life.head is not None
        played.decided.append(decided)
        played.seen.append(Seen([*life.head.leaves], dict(life.head.data), machine.is_final(life.head.leaves)))
    return played


def live(life: Life, event: dict[str, Any]) -> None:
    """Send an event, or wait, as `machines.events` writes them."""
    if "wait_s" in event:
        life.wait(event["wait_s"] * 1_000_000)
    else:
        life.send(Event(event["event"], dict(event["data"])))


def theirs(xstate: XState, document: dict[str, Any], events: list[dict[str, Any]]) -> tuple[list[Seen], str | None]:
    """The same under XState, and what it threw."""
    sent = [event if "wait_s" in event else {"type": event["event"], **event["data"]} for event in events]
    answer = xstate.run(config_of(document), sent)
    seen = [Seen(each["leaves"], each["context"], each["status"] != "active") for each in answer["states"]]
    return seen, answer.get("error")

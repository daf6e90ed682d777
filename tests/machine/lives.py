"""Random machines with events that mostly move them: what is sent next is drawn from what the machine would take."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from statewright.machine.compile import Machine, compile_machine
from statewright.machine.decide import Accepted, Event, decide
from statewright.machine.playing import Life
from statewright.machine.problem import Problem
from statewright.machine.reading import read_definition
from tests.machine.machines import EVENTS, WHOLE, Sizes, documents, written

BEGINS = 1_767_225_600_000_000
STRANGERS = ("Z", "a.c")
"""Names that no state has; wildcards take them, or nothing does."""
CARRIED: tuple[dict[str, Any], ...] = ({"x": 0}, {"x": 1}, {})
AT_MOST = 10
"""How many events and waits a life has; at least half as many."""


def machine_of(document: dict[str, Any]) -> tuple[Machine | None, tuple[Problem, ...]]:
    """The compiled machine, None for a document that registration finds errors in; and all that it finds."""
    reading = read_definition(written(document))
    if reading.definition is None or not reading.activable:
        return None, reading.problems
    return compile_machine(reading.definition, revision=1, digest=reading.digest), reading.problems


def live(life: Life, event: dict[str, Any]) -> None:
    """Send an event, or wait, as `lives` writes them."""
    if "wait_s" in event:
        life.wait(event["wait_s"] * 1_000_000)
    else:
        life.send(Event(event["event"], copy.deepcopy(event["data"])))


@st.composite
def lives(draw: DrawFn, sizes: Sizes = WHOLE) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A machine that can be activated, and the life of one entity: events with what they carry, and waits.

    Of five events four are such that move the entity now, as far as there are any; one may be anything.
    """
    document = draw(documents(sizes))
    machine, _ = machine_of(document)
    assume(machine is not None)
    assert machine is not None
    life = Life(machine, BEGINS)
    live(life, {"event": None, "data": {}})
    sent: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(AT_MOST // 2, AT_MOST))):
        sent.append(_next(draw, machine, life))
        live(life, sent[-1])
    return document, sent


def _next(draw: DrawFn, machine: Machine, life: Life) -> dict[str, Any]:
    kind = draw(st.integers(0, 4))
    head = life.head
    if head is not None and head.timers and kind in (1, 2):
        return {"wait_s": draw(st.integers(1, 3))}
    if head is not None and kind < 4:
        moving = [*_moving(machine, life, go_on=True)] or [*_moving(machine, life, go_on=False)]
        if moving:
            return draw(st.sampled_from(moving))
    return {"event": draw(st.sampled_from([*EVENTS, STRANGERS[0]])), "data": draw(st.sampled_from(CARRIED))}


def _moving(machine: Machine, life: Life, *, go_on: bool) -> Iterator[dict[str, Any]]:
    """The events that lead somewhere from here; with `go_on` not to the end."""
    for name in (*EVENTS, *STRANGERS):
        for carried in CARRIED:
            outcome = decide(machine, life.head, Event(name, dict(carried), now=life.now))
            if isinstance(outcome, Accepted) and moves(outcome) and not (go_on and machine.is_final(outcome.to)):
                yield {"event": name, "data": dict(carried)}


def moves(outcome: Accepted) -> bool:
    """Whether a state is entered, be it the same again."""
    return any(step.entered for step in outcome.steps) or outcome.from_ != outcome.to

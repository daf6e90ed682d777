"""Random machines and events decide alike under ours and under XState, but for the differences that are named."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, Phase, assume, event, given, settings

from tests.differential.differences import DIFFERENCES
from tests.differential.explaining import explanation
from tests.differential.node import XState
from tests.differential.playing import Seen, machine_of, ours, theirs
from tests.machine.machines import FLAT, WHOLE, documents, events

EXAMPLES = int(os.environ.get("STATEWRIGHT_EXAMPLES", "200"))
"""How many machines each test makes up; set the variable to try thousands."""
LET_PASS = frozenset({"unreachable_branch", "endless_always", "region_conflict"})
"""Errors that random machines may have; they are thrown away, as registration would."""
usual = settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],  # to explain takes minutes, and tells little
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


def compare(xstate: XState, document: dict[str, Any], sent: list[dict[str, Any]]) -> None:
    """Fail where the two part, unless one of the named differences says why they must."""
    machine, problems = machine_of(document)
    unexpected = [
        problem
        for problem in problems
        if problem.severity != "warning" and problem.code not in LET_PASS | {"no_initial"}
    ]
    assert unexpected == []
    assume(machine is not None)
    assert machine is not None
    played = ours(machine, sent)
    if not played.seen:
        event(f"not begun: {played.ends.why if played.ends else None}")
        return

    seen, error = theirs(xstate, document, sent[: len(played.seen) - 1])

    for number, mine in enumerate(played.seen):
        said = unlike(mine, seen[number]) if number < len(seen) else f"XState threw {error}"
        if said is None:
            continue
        name = explanation(document, played.decided[number])
        assert name in {difference.name for difference in DIFFERENCES}, f"after {number} events {said}"
        event(f"differs: {name}")
        return
    event("alike to the end" if played.ends is None else f"alike up to {played.ends.why}")


def unlike(mine: Seen, other: Seen) -> str | None:
    """How two places differ, in words; None when they do not. What XState's exits write at the end does not count."""
    if mine.leaves != other.leaves:
        return f"ours is in {mine.leaves}, XState in {other.leaves}"
    if mine.final != other.final:
        return f"ours says final: {mine.final}, XState {other.final}"
    if not mine.final and mine.data != other.data:
        return f"ours has {mine.data}, XState {other.data}"
    return None


@usual
@given(document=documents(FLAT), sent=events())
def test_flat_machines_decide_alike(xstate: XState, document: dict[str, Any], sent: list[dict[str, Any]]) -> None:
    compare(xstate, document, sent)


@usual
@given(document=documents(WHOLE), sent=events(waits=True))
def test_statecharts_decide_alike(xstate: XState, document: dict[str, Any], sent: list[dict[str, Any]]) -> None:
    compare(xstate, document, sent)

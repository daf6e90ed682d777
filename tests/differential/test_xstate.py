"""Random machines and events decide alike under ours and under XState, but for the differences that are named."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings

from tests.differential.node import XState
from tests.differential.playing import Played, Seen, machine_of, ours, theirs
from tests.machine.machines import FLAT, documents, events

EXAMPLES = int(os.environ.get("STATEWRIGHT_EXAMPLES", "200"))
"""How many machines each test makes up; set the variable to try thousands."""
usual = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


def differs(document: dict[str, Any], played: Played, seen: list[Seen], error: str | None) -> str | None:
    """How the two lives differ, in words; None when they do not."""
    if error is not None and len(seen) < len(played.seen):
        return f"XState threw {error}"
    for number, (mine, other) in enumerate(zip(played.seen, seen, strict=True)):
        at = "at the start" if number == 0 else f"after event {number}"
        if mine.leaves != other.leaves:
            return f"{at} ours is in {mine.leaves}, XState in {other.leaves}"
        if mine.final != other.final:
            return f"{at} ours says final: {mine.final}, XState {other.final}"
        if not mine.final and mine.data != other.data:
            return f"{at} ours has {mine.data}, XState {other.data}"
    return None


@usual
@given(document=documents(FLAT), sent=events())
def test_flat_machines_decide_alike(xstate: XState, document: dict[str, Any], sent: list[dict[str, Any]]) -> None:
    machine, problems = machine_of(document)
    assert machine is not None, problems
    played = ours(machine, sent)

    seen, error = theirs(xstate, document, sent[: len(played.seen) - 1])

    assert differs(document, played, seen, error) is None

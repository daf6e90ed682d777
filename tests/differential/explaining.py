"""Whether the one difference applies that `varying` cannot play: told from the machine, not the outcome.

What was entered without an exit may show later: under XState its timers began anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from statewright.machine.decide import Refused
from statewright.machine.playing import Decided
from statewright.machine.record import Microstep
from tests.machine.machines import paths_of, spellings


def entered_without_exit(document: dict[str, Any], step: Microstep) -> bool:
    """Whether a transition to the history of a state above its source left active what lies between the two."""
    states = paths_of(document)
    for pointer in step.branches:
        source, branch = _branch_at(document, pointer)
        for target in branch.get("target", []):
            goal = _resolved(states, source, target)
            holder = goal.rpartition(".")[0]
            if states[goal].get("type") == "history" and _is_below(source, holder):
                first = source[len(holder) + 1 if holder else 0 :].partition(".")[0]
                if (f"{holder}.{first}" if holder else first) not in step.exited:
                    return True
    return False


def steps_of(decided: Decided) -> Sequence[Microstep]:
    """The microsteps of a decision; of a refusal none."""
    return () if isinstance(decided.outcome, Refused) else decided.outcome.steps


def _branch_at(document: dict[str, Any], pointer: str) -> tuple[str, dict[str, Any]]:
    """The state that holds the branch at a pointer, and the branch."""
    found: Any = document
    path: list[str] = []
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    for number, step in enumerate(steps):
        if number % 2 and steps[number - 1] == "states" and len(path) * 2 + 1 == number:
            path.append(step)
        found = found[int(step)] if isinstance(found, list) else found[step]
    return ".".join(path), found


def _resolved(states: dict[str, dict[str, Any]], holder: str, target: str) -> str:
    return next(path for path in states if target in spellings(states, holder, path))


def _is_below(path: str, ancestor: str) -> bool:
    return path != ancestor and (not ancestor or path.startswith(ancestor + "."))

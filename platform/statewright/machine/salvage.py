"""What can still be checked of a document that is not wholly of the language: the rest of it.

The misshapen parts are taken out and the remainder is checked, so that one mistyped key does not hide all other errors.
Only what cannot come of the taking out is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from statewright.machine.definition import Definition
from statewright.machine.problem import Problem

_PLACEHOLDER = "unnamed"
_OF_ABSENCE = frozenset(
    {"no_states", "no_initial", "bad_state", "unreachable_branch", "always_cycle", "write_conflict"}
)
"""Errors that may come of something not being there."""
_LOOKED_UP = {
    "unknown_role": "roles",
    "unknown_guard": "guards",
    "unknown_delay": "delays",
    "unknown_relation": "relations",
    "unknown_field": "schemas",
    "keep_undeclared": "schemas",
    "bad_relation": "schemas",
    "personal_leak": "schemas",
}
"""Errors that say that a name is not there, and the key of the definition under which it was looked for."""
_OF_STATES = frozenset({"unknown_state", "unknown_target", "bad_history", "bad_targets"})


def salvaged(document: Any, misshapen: Sequence[Problem]) -> Definition | None:
    """The definition without its misshapen parts; None when nothing sound is left. Takes them out of `document`."""
    if not isinstance(document, dict) or not isinstance(document.get("states"), dict):
        return None
    for problem in misshapen:
        _take_out(document, _steps(problem.pointer))
    document.setdefault("id", _PLACEHOLDER)
    document.setdefault("states", {})
    try:
        return msgspec.convert(document, Definition)
    except msgspec.ValidationError:  # something around the misshapen part needs it
        return None


def independent(problems: Iterable[Problem], misshapen: Sequence[Problem]) -> Iterator[Problem]:
    """The errors among `problems` that are there whatever the misshapen parts were meant to be."""
    taken = [_steps(problem.pointer) for problem in misshapen]
    sections = {steps[0] for steps in taken if steps}
    states = any({"states", "id", "type", "target"} & {*steps[-2:]} for steps in taken)
    around = {tuple(_around(steps)) for steps in taken}
    for problem in problems:
        steps = _steps(problem.pointer)
        inside = any(tuple(steps[:length]) in around for length in range(1, len(steps) + 1))
        looked_up = _LOOKED_UP.get(problem.code) in sections or (states and problem.code in _OF_STATES)
        if problem.severity == "error" and problem.code not in _OF_ABSENCE and not inside and not looked_up:
            yield problem


def _steps(pointer: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _around(steps: list[str]) -> list[str]:
    """The place in which one more or less thing matters: the branches of one event, a relation, a schema, an action."""
    for key, below in (("on", 2), ("after", 2), ("always", 1), ("onDone", 1), ("entry", 1), ("exit", 1)):
        if key in steps[:-1]:
            return steps[: len(steps) - 1 - steps[::-1].index(key) + below]
    return steps


def _take_out(document: dict[str, Any], steps: list[str]) -> None:
    """Remove the innermost member on the way; of a list everything goes, or the others' places would move."""
    owner, key, here = document, steps[0] if steps else None, document
    for step in steps:
        if not isinstance(here, dict) or step not in here:
            break
        owner, key, here = here, step, here[step]
    if key is not None:
        owner.pop(key, None)

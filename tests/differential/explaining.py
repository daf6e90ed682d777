"""Whether a difference that was found can be one of those that are named: told from the machine, not the outcome."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from statewright.machine.decide import Refused
from statewright.machine.places import AFTER, descriptors_of
from statewright.machine.playing import Decided
from statewright.machine.record import Microstep
from tests.machine.machines import paths_of, spellings


def explanation(document: dict[str, Any], decided: list[Decided]) -> str | None:
    """The name of a difference that could make the two part in these decisions; None when none could."""
    if any(every_leaf_selects(document, active, event) for active, event in _taken(decided)):
        return "every_leaf_selects"
    if any(own_events(document, active) for active in _told_of_itself(document, decided)):
        return "own_events"
    if any(entered_without_exit(document, step) for each in decided for step in _steps(each)):
        return "entered_without_exit"
    due = [each.event.timer.due for each in decided if each.event.timer is not None]
    if len(set(due)) < len(due):
        return "due_together"
    return None


def every_leaf_selects(document: dict[str, Any], active: Iterable[str], event: str) -> bool:
    """Whether, under an active parallel state, something takes the event, and that state or one above does too."""
    states = {"": document, **paths_of(document)}
    descriptors = set(descriptors_of(event))
    takers = [path for path in ("", *active) if not descriptors.isdisjoint(states[path].get("on", {}))]
    for region in ("", *active):
        if states[region].get("type") != "parallel":
            continue
        within = [path for path in takers if path != region and _is_below(path, region)]
        above = [path for path in takers if path == region or _is_below(region, path)]
        if within and above:
            return True
    return False


def own_events(document: dict[str, Any], active: Iterable[str]) -> bool:
    """Whether a wildcard stands where XState asks it for the event of a timer or an end."""
    states = {"": document, **paths_of(document)}
    return any("*" in states[path].get("on", {}) for path in ("", *active))


def entered_without_exit(document: dict[str, Any], step: Microstep) -> bool:
    """Whether a transition to the history of a state above its source left the source active."""
    states = paths_of(document)
    for pointer in step.branches:
        source, branch = _branch_at(document, pointer)
        if branch.get("reenter") or source in step.exited:
            continue
        for target in branch.get("target", []):
            goal = _resolved(states, source, target)
            if states[goal].get("type") == "history" and _is_below(source, goal.rpartition(".")[0]):
                return True
    return False


def _steps(decided: Decided) -> Sequence[Microstep]:
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


def _taken(decided: list[Decided]) -> Iterable[tuple[set[str], str]]:
    """Every event that was looked at, from outside or raised, with the states that were active then."""
    for each in decided:
        active = _with_ancestors(each.head.leaves if each.head is not None else ())
        if each.event.name is not None and not each.event.name.startswith(AFTER):
            yield active, each.event.name
        if isinstance(each.outcome, Refused):
            continue
        for step in each.outcome.steps:
            if step.cause:
                yield active, step.cause
            active = (active - set(step.exited)) | set(step.entered)


def _told_of_itself(document: dict[str, Any], decided: list[Decided]) -> Iterable[set[str]]:
    """The states that were active when a timer fired, or a state may have come to its end."""
    finals = {path for path, state in paths_of(document).items() if state.get("type") == "final"}
    for each in decided:
        active = _with_ancestors(each.head.leaves if each.head is not None else ())
        if each.event.timer is not None:
            yield active
        for step in _steps(each):
            active = (active - set(step.exited)) | set(step.entered)
            if not finals.isdisjoint(step.entered):
                yield active


def _with_ancestors(leaves: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for leaf in leaves:
        while leaf:
            found.add(leaf)
            leaf = leaf.rpartition(".")[0]
    return found

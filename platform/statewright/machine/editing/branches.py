"""Edits of branches: what leads from state to state, when, for whom, only if, and what is remembered."""

from __future__ import annotations

from typing import Any

from statewright.machine.editing.plan import Plan
from statewright.machine.editing.sheet import Way
from statewright.machine.editing.states import drop_branch, set_keys
from statewright.machine.editing.words import (
    AddBranch,
    BranchAt,
    Cause,
    DeleteBranch,
    Edited,
    RetriggerBranch,
    SetBranch,
    ShiftBranch,
    Stop,
)
from statewright.machine.names import fault_of_descriptor
from statewright.machine.problem import shown


def add(plan: Plan, edit: AddBranch) -> Edited:
    """Add a branch after those there are under the same event."""
    _fit(plan, edit.source, edit.cause, edit.trigger)
    branch: dict[str, Any] = {}
    if edit.target is not None:
        plan.state(edit.target)
        branch["target"] = plan.target(edit.target, edit.source)
    branch |= {key: value for key, value in edit.changes.items() if value is not None}
    written = branch["target"] if list(branch) == ["target"] else branch
    at = _append(plan, BranchAt(edit.source, edit.cause, edit.trigger), written)
    return Edited(plan.sheet.text, f"Add {_named(at)}", at)


def change(plan: Plan, edit: SetBranch) -> Edited:
    """Set or take out keys of a branch, and its target."""
    way = plan.branch_way(edit.at)
    changes = dict(edit.changes)
    if edit.to is not None:
        if edit.to:
            plan.state(edit.to)
        changes["target"] = _target(plan, edit, way)
    if edit.targets is not None:
        changes["target"] = _targets(plan, edit.targets, edit.at.source, way)
    if "guard" in changes:
        changes.setdefault("cond", None)  # how earlier versions of XState wrote it
    written = plan.sheet.value(way)
    if isinstance(written, str):
        wanted = {"target": written} | changes
        rest = {key: value for key, value in wanted.items() if value is not None}
        plan.sheet.put(way, rest["target"] if list(rest) == ["target"] else rest)
    else:
        set_keys(plan, way, changes)
    return Edited(plan.sheet.text, f"Change {_named(edit.at)}", edit.at)


def _target(plan: Plan, edit: SetBranch, way: Way) -> Any:
    if not edit.to:
        return None
    written = plan.sheet.value(way)
    old = written if isinstance(written, str) else written.get("target")
    if isinstance(old, str) and plan.states.resolve(old, edit.at.source) == edit.to:
        return old
    return plan.target(edit.to, edit.at.source)


def _targets(plan: Plan, paths: list[str], source: str, way: Way) -> list[str]:
    """Several targets; those that were there already stay written as they were."""
    written = plan.sheet.value(way)
    old = written if isinstance(written, str) else written.get("target")
    there = {plan.states.resolve(each, source): each for each in ([old] if isinstance(old, str) else old or ())}
    for path in paths:
        plan.state(path)
    return [there.get(path) or plan.target(path, source) for path in paths]


def retrigger(plan: Plan, edit: RetriggerBranch) -> Edited:
    """Put a branch under another event or in another state, as the last one there."""
    source = edit.at.source if edit.source is None else edit.source
    if (source, edit.cause, edit.trigger) == (edit.at.source, edit.at.cause, edit.at.trigger):
        return Edited(plan.sheet.text, "Change nothing", edit.at)
    _fit(plan, source, edit.cause, edit.trigger)
    way = plan.branch_way(edit.at)
    written = plan.sheet.value(way)
    if source != edit.at.source:
        written = _moved_target(plan, written, edit.at.source, source)
    at = BranchAt(source, edit.cause, edit.trigger)
    alone = plan.trigger_way(edit.at) == way[len(plan.way(edit.at.source)) :]
    if (
        alone
        and source == edit.at.source
        and edit.cause == edit.at.cause
        and not plan.sheet.has((*way[:-1], edit.trigger))
    ):
        plan.sheet.rename(way, edit.trigger)  # all that changes is the event's name, in its place
    else:
        drop_branch(plan, way)
        plan.look()
        at = _append(plan, at, written)
    return Edited(plan.sheet.text, f"Move {_named(edit.at)} to {_named(at)}", at)


def _moved_target(plan: Plan, written: Any, old: str, new: str) -> Any:
    def moved(target: str) -> str:
        path = plan.states.resolve(target, old)
        return target if path is None else plan.target(path, new, target)

    if isinstance(written, str):
        return moved(written)
    target = written.get("target")
    if isinstance(target, str):
        return {**written, "target": moved(target)}
    return {**written, "target": [moved(item) for item in target]} if target else written


def shift(plan: Plan, edit: ShiftBranch) -> Edited:
    """Exchange a branch with its neighbour."""
    way = plan.branch_way(edit.at)
    other = edit.at.index + (1 if edit.by > 0 else -1)
    if not isinstance(way[-1], int) or not 0 <= other < len(plan.sheet.value(way[:-1])):
        raise Stop("There is no other one on that side.")
    plan.sheet.swap(way[:-1], edit.at.index, other)
    at = BranchAt(edit.at.source, edit.at.cause, edit.at.trigger, other)
    return Edited(plan.sheet.text, f"Move {_named(edit.at)} {'down' if edit.by > 0 else 'up'}", at)


def delete(plan: Plan, edit: DeleteBranch) -> Edited:
    """Take a branch out."""
    way = plan.branch_way(edit.at)
    if isinstance(way[-1], int) and len(plan.sheet.value(way[:-1])) == 2:
        plan.sheet.unwrap(way[:-1], 1 - way[-1])
    else:
        drop_branch(plan, way)
    return Edited(plan.sheet.text, f"Delete {_named(edit.at)}", edit.at.source)


def _append(plan: Plan, at: BranchAt, written: Any) -> BranchAt:
    """Put a branch last among those of its trigger; a single one becomes a list, its text as it was."""
    way = plan.way(at.source) + plan.trigger_way(at)
    if not plan.sheet.has(way) or plan.sheet.value(way) == []:
        plan.sheet.put(way, written)
        return at
    there = plan.sheet.value(way)
    if not isinstance(there, list):
        plan.sheet.wrap(way)
        there = [there]
    plan.sheet.insert((*way, len(there)), written)
    return BranchAt(at.source, at.cause, at.trigger, len(there))


def _fit(plan: Plan, source: str, cause: Cause, trigger: str) -> None:
    state = plan.state(source) if source else None
    if state is not None and state.type in ("final", "history"):
        raise Stop(f"Nothing leads out of a {state.type} state; make it another kind first.", "trigger")
    if cause == "event":
        if not trigger:
            raise Stop("Name the event.", "trigger")
        fault = fault_of_descriptor(trigger)
        if fault:
            raise Stop(f"{shown(trigger)} {fault}.", "trigger")
    if cause == "after" and not trigger:
        raise Stop("Say after how long: P14D are 14 days, PT2H two hours, or a name from the delays.", "trigger")
    if cause == "done" and state is not None and not state.states:
        raise Stop("Only a state with states inside is ever done.", "trigger")


def _named(at: BranchAt) -> str:
    name = {"event": at.trigger, "after": f"after {at.trigger}", "always": "always", "done": "when done"}[at.cause]
    return f"{name} in {at.source.rpartition('.')[2]}" if at.source else f"{name} in any state"

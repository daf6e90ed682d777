"""Documents compared by what they mean: shorthands spelled out, the order of keys left aside, that of states kept."""

from __future__ import annotations

from typing import Any


def spelled_out(holder: dict[str, Any]) -> dict[str, Any]:
    """A document, or a state of one, without shorthands."""
    found = dict(holder)
    for key in ("on", "after"):
        if key in found:
            found[key] = [(trigger, _branches(written)) for trigger, written in found[key].items()]
    for key in ("always", "onDone"):
        if key in found:
            found[key] = _branches(found[key])
    for key in ("entry", "exit"):
        if key in found:
            found[key] = _actions(found[key])
    if "states" in found:
        found["states"] = [(name, spelled_out(state)) for name, state in found["states"].items()]
    return found


def _branches(written: Any) -> list[dict[str, Any]]:
    return [_branch(each) for each in (written if isinstance(written, list) else [written])]


def _branch(written: Any) -> dict[str, Any]:
    branch = {"target": written} if isinstance(written, str) else dict(written)
    if isinstance(branch.get("guard"), str):
        branch["guard"] = {"type": branch["guard"]}
    if isinstance(branch.get("target"), list) and len(branch["target"]) == 1:
        branch["target"] = branch["target"][0]
    if "actions" in branch:
        branch["actions"] = _actions(branch["actions"])
    return branch


def _actions(written: Any) -> list[Any]:
    listed = written if isinstance(written, list) else [written]
    return [{"type": each} if isinstance(each, str) else each for each in listed]

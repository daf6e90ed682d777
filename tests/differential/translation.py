"""Random machines (tests/machine/machines.py) as configs for XState, in the small forms that the runner takes."""

from __future__ import annotations

from typing import Any

from tests.machine.machines import ROOT, paths_of


def config_of(document: dict[str, Any]) -> dict[str, Any]:
    """The whole machine."""
    ids = {path: state.get("id", f"{ROOT}.{path}") for path, state in paths_of(document).items()}
    return {**_state(document, ids), "context": document["context"]}


def _state(state: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    made = dict(state)
    for key in ("on", "after"):
        if key in state:
            made[key] = {_key(name): [_branch(each, ids) for each in branches] for name, branches in state[key].items()}
    for key in ("always", "onDone"):
        if key in state:
            made[key] = [_branch(each, ids) for each in state[key]]
    for key in ("entry", "exit"):
        if key in state:
            made[key] = [_action(each) for each in state[key]]
    if "states" in state:
        made["states"] = {name: _state(child, ids) for name, child in state["states"].items()}
    return made


def _key(name: str) -> str:
    """An event's name as it is; a delay in milliseconds."""
    return str(int(name[2:-1]) * 1_000) if name.startswith("PT") else name


def _branch(branch: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    """What is kept comes first, then the patch, then the actions, as in our language."""
    made = {key: branch[key] for key in ("target", "reenter") if key in branch}
    if "guard" in branch:
        made["guard"] = _guard(branch["guard"], ids)
    actions: list[dict[str, Any]] = []
    if "keep" in branch:
        actions.append({"type": "keep", "fields": branch["keep"]})
    if "context" in branch:
        actions.append({"type": "patch", "fields": branch["context"]})
    actions += [_action(each) for each in branch.get("actions", [])]
    return {**made, "actions": actions} if actions else made


def _action(action: dict[str, Any]) -> dict[str, Any]:
    if "raise" in action:
        return {"type": "raise", "event": {"type": action["raise"]}}
    return {"type": "patch", "fields": action["patch"]}


def _guard(guard: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    ((kind, rest),) = guard.items()
    match kind:
        case "in":
            return {"in": f"#{ids[rest]}"}
        case "not":
            return {"not": _guard(rest, ids)}
        case "all" | "any":
            return {kind: [_guard(each, ids) for each in rest]}
        case _:
            return guard

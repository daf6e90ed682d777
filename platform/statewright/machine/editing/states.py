"""Edits of states: added, renamed, moved, taken out, with everything that names them following."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from statewright.machine.chart import spaced
from statewright.machine.definition import TONES
from statewright.machine.editing.plan import Plan, Reference, way_to
from statewright.machine.editing.sheet import Step, Way
from statewright.machine.editing.words import (
    AddState,
    BranchAt,
    DeleteState,
    Edited,
    MoveState,
    Path,
    RenameState,
    SetInitial,
    SetKind,
    SetState,
    Stop,
)
from statewright.machine.names import fault_of_state_name
from statewright.machine.problem import shown

ORDER = (
    "id", "label", "type", "history", "description", "tags", "target", "guard", "allow", "keep", "context", "actions",
    "reenter", "sla", "entry", "exit", "schemas", "relations", "roles", "guards", "delays", "initial", "on", "always",
    "after", "onDone", "states",
)  # fmt: skip
"""Keys in the order in which people read them; a new one is put among those there accordingly."""
_IN_STATE = re.compile(r"in_state\(\s*(['\"])([^'\"]*)\1\s*\)")


def key_of(name: str) -> str:
    """The key that is made of what people call a state: Credit review becomes credit_review."""
    plain = unicodedata.normalize("NFC", " ".join(name.split()))
    return re.sub(r"[\s.]+", "_", plain).lower() if not plain.isidentifier() or plain.istitle() else plain


def add(plan: Plan, edit: AddState) -> Edited:
    """Add a state; in a parent that had none it is the initial one."""
    name = " ".join(edit.name.split())
    if not name:
        raise Stop("Give the state a name.", "name")
    key = key_of(name)
    _fit(plan, edit.parent, key, "name")
    kind = plan.state(edit.parent).type if edit.parent else plan.definition.type
    if kind in ("final", "history"):
        raise Stop(f"{_said(plan, edit.parent)} is a {kind} state, and those hold no others.", "name")
    body: dict[str, Any] = {}
    if spaced(key) != name and key != name:
        body["label"] = name
    if edit.kind in ("parallel", "final", "history"):
        body["type"] = edit.kind
    if edit.tone in TONES:
        body["tags"] = [edit.tone]
    way = plan.way(edit.parent)
    first = not plan.children(edit.parent)
    if kind == "atomic":
        plan.sheet.drop((*way, "type"))
    if first and kind != "parallel" and edit.kind != "history" and not plan.sheet.has((*way, "initial")):
        _set_initial(plan, way, key)
    plan.sheet.put((*way, "states", key), body)
    path = f"{edit.parent}.{key}" if edit.parent else key
    return Edited(plan.sheet.text, f"Add the state {name}", path)


def rename(plan: Plan, edit: RenameState) -> Edited:
    """Give a state another key; targets, initials and `in_state` follow."""
    plan.state(edit.path)
    key = unicodedata.normalize("NFC", edit.name.strip())
    parent, _, old = edit.path.rpartition(".")
    if key == old:
        raise Stop("That is its name already.", "name")
    _fit(plan, parent, key, "name")
    new = f"{parent}.{key}" if parent else key
    references = list(plan.references())
    _follow_initial(plan, parent, old, key)
    plan.sheet.rename(way_to(edit.path), key)
    _repoint(plan, references, edit.path, new)
    return Edited(plan.sheet.text, f"Rename {old} to {key}", new)


def move(plan: Plan, edit: MoveState) -> Edited:
    """Take a state with all it holds elsewhere; targets, initials and `in_state` follow."""
    plan.state(edit.path)
    parent, _, key = edit.path.rpartition(".")
    _check_move(plan, edit, parent, key)
    new = f"{edit.parent}.{key}" if edit.parent else key
    references = list(plan.references())
    if parent == edit.parent:
        _reorder(plan, edit, key)
    else:
        _carry(plan, edit, parent, key)
        _repoint(plan, references, edit.path, new)
    words = f"Move {key} into {_said(plan, edit.parent)}" if parent != edit.parent else f"Move {key}"
    return Edited(plan.sheet.text, words, new)


def _check_move(plan: Plan, edit: MoveState, parent: Path, key: str) -> None:
    if edit.parent:
        kind = plan.state(edit.parent).type
        if kind in ("final", "history"):
            raise Stop(f"{_said(plan, edit.parent)} is a {kind} state, and those hold no others.", "parent")
    if edit.parent == edit.path or edit.parent.startswith(f"{edit.path}."):
        raise Stop("A state cannot lie inside of itself.", "parent")
    if edit.before is not None and edit.before not in plan.children(edit.parent):
        raise Stop(f"{edit.before} is not in {_said(plan, edit.parent)} any more.", "parent")
    if parent != edit.parent and key in plan.children(edit.parent):
        raise Stop(f"{_said(plan, edit.parent)} holds a state named {key} already; rename one of them first.", "parent")
    if not parent and parent != edit.parent and len(plan.children("")) == 1:
        raise Stop("It is the only state of the definition; add another first.", "parent")


def _reorder(plan: Plan, edit: MoveState, key: str) -> None:
    way = way_to(edit.path)
    if edit.before == key:
        return
    source = plan.sheet.cut(way)
    plan.sheet.paste(way, source, edit.before)


def _carry(plan: Plan, edit: MoveState, parent: Path, key: str) -> None:
    target = plan.way(edit.parent)
    kind = plan.state(edit.parent).type if edit.parent else plan.definition.type
    first = not plan.children(edit.parent)
    source = plan.sheet.source(way_to(edit.path))
    if kind == "atomic":
        plan.sheet.drop((*target, "type"))
    if first and kind != "parallel" and not plan.sheet.has((*target, "initial")):
        _set_initial(plan, target, key)
    if not plan.sheet.has((*target, "states")):
        plan.sheet.put((*target, "states"), {})
    plan.sheet.paste((*target, "states", key), source, edit.before)
    _take_out(plan, parent, key)


def delete(plan: Plan, edit: DeleteState) -> Edited:
    """Take a state out, and with `with_ways` the branches that lead to it; refused while there are any without."""
    plan.state(edit.path)
    parent, _, key = edit.path.rpartition(".")
    if not parent and len(plan.children("")) == 1:
        raise Stop("A definition needs a state; add another before taking the last one out.")
    leading = [one for one in plan.references() if _within(one.path, edit.path) and not _within(one.holder, edit.path)]
    if leading and not edit.with_ways:
        ways = tuple(dict.fromkeys(one.branch for one in leading if one.branch is not None))
        names = ", ".join(dict.fromkeys(_leads(plan, one) for one in leading))
        raise Stop(f"{_said(plan, edit.path)} is led to from elsewhere: {names}.", ways=ways)
    for one in reversed(leading):
        _cut_way(plan, one)
    plan.look()
    _take_out(plan, parent, key)
    return Edited(plan.sheet.text, f"Delete {key}", parent or None)


def _leads(plan: Plan, one: Reference) -> str:
    trigger = one.branch.trigger or one.branch.cause if one.branch else "history"
    return f"{trigger} in {_said(plan, one.holder)}"


def _cut_way(plan: Plan, one: Reference) -> None:
    """Take out one target, and its branch where it has no other; emptied lists and events go too."""
    way = one.way
    if not one.alone:
        plan.sheet.drop(way)
        return
    while (way and way[-1] == "target") or (way and isinstance(way[-1], int) and way[-2:-1] == ("target",)):
        way = way[:-1]
    if one.branch is None:
        plan.sheet.drop((*way, "target"))
        return
    drop_branch(plan, way)


def drop_branch(plan: Plan, way: Way) -> None:
    """Take out a branch, and what held nothing else: the list, the event, `on` itself."""
    plan.sheet.drop(way)
    above = way[:-1]
    if isinstance(way[-1], int):
        if not plan.sheet.value(above):
            drop_branch(plan, above)
    elif above and above[-1] in ("on", "after") and not plan.sheet.value(above):
        plan.sheet.drop(above)


def _take_out(plan: Plan, parent: Path, key: str) -> None:
    way = way_to(parent)
    plan.sheet.drop((*way, "states", key))
    rest = list(plan.sheet.value((*way, "states")))
    initial = plan.sheet.get((*way, "initial"))
    names_it = isinstance(initial, str) and initial.split(".")[0] == key
    if rest and names_it:
        plan.sheet.put((*way, "initial"), rest[0])
    if not rest and parent:
        plan.sheet.drop((*way, "states"))
        for name in ("initial", "type"):
            if plan.sheet.has((*way, name)):
                plan.sheet.drop((*way, name))


def set_initial(plan: Plan, edit: SetInitial) -> Edited:
    """Let a stay in the parent begin here."""
    plan.state(edit.path)
    parent, _, key = edit.path.rpartition(".")
    kind = plan.state(parent).type if parent else plan.definition.type
    if kind == "parallel":
        raise Stop("In a parallel state all regions begin at once; none of them is the initial one.")
    if plan.states.by_path[edit.path].type == "history":
        raise Stop("A stay cannot begin in a history state.")
    _set_initial(plan, plan.way(parent), key)
    return Edited(plan.sheet.text, f"Begin in {key}", edit.path)


def set_kind(plan: Plan, edit: SetKind) -> Edited:
    """Make a state another kind of state."""
    state, way = plan.state(edit.path), plan.way(edit.path)
    name = edit.path.rpartition(".")[2]
    if edit.kind in ("final", "history") and (state.states or state.on or state.always or state.after):
        holds = "states" if state.states else "ways out"
        sentence = f"{_said(plan, edit.path)} has {holds}; a {edit.kind} state has none. Move or delete them first."
        raise Stop(sentence, "kind")
    if edit.kind in ("parallel", "final", "history"):
        set_keys(plan, way, {"type": edit.kind})
    elif plan.sheet.has((*way, "type")):
        plan.sheet.drop((*way, "type"))
    if edit.kind != "history":
        for key in ("history", "target"):
            if plan.sheet.has((*way, key)):
                plan.sheet.drop((*way, key))
    has_initial = plan.sheet.has((*way, "initial"))
    if edit.kind == "parallel" and has_initial:
        plan.sheet.drop((*way, "initial"))
    if edit.kind in (None, "compound", "atomic") and state.states and not has_initial:
        _set_initial(plan, way, next(iter(state.states)))
    kind = edit.kind or ("compound" if state.states else "atomic")
    return Edited(plan.sheet.text, f"Make {name} {kind}", edit.path)


def change(plan: Plan, edit: SetState) -> Edited:
    """Set or take out keys of a state."""
    plan.state(edit.path)
    set_keys(plan, plan.way(edit.path), edit.changes)
    return Edited(plan.sheet.text, f"Change {', '.join(edit.changes)} of {edit.path.rpartition('.')[2]}", edit.path)


def set_keys(plan: Plan, way: Way, changes: dict[str, Any]) -> None:
    """Set each key to its value, or take it out where that is None."""
    for key, value in changes.items():
        if value is not None and not plan.sheet.has((*way, key)):
            plan.sheet.insert((*way, key), value, _follower(plan, way, key))
        elif value is not None:
            plan.sheet.put((*way, key), value)
        elif plan.sheet.has((*way, key)):
            plan.sheet.drop((*way, key))


def _follower(plan: Plan, way: Way, key: str) -> Step | None:
    """The first key there that readers expect after `key`."""
    if key not in ORDER:
        return None
    later = ORDER[ORDER.index(key) + 1 :]
    return next((part.name for part in plan.sheet.parts(way) if part.name in later), None)


def _set_initial(plan: Plan, way: Way, key: str) -> None:
    """Write `initial`, where it is new in front of the states it speaks of."""
    if plan.sheet.has((*way, "initial")):
        plan.sheet.put((*way, "initial"), key)
    else:
        before = "states" if plan.sheet.has((*way, "states")) else None
        plan.sheet.insert((*way, "initial"), key, before)


def _fit(plan: Plan, parent: Path, key: str, field: str) -> None:
    fault = fault_of_state_name(key) or ("holds a dot" if "." in key else None)
    if fault:
        raise Stop(f"{shown(key)} {fault}.", field)
    if key in plan.children(parent):
        raise Stop(f"{_said(plan, parent)} holds a state named {key} already; give it another name.", field)


def _said(plan: Plan, path: Path) -> str:
    if not path:
        return "the definition"
    return plan.state(path).label or spaced(path.rpartition(".")[2])


def _follow_initial(plan: Plan, parent: Path, old: str, new: str) -> None:
    way = (*way_to(parent), "initial")
    initial = plan.sheet.get(way)
    if isinstance(initial, str) and initial.split(".")[0] == old:
        plan.sheet.put(way, new + initial[len(old) :])


def _within(path: Path | None, above: Path) -> bool:
    return path is not None and (path == above or path.startswith(f"{above}."))


def _repoint(plan: Plan, references: list[Reference], old: Path, new: Path) -> None:
    """After a state went from `old` to `new`: write anew what does not find its target any more."""

    def now(path: Path) -> Path:
        return new + path[len(old) :] if _within(path, old) else path

    plan.look()
    before, after = way_to(old), way_to(new)
    for one in references:
        if one.path is None:
            continue
        holder, path = now(one.holder), now(one.path)
        if plan.states.resolve(one.written, holder) != path:
            way = after + one.way[len(before) :] if one.way[: len(before)] == before else one.way
            plan.sheet.put(way, plan.target(path, holder, one.written))
    _reword(plan, now)
    plan.look()


def _reword(plan: Plan, now: Callable[[Path], Path]) -> None:
    """Let `in_state('…')` follow, wherever an expression stands."""
    if "in_state" not in plan.sheet.text:
        return

    def reworded(text: str) -> str:
        return _IN_STATE.sub(lambda found: f"in_state({found[1]}{now(found[2])}{found[1]})", text)

    for way, text in list(_expressions(plan.sheet.value(), ())):
        if reworded(text) != text:
            plan.sheet.put(way, reworded(text))


def _expressions(value: Any, way: Way) -> Any:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "@expr" and isinstance(item, str):
                yield (*way, key), item
            else:
                yield from _expressions(item, (*way, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _expressions(item, (*way, index))


__all__ = ["BranchAt", "add", "change", "delete", "drop_branch", "key_of", "move", "rename", "set_initial", "set_kind"]

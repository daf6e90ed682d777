"""From a form that was sent to the edit it means.

A form says for each field what stood in it before (`was.<name>`), so that only what its reader changed becomes an edit,
and nothing that another changed meanwhile is set back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from statewright.machine.definition import TONES, Definition
from statewright.machine.editing import (
    AddBranch,
    AddState,
    BranchAt,
    DeleteBranch,
    DeleteField,
    DeleteState,
    Edit,
    EditRefused,
    MoveState,
    RenameState,
    RetriggerBranch,
    Rewrite,
    SetBranch,
    SetDefinition,
    SetEntry,
    SetField,
    SetInitial,
    SetKind,
    SetState,
    Several,
    ShiftBranch,
)
from statewright.machine.targets import States
from statewright_ui.modeler.actions import KINDS, ActionRow, Unreadable, action_of
from statewright_ui.modeler.values import constant_of, guard_of, patch_value

_CAUSES = ("event", "after", "always", "done")
_KINDS = ("parallel", "final", "history")
_FIELD_KINDS = ("string", "integer", "number", "boolean", "object", "array")
_DURATION = re.compile(r"\s*(\d+)\s*(s|sec|second|min|minute|h|hour|d|day|w|week)s?\s*", re.I)


class Form:
    """The fields of a form that was sent. Several of one name are a list."""

    def __init__(self, fields: Mapping[str, Any], lists: Callable[[str], list[str]]) -> None:
        self.fields = fields
        self._lists = lists

    def text(self, name: str) -> str:
        """A field without outer space; empty where there is none."""
        value = self.fields.get(name, "")
        return value.replace("\r\n", "\n").strip() if isinstance(value, str) else ""

    def all(self, name: str) -> list[str]:
        """All fields of a name, the empty ones left out."""
        return [value.strip() for value in self._lists(name) if isinstance(value, str) and value.strip()]

    def has(self, name: str) -> bool:
        """Whether the form has a field of the name."""
        return name in self.fields

    def on(self, name: str) -> bool:
        """Whether a box is ticked."""
        return self.text(name) not in ("", "0", "false")

    def changed(self, name: str) -> bool:
        """Whether a field says something else than it did when the form was made."""
        return self.text(name) != self.text(f"was.{name}")

    @property
    def at(self) -> BranchAt:
        """The branch that the form is about."""
        index = self.text("index")
        place = int(index) if index.isascii() and index.isdigit() else 0
        return BranchAt(self.text("source"), self._cause("cause"), self.text("trigger"), place)

    def _cause(self, name: str) -> Any:
        cause = self.text(name)
        return cause if cause in _CAUSES else "event"


def edit_of(op: str, form: Form, definition: Definition) -> Edit | EditRefused:
    """The edit that a form means."""
    if op not in _EDITS:
        return EditRefused("This form is of another version of the page; load it again.")
    return _EDITS[op](form, definition)


def duration_in(text: str) -> str:
    """A span of time as people write it (3 days, 2h, 30 min) in ISO 8601; anything else as it is."""
    found = _DURATION.fullmatch(text)
    if not found:
        return text.strip()
    amount, unit = found[1], found[2][0].lower()
    if unit in "dw":
        return f"P{amount}{unit.upper()}"
    return f"PT{amount}{unit.upper()}"


def _add_state(form: Form, definition: Definition) -> Edit | EditRefused:
    kind, tone = form.text("kind"), form.text("tone")
    return AddState(
        name=form.text("name"),
        parent=form.text("parent"),
        kind=cast(Any, kind) if kind in _KINDS else None,
        tone=tone if tone in TONES else "",
    )


def _set_state(form: Form, definition: Definition) -> Edit | EditRefused:
    path = form.text("path")
    state = States(definition).by_path.get(path)
    if state is None:
        return EditRefused(f"There is no state {path!r} any more; somebody may have renamed or deleted it.")
    edits: list[Edit] = []
    changes: dict[str, Any] = {}
    for key in ("label", "description"):
        if form.changed(key):
            changes[key] = form.text(key) or None
    if form.changed("tone"):
        rest = [tag for tag in state.tags if tag not in TONES]
        tone = form.text("tone")
        changes["tags"] = ([tone, *rest] if tone in TONES else rest) or None
    if form.changed("warn") or form.changed("breach"):
        limits = {key: duration_in(form.text(key)) for key in ("warn", "breach") if form.text(key)}
        changes["sla"] = limits or None
    try:
        _actions(form, "entry", changes)
        _actions(form, "exit", changes)
    except Unreadable as error:
        return EditRefused(str(error), "entry")
    if form.changed("history"):
        changes["history"] = form.text("history") or None
    if form.changed("kind"):
        kind = form.text("kind")
        edits.append(SetKind(path=path, kind=cast(Any, kind) if kind in _KINDS else None))
    if changes:
        edits.append(SetState(path=path, changes=changes))
    if form.on("initial") and not form.on("was.initial"):
        edits.append(SetInitial(path=path))
    parent = form.text("parent")
    if form.has("parent") and form.changed("parent"):
        edits.append(MoveState(path=path, parent=parent))
        path = f"{parent}.{path.rpartition('.')[2]}" if parent else path.rpartition(".")[2]
    if form.changed("name"):
        edits.append(RenameState(path=path, name=form.text("name")))
    return edits[0] if len(edits) == 1 else Several(edits=edits)


def _delete_state(form: Form, definition: Definition) -> Edit | EditRefused:
    return DeleteState(path=form.text("path"), with_ways=form.on("with_ways"))


def _shift_state(form: Form, definition: Definition) -> Edit | EditRefused:
    """Among its siblings up or down, out of its parent, or into the sibling before it."""
    path, by = form.text("path"), form.text("by")
    parent, _, key = path.rpartition(".")
    states = States(definition).by_path
    siblings = list((states[parent].states if parent in states else definition.states) if path in states else [])
    if key not in siblings:
        return EditRefused(f"There is no state {path!r} any more; somebody may have renamed or deleted it.")
    at = siblings.index(key)
    if by == "up" and at > 0:
        return MoveState(path=path, parent=parent, before=siblings[at - 1])
    if by == "down" and at + 1 < len(siblings):
        return MoveState(path=path, parent=parent, before=siblings[at + 2] if at + 2 < len(siblings) else None)
    if by == "out" and parent:
        above, _, name = parent.rpartition(".")
        around = list(states[above].states if above else definition.states)
        after = around.index(name) + 1
        return MoveState(path=path, parent=above, before=around[after] if after < len(around) else None)
    if by == "in" and at > 0:
        inner = siblings[at - 1]
        return MoveState(path=path, parent=f"{parent}.{inner}" if parent else inner)
    where = {"up": "above", "down": "below", "out": "around", "in": "above"}.get(by, "there")
    return EditRefused(f"There is nothing {where} it to move to.")


def _add_way(form: Form, definition: Definition) -> Edit | EditRefused:
    cause = form.at.cause
    trigger = duration_in(form.text("trigger")) if cause == "after" else form.text("trigger")
    edits: list[Edit] = []
    changes: dict[str, Any] = {}
    if guard := guard_of(form.text("guard"), definition):
        changes["guard"] = guard
    if allow := _roles(form, definition, edits):
        changes["allow"] = allow
    add = AddBranch(
        source=form.text("source"),
        cause=cause,
        trigger=trigger if cause in ("event", "after") else "",
        target=form.text("to") or None,
        changes=changes,
    )
    return Several(edits=[*edits, add]) if edits else add


def _roles(form: Form, definition: Definition, edits: list[Edit]) -> list[str]:
    """The roles that a form names; those not declared yet are declared along with it."""
    named = [*form.all("allow"), *(name.strip() for name in form.text("allow_new").split(",") if name.strip())]
    wanted = list(dict.fromkeys(named))
    known = {*definition.roles, "system"}
    edits += [SetEntry(section="roles", name=name, value={}) for name in wanted if name not in known]
    return wanted


def _set_way(form: Form, definition: Definition) -> Edit | EditRefused:
    at = form.at
    edits: list[Edit] = []
    changes: dict[str, Any] = {}
    if form.changed("guard"):
        changes["guard"] = guard_of(form.text("guard"), definition)
    for key in ("label", "description"):
        if form.changed(key):
            changes[key] = form.text(key) or None
    allow = _roles(form, definition, edits)
    if sorted(allow) != sorted(form.all("was.allow")):
        changes["allow"] = allow or None
    if form.changed("keep"):
        names = [name.strip() for name in form.text("keep").split(",") if name.strip()]
        changes["keep"] = "*" if names == ["*"] else names or None
    if form.on("reenter") != form.on("was.reenter"):
        changes["reenter"] = True if form.on("reenter") else None
    _patch(form, changes)
    try:
        _actions(form, "actions", changes)
    except Unreadable as error:
        return EditRefused(str(error), "actions")
    targets, before = _targets(form)
    to, several = (None, None)
    if targets != before:
        to, several = (None, targets) if len(targets) > 1 else (next(iter(targets), ""), None)
    if changes or to is not None or several is not None:
        edits.append(SetBranch(at=at, changes=changes, to=to, targets=several))
    trigger = form.text("new_trigger")
    if form.changed("new_trigger") and at.cause in ("event", "after"):
        new = duration_in(trigger) if at.cause == "after" else trigger
        edits.append(RetriggerBranch(at=at, cause=at.cause, trigger=new))
    return edits[0] if len(edits) == 1 else Several(edits=edits)


def _actions(form: Form, key: str, changes: dict[str, Any]) -> None:
    """The actions under a key, where one of their rows says something else than before. Raises Unreadable."""
    prefix = f"{key}.kind."
    names = form_names(form, prefix)
    parts = ("kind", "name", "to", "lines")
    if not any(form.changed(f"{key}.{part}.{name}") for name in names for part in parts):
        return
    rows = [ActionRow(*(form.text(f"{key}.{part}.{name}") for part in parts)) for name in names]  # type: ignore[arg-type]  # looked at next
    found = [action_of(row) for row in rows if row.kind in KINDS and (row.name or row.lines)]
    changes[key] = found or None


def _targets(form: Form) -> tuple[list[str], list[str]]:
    """The states that a branch is to lead to, and those that it led to, each once."""
    names = ["to", *(name for name in form.fields if name.startswith("also."))]
    now = dict.fromkeys(target for name in names if (target := form.text(name)))
    before = dict.fromkeys(target for name in names if (target := form.text(f"was.{name}")))
    return list(now), list(before)


def _patch(form: Form, changes: dict[str, Any]) -> None:
    names = [name for name in form_names(form, "patch.field.") if form.has(f"patch.field.{name}")]
    touched = any(form.changed(f"patch.{part}.{name}") for name in names for part in ("field", "mode", "text"))
    if not touched:
        return
    patch = {
        form.text(f"patch.field.{name}"): patch_value(form.text(f"patch.mode.{name}"), form.text(f"patch.text.{name}"))
        for name in names
        if form.text(f"patch.field.{name}")
    }
    changes["context"] = patch or None


def form_names(form: Form, prefix: str) -> list[str]:
    """What follows a prefix in the names of a form's fields, in their order."""
    return [name.removeprefix(prefix) for name in form.fields if name.startswith(prefix)]


def _shift_way(form: Form, definition: Definition) -> Edit | EditRefused:
    return ShiftBranch(at=form.at, by=-1 if form.text("by") == "up" else 1)


def _delete_way(form: Form, definition: Definition) -> Edit | EditRefused:
    return DeleteBranch(at=form.at)


def _set_definition(form: Form, definition: Definition) -> Edit | EditRefused:
    changes: dict[str, Any] = {}
    for key in ("label", "description"):
        if form.changed(key):
            changes[key] = form.text(key) or None
    if form.changed("creation"):
        changes["creation"] = "implicit" if form.text("creation") == "implicit" else None
    if form.changed("keep"):
        names = [name.strip() for name in form.text("keep").split(",") if name.strip()]
        changes["keep"] = "*" if names == ["*"] else names or None
    return SetDefinition(changes=changes) if changes else Several(edits=[])


def _set_field(form: Form, definition: Definition) -> Edit | EditRefused:
    schema: dict[str, Any] = {}
    known = bool(form.text("rename"))
    kind = form.text("type")
    if form.changed("type") or not known:
        schema["type"] = kind if kind in _FIELD_KINDS else None
    for key, field in (("readOnly", "read_only"), ("personal", "personal")):
        if form.on(field) != form.on(f"was.{field}"):
            schema[key] = True if form.on(field) else None
    if form.changed("default"):
        schema["default"] = constant_of(form.text("default")) if form.text("default") else None
    if form.changed("description"):
        schema["description"] = form.text("description") or None
    return SetField(
        name=form.text("name"),
        event=form.text("event"),
        schema=schema,
        required=form.on("required"),
        rename=form.text("rename") or None,
    )


def _delete_field(form: Form, definition: Definition) -> Edit | EditRefused:
    return DeleteField(name=form.text("rename"), event=form.text("event"))


def _set_entry(form: Form, definition: Definition) -> Edit | EditRefused:
    section = form.text("section")
    name, text = form.text("name"), form.text("value")
    if section == "guards":
        if not text:
            return EditRefused("Write the expression that the guard stands for.", "value")
        return SetEntry(section="guards", name=name, value={"when": {"@expr": text}})
    if section == "roles":
        known = definition.roles.get(name)
        described = {"description": known.description} if known and known.description else {}
        return SetEntry(section="roles", name=name, value=({"label": text} if text else {}) | described)
    if section == "events" and name not in definition.schemas.events:
        return SetEntry(section="events", name=name, value={})
    return EditRefused("That is declared already.", "name")


def _delete_entry(form: Form, definition: Definition) -> Edit | EditRefused:
    section = form.text("section")
    if section not in ("guards", "roles", "events", "relations", "delays"):
        return EditRefused("This form is of another version of the page; load it again.")
    return SetEntry(section=cast(Any, section), name=form.text("name"), value=None)


def _rewrite(form: Form, definition: Definition) -> Edit | EditRefused:
    text = form.fields.get("text", "")
    return Rewrite(text=text.replace("\r\n", "\n") if isinstance(text, str) else "")


_EDITS: dict[str, Callable[[Form, Definition], Edit | EditRefused]] = {
    "add-state": _add_state,
    "set-state": _set_state,
    "delete-state": _delete_state,
    "shift-state": _shift_state,
    "add-way": _add_way,
    "set-way": _set_way,
    "shift-way": _shift_way,
    "delete-way": _delete_way,
    "set-definition": _set_definition,
    "set-field": _set_field,
    "delete-field": _delete_field,
    "set-entry": _set_entry,
    "delete-entry": _delete_entry,
    "rewrite": _rewrite,
}

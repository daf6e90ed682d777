"""A definition's text changed as its author meant, everything else staying byte for byte as it was written.

`edited(text, edit)` gives the new text, or a refusal in a sentence. Pure: who may edit, and what was undone, is kept by
the catalogue's drafts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from statewright.machine.editing import branches, fields, states
from statewright.machine.editing.differing import Difference, differences, meet
from statewright.machine.editing.merging import merged
from statewright.machine.editing.plan import Plan
from statewright.machine.editing.sheet import NotThere, Sheet, pretty_document, way_of
from statewright.machine.editing.words import (
    AddBranch,
    AddState,
    BranchAt,
    DeleteBranch,
    DeleteField,
    DeleteState,
    Edit,
    Edited,
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
    Stop,
)

__all__ = [
    "AddBranch",
    "AddState",
    "BranchAt",
    "DeleteBranch",
    "DeleteField",
    "DeleteState",
    "Difference",
    "Edit",
    "EditRefused",
    "Edited",
    "MoveState",
    "RenameState",
    "RetriggerBranch",
    "Rewrite",
    "SetBranch",
    "SetDefinition",
    "SetEntry",
    "SetField",
    "SetInitial",
    "SetKind",
    "SetState",
    "Several",
    "Sheet",
    "ShiftBranch",
    "differences",
    "edited",
    "meet",
    "merged",
    "pretty_document",
    "sound",
    "way_of",
]

_DOERS: dict[type, Callable[[Plan, Any], Edited]] = {
    AddState: states.add,
    RenameState: states.rename,
    MoveState: states.move,
    DeleteState: states.delete,
    SetState: states.change,
    SetKind: states.set_kind,
    SetInitial: states.set_initial,
    AddBranch: branches.add,
    SetBranch: branches.change,
    RetriggerBranch: branches.retrigger,
    ShiftBranch: branches.shift,
    DeleteBranch: branches.delete,
    SetDefinition: fields.describe,
    SetField: fields.set_field,
    DeleteField: fields.delete_field,
    SetEntry: fields.set_entry,
}


def edited(text: str, edit: Edit) -> Edited | EditRefused:
    """The text after an edit, which is a definition again; or why the edit cannot be made.

    Only a `Rewrite` may leave a text that is no definition: whoever writes by hand passes through such texts.
    """
    if isinstance(edit, Rewrite):
        return Edited(edit.text, "Edit the JSON")
    if isinstance(edit, Several):
        return _one_by_one(text, edit)
    try:
        done = _DOERS[type(edit)](Plan(text), edit)
        Plan(done.text)
    except Stop as stop:
        return stop.refused
    except NotThere:
        return EditRefused("What was to be changed is not there any more.")
    return done


def _one_by_one(text: str, several: Several) -> Edited | EditRefused:
    words, selected = [], None
    for edit in several.edits:
        answer = edited(text, edit)
        if isinstance(answer, EditRefused):
            return answer
        text, selected = answer.text, answer.selected or selected
        words.append(answer.words)
    return Edited(text, several.words or "; ".join(words) or "Change nothing", selected)


def sound(text: str) -> bool:
    """Whether a text is a definition, with errors or without, so that it can be drawn and changed by form."""
    try:
        Plan(text)
    except Stop:
        return False
    return True

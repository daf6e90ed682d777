"""What may be done to a definition under the pen: each edit says what its author meant, not which characters change."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

Path = str
"""A state by the keys that lead to it, joined by dots; empty for the definition itself."""
Kind = Literal["atomic", "compound", "parallel", "final", "history"]
Cause = Literal["event", "after", "always", "done"]


class _Edit(Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    pass


class BranchAt(Struct, frozen=True):
    """Where a branch stands: in which state, under what, and as which of several."""

    source: Path
    cause: Cause
    trigger: str = ""
    index: int = 0


class AddState(_Edit, frozen=True):
    """A new last state in `parent`. The first state of a parent becomes its initial one.

    `name` is what people call it; its key is made of that, and it becomes the label where the key does not say it.
    """

    name: str
    parent: Path = ""
    kind: Kind | None = None
    tone: str = ""


class RenameState(_Edit, frozen=True):
    """Another key for a state; all that names it follows."""

    path: Path
    name: str


class MoveState(_Edit, frozen=True):
    """A state, with all it holds, into another parent, before one of its children or last; what names it follows."""

    path: Path
    parent: Path
    before: str | None = None


class DeleteState(_Edit, frozen=True):
    """A state away, with all it holds. Refused, naming them, while branches elsewhere lead to it; unless `with_ways`,
    which takes those along."""

    path: Path
    with_ways: bool = False


class SetState(_Edit, frozen=True):
    """Keys of a state set, or taken out where the value is None."""

    path: Path
    changes: dict[str, Any]


class SetKind(_Edit, frozen=True):
    """What a state is: atomic or compound (None, by what it holds), parallel, final, history."""

    path: Path
    kind: Kind | None


class SetInitial(_Edit, frozen=True):
    """The state where a stay in its parent begins."""

    path: Path


class AddBranch(_Edit, frozen=True):
    """A new last branch."""

    source: Path
    cause: Cause
    trigger: str = ""
    target: Path | None = None
    changes: dict[str, Any] = {}


class SetBranch(_Edit, frozen=True):
    """Keys of a branch set, or taken out where the value is None. `to` is the path of its target; empty for none.

    `targets` are the paths of several, in as many regions.
    """

    at: BranchAt
    changes: dict[str, Any] = {}
    to: Path | None = None
    targets: list[Path] | None = None


class RetriggerBranch(_Edit, frozen=True):
    """A branch under another event, delay or cause, or in another state, where it comes last."""

    at: BranchAt
    cause: Cause
    trigger: str = ""
    source: Path | None = None


class ShiftBranch(_Edit, frozen=True):
    """A branch earlier (negative) or later among those of its trigger: the first whose guard holds is taken."""

    at: BranchAt
    by: int


class DeleteBranch(_Edit, frozen=True):
    """A branch away."""

    at: BranchAt


class SetDefinition(_Edit, frozen=True):
    """Keys of the definition itself set, or taken out where the value is None."""

    changes: dict[str, Any]


class SetField(_Edit, frozen=True):
    """A field of the data (`event` empty) or of what an event carries. `rename` is the name it had before."""

    name: str
    schema: dict[str, Any]
    event: str = ""
    required: bool = False
    rename: str | None = None


class DeleteField(_Edit, frozen=True):
    """A field away from the data or from what an event carries."""

    name: str
    event: str = ""


class SetEntry(_Edit, frozen=True):
    """An entry of `roles`, `guards`, `relations`, `delays` or `schemas.events`; taken out where the value is None."""

    section: Literal["roles", "guards", "relations", "delays", "events"]
    name: str
    value: Any


class Rewrite(_Edit, frozen=True):
    """The whole text, as written by hand."""

    text: str


class Several(_Edit, frozen=True):
    """Edits made one after the other, as one step; one that is refused refuses all."""

    edits: list[Edit]
    words: str = ""


Edit = (
    AddState | RenameState | MoveState | DeleteState | SetState | SetKind | SetInitial | AddBranch | SetBranch
    | RetriggerBranch | ShiftBranch | DeleteBranch | SetDefinition | SetField | DeleteField | SetEntry | Several
    | Rewrite
)  # fmt: skip


class Edited(Struct, frozen=True):
    """The text after an edit, what was done in a few words, and what to select now (a path, or a branch)."""

    text: str
    words: str
    selected: Path | BranchAt | None = None


class EditRefused(Struct, frozen=True):
    """Why an edit cannot be made, in a sentence; `field` is the input that it is about, where there is one.

    `ways` are the branches that stand in the way of taking a state out.
    """

    sentence: str
    field: str = ""
    ways: tuple[BranchAt, ...] = ()


class Stop(Exception):
    """An edit that cannot be made; `editing.edited` makes the answer of it."""

    def __init__(self, sentence: str, field: str = "", ways: tuple[BranchAt, ...] = ()) -> None:
        super().__init__(sentence)
        self.refused = EditRefused(sentence, field, ways)

"""The definition language as typed structs: the one place that says which keys there are and what shape they have.

The published JSON Schema (`definitions/definition.schema.json`) is generated from these structs, and `reading` checks
documents against them, so the three cannot drift apart. A struct mirrors the document as it is written, shorthands
and all; `compile` is where shorthands end.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

Words = Annotated[str, Meta(max_length=2_000)]
StateName = Annotated[str, Meta(pattern=r"^[^.]+$")]
"""A key that a path can be made of; what else a name must be forbids activation, not the draft."""
Label = Annotated[str, Meta(max_length=200)]
Patch = dict[str, Any]
"""Fields to write: constants, `{"@unset": true}` to remove one, `{"@expr": …}` for a computed value."""
Action = str | dict[str, Any]
Actions = Action | list[Action]
Guard = str | dict[str, Any]
TONES = ("start", "active", "waiting", "success", "danger")
"""Tags with a meaning for colour and lists; others are free."""


class Branch(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One way an event may take an entity: where to, for whom, only if, and what is remembered."""

    target: str | list[str] | None = None
    guard: Guard | None = None
    allow: list[str] | None = None
    keep: Literal["*"] | list[str] | None = None
    context: Patch = {}
    actions: Actions = []
    reenter: bool = False
    label: Label | None = None
    description: Words | None = None
    meta: dict[str, Any] = {}

    @property
    def forbids(self) -> bool:
        """Whether this is XState's forbidden transition `{}`: it stops the search and takes nobody anywhere."""
        return self.target is None and not self.context and not self.actions and not self.keep


Branches = str | Branch | list[str | Branch]


class Sla(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How long a stay may last before people are told: ISO 8601 durations."""

    warn: str | None = None
    breach: str | None = None


class State(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True, rename="camel"):
    """One state: what may happen in it, and words and tags for people.

    `target` belongs to history states: where to, as long as there is nothing to remember.
    """

    type: Literal["atomic", "compound", "parallel", "final", "history"] | None = None
    id: str | None = None
    label: Label | None = None
    description: Words | None = None
    tags: list[str] = []
    on: dict[str, Branches] = {}
    initial: str | None = None
    states: dict[StateName, State] = {}
    history: Literal["shallow", "deep"] | None = None
    target: str | list[str] | None = None
    always: Branches = []
    after: dict[str, Branches] = {}
    entry: Actions = []
    exit: Actions = []
    on_done: Branches = []
    sla: Sla | None = None
    meta: dict[str, Any] = {}


class Schemas(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """JSON Schemas (2020-12) of the entity's data and of what each event carries."""

    context: dict[str, Any] | None = None
    events: dict[str, dict[str, Any]] = {}


class Role(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who may send an event, in words."""

    label: Label | None = None
    description: Words | None = None


class Relation(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A named reference to entities of a type, by a key in the data."""

    entity: str
    key: str | None = None
    cardinality: Literal["one", "many"] = "one"
    inverse: str | None = None
    label: Label | None = None
    description: Words | None = None


class Migration(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"from_": "from"}):
    """How entities under earlier revisions move to this one."""

    from_: list[int]
    states: dict[str, str] = {}
    context: Patch = {}
    timers: Literal["keep", "restart"] = "keep"


class Definition(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    kw_only=True,
    rename={
        "schema_uri": "$schema",
        "expr_lang": "@exprLang",
        "on_done": "onDone",
        "internal_events": "internalEvents",
    },
):
    """One document of the language: the life of one kind of entity."""

    schema_uri: str | None = None
    id: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$", min_length=1, max_length=63)]
    label: Label | None = None
    description: Words | None = None
    tags: list[str] = []
    expr_lang: Literal["cel"] = "cel"
    creation: Literal["explicit", "implicit"] = "explicit"
    keep: Literal["*"] | list[str] | None = None
    partition_by: str | None = None
    schemas: Schemas = Schemas()
    context: Patch = {}
    roles: dict[str, Role] = {}
    relations: dict[str, Relation] = {}
    guards: dict[str, Any] = {}
    delays: dict[str, Any] = {}
    internal_events: list[str] = []
    type: Literal["compound", "parallel"] | None = None
    initial: str | None = None
    states: dict[StateName, State]
    on: dict[str, Branches] = {}
    always: Branches = []
    after: dict[str, Branches] = {}
    entry: Actions = []
    exit: Actions = []
    on_done: Branches = []
    migrations: list[Migration] = []
    meta: dict[str, Any] = {}


def branches_of(written: Branches) -> list[Branch]:
    """The branches of one descriptor in the order written, the shorthand `"target"` spelled out."""
    items = written if isinstance(written, list) else [written]
    return [Branch(target=item) if isinstance(item, str) else item for item in items]


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the language, for editors and other tools."""
    schema = msgspec.json.schema(Definition)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Statewright definition",
        **schema,
    }

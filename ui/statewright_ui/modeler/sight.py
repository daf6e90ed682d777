"""Everything that the modeler shows of a draft: outline, what is selected, problems, and what can be undone."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from statewright.catalog import Catalog, Draft
from statewright.diagram.marks import transition_key
from statewright.machine.chart import ROOT, Arrow, Box, Chart, chart_of, folded, spoken
from statewright.machine.definition import TONES, Branch, Definition, State, branches_of
from statewright.machine.editing import BranchAt, way_of
from statewright.machine.problem import Problem
from statewright.machine.rewriting import delay_of
from statewright.machine.targets import States
from statewright_ui.modeler.actions import KINDS, ActionKind, ActionRow, action_rows
from statewright_ui.modeler.values import PatchRow, constant_text, guard_text, patch_rows
from statewright_ui.modeler.view import View

_NEVER = Definition(id="empty", states={})
_CAUSES = {"event": "event", "after": "after", "always": "always", "done": "done"}


class Fault(Struct, frozen=True):
    """A problem, and the address of the place to mend it; `sel` is what is selected there."""

    problem: Problem
    sel: str
    href: str


class Way(Struct, frozen=True, kw_only=True):
    """A branch as rows show it. `several`: others compete with it, so its order counts."""

    key: str
    at: BranchAt
    words: str
    guard: str
    otherwise: bool
    allow: tuple[str, ...]
    targets: list[Box]
    forbids: bool
    several: bool
    faults: int
    href: str
    label: str


class Item(Struct, frozen=True, kw_only=True):
    """A state in the outline. `expanded` is None for one with nothing inside."""

    box: Box
    name: str
    depth: int
    initial: bool
    expanded: bool | None
    selected: bool
    faults: int
    size: int
    position: int
    ways: int
    href: str
    folding: str


class Choice(Struct, frozen=True):
    """A state among those to choose from; the label is set in by its depth."""

    path: str
    label: str


class StateShown(Struct, frozen=True, kw_only=True):
    """The state that is selected, for its form."""

    path: str
    name: str
    state: State
    box: Box
    tone: str
    kind: str
    parent: Box | None
    initial: bool
    parallel: bool
    ways: list[Way]
    coming: list[Way]
    faults: list[Fault]
    entry: list[ActionRow]
    exit: list[ActionRow]


class WayShown(Struct, frozen=True, kw_only=True):
    """The branch that is selected, for its form. `keeps` is how `keep` is written in its field; `unknown` are those of
    its targets that are no states."""

    way: Way
    source: Box | None
    branch: Branch
    guard: str
    keeps: str
    patch: list[PatchRow]
    targets: list[str]
    rivals: list[Way]
    faults: dict[str, list[Fault]]
    payload: list[str]
    trigger: str
    actions: list[ActionRow]
    unknown: list[str]


class FieldRow(Struct, frozen=True):
    """A field of the data or of an event, as the table of fields shows it."""

    event: str
    name: str
    kind: str
    required: bool
    read_only: bool
    personal: bool
    default: str
    description: str
    more: bool


class Sight(Struct, frozen=True, kw_only=True):
    """What the page shows."""

    draft: Draft
    view: View
    definition: Definition
    broken: bool
    chart: Chart
    digest: str
    items: list[Item]
    choices: list[Choice]
    problems: list[Fault]
    state: StateShown | None
    way: WayShown | None
    ways: list[Way]
    roles: list[str]

    @property
    def faults(self) -> int:
        """How many problems forbid activating it."""
        return sum(fault.problem.severity != "warning" for fault in self.problems)

    @property
    def undeclared(self) -> list[str]:
        """The events that something leads on and no schema is declared for."""
        used = dict.fromkeys(arrow.trigger for arrow in self.chart.arrows if arrow.kind == "event")
        return [name for name in used if name not in self.definition.schemas.events and "*" not in name]

    @property
    def parallels(self) -> bool:
        """Whether an entity can be in several states at once, so that a transition may lead to several."""
        return self.chart.parallel or any(box.kind == "parallel" for box in self.chart.boxes.values())

    @property
    def action_kinds(self) -> list[tuple[ActionKind, str]]:
        """What an action can be, with words for it."""
        return list(KINDS.items())

    @property
    def no_action(self) -> ActionRow:
        """The row in which a new action is begun."""
        return ActionRow("emit")

    @property
    def selected(self) -> str:
        """What is selected, as the diagram knows it; empty for the definition."""
        if self.state is not None:
            return self.state.path
        return self.way.way.key if self.way is not None else ""


def sight_of(catalog: Catalog, draft: Draft, view: View) -> Sight:
    """Look at a draft from a view; what is selected and not there any more is the definition."""
    definition = catalog.reader.definition(draft.sound.encode()).definition or _NEVER
    return _Looking(catalog, draft, view, definition).sight()


class _Looking:
    def __init__(self, catalog: Catalog, draft: Draft, view: View, definition: Definition) -> None:
        self.draft, self.view, self.definition = draft, view, definition
        self.chart = chart_of(definition)
        self.states = States(definition)
        self.keys = {_place(arrow): transition_key(arrow) for arrow in self.chart.arrows}
        self.arrows = {transition_key(arrow): arrow for arrow in self.chart.arrows}
        self.rivals = Counter((arrow.source, arrow.kind, arrow.trigger) for arrow in self.chart.arrows)
        self.problems = [self._fault(problem) for problem in catalog.check(draft.text.encode())]
        self.counts = Counter(fault.sel for fault in self.problems)

    def sight(self) -> Sight:
        drawn = folded(self.chart, self.view.fold)
        digest = hashlib.sha256(msgspec.json.encode(drawn)).hexdigest()[:20]
        path = self.view.sel
        state = self._state(path) if path in self.states.by_path else None
        arrow = self.arrows.get(path) if state is None else None
        return Sight(
            draft=self.draft,
            view=self.view,
            definition=self.definition,
            broken=self.draft.text != self.draft.sound,
            chart=self.chart,
            digest=digest,
            items=list(self._items()),
            choices=[
                Choice(path, "\u2003" * path.count(".") + box.label)
                for path, box in self.chart.boxes.items()
                if box.kind != "missing"
            ],
            problems=self.problems,
            state=state,
            way=self._way_shown(arrow) if arrow is not None and arrow.kind in _CAUSES else None,
            ways=[self._way(each) for each in self.chart.arrows if each.source == ROOT],
            roles=list(self.definition.roles),
        )

    # --- outline

    def _items(self) -> Iterable[Item]:
        yield from self._inside(self.chart.roots, 1, self.chart.initial)

    def _inside(self, boxes: Iterable[Box], depth: int, initial: str | None) -> Iterable[Item]:
        shown = [box for box in boxes if box.kind != "missing"]
        for position, box in enumerate(shown, 1):
            closed = box.path in self.view.fold
            yield Item(
                box=box,
                name=box.path.rpartition(".")[2],
                depth=depth,
                initial=box.path == initial,
                expanded=None if not box.composite else not closed,
                selected=box.path == self.view.sel,
                faults=self._faults_at(box, closed),
                size=len(shown),
                position=position,
                ways=sum(arrow.source == box.path for arrow in self.chart.arrows),
                href=self.view.address(sel=box.path),
                folding=self.view.folding(box.path),
            )
            if box.composite and not closed:
                inner = [self.chart.boxes[child] for child in box.children]
                yield from self._inside(inner, depth + 1, box.initial)

    def _faults_at(self, box: Box, closed: bool) -> int:
        own = {key for key, arrow in self.arrows.items() if arrow.source == box.path} | {box.path}
        if closed:
            below = f"{box.path}."
            own |= {sel for sel in self.counts if sel.startswith(below)}
        return sum(self.counts[sel] for sel in own)

    # --- what is selected

    def _state(self, path: str) -> StateShown:
        state, box = self.states.by_path[path], self.chart.boxes[path]
        parent = self.chart.boxes.get(box.parent)
        return StateShown(
            path=path,
            name=path.rpartition(".")[2],
            state=state,
            box=box,
            tone=next((tag for tag in state.tags if tag in TONES), ""),
            kind=state.type if state.type in ("parallel", "final", "history") else "",
            parent=parent,
            initial=path == (parent.initial if parent else self.chart.initial),
            parallel=(parent.kind == "parallel") if parent else self.chart.parallel,
            ways=[self._way(arrow) for arrow in self.chart.arrows if arrow.source == path],
            coming=[self._way(arrow) for arrow in self.chart.arrows if path in arrow.targets and arrow.source != path],
            faults=[fault for fault in self.problems if fault.sel == path],
            entry=action_rows(state.entry),
            exit=action_rows(state.exit),
        )

    def _way(self, arrow: Arrow) -> Way:
        key = transition_key(arrow)
        return Way(
            key=key,
            at=BranchAt(arrow.source, _CAUSES.get(arrow.kind, "event"), arrow.trigger, arrow.index),  # type: ignore[arg-type]  # causes all
            words=arrow.words,
            guard=arrow.guard,
            otherwise=arrow.otherwise,
            allow=arrow.allow,
            targets=[self.chart.boxes[target] for target in arrow.targets if target in self.chart.boxes],
            forbids=arrow.forbids,
            several=self.rivals[arrow.source, arrow.kind, arrow.trigger] > 1,
            faults=self.counts[key],
            href=self.view.address(sel=key),
            label=arrow.label,
        )

    def _way_shown(self, arrow: Arrow) -> WayShown:
        holder = self.states.by_path[arrow.source] if arrow.source else self.definition
        match arrow.kind:
            case "event":
                written = holder.on[arrow.trigger]
            case "after":
                written = holder.after[arrow.trigger]
            case "always":
                written = holder.always
            case _:
                written = holder.on_done
        branch = branches_of(written)[arrow.index]
        way = self._way(arrow)
        schema = self.definition.schemas.events.get(arrow.trigger, {})
        alike = [each for each in self.chart.arrows if _trigger(each) == _trigger(arrow)]
        return WayShown(
            way=way,
            source=self.chart.boxes.get(arrow.source),
            branch=branch,
            guard=guard_text(branch.guard),
            keeps=branch.keep if isinstance(branch.keep, str) else ", ".join(branch.keep or ()),
            patch=patch_rows(branch.context),
            targets=list(arrow.targets),
            rivals=[self._way(each) for each in alike] if len(alike) > 1 else [],
            faults=self._by_field(way.key),
            payload=list(schema.get("properties", {})) if isinstance(schema.get("properties"), dict) else [],
            trigger=spoken(arrow.trigger) if arrow.kind == "after" else arrow.trigger,
            actions=action_rows(branch.actions),
            unknown=[target for target in arrow.targets if target not in self.states.by_path],
        )

    def _by_field(self, key: str) -> dict[str, list[Fault]]:
        """The problems of a branch by the field that they are about; the others under an empty name."""
        found: dict[str, list[Fault]] = {}
        for fault in self.problems:
            if fault.sel == key:
                found.setdefault(_field(fault.problem.pointer), []).append(fault)
        return found

    # --- problems

    def _fault(self, problem: Problem) -> Fault:
        sel = self._selection(way_of(problem.pointer))
        tab = "json" if problem.severity == "malformed" else "chart"
        if not sel and problem.pointer.startswith(("/schemas", "/roles", "/guards", "/relations", "/delays")):
            tab = "data"
        return Fault(problem, sel, self.view.address(sel=sel, tab=tab, fold=self._unfolded(sel)))

    def _unfolded(self, sel: str) -> tuple[str, ...]:
        """What stays folded when something is shown: nothing that it lies in."""
        source = self.arrows[sel].source if sel in self.arrows else sel
        return tuple(path for path in self.view.fold if not source.startswith(f"{path}."))

    def _selection(self, steps: tuple[str, ...]) -> str:
        """What to select for a place in the document: the branch or state that it lies in."""
        names = []
        rest = list(steps)
        while len(rest) >= 2 and rest[0] == "states":
            names.append(rest[1])
            rest = rest[2:]
        path = ".".join(names)
        at = _branch_at(path, rest)
        key = self.keys.get(at) if at is not None else None
        return key or (path if path in self.states.by_path else "")


_Place = tuple[str, str, str, int]


def _place(arrow: Arrow) -> _Place:
    return arrow.source, arrow.kind, arrow.trigger, arrow.index


def _trigger(arrow: Arrow) -> tuple[str, str, str]:
    return arrow.source, arrow.kind, arrow.trigger


def _branch_at(path: str, rest: list[str]) -> _Place | None:
    match rest:
        case ["on", trigger, *more]:
            return path, "event", trigger, _index(more)
        case ["after", trigger, *more]:
            return path, "after", delay_of(trigger), _index(more)
        case ["always", *more]:
            return path, "always", "", _index(more)
        case ["onDone", *more]:
            return path, "done", "", _index(more)
    return None


def _index(more: list[str]) -> int:
    return int(more[0]) if more and more[0].isascii() and more[0].isdigit() else 0


def _field(pointer: str) -> str:
    steps = way_of(pointer)
    known = ("guard", "cond", "allow", "keep", "context", "target", "actions")
    found = next((step for step in reversed(steps) if step in known), "")
    return "guard" if found == "cond" else found


def field_rows(definition: Definition, event: str = "") -> list[FieldRow]:
    """The fields of the data, or of what an event carries."""
    schema: Any = definition.schemas.events.get(event) if event else definition.schemas.context
    schema = schema if isinstance(schema, dict) else {}
    required = schema.get("required", [])
    properties = schema.get("properties", {})
    if not isinstance(properties, dict):
        return []
    return [
        _field_row(event, name, inner if isinstance(inner, dict) else {}, name in required)
        for name, inner in properties.items()
    ]


def _field_row(event: str, name: str, inner: dict[str, Any], required: bool) -> FieldRow:
    kind = inner.get("type", "")
    shown = {"type", "readOnly", "personal", "default", "description"}
    return FieldRow(
        event,
        name,
        kind if isinstance(kind, str) else " or ".join(map(str, kind)),
        required,
        inner.get("readOnly") is True,
        inner.get("personal") is True,
        constant_text(inner["default"]) if "default" in inner else "",
        str(inner.get("description", "")),
        bool(set(inner) - shown) or isinstance(kind, list),
    )

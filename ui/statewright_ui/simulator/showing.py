"""A simulated life as the page shows it: where it stands, what may come next, and every answer so far."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Struct

from statewright.diagram.marks import Walk, transition_key
from statewright.diagram.svg import svg_of
from statewright.machine.asking import May
from statewright.machine.chart import chart_of
from statewright.machine.compile import Machine
from statewright.machine.decide import Accepted, Refused
from statewright.machine.explaining import Explained
from statewright.machine.moments import Micros
from statewright.machine.playing import Decided, Life
from statewright.machine.record import Actor, Head, Timer
from statewright.machine.simulating import Step, choices_of, next_timer, walked
from statewright_ui import shown
from statewright_ui.differing import Change
from statewright_ui.forms import Form, form_of
from statewright_ui.rendering import DIAGRAM_WINDOW


class Typed(Struct, frozen=True):
    """What a person typed that could not be read: in which form, the inputs, what is wrong with them, by field."""

    form: str
    inputs: dict[str, str]
    faults: dict[str, str]
    trouble: str


class Possible(Struct, frozen=True):
    """An event that may be sent, with its form. `key` names the form, `arrows` the arrows of the picture it is on."""

    key: str
    name: str | None
    may: May
    form: Form
    arrows: list[str]
    trouble: str
    open: bool


class Answer(Struct, frozen=True):
    """One decision as it is read: `name` of what was asked, and what came of it."""

    name: str
    timer: bool
    source: list[shown.State]
    target: list[shown.State]
    stays: bool
    changes: list[Change]
    emits: list[dict[str, Any]]
    sends: list[dict[str, Any]]
    logs: list[Any]
    refused: Refused | None
    explained: list[Explained]
    actor: Actor
    now: Micros


class Row(Struct, frozen=True):
    """One act with all its answers; `number` counts from 1."""

    number: int
    waited: str | None
    answers: list[Answer]
    payload: dict[str, Any]
    now: Micros


class Simulated(Struct, frozen=True):
    """All that the page shows of a run."""

    svg: str
    states: list[shown.State]
    ended: bool
    head: Head | None
    data: list[tuple[str, Any, Change | None]]
    removed: list[Change]
    possible: list[Possible]
    rows: list[Row]
    timer: Timer | None
    due_s: float
    now: Micros
    roles: list[str]
    typed: Typed


async def shown_run(machine: Machine, steps: list[Step], life: Life, actor: Actor, typed: Typed | None) -> Simulated:
    """A run that was played, for the page; `typed` is what could not be read of the form that was sent last."""
    typed = typed or Typed("", {}, {}, "")
    head = life.head
    ended = head is not None and machine.is_final(head.leaves)
    moves = tuple(Walk(source, event, target) for source, event, target in walked(steps))
    svg = await svg_of(
        machine.definition,
        machine.digest,
        current=() if head is None else head.leaves,
        walked=moves,
        links="#at-",
        window=DIAGRAM_WINDOW,
    )
    rows = [_row(machine, number, step) for number, step in enumerate(steps, 1)]
    changes = {change.field: change for change in _changes_of(steps[-1])} if steps else {}
    data = {} if head is None else head.data
    timer = next_timer(life)
    return Simulated(
        svg=svg,
        states=[] if head is None else shown.states(machine, head.leaves),
        ended=ended,
        head=head,
        data=[(name, value, changes.get(name)) for name, value in data.items()],
        removed=[change for change in changes.values() if change.removed],
        possible=[] if ended else _possible(machine, life, actor, typed),
        rows=rows[::-1],
        timer=timer,
        due_s=0 if timer is None else (timer.due - life.now) / 1_000_000,
        now=life.now,
        roles=list(machine.definition.roles),
        typed=typed,
    )


def _possible(machine: Machine, life: Life, actor: Actor, typed: Typed) -> list[Possible]:
    keys: dict[str, list[str]] = {}
    for arrow in chart_of(machine.definition).arrows:
        if arrow.kind == "event":
            keys.setdefault(arrow.trigger, []).append(transition_key(arrow))
    found = []
    for choice in choices_of(machine, life, actor):
        key = "create" if choice.name is None else f"event.{choice.name}"
        mine = typed.form == key
        form = form_of(choice.schema, typed.inputs if mine else None, typed.faults if mine else None)
        trouble = typed.trouble if mine else ""
        found.append(Possible(key, choice.name, choice.may, form, keys.get(choice.name or "", []), trouble, mine))
    if len(found) == 1:
        found = [msgspec.structs.replace(found[0], open=True)]
    return found


def _row(machine: Machine, number: int, step: Step) -> Row:
    answers = [_answer(machine, each) for each in step.decided]
    payload = step.act.data if step.act.event is not UNSET else {}
    return Row(number, step.act.after, answers, payload, step.now)


def _answer(machine: Machine, decided: Decided) -> Answer:
    outcome, event = decided.outcome, decided.event
    timer = event.timer
    name = "creation" if event.name is None else event.name
    if timer is not None:
        name = f"after {timer.key}"
    before = decided.head
    source = () if before is None else before.leaves
    refused = outcome if isinstance(outcome, Refused) else None
    accepted = outcome if isinstance(outcome, Accepted) else None
    target = accepted.to if accepted is not None else source
    return Answer(
        name=name,
        timer=timer is not None,
        source=shown.states(machine, (accepted.from_ or source) if accepted is not None else source),
        target=shown.states(machine, target),
        stays=accepted is not None and accepted.from_ == accepted.to,
        changes=_changes(before, accepted) if accepted is not None else [],
        emits=list(accepted.emits) if accepted is not None else [],
        sends=list(accepted.sends) if accepted is not None else [],
        logs=list(accepted.logs) if accepted is not None else [],
        refused=refused,
        explained=[] if refused is None else refused.explanation,
        actor=event.actor,
        now=event.now,
    )


def _changes(before: Head | None, accepted: Accepted) -> list[Change]:
    known = {} if before is None else before.data
    changed = [Change(name, known.get(name, UNSET), value) for name, value in accepted.changes.items()]
    return changed + [Change(name, known.get(name, UNSET), UNSET) for name in accepted.removed]


def _changes_of(step: Step) -> list[Change]:
    """What differs in the data between before an act and after it."""
    before = {} if step.before is None else step.before.data
    after = {} if step.head is None else step.head.data
    changed = [
        Change(name, before.get(name, UNSET), value)
        for name, value in after.items()
        if name not in before or before[name] != value
    ]
    return changed + [Change(name, value, UNSET) for name, value in before.items() if name not in after]

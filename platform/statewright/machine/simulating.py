"""A life stepped through by hand: acts played one after another, every answer kept, refusals among them. Pure.

A run is what was done; what came of it is played again whenever it is looked at, so that going back is to look at
fewer acts, and another revision is tried by playing the same acts under it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from statewright.machine.asking import May, may
from statewright.machine.backtesting import given_of, past_of
from statewright.machine.compile import Machine, state_text
from statewright.machine.decide import Accepted, Event, Refused
from statewright.machine.moments import Micros, duration_of, micros_of, text_of, text_of_duration
from statewright.machine.playing import Decided, Life
from statewright.machine.record import Actor, Head, Leaves, Record, Timer, merged
from statewright.machine.scenarios import Act, Scenario, ScenarioFile, Then

ACTS = 500
"""How many acts a run may have."""


class Run(Struct, frozen=True, omit_defaults=True):
    """What was done, oldest first, and when the simulated clock began (RFC 3339). `origin` says where it came from.

    `given` is the entity that it begins with, where what led there cannot be played.
    """

    begins: str
    acts: tuple[Act, ...] = ()
    origin: str = ""
    given: Head | None = None


class Step(Struct, frozen=True):
    """What one act came to: all that was decided (timers that fired on the way first), and the entity then.

    `outcome` is the answer to the act itself; None where it only let the clock run.
    """

    act: Act
    decided: tuple[Decided, ...]
    outcome: Accepted | Refused | None
    before: Head | None
    head: Head | None
    now: Micros

    @property
    def refused(self) -> Refused | None:
        """Why the act was not let through; None when it was."""
        return self.outcome if isinstance(self.outcome, Refused) else None


class Choice(Struct, frozen=True):
    """An event that may be sent where the entity stands, and what is known of whether it would be let through.

    `name` None creates the entity.
    """

    name: str | None
    may: May
    schema: dict[str, Any] | None


def play_run(machine: Machine, run: Run, upto: int | None = None) -> tuple[list[Step], Life]:
    """Play the first `upto` acts of a run (all where None), and the life that they make."""
    life = Life(machine, micros_of(run.begins), copy.deepcopy(run.given))
    steps: list[Step] = []
    for act in run.acts[:upto]:
        before, known = life.head, len(life.decided)
        outcome = play_act(life, act)
        steps.append(Step(act, tuple(life.decided[known:]), outcome, before, life.head, life.now))
    return steps, life


def play_act(life: Life, act: Act) -> Accepted | Refused | None:
    """One act; its actor must be spelled out. What is refused changes nothing."""
    if act.after is not None:
        life.wait(duration_of(act.after))
    if act.event is UNSET:
        return None
    actor = act.actor
    assert isinstance(actor, Actor)
    data, create = copy.deepcopy((act.data, act.create))
    event = Event(act.event, data, actor, act.expected_version, create)
    return life.send(event, None if act.occurred_at is None else micros_of(act.occurred_at))


def next_timer(life: Life) -> Timer | None:
    """The timer that is due first; None when none runs."""
    running = () if life.head is None else life.head.timers
    return min(running, key=lambda timer: timer.due, default=None)


def wait_for(life: Life, timer: Timer) -> Act:
    """Let the clock run until a timer is due."""
    return Act(after=text_of_duration(max(timer.due - life.now, 0)))


def choices_of(machine: Machine, life: Life, actor: Actor) -> list[Choice]:
    """What may be sent now, innermost state first; to nobody yet it is the creation, or the first event."""
    head, events = life.head, machine.definition.schemas.events
    if head is None:
        found = [Choice(None, May("yes"), machine.definition.schemas.context)]
        if machine.implicit:
            begun = Head(version=0, revision=machine.revision, leaves=machine.initial, data=dict(_data(machine)))
            found = [*_choices(machine, begun, life.now, actor, events), *found]
        return found
    return _choices(machine, head, life.now, actor, events)


def _choices(
    machine: Machine, head: Head, now: Micros, actor: Actor, events: dict[str, dict[str, Any]]
) -> list[Choice]:
    found = []
    for name in machine.allowed(head.leaves):
        event = Event(name, actor=actor, now=now, entity="simulated")
        found.append(Choice(name, may(machine, head, event), events.get(name)))
    return found


def _data(machine: Machine) -> dict[str, Any]:
    data = dict(machine.definition.context)
    return data if machine.context is None else machine.context.filled(data)


def walked(steps: Iterable[Step]) -> list[tuple[Leaves | None, str | None, Leaves]]:
    """The moves that a run made, oldest first: from, event, to."""
    return [
        (each.outcome.from_, _name(each), each.outcome.to)
        for step in steps
        for each in step.decided
        if isinstance(each.outcome, Accepted)
    ]


def _name(decided: Decided) -> str | None:
    timer = decided.event.timer
    return decided.event.name if timer is None else f"after.{timer.key}.{timer.state}"


# --- To and from what others keep ---


def run_of(
    records: Sequence[Record], machine: Machine, then: Callable[[int], Machine | None], upto: int | None = None
) -> Run:
    """What was sent to a recorded entity up to the version `upto`, with the same pauses; timers fire of themselves.

    `then` gives the machine of a revision, `machine` is the one that the run is for; see `backtesting.given_of`.
    """
    origin = f"{records[0].type}/{records[0].entity}" if records else ""
    begins = _sent_at(records[0]) if records else 0
    clock, acts = begins, list[Act]()
    for record in records:
        if upto is not None and record.version > upto:
            break
        if record.kind not in ("created", "event"):
            continue
        acts.append(_act_of(record, clock, machine, then(record.revision)))
        clock = max(clock, _sent_at(record))
    return Run(text_of(begins), tuple(acts), origin)


def _act_of(record: Record, clock: Micros, machine: Machine, then: Machine | None) -> Act:
    """What a record says was sent, to be sent when the simulated clock has run on from `clock` to its moment."""
    pause = _sent_at(record) - clock
    first = record.version == 1
    given = given_of(past_of(record), machine, then) if first else {}
    return Act(
        after=text_of_duration(pause) if pause > 0 else None,
        event=record.event,
        data=given if record.kind == "created" else merged(record, "payload"),
        actor=record.actor,
        occurred_at=None if record.occurred_at is None else text_of(record.occurred_at),
        create=given if first and record.kind == "event" and given else True,
    )


def _sent_at(record: Record) -> Micros:
    return record.recorded_at if record.now is None else record.now


def scenario_of(machine: Machine, run: Run, name: str, description: str | None = None) -> ScenarioFile:
    """A run as a scenario file: its last act is what is tested, with what came of it; those before are given.

    Acts that were refused are left out of what is given, since they changed nothing. Raises ValueError for a run
    without acts, and for one that begins with an entity whose life it does not know.
    """
    if not run.acts:
        raise ValueError("nothing has happened yet that a scenario could show")
    if run.given is not None:
        raise ValueError("it begins in the middle of a life, and a scenario tells a life from its creation")
    steps, life = play_run(machine, run)
    last = steps[-1]
    given, pause = list[str | Act](), 0
    for step in steps[:-1]:
        pause += 0 if step.act.after is None else duration_of(step.act.after)
        if step.outcome is not None and step.refused is None:
            given.append(_waiting(step.act, pause))
            pause = 0
    pause += 0 if last.act.after is None else duration_of(last.act.after)
    when = _waiting(last.act, pause)
    scenario = Scenario(name=name, description=description, given=given, when=when, then=_then(machine, last, life))
    return ScenarioFile(definition=f"{machine.type}.json", begins=run.begins, scenarios=[scenario])


def _waiting(act: Act, pause: Micros) -> Act:
    return replace(act, after=text_of_duration(pause) if pause else None)


def _then(machine: Machine, last: Step, life: Life) -> Then:
    if last.refused is not None:
        return Then(why=last.refused.why.value)
    head = life.head
    if head is None:
        return Then()
    before = {} if last.before is None else last.before.data
    changed = {field: value for field, value in head.data.items() if field not in before or before[field] != value}
    gone: dict[str, Any] = {field: {"@unset": True} for field in before if field not in head.data}
    state = state_text(head.leaves)
    return Then(
        state=state,
        version=head.version,
        data={**changed, **gone},
        allowed=list(machine.allowed(head.leaves)),
        final=machine.is_final(head.leaves),
    )


def joined(file: ScenarioFile, more: ScenarioFile) -> ScenarioFile:
    """A scenario file with the scenarios of another appended, named apart; actors and clock are the first one's.

    Raises ValueError where the two clocks begin at different moments and the added ones name times.
    """
    taken = {scenario.name for scenario in file.scenarios}
    added = []
    for scenario in more.scenarios:
        name, number = scenario.name, 2
        while name in taken:
            name, number = f"{scenario.name} ({number})", number + 1
        taken.add(name)
        added.append(replace(scenario, name=name))
    return replace(file, scenarios=[*file.scenarios, *added])


def encoded(run: Run) -> bytes:
    """A run as JSON, the same for the same run."""
    return msgspec.json.encode(run, order="deterministic")


def decoded(text: bytes) -> Run:
    """A run from JSON. Raises msgspec.DecodeError for anything else."""
    return msgspec.json.decode(text, type=Run)

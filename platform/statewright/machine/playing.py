"""A life in memory: commands decided, recorded and folded as a server would, on a clock that only the caller moves.

Scenarios are played here, and proposed by trying; nothing is stored, and nothing waits.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from statewright.machine.compile import Machine, state_text
from statewright.machine.decide import Accepted, Event, Refused, decide
from statewright.machine.moments import Micros, duration_of, micros_of
from statewright.machine.places import AFTER
from statewright.machine.problem import pointer_of
from statewright.machine.record import Actor, Head, Record, Timer, fold
from statewright.machine.scenarios import Act, ScenarioFile, Then, acts_before

CLOCK = Actor("statewright:timer", ("system",))
"""Who lets timers fire."""


class Decided(Struct, frozen=True):
    """One decision of a life: what was asked at which head (None: there was no entity), and the answer."""

    head: Head | None
    event: Event
    outcome: Accepted | Refused


class Life:
    """One entity under one machine. `head` is None before it exists; `decided` is all that was asked, oldest first."""

    def __init__(self, machine: Machine, now: Micros, head: Head | None = None) -> None:
        self.machine = machine
        self.now = now
        self.head = head
        self.decided: list[Decided] = []
        self._stuck: set[Timer] = set()
        self._order = machine.tree.numbers

    def send(self, event: Event, occurred_at: Micros | None = None) -> Accepted | Refused:
        """Decide `event` now; when it is accepted, `head` is what folding its record gives."""
        event.now, event.occurred_at = self.now, occurred_at
        outcome = decide(self.machine, self.head, event)
        self.decided.append(Decided(self.head, event, outcome))
        if isinstance(outcome, Accepted):
            self.head = fold(self.head, record_of(self.machine, self.head, event, outcome))
        return outcome

    def wait(self, micros: Micros) -> None:
        """Let the clock run on; what becomes due meanwhile fires, at its time, in the order of the language.

        A firing that is refused is stuck, as on a server: it is not tried again before the entity changes.
        """
        until = self.now + micros
        while (timer := self._next(until)) is not None:
            self.now = max(self.now, timer.due)
            outcome = self.send(Event(None, actor=CLOCK, timer=timer), timer.due)
            self._stuck = {timer} | self._stuck if isinstance(outcome, Refused) else set()
        self.now = until

    def _next(self, until: Micros) -> Timer | None:
        """The timer that fires next: by due time, then by the order of the document."""
        running = () if self.head is None else self.head.timers
        due = [timer for timer in running if timer.due <= until and timer not in self._stuck]
        return min(due, key=lambda timer: (timer.due, self._order[timer.state]), default=None)


def record_of(machine: Machine, head: Head | None, event: Event, accepted: Accepted) -> Record:
    """What a log would hold of an accepted event, but for what only a store can give."""
    now, occurred_at, timer = event.now, event.occurred_at, event.timer
    return Record(
        type=machine.type,
        version=1 if head is None else head.version + 1,
        recorded_at=now,
        from_=accepted.from_,
        to=accepted.to,
        revision=machine.revision,
        event=event.name if timer is None else f"{AFTER}{timer.key}.{timer.state}",
        kind=accepted.kind,
        changes=accepted.changes,
        removed=accepted.removed,
        payload={} if event.name is None else accepted.payload,
        actor=event.actor,
        occurred_at=occurred_at,
        late=head is not None and (now if occurred_at is None else occurred_at) < head.happened_at,
        steps=accepted.steps,
        history=accepted.history,
        timers_started=accepted.timers_started,
        timers_stopped=accepted.timers_stopped,
        emits=accepted.emits,
        sends=accepted.sends,
        logs=accepted.logs,
    )


# --- Scenarios ---


class Difference(Struct, frozen=True):
    """What came out otherwise than a scenario says. `pointer` leads to the expectation in the file."""

    pointer: str
    sentence: str


class Played(Struct, frozen=True):
    """What came of a scenario; it holds when nothing came out otherwise."""

    name: str
    differences: tuple[Difference, ...]
    decided: tuple[Decided, ...]

    @property
    def holds(self) -> bool:
        """Whether everything is as the scenario says."""
        return not self.differences


def play(file: ScenarioFile, index: int, machine: Machine) -> Played:
    """Play the scenario at `index` of a file without problems."""
    scenario = file.scenarios[index]
    life = Life(machine, micros_of(file.begins))
    found = _given(file, index, life)
    if not found:
        outcome = _act(file, scenario.when, life)
        at = pointer_of("scenarios", index, "then")
        found = list(_unlike_outcome(scenario.when, outcome, scenario.then, at))
        found += [] if found else _unlike_head(life, scenario.then, at)
    return Played(scenario.name, tuple(found), tuple(life.decided))


def _given(file: ScenarioFile, index: int, life: Life) -> list[Difference]:
    """Play what is given; the first refusal of it ends the scenario."""
    for number, act in enumerate(acts_before(file, file.scenarios[index]), 1):
        outcome = _act(file, act, life)
        if isinstance(outcome, Refused):
            sentence = f"act {number} of what is given, {_named(act)}, was refused ({outcome.why}): {outcome.detail}"
            return [Difference(pointer_of("scenarios", index, "given"), sentence)]
    return []


def _act(file: ScenarioFile, act: Act, life: Life) -> Accepted | Refused | None:
    """The answer to the command; None when there is none, but only a wait."""
    if act.after is not None:
        life.wait(duration_of(act.after))
    if act.event is UNSET:
        return None
    actor = file.actors[act.actor] if isinstance(act.actor, str) else act.actor
    # a machine completes what it is given, and an act may be played again
    data, create = copy.deepcopy((act.data, act.create))
    event = Event(act.event, data, actor, act.expected_version, create)
    return life.send(event, None if act.occurred_at is None else micros_of(act.occurred_at))


def _unlike_outcome(act: Act, outcome: Accepted | Refused | None, then: Then, at: str) -> Sequence[Difference]:
    if isinstance(outcome, Refused):
        if then.why is None:
            return [Difference(at, f"{_named(act)} was refused ({outcome.why}): {outcome.detail}")]
        return _unlike(then.why, outcome.why.value, "why", at)
    if then.why is not None:
        return [Difference(at + "/why", f"{_named(act)} was accepted, not refused as {then.why}")]
    return []


def _unlike_head(life: Life, then: Then, at: str) -> Sequence[Difference]:
    """How the entity, as it stands, differs from what is expected of it."""
    head = life.head
    if head is None:
        wanted = [name for name in ("state", "version", "final", "allowed") if getattr(then, name) is not None]
        wanted += ["data"] if then.data else []
        return [Difference(f"{at}/{name}", f"{name} is expected, but there is no entity") for name in wanted]
    found = [
        *_unlike(then.state, state_text(head.leaves), "state", at),
        *_unlike(then.version, head.version, "version", at),
        *_unlike(then.final, life.machine.is_final(head.leaves), "final", at),
        *_unlike(then.allowed, list(life.machine.allowed(head.leaves)), "allowed", at),
    ]
    for field, value in then.data.items():
        found += _unlike_field(head.data, field, value, at + pointer_of("data", field))
    return found


def _unlike_field(data: dict[str, Any], field: str, wanted: object, at: str) -> Sequence[Difference]:
    if wanted == {"@unset": True}:
        if field not in data:
            return []
        return [Difference(at, f"data.{field} is {_json(data[field])}, and should not be there")]
    if field not in data:
        return [Difference(at, f"data.{field} is not there; {_json(wanted)} is expected")]
    if _json(wanted) == _json(data[field]):
        return []
    return [Difference(at, f"data.{field} is {_json(data[field])}; {_json(wanted)} is expected")]


def _unlike(wanted: object, found: object, name: str, at: str) -> Sequence[Difference]:
    if wanted is None or _json(wanted) == _json(found):
        return []
    return [Difference(f"{at}/{name}", f"{name} is {_json(found)}; {_json(wanted)} is expected")]


def _json(value: object) -> str:
    """As the file would write it. JSON tells 1, 1.0 and true apart, which Python does not."""
    return msgspec.json.encode(value, order="deterministic").decode()


def _named(act: Act) -> str:
    if act.event is UNSET:
        return f"the wait of {act.after}"
    return "the creation" if act.event is None else act.event

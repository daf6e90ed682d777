"""Small charts for tests: compiled from documents, and told event by event."""

from __future__ import annotations

import json
from typing import Any

from statewright.machine.compile import Machine, compile_machine
from statewright.machine.decide import Accepted, Event, Refused, Why, decide
from statewright.machine.reading import read_definition
from statewright.machine.record import Actor, Head, Leaves, Record, Timer, fold


def chart(states: dict[str, Any], initial: str | None = None, **keys: Any) -> Machine:
    """A machine of type `thing` with these states; it begins in the first, unless told otherwise."""
    first = {} if keys.get("type") == "parallel" else {"initial": initial or next(iter(states))}
    reading = read_definition(json.dumps({"id": "thing", **first, "states": states, **keys}).encode())
    assert reading.definition is not None, reading.problems
    assert reading.activable, [problem for problem in reading.problems if problem.severity != "warning"]
    return compile_machine(reading.definition, revision=1, digest=reading.digest)


class Life:
    """One entity of a machine, told event by event; every head is the fold of the records."""

    def __init__(self, machine: Machine, **data: Any) -> None:
        self.machine = machine
        self.head: Head | None = None
        self.records: list[Record] = []
        self.last = self.tell(Event(None, data))

    def tell(self, event: Event) -> Accepted:
        """Decide, and fold what is recorded into the head."""
        event.now = event.now or 1_000
        outcome = decide(self.machine, self.head, event)
        assert isinstance(outcome, Accepted), outcome
        record = recorded(outcome, event, 1 if self.head is None else self.head.version + 1)
        self.records.append(record)
        self.head = fold(self.head, record)
        assert self.head.data == outcome.data
        self.last = outcome
        return outcome

    def send(self, *events: str, **payload: Any) -> Leaves:
        """Send events one after the other; where the entity stands then."""
        for event in events:
            self.tell(Event(event, payload))
        return self.leaves

    def refused(self, event: str, *roles: str, **payload: Any) -> Refused:
        """Why an event is refused now."""
        outcome = decide(self.machine, self.head, Event(event, payload, Actor("anna", roles), now=1_000))
        assert isinstance(outcome, Refused), outcome
        return outcome

    def why(self, event: str, *roles: str, **payload: Any) -> Why:
        return self.refused(event, *roles, **payload).why

    def fires(self, state: str, key: str) -> Accepted:
        """Let a running timer fire."""
        return self.tell(Event(None, timer=self.timer(state, key), actor=Actor("statewright:timer", ("system",))))

    def timer(self, state: str, key: str) -> Timer:
        assert self.head is not None
        return next(one for one in self.head.timers if (one.state, one.key) == (state, key))

    @property
    def leaves(self) -> Leaves:
        assert self.head is not None
        return self.head.leaves

    @property
    def data(self) -> dict[str, Any]:
        assert self.head is not None
        return self.head.data

    @property
    def running(self) -> list[tuple[str, str, int, int]]:
        """State, key, due time and version of the timers that run."""
        assert self.head is not None
        return [(one.state, one.key, one.due, one.version) for one in self.head.timers]


def recorded(outcome: Accepted, event: Event, version: int) -> Record:
    """The record of a decision, as the committer would write it."""
    return Record(
        type="thing",
        entity="1",
        version=version,
        revision=1,
        from_=outcome.from_,
        to=outcome.to,
        event=event.name,
        kind=outcome.kind,
        changes=outcome.changes,
        removed=outcome.removed,
        steps=outcome.steps,
        history=outcome.history,
        timers_started=outcome.timers_started,
        timers_stopped=outcome.timers_stopped,
        emits=outcome.emits,
        sends=outcome.sends,
        logs=outcome.logs,
    )

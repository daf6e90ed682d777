"""What holds for every machine and whatever is sent to it."""

from __future__ import annotations

import copy
import os
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings

from statewright.commands.recording import step_of
from statewright.commands.words import SendEvent
from statewright.machine.compile import Machine, compile_machine
from statewright.machine.decide import Accepted, Refused, decide
from statewright.machine.playing import CLOCK, Decided, Life
from statewright.machine.problem import Problem
from statewright.machine.reading import read_definition
from statewright.machine.record import Head, fold
from statewright.stores.words import Ref
from tests.machine.lives import BEGINS, live, lives
from tests.machine.machines import FLAT, GUARDED, WHOLE, Sizes, written

EXAMPLES = int(os.environ.get("STATEWRIGHT_EXAMPLES", "200")) // 3
usual = settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
KINDS = pytest.mark.parametrize("sizes", [FLAT, GUARDED, WHOLE], ids=["flat", "guarded", "chart"])
"""Each goes another way through the decision."""


def machine_of(document: dict[str, Any]) -> tuple[Machine, tuple[Problem, ...]]:
    """The machine, and what registration finds; documents with errors are thrown away."""
    reading = read_definition(written(document))
    assume(reading.definition is not None and reading.activable)
    assert reading.definition is not None
    return compile_machine(reading.definition, revision=1, digest=reading.digest), reading.problems


def lived(document: dict[str, Any], sent: list[dict[str, Any]]) -> tuple[Machine, list[Decided]]:
    """All decisions of one entity."""
    machine, _ = machine_of(document)
    life = Life(machine, BEGINS)
    for event in [{"event": None, "data": {}}, *sent]:
        live(life, event)
    return machine, life.decided


def as_bytes(value: Any) -> bytes:
    return msgspec.json.encode(value, order="deterministic")


def answer(outcome: Accepted | Refused) -> bytes:
    """All that a caller or a log could see of a decision."""
    if isinstance(outcome, Accepted):
        return as_bytes(outcome)
    return as_bytes([outcome.why, outcome.detail, outcome.at, outcome.explanation])


@KINDS
def test_deciding_again_gives_the_same(sizes: Sizes) -> None:
    @usual
    @given(life=lives(sizes))
    def holds(life: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
        _, decided = lived(*life)
        anew, _ = machine_of(life[0])  # a machine that has met nothing yet, as in another process
        for each in reversed(decided):  # and in another order, so that what it remembers differs
            assert answer(decide(anew, each.head, copy.deepcopy(each.event))) == answer(each.outcome)

    holds()


@KINDS
def test_what_is_refused_changes_nothing(sizes: Sizes) -> None:
    @usual
    @given(life=lives(sizes))
    def holds(life: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
        machine, decided = lived(*life)
        for each in decided:
            before = as_bytes([each.head, each.event.payload])
            outcome = decide(machine, each.head, each.event)
            if isinstance(outcome, Refused):
                assert as_bytes([each.head, each.event.payload]) == before
        heads = [each.head for each in decided]
        for each, after in zip(decided, heads[1:], strict=False):
            assert not isinstance(each.outcome, Refused) or after is each.head

    holds()


@KINDS
def test_replaying_the_records_gives_the_head_without_asking_the_machine(sizes: Sizes) -> None:
    @usual
    @given(life=lives(sizes))
    def holds(life: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
        machine, decided = lived(*life)
        head: Head | None = None
        replayed: Head | None = None
        for each in decided:
            if isinstance(each.outcome, Refused):
                continue
            now = each.event.now
            send = SendEvent(Ref("thing", "1"), each.event.name, each.event.payload, "c", actor=each.event.actor)
            send.timer, send.occurred_at = each.event.timer, each.event.occurred_at
            if each.event.timer is not None:
                assert each.event.actor == CLOCK
            step = step_of(machine, send, "c", "", head, each.outcome, now)
            head = step.after
            stored = msgspec.json.decode(msgspec.json.encode(step.record), type=type(step.record))
            stored.recorded_at = now
            replayed = fold(replayed, stored)
            assert seen(head) == seen(replayed)

    holds()


def seen(head: Head) -> bytes:
    """What of a head a decision or a reader can see; the rest is the store's."""
    return as_bytes(msgspec.structs.replace(head, size=0, recorded_at=0, key=0))


@KINDS
def test_no_event_leads_to_a_state_that_the_checks_call_unreachable(sizes: Sizes) -> None:
    @usual
    @given(life=lives(sizes))
    def holds(life: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
        _, problems = machine_of(life[0])
        never = {
            ".".join(problem.pointer.split("/")[2::2]) for problem in problems if problem.code == "unreachable_state"
        }
        _, decided = lived(*life)
        for each in decided:
            if isinstance(each.outcome, Accepted):
                entered = {path for step in each.outcome.steps for path in step.entered}
                assert never.isdisjoint({*each.outcome.to, *entered})

    holds()

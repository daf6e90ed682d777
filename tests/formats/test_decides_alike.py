"""What is exported and imported again decides as before: every event, every configuration, all data."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from statewright.formats.exports import export
from statewright.formats.imports import read_foreign
from statewright.machine.compile import Machine, compile_machine
from statewright.machine.decide import Accepted, Refused
from statewright.machine.playing import Decided, Life
from statewright.machine.reading import read_definition
from tests.machine.lives import BEGINS, live, lives
from tests.machine.machines import WHOLE, written

usual = settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("notation", ["xstate", "xstate-v6", "scxml"])
def test_an_exported_machine_decides_alike_when_it_comes_back(notation: str) -> None:
    @usual
    @given(life=lives(WHOLE))
    def holds(life: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
        text = written(life[0])
        returned = read_foreign(export(text, notation).text.encode(), "scxml" if notation == "scxml" else "xstate")

        before = decided(machine_of(text), life[1])
        after = decided(machine_of(msgspec.json.encode(returned.document)), life[1])

        assert [told(each) for each in after] == [told(each) for each in before]

    holds()


def machine_of(text: bytes) -> Machine:
    reading = read_definition(text)
    assert reading.definition is not None, reading.problems
    return compile_machine(reading.definition, revision=1, digest="")


def decided(machine: Machine, sent: list[dict[str, Any]]) -> list[Decided]:
    """All decisions of one entity."""
    life = Life(machine, BEGINS)
    for act in [{"event": None, "data": {}}, *sent]:
        live(life, act)
    return life.decided


def told(one: Decided) -> Any:
    """All of a decision but where in the document its branches stand, which another spelling may change."""
    if isinstance(one.outcome, Refused):
        return one.event.name, one.outcome.why
    assert isinstance(one.outcome, Accepted)
    steps = [msgspec.structs.replace(step, branches=()) for step in one.outcome.steps]
    return one.event.name, msgspec.to_builtins(msgspec.structs.replace(one.outcome, steps=steps))

"""Every definition that comes along is without a problem, and every scenario beside it holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from statewright.machine.reading import read_definition
from tests.definitions.scenarios import (
    DEFINITIONS,
    Scenario,
    ScenarioFile,
    Sent,
    Then,
    differences,
    machine_of,
    read_scenarios,
)

FILES = sorted(DEFINITIONS.glob("*.scenarios.json"))
DOCUMENTS = [path for path in sorted(DEFINITIONS.glob("*.json")) if path.suffixes == [".json"]]
PLAYED = [(path, scenario) for path in FILES for scenario in read_scenarios(path).scenarios]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_a_definition_that_comes_along_has_not_even_a_warning(path: Path) -> None:
    assert read_definition(path.read_bytes()).problems == ()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_a_definition_that_comes_along_has_scenarios_that_visit_every_state(path: Path) -> None:
    file = read_scenarios(path.with_suffix(".scenarios.json"))

    visited = {scenario.then.state for scenario in file.scenarios if isinstance(scenario.then.state, str)}
    machine = machine_of(path)
    passed_through = set(machine.initial) if machine.implicit else set()
    assert visited | passed_through >= set(machine.states)


@pytest.mark.parametrize(("path", "scenario"), PLAYED, ids=[f"{p.name.split('.')[0]}: {s.name}" for p, s in PLAYED])
def test_the_scenario_holds(path: Path, scenario: Scenario) -> None:
    file = read_scenarios(path)

    assert differences(file, scenario, machine_of(path.parent / file.definition)) == []


@pytest.mark.parametrize(
    ("then", "said"),
    [
        (Then(state="paid"), "state is 'basket'; 'paid' is expected"),
        (Then(why="final"), "None was accepted, not refused as final"),
        (Then(data={"paid": 0}), "data.paid is False; 0 is expected"),
        (Then(data={"total": {"@unset": True}}), "data.total is 4900, and should not be there"),
        (Then(data={"reason": None}), "data.reason is not there; None is expected"),
        (Then(allowed=[]), "allowed is ['SUBMIT', 'CANCEL']; [] is expected"),
    ],
)
def test_a_scenario_that_does_not_hold_says_what_came_out_otherwise(then: Then, said: str) -> None:
    scenario = Scenario(name="wrong", when=Sent(event=None, data={"customer": "C-1", "total": 4900}), then=then)
    file = ScenarioFile(definition="order.json", scenarios=[scenario])

    assert differences(file, scenario, machine_of(DEFINITIONS / "order.json")) == [said]


def test_a_scenario_may_only_build_on_one_above_it() -> None:
    scenario = Scenario(name="itself", given=["itself"], when=Sent(event="PAY"), then=Then())
    file = ScenarioFile(definition="order.json", scenarios=[scenario])

    with pytest.raises(LookupError, match="no scenario above it is called 'itself'"):
        differences(file, scenario, machine_of(DEFINITIONS / "order.json"))

"""What holds for every chart and every sequence of events, whatever they are."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from statewright.machine.compile import Machine, compile_machine
from statewright.machine.decide import Accepted, Event, decide
from statewright.machine.reading import read_definition
from statewright.machine.record import Head, Leaves, fold
from tests.machine.charts import recorded

EVENTS = ("A", "B", "C")


@st.composite
def charts(draw: st.DrawFn) -> dict[str, Any]:
    """A chart of some levels, whose branches lead anywhere: by id, into history, out of regions, over `always`."""
    paths: list[str] = []
    ids = iter(range(1_000))

    def state(depth: int, region: bool = False) -> dict[str, Any]:
        kinds = ["atomic"] * 3 + ["compound", "parallel"] * (depth < 3) + ["final"] * (depth > 0 and not region)
        kind = draw(st.sampled_from(["compound"] if region else kinds))
        made: dict[str, Any] = {"id": f"n{next(ids)}", "entry": "in", "exit": "out"}
        paths.append(f"#{made['id']}")
        if kind in ("compound", "parallel"):
            count = draw(st.integers(2, 3))
            made["states"] = {f"s{n}": state(depth + 1, kind == "parallel") for n in range(count)}
            made |= {"type": "parallel"} if kind == "parallel" else {"initial": "s0"}
            if draw(st.booleans()):
                memory = {
                    "type": "history",
                    "history": draw(st.sampled_from(["shallow", "deep"])),
                    "id": f"n{next(ids)}",
                }
                made["states"]["h"] = memory
                paths.append(f"#{memory['id']}")
        elif kind == "final":
            made = {"type": "final", "id": made["id"]}
        return made

    states = {f"s{n}": state(0) for n in range(draw(st.integers(2, 3)))}
    for one in _all(states):
        if one.get("type") not in ("final", "history"):
            _give_branches(draw, one, paths)
    return {"id": "thing", "initial": "s0", "states": states}


def _all(states: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for state in states.values() for one in (state, *_all(state.get("states", {})))]


def _give_branches(draw: st.DrawFn, state: dict[str, Any], paths: list[str]) -> None:
    guards = st.sampled_from(["event.?n.orValue(0) > 1", "event.?n.orValue(0) < 1"])
    branch = st.fixed_dictionaries(
        {"target": st.sampled_from(paths)},
        optional={"reenter": st.booleans(), "guard": st.fixed_dictionaries({"@expr": guards})},
    )
    state["on"] = draw(st.dictionaries(st.sampled_from(EVENTS), branch, max_size=2))
    if draw(st.integers(0, 5)) == 0:
        state["always"] = {**draw(branch), "guard": {"@expr": "event.?n.orValue(0) == 2"}}
    if "states" in state and draw(st.booleans()):
        state["onDone"] = draw(st.sampled_from(paths))
    if draw(st.integers(0, 3)) == 0:
        state["after"] = {"PT1H": draw(st.sampled_from(paths))}


def compiled(document: dict[str, Any]) -> Machine:
    reading = read_definition(json.dumps(document).encode())
    assert reading.definition is not None, reading.problems
    return compile_machine(reading.definition, revision=1, digest=reading.digest)


def is_legal(machine: Machine, leaves: Leaves) -> bool:
    """Whether a configuration is one: a compound state has one active child, a parallel one all (SCXML, 3.11)."""
    tree = machine.tree
    active = tree.active(leaves)
    for number in active:
        inside = [child for child in tree.children[number] if child in active]
        kind = tree.kind[number]
        if (kind == "compound" and len(inside) != 1) or (kind == "parallel" and inside != tree.children[number]):
            return False
    return leaves == tree.leaves(active)


sequences = st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 2)), max_size=12)


@given(charts(), sequences)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_every_configuration_is_legal_and_records_add_up_to_it(
    document: dict[str, Any], events: list[tuple[str, int]]
) -> None:
    machine, other = compiled(document), compiled(document)
    head: Head | None = None
    for name, n in [(None, 0), *events]:
        event = Event(name, {} if name is None else {"n": n}, now=5)
        outcome = decide(machine, head, event)
        other.places.known.clear()  # what a machine remembers must make no difference
        again = decide(other, head, Event(name, dict(event.payload), now=5))
        assert type(again) is type(outcome)
        if not isinstance(outcome, Accepted):
            continue
        assert again == outcome
        assert is_legal(machine, outcome.to)
        after = fold(head, recorded(outcome, event, 1 if head is None else head.version + 1))
        assert (after.leaves, after.data) == (outcome.to, outcome.data)
        assert all(timer.state in machine.places.at(outcome.to).active for timer in after.timers)
        assert walked(machine, () if head is None else head.leaves, outcome) == machine.tree.active(outcome.to)
        head = after


def walked(machine: Machine, leaves: Leaves, outcome: Accepted) -> set[int]:
    """The active states after leaving and entering what the steps say."""
    numbers = machine.tree.numbers
    active = machine.tree.active(leaves)
    for step in outcome.steps:
        left, entered = {numbers[path] for path in step.exited}, {numbers[path] for path in step.entered}
        assert left <= active
        assert not entered & (active - left)
        active = (active - left) | entered
    return active

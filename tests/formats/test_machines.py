"""Machines as people write them for XState 3 to 6, in `machines/`: nearly all of each is taken, the rest is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from statewright.formats.exports import EXPORTS
from statewright.formats.notes import Imported
from statewright.formats.xstate.reading import read_xstate
from statewright.machine.compile import compile_machine
from statewright.machine.reading import read_definition

FOLDER = Path(__file__).parent / "machines"
FILES = sorted(path.name for path in FOLDER.glob("*.json"))
TO_FILL_IN = {"guard_to_fill", "bad_duration"}
BROKEN_IN_XSTATE_TOO = {
    "code_strings.json": 1,
    "targets_everywhere.json": 3,
}
"""How many targets name no state, so that XState does not run the machine either."""


def imported(name: str) -> Imported:
    return read_xstate((FOLDER / name).read_bytes(), name=name.removesuffix(".json"))


def filled_in(document: dict[str, Any]) -> dict[str, Any]:
    """The document after a person said what guards and delays are, and mended targets that name nothing."""
    whole = json.loads(json.dumps(document))
    for guard in whole.get("guards", {}).values():
        guard["when"] = guard["when"] or {"@expr": "entity.version > 0"}
    for delay in whole.get("delays", {}).values():
        delay["duration"] = delay["duration"] or "PT5M"
    return whole


def test_there_are_machines_of_every_kind() -> None:
    assert len(FILES) >= 40


@pytest.mark.parametrize("name", FILES)
def test_what_is_left_to_do_is_to_fill_in_what_was_code(name: str) -> None:
    found = imported(name)

    errors = [problem.code for problem in found.reading.problems if problem.severity != "warning"]
    assert not found.reading.malformed
    assert errors.count("unknown_target") == BROKEN_IN_XSTATE_TOO.get(name, 0)
    assert set(errors) - {"unknown_target"} <= TO_FILL_IN
    assert all(note.line is not None for note in found.notes)


@pytest.mark.parametrize("name", [name for name in FILES if name not in BROKEN_IN_XSTATE_TOO])
def test_it_can_be_activated_once_that_is_filled_in_and_carried_to_every_notation(name: str) -> None:
    document = filled_in(imported(name).document)
    text = orjson.dumps(document)

    reading = read_definition(text)

    assert reading.definition is not None
    assert [problem for problem in reading.problems if problem.severity == "error"] == []
    machine = compile_machine(reading.definition, revision=1, digest=reading.digest)
    assert machine.initial
    for notation in EXPORTS.values():
        assert notation.write(document).text
    again = read_xstate(EXPORTS["xstate"].write(document).text.encode()).document
    assert again == document


def machine(states: dict[str, Any], **keys: Any) -> Imported:
    return read_xstate(json.dumps({"id": "m", "initial": next(iter(states), None), "states": states, **keys}).encode())


def test_a_list_of_transitions_under_on_is_taken_by_the_events_that_they_name() -> None:
    on = [{"event": "GO", "target": "b"}, {"event": "STAY", "actions": "wait"}]

    found = machine({"a": {"on": on}, "b": {}})

    assert found.document["states"]["a"]["on"] == {"GO": {"target": "b"}, "STAY": {"actions": "wait"}}


def test_branches_behind_an_open_one_are_left_out_and_told() -> None:
    found = machine({"a": {"on": {"GO": [{"target": "b", "guard": "g"}, "c", "b", "a"]}}, "b": {}, "c": {}})

    assert found.document["states"]["a"]["on"]["GO"] == [{"target": "b", "guard": "g"}, "c"]
    assert ("lost", "/states/a/on/GO") in [(note.severity, note.pointer) for note in found.notes]


def test_a_machine_without_states_is_always_in_one() -> None:
    found = read_xstate(b'{"id": "m", "on": {"INC": {"actions": "count"}}}')

    assert found.document["states"] == {"active": {}}
    assert found.document["on"] == {"INC": {"actions": "count"}}
    assert found.reading.activable


def test_names_that_are_code_become_names_and_the_code_is_kept_for_who_writes_it_anew() -> None:
    code = "(context, event) => context.n > 3"
    found = machine({"a": {"on": {"GO": {"target": "b", "cond": code, "actions": "assign({ n: 1 })"}}}, "b": {}})

    assert found.document["states"]["a"]["on"]["GO"] == {"target": "b", "guard": "guard_1", "actions": "action_1"}
    assert found.document["guards"] == {"guard_1": {"when": None, "description": code}}


def test_a_combination_of_named_guards_says_what_is_to_be_written() -> None:
    guard = {"type": "xstate.and", "guards": ["paid", {"type": "xstate.or", "guards": ["big", "vip"]}]}
    found = machine({"a": {"on": {"GO": {"target": "b", "guard": guard}}}, "b": {}})

    assert found.document["guards"]["guard_1"] == {"when": None, "description": "paid && (big || vip)"}


@pytest.mark.parametrize("key", ["stateId", "state", "stateValue"])
def test_a_condition_on_a_state_is_taken_however_it_is_written(key: str) -> None:
    guard = {"type": "xstate.stateIn", "params": {key: "#m.b"}}
    found = machine({"a": {"on": {"GO": {"target": "b", "guard": guard}}}, "b": {}})

    assert found.document["states"]["a"]["on"]["GO"]["guard"] == {"@expr": "in_state('b')"}


@pytest.mark.parametrize("id", ["m.a:invocation[0]", "0.m.a", "load"])
def test_the_answers_of_an_invocation_without_an_id_are_known_by_the_ids_that_xstate_gives(id: str) -> None:
    found = machine({"a": {"invoke": {"src": "load"}, "on": {f"xstate.done.actor.{id}": "b"}}, "b": {}})

    assert found.document["states"]["a"]["on"] == {"load.succeeded": "b"}


def test_a_key_with_a_dot_is_found_by_a_backslash_or_where_it_can_be_nothing_else() -> None:
    states = {"a": {"on": {"ONE": "1. pay", "TWO": "1\\. pay"}}, "1. pay": {}}

    on = machine(states).document["states"]["a"]["on"]

    assert on == {"ONE": "_1_ pay", "TWO": "_1_ pay"}


def test_types_for_a_compiler_are_nothing_to_tell() -> None:
    found = machine({"a": {}}, schema={"context": {}, "events": {}}, tsTypes={}, types={"context": {"n": {}}})

    assert found.notes == ()

"""Machines written for XState 4, 5 and 6, as our documents, and what is said about it."""

from __future__ import annotations

from typing import Any

import orjson

from statewright.formats.notes import Imported
from statewright.formats.xstate.reading import read_xstate
from statewright.formats.xstate.writing import write_xstate


def read(states: dict[str, Any], **keys: Any) -> Imported:
    machine = {"id": "order", "initial": next(iter(states)), "states": states, **keys}
    found = read_xstate(orjson.dumps(machine))
    assert not found.reading.malformed, found.reading.problems
    return found


def said(found: Imported) -> list[tuple[str, str]]:
    return [(note.severity, note.pointer) for note in found.notes]


def test_what_is_ours_already_is_taken_as_it_is() -> None:
    states = {"a": {"on": {"GO": {"target": "b", "description": "on"}}, "tags": ["start"]}, "b": {"type": "final"}}

    found = read(states)

    assert found.document == {"id": "order", "initial": "a", "states": states}
    assert found.notes == ()


def test_an_invocation_becomes_a_request_and_answers() -> None:
    found = read({"a": {"invoke": {"id": "x", "src": "charge", "input": {"cents": 5}, "onDone": "b",
                                   "onError": {"target": "c"}},
                        "on": {"done.invoke.x": {"actions": "told", "cond": "due"}}}, "b": {}, "c": {}})  # fmt: skip

    state = found.document["states"]["a"]
    assert state["entry"] == [{"type": "emit", "event": {"type": "charge.requested", "cents": 5}}]
    assert state["on"]["charge.succeeded"] == [{"guard": "due", "actions": "told"}, "b"]
    assert state["on"]["charge.failed"] == {"target": "c"}
    assert ("rewritten", "/states/a/invoke") in said(found)


def test_a_guard_that_is_code_is_one_to_fill_in_and_never_dropped() -> None:
    found = read({"a": {"on": {"GO": [{"target": "b", "cond": "isPaid"},
                                      {"target": "b", "guard": {"@code": "() => true"}},
                                      {"target": "b", "guard": {"type": "xstate.and", "guards": ["isPaid"]}}]}},
                  "b": {}})  # fmt: skip

    branches = found.document["states"]["a"]["on"]["GO"]
    assert [branch["guard"] for branch in branches] == ["isPaid", "guard_1", "guard_2"]
    assert found.document["guards"] == {
        "isPaid": {"when": None},
        "guard_1": {"when": None, "description": "() => true"},
        "guard_2": {"when": None, "description": "isPaid"},
    }


def test_combined_guards_become_one_expression_where_all_parts_are_known() -> None:
    guard = {
        "type": "xstate.and",
        "guards": [{"type": "xstate.not", "guards": ["big"]}, {"type": "stateIn", "params": "a"}],
    }
    found = read(
        {"a": {"on": {"GO": {"target": "b", "guard": guard}}}, "b": {}},
        guards={"big": {"when": {"@expr": "context.total > 5"}}},
    )

    assert found.document["states"]["a"]["on"]["GO"]["guard"] == {"@expr": "(!(context.total > 5) && in_state('a'))"}


def test_milliseconds_and_delays_become_durations() -> None:
    found = read(
        {"a": {"after": {"1000": "b", "1209600000": "b", "soon": "b", "unknown": "b", "PT5M": "b"}}, "b": {}},
        delays={"soon": 90_000},
    )

    assert list(found.document["states"]["a"]["after"]) == ["PT1S", "P14D", "soon", "unknown", "PT5M"]
    assert found.document["delays"] == {"soon": {"duration": "PT1M30S"}, "unknown": {"duration": None}}


def test_the_empty_event_is_always() -> None:
    found = read({"a": {"on": {"": [{"target": "b", "cond": "ok"}, "c"]}}, "b": {}, "c": {}})

    assert found.document["states"]["a"] == {"always": [{"target": "b", "guard": "ok"}, "c"]}


def test_names_that_are_none_here_are_mended_everywhere_and_kept_as_labels() -> None:
    found = read({"not.ready?": {"on": {"what?!": "#(m).2nd"}}, "2nd": {"on": {"back": "not.ready?"}}}, id="(m)")

    assert found.document["id"] == "m"
    assert list(found.document["states"]) == ["not_ready_", "_2nd"]
    assert found.document["states"]["not_ready_"]["label"] == "not.ready?"
    assert found.document["states"]["not_ready_"]["on"] == {"what__": "#m._2nd"}


def test_in_version_4_a_transition_to_itself_leaves_the_state() -> None:
    states = {
        "a": {
            "initial": "x",
            "on": {"AGAIN": "a", "IN": ".x", "DOWN": {"target": "a", "internal": True}},
            "states": {"x": {}},
        }
    }

    four, five = read(states, predictableActionArguments=True), read({"a": {**states["a"], "on": {"AGAIN": "a"}}})

    assert four.document["states"]["a"]["on"]["AGAIN"] == {"target": "a", "reenter": True}
    assert four.document["states"]["a"]["on"]["IN"] == ".x"
    assert four.document["states"]["a"]["on"]["DOWN"] == {"target": "a"}
    assert five.document["states"]["a"]["on"]["AGAIN"] == "a"


def test_data_get_a_proposed_schema() -> None:
    found = read({"a": {}}, context={"count": 0, "name": "x", "list": [], "nothing": None})

    assert found.document["schemas"]["context"]["properties"] == {
        "count": {"type": "integer"}, "name": {"type": "string"}, "list": {"type": "array"}, "nothing": {},
    }  # fmt: skip


def test_what_has_no_place_is_told_with_line_and_column_and_kept() -> None:
    text = b'{"id": "x", "initial": "a", "states": {\n  "a": {"type": "final", "output": {"sum": 1}}}}'

    found = read_xstate(text)

    note = next(note for note in found.notes if note.severity == "lost")
    assert (note.pointer, note.line, note.column) == ("/states/a/output", 2, 26)
    assert found.document["states"]["a"]["meta"] == {"xstate": {"output": {"sum": 1}}}


def test_an_initial_with_actions_or_several_targets_gets_a_state_of_its_own() -> None:
    found = read({"a": {"initial": {"target": "x", "actions": "hello"}, "states": {"x": {}}}})

    assert found.document["states"]["a"]["initial"] == "start"
    assert found.document["states"]["a"]["states"]["start"] == {"always": {"target": "#order.a.x", "actions": "hello"}}


def test_actions_built_in_are_ours_and_others_are_named_effects() -> None:
    entry = ["beep", {"type": "xstate.raise", "event": "X"}, {"type": "@xstate.emit", "event": {"type": "Y"}},
             {"type": "xstate.assign", "assignment": {}}, {"type": "notify", "to": "anna"},
             {"@code": "() => 1"}]  # fmt: skip
    found = read({"a": {"entry": entry}})

    assert found.document["states"]["a"]["entry"] == [
        "beep", {"type": "raise", "event": {"type": "X"}}, {"type": "emit", "event": {"type": "Y"}},
        {"type": "notify", "params": {"to": "anna"}}, "action_1",
    ]  # fmt: skip
    assert ("lost", "/states/a/entry/3") in said(found)


def test_what_tools_wrap_around_a_machine_is_taken_off() -> None:
    found = read_xstate(b'{"version": 1, "machines": [{"id": "x", "initial": "a", "states": {"a": {"output": 1}}}]}')

    assert found.document["id"] == "x"
    assert found.notes[0].pointer == "/machines/0/states/a/output"


def test_a_prefix_takes_the_bare_event_too_as_in_xstate_5() -> None:
    found = read({"a": {"on": {"pay.*": "b"}}, "b": {}})

    assert found.document["states"]["a"]["on"] == {"pay.*": "b", "pay": "b"}


def test_version_6_is_written_as_version_6_reads_it() -> None:
    document = {"id": "x", "initial": "a", "guards": {"ok": {"when": {"@expr": "context.n > 1"}}}, "states": {
        "a": {"initial": "i", "states": {"i": {"type": "final"}}, "entry": {"type": "raise", "event": {"type": "R"}},
              "on": {"GO": {"target": "b", "guard": "ok", "allow": ["clerk"]}}, "onDone": "b", "after": {"P1D": "b"}},
        "b": {}}}  # fmt: skip

    exported = write_xstate(document, 6)
    state = orjson.loads(exported.text)["states"]["a"]

    assert state["on"]["GO"] == {"target": "b", "guard": {"type": "ok"}, "meta": {"statewright": {"allow": ["clerk"]}}}
    assert state["on"]["xstate.done.state.x.a"] == {"target": "b"}
    assert state["entry"] == {"type": "@xstate.raise", "event": {"type": "R"}}
    assert state["after"] == {"P1D": {"target": "b"}}
    assert [note.pointer for note in exported.notes] == ["/states/a/on/GO/allow"]

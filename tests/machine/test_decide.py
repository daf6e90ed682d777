"""Decisions: what an event does, and why it may not, in the order of the language's checks."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewright.machine.compile import Machine, compile_machine
from statewright.machine.decide import Accepted, Event, Refused, Why, decide
from statewright.machine.reading import read_definition
from statewright.machine.record import Actor, Head

CLERK = Actor("anna", ("clerk",))


def machine(**keys: Any) -> Machine:
    document = {"id": "thing", "initial": "a", "states": {"a": {"on": {"GO": "b"}}, "b": {}}, **keys}
    reading = read_definition(json.dumps(document).encode())
    assert reading.definition is not None
    assert reading.activable, reading.problems
    return compile_machine(reading.definition, revision=1, digest=reading.digest)


def head(state: str = "a", **data: Any) -> Head:
    return Head(version=3, revision=1, leaves=(state,), data=data)


def accepted(outcome: Accepted | Refused) -> Accepted:
    assert isinstance(outcome, Accepted), outcome
    return outcome


def why(outcome: Accepted | Refused) -> Why:
    assert isinstance(outcome, Refused)
    return outcome.why


def test_an_event_takes_the_entity_where_its_branch_leads() -> None:
    outcome = accepted(decide(machine(), head(), Event("GO")))

    assert (outcome.from_, outcome.to, outcome.kind) == (("a",), ("b",), "event")


def test_without_keep_the_payload_is_recorded_and_no_data() -> None:
    outcome = accepted(decide(machine(), head(), Event("GO", {"n": 1})))

    assert (outcome.payload, outcome.changes, outcome.data) == ({"n": 1}, {}, {})


@pytest.mark.parametrize(("keep", "data"), [("*", {"n": 1, "m": 2}), (["n"], {"n": 1}), ([], {})])
def test_keep_says_which_fields_become_data(keep: Any, data: dict[str, Any]) -> None:
    states = {"a": {"on": {"GO": {"target": "b", "keep": keep}}}, "b": {}}

    assert accepted(decide(machine(states=states), head(), Event("GO", {"n": 1, "m": 2}))).data == data


def test_with_schemas_keeping_all_means_what_both_declare_and_callers_may_write() -> None:
    fields = {"n": {}, "fixed": {"readOnly": True}, "own": {}}
    schemas = {"context": {"properties": fields}, "events": {"GO": {"properties": {"n": {}, "fixed": {}, "m": {}}}}}

    outcome = accepted(decide(machine(schemas=schemas, keep="*"), head(), Event("GO", {"n": 1, "fixed": 2, "m": 3})))

    assert outcome.data == {"n": 1}


def test_a_patch_writes_over_what_was_kept_and_takes_fields_away() -> None:
    go = {"target": "b", "keep": "*", "context": {"n": 5, "old": {"@unset": True}, "nothing": None}}

    outcome = accepted(
        decide(machine(states={"a": {"on": {"GO": go}}, "b": {}}), head(old=1, n=2), Event("GO", {"n": 9}))
    )

    assert outcome.data == {"n": 5, "nothing": None}
    assert outcome.changes == {"n": 5, "nothing": None}
    assert outcome.removed == ("old",)


def test_changes_are_what_differs_and_not_what_was_assigned() -> None:
    go = {"keep": "*", "context": {"same": [1, {"x": 1}]}}
    given_ = {"same": [1, {"x": 1}], "one": 1, "flag": True}

    outcome = accepted(
        decide(machine(states={"a": {"on": {"GO": go}}}), head(**given_), Event("GO", {"one": True, "flag": 1}))
    )

    assert outcome.changes == {"one": True, "flag": 1}
    assert [type(value) for value in outcome.changes.values()] == [bool, int]


def test_without_a_target_the_state_is_kept_and_the_patch_applies() -> None:
    states = {"a": {"on": {"NOTE": {"keep": ["text"]}}}}

    outcome = accepted(decide(machine(states=states), head(), Event("NOTE", {"text": "hm"})))

    assert (outcome.to, outcome.data) == (("a",), {"text": "hm"})


def test_the_state_comes_before_the_root_and_an_exact_name_before_a_wildcard() -> None:
    states = {"a": {"on": {"x.*": "b", "*": "c"}}, "b": {}, "c": {}, "d": {}}
    made = machine(states=states, on={"GO": ".d", "x.y": ".d"})

    went = {name: accepted(decide(made, head(), Event(name))).to[0] for name in ("GO", "x.y", "x.z", "x", "other")}

    assert went == {"GO": "c", "x.y": "b", "x.z": "b", "x": "b", "other": "c"}


def test_an_event_at_the_root_may_happen_in_every_state_that_has_no_branch_of_its_own() -> None:
    made = machine(states={"a": {}, "b": {"on": {"STOP": {}}}, "end": {"type": "final"}}, on={"STOP": "#thing.end"})

    assert accepted(decide(made, head("a"), Event("STOP"))).to == ("end",)
    assert why(decide(made, head("b"), Event("STOP"))) is Why.NOT_IN_THIS_STATE


def test_a_role_that_is_missing_refuses_and_does_not_fall_through() -> None:
    states = {"a": {"on": {"GO": {"target": "b", "allow": ["clerk"]}, "*": "c"}}, "b": {}, "c": {}}
    made = machine(states=states, roles={"clerk": {}})

    assert why(decide(made, head(), Event("GO"))) is Why.NOT_ALLOWED
    assert accepted(decide(made, head(), Event("GO", actor=CLERK))).to == ("b",)


SCHEMAS = {
    "context": {"properties": {"n": {"type": "integer", "maximum": 9}, "fixed": {"readOnly": True, "default": "x"}}},
    "events": {"GO": {"required": ["n"], "properties": {"n": {"type": "integer"}}}},
}


def strict() -> Machine:
    states = {"a": {"on": {"GO": {"target": "b", "keep": ["n"], "allow": ["clerk"]}}}, "b": {"type": "final"}}
    return machine(schemas=SCHEMAS, states=states, roles={"clerk": {}})


@pytest.mark.parametrize(
    ("at", "event", "expected"),
    [
        (head(), Event("GO", expected=2), Why.VERSION_CONFLICT),
        (head("b"), Event("GO", expected=2), Why.VERSION_CONFLICT),
        (head("b"), Event("NONE"), Why.FINAL),
        (head(), Event("NONE"), Why.UNKNOWN_EVENT),
        (head(), Event("statewright.x"), Why.UNKNOWN_EVENT),
        (head(), Event("GO", {"n": "1"}), Why.INVALID_PAYLOAD),
        (head(), Event("GO"), Why.INVALID_PAYLOAD),
        (head(), Event("GO", {"n": 10}), Why.NOT_ALLOWED),
        (head(), Event("GO", {"n": 10}, CLERK), Why.INVALID_DATA),
        (None, Event("GO", {"n": 1}, CLERK), Why.UNKNOWN_ENTITY),
        (head(), Event(None), Why.ENTITY_EXISTS),
        (head(), Event(None, expected=0), Why.VERSION_CONFLICT),
        (None, Event(None, {"fixed": "y"}), Why.INVALID_DATA),
        (None, Event(None, {"n": 10}), Why.INVALID_DATA),
        (None, Event(None, {"n": 1}, expected=7), Why.UNKNOWN_ENTITY),
    ],
)
def test_the_first_failing_check_is_the_reason(at: Head | None, event: Event, expected: Why) -> None:
    assert why(decide(strict(), at, event)) is expected


def test_creation_fills_defaults_then_the_machines_data_then_the_callers() -> None:
    schemas = {"context": {"properties": {"a": {"default": 1}, "b": {"default": 1}, "c": {"default": 1},
                                          "deep": {"properties": {"x": {"default": 7}}}}}}  # fmt: skip
    made = machine(schemas=schemas, context={"b": 2, "c": 2})

    outcome = accepted(decide(made, None, Event(None, {"c": 3, "deep": {}})))

    assert outcome.data == {"a": 1, "b": 2, "c": 3, "deep": {"x": 7}}
    assert (outcome.kind, outcome.from_, outcome.to) == ("created", None, ("a",))


def test_implicit_creation_is_one_decision_from_the_initial_state() -> None:
    made = machine(creation="implicit", keep="*", context={"began": True})

    outcome = accepted(decide(made, None, Event("GO", {"n": 1}, create={"m": 2})))

    assert (outcome.kind, outcome.from_, outcome.to) == ("event", ("a",), ("b",))
    assert outcome.changes == outcome.data == {"began": True, "m": 2, "n": 1}


@pytest.mark.parametrize("event", [Event("GO", create=False), Event("GO", expected=1)])
def test_implicit_creation_can_be_forbidden(event: Event) -> None:
    assert why(decide(machine(creation="implicit"), None, event)) is Why.UNKNOWN_ENTITY


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (Event("GO", create={"n": "many"}), Why.INVALID_DATA),
        (Event("GO", create={"fixed": "y"}), Why.INVALID_DATA),
        (Event("NONE", create={"fixed": "y"}), Why.UNKNOWN_EVENT),
        (Event("GO", create={"large": "x" * 270_000}), Why.TOO_LARGE),
    ],
)
def test_the_data_that_an_entity_begins_with_is_checked_whatever_the_event_keeps(event: Event, expected: Why) -> None:
    made = machine(creation="implicit", schemas={"context": SCHEMAS["context"]})

    assert why(decide(made, None, event)) is expected


@pytest.mark.parametrize("name", ["statewright.x", "after.P1D.a", "done.state.a", "", " x", "a\u202eb"])
def test_a_wildcard_takes_no_event_that_is_the_platforms_own_or_no_name(name: str) -> None:
    made = machine(states={"a": {"on": {"*": "b"}}, "b": {}})

    assert why(decide(made, head(), Event(name))) is Why.UNKNOWN_EVENT


def test_a_payload_that_is_too_large_is_told_after_all_else() -> None:
    large = Event("GO", {"n": 1, "x": "x" * 140_000}, size=140_020)

    assert why(decide(strict(), head(), large)) is Why.NOT_ALLOWED


def test_too_much_is_refused_before_it_is_recorded() -> None:
    made = machine(states={"a": {"on": {"GO": {"keep": "*"}}}})
    large, larger = {"x": "x" * 100_000}, {"x": "x" * 140_000}

    assert why(decide(made, head(), Event("GO", larger, size=140_010))) is Why.TOO_LARGE
    accepted(decide(made, head(y="y" * 150_000), Event("GO", large, size=100_010)))
    assert why(decide(made, head(y="y" * 170_000), Event("GO", large, size=100_010))) is Why.TOO_LARGE


@pytest.mark.parametrize(
    "rules",
    [
        {"properties": {"email": {"type": "integer", "personal": True}}},
        {"properties": {"email": {"personal": True}}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
    ],
)
def test_a_personal_value_never_stands_in_a_refusal(rules: dict[str, Any]) -> None:
    schemas = {"events": {"GO": rules}}

    outcome = decide(machine(schemas=schemas), head(), Event("GO", {"email": "anna@example.org"}))

    assert isinstance(outcome, Refused)
    assert "anna@" not in outcome.detail


def test_what_may_be_asked_of_a_state_is_listed_innermost_first() -> None:
    states = {"a": {"on": {"Z": "b", "GO": "b", "NO": {}}}, "b": {"type": "final"}}
    made = machine(states=states, on={"STOP": ".b", "NO": ".b", "GO": ".b"})

    assert made.allowed(("a",)) == ("Z", "GO", "STOP")
    assert made.allowed(("b",)) == ()


DATA = st.dictionaries(
    st.sampled_from("abc"), st.none() | st.booleans() | st.integers(-3, 3) | st.lists(st.integers(0, 1))
)


@given(DATA, DATA, st.sampled_from(["GO", "STAY", "NONE"]), st.sampled_from(["a", "b", "end"]))
def test_deciding_is_deterministic_and_changes_nothing_it_was_given(
    before: dict[str, Any], payload: dict[str, Any], name: str, state: str
) -> None:
    stay = {"context": {"a": {"@unset": True}, "c": 1}}
    states = {"a": {"on": {"GO": "b", "STAY": stay}}, "b": {"on": {"GO": "end"}}, "end": {"type": "final"}}
    made, at, event = machine(states=states, keep="*"), head(state, **before), Event(name, payload)
    kept = copy.deepcopy((at.data, event.payload))

    one, other = decide(made, at, event), decide(made, at, event)

    assert one == other
    assert (at.data, event.payload) == kept
    if isinstance(one, Accepted):
        again = {**at.data, **one.changes}
        for field in one.removed:
            del again[field]
        assert json.dumps(again, sort_keys=True) == json.dumps(one.data, sort_keys=True)


def test_a_target_may_be_a_sibling_a_path_from_the_root_or_an_id() -> None:
    states = {"a": {"on": {"X": "b", "Y": "#thing.b", "Z": "#goal"}}, "b": {}, "c": {"id": "goal"}}
    made = machine(states=states, on={"R": ".c", "S": "#goal"})

    went = {name: accepted(decide(made, head(), Event(name))).to[0] for name in "XYZRS"}

    assert went == {"X": "b", "Y": "b", "Z": "c", "R": "c", "S": "c"}


def test_a_refusal_names_every_fault_of_a_payload_by_its_place() -> None:
    schemas = {"events": {"GO": {"required": ["n"], "properties": {"m": {"type": "integer"}, "k": {"minimum": 5}}}}}

    outcome = decide(machine(schemas=schemas), head(), Event("GO", {"m": "x", "k": 1}))

    assert isinstance(outcome, Refused)
    assert sorted(at for at, _ in outcome.at) == ["/data", "/data/k", "/data/m"]

"""Reading definitions: every problem at once, each with a code, a pointer, a place and a sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest

from statewright.machine.problem import Problem
from statewright.machine.reading import read_definition

SMALL: dict[str, Any] = {
    "id": "door",
    "initial": "closed",
    "schemas": {"events": {"OPEN": {}, "SHUT": {}}},
    "states": {
        "closed": {"on": {"OPEN": "open"}},
        "open": {"on": {"SHUT": "closed", "BREAK": {"target": "broken"}}},
        "broken": {"type": "final"},
    },
}


def problems_of(**changed: Any) -> list[Problem]:
    return list(read_definition(json.dumps({**SMALL, **changed}).encode()).problems)


def codes_of(severity: str = "error", **changed: Any) -> list[tuple[str, str]]:
    return [(found.code, found.pointer) for found in problems_of(**changed) if found.severity == severity]


def state(**changed: Any) -> dict[str, Any]:
    """The small definition's states with `open` changed."""
    return {**SMALL["states"], "open": changed}


def branch(**changed: Any) -> dict[str, Any]:
    return state(on={"SHUT": {"target": "closed", **changed}})


def test_a_sound_definition_can_be_activated_and_has_a_digest() -> None:
    reading = read_definition(json.dumps(SMALL).encode())

    assert reading.activable
    assert len(reading.digest) == 64


def test_white_space_does_not_change_the_digest_and_the_order_of_keys_does() -> None:
    one = read_definition(json.dumps(SMALL).encode()).digest
    spaced = read_definition(json.dumps(SMALL, indent=4).encode()).digest
    turned = read_definition(json.dumps(dict(reversed(SMALL.items()))).encode()).digest

    assert one == spaced != turned


def test_all_problems_are_reported_and_not_only_the_first() -> None:
    found = problems_of(initial="shut", states=branch(target="clsed", allow=["clerk"]))

    assert [problem.code for problem in found if problem.severity == "error"] == [
        "unknown_state", "unknown_target", "unknown_role",
    ]  # fmt: skip


def test_a_problem_stands_at_its_line_and_column_and_proposes_a_fix() -> None:
    text = b'{\n "id": "door",\n "initial": "closed",\n "states": {\n  "closed": {"on": {"GO": "clossed"}}\n }\n}'

    found = next(p for p in read_definition(text).problems if p.code == "unknown_target")

    assert (found.line, found.column) == (5, 21)
    assert found.fix == "did you mean 'closed'?"


def test_an_unknown_key_names_the_nearest_known_one() -> None:
    [found] = problems_of(states=state(onn={}))

    assert (found.severity, found.code, found.pointer) == ("malformed", "unknown_key", "/states/open/onn")
    assert found.fix == "did you mean 'on'?"


def test_what_the_language_does_not_take_is_answered_with_what_to_do_instead() -> None:
    [found] = problems_of(states=state(invoke={"src": "mail"}))

    assert "emit an event" in (found.fix or "")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", "malformed"),
        (b"[]", "wrong_type"),
        (b'"order"', "wrong_type"),
        (b"null", "wrong_type"),
        (b"{}", "missing_key"),
        (b'{"id": "a", "id": "b", "states": {}}', "malformed"),
        (b'{"id": "Order", "states": {}}', "bad_name"),
        (b'{"id": "order\\n", "states": {}}', "bad_name"),
        (b'{"id": "", "states": {}}', "too_short"),
        (b'{"id": "order", "states": []}', "wrong_type"),
        (b'{"id": "order", "states": {"a": {"on": {"GO": 5}}}}', "wrong_type"),
        (b'{"id": "order", "states": {"a": {"type": "end"}}}', "wrong_type"),
        (b'{"id": "order", "initial": ["a"], "states": {"a": {}}}', "wrong_type"),
        (b'{"id": "order", "creation": "maybe", "states": {"a": {}}}', "wrong_type"),
        (b"[" * 100_000, "malformed"),
        (b" " * 600_000, "too_large"),
        (b'{"id": "order\xff"}', "malformed"),
    ],
)
def test_what_is_not_of_this_language_is_malformed(text: bytes, code: str) -> None:
    reading = read_definition(text)

    assert reading.malformed
    assert reading.problems[0].code == code
    assert reading.problems[0].line is not None or code == "too_large"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"initial": None}, ("no_initial", "")),
        ({"initial": "ajar"}, ("unknown_state", "/initial")),
        ({"states": {}, "initial": None}, ("no_states", "/states")),
        ({"states": branch(target=".closed")}, ("unknown_target", "/states/open/on/SHUT/target")),
        ({"on": {"RESET": "closed"}}, ("unknown_target", "/on/RESET/target")),
        ({"states": branch(allow=["clerk"])}, ("unknown_role", "/states/open/on/SHUT/allow/0")),
        ({"states": branch(guard="locked")}, ("unknown_guard", "/states/open/on/SHUT/guard")),
        ({"states": branch(actions="raise")}, ("bad_action", "/states/open/on/SHUT/actions")),
        ({"states": branch(context={"a": {"@expr": "1 +"}})},
         ("bad_expression", "/states/open/on/SHUT/context/a/@expr")),
        ({"states": branch(context={"a": {"b": [{"@x": 1}]}})}, ("bad_patch", "/states/open/on/SHUT/context/a")),
        ({"context": {"a": {"@unset": True}}}, ("bad_patch", "/context/a")),
        ({"states": state(states={"a": {}})}, ("no_initial", "/states/open")),
        ({"states": state(type="parallel")}, ("bad_state", "/states/open")),
        ({"states": state(after={"P1Y": "closed"})}, ("bad_duration", "/states/open/after/P1Y")),
        ({"states": state(always="open")}, ("always_cycle", "/states/open/always")),
        ({"states": state(entry="log")}, ("bad_action", "/states/open/entry")),
        ({"states": state(onDone="closed")}, ("bad_state", "/states/open/onDone")),
        ({"partition_by": "a"}, ("not_supported_yet", "/partition_by")),
        ({"states": state(on={"SHUT": ["closed", "broken"]})}, ("unreachable_branch", "/states/open/on/SHUT/1")),
        ({"states": state(type="final", on={"SHUT": "closed"})}, ("final_with_events", "/states/open/on")),
        ({"states": state(on={"statewright.x": "closed"})}, ("bad_name", "/states/open/on/statewright.x")),
        ({"states": state(on={"a;b": "closed"})}, ("bad_name", "/states/open/on/a;b")),
        ({"states": {**SMALL["states"], " x": {}}}, ("bad_name", "/states/ x")),
        ({"states": {**SMALL["states"], "e\u0301": {}}}, ("bad_name", "/states/e\u0301")),
        ({"states": {**SMALL["states"], "a\u202eb": {}}}, ("bad_name", "/states/a\u202eb")),
        ({"states": branch(keep=["a"], context={"a": 1})}, ("keep_and_patch", "/states/open/on/SHUT/keep/0")),
        ({"states": branch(keep=["a"])}, ("keep_undeclared", "/states/open/on/SHUT/keep/0")),
        ({"relations": {"house": {"entity": "house"}}}, ("bad_relation", "/relations/house")),
        ({"schemas": {"events": {"SHUT": {"type": "string"}}}}, ("bad_schema", "/schemas/events/SHUT/type")),
        ({"schemas": {"events": {"SHUT": {"properties": {"type": {}}}}}},
         ("bad_schema", "/schemas/events/SHUT/properties/type")),
        ({"schemas": {"context": {"properties": {"a": {"type": "strin"}}}}},
         ("bad_schema", "/schemas/context/properties/a/type")),
        ({"schemas": {"context": {"properties": {"a": {"$ref": "https://example.org/a"}}}}},
         ("bad_schema", "/schemas/context/properties/a/$ref")),
        ({"schemas": {"context": {"properties": {"a": {"$ref": "#/$defs/a"}},
                                  "$defs": {"a": {"properties": {"b": {"$ref": "#/$defs/a"}}}}}}},
         ("bad_schema", "/schemas/context/properties/a/$ref")),
        ({"schemas": {"context": {"required": 5}}}, ("bad_schema", "/schemas/context/required")),
        ({"schemas": {"context": {"properties": {"a": {"$ref": "#/%24defs/a"}},
                                  "$defs": {"a": {"$ref": "#/$defs/a"}}}}},
         ("bad_schema", "/schemas/context/properties/a/$ref")),
        ({"schemas": {"context": {"properties": {"a": {"$id": "x:y", "$ref": "#/$defs/a", "$defs": {"a": {}}}}}}},
         ("bad_schema", "/schemas/context/properties/a/$id")),
        ({"schemas": {"context": {"properties": {"a": {"pattern": "(?=x)"}}}}},
         ("bad_schema", "/schemas/context/properties/a/pattern")),
    ],
)  # fmt: skip
def test_a_fault_forbids_activation_and_is_kept_with_the_draft(
    changed: dict[str, Any], expected: tuple[str, str]
) -> None:
    reading = read_definition(json.dumps({**SMALL, **changed}).encode())

    assert not reading.malformed
    assert not reading.activable
    assert expected in codes_of(**changed)


KEEPING: dict[str, Any] = {
    "context": {"properties": {"n": {"type": "integer"}, "fixed": {"type": "string", "readOnly": True}, "plain": {}}},
    "events": {"OPEN": {}, "SHUT": {"properties": {"n": {"type": "string"}, "fixed": {}, "plain": {"personal": True}}}},
}


@pytest.mark.parametrize(
    ("keep", "code"), [("n", "keep_type"), ("fixed", "keep_read_only"), ("plain", "personal_leak")]
)
def test_what_an_event_keeps_must_agree_with_the_schemas(keep: str, code: str) -> None:
    assert code in [found for found, _ in codes_of(schemas=KEEPING, states=branch(keep=[keep]))]


def test_a_schema_that_unfolds_without_bound_is_refused() -> None:
    twice = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)}
    schemas = {"context": {"$ref": "#/$defs/a0", "$defs": {**twice, "a40": {}}}}

    assert "bad_schema" in [found for found, _ in codes_of(schemas=schemas)]


@pytest.mark.parametrize(("value", "fits"), [("y", True), (1, False)])
def test_a_constant_is_held_to_a_schema_that_refers_to_another(value: Any, fits: bool) -> None:
    schemas = {"context": {"properties": {"a": {"$ref": "#/$defs/word"}}, "$defs": {"word": {"type": "string"}},
                           "required": ["other"]}}  # fmt: skip

    assert ("bad_patch" not in [found for found, _ in codes_of(schemas=schemas, context={"a": value})]) is fits


def test_a_constant_must_fit_the_schema_of_the_field_it_is_written_to() -> None:
    assert ("bad_patch", "/states/open/on/SHUT/context/n") in codes_of(
        schemas=KEEPING, states=branch(context={"n": "many"})
    )


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"states": {**SMALL["states"], "loft": {"on": {"OPEN": "open"}}}}, ("unreachable_state", "/states/loft")),
        ({"states": state()}, ("dead_end", "/states/open")),
        ({"states": {"closed": {"on": {"OPEN": "open"}}, "open": {"on": {"SHUT": "closed"}}}}, ("no_end", "/states")),
        ({"schemas": {}}, ("event_without_schema", "/states/closed/on/OPEN")),
        ({"roles": {"clerk": {}}}, ("unused", "/roles/clerk")),
        ({"schemas": {"events": {"OPEN": {}, "SHUT": {}, "BREEK": {}}}}, ("unused", "/schemas/events/BREEK")),
    ],
)
def test_what_is_doubtful_is_a_warning_and_forbids_nothing(changed: dict[str, Any], expected: tuple[str, str]) -> None:
    assert expected in codes_of("warning", **changed)
    assert not codes_of(**changed)


def test_a_thousand_states_are_possible_and_more_are_not() -> None:
    def chain(length: int) -> dict[str, Any]:
        return {f"s{n}": {"on": {"GO": f"s{(n + 1) % length}"}} for n in range(length)}

    assert not codes_of(states=chain(1_000), initial="s0")
    assert codes_of("malformed", states=chain(1_001), initial="s0") == [("too_many", "/states")]


@pytest.mark.parametrize("name", ["", "a.b"])
def test_a_state_whose_name_no_path_can_hold_is_malformed_wherever_it_stands(name: str) -> None:
    inner = {**SMALL["states"], "open": {"initial": name, "states": {name: {}}}}

    assert ("bad_name", f"/states/{name}") in codes_of("malformed", states={name: {}})
    assert ("bad_name", f"/states/open/states/{name}") in codes_of("malformed", states=inner)


def test_what_is_misshapen_does_not_hide_the_other_errors() -> None:
    states = {
        **SMALL["states"],
        "open": {"onn": {}, "on": {"SHUT": "clsed", "BREAK": {"target": "broken", "allow": ["x"]}}},
    }

    assert {problem.code for problem in problems_of(states=states, lable="Door")} == {
        "unknown_key", "unknown_target", "unknown_role",
    }  # fmt: skip


@pytest.mark.parametrize(
    "changed",
    [
        {"states": branch(gard="locked"), "guards": {"locked": {"when": None}}},
        {"states": state(on={"SHUT": [{"target": "closed", "gard": "x"}, "broken"]})},
        {"states": {**SMALL["states"], "broken": 5}},
        {"states": {**SMALL["states"], "a.b": {}}, "on": {"GO": ".a.b"}},
        {"roles": 5, "states": branch(allow=["clerk"])},
        {"id": "Door", "on": {"GO": "#Door.open"}},
        {"states": {**SMALL["states"], "open": {"on": {"SHUT": "closed"}, "initial": "x", "states": 5}}},
    ],
)
def test_no_error_is_told_that_comes_of_leaving_out_what_is_misshapen(changed: dict[str, Any]) -> None:
    found = [problem for problem in problems_of(**changed) if problem.code != "guard_to_fill"]

    assert {problem.severity for problem in found} == {"malformed"}

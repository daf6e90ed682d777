"""What is found wrong with an expression before it ever runs: codes, places, fixes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from statewright.machine.expressions import Scope, compile_expression
from tests.machine.expressions.given import CONTEXT, DYNAMIC, SCOPE, codes, compiled, faults

WRONG = [
    # text, code, the piece that the place begins with, fix
    ("context.total >", "bad_expression", "", None),
    ("context.total = 1", "bad_expression", "= 1", "=="),
    ("context.total & 1", "bad_expression", "& 1", "&&"),
    ("context.open and context.open", "bad_expression", "and", "&&"),
    ("context.total <> 1", "bad_expression", "<>", "!="),
    ("state == 'draft'", "bad_expression", "state", "in_state('…')"),
    ("context.in == 1", "bad_expression", "in ==", '["in"]'),
    ("'abc", "bad_expression", "'abc", None),
    (r"'a\q'", "bad_expression", r"\q", None),
    (r"'\ud800'", "bad_expression", r"\ud800", None),
    ("5u", "bad_expression", "5u", "5"),
    ("b'x'", "bad_expression", "b'x'", None),
    ("while", "bad_expression", "while", None),
    ("9223372036854775808", "bad_expression", "9223372036854775808", None),
    ("1e999", "bad_expression", "1e999", None),
    ("contxt.total > 1", "bad_expression", "contxt", "context"),
    ("related == null", "bad_expression", "related", "related.customer"),
    ("siz('a')", "bad_expression", "siz", "size()"),
    ("'a'.startsWit('b')", "bad_expression", "startsWit", "startsWith()"),
    ("len('a')", "bad_expression", "len", None),
    ("type(1) == 2", "bad_expression", "type", None),
    ("context.tags.size", "type_mismatch", "size", None),
    ("context.total.size()", "type_mismatch", "context.total", None),
    ("size(1, 2)", "bad_expression", "size", None),
    ("context.tags.any(t, t == 'a')", "bad_expression", "any", None),
    ("context.tags.all(t)", "bad_expression", "all", None),
    ("context.tags.all(1, true)", "bad_expression", "1, true", None),
    ("context.tags.all(context, true)", "bad_expression", "context, true", None),
    ("context.tags.all(t, t)", "type_mismatch", "t)", None),
    ("context.total.all(t, true)", "type_mismatch", "context.total", None),
    ("context.customer.matches('(')", "bad_expression", "'('", None),
    ("context.customer.matches('(?=a)')", "bad_expression", "'(?=a)'", None),
    ("context.customer.matches(actor.id)", "bad_expression", "actor.id", None),
    ("context.customer.contains(1)", "type_mismatch", "1)", None),
    ("context.tags.contains('a')", "type_mismatch", "contains", "'a' in context.tags"),
    ("'a' in context.customer", "type_mismatch", "context.customer", "context.customer.contains('a')"),
    ("1 in context.tags", "type_mismatch", "in context", None),
    ("context.totl > 1", "unknown_field", "totl", "context.total"),
    ("context.address.town", "unknown_field", "town", None),
    ("context.lines.all(l, l.quantty > 0)", "unknown_field", "quantty", "l.quantity"),
    ("has(context.totl)", "unknown_field", "totl", "context.total"),
    ("context['totl'] > 1", "unknown_field", "'totl'", "context.total"),
    ("event.amout > 1", "unknown_field", "amout", "event.amount"),
    ("actor.name == 'x'", "unknown_field", "name", None),
    ("params.least > 1", "unknown_field", "least", None),
    ("related.custmer.credit > 1", "unknown_relation", "custmer", "related.customer"),
    ("context.total + 'a'", "type_mismatch", "+ 'a'", None),
    ("context.total * context.rate > 1.0", "type_mismatch", "* context", "double(context.total)"),
    ("context.total < context.rate", "type_mismatch", "< context", "double(context.total)"),
    ("context.total == context.rate", "type_mismatch", "== context", "double(context.total)"),
    ("context.total == 'a'", "type_mismatch", "== 'a'", None),
    ("now > '2026-01-01T00:00:00Z'", "type_mismatch", "> '2026", "timestamp('2026-01-01T00:00:00Z')"),
    ("now + 60 > now", "type_mismatch", "+ 60", None),
    ("context.rate % 2.0 == 0.0", "type_mismatch", "% 2.0", None),
    ("context.tags < context.tags", "type_mismatch", "< context", None),
    ("-context.customer", "type_mismatch", "context.customer", None),
    ("!context.total", "type_mismatch", "context.total", None),
    ("context.total && true", "type_mismatch", "context.total", None),
    ("context.total ? 1 : 2", "type_mismatch", "context.total", None),
    ("context.total.x", "type_mismatch", "x", None),
    ("context.tags['a']", "type_mismatch", "'a'", None),
    ("context.total[0]", "type_mismatch", "context.total", None),
    ("{1: 2}", "type_mismatch", "1:", None),
    ("{'a': 1, 'a': 2}", "bad_expression", "'a': 2", None),
    ("context.maybe.size() > 1", "type_mismatch", "context.maybe", "context.maybe != null && …"),
    ("context.?customer", "type_mismatch", "context.?customer", "context.?customer.orValue(…)"),
    ("context.?customer == 'a'", "type_mismatch", "context.?customer", "context.?customer.orValue(…)"),
    ("context.?customer.orValue(1)", "type_mismatch", "1)", None),
    ("context.customer.orValue('a')", "type_mismatch", "orValue", None),
    ("has(context)", "bad_expression", "has", None),
    ("has(context.?customer)", "bad_expression", "has", None),
    ("in_state('drft')", "unknown_state", "'drft'", "in_state('draft')"),
    ("in_state('packed')", "unknown_state", "'packed'", "in_state('fulfilment.packed')"),
    ("in_state(context.customer)", "bad_expression", "in_state", None),
    ("in_state('draft', context.total)", "bad_expression", "context.total", None),
    ("timestamp('yesterday') < now", "bad_expression", "'yesterday'", None),
    ("duration('P1M') > duration('1h')", "bad_expression", "'P1M'", None),
    ("duration(5)", "type_mismatch", "5", None),
    ("now.getHours('Europe/Berlin')", "bad_expression", "'Europe", None),
    ("duration('1h').getFullYear()", "type_mismatch", "getFullYear", None),
    (
        "context.customer.getFullYear()",
        "type_mismatch",
        "context.customer",
        "timestamp(context.customer).getFullYear()",
    ),
]


@pytest.mark.parametrize(("text", "code", "piece", "fix"), WRONG, ids=[text for text, *_ in WRONG])
def test_a_fault_has_a_code_a_place_and_a_fix_where_there_is_one(
    text: str, code: str, piece: str, fix: str | None
) -> None:
    errors = [fault for fault in faults(text) if fault.severity == "error"]

    assert [(fault.code, fault.fix) for fault in errors] == [(code, fix)]
    assert text[errors[0].at :].startswith(piece)
    assert (piece != "") or errors[0].at == len(text)


def test_all_faults_are_reported_in_the_order_written() -> None:
    text = "context.totl > 1 && event.amout > 'a' && siz(context.total) == 1 && context.total == 'x'"

    found = faults(text)
    assert [fault.code for fault in found] == ["unknown_field", "unknown_field", "bad_expression", "type_mismatch"]
    assert [fault.at for fault in found] == sorted(fault.at for fault in found)


def test_what_is_wrong_gives_no_expression() -> None:
    assert compile_expression("context.totl", SCOPE)[0] is None
    assert compile_expression("(", SCOPE)[0] is None


@pytest.mark.parametrize("text", ["context.total", "'true'", "now", "null", "context.tags"])
def test_a_guard_is_true_or_false(text: str) -> None:
    assert codes(text, wants="bool") == ["not_boolean"]


def test_a_guard_may_be_dynamic() -> None:
    assert codes("context.approved", DYNAMIC, "bool") == []


@pytest.mark.parametrize(("text", "fix"), [("context.total", None), ("context.customer", "duration(context.customer)")])
def test_a_delay_is_a_duration(text: str, fix: str | None) -> None:
    (fault,) = faults(text, wants="duration")

    assert (fault.code, fault.fix) == ("not_a_duration", fix)
    assert codes("duration(context.customer)", wants="duration") == []


PRESENCE = [
    # what is written, and whether it is warned of a field that may be absent
    ("context.note == 'a'", True),
    ("has(context.note) && context.note == 'a'", False),
    ("context.note == 'a' && has(context.note)", True),
    ("!has(context.note) || context.note == 'a'", False),
    ("has(context.note) || context.note == 'a'", True),
    ("has(context.note) ? context.note == 'a' : false", False),
    ("has(context.note) ? true : context.note == 'a'", True),
    ("!has(context.note) ? true : context.note == 'a'", False),
    ("has(context.note) && (context.open || context.note == 'a')", False),
    ("(has(context.note) && context.open) && context.note == 'a'", False),
    ("(has(context.note) || context.open) && context.note == 'a'", True),
    ("!(has(context.note) && context.open) || context.note == 'a'", False),
    ("'note' in context && context.note == 'a'", False),
    ("context.?note.orValue('') == 'a'", False),
    ("context.paid > 1", False),
    ("context.lines.all(l, l.price > 1)", True),
    ("context.lines.all(l, !has(l.price) || l.price > 1)", False),
    ("context.lines.all(l, has(l.price)) && context.lines.all(l, l.price > 1)", True),
    ("context.lines.filter(l, has(l.price)).map(l, l.price) == []", True),
    ("context.lines.map(l, has(l.price), l.price) == []", False),
    ("context.lines.all(l, l.note == 'a')", True),
    ("event.memo == 'a'", True),
    ("has(event.memo) && event.memo == 'a'", False),
    ("related.customer.credit > 1", True),
    ("has(related.customer) && related.customer.credit > 1", False),
    ("has(context.address.zip) && context.address.zip == 'a'", False),
    ("context.address.zip == 'a'", True),
    ("related.anything.x == 1", True),
]


@pytest.mark.parametrize(("text", "warned"), PRESENCE, ids=[text for text, _ in PRESENCE])
def test_a_field_that_may_be_absent_is_warned_of_unless_it_is_asked_for(text: str, warned: bool) -> None:
    assert codes(text) == (["maybe_absent"] if warned else [])


def test_a_field_is_warned_of_once() -> None:
    assert codes("context.note > 'a' && context.note < 'b'") == ["maybe_absent"]


def test_a_field_that_is_written_on_every_way_is_not_warned_of() -> None:
    written = msgspec.structs.replace(SCOPE, written=["note"])

    assert codes("context.note == 'a'", written) == []


@pytest.mark.parametrize("text", ["context.email == 'a'", "has(related.customer) && related.customer.email == 'a'"])
def test_a_personal_field_is_read_only_behind_has_or_a_question_mark(text: str) -> None:
    assert codes(text) == ["personal_read"]
    assert codes("has(context.email) && context.email == 'a'") == []
    assert codes("context.?email.orValue('') == 'a'") == []


def test_null_is_tested_before_the_value_is_used() -> None:
    assert codes("context.maybe != null && context.maybe.size() > 1") == []
    assert codes("context.maybe == null || context.maybe.size() > 1") == []
    assert codes("null == context.maybe ? true : context.maybe.size() > 1") == []
    assert codes("context.maybe == 'a'") == []
    assert codes("context.maybe == null && context.maybe.size() > 1") == ["type_mismatch"]


def test_any_event_is_read_with_care_where_several_may_come() -> None:
    scope = Scope(context=CONTEXT, event="dynamic")

    assert codes("event.amount > 1", scope) == ["maybe_absent"]
    assert codes("has(event.amount) && event.amount > 1", scope) == []
    assert codes("event.type == 'PAY'", scope) == []


def test_no_event_is_read_where_none_is_sent() -> None:
    scope = Scope(context=CONTEXT, event="empty")

    assert codes("event.amount > 1", scope) == ["unknown_field"]
    assert codes("event.type == 'after.P1D.draft'", scope) == []


def test_params_are_known_in_a_named_guard_only() -> None:
    assert codes("params.most > 1", Scope(context=None, event={})) == ["bad_expression"]


def test_without_a_schema_every_field_is_possible_and_none_is_warned_of() -> None:
    assert codes("context.a.b[0].c > 1 && context.d", Scope(context=None, event={})) == []


TYPES: list[tuple[Any, str]] = [
    ({"type": "integer"}, "int"),
    ({"type": "number"}, "double"),
    ({"type": ["integer", "number"]}, "double"),
    ({"type": "string", "format": "date-time"}, "string"),
    ({"type": "boolean"}, "bool"),
    ({"type": "null"}, "null"),
    ({"type": "array"}, "list"),
    ({"type": "object"}, "object"),
    ({"enum": ["a", "b"]}, "string"),
    ({"const": True}, "bool"),
    ({"enum": ["a", 1]}, "dynamic"),
    ({"enum": [1, 2]}, "dynamic"),
    ({"type": "integer", "enum": [1, 2]}, "int"),
    ({"$ref": "#/$defs/amount"}, "int"),
    ({"$ref": "#/$defs/round"}, "dynamic"),
    ({"$ref": "#/nowhere"}, "dynamic"),
    ({"$ref": "#/$defs/a~1b%20c"}, "bool"),
    ({"type": ["string", "integer"]}, "dynamic"),
    ({"anyOf": [{"type": "string"}]}, "dynamic"),
    ({}, "dynamic"),
    (True, "dynamic"),
    ({"type": 5}, "dynamic"),
    ({"type": ["integer", {}]}, "int"),
    ({"$ref": 5, "type": "integer"}, "int"),
]


@pytest.mark.parametrize(("schema", "kind"), TYPES, ids=[str(schema) for schema, _ in TYPES])
def test_a_type_is_what_the_schema_says_and_dynamic_where_it_says_none(schema: Any, kind: str) -> None:
    root = {
        "required": ["x"],
        "properties": {"x": schema},
        "$defs": {"amount": {"type": "integer"}, "round": {"$ref": "#/$defs/round"}, "a/b c": {"type": "boolean"}},
    }

    assert compiled("context.x", Scope(context=root, event={})).type.kind == kind


@pytest.mark.parametrize(
    ("more", "known"),
    [
        ({}, False),
        ({"additionalProperties": False}, False),
        ({"additionalProperties": True}, True),
        ({"additionalProperties": {"type": "integer"}}, True),
        ({"patternProperties": {"^x": {}}}, True),
        ({"allOf": [{"properties": {"extra": {}}}]}, True),
    ],
)
def test_an_undeclared_field_is_unknown_unless_the_schema_opens(more: dict[str, Any], known: bool) -> None:
    scope = Scope(context={"properties": {"a": {}}, **more}, event={})

    assert ("unknown_field" not in codes("context.extra == 1", scope)) is known


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": 5},
        {"properties": {"x": 5}, "required": 7},
        {"required": ["x"], "properties": {"x": {"type": "array", "items": 5}}},
        {"$ref": "#"},
        {"properties": {"x": {"type": "object", "properties": []}}, "additionalProperties": 3},
    ],
)
def test_a_schema_that_is_none_raises_nothing(schema: Any) -> None:
    compile_expression(
        "context.x.y == 1 && context.x[0] == 2 && context.x.all(e, e.z)", Scope(context=schema, event={})
    )

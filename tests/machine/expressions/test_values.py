"""What expressions give: every operator, function and macro of the profile, on typed and on dynamic values."""

from __future__ import annotations

from typing import Any

import pytest

from statewright.machine.expressions import ExpressionError
from tests.machine.expressions.given import DYNAMIC, value

VALUES: list[tuple[str, Any]] = [
    # literals
    ("0x1F", 31),
    ("-9223372036854775808", -(2**63)),
    ("1.5e3", 1500.0),
    (".5", 0.5),
    ("null", None),
    (r"'a\n\x41\u00e9\U0001F600\101'", "a\nAé😀A"),
    (r"r'\d'", r"\d"),
    ("'''it's\n\"so\"'''", 'it\'s\n"so"'),
    ('"""a"b"""', 'a"b'),
    ("[1, 2, ]", [1, 2]),
    ("{'a': 1, 'b': [true]}", {"a": 1, "b": [True]}),
    ("1 // the rest is said to people", 1),
    # arithmetic
    ("1 + 2 * 3 - 4", 3),
    ("(1 + 2) * 3", 9),
    ("7 / 2", 3),
    ("-7 / 2", -3),
    ("7 / -2", -3),
    ("-7 % 3", -1),
    ("7 % -3", 1),
    ("-(1 + 2)", -3),
    ("--3", 3),
    ("7.0 / 2.0", 3.5),
    ("-context.rate", -2.0),
    ("'a' + 'b'", "ab"),
    ("[1] + [2, 3]", [1, 2, 3]),
    # numbers are typed by the schema: a rate written 2 is a double
    ("context.rate * 2", 4.0),
    ("context.rate / 4", 0.5),
    ("2 - context.rate", 0.0),
    ("context.rate == 2", True),
    ("context.rate in [1, 2, 3]", True),
    ("double(context.total) * context.rate", 1400.0),
    ("context.free * 2", 10),
    # comparison
    ("1 < 2 && 2 <= 2 && 3 > 2 && 3 >= 3 && 1 != 2", True),
    ("'a' < 'b' && 'Z' < 'a'", True),
    ("'\\uffff' < '\\U00010000'", True),
    ("false < true", True),
    ("[1, 2] == [1, 2] && {'a': 1} == {'a': 1}", True),
    ("[1, 2] == [2, 1]", False),
    ("context.maybe == null", True),
    ("context.free == 5.0", True),
    ("context.free == '5'", False),
    ("context.free == true", False),
    ("1 == 1 == true", True),
    # logic
    ("true ? 1 : 2", 1),
    ("false ? 1 : true ? 2 : 3", 2),
    ("!context.open || context.total > 1", True),
    ("true || false && false", True),
    ("!!true", True),
    # in
    ("'new' in context.tags", True),
    ("'old' in context.tags", False),
    ("3 in [1, 2, 3]", True),
    ("'total' in context", True),
    ("'city' in {'city': 1}", True),
    ("context.free in [5, 'a']", True),
    ("null in [context.maybe]", True),
    # fields
    ("context.address.city", "Bremen"),
    ("context['address']['city']", "Bremen"),
    ("context.lines[1].sku", "b"),
    ("has(context.note)", False),
    ("has(context.address.zip)", False),
    ("has(context.address.city)", True),
    ("has(event.memo)", False),
    ("has(actor.id)", True),
    ("context.?note.orValue('none')", "none"),
    ("context.?customer.orValue('none')", "C-1"),
    ("context.?address.city.orValue('?')", "Bremen"),
    ("context.?address.?zip.orValue('?')", "?"),
    ("context.lines[0].?price.orValue(9)", 1.0),
    ("context.lines[1].?price.orValue(9)", 9.0),
    # functions
    ("size('añ😀')", 3),
    ("context.tags.size() + size({'a': 1})", 3),
    ("'hello'.contains('ell') && 'hello'.startsWith('he') && 'hello'.endsWith('lo')", True),
    ("context.customer.matches('^C-[0-9]+$')", True),
    ("matches('xyz', 'y')", True),
    ("string(1) + string(true) + string('x') + string(1.0) + string(2.5)", "1truex12.5"),
    ("string(now)", "2026-11-23T11:30:00.5Z"),
    ("string(occurred_at)", "2026-11-22T23:15:00Z"),
    ("string(duration('90m'))", "5400s"),
    ("int('12') + int(2.9) + int(-2.9)", 12),
    ("int(timestamp('1970-01-01T00:01:00Z'))", 60),
    ("double('1e2') + double(1)", 101.0),
    ("bool('true') && !bool('f')", True),
    # times
    ("now", "2026-11-23T11:30:00.500000Z"),
    ("now - duration('1h30m')", "2026-11-23T10:00:00.500000Z"),
    ("duration('PT30M') + now", "2026-11-23T12:00:00.500000Z"),
    ("now - occurred_at", "PT12H15M0.5S"),
    ("duration('P1D') - duration('1h')", "PT23H"),
    ("duration('1h') + duration('-90m')", "-PT30M"),
    ("duration('1500ms')", "PT1.5S"),
    ("duration('0')", "PT0S"),
    ("timestamp(0)", "1970-01-01T00:00:00.000000Z"),
    ("timestamp('2026-01-01T00:00:00+02:00')", "2025-12-31T22:00:00.000000Z"),
    ("now > occurred_at && duration('1h') < duration('61m')", True),
    ("now.getFullYear()", 2026),
    ("now.getMonth()", 10),
    ("now.getDate()", 23),
    ("now.getDayOfMonth()", 22),
    ("now.getDayOfWeek()", 1),
    ("now.getDayOfYear()", 326),
    ("now.getHours() * 10000 + now.getMinutes() * 100 + now.getSeconds()", 113000),
    ("now.getMilliseconds()", 500),
    ("occurred_at.getDate('+01:00')", 23),
    ("occurred_at.getHours('-05:30')", 17),
    ("occurred_at.getHours('UTC')", 23),
    ("duration('-90m').getHours()", -1),
    ("duration('3661.5s').getMinutes() + duration('3661.5s').getMilliseconds()", 561),
    # macros
    ("context.lines.all(l, l.quantity >= 0)", True),
    ("context.lines.exists(l, l.quantity > 1)", True),
    ("context.lines.exists_one(l, l.quantity > 1)", True),
    ("context.lines.map(l, l.sku)", ["a", "b"]),
    (
        "context.lines.map(l, l.quantity > 0, {'sku': l.sku, 'at': now})",
        [{"sku": "a", "at": "2026-11-23T11:30:00.500000Z"}],
    ),
    ("context.tags.filter(t, t != 'new')", ["big"]),
    ("[].all(x, false) && ![].exists(x, true)", True),
    ("{'a': 1, 'b': 2}.map(k, k)", ["a", "b"]),
    ("context.lines.all(l, context.tags.exists(t, t != l.sku))", True),
    ("[1, 2].map(x, [3, 4].map(y, x * y))", [[3, 4], [6, 8]]),
    ("[1, 2].map(x, [x].map(x, x + 1))", [[2], [3]]),
    # the rest of the moment
    ("event.amount + params.most", 130),
    ("params.share * 2", 1.0),
    ("actor.id in params.names && 'clerk' in actor.roles", True),
    ("actor", {"id": "anna", "roles": ["clerk", "manager"]}),
    ("actor.roles", ["clerk", "manager"]),
    ("entity", {"type": "order", "id": "42", "version": 3}),
    ("entity.version", 3),
    ("event.type", "PAY"),
    ("event", {"amount": 30, "type": "PAY"}),
    ("params.names", ["anna", "bert"]),
    ("in_state('fulfilment') && in_state('fulfilment.packed') && !in_state('draft')", True),
    ("has(related.customer) && related.customer.credit > 10", True),
    ("has(related.anything)", False),
    ("in_state('active', related.customer)", True),
]


@pytest.mark.parametrize(("text", "wanted"), VALUES, ids=[text for text, _ in VALUES])
def test_an_expression_gives_the_value_that_the_language_says(text: str, wanted: Any) -> None:
    found = value(text)

    assert (found, type(found)) == (wanted, type(wanted))


FAILING = [
    ("context.total / 0", "division by zero"),
    ("context.total % 0", "division by zero"),
    ("context.rate / 0", "division by zero"),
    ("9223372036854775807 + context.limit", "64 bits"),
    ("-9223372036854775807 - context.limit", "64 bits"),
    ("4611686018427387904 * context.limit", "64 bits"),
    ("-9223372036854775808 / -1", "64 bits"),
    ("-(-9223372036854775808)", "64 bits"),
    ("1e308 * context.rate", "not a finite number"),
    ("context.lines[2].sku", "no such element"),
    ("context.lines[-1].sku", "no such element"),
    ("context.due", "is absent"),
    ("context.due > 'a'", "is absent"),
    ("related.anything.x", "is absent"),
    ("in_state('x', related.anything)", "is absent"),
    ("context.free + 'a'", "do not go together"),
    ("context.free.name", "not an object"),
    ("context.free.startsWith('a')", "not a text"),
    ("context.free && true", "not true or false"),
    ("context.free > 'a'", "no order"),
    ("context.free.all(x, x)", "lists and objects only"),
    ("int('twelve' + context.customer)", "not an integer"),
    ("int(1e19 * context.rate)", "64 bits"),
    ("double(context.customer)", "not a number"),
    ("bool(context.customer)", "neither true nor false"),
    ("timestamp(context.customer)", "RFC 3339"),
    ("duration(context.customer)", "1h30m"),
    ("timestamp('9999-12-31T00:00:00Z') + duration('48h')", "years 1 to 9999"),
    ("now.getHours(context.customer)", "+02:00"),
    ("timestamp('0001-01-01T00:00:00Z').getHours('-01:00')", "years 1 to 9999"),
    ("context.lines.exists_one(l, 1 / l.quantity > 0)", "division by zero"),
    ("{context.customer: 1, 'C-1': 2}", "twice"),
]


@pytest.mark.parametrize(("text", "why"), FAILING, ids=[text for text, _ in FAILING])
def test_an_expression_without_a_value_says_why_and_where(text: str, why: str) -> None:
    with pytest.raises(ExpressionError) as failed:
        value(text)

    assert why in failed.value.sentence
    assert 0 <= failed.value.at <= len(text)


ABSORBED = [
    ("1 / 0 == 1 || true", True),
    ("true || 1 / 0 == 1", True),
    ("1 / 0 == 1 && false", False),
    ("context.due == 'x' && context.total < 0", False),
    ("context.due == 'x' || context.note == 'x' || context.open", True),
    ("context.lines.exists(l, 10 / l.quantity == 5)", True),
    ("[0, 5].exists(x, 10 / x == 2)", True),
    ("[0, 5].all(x, 10 / x == 3)", False),
    ("(1 / 0 == 1 || true) && !(1 / 0 == 1 && false)", True),
]


@pytest.mark.parametrize(("text", "wanted"), ABSORBED, ids=[text for text, _ in ABSORBED])
def test_an_error_is_absorbed_where_another_operand_decides(text: str, wanted: bool) -> None:
    assert value(text) is wanted


@pytest.mark.parametrize(
    "text", ["1 / 0 == 1 || false", "true && 1 / 0 == 1", "[0, 5].all(x, 10 / x == 2)", "!(1 / 0 == 1)"]
)
def test_an_error_is_an_error_where_no_operand_decides(text: str) -> None:
    with pytest.raises(ExpressionError, match="division by zero"):
        value(text)


def test_a_failure_names_its_own_place_and_shows_no_value() -> None:
    with pytest.raises(ExpressionError) as failed:
        value("context.open && int(context.customer) > 1")

    assert failed.value.at == 16
    assert "C-1" not in failed.value.sentence


MIXED = [
    ("context.x * 2", {"x": 1.5}, 3.0),
    ("2 * context.x", {"x": 1.5}, 3.0),
    ("context.x * 2", {"x": 3}, 6),
    ("context.x > 1", {"x": 1.5}, True),
    ("context.x == context.y", {"x": 1, "y": 1.0}, True),
    ("context.x == context.y", {"x": 1, "y": True}, False),
    ("context.x in context.y", {"x": 1, "y": [True, 1.0]}, True),
    ("context.x in context.y", {"x": 1, "y": [True]}, False),
    ("context.x == context.y", {"x": [1, {"a": 2}], "y": [1.0, {"a": 2.0}]}, True),
    ("context.x.size()", {"x": {"a": 1}}, 1),
    ("context.x[context.y]", {"x": {"a": 1}, "y": "a"}, 1),
    ("context.x[context.y]", {"x": ["a"], "y": 0}, "a"),
    ("context.x.map(k, k)", {"x": {"b": 1, "a": 2}}, ["b", "a"]),
    ("context.x + context.y", {"x": "a", "y": "b"}, "ab"),
    ("-context.x", {"x": 1.5}, -1.5),
    ("timestamp(context.x) < now", {"x": "2020-01-01T00:00:00Z"}, True),
    ("(context.x ? now : context.y).getFullYear()", {"x": True, "y": 1}, 2026),
    ("has(context.x.y)", {"x": {}}, False),
]


@pytest.mark.parametrize(("text", "data", "wanted"), MIXED)
def test_a_dynamic_value_is_what_it_turns_out_to_be(text: str, data: dict[str, Any], wanted: Any) -> None:
    found = value(text, DYNAMIC, data)

    assert (found, type(found)) == (wanted, type(wanted))


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("context.x + context.y", {"x": 1, "y": 1.5}),
        ("context.x % 2", {"x": 1.5}),
        ("context.x < context.y", {"x": 1, "y": True}),
    ],
)
def test_dynamic_values_of_kinds_that_do_not_go_together_are_an_error(text: str, data: dict[str, Any]) -> None:
    with pytest.raises(ExpressionError):
        value(text, DYNAMIC, data)


def test_five_point_zero_is_an_integer_where_the_schema_says_integer() -> None:
    found = value("context.total / 2", data={"total": 5.0})

    assert (found, type(found)) == (2, int)


@pytest.mark.parametrize("wrong", ["700", True, None, 1.5, [], {}])
def test_data_that_do_not_fit_their_schema_are_an_error_and_never_compared(wrong: Any) -> None:
    with pytest.raises(ExpressionError, match="not an integer"):
        value("context.total == context.limit", data={"total": wrong, "limit": 1})

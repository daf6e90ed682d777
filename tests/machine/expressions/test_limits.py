"""Bombs: refused in well under a second, with memory flat, and never by an exception that nobody expects."""

from __future__ import annotations

import sys
import tracemalloc
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from statewright.machine.expressions import ExpressionError, OutOfSteps, compile_expression
from tests.machine.expressions.given import DATA, DYNAMIC, PARAMS, PAYLOAD, SCOPE, compiled, moment

compile_expression("1", SCOPE)  # the parser's tables are made once in a process, and not the bombs' doing

BOMBS = {
    "ten thousand alternatives": " || ".join(["context.open"] * 10_000),
    "three hundred alternatives": "||".join(["true"] * 300),
    "deep parentheses": "(" * 1_000 + "1" + ")" * 1_000,
    "very deep parentheses": "(" * 100_000 + "1" + ")" * 100_000,
    "deep lists": "[" * 1_000 + "]" * 1_000,
    "deep objects": "{'a':" * 300 + "1" + "}" * 300,
    "deep negation": "!" * 2_000 + "true",
    "deep minus": "-" * 2_000 + "1",
    "deep conditions": "true ? 1 : " * 150 + "1",
    "deep conditions on the left": "true ? " * 150 + "1" + " : 1" * 150,
    "deep fields": "context" + ".free" * 300,
    "deep calls": "size(" * 300 + "'a'" + ")" * 300,
    "deep indexes": "context.free" + "[0]" * 300,
    "unclosed": "(" * 2_000,
    "nested macros": "context.tags.all(a, context.tags.all(b, context.tags.all(c, true)))",
    "quotation marks": "'" * 2_001,
    "escapes": '"' + "\\a" * 1_000,
    "triple marks": '"""' + "\\a" * 1_000,
    "a long number": "1" * 2_000,
    "a long fraction": "0." + "1" * 2_000 + "e" + "9" * 30,
    "a large repetition": "context.customer.matches('((a{100}){100}){100}')",
    "a letter that only looks Latin": "c\u043entext.total > 1",
    "letters of another width": "\uff43\uff4f\uff4e\uff54\uff45\uff58\uff54.total > 1",
    "a mark that turns the text around": "context.total\u202e > 1",
    "an invisible space": "context.\u200btotal > 1",
    "a combining mark": "context.tota\u0301l > 1",
    "half of a character": "context.total > \ud800",
    "a null": "context.total\x00 > 1",
    "nothing": "",
    "only a remark": "// nothing",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_and_memory_stays_flat(text: str) -> None:
    tracemalloc.start()
    expression, found = compile_expression(text, SCOPE)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert expression is None
    assert {fault.code for fault in found} == {"bad_expression"}
    assert all(0 <= fault.at <= len(text) for fault in found)
    assert peak < 4_000_000


def test_what_is_within_the_limits_is_taken_however_little_stack_is_left() -> None:
    deepest = "!(" * 9 + "context.open" + ")" * 9
    widest = " || ".join(["context.open"] * 66)
    longest = "context.customer == '" + "x" * 2_020 + "'"

    for text in (deepest, widest, longest):
        assert type(compiled(text).run({"open": True, "customer": ""}, {}, {}, moment())) is bool

    def down(levels: int) -> Any:
        return down(levels - 1) if levels else compile_expression(deepest + " ", SCOPE)

    assert down(sys.getrecursionlimit() - 450)[1] == []


@given(text=st.text(max_size=60) | st.text("ab.()[]{}!&|?:'\"\\<>=+-*/%,0123456789 \n", max_size=40))
def test_no_text_raises_anything(text: str) -> None:
    for expression, _ in (compile_expression(text, SCOPE), compile_expression(text, DYNAMIC, wants="bool")):
        if expression is not None:
            with suppress(ExpressionError):
                expression.run({}, {}, {}, moment())


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.integers().map(lambda n: n * 10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "x"]), inner, max_size=3),
    max_leaves=8,
)
HOSTILE = [
    "context.x + context.y == context.z",
    "context.x - context.y > context.z",
    "context.x * context.y / context.z % 2 == 1",
    "-context.x < context.y",
    "context.x[context.y] in context.z",
    "context.x.a.b == context.y.?a.orValue(1)",
    "context.x.all(e, e.a > 1) || context.y.exists_one(e, e)",
    "context.x.map(e, context.y.filter(f, f == e))",
    "string(context.x) + string(int(context.y)) + string(double(context.z))",
    "timestamp(context.x) + duration(context.y) > now",
    "now.getHours(context.x) + size(context.y)",
    "context.x.matches('a+') && context.x.contains(context.y)",
    "{context.x: context.y, 'a': [context, event]}",
    "context.x ? context.y : context.z",
    "bool(context.x) && !context.y",
    "has(context.x.a) && 'a' in context.y",
]


def test_no_random_example_fails_for_the_time_it_took() -> None:
    assert settings.default is not None
    assert settings.default.deadline is None
    assert HealthCheck.too_slow in settings.default.suppress_health_check


@given(x=VALUES, y=VALUES, z=VALUES)
def test_no_data_raise_anything_but_an_expression_error(x: Any, y: Any, z: Any) -> None:
    data = {"x": x, "y": y, "z": z}
    for text in HOSTILE:
        expression = compiled(text, DYNAMIC)
        try:
            expression.run(data, PAYLOAD, PARAMS, moment())
        except ExpressionError:
            pass
        expression.explain(data, PAYLOAD, PARAMS, moment())
        try:
            expression.without_event(data, PARAMS, moment())
        except ExpressionError:
            pass


def test_the_steps_of_one_event_are_counted_over_all_its_expressions() -> None:
    expression = compiled("context.x.all(e, e >= 0)", DYNAMIC)
    data = {"x": list(range(1_000))}
    now = moment()

    assert expression.run(data, {}, {}, now) is True
    assert expression.run(data, {}, {}, now) is True
    with pytest.raises(OutOfSteps, match="10,000 steps"):
        for _ in range(3):
            expression.run(data, {}, {}, now)


@pytest.mark.parametrize(
    ("text", "still"),
    [
        ("context.total > context.limit && event.amount < 100", True),
        ("actor.id == context.customer", False),
        ("now > timestamp('2026-01-01T00:00:00Z')", False),
        ("related.customer.credit > context.total", False),
        ("in_state('fulfilment')", False),
        ("context.lines.all(l, l.quantity > 0)", False),
    ],
)
def test_an_expression_does_without_the_moment_only_where_it_asks_nothing_of_it(text: str, still: bool) -> None:
    expression = compiled(text)
    expression.run(DATA, PAYLOAD, PARAMS, moment())

    assert expression.still is still


def test_an_expression_that_does_without_the_moment_takes_none_of_its_steps() -> None:
    expression, shared = compiled("context.total > context.limit || context.open"), moment(steps_left=7)

    assert expression.run({**DATA, "total": "no number"}, PAYLOAD, PARAMS, shared) is True  # by the long way
    assert expression.still
    assert shared.steps_left == 7


def test_running_out_of_steps_is_absorbed_by_nothing() -> None:
    expression = compiled("context.x.all(e, context.x.all(f, true)) || true", DYNAMIC)

    with pytest.raises(OutOfSteps):
        expression.run({"x": list(range(200))}, {}, {}, moment())


SLOW = {
    "macros over long lists": "context.long.all(a, context.long.all(b, true))",
    "searching long lists": "context.long.all(a, a in context.long)",
    "comparing long lists": "context.few.all(a, context.long == context.long)",
    "searching long texts": "context.few.exists(a, context.text.contains('b' + context.text))",
    "matching long texts": "context.few.exists(a, context.text.matches('(x+x+)+y'))",
    "joining long texts": "context.few.map(a, context.text + context.text).size() > 0",
    "joining long lists": "context.few.map(a, context.long + context.long).size() > 0",
    "copying the data": "context.few.map(a, context)",
    "copying the data twice": "context.few.map(a, context.few.map(b, context.text))",
}


@pytest.mark.parametrize("text", SLOW.values(), ids=SLOW)
def test_work_that_grows_with_the_data_runs_out_of_steps_or_room(text: str) -> None:
    data = {"long": [1] * 50_000, "few": list(range(3_000)), "text": "x" * 100_000}
    expression = compiled(text, DYNAMIC)

    tracemalloc.start()
    with pytest.raises(ExpressionError):
        expression.run(data, {}, {}, moment())
    expression.explain(data, {}, {}, moment())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 64_000_000


PATTERNS = [
    "(" * 500 + "a" + "*)" * 500 + "b",
    "(a+)+$|b",
    "(a|aa)+b",
    "(.*)(.*)(.*)(.*)b",
    "(a?){500}a{500}b",
    "[a-z]{1,999}b",
    "(.{1,30}){1,30}b",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_made_to_backtrack_is_answered(pattern: str) -> None:
    expression = compiled(f"context.text.matches('{pattern}')", DYNAMIC)

    try:  # a large pattern on a long text costs more steps than one event may take
        expression.run({"text": "a" * 100_000}, {}, {}, moment())
    except OutOfSteps:
        pass
    expression.run({"text": "a" * 1_000}, {}, {}, moment())


def test_the_code_of_an_expression_sees_nothing_of_the_outside() -> None:
    expression = compiled("context.lines.all(l, l.quantity > 0) && context.customer.matches('C')")
    expression.run({"lines": [], "customer": ""}, {}, {}, moment())  # the code is written when it is first asked
    space = expression.run.__globals__

    assert space["__builtins__"] == {}
    assert not [name for name, each in space.items() if type(each) is type(sys)]


@pytest.mark.parametrize(
    "text", ["__import__('os')", "context.__class__", "context.total.__class__", "actor.__init__", "().x"]
)
def test_the_names_of_python_are_no_names_here(text: str) -> None:
    assert compile_expression(text, SCOPE)[0] is None


def test_a_dunder_field_of_dynamic_data_is_a_field_and_nothing_else() -> None:
    with pytest.raises(ExpressionError, match="absent"):
        compiled("context.__class__", DYNAMIC).run({}, {}, {}, moment())

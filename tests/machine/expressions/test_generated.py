"""Random expressions on random data: the compiled code, the exact evaluator and a third one agree."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given, settings

from statewright.machine.expressions import Expression, ExpressionError, Scope, compile_expression
from statewright.machine.expressions.exact import Evaluation
from statewright.machine.expressions.operations import result
from statewright.machine.expressions.parse import parse
from tests.machine.expressions.given import moment
from tests.machine.expressions.reference import Err, evaluate
from tests.machine.expressions.written import DATA, EXPRESSIONS, SCHEMA

TYPED = Scope(context=SCHEMA, event={})
UNTYPED = Scope(context=None, event={})


def usable(text: str, scope: Scope) -> Expression:
    """The expression; one that converts a literal without a value, such as `int('a')`, is refused and passed over."""
    expression, faults = compile_expression(text, scope)
    errors = [fault for fault in faults if fault.severity == "error"]
    assume(not errors or not all(fault.sentence.startswith("int():") for fault in errors))
    assert expression is not None, (text, faults)
    return expression


def outcome(text: str, scope: Scope, data: dict[str, Any]) -> Any:
    """The value with its kind, or "error"; that of the exact evaluator must be the same."""
    expression = usable(text, scope)
    exact = Evaluation(text, data, {}, {}, moment())
    outcomes = []
    for run in (lambda: expression.run(data, {}, {}, moment()), lambda: result(exact.value(expression._tree))):
        try:
            value = run()
            outcomes.append((value, type(value)))
        except ExpressionError:
            outcomes.append("error")

    assert outcomes[0] == outcomes[1]
    return outcomes[0]


@settings(deadline=None)
@given(text=EXPRESSIONS, data=DATA)
def test_code_and_evaluators_agree_on_random_expressions(text: str, data: dict[str, Any]) -> None:
    typed = outcome(text, TYPED, data)
    try:
        value = evaluate(parse(text), {"context": data})
        wanted = (value, type(value))
    except Err:
        wanted = "error"

    assert typed == wanted
    assert outcome(text, UNTYPED, data) == wanted


@settings(deadline=None)
@given(text=EXPRESSIONS, data=DATA)
def test_what_is_known_without_the_event_is_so_with_any_event(text: str, data: dict[str, Any]) -> None:
    moved = text.replace("context.i", "event.i").replace("context.s", "event.s").replace("context.b", "event.b")
    expression, _ = compile_expression(moved, Scope(context=SCHEMA, event=SCHEMA))
    if expression is None or expression.type.kind != "bool":
        return
    try:
        foretold: Any = expression.without_event(data, {}, moment())
    except ExpressionError:
        foretold = "error"
    try:
        found: Any = expression.run(data, data, {}, moment())
    except ExpressionError:
        found = "error"

    assert foretold is None or foretold == found


@settings(deadline=None)
@given(text=EXPRESSIONS, data=DATA)
def test_a_false_guard_always_has_an_explanation(text: str, data: dict[str, Any]) -> None:
    expression = usable(text, TYPED)
    try:
        refused = expression.run(data, {}, {}, moment()) is False
    except ExpressionError:
        refused = True
    lines = expression.explain(data, {}, {}, moment())

    assert not refused or 1 <= len(lines) <= 20
    assert all(line.expr in text for line in lines if len(line.expr) < 200)

"""The same expression on the same data, given to ours and to two other engines of CEL: equal, or a difference by name.

`STATEWRIGHT_EXAMPLES` sets how many random expressions each engine is given (300).
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings

from statewright.machine.expressions import ExpressionError, Scope, compile_expression
from statewright.machine.expressions.parse import parse
from tests.differential.expressions.conftest import Engine
from tests.machine.expressions.given import moment
from tests.machine.expressions.reference import Err, evaluate, noted
from tests.machine.expressions.written import DATA, EXPRESSIONS, SCHEMA

EXAMPLES = int(os.environ.get("STATEWRIGHT_EXAMPLES", "300"))
DIFFERENT: dict[str, set[str]] = {"cpp": {"not finite"}, "rust": {"not finite"}}
TYPED = Scope(context=SCHEMA, event={})


def ours(text: str, data: dict[str, Any], scope: Scope = TYPED) -> Any:
    """The value with its kind, "error", or "refused" when the expression is not taken at all."""
    expression, _ = compile_expression(text, scope)
    if expression is None:
        return "refused"
    try:
        value = expression.run(data, {}, {}, moment())
    except ExpressionError:
        return "error"
    return value, type(value)


@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(text=EXPRESSIONS, data=DATA)
def test_random_expressions_give_what_they_give_elsewhere(engine: Engine, text: str, data: dict[str, Any]) -> None:
    mine = ours(text, data)
    assume(mine != "refused")  # a literal that has no value, such as int('a'), is refused beforehand
    with noted() as touched:
        try:
            evaluate(parse(text), {"context": data})
        except Err:
            pass
    theirs = engine.outcome(text, data)

    known = touched & DIFFERENT[engine.name]
    for name in known:
        event(name)
    assert known or mine == theirs, (mine, theirs)

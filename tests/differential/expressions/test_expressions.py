"""The same expression on the same data, given to ours and to two other engines of CEL: equal, or a difference by name.

`STATEWRIGHT_EXAMPLES` sets how many random expressions each engine is given (300).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, assume, event, given, settings

from statewright.machine.expressions import ExpressionError, Scope, compile_expression
from statewright.machine.expressions.parse import parse
from tests.differential.expressions.conftest import Engine
from tests.machine.expressions.given import moment
from tests.machine.expressions.reference import Err, evaluate, noted
from tests.machine.expressions.written import DATA, EXPRESSIONS, SCHEMA

EXAMPLES = int(os.environ.get("STATEWRIGHT_EXAMPLES", "300"))
REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "expressions.md"


class Difference(NamedTuple):
    """A named difference: an example of it, what we give, and what each engine that differs gives."""

    text: str
    ours: Any
    theirs: dict[str, Any]


DIFFERENCES = {
    "not finite": Difference("1.0 / 0.0 > 1.0", "error", {"cpp": True, "rust": True}),
    "long duration": Difference(
        "(timestamp('9999-01-01T00:00:00Z') - timestamp('1999-01-01T00:00:00Z')).getHours() > 1", True, {"cpp": "error"}
    ),
    "text of a time": Difference(
        "string(timestamp('2026-01-01T00:00:00.5Z'))",
        "2026-01-01T00:00:00.5Z",
        {"cpp": "2026-01-01T00:00:00.500Z", "rust": "2026-01-01T00:00:00.500+00:00"},
    ),
    "least negated": Difference("-(-9223372036854775808)", "error", {"rust": -(2**63)}),
    "text of a truth": Difference("string(true)", "true", {"rust": "error"}),
    "size of a text": Difference("size('é')", 1, {"rust": 2}),
    "zone by offset": Difference("timestamp('2026-01-01T00:00:00Z').getHours('+05:30')", 5, {"rust": "error"}),
    "zone of a text": Difference("timestamp('2026-01-01T00:00:00+02:00').getHours()", 22, {"rust": 0}),
    "milliseconds of a duration": Difference("duration('1.5s').getMilliseconds()", 500, {"rust": 1500}),
    "integer literal beside a double": Difference("2.5 * 2", 5.0, {"cpp": "error", "rust": "error"}),
    "duration in ISO 8601": Difference("duration('PT1H') == duration('1h')", True, {"cpp": "error", "rust": "error"}),
    "unsigned integers and bytes": Difference("1u == 1u", "refused", {"cpp": True, "rust": True}),
    "objects with other keys than texts": Difference("{1: 2}[1]", "refused", {"cpp": 2, "rust": 2}),
    "constant without a value": Difference("true || int('a') == 1", "refused", {"cpp": True, "rust": True}),
    "pattern of RE2": Difference("'a'.matches('(?=a)')", "refused", {"cpp": "error", "rust": "error"}),
}
"""Where other engines give something else, by the names that the reference of expressions explains."""

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
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
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

    known = {name for name in touched if engine.name in DIFFERENCES[name].theirs}
    for name in known:
        event(name)
    assert known or mine == theirs, (mine, theirs)


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_named_difference_is_one_and_is_explained(engine: Engine, name: str) -> None:
    difference = DIFFERENCES[name]
    theirs = engine.outcome(difference.text, {})

    assert bare(ours(difference.text, {})) == difference.ours
    assert bare(theirs) == difference.theirs.get(engine.name, difference.ours)
    assert f"*{name}*" in REFERENCE.read_text()


def bare(outcome: Any) -> Any:
    """The value without its kind."""
    return outcome[0] if isinstance(outcome, tuple) else outcome

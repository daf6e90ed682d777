"""Guards: evaluations a second of compiled expressions, against the same condition as a plain Python function."""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat
from typing import Any

from benchmarks.report import Row, compared
from benchmarks.stopwatch import Stopwatch
from statewright.machine.expressions import Moment, Scope, compile_expression
from statewright.machine.record import Actor

EVALUATIONS = 300_000
"""How many make one turn: a tenth of a second or more."""
ASKED = 1_000_000
"""Evaluations a second of the guard on the large record."""

SMALL = {"total": 4_900, "credit_limit": 100_000}
LARGE: dict[str, Any] = {
    **{f"field_{n}": n for n in range(14)},
    "total": 4_900,
    "paid": 0,
    "credit_limit": 100_000,
    "status": "open",
    "priority": "high",
    "customer": {"id": "C-1042", "tier": "gold", "blocked": False, "country": "DE"},
    "shipping": {"city": "Bremen", "express": True},
}
"""A record of 25 leaves, such as an order."""

Guard = Callable[[Any, Any, Any, Any], Any]
_OF_TWO_FIELDS = "context.total <= context.credit_limit"
_OF_AN_ORDER = (
    "context.paid + event.amount <= context.total && context.status == 'open' && !context.customer.blocked"
    " && (context.customer.tier == 'gold' || context.total <= context.credit_limit)"
)


def schema_of(value: Any) -> dict[str, Any]:
    """A schema that a record like this has: every field is there and has its type."""
    if isinstance(value, dict):
        return {
            "type": "object",
            "required": list(value),
            "properties": {name: schema_of(each) for name, each in value.items()},
        }
    return {"type": {bool: "boolean", int: "integer", str: "string"}[type(value)]}


def measure(rounds: int) -> list[Row]:
    """One row for each guard."""
    plain_two: Guard = lambda c, e, p, m: c["total"] <= c["credit_limit"]  # noqa: E731
    plain_order: Guard = lambda c, e, p, m: (  # noqa: E731
        c["paid"] + e["amount"] <= c["total"]
        and c["status"] == "open"
        and not c["customer"]["blocked"]
        and (c["customer"]["tier"] == "gold" or c["total"] <= c["credit_limit"])
    )
    return [
        _row("two fields", _OF_TWO_FIELDS, SMALL, plain_two, rounds, None),
        _row("an order of 25 leaves", _OF_AN_ORDER, LARGE, plain_order, rounds, ASKED),
    ]


def _row(what: str, text: str, data: dict[str, Any], plain: Guard, rounds: int, asked: int | None) -> Row:
    payload = {"amount": 100}
    expression, faults = compile_expression(
        text, Scope(context=schema_of(data), event=schema_of(payload)), wants="bool"
    )
    if expression is None or faults:
        raise RuntimeError(f"the guard does not compile: {faults}")
    moment = Moment(actor=Actor(), now=0, occurred_at=0, type="order", id="1", version=1)
    ours: list[float] = []
    floor: list[float] = []
    for _ in range(rounds):
        floor.append(_rate(plain, data, payload, moment))
        ours.append(_rate(expression.run, data, payload, moment))
    row = compared("guards", what, ours, floor, "a Python function")
    if asked is None:
        return row
    return Row(
        part=row.part,
        what=row.what,
        ours=row.ours,
        unit=row.unit,
        floor=row.floor,
        floor_name=row.floor_name,
        ratio=row.ratio,
        asked=asked,
        of="ours",
    )


def _rate(guard: Guard, data: Any, payload: Any, moment: Moment) -> float:
    nothing: dict[str, Any] = {}
    if guard(data, payload, nothing, moment) is not True:
        raise RuntimeError("the guard does not hold")
    with Stopwatch() as watch:
        for _ in repeat(None, EVALUATIONS):
            guard(data, payload, nothing, moment)
    return EVALUATIONS / watch.seconds

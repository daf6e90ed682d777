"""An order, an event and a moment to evaluate expressions on, and short ways to do it."""

from __future__ import annotations

from typing import Any

from statewright.machine.expressions import Expression, Fault, Moment, Related, Scope, compile_expression
from statewright.machine.moments import micros_of
from statewright.machine.record import Actor

CONTEXT: dict[str, Any] = {
    "type": "object",
    "required": ["total", "limit", "rate", "customer", "open", "lines", "tags", "maybe", "address", "free"],
    "properties": {
        "total": {"type": "integer"},
        "limit": {"type": "integer"},
        "paid": {"type": "integer", "default": 0},
        "rate": {"type": "number"},
        "customer": {"type": "string"},
        "open": {"type": "boolean"},
        "due": {"type": "string", "format": "date-time"},
        "note": {"type": "string"},
        "email": {"type": "string", "personal": True},
        "submitted_by": {"type": "string"},
        "maybe": {"type": ["string", "null"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "address": {
            "type": "object",
            "required": ["city"],
            "properties": {"city": {"type": "string"}, "zip": {"type": "string"}},
        },
        "free": {},
    },
    "$defs": {
        "line": {
            "type": "object",
            "required": ["sku", "quantity"],
            "properties": {
                "sku": {"type": "string"},
                "quantity": {"type": "integer"},
                "price": {"type": "number"},
                "note": {"type": "string", "default": "never filled in a list"},
            },
        }
    },
}
EVENT: dict[str, Any] = {
    "required": ["amount"],
    "properties": {"amount": {"type": "integer"}, "memo": {"type": "string"}},
}
CUSTOMER: dict[str, Any] = {
    "required": ["credit"],
    "properties": {"credit": {"type": "integer"}, "email": {"type": "string", "personal": True}},
}
SCOPE = Scope(
    context=CONTEXT,
    event=EVENT,
    params={"most": 100, "share": 0.5, "names": ["anna", "bert"]},
    related={"customer": CUSTOMER, "anything": None},
    states=["draft", "fulfilment", "fulfilment.packed"],
)
DYNAMIC = Scope(context=None, event="dynamic")
DATA: dict[str, Any] = {
    "total": 700,
    "limit": 500,
    "paid": 0,
    "rate": 2,
    "customer": "C-1",
    "open": True,
    "maybe": None,
    "tags": ["new", "big"],
    "lines": [{"sku": "a", "quantity": 2, "price": 1}, {"sku": "b", "quantity": 0}],
    "address": {"city": "Bremen"},
    "free": 5,
    "submitted_by": "anna",
}
PAYLOAD = {"amount": 30}
PARAMS = {"most": 100, "share": 0.5, "names": ["anna", "bert"]}


def moment(**changed: Any) -> Moment:
    """The moment of a decision, changed where a test asks for it."""
    facts: dict[str, Any] = {
        "actor": Actor("anna", ("clerk", "manager")),
        "now": micros_of("2026-11-23T11:30:00.5Z"),
        "occurred_at": micros_of("2026-11-22T23:15:00Z"),
        "type": "order",
        "id": "42",
        "version": 3,
        "active": ("fulfilment", "fulfilment.packed"),
        "event": "PAY",
        "related": {"customer": Related(7, {"credit": 1000}, ("active",))},
    }
    return Moment(**{**facts, **changed})


def faults(text: str, scope: Scope = SCOPE, wants: Any = "any") -> list[Fault]:
    """What is wrong with `text`."""
    return compile_expression(text, scope, wants=wants)[1]


def codes(text: str, scope: Scope = SCOPE, wants: Any = "any") -> list[str]:
    """The codes of what is wrong with `text`."""
    return [fault.code for fault in faults(text, scope, wants)]


def compiled(text: str, scope: Scope = SCOPE) -> Expression:
    """The expression, which must have no error."""
    expression, found = compile_expression(text, scope)
    assert expression is not None, found
    return expression


def value(text: str, scope: Scope = SCOPE, data: Any = None, payload: Any = None, **changed: Any) -> Any:
    """What `text` gives on the order, or on `data` and `payload`."""
    run = compiled(text, scope).run
    return run(DATA if data is None else data, PAYLOAD if payload is None else payload, PARAMS, moment(**changed))

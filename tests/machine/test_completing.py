"""Completion in expressions: what is offered where the caret stands."""

from __future__ import annotations

import json

import pytest

from statewright.machine.completing import completions
from statewright.machine.reading import read_definition

LOAN = {
    "id": "loan",
    "schemas": {
        "context": {
            "required": ["amount"],
            "properties": {
                "amount": {"type": "integer"},
                "address": {"type": "object", "properties": {"city": {"type": "string"}}},
                "colour": {"enum": ["red", "green"]},
            },
        },
        "events": {"PAY": {"properties": {"sum": {"type": "integer"}}}},
    },
    "roles": {"clerk": {"label": "Desk"}},
    "guards": {"within_limit": {"when": {"@expr": "context.amount < 10"}}},
    "initial": "draft",
    "states": {"draft": {"initial": "form", "states": {"form": {"on": {"PAY": {"guard": "within_limit"}}}}}},
}


def offered(text: str, event: str = "PAY") -> list[str]:
    definition = read_definition(json.dumps(LOAN).encode()).definition
    assert definition is not None
    return [text[: each.start] + each.text for each in completions(definition, text, len(text), event)]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("", "within_limit"),
        ("con", "context"),
        ("!has(con", "!has(context"),
        ("context.a", "context.amount"),
        ("1 < context.am", "1 < context.amount"),
        ("context.?ad", "context.?address"),
        ("context.address.", "context.address.city"),
        ("event.", "event.sum"),
        ("actor.r", "actor.roles"),
        ("'cl", "'clerk"),
        ("in_state('draft.", "in_state('draft.form"),
        ("context.colour == 'g", "context.colour == 'green"),
        ("context.colour.st", "context.colour.startsWith("),
        ("IN_", "in_state('"),
    ],
)
def test_what_fits_is_offered_first(text: str, first: str) -> None:
    assert offered(text)[0] == first


def test_a_name_of_a_guard_is_offered_at_the_beginning_alone() -> None:
    assert "within_limit" not in "".join(offered("context.amount > 1 && "))


def test_a_field_that_may_be_absent_says_so() -> None:
    definition = read_definition(json.dumps(LOAN).encode()).definition
    assert definition is not None

    details = {each.text: each.detail for each in completions(definition, "context.", 8)}

    assert details["amount"] == "integer"
    assert details["address"] == "object, may be absent: ask has() first"


def test_nothing_is_offered_where_nothing_fits() -> None:
    assert offered("zzz") == []
    assert offered("related.") == []

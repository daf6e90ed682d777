"""Made-up values fit the schemas they are made for."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from statewright.machine.plausible import Values
from statewright.machine.schemas import Schema

MOMENT = 1_767_225_600_000_000
FIELDS: dict[str, dict[str, Any]] = {
    "constant": {"const": {"a": 1}},
    "choice": {"enum": ["low", "high", None]},
    "short text": {"type": "string", "maxLength": 5},
    "long text": {"type": "string", "minLength": 80, "maxLength": 100},
    "date": {"type": "string", "format": "date"},
    "moment": {"type": "string", "format": "date-time"},
    "mail": {"type": "string", "format": "email"},
    "uuid": {"type": "string", "format": "uuid"},
    "address": {"type": "string", "format": "uri"},
    "whole number": {"type": "integer", "minimum": 3, "maximum": 7},
    "dozens": {"type": "integer", "multipleOf": 12, "minimum": 12},
    "positive": {"type": "integer", "exclusiveMinimum": 0},
    "share": {"type": "number", "minimum": 0, "maximum": 1},
    "below zero": {"type": "number", "exclusiveMaximum": 0},
    "cents": {"type": "integer", "minimum": 1, "maximum": 100_000_000},
    "truth": {"type": "boolean"},
    "nothing": {"type": "null"},
    "perhaps": {"type": ["string", "null"]},
    "list": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 3},
    "set": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
    "object": {
        "type": "object",
        "required": ["x"],
        "properties": {"x": {"type": "integer"}},
        "additionalProperties": False,
    },
    "at least one": {"type": "object", "minProperties": 1, "properties": {"a": {"type": "string"}}},
    "either": {"oneOf": [{"type": "integer"}, {"type": "boolean"}]},
    "both": {"allOf": [{"type": "string"}, {"maxLength": 4}]},
    "referred": {"$ref": "#/$defs/point"},
    "pattern with examples": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{4}$", "examples": ["AB-1204"]},
}


@pytest.mark.parametrize("name", FIELDS)
def test_values_fit_their_schema(name: str):
    written = {
        "$defs": {"point": {"type": "object", "required": ["x"], "properties": {"x": {"type": "number"}}}},
        "required": ["field"],
        "properties": {"field": FIELDS[name]},
    }
    schema = Schema(written)

    misfits = 0
    for seed in range(50):
        value = Values(written, Random(seed), MOMENT).object()
        misfits += not schema.fits(value)

    assert misfits <= (10 if "pattern" in FIELDS[name] else 0)


def test_the_same_source_gives_the_same_values():
    written = {"properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a", "b"]}

    assert Values(written, Random(1), MOMENT).object() == Values(written, Random(1), MOMENT).object()


def test_fields_may_be_left_out():
    written = {"properties": {"a": {"const": 1}, "b": {"const": 2}}, "required": ["a", "b"]}

    assert Values(written, Random(1), MOMENT).object(leave_out=frozenset({"b"})) == {"a": 1}

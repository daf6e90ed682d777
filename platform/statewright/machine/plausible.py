"""Plausible values for JSON Schemas: what somebody might have typed, for simulated histories.

Follows what a schema's author wrote down (examples, enum, limits, formats); it promises nothing about `pattern` or
about conditions between fields, so whoever uses a value checks it.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import exp, log
from random import Random
from typing import Any

from statewright.machine.moments import Micros

NAMES = (
    "anna", "ben", "chiara", "david", "elif", "femke", "goran", "hanna", "ivan", "jana", "kofi", "lena", "mateo",
    "nora", "omar", "petra", "quinn", "rosa", "stefan", "tara", "umut", "vera", "wim", "ximena", "yusuf", "zoe",
)  # fmt: skip
_PHRASES = (
    "as agreed on the phone",
    "checked against the file",
    "the customer asked for it",
    "see the attached note",
    "found during the weekly review",
    "no reply so far",
    "handed over by the late shift",
    "everything was in order",
)
_NUMBERED = re.compile(r"(?<=[A-Za-z_-])[1-9]\d{2,}$", re.ASCII)
"""A number as people give them to customers and parcels, at the end of a text: C-1042, pay_8812."""
_AHEAD = ("until", "due", "expire", "deadline", "valid")
_DEPTH = 6


class Values:
    """Values for one schema document; the same random source gives the same values."""

    def __init__(self, root: Mapping[str, Any], random: Random, moment: Micros) -> None:
        self._root = root
        self._random = random
        self._now = datetime.fromtimestamp(moment / 1e6, UTC)

    def object(self, *, leave_out: frozenset[str] = frozenset()) -> dict[str, Any]:
        """A value for the whole schema, which describes an object; without the fields to `leave_out`."""
        return self._object(self._root, leave_out, 0)

    def _value(self, schema: Any, name: str, depth: int) -> Any:
        if not isinstance(schema, dict):
            return self._phrase(name)
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._random.choice(schema["enum"])
        dated = schema.get("format") in ("date", "date-time")  # an example was near when it was written, not now
        if schema.get("examples") and not dated and self._random.random() < 0.9:
            return self._like(self._random.choice(schema["examples"]), schema)
        match self._kind(schema):
            case "object":
                return self._object(schema, frozenset(), depth + 1)
            case "array":
                return self._array(schema, name, depth + 1)
            case "integer":
                return self._integer(schema)
            case "number":
                return round(self._number(schema), 2)
            case "boolean":
                return self._random.random() < 0.5
            case "null":
                return None
            case _:
                return self._text(schema, name)

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema with its reference followed and one way through its alternatives chosen."""
        for _ in range(_DEPTH):
            reference = schema.get("$ref")
            options = schema.get("oneOf") or schema.get("anyOf")
            if isinstance(reference, str):
                more = [_at(self._root, reference)]
            elif options:
                more = [self._random.choice(options)]
            elif schema.get("allOf"):
                more = schema["allOf"]
            else:
                break
            schema = {key: value for key, value in schema.items() if key not in ("$ref", "oneOf", "anyOf", "allOf")}
            for other in more:
                schema |= other if isinstance(other, dict) else {}
        return schema

    def _kind(self, schema: dict[str, Any]) -> str:
        kind = schema.get("type")
        if isinstance(kind, list):
            return str(self._random.choice([k for k in kind if k != "null"] or ["null"]))
        return str(kind or ("object" if "properties" in schema else "string"))

    def _object(
        self, schema: dict[str, Any] | Mapping[str, Any], leave_out: frozenset[str], depth: int
    ) -> dict[str, Any]:
        fields = {name: field for name, field in schema.get("properties", {}).items() if name not in leave_out}
        required = [name for name in schema.get("required", ()) if name not in leave_out]
        optional = [name for name in fields if name not in required]
        wanted = {name for name in optional if depth < _DEPTH and self._random.random() < 0.5}
        lacking = schema.get("minProperties", 0) - len(required) - len(wanted)
        wanted |= set([name for name in optional if name not in wanted][: max(0, lacking)])
        chosen = [*required, *(name for name in optional if name in wanted)]
        return {name: self._value(fields.get(name, {}), name, depth) for name in chosen}

    def _array(self, schema: dict[str, Any], name: str, depth: int) -> list[Any]:
        least = schema.get("minItems", 0)
        most = max(least, min(schema.get("maxItems", least + 2), least + 2))
        if depth >= _DEPTH:
            most = least
        items = [self._value(schema.get("items", {}), name, depth) for _ in range(self._random.randint(least, most))]
        if not schema.get("uniqueItems"):
            return items
        return [item for index, item in enumerate(items) if item not in items[:index]]

    def _integer(self, schema: dict[str, Any]) -> int:
        step = schema.get("multipleOf", 1)
        value = round(self._number(schema) / step) * step
        low, high = _bounds(schema)
        return int(min(max(value, low), high))

    def _number(self, schema: dict[str, Any]) -> float:
        low, high = _bounds(schema)
        if low >= 0 and high > 100 * (low + 1):  # over several magnitudes people meet small values more often
            return min(high, max(low, exp(self._random.uniform(log(low + 1), log(high + 1)))))
        return self._random.uniform(low, high)

    def _text(self, schema: dict[str, Any], name: str) -> str:
        match schema.get("format"):
            case "date":
                return self._near(name).date().isoformat()
            case "date-time":
                return self._near(name).isoformat(timespec="seconds").replace("+00:00", "Z")
            case "email":
                return f"{self._random.choice(NAMES)}@example.org"
            case "uuid":
                return str(uuid.UUID(int=self._random.getrandbits(128), version=4))
            case "uri":
                return f"https://example.org/{self._random.randrange(10_000)}"
        text = self._phrase(name)
        while len(text) < schema.get("minLength", 0):
            text += " " + self._phrase("")
        return text[: schema["maxLength"]].strip() if "maxLength" in schema else text

    def _like(self, example: Any, schema: dict[str, Any]) -> Any:
        """The example, with another number where it ends in one: three examples should not make three customers."""
        if not isinstance(example, str) or "format" in schema:
            return example
        return _NUMBERED.sub(lambda found: str(self._random.randrange(*_as_long_as(found[0]))), example)

    def _near(self, name: str) -> datetime:
        ahead = any(word in name.lower() for word in _AHEAD)
        return self._now + timedelta(days=self._random.randint(*((7, 400) if ahead else (-20, 20))))

    def _phrase(self, name: str) -> str:
        word = name.lower()
        if word.endswith(("id", "_no", "number", "code", "customer")):
            return f"{word[:1].upper() or 'N'}-{self._random.randrange(1_000, 10_000)}"
        if word.endswith(("by", "name", "assignee", "officer", "owner")):
            return self._random.choice(NAMES)
        return self._random.choice(_PHRASES)


def _bounds(schema: dict[str, Any]) -> tuple[float, float]:
    step = schema.get("multipleOf", 1 if schema.get("type") == "integer" else 0.01)
    low = schema.get("minimum", schema.get("exclusiveMinimum", -step) + step if "exclusiveMinimum" in schema else None)
    high = schema.get("maximum", schema["exclusiveMaximum"] - step if "exclusiveMaximum" in schema else None)
    if low is None:
        low = min(0, high - 100) if high is not None else 0
    return low, low + 1_000 if high is None else high


def _as_long_as(number: str) -> tuple[int, int]:
    return 10 ** (len(number) - 1), 10 ** len(number)


def _at(root: Mapping[str, Any], reference: str) -> Any:
    found: Any = root
    for step in reference.removeprefix("#").split("/")[1:]:
        found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return found

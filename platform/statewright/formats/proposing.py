"""A schema for data of which only an example is known."""

from __future__ import annotations

from typing import Any

_TYPES: tuple[tuple[type, str], ...] = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"))


def context_schema(example: dict[str, Any]) -> dict[str, Any]:
    """A JSON Schema that `example` fits: types are told, nothing is required and nothing further is forbidden."""
    return {"type": "object", "properties": {key: _schema(value) for key, value in example.items()}}


def _schema(value: Any) -> dict[str, Any]:
    for kind, name in _TYPES:
        if isinstance(value, kind):
            return {"type": name}
    if isinstance(value, list):
        return {"type": "array"}
    if isinstance(value, dict) and not any(key.startswith("@") for key in value):
        return {"type": "object"}
    return {}

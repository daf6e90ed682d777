"""How guards and patches are written in one field of a form, and read back from it."""

from __future__ import annotations

import json
from typing import Any, Literal

from msgspec import Struct

from statewright.machine.definition import Definition, Guard

Mode = Literal["expr", "value", "unset"]


class PatchRow(Struct, frozen=True):
    """One field that a transition writes: an expression, a constant, or nothing, which takes it out."""

    field: str
    mode: Mode
    text: str


def guard_text(guard: Guard | None) -> str:
    """A guard as its field shows it: an expression, the name of a guard, or JSON for one with parameters."""
    if guard is None:
        return ""
    if isinstance(guard, str):
        return guard
    if list(guard) == ["@expr"]:
        return str(guard["@expr"])
    return json.dumps(guard, ensure_ascii=False)


def guard_of(text: str, definition: Definition) -> Guard | None:
    """The guard that a field's text means."""
    text = text.strip()
    if not text:
        return None
    if text in definition.guards:
        return text
    if text.startswith("{"):
        try:
            found = json.loads(text)
        except json.JSONDecodeError:
            return {"@expr": text}
        return found if isinstance(found, dict) else {"@expr": text}
    return {"@expr": text}


def patch_rows(patch: dict[str, Any]) -> list[PatchRow]:
    """The fields that a patch writes, one row each."""
    return [_row(field, value) for field, value in patch.items()]


def _row(field: str, value: Any) -> PatchRow:
    if isinstance(value, dict) and list(value) == ["@expr"]:
        return PatchRow(field, "expr", str(value["@expr"]))
    if value == {"@unset": True}:
        return PatchRow(field, "unset", "")
    return PatchRow(field, "value", constant_text(value))


def constant_text(value: Any) -> str:
    """A constant as people write it: text without quotes unless it would be read as something else."""
    if isinstance(value, str) and constant_of(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)


def constant_of(text: str) -> Any:
    """The constant that a text means: JSON where it is that, else the text itself."""
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        return text


def patch_value(mode: str, text: str) -> Any:
    """What a row of a patch writes."""
    if mode == "unset":
        return {"@unset": True}
    return {"@expr": text.strip()} if mode == "expr" else constant_of(text.strip())

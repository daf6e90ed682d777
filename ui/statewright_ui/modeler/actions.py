"""Actions as rows of a form, and read back from it: what is done, on which event, with which values line by line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from statewright_ui.modeler.values import constant_of, constant_text

ActionKind = Literal["assign", "raise", "emit", "log", "send", "named", "json"]
KINDS: Mapping[ActionKind, str] = {
    "assign": "write fields",
    "raise": "raise an event",
    "emit": "emit an event",
    "log": "note",
    "send": "send to",
    "named": "do, by name",
    "json": "as JSON",
}
_LINE = re.compile(r"(?P<name>[^\s=]+)\s*(?:=\s*(?P<expr>.*)|\s(?P<mode>is|away)\b\s*(?P<value>.*))", re.DOTALL)


class ActionRow(Struct, frozen=True):
    """One action. `name` is an event's or its own, `to` the relation of one that sends; `lines` say the values: a name,
    `=` and an expression, or `is` and a constant, or `away`. A note has an expression on each line."""

    kind: ActionKind
    name: str = ""
    to: str = ""
    lines: str = ""


class Unreadable(ValueError):
    """What a row says cannot be read; the message is a sentence for its author."""


def action_rows(actions: Any) -> list[ActionRow]:
    """The actions of a list, or of one alone, one row each."""
    listed = actions if isinstance(actions, list) else [actions]
    return [_row(action) for action in listed]


def _row(action: Any) -> ActionRow:
    """An action as a row; as JSON where the row would not give the same action back."""
    row = _as_kind(action) if isinstance(action, dict) else ActionRow("named", str(action))
    try:
        same = row is not None and action_of(row) == action
    except Unreadable:
        same = False
    return row if row is not None and same else ActionRow("json", lines=json.dumps(action, ensure_ascii=False))


def _as_kind(action: dict[str, Any]) -> ActionRow | None:
    type, event = action.get("type"), action.get("event")
    if type == "assign" and isinstance(action.get("context"), dict):
        return ActionRow("assign", lines=_lines(action["context"]))
    if type == "log" and isinstance(action.get("args"), list):
        return ActionRow("log", lines="\n".join(_note(each) for each in action["args"]))
    if type in ("raise", "emit", "send") and isinstance(event, dict):
        rest = {name: value for name, value in event.items() if name != "type"}
        return ActionRow(type, str(event.get("type", "")), str(action.get("to", "")), _lines(rest))
    if isinstance(type, str) and isinstance(action.get("params", {}), dict):
        return ActionRow("named", type, lines=_lines(action.get("params", {})))
    return None


def _lines(values: dict[str, Any]) -> str:
    return "\n".join(_line(name, value) for name, value in values.items())


def _line(name: str, value: Any) -> str:
    if value == {"@unset": True}:
        return f"{name} away"
    if isinstance(value, dict) and list(value) == ["@expr"] and "\n" not in str(value["@expr"]):
        return f"{name} = {value['@expr']}"
    return f"{name} is {constant_text(value)}"


def _note(value: Any) -> str:
    if isinstance(value, dict) and list(value) == ["@expr"]:
        return str(value["@expr"])
    return f"is {constant_text(value)}"


def action_of(row: ActionRow) -> Any:
    """The action that a row means. Raises Unreadable."""
    match row.kind:
        case "json":
            return _json(row.lines)
        case "assign":
            return {"type": "assign", "context": _values(row.lines)}
        case "log":
            return {"type": "log", "args": [_noted(line) for line in row.lines.splitlines() if line.strip()]}
        case "named":
            params = _values(row.lines)
            return {"type": row.name, "params": params} if params else row.name
        case "send":
            return {"type": "send", "to": row.to, "event": {"type": row.name, **_values(row.lines)}}
    return {"type": row.kind, "event": {"type": row.name, **_values(row.lines)}}


def _json(text: str) -> Any:
    try:
        found = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        raise Unreadable("An action as JSON could not be read; check its brackets and quotes.") from None
    if not isinstance(found, dict | str):
        raise Unreadable("An action as JSON is an object with its `type`, or its name in quotes.")
    return found


def _values(lines: str) -> dict[str, Any]:
    return dict(_value(line.strip()) for line in lines.splitlines() if line.strip())


def _value(line: str) -> tuple[str, Any]:
    found = _LINE.fullmatch(line)
    if found is None:
        raise Unreadable(f"{line[:80]!r} says no value: write `name = expression`, `name is constant` or `name away`.")
    if found["expr"] is not None:
        return found["name"], {"@expr": found["expr"].strip()}
    if found["mode"] == "away":
        return found["name"], {"@unset": True}
    return found["name"], constant_of(found["value"].strip())


def _noted(line: str) -> Any:
    line = line.strip()
    return constant_of(line[3:].strip()) if line.startswith("is ") else {"@expr": line}
